/* The options of the plugin cors, as bound, and what check() makes of them. Immutable while in
 * force. */
#ifndef CORS_CONF_H
#define CORS_CONF_H

#include <sluice/plugin.h>

#include "../shared/cors.h"
#include "../shared/expression.h"

enum preflights { PREFLIGHTS_ANSWER = 0, PREFLIGHTS_FORWARD };
enum others { OTHERS_PASS = 0, OTHERS_REFUSE };
enum theirs { THEIRS_REPLACE = 0, THEIRS_KEEP };

struct cors {
	sluice_strs origins, methods, headers, expose;
	bool credentials, private_network;
	uint64_t max_age; /* milliseconds */
	int32_t preflights, other_origins, upstream_fields;
	/* made by check() */
	struct cors_policy policy;
	struct expression **regexes; /* owned */
	size_t n_regexes;
	bool expose_all; /* with credentials: the response's own fields are listed */
};

extern const sluice_option cors_options[];
/* check() and stop() of the record. */
int cors_check(sluice_instance *inst, void *conf);
void cors_stop(sluice_instance *inst, void *conf);

#endif
