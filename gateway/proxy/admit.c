/*
 * Whether a request is taken on: not while the process is overloaded, and not when its client has too many in progress
 * already. A client is whoever connected. Where a trusted proxy speaks for clients, it is the client that it names: the
 * proxy's own connections are not bounded, and the client is looked up for each request.
 */
#include "base/stat.h"
#include "front/count.h"
#include "proxy/exchange.h"

/* One more request of a client that a trusted proxy named. Who has no address is not counted. */
static bool admit_told(struct exchange *x, uint32_t most)
{
	char key[2 + ADDR_CLIENT] = { 0, 'r' }; /* keys of connections begin with the name of a listener, or are shorter */
	struct addr a;

	if (!x->proxy->counts || !who_is_told(x) || !addr_from_ip(x->px.client_ip, 0, &a))
		return true;
	size_t n = addr_client(&a, key + 2);
	return counts_client_enter(x->proxy->counts, str_n(key, n + 2), most, &x->counted);
}

/* One more request of who connected, whose place is known. */
static bool admit_peer(struct exchange *x, uint32_t most)
{
	struct count_client *at = x->px.client->conn->client;
	if (!at)
		return true;
	if (unlikely(!count_request_enter(at, most)))
		return false;
	x->counted = at;
	return true;
}

int admit_request(struct exchange *x)
{
	const struct conn_info *conn = x->px.client->conn;
	uint32_t most = conn->listener->max_client_requests;
	if (most == 0 || likely(!conn->peer_is_trusted ? admit_peer(x, most) : admit_told(x, most)))
		return 0;
	stat_inc(STAT_CLIENT_REQUESTS_REFUSED);
	return ERR_CLIENT_LIMIT;
}

void admit_leave(struct exchange *x)
{
	struct count_client *at = x->counted;
	if (!at)
		return;
	x->counted = NULL;
	if (likely(at == x->px.client->conn->client))
		count_request_leave(at);
	else
		counts_client_leave(at);
}
