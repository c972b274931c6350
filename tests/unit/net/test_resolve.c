/* net/resolve: answers come later, to whoever still wants them. */
#include "net/resolve.h"

#include <stdio.h>

#include "net/worker.h"
#include "unit.h"

enum { MANY = 40 };

struct ask {
	struct resolve_call call;
	struct resolve_answer answer;
	char error[RESOLVE_ERROR_TEXT];
	unsigned answers;
};

static struct worker worker;
static struct timer limit;
static unsigned awaited;

static void on_limit(struct timer *t)
{
	(void)t;
	worker_stop(&worker);
}

static void on_answer(struct resolve_call *c, const struct resolve_answer *a)
{
	struct ask *k = container_of(c, struct ask, call);
	assert_null(c->wait);
	k->answers++;
	k->answer = *a;
	(void)snprintf(k->error, sizeof(k->error), "%s", a->error ? a->error : "");
	if (awaited && --awaited == 0)
		worker_stop(&worker);
}

static void run(unsigned answers, unsigned ms)
{
	awaited = answers;
	worker.clock_is_fresh = false;
	atomic_store(&worker.stop, false);
	worker_timer(&worker, &limit, ms * NS_PER_MS);
	worker_run(&worker);
	timer_stop(&limit);
}

static void start(struct ask *k, const char *host, uint16_t port)
{
	*k = (struct ask){ 0 };
	resolve_call_init(&k->call, on_answer);
	resolve_start(&worker, &k->call, str_of(host), port);
	assert_int_equal(k->answers, 0);
}

static int setup(void **state)
{
	(void)state;
	timer_init(&limit, on_limit);
	return worker_init(&worker, 0);
}

static int teardown(void **state)
{
	(void)state;
	timer_drop(&limit);
	worker_fini(&worker);
	resolve_fini();
	return 0;
}

static void assert_loopback(const struct ask *k, uint16_t port)
{
	char ip[ADDR_IP_TEXT];
	assert_int_equal(k->answers, 1);
	if (k->error[0])
		fail_msg("%s", k->error);
	assert_in_range(k->answer.n, 1, RESOLVE_ADDRS_MAX);
	for (unsigned i = 0; i < k->answer.n; i++) {
		const struct addr *a = &k->answer.addrs[i];
		sluice_str text = str_n(ip, addr_ip_text(a, ip));
		assert_true(str_eq(text, STR("::1")) || str_starts(text, STR("127.")));
		assert_int_equal(addr_port(a), port);
		for (unsigned j = 0; j < i; j++)
			assert_false(addr_eq(a, &k->answer.addrs[j]));
	}
}

TEST(name)
{
	struct ask k;
	start(&k, "localhost", 8080);
	run(1, 5000);
	assert_loopback(&k, 8080);
}

TEST(literals)
{
	struct ask four, six;
	char text[ADDR_TEXT];
	start(&four, "192.0.2.7", 1);
	start(&six, "2001:db8::7", 65535);
	run(2, 5000);
	assert_int_equal(four.answer.n, 1);
	(void)addr_text(&four.answer.addrs[0], text);
	assert_string_equal(text, "192.0.2.7:1");
	(void)addr_text(&six.answer.addrs[0], text);
	assert_string_equal(text, "[2001:db8::7]:65535");
}

TEST(failures)
{
	struct ask unknown, empty, longest;
	char name[300];
	memset(name, 'a', sizeof(name));
	name[RESOLVE_HOST_MAX + 1] = 0;
	start(&unknown, "no-such-host.invalid", 80);
	start(&empty, "", 80);
	start(&longest, name, 80);
	run(3, 30000);
	assert_true(unknown.error[0] && empty.error[0] && longest.error[0]);
	assert_int_equal(unknown.answer.n, 0);
}

TEST(one_look_up_for_many)
{
	static struct ask k[MANY];
	for (unsigned i = 0; i < MANY; i++)
		start(&k[i], i % 2 ? "LOCALHOST" : "localhost", (uint16_t)(i + 1));
	run(MANY, 5000);
	for (unsigned i = 0; i < MANY; i++)
		assert_loopback(&k[i], (uint16_t)(i + 1));
}

TEST(cancel)
{
	struct ask gone, stays;
	start(&gone, "localhost", 1);
	start(&stays, "localhost", 2);
	resolve_cancel(&gone.call);
	resolve_cancel(&gone.call);
	run(1, 5000);
	assert_int_equal(gone.answers, 0);
	assert_loopback(&stays, 2);
	/* with the answer on its way */
	start(&gone, "127.0.0.1", 1);
	resolve_cancel(&gone.call);
	run(0, 50);
	assert_int_equal(gone.answers, 0);
}

struct chain {
	struct ask first, second;
};

static struct chain chain;

static void on_first(struct resolve_call *c, const struct resolve_answer *a)
{
	on_answer(c, a);
	resolve_cancel(&chain.second.call); /* of the same batch */
	chain.first.call.on_answer = on_answer;
	resolve_start(&worker, c, STR("127.0.0.1"), 9);
}

TEST(from_within)
{
	start(&chain.first, "127.0.0.1", 1);
	start(&chain.second, "127.0.0.1", 2);
	chain.first.call.on_answer = on_first;
	run(2, 5000);
	run(0, 50);
	assert_int_equal(chain.first.answers, 2);
	assert_int_equal(chain.second.answers, 0);
	assert_int_equal(addr_port(&chain.first.answer.addrs[0]), 9);
}

TEST(worker_leaves)
{
	struct ask k[8];
	for (unsigned i = 0; i < 8; i++)
		start(&k[i], i % 2 ? "localhost" : "no-such-host.invalid", 80);
	/* some may be answered by now, some under way, some waiting */
	worker_end_part(&worker, PART_RESOLVE);
	for (unsigned i = 0; i < 8; i++) {
		assert_null(k[i].call.wait);
		assert_int_equal(k[i].answers, 0);
	}
	run(0, 50);
	resolve_fini();
	start(&k[0], "localhost", 7); /* and begins anew */
	run(1, 5000);
	assert_loopback(&k[0], 7);
}

TEST_GROUP(setup, teardown);
