/*
 * Attributes: facts about an exchange that plugins state, and that other plugins, key expressions
 * and logs read. An attribute is set by its full name, or computed by the provider of its namespace
 * when it is read. Worker's thread.
 */
#ifndef POLICY_ATTR_H
#define POLICY_ATTR_H

#include "policy/run.h"

/* The value that a plugin states for the name; data is NULL when none does. Lives as long as x. */
sluice_str attr_find(sluice_exchange *x, sluice_str name);

/* For the host table, in a hook. */
void attr_set(sluice_exchange *x, sluice_str name, sluice_str value);
/* A list of its own of those that are set now. */
struct run_attr *attr_copy(const sluice_exchange *x);
/* Those of that name, and those whose names begin with prefix, are not known any more. */
void attr_forget(sluice_exchange *x, sluice_str name, sluice_str prefix);
void attr_provide(sluice_exchange *x, const char *ns, sluice_attr_fn fn, void *ctx);

#endif
