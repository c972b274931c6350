/* net/shortage and net/shares: whose fault a failed connection is, and quotas that several threads
 * take from. */
#include "net/shortage.h"

#include <errno.h>
#include <pthread.h>

#include "base/log.h"
#include "base/stat.h"
#include "net/shares.h"
#include "unit.h"

TEST(whose_fault_it_is)
{
	static const struct {
		int error, err;
	} rows[] = {
		{ EMFILE, ERR_NO_DESCRIPTORS },
		{ ENFILE, ERR_NO_DESCRIPTORS },
		{ ENOBUFS, ERR_NO_DESCRIPTORS },
		{ ENOMEM, ERR_NO_DESCRIPTORS },
		{ EADDRNOTAVAIL, ERR_NO_LOCAL_PORT },
		{ EPERM, ERR_CONNECT_FORBIDDEN },
		{ EACCES, ERR_CONNECT_FORBIDDEN },
		{ ECONNREFUSED, ERR_CONNECT_FAILED },
		{ ECONNRESET, ERR_CONNECT_FAILED },
		{ ENETUNREACH, ERR_CONNECT_FAILED },
		{ EHOSTUNREACH, ERR_CONNECT_FAILED },
		{ ENOENT, ERR_CONNECT_FAILED },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(shortage_of(rows[i].error), rows[i].err);
		assert_int_equal(shortage_is(rows[i].err), rows[i].err != ERR_CONNECT_FAILED);
		if (rows[i].err != ERR_CONNECT_FAILED)
			assert_int_equal(err_info(rows[i].err)->status, 503);
	}
	assert_false(shortage_is(0));
	assert_false(shortage_is(ERR_UPSTREAM_TIMEOUT));
}

TEST(what_is_ours_is_counted)
{
	struct addr to;
	assert_true(addr_parse(STR("10.0.0.1:80"), &to));
	log_set_level(LOG_ERROR); /* its one line is of no interest here */
	uint64_t before = stat_read(STAT_SHORTAGE_DESCRIPTORS);
	for (int i = 0; i < 5; i++)
		assert_int_equal(shortage_tell(EMFILE, &to, 1), ERR_NO_DESCRIPTORS);
	assert_int_equal(shortage_tell(ECONNREFUSED, &to, 1), ERR_CONNECT_FAILED);
	assert_int_equal(stat_read(STAT_SHORTAGE_DESCRIPTORS), before + 5);
	assert_int_equal(shortage_tell(EADDRNOTAVAIL, &to, 1), ERR_NO_LOCAL_PORT);
	assert_int_equal(stat_read(STAT_SHORTAGE_PORTS), 1);
	assert_int_equal(stat_read(STAT_SHORTAGE_DESCRIPTORS), before + 5);
}

TEST(a_quota)
{
	struct quota q = { 0 };
	assert_true(quota_take(&q)); /* no bound */
	assert_false(quota_is_tight(&q));
	quota_give(&q);
	q.most = 3;
	for (int i = 0; i < 3; i++)
		assert_true(quota_take(&q));
	assert_true(quota_is_tight(&q));
	assert_false(quota_take(&q));
	assert_int_equal(q.used, 3);
	assert_int_equal(q.denied, 1);
	q.most = 1; /* lowered: what is taken stays until it is given back */
	assert_false(quota_take(&q));
	for (int i = 0; i < 3; i++)
		quota_give(&q);
	assert_true(quota_take(&q));
	assert_false(quota_take(&q));
	quota_give(&q);
	assert_int_equal(q.used, 0);
}

enum { THREADS = 4, STEPS = 50000, MOST = 5 };
static struct quota shared;
static _Atomic int held, too_many;

static void *take_and_give(void *arg)
{
	for (int i = 0; i < STEPS; i++) {
		if (!quota_take(&shared))
			continue;
		if (atomic_fetch_add(&held, 1) >= MOST)
			atomic_fetch_add(&too_many, 1);
		atomic_fetch_sub(&held, 1);
		quota_give(&shared);
	}
	return arg;
}

TEST(threads_never_take_more_than_there_is)
{
	pthread_t t[THREADS];
	shared.most = MOST;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, take_and_give, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_int_equal(too_many, 0);
	assert_int_equal(shared.used, 0);
}
