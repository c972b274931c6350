/* redis/link, redis/send: against a real redis-server that is restarted, paused and emptied, and
 * against impostors. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "net/buf.h"
#include "net/resolve.h"
#include "net/worker.h"
#include "redis/link.h"
#include "redis_server.h"

#define MS NS_PER_MS
enum { MIB = 1 << 20 };

static struct worker worker;
static struct redis_server server;
static struct arena arena;
static struct redis_link *redis_link;

/* ---- a loop that runs until something holds ------------------------------------------------ */

static bool (*until)(void *arg);
static void *until_arg;
static uint64_t until_ns;
static bool until_held;
static struct timer poll_timer;

static void poll_on_due(struct timer *t)
{
	(void)t;
	until_held = until && until(until_arg);
	if (until_held || clock_ns() >= until_ns)
		worker_stop(&worker);
	else
		worker_timer(&worker, &poll_timer, MS);
}

static bool run_until(bool (*holds)(void *), void *arg, uint64_t ms)
{
	until = holds;
	until_arg = arg;
	until_ns = clock_ns() + ms * MS;
	timer_init(&poll_timer, poll_on_due);
	worker.clock_is_fresh = false;
	worker_timer(&worker, &poll_timer, 0);
	worker.stop = false;
	worker_run(&worker);
	timer_drop(&poll_timer);
	worker.clock_is_fresh = false;
	return until_held;
}

static void run_for(uint64_t ms)
{
	(void)run_until(NULL, NULL, ms);
}

/* ---- calls that note what came ------------------------------------------------------------- */

struct note {
	struct redis_call call;
	unsigned n; /* callbacks */
	sluice_status st;
	char text[64];
	uint64_t at_ns;
	void (*then)(struct note *n);
};

static void show(const sluice_value *v, char *to, size_t size)
{
	size_t len = 0;
	if (v->type == SLUICE_V_INT) {
		(void)snprintf(to, size, "%lld", (long long)v->i);
	} else if (v->type == SLUICE_V_STR) {
		(void)snprintf(to, size, "%.*s", STR_ARG(v->s));
	} else if (v->type == SLUICE_V_NIL) {
		(void)snprintf(to, size, "nil");
	} else {
		for (size_t i = 0; i < v->n && len < size; i++) {
			len += (size_t)snprintf(to + len, size - len, "%s", i ? "," : "");
			show(&v->v[i], to + len, size - len);
			len = strlen(to);
		}
	}
}

static void note_on_reply(struct redis_call *c, sluice_status st, const sluice_value *v)
{
	struct note *n = container_of(c, struct note, call);
	n->n++;
	n->st = st;
	n->at_ns = clock_ns();
	show(v, n->text, sizeof(n->text));
	if (n->then)
		n->then(n);
}

static void note_init(struct note *n)
{
	memset(n, 0, sizeof(*n));
	redis_call_init(&n->call, note_on_reply);
}

static sluice_status note_send(struct note *n, uint64_t ms, const char *a, const char *b,
	const char *c)
{
	sluice_str argv[] = { str_of(a), str_of(b), str_of(c) };
	return redis_send(redis_link, &n->call, argv, c ? 3 : b ? 2 : 1, ms * MS);
}

static bool note_done(void *arg)
{
	return ((struct note *)arg)->n > 0;
}

/* Send a command and wait for how it ends. */
static sluice_status ask(struct note *n, uint64_t ms, const char *a, const char *b, const char *c)
{
	note_init(n);
	sluice_status st = note_send(n, ms, a, b, c);
	if (st != SLUICE_OK)
		return st;
	assert_int_equal(n->n, 0); /* never from within */
	assert_true(run_until(note_done, n, 5000));
	assert_int_equal(n->n, 1);
	return n->st;
}

static bool is_ready(void *arg)
{
	(void)arg;
	return redis_link_state(redis_link) == REDIS_READY;
}

static bool is_waiting(void *arg)
{
	(void)arg;
	return redis_link_state(redis_link) == REDIS_WAITING;
}

/* ---- fixtures ------------------------------------------------------------------------------ */

static void open_link(const char *url)
{
	struct redis_conf conf = { .connect_timeout_ns = 1000 * MS,
		.timeout_ns = 50 * MS,
		.ping_ns = 400 * MS };
	const char *error;
	if (redis_url_parse(&arena, str_of(url), &conf.url, &error) < 0)
		fail_msg("%s: %s", url, error);
	redis_link = redis_link_new(&worker, &conf);
}

