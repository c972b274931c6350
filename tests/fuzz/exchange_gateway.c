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
		"upstreams: { up: { servers: ['%s'], timeouts: { connect: 200ms, response: 300ms } "
		"} }\n"
		"routes:\n"
		"  - { name: none, match: { path: '/none/*' }, upstream: up }\n"
		"  - { name: a, match: { path: '/a/*' }, plugins: [a], upstream: up }\n"
		"  - { name: b, match: { path: '/b/*' }, plugins: [b], upstream: up }\n"
		"  - { name: chat, match: { path: '/chat/*' }, upgrade: [websocket], upstream: up "
		"}\n"
		"  - { name: both, match: { path: '/both/*' }, plugins: [a, b], upstream: up }\n";
	char filled[sizeof(text) + ADDR_TEXT];
	struct fakeserver server;
	gateway_start(hooks);
	fakeserver_up(&server, 0);
	(void)snprintf(filled, sizeof(filled), text, server.address);
	struct snapshot *s = gateway_load(filled, NULL);
	fakeserver_down(&server);
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
