/* proxy/lane: a lane moves exactly when no hold is left, and says what holds it. */
#include "proxy_kit.h"

static const char conf[] = KIT_GATEWAY
	"plugins: { a: { use: script, label: a } }\n"
	"upstreams:\n"
	"  up: { servers: ['127.0.0.1:@port@'] }\n"
	"routes:\n"
	"  - { name: plain, match: { path: /plain }, upstream: up }\n"
	"  - { name: body, match: { path: /body }, plugins: [a], upstream: up }\n";

static struct exchange *exchange_here(void)
{
	return exchange_of_client(&guest->c);
}

static void assert_text(const struct lane *l, const char *part)
{
	char text[LANE_TEXT];
	size_t n = lane_text(l, text);
	assert_int_equal(n, strlen(text));
	if (!strstr(text, part))
		fail_msg("no \"%s\" in \"%s\"", part, text);
}

/* Whoever has a reason to wait need not know the others. */
TEST(each_hold_counts)
{
	kit_begin(conf);
	visit("POST /plain\n", BODY_CHUNKED, 0);
	struct lane *l = &exchange_here()->to_upstream;
	assert_text(l, "request direct, held: sink ");
	until(l->holds == 0);
	assert_text(l, "request direct, moves");
	unsigned resumed = guest->resumes;
	lane_hold(l, HOLD_FULL);
	lane_hold(l, HOLD_STAGES);
	lane_hold(l, HOLD_FULL); /* twice is once */
	assert_true(guest->held);
	assert_text(l, " full ");
	assert_text(l, " stages ");
	lane_release(l, HOLD_FULL);
	assert_true(guest->held);
	lane_release(l, HOLD_FULL | HOLD_HOOKS);
	assert_int_equal(guest->resumes, resumed);
	visitor_say("wait", false);
	turns_for(20);
	assert_null(strstr(up.got, "wait"));
	lane_release(l, HOLD_STAGES);
	assert_int_equal(guest->resumes, resumed + 1);
	until(strstr(up.got, "wait"));
	kit_end();
}

/* What is offered to a lane that is held stays where it is. */
TEST(a_held_lane_takes_nothing)
{
	struct buf data;
	kit_begin(conf);
	visit("POST /plain\n", BODY_CHUNKED, 0);
	struct lane *l = &exchange_here()->to_upstream;
	buf_init(&data);
	buf_append(&data, "early", 5);
	lane_take(l, &data);
	assert_int_equal(data.len, 5);
	until(l->holds == 0);
	assert_false(l->begun);
	lane_take(l, &data);
	assert_int_equal(data.len, 0);
	assert_true(l->begun);
	until(strstr(up.got, "early"));
	kit_end();
}

TEST(a_client_that_is_full)
{
	kit_begin(conf);
	visit("GET /plain\n", BODY_NONE, 0);
	guest->full = true;
	until(up.got_len);
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
	until(guest->body_len == 5);
	const struct lane *l = &exchange_here()->to_client;
	assert_text(l, "response direct, held: full ");
	up_say("world");
	turns_for(20);
	assert_int_equal(guest->body_len, 5);
	guest->full = false;
	guest->c.events->on_drained(&guest->c);
	assert_text(l, "response direct, moves");
	until(guest->finished);
	assert_string_equal(guest->body, "helloworld");
	kit_end();
}

static sluice_verdict go_on(sluice_exchange *x, const void *c)
{
	(void)x, (void)c;
	return SLUICE_NEXT;
}

static sluice_verdict nap(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_sleep(x, 30, go_on);
}

TEST(hooks_that_wait)
{
	kit_begin(conf);
	script->on_response = nap;
	visit("GET /body\n", BODY_NONE, 0);
	until(up.got_len);
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
	until(exchange_here()->state == EXCHANGE_RESPONSE_HOOKS);
	assert_text(&exchange_here()->to_client, "response direct, held: hooks ");
	assert_int_equal(guest->heads, 0);
	until(guest->finished);
	assert_string_equal(guest->body, "hello");
	kit_end();
}

static sluice_verdict want_body(sluice_exchange *x, const void *c)
{
	static const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_STREAM,
		.max = 1 };
	(void)c;
	return sluice_body_want(x, SLUICE_REQUEST, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
}

static sluice_verdict pass_body(sluice_exchange *x, const void *c, sluice_str data, bool end)
{
	(void)c, (void)end;
	sluice_body_pass(x, data.len);
	return SLUICE_NEXT;
}

TEST(the_way_is_named)
{
	kit_begin(conf);
	script->on_request = want_body;
	script->on_request_body = pass_body;
	visit("POST /body\n", BODY_CHUNKED, 0);
	const struct lane *l = &exchange_here()->to_upstream;
	until(l->holds == 0);
	assert_text(l, "request staged, moves");
	visitor_say("body", true);
	until(l->passed);
	assert_text(l, "request staged, ended");
	up_say("HTTP/1.1 204 No Content\r\n\r\n");
	until(guest->finished);
	kit_end();
}

TEST_GROUP(kit_setup, kit_teardown);
