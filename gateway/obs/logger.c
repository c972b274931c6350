/* The thread that writes access logs, and the batches that reach it. */
#include "obs/logger.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sink.h"
#include "base/stat.h"
#include "base/threads.h"

enum { WAIT_MS = 100, COMPLAIN_S = 60, JOIN_MORE_MS = 1000 };

struct log_output {
	struct sink sink; /* owned */
	char path[PATH_MAX];
};

struct logger {
	pthread_t thread;
	int wake_fd;        /* owned: eventfd */
	_Atomic bool awake; /* the thread is awake or was woken: no need to write to wake_fd */
	_Atomic(struct log_batch *) inbox;    /* owned: the newest first */
	_Atomic(struct log_output *) move_to; /* owned: replaces out; NULL: no change */
	_Atomic bool reopen;
	_Atomic bool stop;
	_Atomic uint64_t dropped;     /* lines, since the number was last logged */
	_Atomic uint64_t deadline_ns; /* after stop */
	/* used by the logger thread alone */
	struct log_output *out; /* owned */
	uint64_t complained_ns;
};

struct log_source {
	struct logger *logger;   /* borrowed: lives longer */
	struct log_batch *empty; /* owned */
	unsigned n_made;
	/* one for the worker, and one for each batch that waits to be written */
	_Atomic unsigned refs;
	_Atomic(struct log_batch *) returned; /* owned: from the logger */
};

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

struct log_source *log_source_new(struct logger *l)
{
	struct log_source *s = mem_new(struct log_source);
	s->logger = l;
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
	b->len = b->lines = 0;
	return b;
}

static void logger_count_dropped(struct logger *l, uint64_t lines)
{
	stat_add(STAT_LOG_DROPPED, lines);
	stat_add(STAT_LOG_DROPPED_ACCESS, lines);
	(void)atomic_fetch_add_explicit(&l->dropped, lines, memory_order_relaxed);
}

void log_source_drop(struct log_source *s)
{
	logger_count_dropped(s->logger, 1);
}

static void logger_wake(struct logger *l)
{
	uint64_t one = 1;
	if (atomic_exchange(&l->awake, true))
		return;
	ssize_t n = write(l->wake_fd, &one, sizeof(one));
	(void)n; /* fails only when the counter is at its maximum: then the thread is awake */
}

void log_source_give(struct log_source *s, struct log_batch *b)
{
	if (!b->len) {
		b->next = s->empty;
		s->empty = b;
		return;
	}
	(void)atomic_fetch_add(&s->refs, 1);
	batches_push(&s->logger->inbox, b);
	logger_wake(s->logger);
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

static bool logger_is_late(const struct logger *l)
{
	return atomic_load(&l->stop) && clock_ns() >= atomic_load(&l->deadline_ns);
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
		if (how == IO_AGAIN && !sink_wait(&l->out->sink, WAIT_MS) && logger_is_late(l))
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

/* Returns whether the batch was written. In both cases it goes back to its source. */
static bool logger_write_batch(struct logger *l, struct log_batch *b)
{
	struct log_source *home = b->home;
	bool ok = !logger_is_late(l) && logger_write(l, str_n(b->data, b->len));
	if (ok)
		stat_add(STAT_LOG_LINES, b->lines);
	else
		logger_count_dropped(l, b->lines);
	batches_push(&home->returned, b);
	source_unref(home);
	return ok;
}

static void logger_turn_output(struct logger *l)
{
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

static void *logger_run(void *arg)
{
	struct logger *l = arg;
	uint64_t count;
	stat_thread_init();
	for (;;) {
		/* read before the inbox: nothing is given after stop was set */
		bool stop = atomic_load(&l->stop);
		struct log_batch *b = atomic_exchange(&l->inbox, NULL), *oldest = NULL;
		while (b) {
			struct log_batch *next = b->next;
			b->next = oldest;
			oldest = b;
			b = next;
		}
		logger_turn_output(l);
		for (b = oldest; b; b = oldest) {
			oldest = b->next;
			if (logger_write_batch(l, b))
				logger_tell_dropped(l);
		}
		if (stop)
			break;
		ssize_t n = read(l->wake_fd, &count, sizeof(count)); /* sleeps */
		(void)n;
		atomic_store(&l->awake, false);
	}
	stat_thread_fini();
	return NULL;
}

/* ---- the main thread ----------------------------------------------------------------------- */

struct logger *logger_new(sluice_str path)
{
	sigset_t before;
	struct logger *l = mem_new(struct logger);
	l->wake_fd = eventfd(0, EFD_CLOEXEC);
	int err = l->wake_fd < 0 ? -errno : output_open(path, &l->out);
	if (!err) {
		threads_begin(&before);
		err = -pthread_create(&l->thread, NULL, logger_run, l);
		threads_end(&before);
	}
	if (err) {
		output_close(l->out);
		if (l->wake_fd >= 0)
			(void)close(l->wake_fd);
		free(l);
		errno = -err;
		return NULL;
	}
	return l;
}

int logger_move(struct logger *l, sluice_str path)
{
	struct log_output *o;
	int err = output_open(path, &o);
	if (err)
		return err;
	output_close(atomic_exchange(&l->move_to, o));
	logger_wake(l);
	return 0;
}

void logger_reopen(struct logger *l)
{
	atomic_store(&l->reopen, true);
	logger_wake(l);
}

static bool logger_join(struct logger *l, unsigned grace_ms)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_REALTIME, &until);
	uint64_t ns = (uint64_t)until.tv_nsec + (grace_ms + JOIN_MORE_MS) * NS_PER_MS;
	until.tv_sec += (time_t)(ns / NS_PER_S);
	until.tv_nsec = (long)(ns % NS_PER_S);
	return pthread_timedjoin_np(l->thread, NULL, &until) == 0;
}

void logger_free(struct logger **at, unsigned grace_ms)
{
	struct logger *l = *at;
	if (!l)
		return;
	*at = NULL;
	atomic_store(&l->deadline_ns, clock_ns() + grace_ms * NS_PER_MS);
	atomic_store(&l->stop, true);
	logger_wake(l);
	if (!logger_join(l, grace_ms))
		/* the thread hangs in write(2), as on a lost network file system: leave its memory,
		 * it ends with the process */
		return;
	output_close(l->out);
	output_close(atomic_load(&l->move_to));
	(void)close(l->wake_fd);
	free(l);
}
