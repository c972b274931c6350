/* policy/run: the order of hooks, and what their verdicts do. */
#include "policy/attr.h"
#include "walk_kit.h"

static sluice_verdict refuse(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_refuse(x, 403, "no-entry", "Not you.");
}

static sluice_verdict reply(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_reply(x, 200, SLUICE_STR("text/plain"), SLUICE_STR("hello"));
}

static sluice_verdict give_up(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return SLUICE_FAIL;
}

static sluice_verdict nap_over(sluice_exchange *x, const void *conf)
{
	(void)x;
	note("w%u ", ((const struct part *)conf)->n);
	return SLUICE_NEXT;
}

static sluice_verdict nap(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_sleep(x, 100, nap_over);
}

static sluice_verdict nap_and_refuse(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_sleep(x, 100, refuse);
}

static sluice_verdict nap_twice(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_sleep(x, 100, nap);
}

static void pass(unsigned ms)
{
	fakewire_pass(ms * NS_PER_MS);
}

/* ---- order --------------------------------------------------------------------------------- */

TEST(forth_and_back)
{
	walk_begin(3, "", 0);
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(trace, "q0 q1 q2 ");
	assert_int_equal(walk_response(200), RUN_NEXT);
	assert_string_equal(trace, "q0 q1 q2 s2 s1 s0 ");
	walk_complete();
	assert_string_equal(trace, "q0 q1 q2 s2 s1 s0 c0 c1 c2 ");
	walk_end();
}

TEST(no_plugins)
{
	walk_begin(0, "", 0);
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(walk_response(200), RUN_NEXT);
	walk_end();
	assert_string_equal(trace, "");
}

/* Who answers is the last to be asked; what it and those before it do with the response is
 * theirs. */
TEST(answer)
{
	walk_begin(3, "", 0);
	parts[1].on_request = refuse;
	assert_int_equal(walk_request(), RUN_REPLY);
	assert_int_equal(walk->answer.status, 403);
	assert_string_equal(walk->answer.code, "no-entry");
	assert_str(walk->answer.detail, "Not you.");
	assert_int_equal(walk_response(403), RUN_NEXT);
	walk_complete();
	assert_string_equal(trace, "q0 q1 s1 s0 c0 c1 ");
	walk_end();

	walk_begin(2, "", 0);
	parts[0].on_request = reply;
	assert_int_equal(walk_request(), RUN_REPLY);
	assert_null(walk->answer.code);
	assert_str(walk->answer.body, "hello");
	assert_str(walk->answer.content_type, "text/plain");
	walk_end();
	assert_string_equal(trace, "q0 c0 ");
}

TEST(answer_instead_of_a_response)
{
	walk_begin(3, "", 0);
	parts[1].on_response = reply;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(walk_response(200), RUN_REPLY);
	walk_end();
	assert_string_equal(trace, "q0 q1 q2 s2 s1 c0 c1 c2 ");
}

TEST(failures)
{
	walk_begin(3, "", 0);
	parts[1].on_request = give_up;
	assert_int_equal(walk_request(), RUN_FAIL);
	assert_int_equal(walk->answer.status, 0);
	assert_int_equal(walk_response(500), RUN_NEXT);
	walk_end();
	assert_string_equal(trace, "q0 q1 s1 s0 c0 c1 ");

	walk_begin(2, "", 0);
	parts[1].on_response = give_up;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(walk_response(200), RUN_FAIL);
	walk_end();
	assert_string_equal(trace, "q0 q1 s1 c0 c1 ");
}

/* ---- verdicts that do not fit -------------------------------------------------------------- */

static sluice_verdict wait_for_nothing(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return SLUICE_WAIT;
}

static sluice_verdict answer_with_nothing(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return SLUICE_REPLY;
}

static sluice_verdict nonsense(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return (sluice_verdict)77;
}

static sluice_verdict park_and_go_on(sluice_exchange *x, const void *conf)
{
	(void)conf;
	(void)sluice_sleep(x, 100, nap_over);
	return SLUICE_NEXT;
}

static sluice_verdict park_and_refuse(sluice_exchange *x, const void *conf)
{
	(void)conf;
	(void)sluice_sleep(x, 100, nap_over);
	return sluice_refuse(x, 400, "parked", "");
}

static sluice_verdict park_twice(sluice_exchange *x, const void *conf)
{
	(void)conf;
	assert_int_equal(sluice_sleep(x, 100, nap_over), SLUICE_WAIT);
	return sluice_sleep(x, 100, nap_over); /* one at a time: fails, and with it the first */
}

