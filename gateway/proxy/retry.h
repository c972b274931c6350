/*
 * What an exchange needs so that its request can be tried again by rules: the blocks `retry` and
 * `hedge` and `timeouts.try` of its route or upstream. An exchange without rules has none of it.
 * Here is decided what may be repeated, and which responses are not passed on; forward.c does it.
 * Its worker's thread only.
 */
#ifndef PROXY_RETRY_H
#define PROXY_RETRY_H

#include "proxy/exchange.h"
#include "proxy/keep.h"

struct drain;
struct hedge;

struct retry {
	struct exchange *x;              /* borrowed: it lies in its arena */
	const struct retry_rules *rules; /* borrowed: of the snapshot */
	struct timer timer;              /* timeouts.try, while a response is awaited */
	struct timer hedge_timer;        /* then a second server is asked */
	struct kept_body *kept; /* owned; of the request: all that was passed on; NULL: nothing */
	struct drain *drains;   /* in the arena: responses that nobody gets */
	struct hedge *hedge;    /* owned; NULL: no second server was asked */
	/* the rules let it be repeated after a server may have begun to work on it */
	bool repeats;
	bool hedges; /* a second server may be asked beside a slow one */
};

/* Before the first server is asked. on_late: timeouts.try has passed; on_slow: hedge.after.
 * ERR_NO_MEMORY. */
must_use int retry_begin(struct exchange *x, const struct retry_rules *rules,
	void (*on_late)(struct timer *t), void (*on_slow)(struct timer *t));
/* A response is awaited no more. */
void retry_stop_timers(struct retry *r);
/* At the end of its exchange. */
void retry_fini(struct retry *r);

/* As upstream_may_repeat(), by the rules. */
bool retry_may_repeat(const struct retry *r, const struct origin *o, int err);
/* What of the head is to be answered by another try, in words for logs; NULL: nothing. */
const char *retry_unwanted(const struct retry *r, const struct response_head *h);
/* Nobody gets the response of o: if little of it is to come, that is read and its connection kept.
 * The call was reported. */
void retry_discard(struct retry *r, struct origin *o, const struct response_head *h);
/* upstream_take_retry() has refused: leave a note of that. */
void retry_note_stop(struct retry *r);

#endif
