/* proxy/grpc: calls, from their deadline to the status their client is told. */
#include "proxy_kit.h"

#include "proxy/grpc.h"

static const char conf[] = KIT_GATEWAY
	"plugins:\n"
	"  a: { use: script, label: a }\n"
	"upstreams:\n"
	"  up: { servers: ['127.0.0.1:@port@'], timeouts: { connect: 5s, response: 30s } }\n"
	"  new: { servers: ['127.0.0.1:@port@'], protocol: h2c }\n"
	"routes:\n"
	"  - { name: plain, match: { path: /plain }, upstream: up }\n"
	"  - { name: bounded, match: { path: /bounded }, upstream: up, grpc: { max_timeout: 2s } "
	"}\n"
	"  - { name: plugged, match: { path: /plugged }, plugins: [a], upstream: up }\n"
	"  - { name: idle, match: { path: /idle }, plugins: [a], upstream: new, grpc: { idle: "
	"200ms } }\n";

#define CALL(path) "POST " path "\nContent-Type: application/grpc\nTE: trailers\n"
#define HEAD \
	"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"

static void assert_refused(const char *status, const char *message)
{
	char line[256];
	until(guest->finished);
	assert_int_equal(guest->status, 200);
	assert_int_equal(guest->body_kind, BODY_NONE);
	assert_int_equal(guest->body_len, 0);
	assert_has(guest->fields, "Content-Type: application/grpc\n");
	(void)snprintf(line, sizeof(line), "grpc-status: %s\ngrpc-message: %s", status, message);
	assert_has(guest->fields, line);
	assert_has(guest->fields, "X-Request-ID: ");
	assert_int_equal(guest->heads, 1);
	assert_int_equal(kit_proxy.active, 0);
}

/* The server hears what is left: some of most. */
static void assert_told(uint64_t most)
{
	const char *at = strstr(up.got, "grpc-timeout: ");
	uint64_t ns = 0;
	assert_non_null(at);
	at += strlen("grpc-timeout: ");
	assert_true(grpc_timeout_parse(str_n(at, (size_t)(strchr(at, '\r') - at)), &ns));
	assert_true(ns <= most && ns > most / 2);
	assert_null(strstr(at, "grpc-timeout: "));
}

static void begin_call(const char *head)
{
	kit_begin(conf);
	visit_by(20, head, BODY_CHUNKED, 0);
}

TEST(refusals)
{
	begin_call(CALL("/nowhere"));
	assert_refused("12", "no-route: No route matches this request.\n");
	kit_end();
	begin_call(CALL("/plain") "grpc-timeout: soon\n");
	assert_refused("13", "grpc-timeout-malformed: ");
	kit_end();
	begin_call(CALL("/plain") "grpc-timeout: 1S\nGrpc-Timeout: 1S\n");
	assert_refused("13", "grpc-timeout-malformed: ");
	kit_end();
	kit_begin(conf);
	visit_bad(ERR_BAD_FIELD, 128 * 1024); /* nobody knows what it was */
	until(guest->finished);
	assert_int_equal(guest->status, 400);
	kit_end();
}

/* ---- plugins ------------------------------------------------------------------------------- */

static sluice_verdict refuse(sluice_exchange *x, const void *c)
{
	(void)c;
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-More"), SLUICE_STR("yes"));
	return sluice_refuse(x, 403, "no-entry", "Not \"y\xc3\xb6u\".\r\n");
}