static sluice_verdict refuse_without_code(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_refuse(x, 400, NULL, "because");
}

static sluice_verdict refuse_with_200(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_refuse(x, 200, "fine", "");
}

static sluice_verdict reply_with_100(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_reply(x, 100, SLUICE_STR(""), SLUICE_STR(""));
}

static sluice_verdict reply_with_a_split_head(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_reply(x, 200, SLUICE_STR("text/plain\r\nX: y"), SLUICE_STR(""));
}

TEST(verdicts_that_do_not_fit)
{
	static const struct {
		sluice_hook hook;
		enum run_result result;
	} v[] = {
		{ wait_for_nothing, RUN_FAIL },
		{ answer_with_nothing, RUN_FAIL },
		{ nonsense, RUN_FAIL },
		{ park_and_go_on, RUN_NEXT },
		{ park_and_refuse, RUN_REPLY },
		{ park_twice, RUN_FAIL },
		{ refuse_without_code, RUN_REPLY },
		{ refuse_with_200, RUN_FAIL },
		{ reply_with_100, RUN_FAIL },
		{ reply_with_a_split_head, RUN_FAIL },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		for (int in_response = 0; in_response < 2; in_response++) {
			walk_begin(1, "", 0);
			if (in_response)
				parts[0].on_response = v[i].hook;
			else
				parts[0].on_request = v[i].hook;
			enum run_result r = walk_request();
			if (in_response)
				r = walk_response(200);
			if (r != v[i].result)
				fail_msg("hook %zu gives %d", i, (int)r);
			assert_null(walk->frame);
			walk_end();
			assert_int_equal(resumed, 0);
			assert_string_equal(trace, in_response ? "q0 s0 c0 " : "q0 c0 ");
		}
	}
}

/* An answer of the request phase is not one of the response phase. */
TEST(old_answer_is_no_answer)
{
	walk_begin(1, "", 0);
	parts[0].on_request = refuse;
	parts[0].on_response = answer_with_nothing;
	assert_int_equal(walk_request(), RUN_REPLY);
	assert_int_equal(walk_response(403), RUN_FAIL);
	walk_end();
}

/* ---- waiting ------------------------------------------------------------------------------- */

TEST(wait_and_go_on)
{
	walk_begin(3, "", 0);
	parts[1].on_request = nap;
	parts[1].on_response = nap;
	assert_int_equal(walk_request(), RUN_WAIT);
	assert_string_equal(trace, "q0 q1 ");
	pass(99);
	assert_int_equal(resumed, 0);
	pass(50);
	assert_int_equal(resumed, 1);
	assert_int_equal(result, RUN_NEXT);
	assert_string_equal(trace, "q0 q1 w1 q2 ");
	assert_int_equal(walk_response(200), RUN_WAIT);
	pass(150);
	assert_int_equal(resumed, 2);
	assert_int_equal(result, RUN_NEXT);
	walk_end();
	assert_string_equal(trace, "q0 q1 w1 q2 s2 s1 w1 s0 c0 c1 c2 ");
}

TEST(wait_and_answer)
{
	walk_begin(3, "", 0);
	parts[1].on_request = nap_and_refuse;
	assert_int_equal(walk_request(), RUN_WAIT);
	pass(150);
	assert_int_equal(resumed, 1);
	assert_int_equal(result, RUN_REPLY);
	assert_int_equal(walk->answer.status, 403);
	walk_end();
	assert_string_equal(trace, "q0 q1 c0 c1 ");

	walk_begin(3, "", 0);
	parts[1].on_response = nap_and_refuse;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(walk_response(200), RUN_WAIT);
	pass(150);
	assert_int_equal(result, RUN_REPLY);
	walk_end();
	assert_string_equal(trace, "q0 q1 q2 s2 s1 c0 c1 c2 ");
}

TEST(wait_after_wait)
{
	walk_begin(2, "", 0);
	parts[0].on_request = nap_twice;
	parts[1].on_request = nap;
	assert_int_equal(walk_request(), RUN_WAIT);
	pass(150);
	assert_int_equal(resumed, 0);
	assert_string_equal(trace, "q0 ");
	pass(150);
	assert_int_equal(resumed, 0);
	assert_string_equal(trace, "q0 w0 q1 ");
	pass(150);
	assert_int_equal(resumed, 1);
	assert_int_equal(result, RUN_NEXT);
	walk_end();
}

