/*
 * Attributes: facts about an exchange that plugins state, and other plugins, key expressions and
 * logs read. One is set by its full name, or computed by a provider of its namespace when somebody
 * asks. Worker's thread.
 */
#ifndef POLICY_ATTR_H
#define POLICY_ATTR_H

#include "policy/run.h"

/* The value that was stated for the name; data is NULL when nobody states it. Lives as long as x.
 */
sluice_str attr_find(sluice_exchange *x, sluice_str name);

/* For the host table, in a hook. */
void attr_set(sluice_exchange *x, sluice_str name, sluice_str value);
void attr_provide(sluice_exchange *x, const char *ns, sluice_attr_fn fn, void *ctx);

#endif
