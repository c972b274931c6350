/* What the files of policy/ share about a running exchange, and nobody else needs. */
#ifndef POLICY_WALK_H
#define POLICY_WALK_H

#include "policy/run.h"

struct run_attr {
	struct run_attr *next;
	sluice_str name, value;
};

struct run_namespace {
	struct run_namespace *next;
	sluice_str name;
	sluice_attr_fn fn;
	void *ctx;
};

struct run_cleanup {
	struct run_cleanup *next;
	void (*fn)(void *arg);
	void *arg;
};

/* The plugin that runs. */
const struct chain_item *run_item(const sluice_exchange *x);
/* What a hook's verdict means for the walk. */
enum run_result run_settle(sluice_exchange *x, sluice_verdict v);
/* What an exchange was parked for is here: go on with the verdict of its callback. */
void run_resume(sluice_exchange *x, sluice_verdict v);

#endif
