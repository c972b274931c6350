/* upstream/server: names whose addresses come, go and stay. */
#include "upstream/server.h"

#include "kit.h"

static struct test_conf conf;
static struct balance balance;
static struct server_setup setup;
static struct server server;
static unsigned n_answers;

static struct server_look last;

static void on_answer(void *user, const struct server_look *look)
{
	assert_ptr_equal(user, &setup);
	last = *look;
	n_answers += look->is_first;
}

static void make(const char *address)
{
	conf_make(&conf, "test", (const char *[]){ address, NULL });
	balance_init(&balance, BALANCE_ROUND_ROBIN, NULL);
	setup = (struct server_setup){ .worker = &kit_worker,
		.balance = &balance,
		.conf = &conf.conf,
		.bounds = { .serial = 1, .max_idle = 5, .health = conf.conf.health },
		.on_answer = on_answer,
		.user = &setup };
	n_answers = 0;
	server_start(&server, &setup, &conf.servers[0], NULL);
}

static void unmake(void)
{
	server_stop(&server);
	assert_int_equal(balance.n, 0);
	balance_fini(&balance);
}

/* As if the name service had said so; with a TTL in ms, 0: without one. */
static uint64_t ttl_ms, age_ms;

static void answer(const char *const *ips, const char *error)
{
	/* with addresses, an error is the reason why they are not new */
	struct resolve_answer a = { .error = ips ? NULL : error,
		.stale = ips ? error : NULL,
		.reason = error ? RESOLVE_TIMEOUT : RESOLVE_OK,
		.age_ns = age_ms * NS_PER_MS,
		.ttl_ns = ttl_ms ? ttl_ms * NS_PER_MS : RESOLVE_NO_TTL };
	resolve_cancel(&server.call);
	for (; ips && ips[a.n]; a.n++)
		assert_true(addr_from_ip(str_of(ips[a.n]), 80, &a.addrs[a.n]));
	server.call.on_answer(&server.call, &a);
}

static const struct endpoint *endpoint_of(const char *address)
{
	for (unsigned i = 0; i < server.n_candidates; i++) {
		if (str_eq(endpoint_address(server.candidates[i]->endpoint), str_of(address)))
			return server.candidates[i]->endpoint;
	}
	return NULL;
}

TEST(literal)
{
	make("192.0.2.1:80*7");
	assert_true(server.asked);
	assert_int_equal(balance.n, 1);
	assert_int_equal(balance.all[0]->weight, 7);
	assert_int_equal(balance.all[0]->endpoint->bounds.max_idle, 5);
	assert_null(server.call.wait);
	unmake();
}

TEST(addresses_change)
{
	make("name.invalid:80*3");
	assert_false(server.asked);
	assert_int_equal(balance.n, 0);
	answer((const char *[]){ "192.0.2.1", "192.0.2.2", NULL }, NULL);
	assert_int_equal(n_answers, 1);
	assert_int_equal(balance.n, 2);
	assert_int_equal(balance.all[1]->weight, 3);
	uint64_t kept = endpoint_of("192.0.2.2:80")->id;
	answer((const char *[]){ "2001:db8::3", "192.0.2.2", NULL }, NULL);
	assert_int_equal(n_answers, 1); /* nobody waits for later ones */
	assert_int_equal(balance.n, 2);
	assert_null(endpoint_of("192.0.2.1:80"));
	assert_non_null(endpoint_of("[2001:db8::3]:80"));
	assert_int_equal(endpoint_of("192.0.2.2:80")->id, kept);
	answer((const char *[]){ "192.0.2.9", NULL }, NULL);
	assert_int_equal(balance.n, 1);
	unmake();
}

TEST(failure_keeps_what_is_known)
{
	make("name.invalid:80");
	answer((const char *[]){ "192.0.2.1", NULL }, NULL);
	for (int i = 0; i < 20; i++) {
		answer((const char *[]){ "192.0.2.1", NULL }, "the name service is on fire");
		assert_int_equal(balance.n, 1);
		/* asked again sooner, but not all the time, and never later than usual */
		uint64_t in = server.timer.due_ns - worker_now(&kit_worker);
		assert_true(in >= 490 * NS_PER_MS && in <= 1000 * NS_PER_MS);
	}
	answer((const char *[]){ "192.0.2.1", NULL }, NULL);
	assert_int_equal(server.n_failed, 0);
	unmake();
}

