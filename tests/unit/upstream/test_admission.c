/* upstream/admission: the limit, the queue and the breaker in front of real servers. */
#include "upstream/admission.h"

#include "kit.h"

static struct test_server a;
static struct test_conf conf;
static struct probe p[8];

static struct upstream *attach(struct breaker *b)
{
	const struct upstream_plugins with = { .breaker = b };
	conf.conf.has_breaker = b != NULL;
	return upstream_attach(&kit_worker, &conf.conf, NULL, 1, &with);
}

static void start(unsigned i, struct upstream *u, enum call_priority priority)
{
	probe_init(&p[i]);
	p[i].call.priority = (uint8_t)priority;
	p[i].auto_finish = false;
	probe_open(&p[i], u);
}

static int setup(void **state)
{
	(void)state;
	server_up(&a, "a", 0);
	conf_make(&conf, "test", (const char *[]){ a.address, NULL });
	conf.conf.timeouts.queue = 2000;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	server_down(&a);
	return 0;
}

TEST_WITH(requests_beyond_the_limit_wait, setup, teardown)
{
	conf.conf.max_requests = 2;
	struct upstream *u = attach(NULL);
	for (unsigned i = 0; i < 4; i++)
		start(i, u, PRIORITY_NORMAL);
	assert_true(kit_run(&p[0].ready, 1000) && kit_run(&p[1].ready, 1000));
	assert_int_equal(p[2].call.state, UPSTREAM_CALL_QUEUED);
	assert_int_equal(p[3].call.state, UPSTREAM_CALL_QUEUED);
	probe_send(&p[0]);
	assert_true(kit_run(&p[0].done, 1000));
	probe_finish(&p[0], 0);
	assert_true(kit_run(&p[2].ready, 1000));
	assert_false(p[3].ready);
	/* one that is given up makes room as well */
	probe_finish(&p[1], ERR_CLIENT_GONE);
	assert_true(kit_run(&p[3].ready, 1000));
	probe_finish(&p[2], ERR_CLIENT_GONE);
	probe_finish(&p[3], ERR_CLIENT_GONE);
	for (unsigned i = 0; i < 4; i++)
		probe_fini(&p[i]);
	upstream_detach(&u);
}

TEST_WITH(important_requests_take_the_places_of_others, setup, teardown)
{
	conf.conf.max_requests = 1;
	conf.conf.max_queue = 2;
	struct upstream *u = attach(NULL);
	start(0, u, PRIORITY_NORMAL);
	assert_true(kit_run(&p[0].ready, 1000));
	start(1, u, PRIORITY_LOW);
	start(2, u, PRIORITY_NORMAL);
	start(3, u, PRIORITY_HIGH); /* the queue is full: the low one leaves it */
	assert_int_equal(p[1].call.state, UPSTREAM_CALL_SHED);
	assert_false(p[1].done); /* not from within another's open */
	assert_true(kit_run(&p[1].done, 1000));
	assert_int_equal(p[1].err, ERR_SHED);
	start(4, u, PRIORITY_NORMAL); /* nothing is less important */
	assert_int_equal(p[4].err, ERR_QUEUE_FULL);
	/* one that leaves while it is given up is not told any more */
	start(5, u, PRIORITY_CRITICAL);
	assert_int_equal(p[2].call.state, UPSTREAM_CALL_SHED);
	upstream_cancel(&p[2].call);
	probe_finish(&p[0], ERR_CLIENT_GONE);
	assert_true(kit_run(&p[5].ready, 1000)); /* the most important first */
	assert_false(p[3].ready);
	assert_false(p[2].done);
	probe_finish(&p[5], ERR_CLIENT_GONE);
	assert_true(kit_run(&p[3].ready, 1000));
	probe_finish(&p[3], ERR_CLIENT_GONE);
	for (unsigned i = 0; i < 6; i++)
		probe_fini(&p[i]);
	upstream_detach(&u);
}

