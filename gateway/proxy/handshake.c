/* Which requests may become tunnels, and whose answers are believed. */
#include "proxy/handshake.h"

#include "http/upgrade.h"
#include "proxy/exchange.h"

bool handshake_is_allowed(const struct exchange *x)
{
	const struct request_head *h = x->px.request;
	const sluice_strs *names = &x->route->conf->upgrade;
	if (!h->upgrade || !x->to_upstream.ended || names->n == 0 || !x->px.client->ops->tunnel)
		return false;
	sluice_str protocol = upgrade_protocol(&h->fields);
	for (size_t i = 0; i < names->n; i++) {
		if (protocol.len && str_ieq(protocol, names->v[i]))
			return true;
	}
	return false;
}

bool handshake_is_well_asked(const struct exchange *x)
{
	const struct fields *f = &x->px.request->fields;
	return !upgrade_is_websocket(upgrade_protocol(f)) || upgrade_key(f).len;
}

bool handshake_is_agreed(const struct exchange *x, const struct response_head *h)
{
	const struct request_head *rh = x->px.request;
	sluice_str asked = upgrade_protocol(&rh->fields), got = upgrade_protocol(&h->fields);
	char accept[UPGRADE_ACCEPT_LEN];
	if (!rh->upgrade || !got.len || !str_ieq(asked, got))
		return false;
	if (!rh->upgrade_only || !upgrade_is_websocket(asked))
		return true;
	/* the key is our own: nobody else checks that the answer fits (RFC 6455 4.1) */
	const struct field *f = fields_find(&h->fields, TOKEN_SEC_WEBSOCKET_ACCEPT);
	upgrade_make_accept(upgrade_key(&rh->fields), accept);
	return f && str_eq(field_value(f), str_n(accept, sizeof(accept)));
}
