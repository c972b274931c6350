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

static sluice_verdict park_first(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_sleep(x, 50, on_nothing);
}

static sluice_verdict wait_ask_and_go_on(sluice_exchange *x, const void *conf)
{
	assert_int_equal(sluice_sleep(x, 50, on_nothing), SLUICE_WAIT);
	return ask_for_it(x, conf);
}

/* The wait is dropped, though a provider's frame came and went above the hook that began it. */
TEST(a_wait_that_is_left_behind_is_dropped)
{
	worker_states();
	for (unsigned i = 0; i < 3; i++) { /* also when its time is not measured */
		slots[0].next_sample = slots[1].next_sample = i ? UINT64_MAX : 0;
		walk_begin(2, "", 0);
		parts[0].on_request = state_it;
		parts[1].on_request = wait_ask_and_go_on;
		assert_int_equal(walk_request(), RUN_NEXT);
		assert_null(walk->walk_frame.wait);
		fakewire_pass(100 * NS_PER_MS);
		assert_int_equal(resumed, 0);
		walk_end();
	}
	slots[0].next_sample = slots[1].next_sample = 0;
}

/* A response that replaces this one runs the hooks of no plugin again. */
TEST(a_response_walk_that_is_through_stands_at_the_beginning)
{
	worker_states();
	walk_begin(2, "", 0);
	parts[0].on_response = on_nothing;
	parts[1].on_request = park_first;
	assert_int_equal(walk_request(), RUN_WAIT);
	fakewire_pass(100 * NS_PER_MS);
	assert_int_equal(resumed, 1);
	assert_int_equal(walk_response(200), RUN_NEXT);
	assert_int_equal(walk->at, 0);
	walk_end();
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

/* ---- on_error, mode and budget -------------------------------------------------------------- */

static sluice_verdict gives_up(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return SLUICE_FAIL;
}

static sluice_verdict refuse(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_refuse(x, 403, "no-entry", "No.");
}

static sluice_verdict refuse_and_fail(sluice_exchange *x, const void *conf)
{
	(void)refuse(x, conf);
	return SLUICE_FAIL;
}

static sluice_verdict nap_and_fail(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_sleep(x, 100, gives_up);
}

static void trust_begin(enum instance_on_error on_error, enum instance_mode mode)
{
	worker_states();
	walk_begin(2, "a: b\n", 0);
	slots[0].inst->on_error = (uint8_t)on_error;
	slots[0].inst->mode = (uint8_t)mode;
}

static void trust_end(void)
{
	slots[0].inst->on_error = INSTANCE_DENY;
	slots[0].inst->mode = INSTANCE_ENFORCE;
	walk_end();
}

TEST(skip_goes_on_as_if_the_hook_had_let_it_pass)
{
	trust_begin(INSTANCE_SKIP, INSTANCE_ENFORCE);
	parts[0].on_request = gives_up;
	parts[0].on_response = nap_and_fail;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(walk_response(200), RUN_WAIT);
	fakewire_pass(200 * NS_PER_MS);
	assert_int_equal(resumed, 1);
	assert_int_equal(result, RUN_NEXT);
	assert_string_equal(trace, "q0 q1 s1 s0 ");
	trust_end();
}

TEST(skip_takes_no_answer_back)
{
	trust_begin(INSTANCE_SKIP, INSTANCE_ENFORCE);
	parts[0].on_request = refuse_and_fail;
	assert_int_equal(walk_request(), RUN_FAIL);
	trust_end();

	trust_begin(INSTANCE_SKIP, INSTANCE_ENFORCE);
	parts[0].on_request = refuse;
	assert_int_equal(walk_request(), RUN_REPLY);
	trust_end();
}

static sluice_verdict hold_then_fail(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	(void)x, (void)conf, (void)end;
	note("%zu ", data.len);
	return data.len < 5 ? SLUICE_NEXT : SLUICE_FAIL;
}

static const char *left_the_row(void)
{
	static char text[64];
	struct stages *row = walk->stages[SLUICE_REQUEST];
	sluice_str all = buf_pullup(&row->out, row->out.len);
	(void)snprintf(text, sizeof(text), "%.*s", STR_ARG(all));
	return text;
}

TEST(skip_lets_go_on_what_a_body_hook_holds)
{
	trust_begin(INSTANCE_SKIP, INSTANCE_ENFORCE);
	parts[0].on_request = want_request;
	parts[0].on_body = hold_then_fail;
	assert_int_equal(walk_request(), RUN_NEXT);
	trace[0] = 0;
	feed("abc");
	assert_int_equal(stages_run(walk, walk->stages[SLUICE_REQUEST]), RUN_NEXT);
	assert_string_equal(left_the_row(), "");
	feed("def");
	assert_int_equal(stages_run(walk, walk->stages[SLUICE_REQUEST]), RUN_NEXT);
	assert_string_equal(left_the_row(), "abcdef");
	feed("g");
	stages_end(walk->stages[SLUICE_REQUEST], NULL);
	assert_int_equal(stages_run(walk, walk->stages[SLUICE_REQUEST]), RUN_NEXT);
	assert_string_equal(left_the_row(), "abcdefg");
	assert_true(walk->stages[SLUICE_REQUEST]->done);
	assert_string_equal(trace, "3 6 "); /* and the hook is not called again */
	trust_end();
}

static sluice_verdict change_all(sluice_exchange *x, const void *conf)
{
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("a"), SLUICE_STR("c"));
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("d"), SLUICE_STR("e"));
	assert_true(sluice_target_set(x, SLUICE_STR("/other"), SLUICE_STR("")));
	assert_true(sluice_host_set(x, SLUICE_STR("other.test")));
	sluice_attr_set(x, SLUICE_STR("who"), SLUICE_STR("carol"));
	return refuse(x, conf);
}

