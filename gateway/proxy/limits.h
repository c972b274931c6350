/*
 * What its route bounds of an exchange: route/limits.h. Costs an exchange of a route that bounds
 * nothing a look at a pointer. Worker's thread only.
 */
#ifndef PROXY_LIMITS_H
#define PROXY_LIMITS_H

#include "proxy/exchange.h"

/* limits_start() of a route that bounds something on some listener. */
must_use int limits_take(struct exchange *x);
/* x has its route: its limits begin. 0, or why the request is refused (enum err). */
static inline must_use int limits_start(struct exchange *x)
{
	if (unlikely(x->route->limits))
		return limits_take(x);
	return unlikely(!x->to_upstream.ended) && client_body_is_too_large(x->px.client)
		? ERR_BODY_TOO_LARGE
		: 0;
}
/* Before the request goes to a server, each time: the server gets its times, and what is left of
 * the request's deadline in the fields that say so. 0, or why the request is not sent. */
must_use int limits_aim(struct exchange *x);
/* The server of o, one of several, gets its times. */
void limits_bound(const struct exchange *x, struct origin *o);
/* Why the request is not sent any more, because its time is over (enum err); 0: it is not. */
int limits_late(const struct exchange *x);
/* The longest silence of both sides of a tunnel. */
uint64_t limits_tunnel_ns(const struct exchange *x);

#endif
