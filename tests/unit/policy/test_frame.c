/* policy/frame: whose code runs, and what it may do. */
#include "policy/frame.h"

#include "policy/attr.h"
#include "policy/stage.h"
#include "walk_kit.h"

static unsigned asked; /* how often the provider was */

static void worker_states(void)
{
	static char states[PLUGINS];
	for (unsigned i = 0; i < PLUGINS; i++)
		slots[i].state = &states[i];
}

static sluice_verdict on_nothing(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return SLUICE_NEXT;
}

/* ---- providers of facts -------------------------------------------------------------------- */

static sluice_str provide(sluice_exchange *x, void *ctx, sluice_str name)
{
	asked++;
	assert_ptr_equal(sluice_worker_state(x), ctx);
	assert_ptr_equal(running_instance(fakewire_worker.running), run_item(x)->inst);
	assert_string_equal(running_call_name(fakewire_worker.running), "the provider of a fact");
	/* it does not park the hook that asked */
	assert_int_equal(sluice_sleep(x, 10, on_nothing), SLUICE_FAIL);
	return name;
}

static sluice_verdict state_it(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_attr_provide(x, "geo", provide, sluice_worker_state(x));
	return SLUICE_NEXT;
}

static sluice_verdict ask_for_it(sluice_exchange *x, const void *conf)
{
	sluice_str found = sluice_attr(x, SLUICE_STR("geo:land"));
	assert_true(str_eq(found, STR("land")));
	/* and the hook that asked goes on as itself */
	assert_ptr_equal(run_item(x)->conf, conf);
	assert_string_equal(running_call_name(fakewire_worker.running), "on_request");
	return SLUICE_NEXT;
}

TEST(a_provider_runs_as_its_own_plugin)
{
	asked = 0;
	worker_states();
	walk_begin(2, "", 0);
	parts[0].on_request = state_it;
	parts[1].on_request = ask_for_it;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(asked, 1);
	/* a log that asks when no hook runs */
	assert_true(str_eq(attr_find(walk, STR("geo:land")), STR("land")));
	assert_int_equal(asked, 2);
	assert_null(walk->frame);
	assert_int_equal(fakewire_worker.running, 0);
	walk_end();
}

/* ---- the stack ----------------------------------------------------------------------------- */

static const sluice_body_plan stream_plan = { .size = sizeof(stream_plan),
	.mode = SLUICE_BODY_STREAM,
	.max = 1000 };

static sluice_verdict want_request(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_body_want(x, SLUICE_REQUEST, &stream_plan) ? SLUICE_NEXT : SLUICE_FAIL;
}

static sluice_verdict go_to_sleep(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_sleep(x, 100, on_nothing);
}

static sluice_verdict cannot_sleep(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)conf, (void)end;
	assert_non_null(x->frame->below);
	assert_int_equal(x->frame->below->state, FRAME_PARKED);
	assert_int_equal(sluice_sleep(x, 10, on_nothing), SLUICE_FAIL);
	sluice_body_pass(x, data.len);
	note("b ");
	return SLUICE_NEXT;
}

static void feed(const char *text)
{
	struct buf data;
	buf_init(&data);
	buf_append(&data, text, strlen(text));
	stages_feed(walk->stages[SLUICE_REQUEST], &data);
}

/* A response hook waits while the request's body goes on: its frame stays below, and is resumed. */
TEST(a_body_hook_above_a_parked_hook)
{
	worker_states();
	walk_begin(2, "", 0);
	parts[0].on_request = want_request;
	parts[0].on_body = cannot_sleep;
	parts[1].on_response = go_to_sleep;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(walk_response(200), RUN_WAIT);
	const struct frame *parked = walk->frame;
	feed("abc");
	assert_int_equal(stages_run(walk, walk->stages[SLUICE_REQUEST]), RUN_NEXT);
	assert_ptr_equal(walk->frame, parked);
	assert_int_equal(resumed, 0);
	fakewire_pass(200 * NS_PER_MS);
	assert_int_equal(resumed, 1);
	assert_int_equal(result, RUN_NEXT);
	assert_null(walk->frame);
	assert_string_equal(trace, "q0 q1 s1 b s0 ");
	walk_end();
}

static sluice_verdict give_up(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)x, (void)conf, (void)data, (void)end;
	return SLUICE_FAIL;
}

/* A body hook fails above a parked one: it is named, and what is parked can still be given up. */
TEST(a_body_hook_fails_above_a_parked_hook)
{
	worker_states();
	walk_begin(3, "", 0);
	parts[2].on_request = want_request;
	parts[2].on_body = give_up;
	parts[1].on_response = go_to_sleep;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(walk_response(200), RUN_WAIT);
	feed("abc");
	assert_int_equal(stages_run(walk, walk->stages[SLUICE_REQUEST]), RUN_FAIL);
	assert_int_equal(walk->decided_by, 2);
	assert_int_equal(walk->at, 1); /* where the walk stands is another thing */
	run_cancel(walk);
	assert_null(walk->frame);
	fakewire_pass(200 * NS_PER_MS);
	assert_int_equal(resumed, 0);
	walk_end();
}

TEST_GROUP(walk_setup, walk_teardown);