static int group_setup(void **state)
{
	(void)state;
	hash_seed();
	log_set_level(LOG_ERROR);
	return worker_init(&worker, 0);
}

static int group_teardown(void **state)
{
	(void)state;
	worker_fini(&worker);
	resolve_fini();
	arena_thread_fini();
	buf_thread_fini();
	return 0;
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	server_init(&server, false);
	server_start(&server, NULL);
	open_link(server.url);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	redis_link_free(&redis_link);
	run_for(1); /* the grave */
	server_fini(&server);
	arena_fini(&arena);
	return 0;
}

/* ---- when all is well ---------------------------------------------------------------------- */

TEST_WITH(commands, setup, teardown)
{
	struct note n;
	assert_int_equal(redis_link_state(redis_link), REDIS_IDLE);
	/* held until the connection is open */
	assert_int_equal(ask(&n, 1000, "SET", "k", "v"), SLUICE_OK);
	assert_string_equal(n.text, "OK");
	assert_int_equal(ask(&n, 1000, "GET", "k", NULL), SLUICE_OK);
	assert_string_equal(n.text, "v");
	assert_int_equal(ask(&n, 1000, "GET", "none", NULL), SLUICE_OK);
	assert_string_equal(n.text, "nil");
	assert_int_equal(ask(&n, 1000, "INCR", "n", NULL), SLUICE_OK);
	assert_string_equal(n.text, "1");
	assert_int_equal(ask(&n, 1000, "MGET", "k", "n"), SLUICE_OK);
	assert_string_equal(n.text, "v,1");
	assert_int_equal(ask(&n, 1000, "INCR", "k", NULL), SLUICE_ERROR);
	assert_non_null(strstr(n.text, "not an integer"));
	assert_int_equal(redis_link_waiting(redis_link), 0);
}

TEST_WITH(refused_commands, setup, teardown)
{
	struct note n;
	assert_int_equal(ask(&n, 1000, "subscribe", "x", NULL), SLUICE_ERROR);
	assert_int_equal(ask(&n, 1000, "MULTI", NULL, NULL), SLUICE_ERROR);
	assert_int_equal(ask(&n, 1000, "Select", "3", NULL), SLUICE_ERROR);
	assert_int_equal(redis_send(redis_link, &n.call, NULL, 0, MS), SLUICE_ERROR);
	assert_int_equal(n.n, 0);
	assert_int_equal(redis_link_state(redis_link), REDIS_IDLE);
}

static unsigned n_all;
static void count_all(struct note *n)
{
	(void)n;
	n_all++;
}
static bool all_done(void *arg)
{
	return n_all == *(unsigned *)arg;
}

/* A thousand commands of one turn are one write, so that Redis reads them at one or two goes. */
TEST_WITH(one_write, setup, teardown)
{
	enum { N = 1000 };
	struct note *notes = calloc(N, sizeof(*notes)), n;
	unsigned want = N;
	assert_non_null(notes);
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_OK);
	long long before = server_number(&server, "INFO stats", "total_reads_processed:");
	n_all = 0;
	for (unsigned i = 0; i < N; i++) {
		char text[16];
		(void)snprintf(text, sizeof(text), "%u", i);
		note_init(&notes[i]);
		notes[i].then = count_all;
		assert_int_equal(note_send(&notes[i], 1000, "ECHO", text, NULL), SLUICE_OK);
	}
	assert_int_equal(redis_link_waiting(redis_link), N);
	assert_true(run_until(all_done, &want, 5000));
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(notes[i].st, SLUICE_OK);
		assert_int_equal(strtoul(notes[i].text, NULL, 10), i);
	}
	long long after = server_number(&server, "INFO stats", "total_reads_processed:");
	assert_true(before >= 0);
	/* 28 KB, which Redis reads in pieces of 16 KiB; the questions themselves are two more */
	assert_in_range(after - before, 1, 6);
	free(notes);
}

