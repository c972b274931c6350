/* Redis stores from the main thread: channels that an instance follows, and its commands. Main
 * thread. */
#ifndef POLICY_FOLLOWING_H
#define POLICY_FOLLOWING_H

#include <sluice/plugin.h>

/* For the host table; the contract is that of the public header. */
int host_store_follow(sluice_instance *inst, const sluice_follow *f);
int host_main_command(sluice_instance *inst, const sluice_main_ask *ask);

#endif
