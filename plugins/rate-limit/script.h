/*
 * The same algorithm where several gateways count together: a script that Redis runs in one piece,
 * on one key, by its own clock, so that the clocks of the gateways do not matter.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "conf.h"

extern const char script_source[];

/* At check(): the script's arguments in r->args. */
void script_args(sluice_instance *inst, struct rate_limit *r);
/* What the script answered. false when it is not an answer of this script. */
bool script_reply(const struct rate_limit *r, const sluice_value *v, struct gcra_take *out);

#endif