TEST_WITH(script, setup, teardown)
{
	struct note n;
	char large[2000];
	sluice_str args[] = { STR("7"), STR("x y") };
	struct sluice_script *script =
		script_new(&arena, STR("return {KEYS[1], ARGV[1] + 1, ARGV[2], #ARGV}"));
	assert_non_null(script);
	for (int round = 0; round < 3; round++) {
		note_init(&n);
		assert_int_equal(redis_eval(redis_link, &n.call, script, STR("key"), args, 2,
					 1000 * MS),
			SLUICE_OK);
		assert_true(run_until(note_done, &n, 5000));
		assert_int_equal(n.st, SLUICE_OK);
		assert_string_equal(n.text, "key,8,x y,2");
		if (round == 1)
			assert_non_null(strstr(server_command(&server, "SCRIPT FLUSH"), "+OK"));
	}
	/* unknown at first, and again after the flush: whole twice, by its digest three times */
	assert_int_equal(server_number(&server, "INFO commandstats", "cmdstat_eval:calls="), 2);
	assert_int_equal(server_number(&server, "INFO commandstats", "cmdstat_evalsha:calls="), 3);

	/* arguments that do not fit into the call itself */
	(void)server_command(&server, "SCRIPT FLUSH");
	memset(large, 'l', sizeof(large));
	args[1] = str_n(large, sizeof(large));
	note_init(&n);
	assert_int_equal(redis_eval(redis_link, &n.call, script, STR("key"), args, 2, 1000 * MS),
		SLUICE_OK);
	assert_true(run_until(note_done, &n, 5000));
	assert_int_equal(n.st, SLUICE_OK);
	assert_memory_equal(n.text, "key,8,llll", 10);

	/* an error of the script itself is not tried again */
	struct sluice_script *bad =
		script_new(&arena, STR("return redis.error_reply('NOSCRIPT of my own')"));
	note_init(&n);
	assert_int_equal(redis_eval(redis_link, &n.call, bad, STR("key"), NULL, 0, 1000 * MS),
		SLUICE_OK);
	assert_true(run_until(note_done, &n, 5000));
	assert_int_equal(n.st, SLUICE_ERROR);
	assert_string_equal(n.text, "NOSCRIPT of my own");

	sluice_str too_many[SCRIPT_ARGS_MAX + 1] = { { NULL, 0 } };
	note_init(&n);
	assert_int_equal(redis_eval(redis_link, &n.call, script, STR("key"), too_many,
				 SCRIPT_ARGS_MAX + 1, MS),
		SLUICE_ERROR);
}

static void send_again(struct note *n)
{
	n->then = NULL;
	assert_int_equal(note_send(n, 1000, "ECHO", "again", NULL), SLUICE_OK);
}

static bool note_twice(void *arg)
{
	return ((struct note *)arg)->n == 2;
}

TEST_WITH(call_from_a_callback, setup, teardown)
{
	struct note n;
	note_init(&n);
	n.then = send_again;
	assert_int_equal(note_send(&n, 1000, "ECHO", "first", NULL), SLUICE_OK);
	assert_true(run_until(note_twice, &n, 5000));
	assert_string_equal(n.text, "again");
}

TEST_WITH(cancel, setup, teardown)
{
	struct note a, b, c;
	note_init(&a);
	note_init(&b);
	note_init(&c);
	assert_int_equal(note_send(&a, 1000, "ECHO", "a", NULL), SLUICE_OK);
	assert_int_equal(note_send(&b, 1000, "ECHO", "b", NULL), SLUICE_OK);
	assert_int_equal(note_send(&c, 1000, "ECHO", "c", NULL), SLUICE_OK);
	redis_cancel(&b.call);
	redis_cancel(&b.call);
	assert_int_equal(redis_link_waiting(redis_link), 2);
	assert_true(run_until(note_done, &c, 5000));
	assert_string_equal(a.text, "a");
	assert_string_equal(c.text, "c");
	assert_int_equal(b.n, 0);
}

/* ---- a slow server, a hanging one ---------------------------------------------------------- */

TEST_WITH(late_reply, setup, teardown)
{
	struct note late, n;
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_OK);
	server_pause(&server);
	uint64_t began = clock_ns();
	assert_int_equal(ask(&late, 50, "ECHO", "late", NULL), SLUICE_TIMEOUT);
	assert_in_range(late.at_ns - began, 50 * MS, 110 * MS);
	server_resume(&server);
	assert_int_equal(redis_link_state(redis_link), REDIS_READY);
	/* its reply comes, and is not taken for this one's */
	assert_int_equal(ask(&n, 1000, "ECHO", "next", NULL), SLUICE_OK);
	assert_string_equal(n.text, "next");
	assert_int_equal(late.n, 1);
}

