/* Batches on their way from workers to a thread. See log_queue.h. */
#include "obs/log_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/threads.h"

struct log_source {
	struct log_queue *queue; /* borrowed: lives longer */
	struct log_batch *empty; /* owned */
	unsigned n_made;
	/* one for the worker, and one for each batch that waits to be delivered */
	_Atomic unsigned refs;
	_Atomic(struct log_batch *) returned; /* owned: from the thread */
};

/* ---- batches ------------------------------------------------------------------------------- */

static void batches_push(_Atomic(struct log_batch *) *list, struct log_batch *b)
{
	b->next = atomic_load_explicit(list, memory_order_relaxed);
	while (!atomic_compare_exchange_weak(list, &b->next, b))
		;
}

static void batches_free(struct log_batch *b)
{
	while (b) {
		struct log_batch *next = b->next;
		free(b);
		b = next;
	}
}

static void source_unref(struct log_source *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	batches_free(s->empty);
	batches_free(atomic_load(&s->returned));
	free(s);
}

struct log_source *log_source_new(struct log_queue *q)
{
	struct log_source *s = mem_new(struct log_source);
	s->queue = q;
	atomic_init(&s->refs, 1);
	return s;
}

void log_source_free(struct log_source **s)
{
	if (*s)
		source_unref(*s);
	*s = NULL;
}

struct log_batch *log_source_take(struct log_source *s)
{
	if (!s->empty)
		s->empty = atomic_exchange(&s->returned, NULL);
	struct log_batch *b = s->empty;
	if (b) {
		s->empty = b->next;
	} else if (s->n_made < LOG_BATCHES && (b = malloc(sizeof(*b)))) {
		b->home = s;
		s->n_made++;
	} else {
		return NULL;
	}
	b->len = b->n = 0;
	return b;
}

void log_source_drop(struct log_source *s)
{
	s->queue->ops->drop(s->queue, 1);
}

void log_source_give(struct log_source *s, struct log_batch *b)
{
	if (!b->len) {
		b->next = s->empty;
		s->empty = b;
		return;
	}
	(void)atomic_fetch_add(&s->refs, 1);
	batches_push(&s->queue->inbox, b);
	log_queue_wake(s->queue);
}

/* ---- the thread ---------------------------------------------------------------------------- */

void log_queue_wake(struct log_queue *q)
{
	uint64_t one = 1;
	if (atomic_exchange(&q->awake, true))
		return;
	ssize_t n = write(q->wake_fd, &one, sizeof(one));
	(void)n; /* fails only when the counter is at its maximum: then the thread is awake */
}

bool log_queue_is_late(const struct log_queue *q)
{
	return atomic_load(&q->stop) && clock_ns() >= atomic_load(&q->deadline_ns);
}

/* Deliver the batch, or drop what it holds. In both cases it goes back to its source. */
static void queue_deliver(struct log_queue *q, struct log_batch *b)
{
	struct log_source *home = b->home;
	if (log_queue_is_late(q) || !q->ops->deliver(q, b))
		q->ops->drop(q, b->n);
	batches_push(&home->returned, b);
	source_unref(home);
}

/* What has come, the oldest first. */
static struct log_batch *queue_take(struct log_queue *q)
{
	struct log_batch *b = atomic_exchange(&q->inbox, NULL), *oldest = NULL;
	while (b) {
		struct log_batch *next = b->next;
		b->next = oldest;
		oldest = b;
		b = next;
	}
	return oldest;
}

static void *queue_run(void *arg)
{
	struct log_queue *q = arg;
	uint64_t count;
	(void)pthread_setname_np(pthread_self(), q->ops->name);
	if (q->ops->begin)
		q->ops->begin(q);
	for (;;) {
		/* read before the inbox: nothing is given after stop was set */
		bool stop = atomic_load(&q->stop);
		struct log_batch *oldest = queue_take(q);
		if (q->ops->wake)
			q->ops->wake(q);
		for (struct log_batch *b = oldest; b; b = oldest) {
			oldest = b->next;
			queue_deliver(q, b);
		}
		if (stop)
			break;
		ssize_t n = read(q->wake_fd, &count, sizeof(count)); /* sleeps */
		(void)n;
		atomic_store(&q->awake, false);
	}
	if (q->ops->end)
		q->ops->end(q);
	atomic_store(&q->over, true);
	return NULL;
}

/* ---- the main thread ----------------------------------------------------------------------- */

int log_queue_start(struct log_queue *q, const struct log_queue_ops *ops)
{
	sigset_t before;
	*q = (struct log_queue){ .ops = ops, .wake_fd = eventfd(0, EFD_CLOEXEC) };
	if (q->wake_fd < 0)
		return -errno;
	threads_begin(&before);
	int err = pthread_create(&q->thread, NULL, queue_run, q);
	threads_end(&before);
	if (err)
		(void)close(q->wake_fd);
	return -err;
}

void log_queue_stop(struct log_queue *q, unsigned grace_ms)
{
	if (atomic_load(&q->stop))
		return;
	atomic_store(&q->deadline_ns, clock_ns() + grace_ms * NS_PER_MS);
	atomic_store(&q->stop, true);
	log_queue_wake(q);
}

bool log_queue_join(struct log_queue *q, uint64_t until_ns)
{
	/* the thread sanitizer knows no other join with a deadline than that of the wall clock */
	struct timespec until;
	uint64_t now = clock_ns();
	(void)clock_gettime(CLOCK_REALTIME, &until);
	uint64_t ns = (uint64_t)until.tv_nsec + (until_ns > now ? until_ns - now : 0);
	until.tv_sec += (time_t)(ns / NS_PER_S);
	until.tv_nsec = (long)(ns % NS_PER_S);
	return pthread_timedjoin_np(q->thread, NULL, &until) == 0;
}

void log_queue_fini(struct log_queue *q)
{
	(void)close(q->wake_fd);
}
