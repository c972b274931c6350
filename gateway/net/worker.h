/*
 * One thread's event loop and what belongs to it: deadlines, a mailbox, the list of streams with
 * something to write, the grave. Workers share nothing; other threads reach one only by
 * worker_post(). The main thread has one as well.
 *
 * A turn of the loop: wait for events; run their callbacks (after each, streams that were written
 * to are flushed); fire deadlines; go on with what was put off; run the turn hooks; bury the dead.
 */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/list.h"
#include "net/shares.h"
#include "net/timer.h"

struct event;
struct event_base;

/* What files keep on a worker, one owner each. They are in the order of the layers, the lowest
 * first: a part may use those before it, so they end in reverse order. */
enum worker_part {
	PART_RESOLVE,
	PART_UPSTREAM,
	PART_STORE,
	PART_POLICY,
	PART_TICKET,
	PART_BACKGROUND,
	PART_MIRROR,
	PART_COUNT
};

/* Runs on the worker at the end of each turn in which it was asked for. */
struct turn_hook {
	struct list link;
	void (*run)(struct turn_hook *h);
};

/* Embedded in what libevent callbacks can still reach further up the stack. */
struct grave {
	struct list link;
	void (*free)(struct grave *g);
};

struct worker {
	struct event_base *base; /* owned */
	unsigned id;             /* 0 .. n-1; WORKER_MAIN, WORKER_SINK */
	bool clock_is_fresh;
	_Atomic bool stop;
	uint64_t now_ns; /* of this turn */
	/* the plugin's call that runs now; 0: none. policy/running.h explains the value */
	_Atomic uintptr_t running;
	/* this thread only: the exchange that it runs for; valid only while `running` is set */
	const void *running_for;
	struct wheel wheel;
	struct event *wake; /* owned: the wheel's next slot */
	int wake_fd;        /* owned: timerfd */
	uint64_t wake_ns;   /* when it goes off; TIMER_NEVER: it does not */
	struct list dirty;  /* streams with bytes to flush */
	struct list ready;  /* streams to be read again without an event */
	struct list hooks;  /* turn hooks asked for */
	struct list graves;
	struct event *mail; /* owned */
	int mail_fd;        /* owned: eventfd */
	pthread_mutex_t mail_lock;
	struct list mails;      /* under mail_lock */
	struct shares *shares;  /* borrowed: of all workers */
	void *part[PART_COUNT]; /* worker_set_part() */
	void (*end_part[PART_COUNT])(void *part);
	pthread_t thread; /* for the thread that created it, to join it */
};

/* The main thread; the thread of a log sink, which has no loop (policy/sink.h); the thread that
 * looks up names (net/resolve.h). */
enum { WORKER_MAIN = 0xffff, WORKER_SINK = 0xfffe, WORKER_RESOLVER = 0xfffd };

/* 0, or a negative errno. Its shares have no bounds; set others before it runs. */
int worker_init(struct worker *w, unsigned id);
/* Ends all parts first. */
void worker_fini(struct worker *w);
/* Keep a part, on its first use; end() frees it and runs on w's thread, or when that has ended.
 * After it nothing of the part calls back. */
void worker_set_part(struct worker *w, enum worker_part which, void *part, void (*end)(void *part));
/* End one part now; does nothing where there is none. */
void worker_end_part(struct worker *w, enum worker_part which);
/* Run on the calling thread until worker_stop(). */
void worker_run(struct worker *w);
/* One turn on the calling thread, without waiting: to handle messages after worker_run() has
 * ended. */
void worker_turn(struct worker *w);
/* Any thread. */
void worker_stop(struct worker *w);
/* Any thread: run fn(w, arg) on w's thread soon, in order of posting. Control only, not for the
 * request path: takes a lock. */
void worker_post(struct worker *w, void (*fn)(struct worker *w, void *arg), void *arg);

/* For worker_now(), in one place: the first of a turn. */
uint64_t worker_look_at_clock(struct worker *w);
/* The turn's time: read once a turn. */
static inline uint64_t worker_now(struct worker *w)
{
	return likely(w->clock_is_fresh) ? w->now_ns : worker_look_at_clock(w);
}

/* 0, or the enum err with which new requests are refused for the moment. */
static inline int worker_overload(const struct worker *w)
{
	return atomic_load_explicit(&w->shares->overload, memory_order_relaxed);
}

static inline void turn_hook_init(struct turn_hook *h, void (*run)(struct turn_hook *h))
{
	list_init(&h->link);
	h->run = run;
}
static inline void worker_at_turn_end(struct worker *w, struct turn_hook *h)
{
	if (list_is_empty(&h->link))
		list_push(&w->hooks, &h->link);
}
/* Call g->free(g) once the loop has turned. */
static inline void worker_bury(struct worker *w, struct grave *g, void (*free_fn)(struct grave *g))
{
	g->free = free_fn;
	list_push(&w->graves, &g->link);
}
static inline void worker_timer(struct worker *w, struct timer *t, uint64_t in_ns)
{
	timer_set(&w->wheel, t, worker_now(w) + in_ns);
}

/* Whose thread this is; NULL on threads that run no worker. */
extern __thread struct worker *worker_self;

#endif