TEST(failure_for_too_long)
{
	make("name.invalid:80");
	answer((const char *[]){ "192.0.2.1", "192.0.2.2", NULL }, NULL);
	answer((const char *[]){ "192.0.2.1", "192.0.2.2", NULL }, "no answer");
	assert_int_equal(balance.n, 2);
	assert_int_equal(last.reason, RESOLVE_TIMEOUT);
	answer(NULL, "no answer"); /* nor an earlier one that may be used */
	assert_int_equal(balance.n, 0);
	assert_int_equal(last.removed, 2);
	unmake();
}

TEST(no_question_says_nothing)
{
	make("name.invalid:80");
	answer((const char *[]){ "192.0.2.1", NULL }, NULL);
	const struct resolve_answer a = { .error = "too many", .reason = RESOLVE_LIMIT };
	resolve_cancel(&server.call);
	server.call.on_answer(&server.call, &a);
	assert_int_equal(balance.n, 1);
	unmake();
}

static uint64_t next_look_ms(void)
{
	return (server.timer.due_ns - worker_now(&kit_worker) + NS_PER_MS / 2) / NS_PER_MS;
}

TEST(next_look_by_ttl)
{
	const char *const ips[] = { "192.0.2.1", NULL };
	make("name.invalid:80");
	assert_int_equal(conf.conf.resolve_interval, 1000);
	answer(ips, NULL);
	assert_int_equal(next_look_ms(), 1000); /* nobody says how long: /etc/hosts */
	ttl_ms = 300;
	answer(ips, NULL);
	assert_int_equal(next_look_ms(), 300);
	ttl_ms = 5000; /* resolve_interval is shorter, and counts from the question on */
	age_ms = 400;
	answer(ips, NULL);
	assert_int_equal(next_look_ms(), 600);
	assert_int_equal(last.added + last.removed, 0);
	ttl_ms = age_ms = 0;
	unmake();
}

TEST(failure_at_first)
{
	make("name.invalid:80");
	answer(NULL, "no such name");
	assert_true(server.asked);
	assert_int_equal(n_answers, 1); /* who waits must know */
	assert_int_equal(balance.n, 0);
	answer((const char *[]){ "192.0.2.1", NULL }, NULL);
	assert_int_equal(n_answers, 2);
	assert_int_equal(balance.n, 1);
	unmake();
}

TEST(taken_over)
{
	struct server later;
	make("name.invalid:80");
	answer((const char *[]){ "192.0.2.1", "192.0.2.2", NULL }, NULL);
	server_start(&later, &setup, &conf.servers[0], &server);
	assert_true(later.asked);
	assert_int_equal(later.n_candidates, 2);
	assert_ptr_equal(later.candidates[0]->endpoint, server.candidates[0]->endpoint);
	assert_non_null(later.call.wait); /* asks all the same */
	server_stop(&server);
	assert_int_equal(balance.n, 2);
	server_stop(&later);
	balance_fini(&balance);
}

TEST(bounds_of_the_youngest)
{
	struct server_setup older;
	struct server second;
	make("192.0.2.1:80");
	setup.bounds.serial = 5;
	setup.bounds.max_idle = 55;
	server_start(&second, &setup, &conf.servers[0], NULL);
	assert_int_equal(server.candidates[0]->endpoint->bounds.max_idle, 55);
	server_stop(&second);
	/* an older configuration has no say any more */
	older = setup;
	older.bounds = (struct endpoint_bounds){ .serial = 2, .max_idle = 22 };
	server_start(&second, &older, &conf.servers[0], NULL);
	assert_int_equal(server.candidates[0]->endpoint->bounds.max_idle, 55);
	server_stop(&second);
	unmake();
}

TEST_GROUP(kit_setup, kit_teardown);
