/* sluice_body_wait(): a request hook decides with the whole body, before the plugins behind it. */
#include "policy/stage.h"
#include "policy/wait.h"
#include "walk_kit.h"

static sluice_body_plan plan;
static sluice_body_hook then[PLUGINS];
static char seen[256];

static void begin(unsigned n, uint64_t max, sluice_body_over over)
{
	walk_begin(n, "", 0);
	seen[0] = 0;
	plan = (sluice_body_plan){ .size = sizeof(plan),
		.mode = SLUICE_BODY_BUFFER,
		.over = over,
		.max = max };
}

static sluice_verdict wait_for_it(sluice_exchange *x, const void *conf)
{
	const struct part *p = conf;
	return sluice_body_wait(x, &plan, then[p->n]);
}

static void waits(unsigned n, sluice_body_hook fn)
{
	parts[n].on_request = wait_for_it;
	then[n] = fn;
}

static void write_down(const void *conf, sluice_str data, bool end)
{
	size_t n = strlen(seen);
	(void)snprintf(seen + n, sizeof(seen) - n, "%u:%.*s%s%s ", ((const struct part *)conf)->n,
		STR_ARG(data), data.data ? "" : "(unseen)", end ? "." : "");
}

static sluice_verdict look(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)x;
	write_down(conf, data, end);
	return SLUICE_NEXT;
}

static sluice_verdict put_before(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	write_down(conf, data, end);
	(void)sluice_body_write(x, SLUICE_STR("+"));
	sluice_body_pass(x, data.len);
	return SLUICE_NEXT;
}

static sluice_verdict no(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	write_down(conf, data, end);
	return sluice_refuse(x, 403, "no", "No.");
}

static sluice_verdict slept(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("X-Slept"), SLUICE_STR("1"));
	assert_true(sluice_target_set(x, SLUICE_STR("/other"), (sluice_str){ NULL, 0 }));
	return SLUICE_NEXT;
}

static sluice_verdict look_and_sleep(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	write_down(conf, data, end);
	return sluice_sleep(x, 10, slept);
}

static sluice_verdict wait_within(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	write_down(conf, data, end);
	assert_int_equal(sluice_body_wait(x, &plan, look), SLUICE_FAIL);
	assert_false(sluice_body_want(x, SLUICE_REQUEST, &plan));
	assert_true(sluice_body_want(x, SLUICE_RESPONSE, &plan));
	return SLUICE_NEXT;
}

/* As the proxy does: what came goes into the row, and the hook that waits is told. */
static enum run_result feed(const char *bytes, bool end)
{
	struct stages *row = walk->stages[SLUICE_REQUEST];
	struct buf data;
	buf_init(&data);
	buf_append(&data, bytes, strlen(bytes));
	stages_feed(row, &data);
	if (end)
		stages_end(row, NULL);
	return stages_run(walk, row);
}

static void came(void)
{
	assert_false(stages_hold(walk->stages[SLUICE_REQUEST]));
	assert_true(walk->waits_for_body);
	wait_body_came(walk);
}

static void out_is(const char *text)
{
	struct stages *row = walk->stages[SLUICE_REQUEST];
	assert_str(row->out.len ? buf_pullup(&row->out, row->out.len) : STR(""), text);
}

TEST(it_decides_before_the_plugins_behind)
{
	begin(2, 100, SLUICE_BODY_REFUSE);
	waits(0, look);
	assert_int_equal(walk_request(), RUN_WAIT);
	assert_true(walk->waits_for_body);
	assert_int_equal(feed("one ", false), RUN_NEXT);
	assert_string_equal(seen, "");
	assert_true(stages_hold(walk->stages[SLUICE_REQUEST]));
	assert_int_equal(feed("two", true), RUN_NEXT);
	assert_string_equal(seen, "0:one two. ");
	assert_string_equal(trace, "q0 ");
	came();
	assert_int_equal(resumed, 1);
	assert_int_equal(result, RUN_NEXT);
	assert_false(walk->waits_for_body);
	assert_string_equal(trace, "q0 q1 ");
	out_is("one two");
	walk_end();
}

TEST(an_answer_ends_it)
{
	begin(2, 100, SLUICE_BODY_REFUSE);
	waits(0, no);
	assert_int_equal(walk_request(), RUN_WAIT);
	assert_int_equal(feed("", true), RUN_REPLY);
	assert_int_equal(walk->decided_by, 0);
	assert_string_equal(seen, "0:. ");
	run_cancel(walk);
	assert_false(walk->waits_for_body);
	walk_end();
	assert_string_equal(trace, "q0 c0 ");
}

/* Each sees what those before it made of the body. */
TEST(one_after_another)
{
	begin(3, 100, SLUICE_BODY_REFUSE);
	waits(0, put_before);
	waits(1, put_before);
	waits(2, look);
	assert_int_equal(walk_request(), RUN_WAIT);
	assert_int_equal(feed("x", true), RUN_NEXT);
	for (unsigned i = 1; i < 3; i++) {
		came();
		assert_int_equal(result, RUN_WAIT);
		assert_int_equal(stages_run(walk, walk->stages[SLUICE_REQUEST]), RUN_NEXT);
	}
	came();
	assert_int_equal(result, RUN_NEXT);
	assert_string_equal(seen, "0:x. 1:+x. 2:++x. ");
	assert_string_equal(trace, "q0 q1 q2 ");
	out_is("++x");
	walk_end();
}