TEST(cancel)
{
	walk_begin(2, "", 0);
	parts[0].on_request = nap;
	assert_int_equal(walk_request(), RUN_WAIT);
	run_cancel(walk);
	run_cancel(walk);
	pass(1000);
	assert_int_equal(resumed, 0);
	assert_string_equal(trace, "q0 ");
	walk_end(); /* completion runs all the same, for who was asked */
	assert_string_equal(trace, "q0 c0 ");

	walk_begin(2, "", 0);
	parts[1].on_response = nap;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(walk_response(200), RUN_WAIT);
	walk_end(); /* cancels by itself */
	assert_int_equal(resumed, 0);
	assert_string_equal(trace, "q0 q1 s1 c0 c1 ");
}

TEST(hurry)
{
	walk_begin(4, "", 0);
	parts[3].on_response = nap;
	parts[1].on_response = nap_twice;
	parts[0].on_response = refuse;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(walk_response(400), RUN_WAIT);
	assert_int_equal(run_hurry(walk), RUN_REPLY);
	assert_string_equal(trace, "q0 q1 q2 q3 s3 s2 s1 s0 ");
	walk_end();
	assert_int_equal(resumed, 0);
}

TEST(completion_cannot_wait)
{
	walk_begin(2, "", 0);
	parts[0].on_complete = nap;
	parts[1].on_complete = refuse;
	assert_int_equal(walk_request(), RUN_NEXT);
	walk_end();
	assert_string_equal(trace, "q0 q1 c0 c1 ");
	assert_int_equal(resumed, 0);
}

/* ---- what plugins leave behind ------------------------------------------------------------- */

static void clean(void *arg)
{
	note("%s ", (const char *)arg);
}

static sluice_verdict register_cleanups(sluice_exchange *x, const void *conf)
{
	static char one[] = "one", two[] = "two";
	(void)conf;
	sluice_cleanup(x, clean, one);
	sluice_cleanup(x, clean, two);
	return SLUICE_NEXT;
}

TEST(cleanups)
{
	walk_begin(2, "", 0);
	parts[0].on_request = register_cleanups;
	parts[1].on_complete = register_cleanups;
	assert_int_equal(walk_request(), RUN_NEXT);
	walk_complete();
	/* after all hooks, the last first */
	assert_string_equal(trace, "q0 q1 c0 c1 two one two one ");
	walk_end();
}

static sluice_verdict spend_all(sluice_exchange *x, const void *conf)
{
	static char now[] = "now";
	(void)conf;
	while (sluice_alloc(x, 16))
		;
	sluice_cleanup(x, clean, now); /* nobody would remember it: it runs at once */
	sluice_attr_set(x, SLUICE_STR("a"), SLUICE_STR("b"));
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("X-A"), SLUICE_STR("b"));
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-A"), SLUICE_STR("b"));
	sluice_attr_provide(x, "ns", NULL, NULL);
	assert_int_equal(sluice_sleep(x, 1, refuse), SLUICE_FAIL);
	(void)sluice_get(x, SLUICE_I_TARGET);
	return sluice_reply(x, 200, SLUICE_STR(""), SLUICE_STR("hello"));
}

TEST(without_memory)
{
	walk_begin(1, "", 16 * 1024);
	parts[0].on_request = spend_all;
	assert_int_equal(walk_request(), RUN_FAIL);
	assert_true(walk->arena->failed);
	assert_null(attr_find(walk, STR("a")).data);
	assert_string_equal(fields_text(&walk->request->fields), "");
	walk_end();
	assert_string_equal(trace, "q0 now c0 ");
}

static sluice_str from_namespace(sluice_exchange *x, void *ctx, sluice_str name)
{
	(void)x;
	return str_eq(name, SLUICE_STR("sub")) ? str_of(ctx) : STR_NONE;
}

