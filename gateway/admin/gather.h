/*
 * Asking all workers for their state. A question is one message to each worker, which answers from
 * its own thread with a copy of what it knows; no thread reads another's memory. However many ask
 * at once, a worker has at most one such message. A worker that does not answer in time is reported
 * as silent and not waited for. Main thread, but for the function that runs on the workers.
 */
#ifndef ADMIN_GATHER_H
#define ADMIN_GATHER_H

#include "front/front.h"
#include "proxy/progress.h"

enum { GATHER_ENDPOINTS = 4096 }; /* listed by one worker; further ones are counted */
#define GATHER_WAIT_NS NS_PER_S

/* The parts of one worker that are asked. All borrowed: they live until the worker has ended. */
struct gather_worker {
	struct worker *worker;
	const struct proxy *proxy;
	const struct front *front;
};

struct gather_answer {
	/* the worker did not answer in time: the other members say nothing */
	bool silent;
	/* of the configuration that new requests get; 0: none yet */
	uint64_t config_id;
	unsigned connections, requests; /* open; under way */
	/* borrowed, their strings too: until on_done returns */
	const struct endpoint_view *endpoints;
	size_t n_endpoints, left_out;
	struct progress_list in_progress; /* if they were asked for; likewise */
};

struct gather;

/* Embedded in what asks. */
struct gather_wait {
	struct list link;
	/* borrowed until the question is over: which requests in progress are wanted; NULL: none */
	const struct progress_filter *filter;
	/* From the loop, once: v[i] is the answer of worker i. The question is over before this is
	 * called. */
	void (*on_done)(struct gather_wait *w, const struct gather_answer *v, unsigned n);
};

struct gather *gather_new(struct worker *main);
/* The workers to ask, once their threads run; v is copied. Until then there are none, and answers
 * are empty. */
void gather_set_workers(struct gather *g, const struct gather_worker *v, unsigned n);
/* Ask no worker again, and drop all that wait. To be called before the workers end. */
void gather_stop(struct gather *g);
/* To be called after gather_stop() and the end of the workers: late answers are dropped. Clears *g;
 * NULL is allowed. */
void gather_free(struct gather **g);

static inline void gather_wait_init(struct gather_wait *w,
	void (*on_done)(struct gather_wait *, const struct gather_answer *, unsigned))
{
	list_init(&w->link);
	w->filter = NULL;
	w->on_done = on_done;
}
/* Ask. One round has one filter for requests; a question with another filter waits for the next
 * round. An answer is true at some moment after this call, and a worker that is not silent has
 * handled every message that was posted to it before. */
void gather_ask(struct gather *g, struct gather_wait *w);
/* on_done is not called any more. Legal when w did not ask. */
void gather_cancel(struct gather_wait *w);

#endif
