/* upstream/breaker: when it opens, what it lets through then, and when it closes. */
#include "upstream/breaker.h"

#include <pthread.h>

#include "base/clock.h"
#include "unit.h"

static const struct breaker_conf conf = { .failures = 5000,
	.requests = 10,
	.within = 1000,
	.open = 100,
	.open_max = 350,
	.trials = 2,
	.statuses = 1 << 1 | 1 << 3 };

static struct breaker *b;
static uint64_t now;

static int make(void **state)
{
	(void)state;
	b = breaker_get(STR("u"));
	now = 1000 * NS_PER_S;
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	breaker_unref(&b);
	assert_null(b);
	return 0;
}

static void pass_ms(uint64_t ms)
{
	now += ms * NS_PER_MS;
}

/* Whether the request was let through. */
static bool ask(enum breaker_outcome outcome)
{
	struct breaker_pass pass = { 0 };
	if (!breaker_enter(b, &conf, now, &pass))
		return false;
	breaker_leave(b, &conf, now, &pass, outcome);
	assert_int_equal(pass.kind, PASS_NONE);
	return true;
}

static void ask_many(unsigned n, enum breaker_outcome outcome)
{
	while (n--)
		assert_true(ask(outcome));
}

static void is(enum breaker_state want)
{
	assert_string_equal(breaker_state_name(breaker_state(b)), breaker_state_name(want));
}

static void open_it(void)
{
	ask_many(10, OUTCOME_FAILED);
	is(BREAKER_OPEN);
}

TEST_WITH(half_of_the_requests_must_fail, make, unmake)
{
	ask_many(11, OUTCOME_OK);
	ask_many(10, OUTCOME_FAILED);
	is(BREAKER_CLOSED);
	ask_many(1, OUTCOME_FAILED);
	is(BREAKER_OPEN);
	assert_false(ask(OUTCOME_OK));
}

TEST_WITH(few_requests_say_nothing, make, unmake)
{
	ask_many(9, OUTCOME_FAILED);
	is(BREAKER_CLOSED);
	ask_many(1, OUTCOME_FAILED);
	is(BREAKER_OPEN);
}

TEST_WITH(what_clients_give_up_does_not_count, make, unmake)
{
	ask_many(100, OUTCOME_NONE);
	ask_many(9, OUTCOME_FAILED);
	is(BREAKER_CLOSED);
}

TEST_WITH(old_failures_are_forgotten, make, unmake)
{
	ask_many(9, OUTCOME_FAILED);
	pass_ms(1100);
	ask_many(9, OUTCOME_FAILED);
	is(BREAKER_CLOSED);
	/* within the window they add up, wherever in it they are */
	pass_ms(500);
	ask_many(1, OUTCOME_FAILED);
	is(BREAKER_OPEN);
}

TEST_WITH(trials_close_it, make, unmake)
{
	struct breaker_pass pass[3] = { 0 };
	open_it();
	assert_int_equal(breaker_open_for_ms(b, now), 100);
	pass_ms(99);
	assert_false(ask(OUTCOME_OK));
	pass_ms(1);
	assert_int_equal(breaker_open_for_ms(b, now), 0);
	/* as many as `trials` at a time, and no more */
	assert_true(breaker_enter(b, &conf, now, &pass[0]));
	is(BREAKER_TRIAL);
	assert_true(breaker_enter(b, &conf, now, &pass[1]));
	assert_false(breaker_enter(b, &conf, now, &pass[2]));
	breaker_leave(b, &conf, now, &pass[0], OUTCOME_OK);
	is(BREAKER_TRIAL);
	/* one has succeeded and one is under way: a third is not needed */
	assert_false(breaker_enter(b, &conf, now, &pass[2]));
	/* a trial that says nothing is given to another request */
	breaker_leave(b, &conf, now, &pass[1], OUTCOME_NONE);
	assert_true(breaker_enter(b, &conf, now, &pass[2]));
	breaker_leave(b, &conf, now, &pass[2], OUTCOME_OK);
	is(BREAKER_CLOSED);
	/* what was counted before is forgotten */
	ask_many(9, OUTCOME_FAILED);
	is(BREAKER_CLOSED);
}

TEST_WITH(a_trial_that_fails_opens_it_for_longer, make, unmake)
{
	static const uint64_t lengths[] = { 100, 200, 350, 350 };
	open_it();
	for (int i = 0; i < 4; i++) {
		assert_int_equal(breaker_open_for_ms(b, now), lengths[i]);
		pass_ms(lengths[i]);
		assert_true(ask(OUTCOME_FAILED));
		is(BREAKER_OPEN);
	}
	pass_ms(350);
	ask_many(2, OUTCOME_OK);
	is(BREAKER_CLOSED);
	open_it();
	assert_int_equal(breaker_open_for_ms(b, now), 100); /* from the beginning */
}

TEST_WITH(a_trial_of_another_round_changes_nothing, make, unmake)
{
	struct breaker_pass old = { 0 }, other = { 0 };
	open_it();
	pass_ms(100);
	assert_true(breaker_enter(b, &conf, now, &old));
	assert_true(breaker_enter(b, &conf, now, &other));
	breaker_leave(b, &conf, now, &other, OUTCOME_FAILED);
	is(BREAKER_OPEN);
	breaker_leave(b, &conf, now, &old, OUTCOME_OK);
	is(BREAKER_OPEN);
	pass_ms(200);
	ask_many(1, OUTCOME_OK);
	is(BREAKER_TRIAL);
	/* and neither does a request of before it opened */
	struct breaker_pass plain = { .kind = PASS_PLAIN };
	breaker_leave(b, &conf, now, &plain, OUTCOME_FAILED);
	is(BREAKER_TRIAL);
}

TEST_WITH(statuses_that_fail, make, unmake)
{
	assert_true(breaker_status_fails(&conf, 502));
	assert_true(breaker_status_fails(&conf, 504));
	assert_false(breaker_status_fails(&conf, 503));
	assert_false(breaker_status_fails(&conf, 500));
	assert_false(breaker_status_fails(&conf, 200));
}

TEST_WITH(one_for_each_upstream, make, unmake)
{
	struct breaker *same = breaker_get(STR("u")), *other = breaker_get(STR("v"));
	assert_ptr_equal(same, b);
	assert_ptr_not_equal(other, b);
	breaker_unref(&same);
	breaker_unref(&other);
}

static void *worker(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 20000; i++) {
		struct breaker_pass pass = { 0 };
		uint64_t at = 5000 * NS_PER_S + i * NS_PER_MS;
		if (breaker_enter(b, &conf, at, &pass))
			breaker_leave(b, &conf, at, &pass,
				i / 1000 % 2 ? OUTCOME_FAILED : OUTCOME_OK);
	}
	return NULL;
}

/* Whatever threads do at the same time, no trial is lost: it can be closed afterwards. */
TEST_WITH(threads, make, unmake)
{
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, worker, NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	now = 6000 * NS_PER_S;
	if (breaker_state(b) != BREAKER_CLOSED) {
		ask_many(1, OUTCOME_OK);
		if (breaker_state(b) != BREAKER_CLOSED)
			ask_many(1, OUTCOME_OK);
	}
	is(BREAKER_CLOSED);
}
