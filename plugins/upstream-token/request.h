/* The hooks of a request. Worker. */
#ifndef UPSTREAM_TOKEN_REQUEST_H
#define UPSTREAM_TOKEN_REQUEST_H

#include <sluice/plugin.h>

/* on_request: there is a token, perhaps after a wait, or the request is refused. */
sluice_verdict request_run(sluice_exchange *x, const void *conf);
/* on_attempt: the token goes to the server, and to nobody else: no other plugin of the chain sees
 * it, and none of those that verify tokens can take it for the client's. */
sluice_verdict request_send(sluice_exchange *x, const void *conf);
/* on_response: a token that the upstream refuses is replaced. */
sluice_verdict request_look(sluice_exchange *x, const void *conf);

#endif
