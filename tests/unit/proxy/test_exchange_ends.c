/* proxy/exchange, forward: upstreams that fail, clients that leave, memory and plugins that run
 * out. */
#include "scripted.h"

/* ---- upstreams that fail ------------------------------------------------------------------- */

TEST(nobody_there)
{
	scripted_begin();
	visit("GET /down\n", BODY_NONE, 0);
	scripted_assert_done(502, "connect-failed");
	kit_end();
}

TEST(upstream_closes)
{
	scripted_begin();
	visit("POST /both/x\n", BODY_LENGTH, 4);
	visitor_say("body", true);
	until(strstr(up.got, "body"));
	up_close();
	scripted_assert_done(502, "upstream-closed");
	kit_end();

	scripted_begin(); /* in the middle */
	visit("GET /both/x\n", BODY_NONE, 0);
	until(up.got_len);
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
	until(guest->body_len == 5);
	up_close();
	until(guest->finished);
	assert_true(guest->aborted);
	assert_false(guest->ended);
	assert_string_equal(done.code, "upstream-truncated");
	assert_int_equal(done.status, 200);
	kit_end();

	scripted_begin(); /* silence */
	visit("GET /both/x\n", BODY_NONE, 0);
	scripted_assert_done(504, "upstream-timeout");
	kit_end();

	scripted_begin(); /* nonsense */
	visit("GET /both/x\n", BODY_NONE, 0);
	until(up.got_len);
	up_say("SSH-2.0-OpenSSH\r\n\r\n");
	scripted_assert_done(502, "upstream-bad-head");
	kit_end();
}

/* A kept connection that the server closed meanwhile is not the request's fault: it goes to
 * another. */
TEST(stale_connection)
{
	scripted_begin();
	visit("GET /plain\n", BODY_NONE, 0);
	until(up.got_len);
	up_say(scripted_hello);
	until(guest->finished);
	done.n = 0;
	visit("GET /plain?again\n", BODY_NONE, 0);
	until(strstr(up.got, "?again"));
	up_close();
	until(up.accepted == 2 && strstr(up.got, "?again"));
	up_say(scripted_hello);
	scripted_assert_done(200, "");
	assert_int_equal(done.tries, 2);
	kit_end();
}

/* The body of a request whose first server was lost goes to the next one, all of it. */
TEST(body_after_a_retry)
{
	scripted_begin();
	visit("GET /plain\n", BODY_NONE, 0);
	until(up.got_len);
	up_say(scripted_hello);
	until(guest->finished);
	done.n = 0;
	visit("PUT /both/x\n", BODY_CHUNKED, 0);
	until(strstr(up.got, "PUT "));
	up_close();
	visitor_say("precious", true); /* comes while there is no server */
	until(up.accepted == 2 && strstr(up.got, "precious"));
	until(strstr(up.got, "\r\n0\r\n\r\n"));
	up_say(scripted_hello);
	scripted_assert_done(200, "");
	kit_end();
}

