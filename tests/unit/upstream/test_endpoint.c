/* upstream/endpoint: when a server rests, for how long, and what brings it back. */
#include "upstream/endpoint.h"

#include "kit.h"

static struct endpoint *e;

static struct endpoint *get(const char *upstream, const char *host, uint64_t identity)
{
	struct endpoint_key key = { .upstream = str_of(upstream),
		.host = str_of(host),
		.tls_identity = { identity, 0 } };
	assert_true(addr_from_ip(STR("192.0.2.1"), 80, &key.addr));
	return endpoint_get(&kit_worker, &key);
}

static int make(void **state)
{
	struct endpoint_bounds b = { .serial = 1,
		.health = { .failures = 3, .retry_after = 100, .retry_after_max = 500 } };
	(void)state;
	e = get("u", "", 0);
	endpoint_set_bounds(e, &b);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	endpoint_unref(&e);
	return 0;
}

static void ignore(struct endpoint_watch *w)
{
	(void)w;
}

static void let_fail(unsigned times)
{
	while (times--)
		endpoint_failed(e, false, ERR_UPSTREAM_RESET);
}

static void assert_rest(uint64_t ms)
{
	assert_int_equal(e->state, ENDPOINT_DOWN);
	assert_in_range(e->record->rest_ns, (ms - ms / 8 - 1) * NS_PER_MS,
		(ms + ms / 8 + 1) * NS_PER_MS);
}

static void end_rest(void)
{
	assert_int_equal(e->state, ENDPOINT_DOWN);
	e->timer.on_due(&e->timer);
	timer_stop(&e->timer);
	assert_int_equal(e->state, ENDPOINT_TRIAL);
	assert_true(endpoint_is_ready(e));
}

TEST_WITH(keys, make, unmake)
{
	struct endpoint *same = get("u", "", 0),
			*others[] = { get("v", "", 0), get("u", "h", 0), get("u", "", 1) };
	assert_ptr_equal(same, e);
	for (int i = 0; i < 3; i++) {
		assert_ptr_not_equal(others[i], e);
		assert_true(others[i]->id != e->id);
		endpoint_unref(&others[i]);
	}
	endpoint_unref(&same);
	assert_null(same);
	assert_int_equal(e->refs, 1);
}

TEST_WITH(in_a_row, make, unmake)
{
	for (int i = 0; i < 10; i++) {
		let_fail(2);
		endpoint_succeeded(e);
	}
	assert_int_equal(e->state, ENDPOINT_UP);
	let_fail(3);
	assert_rest(100);
	let_fail(10); /* the rest of what was under way: no longer rest for it */
	assert_int_equal(e->record->rests, 1);
	assert_false(endpoint_is_ready(e));
	assert_int_equal(e->last_err, ERR_UPSTREAM_RESET);
}

TEST_WITH(longer_each_time, make, unmake)
{
	static const uint64_t ms[] = { 100, 200, 400, 500, 500, 500 };
	let_fail(3);
	for (int i = 0; i < 6; i++) {
		assert_rest(ms[i]);
		end_rest();
		assert_true(kit_tries(e));
		assert_false(kit_tries(e)); /* one */
		assert_false(endpoint_is_ready(e));
		/* an old request's end says nothing */
		endpoint_failed(e, false, ERR_UPSTREAM_RESET);
		assert_int_equal(e->state, ENDPOINT_TRIAL);
		endpoint_failed(e, true, ERR_UPSTREAM_TIMEOUT);
	}
	end_rest();
	assert_true(kit_tries(e));
	endpoint_succeeded(e);
	assert_int_equal(e->state, ENDPOINT_UP);
}

TEST_WITH(relapse, make, unmake)
{
	let_fail(3);
	end_rest();
	assert_true(kit_tries(e));
	endpoint_succeeded(e);
	let_fail(3); /* at once: it was not well */
	assert_rest(200);
	end_rest();
	endpoint_succeeded(e);
	e->up_since_ns -= e->record->rest_ns + NS_PER_MS; /* well for a while */
	let_fail(3);
	assert_rest(100);
}

