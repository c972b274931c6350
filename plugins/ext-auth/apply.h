/* What a verdict does to a request: its fields, facts, and the answer to the client. Worker
 * threads. */
#ifndef PLUGINS_EXT_AUTH_APPLY_H
#define PLUGINS_EXT_AUTH_APPLY_H

#include "verdict.h"

/* Whether a 2xx says one thing only; *why, behind "the service answered 200", says what not. */
bool apply_is_clear(const struct ext_auth *c, const struct verdict *v, const char **why);

/* Let the request pass. Fields that the service decides about are never those of the client. v:
 * NULL: the service has said nothing. */
sluice_verdict apply_pass(sluice_exchange *x, const struct ext_auth *c, const struct verdict *v);

/* Answer in the place of the service. */
sluice_verdict apply_refuse(sluice_exchange *x, const struct ext_auth *c, const struct verdict *v);

#endif
