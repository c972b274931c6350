/* What fuzz_exchange stands on: a configuration with two plugins, `a` and `b`, whose hooks are the
 * target's, and an upstream. */
#ifndef FUZZ_EXCHANGE_GATEWAY_H
#define FUZZ_EXCHANGE_GATEWAY_H

#include "gateway_kit.h"

/* Once for a process, on fakewire_worker, which it starts; the upstream is fakeserver number 0.
 * Lives for ever. The routes are /none/, /a/, /b/, /both/ by their plugins, and /chat/ for
 * WebSocket. */
struct snapshot *exchange_gateway(const struct script *hooks);
/* Fields of an opening handshake (RFC 6455 4.1). */
int exchange_ask_for_websocket(struct request_head *h, struct arena *a);

#endif
