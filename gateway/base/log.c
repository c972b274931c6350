/*
 * The error log. A gateway passes its lines through a bounded queue to a thread that writes them,
 * so that a reader of standard error that stops reading stops no other thread. Without log_start(),
 * in tools and tests, a line is one write(2).
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/sink.h"
#include "base/stat.h"
#include "base/threads.h"

enum {
	LINE_MAX_BYTES = 2048,
	QUEUE_BYTES = 256 << 10,
	TAKE_BYTES = 16 << 10,
	WAIT_MS = 100,
	JOIN_MORE_MS = 500
};

enum log_mode {
	LOG_DIRECT,   /* the thread that logs writes, and may wait */
	LOG_QUEUED,   /* the thread writes */
	LOG_STOPPING, /* the thread writes what is left until the deadline, then ends */
};

static _Atomic int threshold = LOG_INFO;

static struct {
	pthread_mutex_t lock; /* held while a line is copied, never during a write */
	pthread_cond_t more;
	pthread_t thread;
	enum log_mode mode;      /* under lock */
	char bytes[QUEUE_BYTES]; /* under lock: a ring */
	size_t at, len;          /* under lock: its first byte, how many */
	uint64_t dropped;        /* under lock: lines, since the last report of dropped ones */
	_Atomic size_t pending;  /* bytes that are not written yet */
	_Atomic uint64_t deadline_ns;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&threshold, (int)level, memory_order_relaxed);
}

bool log_is_on(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&threshold, memory_order_relaxed);
}

/* ---- lines --------------------------------------------------------------------------------- */

/* Whether standard error is the journal, which reads a priority in front of a line: systemd says
 * which socket that is (sd-daemon(3)). */
bool log_is_journal(void)
{
	static _Atomic int known; /* 0: not looked yet; 1: no; 2: yes */
	int k = atomic_load_explicit(&known, memory_order_relaxed);
	if (!k) {
		struct stat st;
		char here[64];
		const char *stream = getenv("JOURNAL_STREAM"); /* DEVICE:INODE */
		bool is = stream && fstat(STDERR_FILENO, &st) == 0;
		if (is) {
			(void)snprintf(here, sizeof(here), "%ju:%ju", (uintmax_t)st.st_dev,
				(uintmax_t)st.st_ino);
			is = strcmp(stream, here) == 0;
		}
		k = is ? 2 : 1;
		atomic_store_explicit(&known, k, memory_order_relaxed);
	}
	return k == 2;
}

static size_t log_priority(char *out, enum log_level level)
{
	static const char priorities
		[] = { [LOG_ERROR] = '3', [LOG_WARN] = '4', [LOG_INFO] = '6', [LOG_DEBUG] = '7' };
	if (!log_is_journal())
		return 0;
	out[0] = '<';
	out[1] = priorities[level];
	out[2] = '>';
	return 3;
}

/* text: one line of any bytes; control bytes are escaped. */
static size_t log_format(char *line, size_t cap, enum log_level level, const char *tag,
	const char *text)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	struct timespec now;
	struct tm tm;
	size_t at = log_priority(line, level);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	int n = snprintf(line + at, cap - at,
		"%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %-5s %s: ", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000, names[level],
		tag);
	at += n < 0 ? 0 : (size_t)n;
	for (const char *p = text; *p && at + 6 < cap; p++) {
		unsigned char c = (unsigned char)*p;
		if (c >= 0x20 && c != 0x7f)
			line[at++] = (char)c;
		else
			at += (size_t)snprintf(line + at, cap - at, "\\x%02x", c);
	}
	line[at++] = '\n';
	return at;
}

/* ---- the queue ----------------------------------------------------------------------------- */

static void queue_copy_in(const char *line, size_t n)
{
	size_t end = (queue.at + queue.len) % QUEUE_BYTES,
	       first = QUEUE_BYTES - end < n ? QUEUE_BYTES - end : n;
	memcpy(queue.bytes + end, line, first);
	memcpy(queue.bytes, line + first, n - first);
	queue.len += n;
	atomic_fetch_add(&queue.pending, n);
}

/* Take whole lines, as many as fit. */
static size_t queue_copy_out(char *to, size_t cap)
{
	size_t n = queue.len < cap ? queue.len : cap, whole = 0;
	for (size_t i = 0; i < n; i++) {
		to[i] = queue.bytes[(queue.at + i) % QUEUE_BYTES];
		if (to[i] == '\n')
			whole = i + 1;
	}
	queue.at = (queue.at + whole) % QUEUE_BYTES;
	queue.len -= whole;
	return whole;
}

/* False: no thread writes lines. */
static bool log_enqueue(const char *line, size_t n)
{
	(void)pthread_mutex_lock(&queue.lock);
	bool queued = queue.mode != LOG_DIRECT;
	bool room = queued && QUEUE_BYTES - queue.len >= n;
	if (room)
		queue_copy_in(line, n);
	else if (queued)
		queue.dropped++;
	(void)pthread_cond_signal(&queue.more);
	(void)pthread_mutex_unlock(&queue.lock);
	if (queued && !room)
		stat_inc(STAT_LOG_DROPPED_ERROR);
	return queued;
}