/* The hook may wait for a service while the request waits for the hook, and change the request. */
TEST(it_may_wait)
{
	begin(2, 100, SLUICE_BODY_REFUSE);
	waits(0, look_and_sleep);
	assert_int_equal(walk_request(), RUN_WAIT);
	assert_int_equal(feed("x", true), RUN_WAIT);
	fakewire_pass(150 * NS_PER_MS);
	assert_int_equal(resumed, 1);
	assert_int_equal(result, RUN_NEXT);
	came();
	assert_string_equal(trace, "q0 q1 ");
	assert_string_equal(fields_text(&walk->request->fields), "X-Slept=1,");
	assert_str(walk->request->path, "/other");
	walk_end();
}

TEST(a_client_that_leaves)
{
	begin(2, 100, SLUICE_BODY_REFUSE);
	waits(0, look_and_sleep);
	assert_int_equal(walk_request(), RUN_WAIT);
	assert_int_equal(feed("x", true), RUN_WAIT);
	walk_end();
	assert_string_equal(trace, "q0 c0 ");
	assert_int_equal(resumed, 0);
}

TEST(too_long)
{
	begin(1, 3, SLUICE_BODY_REFUSE);
	waits(0, look);
	assert_int_equal(walk_request(), RUN_WAIT);
	assert_int_equal(feed("four", false), RUN_OVER);
	assert_string_equal(seen, "");
	run_cancel(walk);
	walk_end();

	begin(1, 3, SLUICE_BODY_REFUSE);
	waits(0, look);
	assert_int_equal(walk_request(), RUN_WAIT);
	assert_int_equal(stages_expect(walk, walk->stages[SLUICE_REQUEST], 4), RUN_OVER);
	run_cancel(walk);
	walk_end();
}

/* The plugin decides without it, and the next one waits for the same body with a larger max. */
TEST(too_long_and_passed)
{
	begin(3, 3, SLUICE_BODY_PASS);
	waits(0, put_before);
	assert_int_equal(walk_request(), RUN_WAIT);
	assert_int_equal(feed("four", false), RUN_NEXT);
	assert_string_equal(seen, "0:(unseen) ");
	assert_false(stages_change(walk->stages[SLUICE_REQUEST]));
	plan.max = 100;
	waits(1, look);
	came();
	assert_int_equal(result, RUN_WAIT);
	assert_int_equal(feed(" and more", true), RUN_NEXT);
	assert_string_equal(seen, "0:(unseen) 1:four and more. ");
	came();
	assert_int_equal(result, RUN_NEXT);
	out_is("four and more");
	walk_end();
}

static sluice_verdict ask(sluice_exchange *x, const void *conf)
{
	(void)conf;
	assert_true(sluice_body_want(x, SLUICE_REQUEST, &plan));
	return SLUICE_NEXT;
}

/* Hooks on the body of plugins before it and behind it. */
TEST(hooks_on_bodies_run_in_their_place)
{
	begin(3, 100, SLUICE_BODY_REFUSE);
	parts[0].on_request = parts[2].on_request = ask;
	parts[0].on_body = parts[2].on_body = put_before;
	waits(1, look);
	assert_int_equal(walk_request(), RUN_WAIT);
	assert_int_equal(feed("x", true), RUN_NEXT);
	assert_string_equal(seen, "0:x. 1:+x. ");
	came();
	assert_int_equal(result, RUN_NEXT);
	assert_int_equal(stages_run(walk, walk->stages[SLUICE_REQUEST]), RUN_NEXT);
	assert_string_equal(seen, "0:x. 1:+x. 2:+x. ");
	out_is("++x");
	walk_end();
}

static sluice_verdict no_callback(sluice_exchange *x, const void *conf)
{
	(void)conf;
	assert_int_equal(sluice_body_wait(x, &plan, NULL), SLUICE_FAIL);
	assert_int_equal(sluice_body_wait(x, NULL, look), SLUICE_FAIL);
	sluice_body_plan p = plan;
	p.mode = SLUICE_BODY_STREAM;
	assert_int_equal(sluice_body_wait(x, &p, look), SLUICE_FAIL);
	p = plan;
	p.max = 0;
	assert_int_equal(sluice_body_wait(x, &p, look), SLUICE_FAIL);
	assert_false(x->waits_for_body);
	return SLUICE_NEXT;
}

static sluice_verdict late(sluice_exchange *x, const void *conf)
{
	(void)conf;
	assert_int_equal(sluice_body_wait(x, &plan, look), SLUICE_FAIL);
	return SLUICE_NEXT;
}

TEST(misuse_is_refused)
{
	begin(2, 100, SLUICE_BODY_REFUSE);
	parts[0].on_request = no_callback;
	parts[0].on_response = parts[0].on_complete = late;
	waits(1, wait_within);
	assert_int_equal(sluice_body_wait(walk, &plan, look), SLUICE_FAIL); /* no hook runs */
	assert_int_equal(walk_request(), RUN_WAIT);
	assert_int_equal(feed("x", true), RUN_NEXT);
	came();
	assert_int_equal(result, RUN_NEXT);
	assert_int_equal(walk_response(200), RUN_NEXT);
	walk_end();
	assert_string_equal(trace, "q0 q1 s1 s0 c0 c1 ");
}

TEST_GROUP(walk_setup, walk_teardown);
