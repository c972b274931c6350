/* The table of services that every plugin gets. */
#ifndef POLICY_HOST_H
#define POLICY_HOST_H

#include <sluice/plugin.h>

extern const sluice_host host_table;

#endif