TEST_WITH(the_breaker_refuses_and_lets_trials_through, setup, teardown)
{
	struct breaker *b = breaker_get(STR("test"));
	conf.conf.breaker = (struct breaker_conf){ .failures = 5000,
		.requests = 4,
		.within = 60000,
		.open = 150,
		.open_max = 150,
		.trials = 1 };
	conf.conf.retries = 0;
	conf.conf.health.failures = 0;
	struct upstream *u = attach(b);
	atomic_store(&a.mode, SERVE_ABORT);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(kit_get(u, &p[0]), ERR_UPSTREAM_CLOSED);
	unsigned asked = atomic_load(&a.accepted);
	assert_int_equal(kit_get(u, &p[0]), ERR_CIRCUIT_OPEN);
	assert_int_equal(upstream_retry_after(u), 1);
	/* a probe goes through: it asks about the server */
	probe_init(&p[0]);
	p[0].call.only = kit_view(a.address).id;
	probe_open(&p[0], u);
	assert_true(kit_run(&p[0].done, 1000));
	assert_int_equal(p[0].err, ERR_UPSTREAM_CLOSED);
	probe_fini(&p[0]);
	assert_int_equal(atomic_load(&a.accepted), asked + 1);
	atomic_store(&a.mode, SERVE_OK);
	kit_pass(200);
	assert_int_equal(kit_get(u, &p[0]), 0);
	assert_int_equal(breaker_state(b), BREAKER_CLOSED);
	upstream_detach(&u);
	breaker_unref(&b);
}

TEST_WITH(a_retry_that_succeeds_is_no_failure, setup, teardown)
{
	struct test_server bad;
	struct breaker *b = breaker_get(STR("test"));
	server_up(&bad, "bad", 0);
	atomic_store(&bad.mode, SERVE_ABORT);
	conf_make(&conf, "test", (const char *[]){ a.address, bad.address, NULL });
	conf.conf.health.failures = 0;
	conf.conf.breaker = (struct breaker_conf){ .failures = 100,
		.requests = 1,
		.within = 60000,
		.open = 1000,
		.trials = 1 };
	struct upstream *u = attach(b);
	for (unsigned i = 0; i < 10; i++) {
		probe_init(&p[0]);
		p[0].auto_finish = p[0].retry = true;
		probe_open(&p[0], u);
		assert_true(kit_run(&p[0].done, 1000));
		assert_int_equal(p[0].err, 0);
		probe_fini(&p[0]);
	}
	assert_true(atomic_load(&bad.accepted) > 0);
	assert_int_equal(breaker_state(b), BREAKER_CLOSED);
	upstream_detach(&u);
	breaker_unref(&b);
	server_down(&bad);
}

TEST_WITH(a_status_that_health_counts_is_seen_by_the_breaker, setup, teardown)
{
	struct breaker *b = breaker_get(STR("test"));
	conf.conf.breaker = (struct breaker_conf){ .failures = 5000,
		.requests = 3,
		.within = 60000,
		.open = 60000,
		.trials = 1,
		.statuses = 1 << 2 };
	conf.conf.health.failures = 0;
	struct upstream *u = attach(b);
	static const unsigned how[] = { 200, 503, 503 };
	for (unsigned i = 0; i < 3; i++) {
		start(0, u, PRIORITY_NORMAL);
		assert_true(kit_run(&p[0].ready, 1000));
		upstream_answered(&p[0].call, how[i]);
		probe_finish(&p[0], 0);
		probe_fini(&p[0]);
	}
	assert_int_equal(breaker_state(b), BREAKER_OPEN);
	upstream_detach(&u);
	breaker_unref(&b);
}

TEST_WITH(a_trial_has_succeeded_with_its_head, setup, teardown)
{
	struct breaker *b = breaker_get(STR("test"));
	conf.conf.breaker = (struct breaker_conf){ .failures = 5000,
		.requests = 1,
		.within = 60000,
		.open = 10,
		.open_max = 10,
		.trials = 1,
		.statuses = 1 << 2 };
	struct upstream *u = attach(b);
	start(0, u, PRIORITY_NORMAL);
	assert_true(kit_run(&p[0].ready, 1000));
	upstream_answered(&p[0].call, 503);
	probe_finish(&p[0], 0);
	probe_fini(&p[0]);
	assert_int_equal(breaker_state(b), BREAKER_OPEN);
	kit_pass(30);
	start(0, u, PRIORITY_NORMAL);
	assert_int_equal(p[0].err, 0);
	assert_true(kit_run(&p[0].ready, 1000));
	upstream_answered(&p[0].call, 200); /* and its body takes hours */
	assert_int_equal(breaker_state(b), BREAKER_CLOSED);
	probe_finish(&p[0], ERR_UPSTREAM_RESET);
	probe_fini(&p[0]);
	assert_int_equal(breaker_state(b), BREAKER_CLOSED);
	upstream_detach(&u);
	breaker_unref(&b);
}

TEST_GROUP(kit_setup, kit_teardown);
