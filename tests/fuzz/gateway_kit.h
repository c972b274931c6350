/* Configurations for targets that run exchanges: from a text to a snapshot whose plugins run, all
 * on fakewire_worker. */
#ifndef FUZZ_GATEWAY_KIT_H
#define FUZZ_GATEWAY_KIT_H

#include "../unit/policy/modules/script.h"
#include "proxy/snapshot.h"

/* Once for a process, before anything else: starts fakewire_worker, and gives the plugin `script`
 * these hooks. */
void gateway_start(const struct script *hooks);
/* A configuration of this text, with one reference. old: what is in force; NULL: nothing. */
struct snapshot *gateway_load(const char *text, const struct snapshot *old);

#endif
