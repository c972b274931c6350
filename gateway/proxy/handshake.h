/* How a request becomes a tunnel: by Upgrade and a 101 (RFC 9110 7.8). */
#ifndef PROXY_HANDSHAKE_H
#define PROXY_HANDSHAKE_H

#include <stdbool.h>

struct exchange;
struct response_head;

/* Whether the request may become a tunnel: its Upgrade field names one protocol, and the route
 * lists it. */
bool handshake_is_allowed(const struct exchange *x);
/* The route does not allow it. If WebSocket was asked for, and the route does not list that: say so
 * in the request's detail, and now and then in the error log. */
void handshake_tell_refused(struct exchange *x);
/* Whether the request is a proper one: that of WebSocket has a key. */
bool handshake_is_well_asked(const struct exchange *x);
/* Whether a 101 is the answer to what was asked. */
bool handshake_is_agreed(const struct exchange *x, const struct response_head *h);

#endif