static sluice_verdict state_attributes(sluice_exchange *x, const void *conf)
{
	static char alice[] = "alice", bob[] = "bob";
	(void)x, (void)conf;
	assert_null(sluice_attr(walk, SLUICE_STR("consumer")).data);
	char name[] = "consumer", value[] = "carol";
	sluice_attr_set(walk, str_of(name), str_of(value));
	memset(name, 'x', 4); /* they are copied */
	memset(value, 'x', 4);
	assert_str(sluice_attr(walk, SLUICE_STR("consumer")), "carol");
	sluice_attr_set(walk, SLUICE_STR("consumer"), SLUICE_STR("dave"));
	assert_str(sluice_attr(walk, SLUICE_STR("consumer")), "dave");
	sluice_attr_provide(walk, "claim", from_namespace, alice);
	assert_str(sluice_attr(walk, SLUICE_STR("claim:sub")), "alice");
	assert_null(sluice_attr(walk, SLUICE_STR("claim:aud")).data);
	assert_null(sluice_attr(walk, SLUICE_STR("claim")).data);
	assert_null(sluice_attr(walk, SLUICE_STR("claims:sub")).data);
	sluice_attr_provide(walk, "claim", from_namespace, bob); /* the newest holds */
	assert_str(sluice_attr(walk, SLUICE_STR("claim:sub")), "bob");
	sluice_attr_set(walk, SLUICE_STR("claim:sub"), SLUICE_STR("eve"));
	assert_str(sluice_attr(walk, SLUICE_STR("claim:sub")), "eve");
	sluice_attr_set(walk, SLUICE_STR("empty"), SLUICE_STR(""));
	assert_non_null(sluice_attr(walk, SLUICE_STR("empty")).data);
	return SLUICE_NEXT;
}

TEST(attributes)
{
	walk_begin(1, "", 0);
	parts[0].on_request = state_attributes;
	assert_int_equal(walk_request(), RUN_NEXT);
	walk_end();
}

static sluice_verdict note_all(sluice_exchange *x, const void *conf)
{
	static const char *const codes[] = { "a", "b", "c", "d", "e" };
	(void)x, (void)conf;
	sluice_note(walk, codes[0]);
	sluice_note(walk, codes[0]); /* once each */
	assert_int_equal(walk->n_notes, 1);
	for (int i = 0; i < 5; i++)
		sluice_note(walk, codes[i]);
	return SLUICE_NEXT;
}

TEST(notes)
{
	walk_begin(1, "", 0);
	parts[0].on_request = note_all;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(walk->n_notes, RUN_NOTES);
	assert_string_equal(walk->notes[3].code, "d");
	walk_end();
}

TEST(facts)
{
	static const struct {
		sluice_info what;
		const char *is;
	} v[] = {
		{ SLUICE_I_METHOD, "GET" },
		{ SLUICE_I_SCHEME, "http" },
		{ SLUICE_I_HOST, "example.com" },
		{ SLUICE_I_PATH, "/a/b" },
		{ SLUICE_I_QUERY, "x=1&y=&x=2&z" },
		{ SLUICE_I_TARGET, "/a/b?x=1&y=&x=2&z" },
		{ SLUICE_I_CLIENT_IP, "192.0.2.7" },
		{ SLUICE_I_ROUTE, "the-route" },
		{ SLUICE_I_UPSTREAM, "the-upstream" },
		{ SLUICE_I_REQUEST_ID, "id-1" },
	};
	sluice_pair pair;
	size_t iter = 0;
	walk_begin(1, "A: 1\nB: 2\nA: 3\n", 0);
	walk_enter(0);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_str(sluice_get(walk, v[i].what), v[i].is);
	assert_null(sluice_get(walk, (sluice_info)99).data); /* of a newer header */
	assert_str(sluice_field(walk, SLUICE_REQUEST, SLUICE_STR("a")), "1");
	assert_null(sluice_field(walk, SLUICE_REQUEST, SLUICE_STR("c")).data);
	/* there is none yet */
	assert_null(sluice_field(walk, SLUICE_RESPONSE, SLUICE_STR("a")).data);
	assert_int_equal(sluice_response_status(walk), 0);
	sluice_field_remove(walk, SLUICE_REQUEST, SLUICE_STR("B"));
	for (const char *at = "13"; *at; at++) {
		assert_true(sluice_field_next(walk, SLUICE_REQUEST, &iter, &pair));
		assert_int_equal(pair.value.data[0], *at);
	}
	assert_false(sluice_field_next(walk, SLUICE_REQUEST, &iter, &pair));
	iter = 0;
	assert_false(sluice_field_next(walk, SLUICE_RESPONSE, &iter, &pair));
	walk_leave();
	(void)walk_request();
	(void)walk_response(204);
	walk_enter(0);
	assert_int_equal(sluice_response_status(walk), 204);
	walk_leave();
	walk_end();
}

TEST_GROUP(walk_setup, walk_teardown);
