/* base/stat: sums over threads that live, threads that ended and threads that never said that they
 * count. */
#include "base/stat.h"

#include <pthread.h>

#include "unit.h"

enum { THREADS = 4, EACH = 100000 };

static void *count_with_cells(void *arg)
{
	(void)arg;
	stat_thread_init();
	for (unsigned i = 0; i < EACH; i++) {
		stat_inc(STAT_REQUESTS_2XX);
		stat_add(STAT_CLIENT_BYTES_OUT, 100);
		stat_inc(STAT_REQUESTS_ACTIVE);
		stat_dec(STAT_REQUESTS_ACTIVE);
	}
	stat_thread_fini();
	stat_inc(STAT_REQUESTS_2XX); /* after the end too */
	return NULL;
}

static void *count_without(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < EACH; i++)
		stat_inc(STAT_REQUESTS_5XX);
	return NULL;
}

static void run(void *(*fn)(void *), unsigned n)
{
	pthread_t t[THREADS];
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(pthread_create(&t[i], NULL, fn, NULL), 0);
	/* reading while they write; never more than there can be */
	for (unsigned i = 0; i < 1000; i++) {
		assert_true(stat_read(STAT_REQUESTS_ACTIVE) <= n);
		assert_true(stat_read(STAT_REQUESTS_2XX) <= n * (EACH + 1));
	}
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
}

TEST(threads)
{
	run(count_with_cells, THREADS);
	assert_int_equal(stat_read(STAT_REQUESTS_2XX), THREADS * (EACH + 1));
	assert_int_equal(stat_read(STAT_CLIENT_BYTES_OUT), 100ull * THREADS * EACH);
	assert_int_equal(stat_read(STAT_REQUESTS_ACTIVE), 0);
	run(count_without, THREADS);
	assert_int_equal(stat_read(STAT_REQUESTS_5XX), THREADS * EACH);
	assert_int_equal(stat_read(STAT_REQUESTS_4XX), 0);
}

static void *decrement(void *arg)
{
	(void)arg;
	stat_dec(STAT_CONNECTIONS_ACTIVE);
	return NULL;
}

TEST(gauges)
{
	pthread_t t;
	stat_thread_init();
	stat_inc(STAT_CONNECTIONS_ACTIVE);
	stat_inc(STAT_CONNECTIONS_ACTIVE);
	assert_int_equal(pthread_create(&t, NULL, decrement, NULL), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(stat_read(STAT_CONNECTIONS_ACTIVE), 1);
	stat_thread_fini();
	assert_int_equal(stat_read(STAT_CONNECTIONS_ACTIVE), 1);
	stat_dec(STAT_CONNECTIONS_ACTIVE);
	stat_dec(STAT_CONNECTIONS_ACTIVE); /* seen before its increment */
	assert_int_equal(stat_read(STAT_CONNECTIONS_ACTIVE), 0);
	stat_inc(STAT_CONNECTIONS_ACTIVE);
	stat_set(STAT_WORKERS, 4);
	stat_set(STAT_WORKERS, 3);
	assert_int_equal(stat_read(STAT_WORKERS), 3);
	stat_thread_fini(); /* of a thread that has none: nothing */
}

TEST(rows)
{
	for (unsigned i = 0; i < STAT_COUNT; i++) {
		const struct stat_info *s = stat_info((enum stat_id)i),
				       *before = i ? stat_info((enum stat_id)(i - 1)) : NULL;
		bool same = before && strcmp(s->name, before->name) == 0;
		if (same ? s->help[0] || s->kind != before->kind ||
					strcmp(s->label, before->label) != 0
			 : !s->help[0])
			fail_msg("row %u, %s: one sentence for each name, one label and kind for "
				 "all its rows",
				i, s->name);
		for (unsigned k = 0; !same && k < i; k++)
			assert_string_not_equal(s->name, stat_info((enum stat_id)k)->name);
		assert_true(s->label[0] ? s->value[0] : !same);
	}
}