static bool is_noted(const char *code)
{
	for (unsigned i = 0; i < walk->n_notes; i++) {
		if (strcmp(walk->notes[i].code, code) == 0)
			return true;
	}
	return false;
}

TEST(report_changes_nothing_and_tells)
{
	trust_begin(INSTANCE_DENY, INSTANCE_REPORT);
	parts[0].on_request = change_all;
	parts[0].on_response = gives_up;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(fields_text(&walk->request->fields), "a=b,");
	assert_str(walk->request->path, "/a/b");
	assert_str(walk->request->authority, "Example.com:8080");
	assert_int_equal(walk->answer.status, 0);
	assert_true(str_eq(attr_find(walk, STR("who")), STR("carol")));
	assert_int_equal(walk_response(200), RUN_NEXT);
	assert_string_equal(fields_text(&walk->response->fields), "");
	assert_int_equal(walk->n_notes, 4); /* as many as are kept, each once */
	assert_true(is_noted("report:field") && is_noted("report:target"));
	assert_true(is_noted("report:host") && is_noted("report:no-entry"));
	assert_string_equal(trace, "q0 q1 s1 s0 ");
	trust_end();
}

static sluice_verdict change_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)conf, (void)end;
	note("%zu ", data.len);
	sluice_body_drop(x, 1);
	assert_true(sluice_body_write(x, SLUICE_STR("new")));
	sluice_body_pass(x, 1);
	return SLUICE_NEXT;
}

TEST(report_lets_a_body_pass)
{
	trust_begin(INSTANCE_DENY, INSTANCE_REPORT);
	parts[0].on_request = want_request;
	parts[0].on_body = change_body;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_false(stages_change(walk->stages[SLUICE_REQUEST]));
	trace[0] = 0;
	feed("abc");
	assert_int_equal(stages_run(walk, walk->stages[SLUICE_REQUEST]), RUN_NEXT);
	feed("de");
	stages_end(walk->stages[SLUICE_REQUEST], NULL);
	assert_int_equal(stages_run(walk, walk->stages[SLUICE_REQUEST]), RUN_NEXT);
	assert_string_equal(left_the_row(), "abcde");
	assert_string_equal(trace, "3 2 ");
	assert_int_equal(walk->n_notes, 1);
	assert_true(is_noted("report:body"));
	trust_end();
}

static sluice_verdict be_slow(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	uint64_t until = clock_ns() + 2 * NS_PER_MS;
	while (clock_ns() < until)
		;
	return SLUICE_NEXT;
}

TEST(every_call_over_the_budget_is_told)
{
	sluice_instance *inst = slots[0].inst;
	_Atomic uint64_t *told = &inst->blamed[BLAME_SLOW].untold;
	atomic_store(&inst->blamed[BLAME_SLOW].until_ns, UINT64_MAX);
	inst->budget_ns = NS_PER_MS;
	inst->sample_mask = 0;
	slots[0].next_sample = 0;
	for (unsigned i = 1; i <= INSTANCE_SAMPLE_EVERY + 5; i++) {
		worker_states();
		walk_begin(1, "", 0);
		parts[0].on_request = be_slow;
		assert_int_equal(walk_request(), RUN_NEXT);
		assert_int_equal(atomic_load(told), i);
		walk_end();
	}
	inst->budget_ns = 10 * NS_PER_S;
	walk_begin(1, "", 0);
	parts[0].on_request = park_first; /* what it waits for is not its time */
	assert_int_equal(walk_request(), RUN_WAIT);
	fakewire_pass(100 * NS_PER_MS);
	assert_int_equal(resumed, 1);
	assert_int_equal(atomic_load(told), INSTANCE_SAMPLE_EVERY + 5);
	walk_end();
	inst->budget_ns = 0;
	inst->sample_mask = INSTANCE_SAMPLE_EVERY - 1;
}

TEST_GROUP(walk_setup, walk_teardown);
