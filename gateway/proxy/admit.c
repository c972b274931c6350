/*
 * Whether a request may go to an upstream: not when its client has too many in progress already. A
 * client is whoever connected. Where a trusted proxy speaks for clients, it is the client that it
 * names: the proxy's own connections are not bounded, and the client is looked up for each request.
 */
#include "proxy/admit.h"

#include "base/stat.h"
#include "proxy/forwarded_fields.h"

int admit_refuse(struct exchange *x)
{
	x->counted = NULL;
	stat_inc(STAT_CLIENT_REQUESTS_REFUSED);
	return ERR_CLIENT_LIMIT;
}

int admit_told(struct exchange *x)
{
	uint32_t most = x->px.client->conn->listener->max_client_requests;
	/* keys of connections begin with the name of a listener, or are shorter */
	char key[2 + ADDR_NETWORK] = { 0, 'r' };
	struct addr a;

	if (most > COUNT_MOST || !x->proxy->counts || !forwarded_is_told(x) ||
		!addr_from_ip(x->px.client_ip, 0, &a))
		return 0;
	size_t n = addr_client(&a, (uint8_t *)key + 2);
	return counts_client_enter(x->proxy->counts, str_n(key, n + 2), most, &x->counted)
		? 0
		: admit_refuse(x);
}
