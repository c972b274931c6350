/* base/series: ids by label, counts that outlive threads, and the bound on their number. */
#include "base/series.h"

#include <pthread.h>
#include <stdio.h>

#include "unit.h"

/* What series_each() showed. */
struct shown {
	unsigned n;
	struct series_view first, last;
	uint64_t sum; /* of the first cells */
};

static void show(void *ctx, const struct series_view *v)
{
	struct shown *s = ctx;
	if (s->n++ == 0)
		s->first = *v;
	s->last = *v;
	s->sum += v->cells[0];
}

static struct shown shown(enum family f)
{
	struct shown s = { 0 };
	series_each(f, show, &s);
	return s;
}

TEST(find)
{
	series_id a = series_find(FAMILY_REFUSALS, STR("orders"), STR("no-route"));
	/* not the same text cut elsewhere */
	series_id b = series_find(FAMILY_REFUSALS, STR("order"), STR("sno-route"));
	series_id c = series_find(FAMILY_REFUSALS, STR_NONE, STR("no-route"));
	assert_int_not_equal(a, 0);
	assert_int_not_equal(a, b);
	assert_int_not_equal(a, c);
	assert_int_equal(series_find(FAMILY_REFUSALS, STR("orders"), STR("no-route")), a);
	assert_int_equal(series_find(FAMILY_REFUSALS, STR(""), STR("no-route")), c);
	assert_int_not_equal(series_find(FAMILY_UPSTREAM_FAILURES, STR("orders"), STR("no-route")),
		a);
	series_id p = series_find(FAMILY_PLUGIN_CALLS, STR("login"), STR("ignored"));
	assert_int_equal(series_find(FAMILY_PLUGIN_CALLS, STR("login"), STR_NONE), p);

	char longer[SERIES_LABEL_BYTES + 10];
	memset(longer, 'x', sizeof(longer));
	series_id x = series_find(FAMILY_PLUGIN_CALLS, str_n(longer, sizeof(longer)), STR(""));
	assert_int_equal(series_find(FAMILY_PLUGIN_CALLS, str_n(longer, SERIES_LABEL_BYTES),
				 STR("")),
		x);

	series_add(a, 2);
	series_add(b, 1);
	struct shown s = shown(FAMILY_REFUSALS);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.sum, 3);
	assert_str(s.first.values[0], "orders");
	assert_str(s.first.values[1], "no-route");
	assert_int_equal(s.first.cells[0], 2);
}

TEST(kinds)
{
	series_id r = series_find(FAMILY_ROUTE_REQUESTS, STR("r"), STR_NONE),
		  t = series_find(FAMILY_ROUTE_TIME, STR("r"), STR_NONE);
	series_count_status(r, 200);
	series_count_status(r, 204);
	series_count_status(r, 503);
	series_count_status(r, 101);
	series_count_status(r, 0);
	series_count_status(r, 999); /* a server failed in a way of its own: RFC 9110 15 */
	static const uint64_t want[SERIES_CLASS_COUNT] = { 1, 1, 2, 0, 0, 2 };
	struct shown s = shown(FAMILY_ROUTE_REQUESTS);
	assert_memory_equal(s.first.cells, want, sizeof(want));

	series_observe(t, 0);
	series_observe(t, 500000); /* bounds are inclusive */
	series_observe(t, 500001);
	series_observe(t, 60000000000ull);
	series_observe(t, 60000000001ull);
	s = shown(FAMILY_ROUTE_TIME);
	assert_int_equal(s.first.cells[0], 2);
	assert_int_equal(s.first.cells[1], 1);
	assert_int_equal(s.first.cells[SERIES_BUCKETS - 1], 1);
	assert_int_equal(s.first.cells[SERIES_BUCKETS], 1);
	assert_int_equal(s.first.cells[SERIES_BUCKETS + 1], 120001000002ull);
	for (unsigned i = 1; i < SERIES_BUCKETS; i++)
		assert_true(series_bounds_ns[i] > series_bounds_ns[i - 1]);
}

TEST(nothing)
{
	uint64_t before = shown(FAMILY_ROUTE_REQUESTS).sum;
	series_add(0, 5);
	series_count_status(0, 200);
	series_observe(0, 1000);
	assert_int_equal(shown(FAMILY_ROUTE_REQUESTS).sum, before);
}

enum { THREADS = 4, EACH = 20000, NAMES = 50 };

/* Threads that find and count the same names at once. */
static void *count(void *arg)
{
	(void)arg;
	stat_thread_init();
	for (unsigned i = 0; i < EACH; i++) {
		char name[16];
		int n = snprintf(name, sizeof(name), "t%u", i % NAMES);
		series_add(series_find(FAMILY_NOTES, str_n(name, (size_t)n), STR("x")), 1);
	}
	stat_thread_fini();
	return NULL;
}

TEST(threads)
{
	pthread_t t[THREADS];
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, count, NULL), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_true(shown(FAMILY_NOTES).sum <= THREADS * EACH);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	struct shown s = shown(FAMILY_NOTES);
	assert_int_equal(s.n, NAMES);
	assert_int_equal(s.sum, THREADS * EACH);
	assert_int_equal(s.last.cells[0], THREADS * EACH / NAMES);
}

static void fill(enum family f)
{
	for (unsigned i = 0; i < family_info(f)->most + 10; i++) {
		char name[16];
		int n = snprintf(name, sizeof(name), "n%u", i);
		series_id id = series_find(f, str_n(name, (size_t)n), STR("b"));
		assert_int_not_equal(id, 0);
		series_add(id, 1);
	}
}

/* Every family filled to the brim: none runs out of cells, and the surplus counts as "other". */
TEST(bound)
{
	stat_thread_init();
	for (unsigned f = 0; f < FAMILY_COUNT; f++) {
		uint64_t had = shown((enum family)f).sum;
		fill((enum family)f);
		struct shown s = shown((enum family)f);
		unsigned most = family_info((enum family)f)->most;
		assert_int_equal(s.n, most + 1);
		assert_int_equal(s.sum, had + most + 10);
		assert_str(s.last.values[0], "other");
		assert_str(s.last.values[1],
			family_info((enum family)f)->labels[1][0] ? "other" : "");
		assert_true(s.last.cells[0] >= 10);
	}
	series_id known = series_find(FAMILY_PLUGIN_CALLS, STR("login"), STR_NONE);
	assert_int_not_equal(known, series_find(FAMILY_PLUGIN_CALLS, STR("too late"), STR_NONE));
	stat_thread_fini();
	assert_int_equal(shown(FAMILY_LISTENER_CONNECTIONS).sum,
		family_info(FAMILY_LISTENER_CONNECTIONS)->most + 10);
}
