/* The parts of ext-auth that need no gateway: lifetimes of answers, verdicts as bytes, escapes, and
 * questions under way. */
#include <stdlib.h>

#include "flight.h"
#include "kit.h"
#include "lifetime.h"
#include "question.h"
#include "test.h"
#include "verdict.h"

/* ---- lifetimes ----------------------------------------------------------------------------- */

static uint64_t life(const char *text)
{
	return lifetime_read(sluice_str_of(text));
}

TEST(cache_control_that_says_how_long)
{
	assert_int_equal(life("max-age=60"), 60);
	assert_int_equal(life("private, max-age=60"), 60);
	assert_int_equal(life("Max-Age=\"60\""), 60);
	assert_int_equal(life("max-age=60, s-maxage=5"), 5);
	assert_int_equal(life("s-maxage=60, max-age=5"), 5);
	assert_int_equal(life("max-age = 7"), 7);
	assert_int_equal(life("x=\"a, max-age=1\", max-age=9"), 9);
	assert_int_equal(life("x=\"a\\\", max-age=1\", max-age=9"), 9);
	assert_int_equal(life("max-age=99999999999"), UINT32_MAX);
}

TEST(cache_control_that_forbids)
{
	assert_int_equal(life("no-store"), 0);
	assert_int_equal(life("max-age=60, No-Cache"), 0);
	assert_int_equal(life("no-cache=\"set-cookie\", max-age=60"), 0);
	assert_int_equal(life("max-age=soon"), 0);
	assert_int_equal(life("max-age"), 0);
	assert_int_equal(life("max-age=-1"), 0);
	assert_int_equal(life("max-age=60, max-age=0"), 0);
	assert_int_equal(life("max-age=99999999999999999999999"), 0);
}

TEST(cache_control_that_says_nothing)
{
	assert_true(life("") == LIFETIME_UNSAID);
	assert_true(life("private, must-revalidate,, ,") == LIFETIME_UNSAID);
	assert_true(life("\"max-age=1") == LIFETIME_UNSAID);
}

TEST(the_age_of_an_answer_counts)
{
	const sluice_pair f[] = { { SLUICE_STR("Cache-Control"), SLUICE_STR("max-age=60") },
		{ SLUICE_STR("age"), SLUICE_STR("20") },
		{ SLUICE_STR("cache-control"), SLUICE_STR("max-age=90") } };
	assert_int_equal(lifetime_of(f, 3), 40);
	assert_int_equal(lifetime_of(f, 1), 60);
	assert_true(lifetime_of(&f[1], 1) == LIFETIME_UNSAID);
	const sluice_pair old[] = { f[0], { SLUICE_STR("Age"), SLUICE_STR("61") } };
	assert_int_equal(lifetime_of(old, 2), 0);
	const sluice_pair odd[] = { f[0], { SLUICE_STR("Age"), SLUICE_STR("old") } };
	assert_int_equal(lifetime_of(odd, 2), 0);
}

/* ---- verdicts ------------------------------------------------------------------------------ */

TEST(kinds_of_statuses)
{
	const int none[] = { 0, 100, 101, 199, 304, 500, 502, 503, 599, 600, 999 };
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(verdict_kind_of(none[i]), VERDICT_NONE);
	const int refused[] = { 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 429, 499 };
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(verdict_kind_of(refused[i]), VERDICT_REFUSED);
	assert_int_equal(verdict_kind_of(200), VERDICT_ALLOWED);
	assert_int_equal(verdict_kind_of(204), VERDICT_ALLOWED);
	assert_int_equal(verdict_kind_of(299), VERDICT_ALLOWED);
}