TEST_WITH(trial_without_verdict, make, unmake)
{
	let_fail(3);
	end_rest();
	assert_true(kit_tries(e));
	endpoint_end_trial(e);
	assert_int_equal(e->state, ENDPOINT_TRIAL);
	assert_true(endpoint_is_ready(e));
	assert_true(kit_tries(e));
}

TEST_WITH(success_while_resting, make, unmake)
{
	let_fail(3);
	endpoint_succeeded(e); /* one asked because all rest, or an older request */
	assert_int_equal(e->state, ENDPOINT_UP);
	assert_int_equal(e->record->failures, 0);
	kit_pass(200); /* its rest is over as well */
	assert_int_equal(e->state, ENDPOINT_UP);
}

TEST_WITH(never, make, unmake)
{
	e->bounds.health.failures = 0;
	let_fail(100);
	assert_int_equal(e->state, ENDPOINT_UP);
	assert_int_equal(e->n_failures, 100);
}

TEST_WITH(bound_below_first, make, unmake)
{
	e->bounds.health.retry_after = 1000;
	let_fail(3);
	assert_rest(1000);
	end_rest();
	assert_true(kit_tries(e));
	endpoint_failed(e, true, ERR_CONNECT_FAILED);
	assert_rest(1000);
}

/* `max_ejected` of the servers in use: of one server alone 50% are none. */
TEST_WITH(some_stay, make, unmake)
{
	struct endpoint_watch w, w2;
	struct endpoint *f = NULL;
	struct endpoint_key key = { .upstream = STR("u"), .host = STR("") };
	assert_true(addr_from_ip(STR("192.0.2.2"), 80, &key.addr));
	e->bounds.health.max_ejected = 5000;
	endpoint_watch(e, &w, ignore);
	let_fail(10);
	assert_int_equal(e->state, ENDPOINT_UP);
	f = endpoint_get(&kit_worker, &key);
	f->bounds = e->bounds;
	let_fail(3);
	assert_int_equal(e->state, ENDPOINT_UP); /* f is not in use */
	endpoint_watch(f, &w2, ignore);
	let_fail(1);
	assert_rest(100);
	for (int i = 0; i < 10; i++)
		endpoint_failed(f, false, ERR_UPSTREAM_RESET);
	assert_int_equal(f->state, ENDPOINT_UP); /* at least one stays */
	end_rest();
	assert_true(kit_tries(e));
	endpoint_failed(e, true, ERR_UPSTREAM_RESET); /* one that is out may stay out */
	assert_rest(200);
	list_del(&w.at);
	list_del(&w2.at);
	endpoint_unref(&f);
}

TEST_WITH(only_some_failures_count, make, unmake)
{
	e->bounds.health.count = 1u << COUNT_CONNECT | 1u << (COUNT_STATUS + 4); /* 503 */
	let_fail(10);                                                            /* resets */
	endpoint_failed(e, false, ERR_UPSTREAM_TIMEOUT);
	assert_int_equal(e->state, ENDPOINT_UP);
	assert_int_equal(e->n_failures, 11);
	assert_true(health_counts_status(&e->bounds.health, 503));
	assert_false(health_counts_status(&e->bounds.health, 502));
	assert_false(health_counts_status(&e->bounds.health, 404));
	endpoint_failed(e, false, ERR_CONNECT_FAILED);
	endpoint_failed(e, false, ERR_UPSTREAM_STATUS);
	assert_int_equal(e->state, ENDPOINT_UP);
	endpoint_failed(e, false, ERR_UPSTREAM_STATUS);
	assert_rest(100);
}

TEST_GROUP(kit_setup, kit_teardown);

TEST_WITH(latency_follows_the_responses, make, unmake)
{
	struct endpoint_view v;
	endpoint_view(e, &v);
	assert_int_equal(v.latency_ns, 0);
	endpoint_answered(e, 8000);
	endpoint_view(e, &v);
	assert_int_equal(v.latency_ns, 8000); /* the first one is believed */
	endpoint_answered(e, 16000);
	endpoint_view(e, &v);
	assert_int_equal(v.latency_ns, 9000);
	for (int i = 0; i < 100; i++)
		endpoint_answered(e, 800);
	endpoint_view(e, &v);
	assert_in_range(v.latency_ns, 800, 810);
}
