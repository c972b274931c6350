/* Which requests may become tunnels, and whose answers are believed. */
#include "proxy/handshake.h"

#include "base/log.h"
#include "http/upgrade.h"
#include "proxy/exchange.h"

/* Of one route and all workers, at most one line in this time. */
#define TELL_AGAIN_NS (600 * NS_PER_S)

static bool handshake_is_listed(const struct route *r, sluice_str protocol)
{
	const sluice_strs *names = &r->conf->upgrade;
	for (size_t i = 0; i < names->n; i++) {
		if (protocol.len && str_ieq(protocol, names->v[i]))
			return true;
	}
	return false;
}

bool handshake_is_allowed(const struct exchange *x)
{
	const struct request_head *h = x->px.request;
	return h->upgrade && x->to_upstream.ended && x->route->conf->upgrade.n &&
		x->px.client->ops->tunnel &&
		handshake_is_listed(x->route, upgrade_protocol(&h->fields));
}

/* Whether a line of the route is due: one worker writes it. */
static bool handshake_tells_now(const struct exchange *x)
{
	_Atomic uint64_t *told = &x->view->snap->upgrade_told[x->route->index];
	uint64_t now = worker_now(x->px.worker),
		 last = atomic_load_explicit(told, memory_order_relaxed);
	return (last == 0 || now - last > TELL_AGAIN_NS) &&
		atomic_compare_exchange_strong_explicit(told, &last, now, memory_order_relaxed,
			memory_order_relaxed);
}

void handshake_tell_refused(struct exchange *x)
{
	const struct mark *at = &x->route->at;
	sluice_str protocol = upgrade_protocol(&x->px.request->fields);
	if (!upgrade_is_websocket(protocol) || handshake_is_listed(x->route, protocol))
		return;
	x->detail = STR("the route lacks upgrade: [websocket]");
	x->tells_detail = true;
	if (handshake_tells_now(x))
		log_warn("request",
			"a client asked for a WebSocket, which route \"%.*s\" does not let "
			"through: to "
			"allow it, add upgrade: [websocket] to the route at %s:%u",
			STR_ARG(x->route->name), at->file, (unsigned)at->line);
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
