/*
 * The parts of fuzz_exchange: clients, each with one request (exchange_visitors.c), two plugins
 * (exchange_plugins.c), a server (exchange_server.c), and what they know of each other. The steps
 * of an input are in fuzz_exchange.c. One thread.
 */
#ifndef FUZZ_EXCHANGE_PLAY_H
#define FUZZ_EXCHANGE_PLAY_H

#include "exchange_course.h"
#include "exchange_gateway.h"
#include "fakeserver.h"
#include "input.h"
#include "proxy/exchange.h"

enum { VISITORS = 3, ACTIONS = 8 };

/* A client with its request. */
struct visitor {
	struct client c;
	struct request_head head;
	struct conn_info conn;
	struct buf pending;    /* of the request's body, to be handed over */
	struct course in, out; /* request, response */
	uint64_t said, length; /* of the request's body */
	/* bytes of the response's body that the server said, and announced; by closing:
	 * UINT64_MAX */
	uint64_t served, total;
	unsigned hooks; /* what the hooks on heads do */
	uint8_t actions[ACTIONS], at_action;
	int status;
	bool busy, held, more, ended_in, gone; /* more: the request is not complete */
	bool headed, ended, aborted, sent, full, own, tunnel;
	bool answered; /* the server began to */
};

extern struct proxy proxy;
extern struct fakeserver server;
extern struct visitor visitors[VISITORS];
extern unsigned begun; /* exchanges */
/* The request that is to be read on a connection was answered. */
extern bool answered[FAKESERVER_CONNS];
extern bool wild; /* the server said what is no answer */

extern const struct script play_hooks;

/* ---- clients ------------------------------------------------------------------------------- */
void visit(struct visitor *v, struct input *in);
/* Hand over what waits, as far as the exchange takes it. */
void visitor_turn(struct visitor *v);
/* n further bytes of the request's body. */
void visitor_say(struct visitor *v, size_t n, bool last);
void visitor_gone(struct visitor *v, bool can_answer);

/* ---- the server ---------------------------------------------------------------------------- */

/* Whose request came on a connection; NULL: none, or no whole head. *body: where the body
 * begins. */
struct visitor *request_on(const struct fakepeer *p, size_t *body);
/* A request that was answered and is whole makes room for the next on its connection. */
void server_read(void);
/* An answer of the server, whole or in part. */
void serve(struct fakepeer *p, struct input *in);

#endif