TEST_WITH(hanging_server, setup, teardown)
{
	struct note n, waiting;
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_OK);
	server_pause(&server);
	note_init(&waiting);
	assert_int_equal(note_send(&n, 50, "ECHO", "x", NULL), SLUICE_OK);
	assert_int_equal(note_send(&waiting, 2000, "ECHO", "y", NULL), SLUICE_OK);
	uint64_t began = clock_ns();
	/* overdue since 50 + 200 ms: all that wait are told */
	assert_true(run_until(note_done, &waiting, 5000));
	assert_int_equal(waiting.st, SLUICE_UNREACHABLE);
	assert_in_range(waiting.at_ns - began, 240 * MS, 400 * MS);
	/* and nobody waits any more */
	for (int i = 0; i < 20; i++) {
		assert_int_equal(ask(&n, 50, "PING", NULL, NULL), SLUICE_UNREACHABLE);
		run_for(20);
	}
	server_resume(&server);
	assert_true(run_until(is_ready, NULL, 5000));
	assert_int_equal(ask(&n, 1000, "ECHO", "back", NULL), SLUICE_OK);
	assert_string_equal(n.text, "back");
}

/* Nobody asks anything, and still it is found out, so that the next one does not wait. */
TEST_WITH(idle, setup, teardown)
{
	struct note n;
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_OK);
	run_for(1500);
	assert_int_equal(redis_link_state(redis_link), REDIS_READY);
	assert_in_range(server_number(&server, "INFO commandstats", "cmdstat_ping:calls="), 4, 6);
	/* their replies are not taken for others' */
	assert_int_equal(ask(&n, 1000, "ECHO", "x", NULL), SLUICE_OK);
	assert_string_equal(n.text, "x");
	server_pause(&server);
	assert_true(run_until(is_waiting, NULL, 1000));
	assert_int_equal(ask(&n, 50, "PING", NULL, NULL), SLUICE_UNREACHABLE);
	assert_int_equal(n.n, 0);
	server_resume(&server);
}

static struct note slow_notes[30];

/* Every reply comes, but after 80 ms: of no use to calls that wait for 50. */
TEST_WITH(slow_server, setup, teardown)
{
	struct note n;
	bool found_out = false;
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_OK);
	for (unsigned i = 0; i < sizeof(slow_notes) / sizeof(slow_notes[0]) && !found_out; i++) {
		server_pause(&server);
		note_init(&slow_notes[i]);
		assert_int_equal(note_send(&slow_notes[i], 30, "ECHO", "x", NULL), SLUICE_OK);
		found_out = run_until(is_waiting, NULL, 80);
		if (found_out)
			assert_int_equal(note_send(&n, 50, "PING", NULL, NULL), SLUICE_UNREACHABLE);
		server_resume(&server);
		found_out |= run_until(is_waiting, NULL, 15);
	}
	assert_true(found_out);
	assert_true(run_until(is_ready, NULL, 5000));
}

TEST_WITH(bounds, setup, teardown)
{
	struct note *notes = calloc(REDIS_IN_FLIGHT_MAX + 1, sizeof(*notes)), n;
	assert_non_null(notes);
	for (unsigned i = 0; i <= REDIS_IN_FLIGHT_MAX; i++)
		note_init(&notes[i]);
	/* before it is connected */
	for (unsigned i = 0; i < REDIS_HELD_MAX; i++)
		assert_int_equal(note_send(&notes[i], 5000, "PING", NULL, NULL), SLUICE_OK);
	assert_int_equal(note_send(&notes[REDIS_HELD_MAX], 5000, "PING", NULL, NULL),
		SLUICE_UNREACHABLE);
	assert_true(run_until(note_done, &notes[REDIS_HELD_MAX - 1], 5000));

	/* in flight; those given up still are */
	server_pause(&server);
	for (unsigned i = 0; i < REDIS_IN_FLIGHT_MAX; i++) {
		note_init(&notes[i]);
		assert_int_equal(note_send(&notes[i], 5000, "PING", NULL, NULL), SLUICE_OK);
		if (i % 2)
			redis_cancel(&notes[i].call);
	}
	assert_int_equal(redis_link_waiting(redis_link), REDIS_IN_FLIGHT_MAX / 2);
	assert_int_equal(note_send(&notes[REDIS_IN_FLIGHT_MAX], 5000, "PING", NULL, NULL),
		SLUICE_UNREACHABLE);
	server_resume(&server);
	assert_true(run_until(note_done, &notes[REDIS_IN_FLIGHT_MAX - 2], 5000));
	assert_int_equal(ask(&n, 1000, "ECHO", "room", NULL), SLUICE_OK);
	assert_string_equal(n.text, "room");

	/* bytes nobody takes */
	server_pause(&server);
	char *large = calloc(1, MIB);
	assert_non_null(large);
	sluice_str argv[] = { STR("ECHO"), str_n(large, MIB - 64) };
	unsigned taken = 0;
	for (unsigned i = 0; i < 20; i++) {
		note_init(&notes[i]);
		taken += redis_send(redis_link, &notes[i].call, argv, 2, 5000 * MS) == SLUICE_OK;
	}
	assert_in_range(taken, 7, 10);
	argv[1].len = MIB;
	assert_int_equal(redis_send(redis_link, &notes[20].call, argv, 2, 5000 * MS),
		SLUICE_UNREACHABLE);
	free(large);
	server_resume(&server);
	redis_link_free(&redis_link);
	free(notes);
}

