/*
 * OPTIONS and Max-Forwards (RFC 9110 9.3.7, 7.6.2). The gateway answers an OPTIONS itself where it
 * is the last recipient (Max-Forwards: 0), and where no route takes it: for a path that has routes
 * for other methods, and for the server as a whole (`OPTIONS *`). Routes that take OPTIONS get all
 * others, among them the preflights of CORS. Any thread.
 */
#ifndef PROXY_OPTIONS_H
#define PROXY_OPTIONS_H

#include "route/router.h"

/* Whether the gateway answers an OPTIONS. res: what route_find() says of it. */
bool options_is_ours(const struct request_head *h, const struct route_result *res);
/* The value of Allow for it, in *allow. 0, or an error: no route has that target, ... */
must_use int options_allow(const struct router *r, const struct route_asked *asked, struct arena *a,
	sluice_str *allow);
/* An OPTIONS is forwarded: count Max-Forwards down. ERR_NO_MEMORY. */
must_use int options_count_down(struct request_head *h, struct arena *a);

#endif
