/* A module whose callbacks are the test's: they are set in `script`, which the module exports. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <sluice/plugin.h>

struct script_conf {
	sluice_str label, secret;
	const sluice_expr *by;
	const sluice_store *store;
	const sluice_upstream *upstream, *other;
	uint64_t number;
	void *made; /* by check */
};

struct script {
	int (*check)(sluice_instance *inst, void *conf);
	int (*start)(sluice_instance *inst, void *conf);
	void (*stop)(sluice_instance *inst, void *conf);
	int (*worker_start)(sluice_instance *inst, const void *conf, void *state);
	void (*worker_stop)(sluice_instance *inst, const void *conf, void *state);
	void (*on_refresh)(sluice_instance *inst, const void *conf);
	sluice_hook on_request, on_response, on_complete;
	sluice_body_hook on_request_body, on_response_body;
};

enum { SCRIPT_STATE = 64 };

#endif
