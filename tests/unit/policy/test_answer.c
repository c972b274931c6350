/* policy/answer, policy/lent: what an answer of a plugin may be, and when its body is given back.
 */
#include "policy/answer.h"

#include "base/log.h"
#include "policy/edit.h"
#include "walk_kit.h"

static char body[] = "a body that is lent";
static unsigned released;

static void release(void *arg)
{
	assert_ptr_equal(arg, body);
	assert_ptr_equal(worker_self, &fakewire_worker);
	released++;
}

static sluice_answer lends(int status)
{
	return (sluice_answer){ .size = sizeof(sluice_answer),
		.status = status,
		.body = SLUICE_STR("a body that is lent"),
		.release = release,
		.arg = body };
}

static void begin(unsigned n)
{
	released = 0;
	walk_begin(n, "", 0);
}

static sluice_verdict lend(sluice_exchange *x, const void *conf)
{
	sluice_answer a = lends(200);
	(void)conf;
	a.body = str_of(body);
	return sluice_answer_with(x, &a);
}

static sluice_verdict lend_and_fail(sluice_exchange *x, const void *conf)
{
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Mine"), SLUICE_STR("1"));
	assert_int_equal(lend(x, conf), SLUICE_REPLY);
	return SLUICE_FAIL;
}

static sluice_verdict lend_twice(sluice_exchange *x, const void *conf)
{
	assert_int_equal(lend(x, conf), SLUICE_REPLY);
	assert_int_equal(released, 0);
	assert_int_equal(lend(x, conf), SLUICE_REPLY);
	assert_int_equal(released, 1);
	return SLUICE_REPLY;
}

static sluice_verdict lend_and_go_on(sluice_exchange *x, const void *conf)
{
	assert_int_equal(lend(x, conf), SLUICE_REPLY);
	return SLUICE_NEXT;
}

static sluice_verdict set_a_field(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Other"), SLUICE_STR("1"));
	return SLUICE_NEXT;
}

/* ---- a body that is lent ------------------------------------------------------------------- */

/* It lies where it lay, in whatever queue, and is given back once, with the last of its bytes. */
TEST(a_body_is_sent_from_where_it_lies)
{
	struct buf b, c;
	buf_init(&b);
	buf_init(&c);
	begin(1);
	parts[0].on_request = lend;
	assert_int_equal(walk_request(), RUN_REPLY);
	assert_int_equal(walk_kept, 1);
	answer_body(walk, &b);
	assert_ptr_equal(buf_peek(&b).data, body);
	assert_int_equal(b.len, sizeof(body) - 1);
	walk_end();
	assert_int_equal(released, 0);
	assert_int_equal(walk_kept, 1);
	buf_drain(&b, 3);
	assert_int_equal(released, 0);
	buf_drain(&b, b.len);
	assert_int_equal(released, 1);
	fakewire_pass(1);
	assert_int_equal(walk_kept, 0);
}

TEST(a_body_that_is_not_sent_is_given_back)
{
	begin(1);
	parts[0].on_request = lend;
	assert_int_equal(walk_request(), RUN_REPLY);
	assert_int_equal(released, 0);
	walk_end();
	assert_int_equal(released, 1);

	begin(1);
	parts[0].on_request = lend_twice;
	assert_int_equal(walk_request(), RUN_REPLY);
	walk_end();
	assert_int_equal(released, 2);

	begin(1);
	parts[0].on_request = lend_and_fail;
	assert_int_equal(walk_request(), RUN_FAIL);
	assert_int_equal(released, 1);
	walk_end();
	assert_int_equal(released, 1);
	assert_int_equal(walk_kept, 0);
}

static char lent_name[] = "X-Lent", lent_value[] = "a value";

static void release_fields(void *arg)
{
	(void)arg;
	memset(lent_name, 0, sizeof(lent_name));
	memset(lent_value, 0, sizeof(lent_value));
}

/* The fields lie in what is lent, and are copied before it is given back. */
TEST(fields_that_are_lent_too)
{
	const sluice_pair field = { str_of(lent_name), str_of(lent_value) };
	const sluice_answer a = { .size = sizeof(a),
		.status = 304,
		.headers = { &field, 1 },
		.release = release_fields };
	begin(1);
	walk_enter(0);
	assert_int_equal(sluice_answer_with(walk, &a), SLUICE_REPLY);
	assert_int_equal(lent_name[0], 0);
	assert_true(str_eq(walk->answer.headers.v[0].name, STR("X-Lent")));
	assert_true(str_eq(walk->answer.headers.v[0].value, STR("a value")));
	walk_leave();
	walk_end();
}

