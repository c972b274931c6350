/*
 * The same algorithm for several gateways that count together: a script that Redis runs atomically
 * on one key. It uses the clock of Redis, so the clocks of the gateways need not agree.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "conf.h"

extern const char script_source[];

/* At check(): the script's arguments in r->args. */
void script_args(sluice_instance *inst, struct rate_limit *r);
/* Read the script's answer. False when it is not one of this script. */
bool script_reply(const struct rate_limit *r, const sluice_value *v, struct gcra_take *out);

#endif
