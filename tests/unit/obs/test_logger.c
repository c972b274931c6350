/* obs/logger and obs/access_log: every line arrives once and whole, or is counted as dropped; files
 * come and go. */
#include "obs/logger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/stat.h"
#include "net/buf.h"
#include "obs/access_log.h"

#include "unit.h"

static char folder[64];

static sluice_str path_of(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *p = path[turn++ % 4];
	(void)snprintf(p, sizeof(path[0]), "%s/%s", folder, name);
	return str_of(p);
}

static char *read_all(const char *name)
{
	char *text = calloc(1, 32 << 20);
	int fd = open(path_of(name).data, O_RDONLY);
	assert_true(fd >= 0);
	size_t at = 0;
	for (ssize_t n; (n = read(fd, text + at, (32 << 20) - 1 - at)) > 0;)
		at += (size_t)n;
	(void)close(fd);
	return text;
}

static unsigned count_lines(const char *name)
{
	char *text = read_all(name);
	unsigned n = 0;
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		n++;
	free(text);
	return n;
}

/* Wait until a file exists and has something in it. */
static void await_bytes(const char *name)
{
	struct stat st;
	for (unsigned i = 0; i < 5000; i++) {
		if (stat(path_of(name).data, &st) == 0 && st.st_size > 0)
			return;
		(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	fail_msg("nothing comes to %s", name);
}

static void give_line(struct log_source *s, const char *text)
{
	struct log_batch *b = log_source_take(s);
	assert_non_null(b);
	b->len = (uint32_t)snprintf(b->data, sizeof(b->data), "%s\n", text);
	b->n = 1;
	log_source_give(s, b);
}

/* ---- many threads -------------------------------------------------------------------------- */

enum { THREADS = 3, LINES = 20000 };

static void *write_lines(void *arg)
{
	struct log_source *s = log_source_new(logger_queue(arg));
	static _Atomic unsigned next;
	unsigned me = next++;
	struct log_batch *b = NULL;
	for (unsigned i = 0; i < LINES;) {
		b = b ? b : log_source_take(s);
		if (!b) { /* this test wants all of them */
			(void)nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
			continue;
		}
		int n = snprintf(b->data + b->len, sizeof(b->data) - b->len, "%u %u\n", me, i);
		if (b->len + (size_t)n >= sizeof(b->data)) {
			log_source_give(s, b);
			b = NULL;
			continue;
		}
		b->len += (uint32_t)n;
		b->n++;
		i++;
	}
	if (b)
		log_source_give(s, b);
	log_source_free(&s);
	return NULL;
}

TEST(threads)
{
	pthread_t t[THREADS];
	uint64_t before = stat_read(STAT_LOG_LINES);
	struct logger *l = logger_new(path_of("threads"));
	assert_non_null(l);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, write_lines, l), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	logger_free(&l, 10000);
	assert_null(l);

	/* each thread's lines in their order, none missing */
	unsigned next[THREADS] = { 0 };
	char *text = read_all("threads");
	for (char *p = text; *p;) {
		unsigned long me = strtoul(p, &p, 10), i = strtoul(p, &p, 10);
		assert_true(me < THREADS && *p == '\n');
		assert_int_equal(i, next[me]++);
		p++;
	}
	free(text);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(next[i], LINES);
	assert_int_equal(stat_read(STAT_LOG_LINES) - before, THREADS * LINES);
}

/* ---- files --------------------------------------------------------------------------------- */

TEST(rotation)
{
	struct logger *l = logger_new(path_of("log"));
	struct log_source *s = log_source_new(logger_queue(l));
	give_line(s, "one");
	await_bytes("log");
	assert_int_equal(rename(path_of("log").data, path_of("log.1").data), 0);
	logger_reopen(l);
	for (unsigned i = 0; i < 5000 && access(path_of("log").data, F_OK) != 0; i++)
		(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	give_line(s, "two");
	await_bytes("log");
	assert_int_equal(logger_move(l, path_of("moved")), 0);
	assert_int_equal(logger_move(l, path_of("moved-again")), 0);
	/* and the one before stays */
	assert_int_equal(logger_move(l, path_of("no/such/folder")), -ENOENT);
	give_line(s, "three");
	log_source_free(&s);
	logger_free(&l, 10000);
	char *a = read_all("log.1"), *b = read_all("log"), *c = read_all("moved-again");
	assert_string_equal(a, "one\n");
	assert_string_equal(b, "two\n");
	assert_string_equal(c, "three\n");
	free(a);
	free(b);
	free(c);
}

TEST(bad_paths)
{
	char longer[5000];
	errno = 0;
	assert_null(logger_new(path_of("no/such/folder")));
	assert_int_equal(errno, ENOENT);
	assert_null(logger_new(STR("/")));
	assert_int_equal(errno, EISDIR);
	memset(longer, 'x', sizeof(longer));
	assert_null(logger_new(str_n(longer, sizeof(longer))));
	assert_int_equal(errno, ENAMETOOLONG);
}

/* ---- a reader that does not read ----------------------------------------------------------- */

TEST(stuck_pipe)
{
	sluice_str path = path_of("pipe");
	assert_int_equal(mkfifo(path.data, 0600), 0);
	int fd = open(path.data, O_RDWR | O_NONBLOCK);
	assert_true(fd >= 0);
	uint64_t lines = stat_read(STAT_LOG_LINES), dropped = stat_read(STAT_LOG_DROPPED),
		 given = 0;
	struct logger *l = logger_new(path);
	struct log_source *s = log_source_new(logger_queue(l));
	assert_non_null(l);
	for (unsigned i = 0; i < 100; i++) {
		struct log_batch *b = log_source_take(s);
		if (!b)
			break;
		b->len = 0;
		for (b->n = 0; b->n < 1000; b->n++)
			b->len += (uint32_t)snprintf(b->data + b->len, sizeof(b->data) - b->len,
				"line %u of %u\n", b->n, i);
		given += b->n;
		log_source_give(s, b);
	}
	/* all are on their way, and this thread was never held up */
	assert_null(log_source_take(s));
	uint64_t from = clock_ns();
	log_source_free(&s);
	logger_free(&l, 200);
	assert_true(clock_ns() - from < 5 * NS_PER_S);
	lines = stat_read(STAT_LOG_LINES) - lines;
	dropped = stat_read(STAT_LOG_DROPPED) - dropped;
	assert_int_equal(lines + dropped, given);
	assert_true(dropped > 0);

	/* what did arrive are whole lines */
	char *text = calloc(1, 1 << 20);
	ssize_t n = read(fd, text, (1 << 20) - 1);
	assert_true(n > 0);
	assert_int_equal(text[n - 1], '\n');
	free(text);
	(void)close(fd);
}

/* ---- a worker's end ------------------------------------------------------------------------ */

TEST(access_log)
{
	enum { MANY = 3000 };
	struct worker w;
	struct access_conf conf = { .format = ACCESS_JSON };
	struct access_record r = { .client = STR("192.0.2.1"),
		.method = STR("GET"),
		.path = STR("/a"),
		.status = 200 };
	assert_int_equal(worker_init(&w, 0), 0);
	struct logger *l = logger_new(path_of("access"));
	struct access_log *a = access_log_new(&w, logger_queue(l));
	uint64_t dropped = stat_read(STAT_LOG_DROPPED);
	for (unsigned i = 0; i < MANY; i++) {
		r.bytes_out = i;
		access_log_write(a, &conf, &r);
	}
	access_log_free(&a);
	access_log_free(&a);
	logger_free(&l, 10000);
	dropped = stat_read(STAT_LOG_DROPPED) - dropped;
	assert_int_equal(count_lines("access") + dropped, MANY);
	assert_int_equal(dropped, 0); /* half a MiB is the bound; this was less */
	worker_fini(&w);
}

static void stop_soon(struct timer *t)
{
	(void)t;
	worker_stop(worker_self);
}

/* A lonely line does not wait for others. */
TEST(age)
{
	struct worker w;
	struct timer stop;
	struct access_conf conf = { .format = ACCESS_COMMON };
	struct access_record r = { .client = STR("192.0.2.1"), .status = 200 };
	assert_int_equal(worker_init(&w, 0), 0);
	struct logger *l = logger_new(path_of("age"));
	struct access_log *a = access_log_new(&w, logger_queue(l));
	access_log_write(a, &conf, &r);
	assert_int_equal(count_lines("age"), 0);
	timer_init(&stop, stop_soon);
	worker_timer(&w, &stop, 1300 * NS_PER_MS);
	worker_run(&w);
	await_bytes("age");
	assert_int_equal(count_lines("age"), 1);
	timer_drop(&stop);
	access_log_free(&a);
	logger_free(&l, 1000);
	worker_fini(&w);
	buf_thread_fini();
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/sluice-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "threads", "log", "log.1", "moved", "moved-again",
		"pipe", "access", "age" };
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(path_of(names[i]).data);
	return rmdir(folder);
}

TEST_GROUP(setup, teardown);
