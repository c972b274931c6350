/*
 * Sending a request elsewhere than its client asked: services by which plugins change the target,
 * the host and the upstream of what is forwarded. Legal while the request's head is held: in
 * on_request, in the first call of a BUFFER hook on its body, and in the callbacks of their waits.
 * A call that is refused changes nothing and logs a line. Worker's thread. For the host table; the
 * contracts are those of the public header.
 */
#ifndef POLICY_REROUTE_H
#define POLICY_REROUTE_H

#include "policy/run.h"

bool reroute_target(sluice_exchange *x, sluice_str path, sluice_str query);
bool reroute_query_set(sluice_exchange *x, sluice_str name, sluice_str value);
bool reroute_query_remove(sluice_exchange *x, sluice_str name);
/* Remove a parameter of the query, in the gateway's own name. */
void reroute_take_parameter(sluice_exchange *x, sluice_str name);
bool reroute_host(sluice_exchange *x, sluice_str host);
bool reroute_upstream(sluice_exchange *x, const sluice_upstream *u);

#endif
