/* proxy/limits and proxy/deadline: what routes bound, and what listeners say where routes do not.
 */
#include "proxy_kit.h"

#include "proxy/deadline.h"

static const char conf[] =
	"runtime: { workers: 1 }\n"
	"log: { access: { path: 'off' } }\n"
	"listeners:\n"
	"  - { name: in, address: '127.0.0.1:1', max_body: 10 }\n"
	"  - { name: bounded, address: '127.0.0.1:2', defaults: { max_body: 5, timeouts: { "
	"request: "
	"300ms } } }\n"
	"plugins:\n"
	"  a: { use: script, label: a }\n"
	"upstreams:\n"
	"  up: { servers: ['127.0.0.1:@port@'], timeouts: { response: 30s } }\n"
	"routes:\n"
	"  - { name: plain, match: { path: /plain }, upstream: up }\n"
	"  - { name: short, match: { path: /short }, plugins: [a], upstream: up, timeouts: { "
	"request: "
	"100ms } }\n"
	"  - { name: begin, match: { path: /begin }, upstream: up, timeouts: { response: 50ms } }\n"
	"  - { name: idle, match: { path: /idle }, upstream: up, timeouts: { idle: 50ms } }\n"
	"  - { name: told, match: { path: /told }, upstream: up, timeouts: { request: 20s, "
	"deadline: "
	"x-request-timeout } }\n"
	"  - { name: told-ms, match: { path: /told-ms }, upstream: up, timeouts: { deadline: "
	"x-expected-ms } }\n"
	"  - { name: large, match: { path: /large }, plugins: [a], upstream: up, max_body: 20 }\n"
	"  - { name: endless, match: { path: /endless }, upstream: up, max_body: 0, timeouts: { "
	"request: 0s } }\n";

static const struct conn_listener bounded = { .name = { "bounded", 7 } };

static void ask(const char *head)
{
	kit_begin(conf);
	visit(head, BODY_NONE, 0);
}

static void until_asked(void)
{
	until(strstr(up.got, "\r\n\r\n"));
}

/* ---- times --------------------------------------------------------------------------------- */

TEST(a_request_that_takes_too_long)
{
	ask("GET /short\n");
	until_asked();
	until(guest->finished);
	assert_int_equal(guest->status, 504);
	assert_string_equal(done.code, "route-timeout");
	assert_has(guest->body, "urn:sluice:problem:route-timeout");
	until(up.eof);
	kit_end();
}

TEST(a_response_that_takes_too_long_is_broken_off)
{
	ask("GET /short\n");
	until_asked();
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
	until(guest->body_len == 3);
	until(guest->finished);
	assert_true(guest->aborted);
	assert_int_equal(done.status, 200);
	assert_string_equal(done.code, "route-timeout");
	kit_end();
}

TEST(who_only_has_to_take_its_answer_is_not_late)
{
	ask("GET /short\n");
	until_asked();
	guest->sent = true; /* is told later */
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
	until(guest->ended);
	turns_for(150);
	assert_false(guest->finished);
	guest->c.events->on_sent(&guest->c);
	until(guest->finished);
	assert_string_equal(done.code, "");
	kit_end();
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

TEST(the_time_of_plugins_counts)
{
	kit_begin(conf);
	script->on_request = long_nap;
	visit("GET /short\n", BODY_NONE, 0);
	until(guest->finished);
	assert_int_equal(guest->status, 504);
	assert_int_equal(up.accepted, 0);
	kit_end();
}

TEST(a_server_that_does_not_begin)
{
	ask("GET /begin\n");
	until_asked();
	until(guest->finished);
	assert_int_equal(guest->status, 504);
	assert_string_equal(done.code, "upstream-timeout");
	kit_end();
	/* that it begins is all that is asked */
	ask("GET /begin\n");
	until_asked();
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na");
	until(guest->body_len == 1);
	turns_for(120);
	assert_false(guest->finished);
	up_say("bc");
	until(guest->finished);
	assert_string_equal(guest->body, "abc");
	kit_end();
}

TEST(a_server_that_stops_within_its_response)
{
	ask("GET /idle\n");
	until_asked();
	turns_for(120); /* it may think for as long as the upstream says */
	assert_false(guest->finished);
	assert_int_equal(guest->c.silence_ns, 50 * NS_PER_MS);
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na");
	until(guest->body_len == 1);
	until(guest->finished);
	assert_string_equal(done.code, "upstream-stalled");
	kit_end();
}

/* ---- deadlines of clients ------------------------------------------------------------------ */

static double told(const char *name)
{
	const char *at = strstr(up.got, name);
	assert_non_null(at);
	assert_null(strstr(at + 1, name));
	return strtod(at + strlen(name), NULL);
}

TEST(the_server_hears_what_is_left)
{
	ask("GET /told\nX-Request-Timeout: 5\n");
	until_asked();
	double left = told("x-request-timeout: ");
	assert_true(left > 2 && left <= 5);
	kit_end();
	/* never longer than the route's own; and that is told where the client says nothing */
	static const char *const heads[] = { "GET /told\nX-Request-Timeout: 3600s\n",
		"GET /told\n" };
	for (size_t i = 0; i < 2; i++) {
		ask(heads[i]);
		until_asked();
		left = told("x-request-timeout: ");
		assert_true(left > 10 && left <= 20);
		kit_end();
	}
	ask("GET /told-ms\nX-Expected-MS: 5000\n");
	until_asked();
	left = told("x-expected-ms: ");
	assert_true(left > 2000 && left <= 5000);
	kit_end();
	ask("GET /told-ms\n");
	until_asked();
	assert_null(strstr(up.got, "x-expected"));
	kit_end();
	/* elsewhere the field has no meaning */
	ask("GET /plain\nX-Request-Timeout: soon\n");
	until_asked();
	assert_has(up.got, "X-Request-Timeout: soon\r\n");
	kit_end();
}

TEST(a_request_whose_time_is_over_is_not_sent)
{
	ask("GET /told\nX-Request-Timeout: 0\n");
	until(guest->finished);
	assert_int_equal(guest->status, 504);
	assert_string_equal(done.code, "deadline-exceeded");
	assert_int_equal(done.tries, 0);
	assert_int_equal(up.accepted, 0);
	kit_end();
}

TEST(a_deadline_passes)
{
	ask("GET /told\nX-Request-Timeout: 60ms\n");
	until_asked();
	until(guest->finished);
	assert_int_equal(guest->status, 504);
	assert_string_equal(done.code, "deadline-exceeded");
	kit_end();
}

TEST(deadlines_that_cannot_be_read)
{
	static const char *const heads[] = { "GET /told\nX-Request-Timeout: soon\n",
		"GET /told\nX-Request-Timeout: 1\nX-Request-Timeout: 1\n",
		"GET /told\nX-Request-Timeout: 99999999999999999999\n" };
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		ask(heads[i]);
		until(guest->finished);
		assert_int_equal(guest->status, 400);
		assert_string_equal(done.code, "deadline-malformed");
		assert_int_equal(up.accepted, 0);
		kit_end();
	}
}