TEST(a_verdict_as_bytes)
{
	const sluice_pair f[] = { { SLUICE_STR("X-User"), SLUICE_STR("alice") },
		{ SLUICE_STR("x-user"), SLUICE_STR("") },
		{ SLUICE_STR("X-Long"), SLUICE_STR("0123456789 0123456789 0123456789") } };
	const struct verdict v = { 403, f, 3, SLUICE_STR("no\n") };
	struct verdict back;
	sluice_pair room[3];
	size_t n = verdict_size(&v);
	char *bytes = malloc(n); /* of this size, so that the sanitizer sees what lies beyond */
	verdict_write(&v, bytes);
	assert_int_equal(verdict_count(sluice_str_n(bytes, n)), 3);
	assert_true(verdict_read(sluice_str_n(bytes, n), room, &back));
	assert_int_equal(back.status, 403);
	assert_int_equal(back.n_fields, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(sluice_str_eq(back.fields[i].name, f[i].name));
		assert_true(sluice_str_eq(back.fields[i].value, f[i].value));
	}
	assert_true(sluice_str_is(back.body, "no\n"));
	size_t head = n - v.body.len;
	for (size_t cut = 0; cut < head; cut++)
		assert_false(verdict_read(sluice_str_n(bytes, cut), room, &back));
	free(bytes);
}

/* ---- escapes ------------------------------------------------------------------------------- */

TEST(a_value_cannot_leave_its_parameter)
{
	char text[64];
	char *end = question_escape(text, SLUICE_STR("https://a/b?c=d&e#f g~-._\xff%"));
	assert_true(sluice_str_eq(sluice_str_n(text, (size_t)(end - text)),
		SLUICE_STR("https%3A%2F%2Fa%2Fb%3Fc%3Dd%26e%23f%20g~-._%FF%25")));
}

/* ---- questions under way ------------------------------------------------------------------- */

static int setup(void **state)
{
	(void)state;
	kit_reset(); /* they resume, by a ticket that names nobody */
	return 0;
}

TEST_WITH(who_follows_is_told_once, setup, NULL)
{
	struct flights all = { 0 };
	struct siphash id = { 7, 8 }, other = { 7, 9 };
	struct flight leader = { 0 }, a = { 0 }, b = { 0 };
	assert_null(flight_find(&all, &id, 5));
	flight_lead(&all, &leader, &id, 10);
	assert_null(flight_find(&all, &other, 5));
	assert_ptr_equal(flight_find(&all, &id, 5), &leader);
	assert_null(flight_find(&all, &id, 10)); /* it should have landed */
	flight_follow(&leader, &a);
	flight_follow(&leader, &b);
	flight_leave(&a); /* its client has left */
	flight_land(&leader, OUTCOME_REMEMBERED);
	assert_int_equal(a.outcome, OUTCOME_NONE);
	assert_int_equal(b.outcome, OUTCOME_REMEMBERED);
	assert_null(flight_find(&all, &id, 5));
	flight_land(&leader, OUTCOME_FAILED); /* nobody is left */
	flight_leave(&leader);
	assert_int_equal(b.outcome, OUTCOME_REMEMBERED);
}

TEST_WITH(a_leader_that_leaves_lets_the_others_ask, setup, NULL)
{
	struct flights all = { 0 };
	struct siphash id = { 7, 8 };
	struct flight first = { 0 }, second = { 0 }, a = { 0 };
	flight_lead(&all, &first, &id, 10);
	flight_follow(&first, &a);
	flight_leave(&first);
	assert_int_equal(a.outcome, OUTCOME_ALONE);
	flight_lead(&all, &second, &id, 10);
	assert_ptr_equal(flight_find(&all, &id, 5), &second);
	flight_leave(&second);
}

TEST_WITH(followers_are_bounded, setup, NULL)
{
	struct flights all = { 0 };
	struct siphash id = { 1, 2 };
	struct flight leader = { 0 };
	struct flight *v = calloc(FLIGHT_FOLLOWERS, sizeof(*v));
	flight_lead(&all, &leader, &id, 10);
	for (size_t i = 0; i < FLIGHT_FOLLOWERS; i++) {
		assert_ptr_equal(flight_find(&all, &id, 5), &leader);
		flight_follow(&leader, &v[i]);
	}
	assert_null(flight_find(&all, &id, 5));
	flight_leave(&leader);
	free(v);
}
