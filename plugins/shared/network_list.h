/* A short list of networks that an option of a plugin has, tested one by one. */
#ifndef PLUGINS_SHARED_NETWORK_LIST_H
#define PLUGINS_SHARED_NETWORK_LIST_H

#include <sluice/plugin.h>

#include "network.h"

struct network_list {
	const struct network *v; /* of the instance */
	size_t n;
};

/* Main thread, in check(): read the texts of an option, a list that has this name. -1: mistakes
 * were reported at its members. */
int network_list_check(sluice_instance *inst, const char *option, const sluice_strs *texts,
	struct network_list *out);
/* Whether the address, as SLUICE_I_CLIENT_IP has it, is in one of them. Any thread. */
bool network_list_has(const struct network_list *l, sluice_str address);

#endif