static void log_put(const char *line, size_t n)
{
	if (log_enqueue(line, n))
		return;
	ssize_t w = write(STDERR_FILENO, line, n);
	(void)w; /* there is no other place to report it */
}

void log_vwrite(enum log_level level, const char *tag, const char *fmt, va_list ap)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES * 2];
	if (!log_is_on(level))
		return;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	log_put(line, log_format(line, sizeof(line), level, tag, text));
}

void log_lines(enum log_level level, sluice_str text)
{
	char line[LINE_MAX_BYTES * 2];
	while (text.len) {
		const char *end = memchr(text.data, '\n', text.len);
		size_t n = end ? (size_t)(end - text.data) : text.len,
		       at = log_priority(line, level);
		size_t kept = n < sizeof(line) - at - 1 ? n : sizeof(line) - at - 1;
		memcpy(line + at, text.data, kept);
		line[at + kept] = '\n';
		log_put(line, at + kept + 1);
		text = str_n(text.data + n + (end != NULL), text.len - n - (end != NULL));
	}
}

void log_write(enum log_level level, const char *tag, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	log_vwrite(level, tag, fmt, ap);
	va_end(ap);
}

/* ---- the thread ---------------------------------------------------------------------------- */

static bool log_is_late(void)
{
	uint64_t deadline = atomic_load(&queue.deadline_ns);
	return deadline && clock_ns() >= deadline;
}

/* False: the rest of text is lost; *lost says how many lines that is. */
static bool log_write_out(struct sink *s, const char *text, size_t len, uint64_t *lost)
{
	while (len) {
		size_t n;
		enum io how = sink_write(s, str_n(text, len), &n);
		text += n;
		len -= n;
		if (how == IO_OK || (how == IO_AGAIN && (sink_wait(s, WAIT_MS) || !log_is_late())))
			continue;
		for (*lost = 0; len; len--)
			*lost += *text++ == '\n';
		return false;
	}
	return true;
}

/* Writing works again: log once how many lines were dropped. */
static void log_tell_dropped(struct sink *s, uint64_t n)
{
	char text[128], line[256];
	uint64_t lost;
	(void)snprintf(text, sizeof(text),
		"%llu lines of this log were dropped: standard error was not read for a while",
		(unsigned long long)n);
	(void)log_write_out(s, line, log_format(line, sizeof(line), LOG_WARN, "log", text), &lost);
}

static void *log_run(void *arg)
{
	static char taken[TAKE_BYTES];
	struct sink s;
	uint64_t lost = 0; /* lines lost by the write before this one */
	(void)arg;
	sink_borrow(&s, STDERR_FILENO);
	for (;;) {
		(void)pthread_mutex_lock(&queue.lock);
		while (!queue.len && !queue.dropped && !lost && queue.mode == LOG_QUEUED)
			(void)pthread_cond_wait(&queue.more, &queue.lock);
		size_t n = queue_copy_out(taken, sizeof(taken));
		queue.dropped += lost;
		/* report them after the lines that were kept */
		uint64_t dropped = queue.len ? 0 : queue.dropped;
		if (dropped)
			queue.dropped = 0;
		bool over = queue.mode == LOG_STOPPING && (!n || log_is_late());
		(void)pthread_mutex_unlock(&queue.lock);
		lost = 0;
		if (!log_write_out(&s, taken, n, &lost))
			stat_add(STAT_LOG_DROPPED_ERROR, lost);
		atomic_fetch_sub(&queue.pending, n);
		if (dropped)
			log_tell_dropped(&s, dropped);
		if (over)
			break;
	}
	sink_close(&s);
	return NULL;
}

static void log_set_mode(enum log_mode mode)
{
	(void)pthread_mutex_lock(&queue.lock);
	queue.mode = mode;
	(void)pthread_cond_signal(&queue.more);
	(void)pthread_mutex_unlock(&queue.lock);
}

void log_start(void)
{
	sigset_t before;
	threads_begin(&before);
	log_set_mode(LOG_QUEUED);
	if (pthread_create(&queue.thread, NULL, log_run, NULL) == 0)
		(void)pthread_setname_np(queue.thread, "sluice-log");
	else
		log_set_mode(LOG_DIRECT);
	threads_end(&before);
}

bool log_drain(unsigned ms)
{
	while (atomic_load(&queue.pending) && ms--)
		(void)poll(NULL, 0, 1);
	return atomic_load(&queue.pending) == 0;
}

void log_stop(unsigned grace_ms)
{
	struct timespec until;
	if (queue.mode != LOG_QUEUED) /* only this thread changes it */
		return;
	atomic_store(&queue.deadline_ns, clock_ns() + grace_ms * NS_PER_MS);
	log_set_mode(LOG_STOPPING);
	(void)clock_gettime(CLOCK_REALTIME, &until);
	uint64_t ns = (uint64_t)until.tv_nsec + (grace_ms + JOIN_MORE_MS) * NS_PER_MS;
	until.tv_sec += (time_t)(ns / NS_PER_S);
	until.tv_nsec = (long)(ns % NS_PER_S);
	/* a thread that hangs in a system call, as on a lost file system, ends with the process */
	(void)pthread_timedjoin_np(queue.thread, NULL, &until);
}
