/*
 * A fetch over the pools of an upstream: its balancing, kept connections, TLS, health, timeouts and
 * retries, as for any request. Stands in the place of fetch_conn. Its worker's thread only.
 */
#ifndef UPSTREAM_FETCH_CALL_H
#define UPSTREAM_FETCH_CALL_H

#include "upstream/upstream.h"

struct fetch_call {
	/* Set by fetch_call_init(). One of them is called, once for each open and for each
	 * fetch_call_again() that returned true, from the loop. */
	void (*on_ready)(struct fetch_call *c); /* origin may be used */
	void (*on_fail)(struct fetch_call *c, int err);

	struct origin *origin; /* borrowed: when ready, until it is closed */

	/* Of fetch_call.c alone. */
	struct upstream *upstream;
	struct upstream_call call;
	const struct origin_events *events;
	void *user;
	struct arena *arena;
	struct timer late; /* tells of a failure that came before fetch_call_open() returned */
	int late_err;
};

void fetch_call_init(struct fetch_call *c, void (*on_ready)(struct fetch_call *c),
	void (*on_fail)(struct fetch_call *c, int err));
/* Begin. u, head and arena live until fetch_call_close(); events and user are for the origin. */
void fetch_call_open(struct fetch_call *c, struct worker *w, struct upstream *u,
	const struct request_head *head, const struct origin_events *events, void *user,
	struct arena *arena);
/* Within on_head of the origin, of the final head: what it says of the server counts, as that of
 * any request. */
void fetch_call_answered(struct fetch_call *c, unsigned status);
/* Within on_fail of the origin, whose whole request can be sent anew: end this try, and ask another
 * server where that is safe (RFC 9110 9.2.2) and `retries` allows it. False: it is not. */
bool fetch_call_again(struct fetch_call *c, int err);
/* In any state, once: nothing calls back any more. err: how the try ended that is under way, as for
 * upstream_report(). */
void fetch_call_close(struct fetch_call *c, int err);
/* What is known of the connection that failed last; may be empty. */
const char *fetch_call_why(const struct fetch_call *c);

#endif