/* 204, 205, 304 */
TEST(a_body_where_none_can_be_is_given_back)
{
	static const int without[] = { 204, 205, 304 };
	for (size_t i = 0; i < 3; i++) {
		sluice_answer a = lends(without[i]);
		begin(1);
		walk_enter(0);
		assert_int_equal(sluice_answer_with(walk, &a), SLUICE_REPLY);
		assert_int_equal(released, 1);
		assert_int_equal(walk->answer.body.len, 0);
		run_drop_answer(walk);
		walk_leave();
		walk_end();
		assert_int_equal(released, 1);
	}
}

/* It does not count against the exchange's memory. */
TEST(a_large_body)
{
	static char large[3 << 20];
	struct buf b;
	buf_init(&b);
	begin(1);
	walk_enter(0);
	sluice_answer a = lends(200);
	a.body = str_n(large, sizeof(large));
	assert_int_equal(sluice_answer_with(walk, &a), SLUICE_REPLY);
	answer_body(walk, &b);
	assert_int_equal(b.len, sizeof(large));
	buf_fini(&b);
	assert_int_equal(released, 1);
	/* one that is copied has to fit */
	a.release = NULL;
	assert_int_equal(sluice_answer_with(walk, &a), SLUICE_FAIL);
	assert_int_equal(walk->answer.status, 0);
	walk_leave();
	walk_end();
	assert_int_equal(released, 1);
}

/* ---- fields -------------------------------------------------------------------------------- */

static const char *fields_of_answer(const sluice_pair *v, size_t n, sluice_str type)
{
	struct fields f = { 0 };
	sluice_answer a = { .size = sizeof(a),
		.status = 200,
		.headers = { v, n },
		.content_type = type };
	assert_int_equal(sluice_answer_with(walk, &a), SLUICE_REPLY);
	assert_int_equal(answer_fields(walk, walk->arena, &f), 0);
	return fields_text(&f);
}

TEST(fields)
{
	static const sluice_pair many[] = { { SLUICE_STR("Set-Cookie"), SLUICE_STR("a=1") },
		{ SLUICE_STR("Date"), SLUICE_STR("then") },
		{ SLUICE_STR("Set-Cookie"), SLUICE_STR(" b=2 ") } };
	static const sluice_pair typed[] = { { SLUICE_STR("content-type"), SLUICE_STR("a/b") } };
	static const sluice_pair wrong[] = { { SLUICE_STR("Content-Length"), SLUICE_STR("7") },
		{ SLUICE_STR("Transfer-Encoding"), SLUICE_STR("chunked") },
		{ SLUICE_STR("Connection"), SLUICE_STR("close") },
		{ SLUICE_STR("Keep-Alive"), SLUICE_STR("1") },
		{ SLUICE_STR("X-A"), SLUICE_STR("a\r\nX-B: b") },
		{ SLUICE_STR("a name"), SLUICE_STR("1") }, { SLUICE_STR("X-C"), SLUICE_STR("c") } };
	begin(1);
	walk_enter(0);
	assert_string_equal(fields_of_answer(many, 3, SLUICE_STR("")),
		"Set-Cookie=a=1,Date=then,Set-Cookie=b=2,");
	assert_string_equal(fields_of_answer(typed, 1, SLUICE_STR("")), "content-type=a/b,");
	assert_string_equal(fields_of_answer(typed, 1, SLUICE_STR("text/plain")),
		"Content-Type=text/plain,");
	assert_string_equal(fields_of_answer(wrong, 7, SLUICE_STR("")), "X-C=c,");
	assert_string_equal(fields_of_answer(NULL, 0, SLUICE_STR("")), "");
	run_drop_answer(walk);
	walk_leave();
	walk_end();
}

/* A relayed Date stands there once, however it came. */
TEST(what_a_response_has_once)
{
	begin(1);
	assert_int_equal(walk_request(), RUN_NEXT);
	walk_enter(0);
	sluice_field_add(walk, SLUICE_RESPONSE, SLUICE_STR("Date"), SLUICE_STR("one"));
	sluice_field_add(walk, SLUICE_RESPONSE, SLUICE_STR("date"), SLUICE_STR("two"));
	sluice_field_add(walk, SLUICE_RESPONSE, SLUICE_STR("X-A"), SLUICE_STR("1"));
	sluice_field_add(walk, SLUICE_RESPONSE, SLUICE_STR("X-A"), SLUICE_STR("2"));
	walk_leave();
	assert_int_equal(walk_response(200), RUN_NEXT);
	assert_string_equal(fields_text(&walk->response->fields), "date=two,X-A=1,X-A=2,");
	walk_end();
}