/* ---- connections that come and go ---------------------------------------------------------- */

TEST_WITH(no_server, setup, teardown)
{
	struct note n;
	server_kill(&server);
	uint64_t began = clock_ns();
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_UNREACHABLE); /* was held */
	assert_in_range(n.at_ns - began, 0, 100 * MS);
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_UNREACHABLE); /* at once */
	assert_int_equal(n.n, 0);
	run_for(300); /* some attempts fail */
	server_start(&server, NULL);
	assert_true(run_until(is_ready, NULL, 5000));
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_OK);
	assert_string_equal(n.text, "PONG");
}

TEST_WITH(restart, setup, teardown)
{
	struct note n, under_way;
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_OK);
	server_pause(&server);
	note_init(&under_way);
	assert_int_equal(note_send(&under_way, 1000, "PING", NULL, NULL), SLUICE_OK);
	run_for(5);
	server_kill(&server);
	assert_true(run_until(note_done, &under_way, 1000));
	assert_int_equal(under_way.st, SLUICE_UNREACHABLE);
	assert_true(run_until(is_waiting, NULL, 1000));
	server_start(&server, NULL);
	assert_true(run_until(is_ready, NULL, 5000));
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_OK);
}

/* A connection that was good and ended is replaced without anybody being refused. */
TEST_WITH(ended, setup, teardown)
{
	struct note n;
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_OK);
	run_for(1100);
	(void)server_command(&server, "CLIENT KILL TYPE normal");
	run_for(2);
	assert_int_equal(ask(&n, 1000, "ECHO", "held", NULL), SLUICE_OK);
	assert_string_equal(n.text, "held");
	/* but one that ends soon again is no good */
	(void)server_command(&server, "CLIENT KILL TYPE normal");
	assert_true(run_until(is_waiting, NULL, 1000));
	assert_true(run_until(is_ready, NULL, 5000));
}

TEST_WITH(login, setup, teardown)
{
	struct note n;
	char url[256];
	/* no password given, and a wrong one */
	server_kill(&server);
	server_start(&server, "requirepass top%secret\nuser ann on >pw ~* &* +@all");
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_UNREACHABLE);
	redis_link_free(&redis_link);
	server_fini(&server);

	server_init(&server, true);
	server_start(&server, "requirepass top%secret\nuser ann on >pw ~* &* +@all");
	(void)snprintf(url, sizeof(url), "redis://:wrong@127.0.0.1:%u/3", server.port);
	open_link(url);
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_UNREACHABLE);
	redis_link_free(&redis_link);

	(void)snprintf(url, sizeof(url), "redis://:top%%25secret@127.0.0.1:%u/3", server.port);
	open_link(url);
	assert_int_equal(ask(&n, 1000, "CONFIG", "GET", "port"), SLUICE_OK);
	assert_int_equal(ask(&n, 1000, "SET", "where", "db3"), SLUICE_OK);
	redis_link_free(&redis_link);

	/* a user, a name to look up, another database */
	(void)snprintf(url, sizeof(url), "redis://ann:pw@localhost:%u/3", server.port);
	open_link(url);
	assert_int_equal(ask(&n, 2000, "ACL", "WHOAMI", NULL), SLUICE_OK);
	assert_string_equal(n.text, "ann");
	assert_int_equal(ask(&n, 1000, "GET", "where", NULL), SLUICE_OK);
	assert_string_equal(n.text, "db3");
	redis_link_free(&redis_link);

	(void)snprintf(url, sizeof(url), "redis://ann:pw@127.0.0.1:%u/99",
		server.port); /* no such database */
	open_link(url);
	assert_int_equal(ask(&n, 1000, "PING", NULL, NULL), SLUICE_UNREACHABLE);
}