/* The answer is there before the request is through: the rest of it is not wanted. */
TEST(early_answer)
{
	scripted_begin();
	visit("POST /both/x\n", BODY_LENGTH, 100000);
	visitor_say("start", false);
	until(strstr(up.got, "start"));
	up_say("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
	scripted_assert_done(413, "");
	assert_string_equal(guest->body, "no");
	assert_true(guest->held);
	until(up.eof);
	kit_end();
}

/* ---- clients that leave -------------------------------------------------------------------- */

/* Whoever told an exchange what ended it may look at it, and tell it more: it ends once, and at the
 * end of the turn. */
static void assert_ends_with_the_turn(void)
{
	struct client *c = &guest->c;
	unsigned heads = guest->heads;
	size_t len = guest->body_len;
	struct buf late;
	buf_init(&late);
	buf_append(&late, "late", 4);
	assert_false(guest->finished);
	assert_int_equal(exchange_of_client(c)->state, EXCHANGE_DONE);
	c->events->on_body(c, &late);
	assert_int_equal(late.len, 0);
	c->events->on_end(c, NULL);
	c->events->on_drained(c);
	c->events->on_sent(c);
	c->events->on_gone(c, ERR_CLIENT_PROTOCOL, true);
	exchange_end(exchange_of_client(c), ERR_CLIENT_PROTOCOL);
	assert_int_equal(done.n, 0);
	worker_turn(&kit_worker);
	assert_true(guest->finished);
	assert_int_equal(guest->heads, heads);
	assert_int_equal(guest->body_len, len);
}

TEST(client_leaves)
{
	for (int when = 0; when < 6; when++) {
		scripted_begin();
		if (when == 0)
			scripted_request = scripted_nap;
		if (when == 4)
			scripted_response = scripted_nap;
		visit("POST /both/x\n", BODY_LENGTH, 4);
		if (when == 2)
			until(up.got_len);
		if (when >= 3) {
			visitor_say("body", true);
			until(strstr(up.got, "body"));
			up_say("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
		}
		if (when == 3)
			turn();
		if (when == 4)
			until(strstr(scripted_trace, "sa"));
		if (when == 5)
			until(guest->body_len);
		bool head = guest->heads;
		visitor_gone(ERR_CLIENT_GONE, false);
		assert_ends_with_the_turn();
		assert_int_equal(done.n, 1);
		assert_string_equal(done.code, "client-gone");
		assert_int_equal(guest->heads, head);
		assert_true(!head || guest->aborted);
		char was[256];
		memcpy(was, scripted_trace, sizeof(was));
		turns_for(60);
		assert_string_equal(scripted_trace, was); /* nothing comes for it any more */
		assert_has(scripted_trace, "ca ");
		kit_end();
	}
}

/* It broke the rules, and can be told so. */
TEST(client_is_told)
{
	for (int waiting = 0; waiting < 2; waiting++) {
		scripted_begin();
		if (waiting)
			scripted_response = scripted_nap;
		visit("POST /both/x\n", BODY_CHUNKED, 0);
		visitor_say("body", false);
		until(strstr(up.got, "body"));
		visitor_gone(ERR_BAD_CHUNK, true);
		assert_ends_with_the_turn(); /* whatever its hooks would wait for */
		assert_int_equal(guest->status, 400);
		assert_string_equal(done.code, "bad-chunk");
		assert_true(guest->ended);
		turns_for(30);
		kit_end();
	}
}

TEST(bad_requests)
{
	scripted_begin();
	visit_bad(ERR_BAD_FRAMING, 128 * 1024);
	scripted_assert_done(400, "bad-framing");
	kit_end();
	/* also when what there is of it took all the memory */
	for (size_t budget = 4096; budget <= 16 * 1024; budget += 1024) {
		scripted_begin();
		visit_bad(ERR_NO_MEMORY, budget);
		scripted_assert_done(503, "no-memory");
		kit_end();
	}
}

/* ---- memory -------------------------------------------------------------------------------- */

static sluice_verdict eat(sluice_exchange *x, const void *c)
{
	(void)c;
	for (int i = 0; i < 40; i++) {
		sluice_field_add(x, SLUICE_REQUEST, SLUICE_STR("X-Add"),
			SLUICE_STR("0123456789012345678901234567890123456789"));
		sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("X-Add"),
			SLUICE_STR("0123456789012345678901234567890123456789"));
	}
	return SLUICE_NEXT;
}

/* Whatever an exchange may use: it ends with the response, or with an answer that says why not. */
TEST(each_budget)
{
	unsigned refused = 0, served = 0, aborted = 0;
	scripted_begin();
	scripted_request = scripted_response = eat;
	for (size_t budget = 4096; budget < 64 * 1024; budget += 512) {
		done.n = 0;
		up.got_len = 0;
		visit_with_budget("GET /both/x\nA: 1\nB: 2\nC: 3\n", BODY_NONE, 0, budget);
		for (unsigned i = 0; i < 4000 && !guest->finished; i++) {
			if (up.got_len && !guest->finished && strstr(up.got, "\r\n\r\n")) {
				up.got_len = 0;
				up_say(scripted_hello);
			}
			turn();
		}
		assert_true(guest->finished);
		assert_int_equal(done.n, 1);
		if (guest->status == 200) {
			assert_string_equal(done.code, "");
			assert_string_equal(guest->body, "hello");
			served++;
		} else if (guest->status) {
			assert_int_equal(guest->status, 503);
			assert_string_equal(done.code, "no-memory");
			refused++;
		} else {
			aborted++;
		}
	}
	assert_true(served > 10 && refused > 10);
	assert_int_equal(aborted, 0);
	kit_end();
}

static sluice_verdict eat_all_and_refuse(sluice_exchange *x, const void *c)
{
	while (sluice_alloc(x, 64))
		;
	return scripted_refuse(x, c);
}

TEST(plugin_answers_without_memory)
{
	scripted_begin();
	scripted_request = eat_all_and_refuse;
	visit("GET /both/x\n", BODY_NONE, 0);
	scripted_assert_done(503, "no-memory");
	kit_end();

	scripted_begin();
	scripted_response = eat_all_and_refuse;
	visit("GET /both/x\n", BODY_NONE, 0);
	until(up.got_len);
	up_say(scripted_hello);
	scripted_assert_done(503, "no-memory");
	kit_end();
}

/* ---- bodies -------------------------------------------------------------------------------- */

static bool body_fails;

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
	return body_fails ? SLUICE_FAIL : SLUICE_NEXT;
}

/* What waited for the upstream goes on when it takes more; and that is the end of an exchange whose
 * answer has begun. */
TEST(a_body_hook_fails_late)
{
	enum { LONG = 24 << 20 }; /* more than sockets hold */
	char *text = malloc(LONG + 1);
	assert_non_null(text);
	memset(text, 'x', LONG);
	text[LONG] = 0;
	scripted_begin();
	script->on_request = want_body;
	script->on_request_body = pass_body;
	visit("POST /body\n", BODY_CHUNKED, 0);
	until(!guest->held);
	visitor_say(text, false);
	until(guest->held);
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
	until(guest->body_len == 5);
	assert_false(guest->finished);
	body_fails = true;
	until((up.got_len = 0, guest->finished));
	assert_true(guest->aborted);
	assert_string_equal(done.code, "plugin-failed");
	body_fails = false;
	kit_end();
	free(text);
}

TEST_GROUP(kit_setup, kit_teardown);
