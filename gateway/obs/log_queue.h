/*
 * From workers to a thread that takes its time: one that writes a file (obs/logger), or that runs a
 * plugin (policy/sink). Workers fill batches and hand them over without a lock. Each worker has
 * LOG_BATCHES batches for each queue. When all of them wait to be delivered, what comes is dropped
 * and counted.
 *
 *   source (a worker) -- log_source_give --> inbox --> thread --> deliver()
 *          ^------------------ batch, empty again --------'
 */
#ifndef OBS_LOG_QUEUE_H
#define OBS_LOG_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/str.h"

enum {
	LOG_BATCH_BYTES = 32 << 10,
	LOG_BATCHES = 16, /* of one source: half a MiB can wait */
};

struct log_queue;
struct log_source;

struct log_batch {
	struct log_batch *next;  /* in the list of whoever holds the batch */
	struct log_source *home; /* borrowed: lives as long as its batches */
	uint32_t len;
	uint32_t n; /* lines or records */
	char data[LOG_BATCH_BYTES];
};

/* What the thread's owner does. All but drop() run on the thread. */
struct log_queue_ops {
	const char *name;                   /* of the thread, at most 15 bytes */
	void (*begin)(struct log_queue *q); /* first; NULL: nothing */
	void (*end)(struct log_queue *q);   /* last; NULL: nothing */
	void (*wake)(struct log_queue *q);  /* before the batches that came; NULL: nothing */
	/* May block. False: what the batch holds could not be delivered, and is counted as
	 * dropped. */
	bool (*deliver)(struct log_queue *q, struct log_batch *b);
	/* n lines or records are lost. Any thread. */
	void (*drop)(struct log_queue *q, uint64_t n);
};

/* Embedded in its owner. */
struct log_queue {
	const struct log_queue_ops *ops;
	pthread_t thread;
	int wake_fd;        /* owned: eventfd */
	_Atomic bool awake; /* the thread is awake or was woken: no need to write to wake_fd */
	_Atomic(struct log_batch *) inbox; /* owned: the newest first */
	_Atomic bool stop;
	_Atomic bool over;            /* the thread has nothing more to do */
	_Atomic uint64_t deadline_ns; /* after stop */
};

/* Start the thread. 0, or a negative errno. Main thread, like the next three. */
must_use int log_queue_start(struct log_queue *q, const struct log_queue_ops *ops);
/* Let the thread deliver what was given, for at most grace_ms, and end. All sources must be freed
 * before. Does not wait. A later call changes nothing. */
void log_queue_stop(struct log_queue *q, unsigned grace_ms);
/* Wait for the thread's end until the clock shows until_ns. False: it has not ended; its memory
 * must stay. */
must_use bool log_queue_join(struct log_queue *q, uint64_t until_ns);
/* Free what log_queue_start() made. The thread has ended. */
void log_queue_fini(struct log_queue *q);

/* Any thread: have ops->wake() called. */
void log_queue_wake(struct log_queue *q);
/* The grace of log_queue_stop() is over. Any thread. */
bool log_queue_is_late(const struct log_queue *q);
static inline bool log_queue_is_over(const struct log_queue *q)
{
	return atomic_load(&q->over);
}

/* What a worker gives batches with. This and what follows: on the worker's thread only. */
struct log_source *log_source_new(struct log_queue *q);
/* Batches that wait to be delivered may outlive the source. */
void log_source_free(struct log_source **s);
/* An empty batch, or NULL when all wait to be delivered. */
struct log_batch *log_source_take(struct log_source *s);
/* Count a line or record that is dropped because there was no batch. */
void log_source_drop(struct log_source *s);
/* Have a batch delivered. It returns to its source afterwards. */
void log_source_give(struct log_source *s, struct log_batch *b);

#endif
