/* proxy/exchange, respond: requests on their way through, answers of our own, hooks that wait. */
#include "scripted.h"

static sluice_verdict reply(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_reply(x, 418, SLUICE_STR("text/teapot"), SLUICE_STR("short"));
}

static sluice_verdict give_up(sluice_exchange *x, const void *c)
{
	(void)x, (void)c;
	return SLUICE_FAIL;
}

static sluice_verdict go_on(sluice_exchange *x, const void *c)
{
	(void)x, (void)c;
	return SLUICE_NEXT;
}

static sluice_verdict long_nap(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_sleep(x, 600, go_on);
}

/* ---- through ------------------------------------------------------------------------------- */

TEST(get)
{
	scripted_begin();
	visit("GET /both/x?q=1\nAccept: */*\n", BODY_NONE, 0);
	until(up.got_len);
	assert_has(up.got, "GET /both/x?q=1 HTTP/1.1\r\nHost: gate.example\r\n");
	assert_has(up.got, "Accept: */*\r\n");
	up_say(scripted_hello);
	scripted_assert_done(200, "");
	assert_string_equal(guest->body, "hello");
	assert_has(guest->fields, "X-Up: yes\n");
	assert_has_not(guest->fields, "X-Hop");
	assert_string_equal(done.route, "both");
	assert_string_equal(scripted_trace, "qa qb sb sa ca cb ");
	/* and the connection carries another */
	visit("GET /plain\n", BODY_NONE, 0);
	until(strstr(up.got, "GET /plain "));
	up_say("HTTP/1.1 204 No Content\r\n\r\n");
	until(guest->finished);
	assert_int_equal(guest->status, 204);
	assert_int_equal(up.accepted, 1);
	kit_end();
}

TEST(post)
{
	for (int chunked = 0; chunked < 2; chunked++) {
		scripted_begin();
		visit("POST /both/x\n", chunked ? BODY_CHUNKED : BODY_LENGTH, chunked ? 0 : 10);
		assert_true(guest->held); /* until there is somebody to take it */
		visitor_say("01234", false);
		until(strstr(up.got, "01234"));
		visitor_say("56789", true);
		until(strstr(up.got, "56789"));
		if (chunked)
			until(strstr(up.got, "\r\n0\r\n\r\n"));
		up_say("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 "
		       "OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
		       "X-Sum: 7\r\n\r\n");
		scripted_assert_done(200, "");
		assert_int_equal(guest->interims, 1);
		assert_string_equal(guest->body, "ok");
		assert_string_equal(guest->trailers, "X-Sum: 7\n");
		kit_end();
	}
}

/* What the client claims of itself is replaced by what is known. */
TEST(fields)
{
	scripted_begin();
	visit("GET /plain\nX-Forwarded-For: 10.0.0.1\nForwarded: for=10.0.0.1\nX-Forwarded-Proto: "
	      "https\nX-Forwarded-Host: evil\n"
	      "X-Request-ID: mine-1\nX-Request-ID: mine-2\nKeep-Alive: 5\nTE: "
	      "gzip\nProxy-Connection: x\nVia: 1.0 other\n"
	      "Expect: 100-continue\nX-Keep: me\n",
		BODY_NONE, 0);
	until(up.got_len);
	assert_has(up.got, "X-Forwarded-For: 192.0.2.9\r\n");
	assert_has(up.got, "X-Forwarded-Proto: http\r\n");
	assert_has(up.got, "X-Forwarded-Host: gate.example\r\n");
	assert_has(up.got, "Forwarded: for=192.0.2.9;proto=http;host=\"gate.example\"\r\n");
	assert_has(up.got, "Via: 1.0 other\r\n");
	assert_has(up.got, "Via: 1.1 sluice\r\n");
	assert_has(up.got, "X-Request-ID: mine-1\r\n");
	assert_has(up.got, "X-Keep: me\r\n");
	static const char *const gone[] = { "10.0.0.1", "evil", "mine-2", "Keep-Alive",
		"TE:", "Proxy-Connection", "Expect" };
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		assert_has_not(up.got, gone[i]);
	up_say(scripted_hello);
	until(guest->finished);
	/* an id that is none is replaced */
	visit("GET /plain\nX-Request-ID: two words\n", BODY_NONE, 0);
	until(strstr(up.got, "X-Request-ID: "));
	assert_has_not(up.got, "two words");
	up_say(scripted_hello);
	until(guest->finished);
	kit_end();
}

static void id_of(char id[33], const char *head)
{
	up.got_len = 0;
	up.got[0] = 0;
	visit(head, BODY_NONE, 0);
	until(up.got_len && strstr(up.got, "X-Request-ID: "));
	memcpy(id, strstr(up.got, "X-Request-ID: ") + 14, 32);
	id[32] = 0;
	up_say(scripted_hello);
	until(guest->finished);
}