/* ---- sizes --------------------------------------------------------------------------------- */

static void post(const char *path, uint64_t len)
{
	char head[64];
	(void)snprintf(head, sizeof(head), "POST %s\n", path);
	kit_begin(conf);
	kit_max_body = 10;
	visit(head, BODY_LENGTH, len);
	turn();
}

TEST(bodies_by_their_length)
{
	static const struct {
		const char *path;
		uint64_t len;
		bool passes;
	} rows[] = { { "/plain", 10, true }, { "/plain", 11, false }, { "/large", 20, true },
		{ "/large", 21, false }, { "/endless", 1000000, true } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		post(rows[i].path, rows[i].len);
		assert_int_equal(guest->status, rows[i].passes ? 0 : 413);
		if (!rows[i].passes)
			assert_int_equal(guest->resumes, 0); /* nor is there a 100 (Continue) */
		kit_end();
		assert_string_equal(done.code, rows[i].passes ? "client-gone" : "body-too-large");
	}
}

static unsigned n_hooks;

static sluice_verdict count_hook(sluice_exchange *x, const void *c)
{
	(void)x, (void)c;
	n_hooks++;
	return SLUICE_NEXT;
}

TEST(plugins_do_not_see_what_is_too_large)
{
	kit_begin(conf);
	script->on_request = count_hook;
	n_hooks = 0;
	visit("POST /large\n", BODY_LENGTH, 21);
	assert_int_equal(n_hooks, 0);
	kit_end();
}

/* ---- defaults of listeners ----------------------------------------------------------------- */

TEST(defaults_of_a_listener)
{
	kit_begin(conf);
	kit_listener = &bounded;
	visit("GET /plain\n", BODY_NONE, 0);
	until_asked();
	until(guest->finished);
	assert_string_equal(done.code, "route-timeout");
	visit("POST /plain\n", BODY_LENGTH, 6);
	until(guest->finished);
	assert_int_equal(guest->status, 413);
	/* what a route says holds, one option at a time */
	visit("POST /endless\n", BODY_LENGTH, 100);
	assert_int_equal(guest->c.max_body, 0);
	turns_for(350);
	assert_false(guest->finished);
	visitor_gone(ERR_CLIENT_GONE, false);
	turn();
	visit("POST /large\n", BODY_LENGTH, 21);
	until(guest->finished);
	assert_int_equal(guest->status, 413);
	kit_end();
}

TEST(defaults_go_with_their_listener)
{
	static const struct conn_listener gone = { .name = { "gone", 4 } };
	kit_begin(conf);
	kit_listener = &gone;
	visit("GET /plain\n", BODY_NONE, 0);
	until_asked();
	struct exchange *x = guest->c.user;
	assert_null(x->limits);
	assert_null(x->deadline);
	kit_end();
}

TEST(a_route_that_bounds_nothing_has_no_limits)
{
	struct snapshot *s = kit_load(KIT_GATEWAY
		"upstreams: { up: { servers: ['127.0.0.1:1'] } }\n"
		"routes:\n"
		"  - { name: a, match: { path: /a }, upstream: up }\n"
		"  - { name: b, match: { path: /b }, upstream: up, max_body: 1KiB }\n",
		NULL);
	assert_non_null(s);
	assert_null(s->routes[0].limits);
	assert_non_null(s->routes[1].limits);
	assert_false(s->routes[1].limits_differ);
	snapshot_free(s);
}

TEST(mistakes)
{
	static const char *const names[] = { "host", "content-length", "grpc-timeout", "'a b'" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[512];
		(void)snprintf(text, sizeof(text),
			KIT_GATEWAY "upstreams: { up: { servers: ['127.0.0.1:1'] } }\n"
				    "routes: [{ name: a, match: { path: /a }, upstream: up, "
				    "timeouts: { deadline: %s } }]\n",
			names[i]);
		assert_null(kit_load(text, NULL));
		assert_has(kit_report, "routes[0].timeouts.deadline: \"");
		assert_has(kit_report, "cannot say how long a client waits");
	}
}

TEST_GROUP(kit_setup, kit_teardown);
