/* Whether a request may go to an upstream, and the place that it has among its client's. Its
 * worker's thread. */
#ifndef PROXY_ADMIT_H
#define PROXY_ADMIT_H

#include "front/count.h"
#include "proxy/exchange.h"

/* Of a client that a trusted proxy names; who has no address is not counted. */
must_use int admit_told(struct exchange *x);
int admit_refuse(struct exchange *x);

/* 0, or ERR_CLIENT_LIMIT. What was admitted leaves at the end. */
static inline must_use int admit_request(struct exchange *x)
{
	const struct conn_info *conn = x->px.client->conn;
	if (unlikely(!conn->client))
		return conn->peer_is_trusted ? admit_told(x) : 0;
	x->counted = conn->client;
	return likely(count_request_enter(conn->client, conn->listener->max_client_requests))
		? 0
		: admit_refuse(x);
}

static inline void admit_leave(struct exchange *x)
{
	struct count_client *at = x->counted;
	if (!at)
		return;
	if (likely(at == x->px.client->conn->client))
		count_request_leave(at);
	else
		counts_client_leave(at);
}

#endif