static sluice_verdict refuse_at_length(sluice_exchange *x, const void *c)
{
	char text[4000];
	(void)c;
	memset(text, '%', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	return sluice_refuse(x, 429, "no-entry", text);
}

static sluice_verdict reply(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_reply(x, 418, SLUICE_STR("text/teapot"), SLUICE_STR("short"));
}

static sluice_verdict go_on(sluice_exchange *x, const void *c)
{
	(void)x, (void)c;
	return SLUICE_NEXT;
}

static sluice_verdict long_nap(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_sleep(x, 20000, go_on);
}

static void begin_plugged(sluice_hook on_request, sluice_hook on_response, const char *head)
{
	kit_begin(conf);
	script->on_request = on_request;
	script->on_response = on_response;
	visit_by(20, head, BODY_CHUNKED, 0);
}

TEST(plugins)
{
	begin_plugged(refuse, NULL, CALL("/plugged"));
	assert_refused("7", "no-entry: Not \"y%C3%B6u\".%0D%0A\n");
	assert_has(guest->fields, "X-More: yes\n");
	assert_string_equal(done.code, "no-entry");
	kit_end();
	begin_plugged(refuse_at_length, NULL, CALL("/plugged"));
	assert_refused("8", "no-entry: %25%25");
	assert_true(strlen(guest->fields) < 1024 + 400);
	kit_end();
	/* an answer that is no refusal is the plugin's own business */
	begin_plugged(reply, NULL, CALL("/plugged"));
	until(guest->finished);
	assert_int_equal(guest->status, 418);
	assert_string_equal(guest->body, "short");
	kit_end();
	begin_plugged(refuse, NULL, "POST /plugged\nContent-Type: application/grpc-web\n");
	until(guest->finished);
	assert_int_equal(guest->status, 403);
	kit_end();
}

/* ---- deadlines ----------------------------------------------------------------------------- */

TEST(deadline_before_a_server)
{
	begin_plugged(long_nap, NULL, CALL("/plugged") "grpc-timeout: 50m\n");
	assert_refused("4", "deadline-exceeded: The deadline of the request has passed.\n");
	assert_int_equal(up.accepted, 0);
	kit_end();
}

TEST(deadline_before_the_head)
{
	begin_call(CALL("/plain") "grpc-timeout: 1S\n");
	until(strstr(up.got, "\r\n\r\n"));
	assert_told(NS_PER_S);
	assert_refused("4", "deadline-exceeded: ");
	assert_string_equal(done.code, "deadline-exceeded");
	until(up.eof);
	kit_end();
}

TEST(deadline_in_response_hooks)
{
	begin_plugged(go_on, long_nap, CALL("/plugged") "grpc-timeout: 1S\n");
	visitor_say("x", true);
	until(strstr(up.got, "0\r\n\r\n"));
	up_say(HEAD);
	assert_refused("4", "deadline-exceeded: ");
	kit_end();
}

static void begin_stream(unsigned version)
{
	kit_begin(conf);
	visit_by(version, CALL("/plain") "grpc-timeout: 1S\n", BODY_CHUNKED, 0);
	until(strstr(up.got, "\r\n\r\n"));
	up_say(HEAD "5\r\nhello\r\n");
	until(guest->body_len == 5);
}

TEST(deadline_in_the_stream)
{
	begin_stream(20);
	until(guest->finished);
	assert_false(guest->aborted);
	assert_string_equal(guest->trailers,
		"grpc-status: 4\ngrpc-message: deadline-exceeded: The deadline of the request "
		"has passed.\n");
	assert_string_equal(done.code, "deadline-exceeded");
	kit_end();
	/* not every client of HTTP/1.1 reads trailers: it must not take the response for whole */
	begin_stream(11);
	until(guest->finished);
	assert_true(guest->aborted);
	assert_false(guest->ended);
	kit_end();
}

TEST(no_deadline_any_more)
{
	begin_stream(20);
	up_say("0\r\ngrpc-status: 0\r\n\r\n");
	until(guest->finished);
	assert_string_equal(guest->trailers, "grpc-status: 0\n");
	assert_string_equal(done.code, "");
	kit_end();
}

TEST(a_server_that_dies)
{
	begin_stream(20);
	up_close();
	until(guest->finished);
	assert_false(guest->aborted);
	assert_string_equal(guest->body, "hello");
	assert_has(guest->trailers, "grpc-status: 14\ngrpc-message: upstream-truncated: ");
	kit_end();
}

/* The client does not wait for its deadline, and nothing is left that would. */
TEST(a_client_that_goes)
{
	begin_call(CALL("/plain") "grpc-timeout: 1S\n");
	until(strstr(up.got, "\r\n\r\n"));
	visitor_gone(ERR_CLIENT_GONE, false);
	until(guest->finished);
	assert_string_equal(done.code, "client-gone");
	turns_for(1200);
	kit_end();
}

/* Who lives, says its connection, but takes no answer, has no more time than who says nothing: also
 * behind its deadline. */
TEST(an_answer_not_taken)
{
	static const char *const heads[] = { CALL("/idle"), CALL("/idle") "grpc-timeout: 50m\n" };
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		begin_plugged(refuse, NULL, heads[i]);
		guest->sent = true; /* is never told */
		until(guest->finished);
		assert_int_equal(guest->heads, 1);
		assert_true(guest->aborted);
		assert_string_equal(done.code, "no-entry");
		kit_end();
	}
}

TEST(bounds)
{
	begin_call(CALL("/bounded") "grpc-timeout: 1H\n");
	until(strstr(up.got, "\r\n\r\n"));
	assert_told(2 * NS_PER_S);
	assert_null(strstr(up.got, "1H"));
	kit_end();
	begin_call(CALL("/bounded"));
	until(strstr(up.got, "\r\n\r\n"));
	assert_told(2 * NS_PER_S);
	assert_refused("4", "deadline-exceeded: ");
	kit_end();
	begin_call(CALL("/plain") "grpc-timeout: 99999999H\n");
	until(strstr(up.got, "\r\n\r\n"));
	assert_has(up.got, "grpc-timeout: 99999999H\r\n");
	kit_end();
}

TEST(little_memory)
{
	for (size_t budget = 16 * 1024; budget <= 40 * 1024; budget += 1024) {
		kit_begin(conf);
		visit_with_budget(CALL("/bounded") "grpc-timeout: 1H\n", BODY_CHUNKED, 0, budget);
		turns_for(3);
		assert_true(!guest->finished || guest->aborted ||
			strstr(guest->fields, "grpc-status: "));
		kit_end();
	}
}

TEST_GROUP(kit_setup, kit_teardown);