/* Who sees the id of his own request, in a problem document, must not find those of others. */
TEST(request_ids_do_not_tell_the_next_one)
{
	char a[33], b[33];
	unsigned same = 0;
	scripted_begin();
	id_of(a, "GET /plain\n");
	id_of(b, "GET /plain\n");
	for (size_t i = 0; i < 32; i++)
		same += a[i] == b[i];
	assert_true(same < 12); /* two of 32 by chance; a prefix in common would be 16 */
	assert_true(strspn(a, "0123456789abcdef") == 32 && strspn(b, "0123456789abcdef") == 32);
	kit_end();
}

/* The host that a trusted proxy tells may be any text: only what can be a port is said as one. */
TEST(a_host_that_is_told)
{
	static const struct conn_listener trusting = { .name = { "in", 2 },
		.trust = { .from = CLIENT_IP_FORWARDED } };
	static char head[8192];
	char digits[4096];
	memset(digits, '0', sizeof(digits));
	for (int i = 0; i < 2; i++) {
		scripted_begin();
		kit_listener = &trusting; /* until the next scripted_begin() */
		kit_is_trusted = true;
		(void)snprintf(head, sizeof(head),
			"GET /plain\nForwarded: for=198.51.100.7;host=\"a.example:%.*s8443\"\n",
			i ? (int)sizeof(digits) : 0, digits);
		visit(head, BODY_NONE, 0);
		kit_is_trusted = false;
		until(strstr(up.got, "\r\n\r\n"));
		assert_has(up.got, i ? "X-Forwarded-Port: 80\r\n" : "X-Forwarded-Port: 8443\r\n");
		assert_has(up.got, "X-Forwarded-Host: a.example:");
		up_say(scripted_hello);
		scripted_assert_done(200, "");
		kit_end();
	}
}

/* A client of old names no host. Its server gets the name of the upstream: many refuse a Host that
 * is empty. */
TEST(no_host)
{
	scripted_begin();
	visit_nameless("GET /plain\n");
	until(up.got_len);
	assert_has(up.got, "GET /plain HTTP/1.1\r\nHost: up\r\n");
	assert_has_not(up.got, "X-Forwarded-Host");
	assert_has_not(up.got, "host=");
	assert_has(up.got, "Via: 1.0 sluice\r\n");
	up_say(scripted_hello);
	scripted_assert_done(200, "");
	kit_end();
}

static sluice_verdict identify(sluice_exchange *x, const void *c)
{
	(void)c;
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("X-User"), SLUICE_STR("alice"));
	return SLUICE_NEXT;
}

/* What a plugin states about a request a client cannot take away by calling it hop-by-hop. */
TEST(client_names_a_plugins_field)
{
	scripted_begin();
	scripted_request = identify;
	visit("GET /both/x\nConnection: close, X-User, X-Mine\nX-User: mallory\nX-Mine: 1\n",
		BODY_NONE, 0);
	until(up.got_len);
	assert_has(up.got, "X-User: alice\r\n");
	assert_has_not(up.got, "mallory");
	assert_has_not(up.got, "X-Mine");
	up_say(scripted_hello);
	scripted_assert_done(200, "");
	kit_end();
}

/* ---- answers of our own -------------------------------------------------------------------- */

TEST(no_route)
{
	scripted_begin();
	visit("GET /nowhere\n", BODY_NONE, 0);
	scripted_assert_done(404, "no-route");
	assert_has(guest->fields, "Content-Type: application/problem+json\n");
	assert_has(guest->fields, "Server: sluice\n");
	assert_has(guest->fields, "X-Request-ID: ");
	assert_has(guest->fields, "Date: ");
	assert_has(guest->body, "urn:sluice:problem:no-route");
	kit_end();

	scripted_begin();
	visit("DELETE /both/x\n", BODY_NONE, 0);
	scripted_assert_done(405, "method-not-allowed");
	assert_has(guest->fields, "Allow: ");
	kit_end();

	scripted_begin();
	visit("HEAD /nowhere\n", BODY_NONE, 0);
	scripted_assert_done(404, "no-route");
	assert_int_equal(guest->body_kind, BODY_NONE);
	assert_int_equal(guest->body_len, 0);
	kit_end();

	for (int i = 0; i < 2; i++) {
		scripted_begin();
		visit(i ? "TRACE /plain\n" : "CONNECT /plain\n", BODY_NONE, 0);
		scripted_assert_done(501, "method-not-supported");
		kit_end();
	}
}

