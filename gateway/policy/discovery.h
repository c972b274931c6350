/*
 * Finding servers by a plugin: its hook discover, and the service by which it sets what it found.
 * Main thread.
 */
#ifndef POLICY_DISCOVERY_H
#define POLICY_DISCOVERY_H

#include "policy/instance.h"
#include "upstream/discovered.h"

/* A configuration is prepared in which the instance, which has started, finds the servers of an
 * upstream: call its hook, unless it does so already. False: the plugin cannot. */
must_use bool discovery_begin(sluice_instance *inst, struct discovered *d);

/* For the host table: sluice_servers_set(). */
int host_servers_set(sluice_instance *inst, sluice_str upstream, const sluice_server_entry *v,
	size_t n, size_t entry_size);

#endif
