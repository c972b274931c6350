/*
 * What instances depend on outside of the gateway (keys, lists), as their plugins tell it: for the
 * admin address. Main thread.
 */
#ifndef POLICY_DEPENDENCY_H
#define POLICY_DEPENDENCY_H

#include <sluice/plugin.h>

enum {
	DEPENDENCIES_MAX = 64, /* of an instance */
	DEPENDENCY_NAME = 256,
	DEPENDENCY_TEXT = 2048, /* longer sources and texts are cut */
};

struct dependency {
	struct dependency *next;
	sluice_dependency told; /* its texts are owned */
};

const char *dependency_state_name(sluice_dependency_state state);
/* Whether requests can be judged by what the instance has of it. */
bool dependency_is_usable(const struct dependency *d);
/* Whether readiness waits for it, so long after the start of the gateway. */
bool dependency_holds_ready(const struct dependency *d, uint64_t since_start_ns);
/* Free all; *first is NULL then. */
void dependencies_free(struct dependency **first);

/* For the host table; the contract is that of the public header. */
void host_dependency_set(sluice_instance *inst, const sluice_dependency *d);

#endif
