/* upstream/again: further tries by rules, and a second server beside one that is slow. */
#include "http/head.h"
#include "kit.h"
#include "net/timer.h"

TEST_GROUP(kit_setup, kit_teardown);

static struct test_server a, b;
static struct test_conf conf;
static struct retry_rules rules;

static struct upstream *attach_with(const char *const *addresses, unsigned failures)
{
	conf_make(&conf, "u", addresses);
	conf.conf.health.failures = failures;
	rules = (struct retry_rules){ .on = RETRY_ON_CONNECT | RETRY_ON_RESET,
		.tries = 3,
		.budget = BUDGET_ALL,
		.is_given = true,
		.within_ns = TIMER_NEVER };
	return upstream_attach(&kit_worker, &conf.conf, NULL, 1, NULL);
}

static struct upstream *attach(const char *const *addresses)
{
	return attach_with(addresses, 3);
}

static const char *address_of_nobody(char text[32])
{
	(void)snprintf(text, 32, "127.0.0.1:%u", (unsigned)port_unused());
	return text;
}

static void ask(struct probe *p, struct upstream *u)
{
	probe_init(p);
	upstream_go_by(&p->call, u, &rules);
	probe_open(p, u);
	assert_true(kit_run(&p->done, 2000));
}

static void end(struct probe *p, struct upstream **u)
{
	probe_fini(p);
	upstream_detach(u);
}

TEST(the_second_server_is_asked_at_once)
{
	struct probe p;
	char nobody[32];
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ address_of_nobody(nobody), a.address, NULL });
	rules.backoff_ns = UINT64_C(3600) * 1000000000;
	for (int i = 0; i < 2; i++) {
		ask(&p, u);
		assert_int_equal(p.err, 0);
		assert_string_equal(p.body, "a");
		if (i == 0)
			probe_fini(&p);
	}
	end(&p, &u);
	server_down(&a);
}

TEST(the_third_server_is_asked_after_a_pause)
{
	struct probe p;
	char one[32], two[32];
	server_up(&a, "a", 0);
	struct upstream *u = attach_with((const char *[]){ address_of_nobody(one),
						 address_of_nobody(two), a.address, NULL },
		0);
	rules.backoff_ns = 60 * NS_PER_MS;
	bool paused = false;
	for (int i = 0; i < 3; i++) { /* each server is the first once */
		ask(&p, u);
		assert_int_equal(p.err, 0);
		if (p.call.tries == 3) {
			/* at least half of it */
			assert_true(p.call.wait_ns >= 30 * NS_PER_MS);
			paused = true;
		}
		probe_fini(&p);
	}
	assert_true(paused);
	upstream_detach(&u);
	server_down(&a);
}

TEST(a_call_that_pauses_can_be_cancelled)
{
	struct probe p;
	char one[32], two[32], three[32];
	struct upstream *u = attach((const char *[]){ address_of_nobody(one),
		address_of_nobody(two), address_of_nobody(three), NULL });
	rules.backoff_ns = UINT64_C(3600) * 1000000000;
	probe_init(&p);
	upstream_go_by(&p.call, u, &rules);
	probe_open(&p, u);
	for (int i = 0; i < 200 && p.call.state != UPSTREAM_CALL_PAUSED; i++)
		kit_pass(5);
	assert_int_equal(p.call.state, UPSTREAM_CALL_PAUSED);
	assert_false(p.done);
	end(&p, &u);
}

TEST(connects_that_are_not_to_be_repeated)
{
	struct probe p;
	char one[32], two[32];
	struct upstream *u = attach(
		(const char *[]){ address_of_nobody(one), address_of_nobody(two), NULL });
	rules.on = 0;
	ask(&p, u);
	assert_int_equal(p.err, ERR_CONNECT_FAILED);
	assert_int_equal(p.call.tries, 1);
	end(&p, &u);
}

TEST(time_and_budget)
{
	struct probe p;
	char one[32], two[32];
	struct upstream *u = attach_with((const char *[]){ address_of_nobody(one),
						 address_of_nobody(two), NULL },
		0);
	rules.within_ns = 0;
	ask(&p, u);
	assert_int_equal(p.err, ERR_CONNECT_FAILED);
	assert_int_equal(p.call.tries, 1);
	assert_int_equal(p.call.stop, UPSTREAM_OUT_OF_TIME);
	probe_fini(&p);
	rules.within_ns = TIMER_NEVER;
	rules.budget = 100;
	unsigned again = 0, refused = 0;
	for (unsigned i = 0; i < 30; i++) {
		ask(&p, u);
		again += p.call.tries == 2;
		refused += p.call.stop == UPSTREAM_OUT_OF_BUDGET;
		probe_fini(&p);
	}
	assert_int_equal(again + refused, 30);
	assert_true(again >= 24 && refused > 0);
	upstream_detach(&u);
}

/* The first try may go to a server that is down, when all are; a further one never. */
TEST(none_that_is_down)
{
	struct probe p;
	char one[32], two[32];
	struct upstream *u = attach(
		(const char *[]){ address_of_nobody(one), address_of_nobody(two), NULL });
	for (int i = 0; i < 10 && kit_view(one).state == ENDPOINT_UP; i++) {
		ask(&p, u);
		probe_fini(&p);
	}
	assert_int_equal(kit_view(one).state, ENDPOINT_DOWN);
	assert_int_equal(kit_view(two).state, ENDPOINT_DOWN);
	ask(&p, u);
	assert_int_equal(p.call.tries, 1);
	assert_int_equal(p.err, ERR_CONNECT_FAILED);
	end(&p, &u);
}

