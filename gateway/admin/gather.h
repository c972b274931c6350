/*
 * Asking every worker how it is. A question goes out as one message to each worker, which answers
 * from its own thread with a copy of what it knows; nobody looks into another thread's memory.
 * However many ask at once, no worker has more than one such message to deal with, and a worker
 * that does not answer in time is reported as silent instead of being waited for. Main thread, but
 * for the function that runs on the workers.
 */
#ifndef ADMIN_GATHER_H
#define ADMIN_GATHER_H

#include "front/front.h"
#include "proxy/progress.h"

enum { GATHER_ENDPOINTS = 4096 }; /* told of by one worker; the rest is counted */
#define GATHER_WAIT_NS NS_PER_S

/* What there is to look at on one worker. All borrowed: they live until the worker has ended. */
struct gather_worker {
	struct worker *worker;
	const struct proxy *proxy;
	const struct front *front;
};

struct gather_answer {
	bool silent;                    /* did not answer in time: nothing else is true */
	uint64_t config_id;             /* of the configuration new requests get; 0: none yet */
	unsigned connections, requests; /* open; under way */
	const struct endpoint_view *endpoints; /* their strings too: until on_done returns */
	size_t n_endpoints, left_out;
	struct progress_list in_progress; /* when they were asked for; likewise */
};

struct gather;

/* Embedded in whoever asks. */
struct gather_wait {
	struct list link;
	/* borrowed: until the question is over; requests in progress are wanted too; NULL: not */
	const struct progress_filter *filter;
	/* From the loop, once: v[i] is the answer of worker i. The question is over before this is
	 * called. */
	void (*on_done)(struct gather_wait *w, const struct gather_answer *v, unsigned n);
};

struct gather *gather_new(struct worker *main);
/* Those to ask, once their threads run; v is copied. Until then there are none, and answers are
 * empty. */
void gather_set_workers(struct gather *g, const struct gather_worker *v, unsigned n);
/* Nobody waits any more: ask no worker again. Before they end. */
void gather_stop(struct gather *g);
/* After gather_stop() and the end of the workers: late answers are given up. Clears *g; NULL is
 * fine. */
void gather_free(struct gather **g);

static inline void gather_wait_init(struct gather_wait *w,
	void (*on_done)(struct gather_wait *, const struct gather_answer *, unsigned))
{
	list_init(&w->link);
	w->filter = NULL;
	w->on_done = on_done;
}
/* Ask. In one round requests are looked for by one filter; who has another waits for the next
 * round. What is answered is true at some moment after this call, and every message posted to a
 * worker before it has been dealt with by a worker that is not silent. */
void gather_ask(struct gather *g, struct gather_wait *w);
/* on_done will not be called. Also when w did not ask. */
void gather_cancel(struct gather_wait *w);

#endif
