/*
 * The same algorithm for several gateways that count together: a script that Redis runs atomically
 * on one key. It uses the clock of Redis, so the clocks of the gateways need not agree.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "conf.h"

extern const char script_source[];

/* At check(): the script's arguments in l->args. */
void script_args(sluice_instance *inst, const struct rate_limit *r, struct limit *l);
/* Read the script's answer. False when it is not one of this script. */
bool script_reply(const struct limit *l, const sluice_value *v, struct gcra_take *out);

#endif
