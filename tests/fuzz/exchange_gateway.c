/* The gateway of fuzz_exchange. */
#include "exchange_gateway.h"

#include <stdio.h>

#include "base/check.h"
#include "fakeserver.h"

struct snapshot *exchange_gateway(const struct script *hooks)
{
	static const char text[] =
		"runtime: { workers: 1 }\n"
		"log: { access: { path: 'off' } }\n"
		"listeners: [{ name: in, address: '127.0.0.1:1' }]\n"
		"plugins: { a: { use: script, label: a }, b: { use: script, label: b } }\n"
		"upstreams:\n"
		"  up: { servers: ['%s'], timeouts: { connect: 200ms, response: 300ms } }\n"
		"  again: { servers: ['%s', '%s'], timeouts: { connect: 200ms, response: 300ms, "
		"try: 150ms },\n"
		"    retry: { on: [connect, reset, timeout, 503], methods: [GET, POST], backoff: "
		"5ms, max_body: 1KiB }, hedge: { after: 60ms } }\n"
		"  shadow: { servers: ['%s'] }\n"
		"routes:\n"
		"  - { name: none, match: { path: '/none/*' }, upstream: up }\n"
		"  - { name: a, match: { path: '/a/*' }, plugins: [a], upstream: up, mirror: { to: "
		"shadow, max_body: 1KiB } }\n"
		"  - { name: b, match: { path: '/b/*' }, plugins: [b], upstream: again, timeouts: "
		"{ "
		"request: 2s, idle: 1s } }\n"
		"  - { name: chat, match: { path: '/chat/*' }, upgrade: [websocket], upstream: up "
		"}\n"
		"  - { name: both, match: { path: '/both/*' }, plugins: [a, b], split: { to: { up: "
		"1, again: 1 } } }\n";
	char filled[sizeof(text) + 4 * ADDR_TEXT], other[ADDR_TEXT + 2];
	struct fakeserver server, none;
	gateway_start(hooks);
	fakeserver_up(&server, 0);
	fakeserver_up(&none, 1);
	/* the same socket by another name: a second server that the same peer plays */
	const char *name = strrchr(server.address, '/');
	(void)snprintf(other, sizeof(other), "%.*s/.%s", (int)(name - server.address),
		server.address, name);
	(void)snprintf(filled, sizeof(filled), text, server.address, server.address, other,
		none.address);
	struct snapshot *s = gateway_load(filled, NULL);
	fakeserver_down(&server);
	fakeserver_down(&none);
	return s;
}

int exchange_ask_for_websocket(struct request_head *h, struct arena *a)
{
	int err = fields_add(&h->fields, a, STR("Upgrade"), STR("websocket"));
	if (!err)
		err = fields_add(&h->fields, a, STR("Sec-WebSocket-Version"), STR("13"));
	return err ? err
		   : fields_add(&h->fields, a, STR("Sec-WebSocket-Key"),
			     STR("dGhlIHNhbXBsZSBub25jZQ=="));
}