TEST_WITH(no_such_name, setup, teardown)
{
	struct note n;
	redis_link_free(&redis_link);
	/* a label that is too long: the system's resolver says so without asking anyone */
	open_link(
		"redis://1234567890123456789012345678901234567890123456789012345678901234.example");
	assert_int_equal(ask(&n, 2000, "PING", NULL, NULL), SLUICE_UNREACHABLE);
	assert_int_equal(ask(&n, 2000, "PING", NULL, NULL), SLUICE_UNREACHABLE);
}

static void free_link(struct note *n)
{
	(void)n;
	redis_link_free(&redis_link);
}

TEST_WITH(link_free, setup, teardown)
{
	struct note a, b, c;
	/* from a callback: the others are told, and the replies behind it are not read */
	note_init(&a);
	note_init(&b);
	note_init(&c);
	b.then = free_link;
	assert_int_equal(note_send(&a, 1000, "ECHO", "a", NULL), SLUICE_OK);
	assert_int_equal(note_send(&b, 1000, "ECHO", "b", NULL), SLUICE_OK);
	assert_int_equal(note_send(&c, 1000, "ECHO", "c", NULL), SLUICE_OK);
	assert_true(run_until(note_done, &c, 5000));
	assert_string_equal(a.text, "a");
	assert_string_equal(b.text, "b");
	assert_int_equal(c.st, SLUICE_UNREACHABLE);
	assert_null(redis_link);

	/* while it connects, while it waits */
	open_link(server.url);
	note_init(&a);
	assert_int_equal(note_send(&a, 1000, "ECHO", "a", NULL), SLUICE_OK);
	redis_link_free(&redis_link);
	assert_int_equal(a.st, SLUICE_UNREACHABLE);
	run_for(1);
	open_link("unix:/nowhere/at.all");
	assert_int_equal(ask(&a, 1000, "PING", NULL, NULL), SLUICE_UNREACHABLE);
	redis_link_free(&redis_link);

	/* when a deadline passes */
	open_link(server.url);
	assert_int_equal(ask(&a, 1000, "PING", NULL, NULL), SLUICE_OK);
	server_pause(&server);
	note_init(&a);
	a.then = free_link;
	assert_int_equal(note_send(&a, 10, "PING", NULL, NULL), SLUICE_OK);
	assert_true(run_until(note_done, &a, 5000));
	assert_int_equal(a.st, SLUICE_TIMEOUT);
	server_resume(&server);
}

/* ---- impostors ----------------------------------------------------------------------------- */

/* What a server says to every connection it takes; it reads nothing. */
static struct impostor {
	int fd;
	const char *says;
	unsigned n;
	int taken[64];
	struct timer timer;
} impostor;

static void impostor_on_due(struct timer *t)
{
	struct impostor *i = container_of(t, struct impostor, timer);
	int fd = accept(i->fd, NULL, NULL);
	if (fd >= 0 && i->n < 64) {
		i->taken[i->n++] = fd;
		assert_int_equal(send(fd, i->says, strlen(i->says), MSG_NOSIGNAL), strlen(i->says));
	}
	worker_timer(&worker, &i->timer, MS);
}

static void expect_impostor(const char *says)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct note n;
	server_kill(&server);
	redis_link_free(&redis_link);
	(void)unlink(server.socket);
	impostor = (struct impostor){ .says = says };
	timer_init(&impostor.timer, impostor_on_due);
	impostor.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", server.socket);
	assert_int_equal(bind(impostor.fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(impostor.fd, 64), 0);
	worker_timer(&worker, &impostor.timer, MS);
	open_link(server.url);
	if (ask(&n, 900, "PING", NULL, NULL) != SLUICE_UNREACHABLE)
		fail_msg("\"%s\" was taken for Redis: %d %s", says, n.st, n.text);
	timer_drop(&impostor.timer);
	(void)close(impostor.fd);
	for (unsigned i = 0; i < impostor.n; i++)
		(void)close(impostor.taken[i]);
}

TEST_WITH(impostors, setup, teardown)
{
	expect_impostor("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
	expect_impostor("-LOADING Redis is loading the dataset in memory\r\n");
	expect_impostor("-ERR max number of clients reached\r\n");
	expect_impostor("+PONG\r\n+a reply that nobody asked for\r\n+and another\r\n");
	expect_impostor("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n");
}

TEST_GROUP(group_setup, group_teardown);
