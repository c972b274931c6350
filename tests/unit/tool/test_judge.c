/* tests/plugins/tool/judge and outcome: what is a difference. */
#include "judge.h"

#include <stdio.h>

#include "unit.h"

static struct outcome o, first;
static char told[1024];

static int begin(void **state)
{
	(void)state;
	outcome_init(&o);
	outcome_init(&first);
	return 0;
}

static int end(void **state)
{
	(void)state;
	outcome_fini(&o);
	outcome_fini(&first);
	return 0;
}

static void tell(void *ctx, const char *what, sluice_str expected, sluice_str got)
{
	(void)ctx;
	size_t n = strlen(told);
	(void)snprintf(told + n, sizeof(told) - n, "%s: %.*s, %.*s\n", what, STR_ARG(expected),
		STR_ARG(got));
}

static const char *expected(const struct script_expect *e)
{
	told[0] = 0;
	size_t n = judge_expected(e, &o, tell, NULL);
	assert_int_equal(n > 0, told[0] != 0);
	return told;
}

static const char *same(void)
{
	told[0] = 0;
	(void)judge_same(&first, &o, tell, NULL);
	return told;
}

TEST_WITH(what_is_not_said_may_be_anything, begin, end)
{
	const struct script_expect e = { .status = 0 };
	outcome_add(&o, "status", STR("500"));
	assert_string_equal(expected(&e), "");
}

TEST_WITH(status_and_who_answers, begin, end)
{
	const struct script_expect e = { .status = 403,
		.answered_by = STR("gate"),
		.reason = STR("no-key") };
	outcome_add(&o, "status", STR("200"));
	outcome_add(&o, "answered_by", STR("upstream"));
	assert_string_equal(expected(&e),
		"answered by: gate, upstream\nstatus: 403, 200\nreason: no-key, (none)\n");
}

TEST_WITH(fields_with_all_their_values, begin, end)
{
	const sluice_pair v[] = { { STR("Vary"), STR("a") }, { STR("VARY"), STR("b") } };
	const struct script_expect e = { .fields = { v, 2 } };
	outcome_add_part(&o, "field:", STR("Vary"), STR("a"));
	assert_string_equal(expected(&e), "field Vary: a | b, a\n");
	outcome_add_part(&o, "field:", STR("vary"), STR("b"));
	assert_string_equal(expected(&e), "");
	outcome_add_part(&o, "field:", STR("vary"), STR("c"));
	assert_string_equal(expected(&e), "field Vary: a | b, a | b | c\n");
}

TEST_WITH(fields_that_are_there_or_not, begin, end)
{
	const sluice_str has[] = { STR("Date") }, without[] = { STR("Server") };
	struct script_expect e = { .has = { has, 1 }, .without = { without, 1 } };
	outcome_add_part(&o, "field:", STR("Server"), STR("x"));
	assert_string_equal(expected(&e),
		"field Date: (any value), (none)\nfield Server: (none), x\n");
	e = (struct script_expect){ .forwarded = { .without = { without, 1 } } };
	outcome_add_part(&o, "forwarded:field:", STR("Server"), STR("y"));
	assert_string_equal(expected(&e), "forwarded: field Server: (none), y\n");
}

TEST_WITH(nothing_is_forwarded, begin, end)
{
	const struct script_expect e = { .not_forwarded = true };
	assert_string_equal(expected(&e), "");
	outcome_add(&o, "forwarded:method", STR("GET"));
	outcome_add(&o, "forwarded:target", STR("/a"));
	assert_string_equal(expected(&e), "forwarded: (none), /a\n");
}

TEST_WITH(facts_notes_and_log, begin, end)
{
	const sluice_pair facts[] = { { STR("consumer"), STR("anna") }, { STR("org"), STR("") } };
	const sluice_str notes[] = { STR("ask-down") }, log[] = { STR("second"), STR("first") };
	const struct script_expect e = { .facts = { facts, 2 },
		.notes = { notes, 1 },
		.log = { log, 2 } };
	outcome_add(&o, "log", STR("warn: the first"));
	outcome_add(&o, "log", STR("warn: the second"));
	outcome_add(&o, "fact:org", STR("acme"));
	assert_string_equal(expected(&e),
		"fact consumer: anna, (none)\nfact org: (none), acme\nnote: ask-down, (none)\n"
		"log: first, warn: the first\n"); /* it stands before */
}

TEST_WITH(two_runs, begin, end)
{
	outcome_add(&first, "status", STR("200"));
	outcome_add(&first, "log", STR("once"));
	outcome_add(&first, "field:a", STR("1"));
	outcome_add(&o, "field:a", STR("1"));
	outcome_add(&o, "status", STR("200"));
	assert_string_equal(same(), ""); /* neither the order nor the log counts */
	outcome_add(&o, "field:a", STR("2"));
	outcome_add(&o, "note", STR("late"));
	assert_string_equal(same(), "field:a: 1, 1 | 2\nnote: (none), late\n");
}

TEST_WITH(memory_that_ran_out, begin, end)
{
	outcome_add(&first, "status", STR("403"));
	outcome_add(&first, "answered_by", STR("gate"));
	outcome_add(&first, "reason", STR("no-key"));
	outcome_add(&first, "detail", STR("A key is missing."));
	outcome_add(&o, "status", STR("403"));
	outcome_add(&o, "answered_by", STR("gate"));
	assert_false(judge_failed_cleanly(&first, &o));
	outcome_add(&o, "reason", STR("no-key"));
	assert_true(judge_failed_cleanly(&first, &o));
	outcome_fini(&o);
	outcome_init(&o);
	outcome_add(&o, "status", STR("200"));
	outcome_add(&o, "answered_by", STR("upstream"));
	assert_false(judge_failed_cleanly(&first, &o)); /* what was refused has passed */
	outcome_add(&o, "broken_off", STR("yes"));
	assert_true(judge_failed_cleanly(&first, &o));
}

TEST_WITH(outcomes_are_written_and_read, begin, end)
{
	struct arena a;
	arena_init(&a, 0);
	outcome_add(&o, "body", str_n("a\0b", 3));
	outcome_add(&o, "note", STR(""));
	sluice_str text = outcome_write(&o, &a);
	assert_true(outcome_read(&first, text));
	assert_int_equal(first.n, 2);
	assert_int_equal(outcome_find(&first, STR("body")).len, 3);
	assert_non_null(outcome_find(&first, STR("note")).data);
	assert_null(outcome_find(&first, STR("log")).data);
	text.len--;
	assert_false(outcome_read(&first, text));
	arena_fini(&a);
}