/* ---- a second server ----------------------------------------------------------------------- */

static bool second_is_ready, second_failed;

static void on_second_ready(struct upstream_call *c)
{
	(void)c;
	second_is_ready = true;
	kit_stop();
}

static void on_second_fail(struct upstream_call *c, int err)
{
	(void)c, (void)err;
	second_failed = true;
	kit_stop();
}

/* The probe waits for server a, which is silent; c for its second server. */
static void begin_hedge(struct probe *p, struct upstream_call *c, struct upstream *u)
{
	atomic_store(&a.mode, SERVE_SILENT);
	probe_init(p);
	p->auto_finish = false;
	upstream_go_by(&p->call, u, &rules);
	probe_open(p, u);
	assert_true(kit_run(&p->ready, 1000));
	*c = (struct upstream_call){ 0 };
	upstream_call_init(c, on_second_ready, on_second_fail);
	second_is_ready = second_failed = false;
}

TEST(the_second_takes_the_place_of_the_first)
{
	struct probe p;
	struct upstream_call c;
	server_up(&a, "a", 0);
	server_up(&b, "b", 0);
	struct upstream *u = attach((const char *[]){ a.address, b.address, NULL });
	begin_hedge(&p, &c, u);
	sluice_str first = endpoint_address(p.call.endpoint);
	assert_true(upstream_hedge(&c, &p.call));
	int r = upstream_open(&c, u, p.call.events, &p, &p.arena);
	if (r == 0)
		assert_true(kit_run(&second_is_ready, 1000));
	struct origin *loser = p.call.origin;
	upstream_answered(&p.call, 503);
	upstream_report(&p.call, ERR_OVERTAKEN);
	loser->ops->release(loser);
	upstream_hedge_wins(&c, &p.call);
	upstream_hedge_over(&c, &p.call, "won");
	assert_int_equal(p.call.state, UPSTREAM_CALL_READY);
	assert_int_equal(c.state, UPSTREAM_CALL_IDLE);
	assert_int_equal(p.call.status, 0); /* of its own response, which has not come */
	assert_false(str_eq(endpoint_address(p.call.endpoint), first));
	assert_string_equal(p.call.failures->reason, "overtaken");
	assert_true(str_eq(p.call.failures->server, first));
	upstream_call_fini(&c);
	probe_finish(&p, 0);
	assert_int_equal(p.call.tries, 2);
	assert_false(upstream_may_retry(&p.call)); /* both were asked */
	end(&p, &u);
	server_down(&a);
	server_down(&b);
}

TEST(the_second_is_given_up)
{
	struct probe p;
	struct upstream_call c;
	char nobody[32];
	server_up(&a, "a", 0);
	char first[64];
	/* nearly always the first one asked */
	(void)snprintf(first, sizeof(first), "%s*100", a.address);
	struct upstream *u =
		attach_with((const char *[]){ first, address_of_nobody(nobody), NULL }, 0);
	begin_hedge(&p, &c, u);
	while (p.call.tries) {
		upstream_call_fini(&c);
		probe_finish(&p, 0);
		probe_fini(&p);
		begin_hedge(&p, &c, u);
	}
	assert_true(upstream_hedge(&c, &p.call));
	assert_int_equal(upstream_open(&c, u, p.call.events, &p, &p.arena), 0);
	assert_true(kit_run(&second_failed, 1000));
	upstream_hedge_over(&c, &p.call, "failed");
	upstream_call_fini(&c);
	assert_int_equal(p.call.state, UPSTREAM_CALL_READY);
	assert_string_equal(p.call.failures->reason, "connect-failed");
	assert_int_equal(p.call.tries, 1);
	assert_false(upstream_may_retry(&p.call)); /* a third server is not there */
	probe_finish(&p, 0);
	end(&p, &u);
	server_down(&a);
}

TEST(there_is_no_second_one)
{
	struct probe p;
	struct upstream_call c;
	server_up(&a, "a", 0);
	struct upstream *u = attach((const char *[]){ a.address, NULL });
	begin_hedge(&p, &c, u);
	assert_false(upstream_hedge(&c, &p.call));
	upstream_call_fini(&c);
	probe_finish(&p, 0);
	end(&p, &u);
	server_down(&a);
}

TEST(the_second_of_a_hash_is_the_one_that_a_retry_would_ask)
{
	struct probe p;
	struct upstream_call c;
	server_up(&a, "a", 0);
	server_up(&b, "b", 0);
	struct upstream *u = attach((const char *[]){ a.address, b.address, NULL });
	begin_hedge(&p, &c, u);
	p.call.key = 4711;
	assert_true(upstream_hedge(&c, &p.call));
	assert_int_equal(c.key, 4711);
	upstream_call_fini(&c);
	probe_finish(&p, 0);
	end(&p, &u);
	server_down(&a);
	server_down(&b);
}

TEST(when_a_second_one_is_asked)
{
	struct upstream *u = attach((const char *[]){ "127.0.0.1:1", NULL });
	assert_int_equal(upstream_hedge_after(u, &rules), 0);
	rules.hedges = true;
	rules.hedge_ns = 7;
	assert_int_equal(upstream_hedge_after(u, &rules), 7);
	rules.hedge_percent = 90;
	assert_int_equal(upstream_hedge_after(u, &rules), 0);
	for (unsigned i = 0; i < 100; i++)
		upstream_observe(u, 10 * NS_PER_MS);
	assert_true(upstream_hedge_after(u, &rules) >= 10 * NS_PER_MS);
	assert_true(upstream_hedge_after(u, &rules) <= 12 * NS_PER_MS);
	upstream_detach(&u);
}