TEST(respond)
{
	scripted_begin();
	visit("GET /here\n", BODY_NONE, 0);
	scripted_assert_done(201, "");
	assert_string_equal(guest->body, "made");
	assert_has(guest->fields, "X-Made: here\n");
	assert_has(guest->fields, "Content-Type: text/plain; charset=utf-8\n");
	assert_string_equal(scripted_trace, "qa sa ca ");
	kit_end();

	scripted_begin();
	visit("POST /here\n", BODY_LENGTH, 5); /* whose body nobody wants */
	assert_int_equal(guest->resumes, 0);
	scripted_assert_done(201, "");
	kit_end();

	scripted_begin();
	visit("GET /empty\n", BODY_NONE, 0);
	scripted_assert_done(204, "");
	assert_int_equal(guest->body_len, 0);
	kit_end();
}

TEST(plugin_answers)
{
	scripted_begin();
	scripted_request = scripted_refuse;
	visit("GET /both/x\n", BODY_NONE, 0);
	scripted_assert_done(403, "no-entry");
	assert_has(guest->body, "Not \\\"you\\\".");
	assert_string_equal(scripted_trace, "qa sa ca ");
	assert_int_equal(up.accepted, 0);
	kit_end();

	scripted_begin();
	scripted_who = "b";
	scripted_request = reply;
	visit("GET /both/x\n", BODY_NONE, 0);
	scripted_assert_done(418, "");
	assert_string_equal(guest->body, "short");
	assert_string_equal(scripted_trace, "qa qb sb sa ca cb ");
	kit_end();

	scripted_begin();
	scripted_request = give_up;
	visit("GET /both/x\n", BODY_NONE, 0);
	scripted_assert_done(500, "plugin-failed");
	kit_end();
}

static sluice_verdict refuse_at_length(sluice_exchange *x, const void *c)
{
	static char detail[3000];
	(void)c;
	memset(detail, '"', sizeof(detail) - 1);
	return sluice_refuse(x, 400, "long-story", detail);
}

/* However much a plugin has to say: what the client gets is JSON. */
TEST(long_detail)
{
	scripted_begin();
	scripted_request = refuse_at_length;
	visit("GET /both/x\n", BODY_NONE, 0);
	scripted_assert_done(400, "long-story");
	assert_has(guest->body, "\"request_id\":\"");
	assert_string_equal(guest->body + guest->body_len - 2, "\"}");
	kit_end();
}

static sluice_verdict mark_response(sluice_exchange *x, const void *c)
{
	(void)c;
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Limit"), SLUICE_STR("10"));
	return SLUICE_NEXT;
}

/* A plugin puts its answer in the place of the upstream's: what was asked for before holds for it
 * as well. When it fails, nothing of what it asked for goes out. */
TEST(response_replaced)
{
	for (int i = 0; i < 2; i++) {
		scripted_begin();
		scripted_request = mark_response;
		scripted_response = i ? give_up : reply;
		visit("GET /both/x\n", BODY_NONE, 0);
		until(up.got_len);
		up_say(scripted_hello);
		scripted_assert_done(i ? 500 : 418, i ? "plugin-failed" : "");
		if (i)
			assert_has_not(guest->fields, "X-Limit");
		else
			assert_has(guest->fields, "X-Limit: 10\n");
		assert_has_not(guest->fields, "X-Up");
		assert_string_equal(scripted_trace, "qa qb sb sa ca cb ");
		kit_end();
	}
}

/* ---- waiting ------------------------------------------------------------------------------- */

TEST(hooks_wait)
{
	scripted_begin();
	scripted_who = "b";
	scripted_request = scripted_response = scripted_nap;
	visit("POST /both/x\n", BODY_CHUNKED, 0);
	visitor_say("body", true);
	until(strstr(up.got, "body"));
	up_say(scripted_hello);
	scripted_assert_done(200, "");
	assert_string_equal(guest->body, "hello");
	assert_string_equal(scripted_trace, "qa qb sb sa ca cb ");
	kit_end();
}

/* While a response hook waits, the upstream is through, or says more, or leaves: none of that is
 * lost or taken amiss. */
TEST(response_hook_waits_long)
{
	static const char *const said[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: "
		"1\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	};
	for (int i = 0; i < 4; i++) {
		scripted_begin();
		scripted_response = long_nap; /* longer than the upstream may be silent */
		visit("GET /both/x\n", BODY_NONE, 0);
		until(up.got_len);
		up_say(said[i]);
		turns_for(50);
		up_close();
		scripted_assert_done(200, "");
		assert_int_equal(guest->body_len, i == 3 ? 0 : 5);
		assert_string_equal(guest->trailers, i == 1 ? "X-Sum: 1\n" : "");
		assert_true(guest->ended);
		kit_end();
	}
}

TEST_GROUP(kit_setup, kit_teardown);
