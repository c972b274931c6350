/* The thread that writes access logs. */
#include "obs/logger.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sink.h"
#include "base/stat.h"

enum { WAIT_MS = 100, COMPLAIN_S = 60, JOIN_MORE_MS = 1000 };

struct log_output {
	struct sink sink; /* owned */
	char path[PATH_MAX];
};

struct logger {
	struct log_queue queue;
	_Atomic(struct log_output *) move_to; /* owned: replaces out; NULL: no change */
	_Atomic bool reopen;
	_Atomic uint64_t dropped; /* lines, since the number was last logged */
	/* used by the logger thread alone */
	struct log_output *out; /* owned */
	uint64_t complained_ns;
};

static struct logger *logger_of(struct log_queue *q)
{
	return container_of(q, struct logger, queue);
}

/* ---- outputs ------------------------------------------------------------------------------- */

static int output_open(sluice_str path, struct log_output **out)
{
	if (path.len == 0 || path.len >= PATH_MAX)
		return -ENAMETOOLONG;
	struct log_output *o = mem_new(struct log_output);
	memcpy(o->path, path.data, path.len);
	int err = sink_open(&o->sink, o->path);
	if (err) {
		free(o);
		return err;
	}
	*out = o;
	return 0;
}

static void output_close(struct log_output *o)
{
	if (!o)
		return;
	sink_close(&o->sink);
	free(o);
}

/* ---- the thread ---------------------------------------------------------------------------- */

static void logger_complain(struct logger *l, const char *what, int err)
{
	uint64_t now = clock_ns();
	if (l->complained_ns && now - l->complained_ns < COMPLAIN_S * NS_PER_S)
		return;
	l->complained_ns = now;
	log_error("access-log", "%s: %s: %s", l->out->path, what, strerror(err));
}

/* false: the write failed, or the deadline after stop has passed. */
static bool logger_write(struct logger *l, sluice_str left)
{
	while (left.len) {
		size_t n;
		enum io how = sink_write(&l->out->sink, left, &n);
		left = str_n(left.data + n, left.len - n);
		if (how == IO_FAIL) {
			logger_complain(l, "lines are lost", errno);
			return false;
		}
		if (how == IO_AGAIN && !sink_wait(&l->out->sink, WAIT_MS) &&
			log_queue_is_late(&l->queue))
			return false;
	}
	return true;
}

/* Writing works again: log how many lines were dropped meanwhile. */
static void logger_tell_dropped(struct logger *l)
{
	uint64_t n = atomic_exchange_explicit(&l->dropped, 0, memory_order_relaxed);
	if (n)
		log_warn("access-log",
			"%s: %llu lines were dropped: the file could not be written for a while",
			l->out->path, (unsigned long long)n);
}

static bool logger_on_batch(struct log_queue *q, struct log_batch *b)
{
	struct logger *l = logger_of(q);
	if (!logger_write(l, str_n(b->data, b->len)))
		return false;
	stat_add(STAT_LOG_LINES, b->n);
	logger_tell_dropped(l);
	return true;
}

static void logger_on_drop(struct log_queue *q, uint64_t lines)
{
	stat_add(STAT_LOG_DROPPED, lines);
	stat_add(STAT_LOG_DROPPED_ACCESS, lines);
	(void)atomic_fetch_add_explicit(&logger_of(q)->dropped, lines, memory_order_relaxed);
}

static void logger_on_wake(struct log_queue *q)
{
	struct logger *l = logger_of(q);
	struct log_output *o = atomic_exchange(&l->move_to, NULL);
	if (o) {
		output_close(l->out);
		l->out = o;
	}
	if (atomic_exchange(&l->reopen, false)) {
		int err = output_open(str_of(l->out->path), &o);
		if (err) {
			logger_complain(l,
				"cannot be opened again, lines still go to the old "
				"file",
				-err);
			return;
		}
		output_close(l->out);
		l->out = o;
	}
}

static void logger_on_begin(struct log_queue *q)
{
	(void)q;
	stat_thread_init();
}

static void logger_on_end(struct log_queue *q)
{
	(void)q;
	stat_thread_fini();
}

static const struct log_queue_ops logger_ops = { .name = "sluice-log",
	.begin = logger_on_begin,
	.end = logger_on_end,
	.wake = logger_on_wake,
	.deliver = logger_on_batch,
	.drop = logger_on_drop };

/* ---- the main thread ----------------------------------------------------------------------- */

struct logger *logger_new(sluice_str path)
{
	struct logger *l = mem_new(struct logger);
	int err = output_open(path, &l->out);
	if (!err)
		err = log_queue_start(&l->queue, &logger_ops);
	if (err) {
		output_close(l->out);
		free(l);
		errno = -err;
		return NULL;
	}
	return l;
}

struct log_queue *logger_queue(struct logger *l)
{
	return &l->queue;
}

int logger_move(struct logger *l, sluice_str path)
{
	struct log_output *o;
	int err = output_open(path, &o);
	if (err)
		return err;
	output_close(atomic_exchange(&l->move_to, o));
	log_queue_wake(&l->queue);
	return 0;
}

void logger_reopen(struct logger *l)
{
	atomic_store(&l->reopen, true);
	log_queue_wake(&l->queue);
}

void logger_free(struct logger **at, unsigned grace_ms)
{
	struct logger *l = *at;
	if (!l)
		return;
	*at = NULL;
	log_queue_stop(&l->queue, grace_ms);
	if (!log_queue_join(&l->queue, clock_ns() + (grace_ms + JOIN_MORE_MS) * NS_PER_MS))
		/* the thread hangs in write(2), as on a lost network file system: leave its memory,
		 * it ends with the process */
		return;
	log_queue_fini(&l->queue);
	output_close(l->out);
	output_close(atomic_load(&l->move_to));
	free(l);
}
