/* policy/blame: who it was and why, and not so often that a client could fill the log. */
#include "policy/blame.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "walk_kit.h"

static char out[4096];
static int saved, ends[2];

/* What is logged from here on is the next log_text(). */
static void capture(void)
{
	assert_int_equal(pipe(ends), 0);
	saved = dup(STDERR_FILENO);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(close(ends[1]), 0);
}

static const char *log_text(void)
{
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(close(saved), 0);
	ssize_t n = read(ends[0], out, sizeof(out) - 1);
	out[n > 0 ? n : 0] = 0;
	assert_int_equal(close(ends[0]), 0);
	return out;
}

static unsigned lines(const char *text)
{
	unsigned n = 0;
	while ((text = strchr(text, '\n')))
		n++, text++;
	return n;
}

static sluice_verdict fails(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return SLUICE_FAIL;
}

static sluice_verdict answers_and_goes_on(sluice_exchange *x, const void *conf)
{
	(void)conf;
	(void)sluice_refuse(x, 403, "no", "No.");
	return SLUICE_NEXT;
}

static sluice_verdict odd(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return (sluice_verdict)99;
}

static sluice_verdict waits_for_nothing(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return SLUICE_WAIT;
}

static sluice_verdict replies_without(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return SLUICE_REPLY;
}

static sluice_verdict spends_all(sluice_exchange *x, const void *conf)
{
	(void)conf;
	while (sluice_alloc(x, 4096))
		;
	return SLUICE_FAIL;
}

/* What the log has of one request whose hook this is. */
static const char *log_of(sluice_hook hook)
{
	walk_begin(1, "", 0);
	parts[0].on_request = hook;
	atomic_store(&slots[0].inst->blamed[BLAME_FAILED].until_ns, 0);
	capture();
	assert_int_equal(walk_request(), RUN_FAIL);
	const char *text = log_text();
	assert_int_equal(walk->answer.status, 0);
	walk_end();
	return text;
}

#define WHO "error plugin: plugin instance \"an-instance\" (part) in on_request: "
#define WHERE "; route the-route, request id-1\n"

TEST(a_failure_names_instance_hook_and_cause)
{
	assert_non_null(strstr(log_of(fails), WHO "it returned SLUICE_FAIL" WHERE));
	assert_non_null(strstr(log_of(answers_and_goes_on),
		WHO "it returned SLUICE_NEXT after it had answered" WHERE));
	assert_non_null(strstr(log_of(odd), WHO "it returned a number that is no verdict" WHERE));
	assert_non_null(strstr(log_of(waits_for_nothing),
		WHO "it returned SLUICE_WAIT and waits for nothing" WHERE));
	assert_non_null(strstr(log_of(replies_without),
		WHO "it returned SLUICE_REPLY without an answer" WHERE));
	assert_non_null(strstr(log_of(spends_all),
		WHO "it returned SLUICE_FAIL; the memory of the request is spent" WHERE));
}

static void fail_times(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		walk_begin(1, "", 0);
		parts[0].on_request = fails;
		assert_int_equal(walk_request(), RUN_FAIL);
		walk_end();
	}
}

TEST(a_line_and_then_the_number_of_those_left_out)
{
	struct blame_quiet *q = &slots[0].inst->blamed[BLAME_FAILED];
	atomic_store(&q->until_ns, 0);
	capture();
	fail_times(7);
	const char *text = log_text();
	assert_int_equal(lines(text), 1);
	assert_null(strstr(text, "more since"));
	assert_int_equal(atomic_load(&q->untold), 6);
	/* the interval is over */
	assert_true(atomic_load(&q->until_ns) > clock_ns());
	atomic_store(&q->until_ns, clock_ns());
	capture();
	fail_times(3);
	text = log_text();
	assert_int_equal(lines(text), 1);
	assert_non_null(strstr(text, "; 6 more since the last line\n"));
	assert_int_equal(atomic_load(&q->untold), 2);
}

/* One instance, or one kind, does not silence another. */
TEST(each_instance_and_kind_has_its_own_interval)
{
	walk_begin(2, "", 0);
	walk_enter(0);
	capture();
	blame_misuse("sluice_a()", "of this");
	blame_misuse("sluice_b()", "of that");
	blame_caller(BLAME_CHANGE, "not %s", "changed");
	walk_leave();
	walk_enter(1);
	blame_misuse("sluice_c()", "of these");
	walk_leave();
	const char *text = log_text();
	assert_int_equal(lines(text), 3);
	assert_non_null(strstr(text, "in on_request: sluice_a() is refused: of this\n"));
	assert_non_null(strstr(text,
		"warn  plugin: plugin instance \"an-instance\" (part) in "
		"on_request: not changed\n"));
	assert_non_null(strstr(text, "sluice_c() is refused: of these\n"));
	capture();
	blame_misuse("sluice_d()", "of all");
	text = log_text();
	assert_non_null(strstr(text,
		"where no plugin's code runs: sluice_d() is refused: of "
		"all\n"));
	walk_end();
}

static int setup(void **state)
{
	int rc = walk_setup(state);
	log_set_level(LOG_INFO);
	return rc;
}

TEST_GROUP(setup, walk_teardown);
