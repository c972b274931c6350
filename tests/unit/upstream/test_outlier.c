/* upstream/outlier: who is taken out by the rate of success, and who is not. */
#include "upstream/outlier.h"

#include "kit.h"

enum { MOST = 8 };
static struct endpoint *v[MOST];
static struct endpoint_watch watches[MOST];
static unsigned n;

static void ignore(struct endpoint_watch *w)
{
	(void)w;
}

static void make(unsigned count, uint64_t max_ejected)
{
	const struct endpoint_bounds b = {
		.serial = 1,
		.health = { .failures = 5, .retry_after = 1000, .max_ejected = 100 * max_ejected }
	};
	const struct upstream_outliers o = { .requests = 100,
		.interval = 10000,
		.deviation_1000 = 1900 };
	char ip[] = "192.0.2.0";
	n = count;
	for (unsigned i = 0; i < n; i++) {
		struct endpoint_key key = { .upstream = STR("u"), .host = STR("") };
		ip[8] = (char)('1' + i);
		assert_true(addr_from_ip(str_of(ip), 80, &key.addr));
		v[i] = endpoint_get(&kit_worker, &key);
		endpoint_set_bounds(v[i], &b);
		endpoint_watch(v[i], &watches[i], ignore);
	}
	outliers_set(v[0]->group, &o, 1);
}

static void unmake(void)
{
	for (unsigned i = 0; i < n; i++) {
		list_del(&watches[i].at);
		endpoint_unref(&v[i]);
	}
}

static void judge(void)
{
	struct timer *t = &v[0]->group->outliers;
	assert_true(t->due_ns != TIMER_NEVER);
	timer_stop(t);
	t->on_due(t);
}

static void serve(unsigned i, unsigned requests, unsigned failures)
{
	v[i]->n_requests += requests;
	v[i]->n_failures += failures;
}

TEST(one_of_six)
{
	make(6, 100);
	for (unsigned i = 0; i < 6; i++)
		serve(i, 200, i == 3 ? 40 : 2);
	judge();
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(v[i]->state, i == 3 ? ENDPOINT_DOWN : ENDPOINT_UP);
	/* the next interval begins anew */
	endpoint_succeeded(v[3]);
	for (unsigned i = 0; i < 6; i++)
		serve(i, 200, 1);
	judge();
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(v[i]->state, ENDPOINT_UP);
	unmake();
}

TEST(too_few_requests)
{
	make(6, 100);
	for (unsigned i = 0; i < 6; i++)
		serve(i, i == 3 ? 99 : 200, i == 3 ? 90 : 0);
	judge();
	assert_int_equal(v[3]->state, ENDPOINT_UP);
	unmake();
}

TEST(too_few_servers)
{
	make(6, 100);
	for (unsigned i = 0; i < 2; i++)
		serve(i, 200, i ? 0 : 200);
	judge();
	assert_int_equal(v[0]->state, ENDPOINT_UP);
	unmake();
}

TEST(all_alike)
{
	make(6, 100);
	for (unsigned i = 0; i < 6; i++)
		serve(i, 300, 100);
	judge();
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(v[i]->state, ENDPOINT_UP);
	unmake();
}

/* With `max_ejected: 20%` of six servers one may rest. */
TEST(not_too_many)
{
	make(6, 20);
	for (unsigned i = 0; i < 5; i++)
		endpoint_failed(v[5], false, ERR_UPSTREAM_RESET);
	assert_int_equal(v[5]->state, ENDPOINT_DOWN);
	for (unsigned i = 0; i < 6; i++)
		serve(i, 200, i == 3 ? 150 : 0);
	judge();
	assert_int_equal(v[3]->state, ENDPOINT_UP);
	unmake();
}

TEST(turned_off)
{
	const struct upstream_outliers off = { 0 };
	make(3, 100);
	outliers_set(v[0]->group, &off, 0); /* of an earlier configuration: nothing changes */
	assert_true(v[0]->group->outliers.due_ns != TIMER_NEVER);
	outliers_set(v[0]->group, &off, 2);
	assert_int_equal(v[0]->group->outliers.due_ns, TIMER_NEVER);
	unmake();
}

TEST_GROUP(kit_setup, kit_teardown);