/* ---- failures ------------------------------------------------------------------------------ */

/* What the plugin that failed asked for is not on the 500; what others asked for is. */
TEST(a_failure_takes_nothing_along)
{
	begin(2);
	parts[0].on_request = set_a_field;
	parts[1].on_request = lend_and_fail;
	assert_int_equal(walk_request(), RUN_FAIL);
	edit_forget(walk, walk->decided_by);
	walk_enter(0);
	sluice_field_set(walk, SLUICE_RESPONSE, SLUICE_STR("X-More"), SLUICE_STR("2"));
	walk_leave();
	assert_int_equal(walk_response(500), RUN_NEXT);
	assert_string_equal(fields_text(&walk->response->fields), "X-Other=1,X-More=2,");
	walk_end();
}

/* Whoever goes on after an answer has failed, and the answer is not the next one's. */
TEST(an_answer_ends_with_its_hook)
{
	begin(2);
	parts[0].on_request = lend_and_go_on;
	assert_int_equal(walk_request(), RUN_FAIL);
	assert_int_equal(walk->decided_by, 0);
	assert_int_equal(released, 1);
	walk_end();
}

/* ---- misuse -------------------------------------------------------------------------------- */

static void is_refused(const sluice_answer *a, unsigned times)
{
	released = 0;
	assert_int_equal(sluice_answer_with(walk, a), SLUICE_FAIL);
	assert_int_equal(released, times);
	assert_int_equal(walk->answer.status, 0);
}

TEST(wrong_answers_are_refused)
{
	static const int status[] = { 0, -1, 99, 100, 101, 199, 600, 700 };
	sluice_answer a = lends(200);
	begin(1);
	walk_enter(0);
	for (size_t i = 0; i < sizeof(status) / sizeof(status[0]); i++) {
		a = lends(status[i]);
		is_refused(&a, 1);
		assert_int_equal(sluice_reply(walk, status[i], SLUICE_STR(""), SLUICE_STR("")),
			SLUICE_FAIL);
		assert_int_equal(sluice_refuse(walk, status[i], "code", "Text."), SLUICE_FAIL);
	}
	a = lends(200);
	a.content_type = SLUICE_STR("a/b\r\nX: y");
	is_refused(&a, 1);
	a = lends(200);
	a.body.data = NULL;
	is_refused(&a, 1);
	a = lends(200);
	a.size = 0; /* whether there is a release is not known */
	is_refused(&a, 0);
	is_refused(NULL, 0);
	assert_int_equal(sluice_refuse(walk, 399, "code", "Text."), SLUICE_FAIL);
	static const char *const codes[] = { NULL, "", "Bad Code\"}", "UPPER", "a_b",
		"a-code-that-is-much-too-long-for-a-label-of-a-metric-and-so-is-refused" };
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		assert_int_equal(sluice_refuse(walk, 403, codes[i], "Text."), SLUICE_REPLY);
	assert_string_equal(walk->answer.code, "refused");
	assert_int_equal(sluice_refuse(walk, 403, "no-text", NULL), SLUICE_REPLY);
	run_drop_answer(walk);
	walk_leave();
	walk_end();
}

static sluice_verdict answer_late(sluice_exchange *x, const void *conf)
{
	(void)conf;
	const sluice_answer a = lends(200);
	is_refused(&a, 1);
	assert_int_equal(sluice_refuse(x, 403, "late", "Text."), SLUICE_FAIL);
	return SLUICE_NEXT;
}

TEST(at_another_time_it_is_refused)
{
	const sluice_answer a = lends(200);
	begin(1);
	parts[0].on_complete = answer_late;
	assert_int_equal(walk_request(), RUN_NEXT);
	is_refused(&a, 1); /* no hook runs */
	walk->head_sent = true;
	walk_enter(0);
	is_refused(&a, 1);
	walk_leave();
	walk_complete();
	assert_string_equal(trace, "q0 c0 ");
	walk_end();
}

TEST_GROUP(walk_setup, walk_teardown);
