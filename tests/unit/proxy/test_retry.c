/* proxy/retry, proxy/hedge: further tries and second servers, between a client and two servers that
 * the test plays. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/retry.h"
#include "proxy_kit.h"

TEST_GROUP(kit_setup, kit_teardown);

/* The second server; `up` of the kit is the first. */
static struct other {
	int listening, fd;
	unsigned port, accepted;
	char got[4096];
	size_t got_len;
	bool eof;
} other = { .listening = -1, .fd = -1 };

static void other_close(void)
{
	if (other.fd >= 0)
		(void)close(other.fd);
	other.fd = -1;
}

static void other_open(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	other_close();
	if (other.listening >= 0)
		(void)close(other.listening);
	other = (struct other){ .fd = -1 };
	other.listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(other.listening, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(other.listening, 16), 0);
	assert_int_equal(getsockname(other.listening, (struct sockaddr *)&a, &len), 0);
	other.port = ntohs(a.sin_port);
}

static void other_turn(void)
{
	int fd = accept4(other.listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		other_close();
		other.fd = fd;
		other.accepted++;
		other.got_len = 0;
		other.eof = false;
	}
	ssize_t n = other.fd < 0 ? -1
				 : recv(other.fd, other.got + other.got_len,
					   sizeof(other.got) - 1 - other.got_len, 0);
	if (n > 0)
		other.got_len += (size_t)n;
	else if (n == 0)
		other.eof = true;
	other.got[other.got_len] = 0;
}

static void other_say(const char *text)
{
	assert_int_equal(send(other.fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void both_turn(void)
{
	turn();
	other_turn();
}

#define wait_until(it)                                               \
	do {                                                         \
		unsigned turns = 0;                                  \
		while (!(it)) {                                      \
			both_turn();                                 \
			if (++turns > 4000)                          \
				fail_msg("it never comes: %s", #it); \
		}                                                    \
	} while (0)

/* A gateway before both servers, and more of them, with these blocks of its upstream. */
static void begin_beside(const char *more, const char *blocks)
{
	static char text[2048];
	other_open();
	(void)snprintf(text, sizeof(text),
		KIT_GATEWAY "upstreams:\n"
			    "  up: { servers: ['127.0.0.1:@port@', '127.0.0.1:%u'%s], health: { "
			    "failures: 0 }, %s }\n"
			    "routes: [{ name: all, match: { path: '/*' }, upstream: up }]\n",
		other.port, more, blocks);
	kit_begin(text);
}

static void begin(const char *blocks)
{
	begin_beside("", blocks);
}

static void end(void)
{
	other_close();
	kit_end();
	(void)close(other.listening);
	other.listening = -1;
}

/* Which of the two was asked first. */
static bool asked_first(void)
{
	wait_until(up.got_len || other.got_len);
	return up.got_len > 0;
}

static void first_say(bool up_is_first, const char *text)
{
	if (up_is_first)
		up_say(text);
	else
		other_say(text);
}

static const char busy[] = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";

/* ---- further tries ------------------------------------------------------------------------- */

TEST(an_unwanted_status)
{
	begin("retry: { on: [503], backoff: 0s }");
	visit("GET /x\n", BODY_NONE, 0);
	bool first = asked_first();
	first_say(first, busy);
	wait_until(first ? other.got_len : up.got_len);
	assert_int_equal(guest->heads, 0);
	first_say(!first, good);
	wait_until(guest->finished);
	assert_int_equal(guest->status, 200);
	assert_string_equal(guest->body, "good");
	assert_int_equal(done.tries, 2);
	/* both connections are kept */
	for (int i = 0; i < 2; i++) {
		up.got_len = other.got_len = 0;
		visit("GET /y\n", BODY_NONE, 0);
		first_say(asked_first(), good);
		wait_until(guest->finished);
		assert_int_equal(guest->status, 200);
	}
	assert_int_equal(up.accepted + other.accepted, 2);
	end();
}

/* The rules are those of the listener that the request came by. */
TEST(defaults_of_a_listener)
{
	static const struct conn_listener patient = { .name = { "patient", 7 } };
	static char text[1024];
	other_open();
	(void)snprintf(text, sizeof(text),
		"runtime: { workers: 1 }\n"
		"log: { access: { path: 'off' } }\n"
		"listeners:\n"
		"  - { name: in, address: '127.0.0.1:1' }\n"
		"  - { name: patient, address: '127.0.0.1:2', defaults: { retry: { on: [503], "
		"backoff: 0s } } }\n"
		"upstreams: { up: { servers: ['127.0.0.1:@port@', '127.0.0.1:%u'] } }\n"
		"routes: [{ name: all, match: { path: '/*' }, upstream: up }]\n",
		other.port);
	kit_begin(text);
	visit("GET /x\n", BODY_NONE, 0);
	first_say(asked_first(), busy);
	wait_until(guest->finished);
	assert_int_equal(guest->status, 503);
	kit_listener = &patient;
	up.got_len = other.got_len = 0;
	visit("GET /x\n", BODY_NONE, 0);
	bool first = asked_first();
	first_say(first, busy);
	wait_until(first ? other.got_len : up.got_len);
	first_say(!first, good);
	wait_until(guest->finished);
	assert_int_equal(guest->status, 200);
	end();
}

/* The response comes while the client still sends; the second server gets the body from its
 * beginning. */
TEST(a_body_that_is_not_complete_yet)
{
	begin("retry: { on: [503], backoff: 0s }");
	visit("PUT /x\n", BODY_CHUNKED, 0);
	visitor_say("first ", false);
	wait_until(strstr(up.got, "first ") || strstr(other.got, "first "));
	bool first = up.got_len > 0;
	visitor_say("second ", false);
	wait_until(strstr(first ? up.got : other.got, "second "));
	first_say(first, busy);
	wait_until(strstr(first ? other.got : up.got, "second "));
	assert_has(first ? other.got : up.got, "first ");
	visitor_say("third", true);
	wait_until(strstr(first ? other.got : up.got, "\r\n0\r\n\r\n"));
	assert_has(first ? other.got : up.got, "third");
	first_say(!first, good);
	wait_until(guest->finished);
	assert_int_equal(guest->status, 200);
	end();
}

TEST(a_longer_body_than_is_kept)
{
	begin("retry: { on: [503], backoff: 0s, max_body: 8 }");
	visit("PUT /x\n", BODY_CHUNKED, 0);
	visitor_say("123456789", true);
	bool first = asked_first();
	wait_until(strstr(first ? up.got : other.got, "\r\n0\r\n\r\n"));
	first_say(first, busy);
	wait_until(guest->finished);
	assert_int_equal(guest->status, 503);
	assert_string_equal(guest->body, "busy");
	assert_int_equal(done.tries, 1);
	end();
}

/* What the status of a call is, its head says where there is no body. */
TEST(codes_of_grpc)
{
	static const char unavailable[] =
		"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: 14\r\n"
		"Content-Length: 0\r\n\r\n";
	for (int listed = 0; listed < 2; listed++) {
		begin(listed ? "retry: { on: [unavailable], methods: [POST], backoff: 0s }"
			     : "retry: { on: [503], methods: [POST] }");
		visit_by(20, "POST /a.B/c\nContent-Type: application/grpc\nTe: trailers\n",
			BODY_CHUNKED, 0);
		visitor_say("call", true);
		bool first = asked_first();
		wait_until(strstr(first ? up.got : other.got, "\r\n0\r\n\r\n"));
		first_say(first, unavailable);
		if (listed) {
			wait_until(strstr(first ? other.got : up.got, "\r\n0\r\n\r\n"));
			first_say(!first, unavailable);
		}
		wait_until(guest->finished);
		assert_has(guest->fields, "grpc-status: 14\n");
		assert_int_equal(done.tries, 1 + listed);
		end();
	}
}

/* The time of a try begins when all of the request was sent. */
TEST(a_client_that_takes_its_time_is_no_late_server)
{
	begin("timeouts: { try: 30ms, response: 5s }");
	visit("PUT /x\n", BODY_LENGTH, 4);
	visitor_say("bo", false);
	bool first = asked_first();
	turns_for(150);
	assert_int_equal(guest->heads, 0);
	visitor_say("dy", true);
	wait_until(strstr(first ? up.got : other.got, "body"));
	wait_until(guest->finished);
	assert_int_equal(guest->status, 504);
	assert_string_equal(done.code, "upstream-timeout");
	end();
}

/* A method that may not be repeated is not, though the server was only late. */
TEST(a_late_post)
{
	begin("timeouts: { try: 30ms }, retry: { on: [timeout, reset], within: 1m }");
	visit("POST /x\n", BODY_NONE, 0);
	wait_until(guest->finished);
	assert_int_equal(guest->status, 504);
	assert_int_equal(done.tries, 1);
	end();
}

/* Whoever is asked is busy. */
static bool all_are_busy(void)
{
	if (up.got_len)
		up_say(busy);
	if (other.got_len)
		other_say(busy);
	up.got_len = other.got_len = 0;
	return exchange_of_client(&guest->c)->call.state == UPSTREAM_CALL_PAUSED;
}

/* The second server is asked at once; the third would be after the pause. */
TEST(a_client_that_leaves_in_the_pause)
{
	begin_beside(", '127.0.0.1:1'", "retry: { on: [connect, 503], backoff: 1m, within: 10m }");
	visit("GET /x\n", BODY_NONE, 0);
	wait_until(all_are_busy());
	assert_int_equal(exchange_of_client(&guest->c)->call.tries, 2);
	visitor_gone(ERR_CLIENT_GONE, false);
	wait_until(guest->finished);
	assert_int_equal(done.err, ERR_CLIENT_GONE);
	end();
}

/* ---- a second server ----------------------------------------------------------------------- */

TEST(the_first_head_wins)
{
	for (int second_wins = 0; second_wins < 2; second_wins++) {
		begin("hedge: { after: 20ms }");
		visit("GET /x\n", BODY_NONE, 0);
		bool first = asked_first();
		wait_until(up.got_len && other.got_len);
		bool winner = second_wins ? !first : first;
		first_say(winner, good);
		wait_until(guest->finished);
		assert_string_equal(guest->body, "good");
		assert_int_equal(done.tries, 2);
		/* the other connection cannot be used any more */
		wait_until(winner ? other.eof : up.eof);
		end();
	}
}

TEST(a_second_server_that_fails_changes_nothing)
{
	static const char *const answers[] = { busy, "nonsense\r\n\r\n" };
	for (int i = 0; i < 2; i++) {
		begin("hedge: { after: 20ms }, retry: { on: [503] }");
		visit("GET /x\n", BODY_NONE, 0);
		bool first = asked_first();
		wait_until(up.got_len && other.got_len);
		first_say(!first, answers[i]);
		for (int k = 0; k < 20; k++)
			both_turn();
		assert_int_equal(guest->heads, 0);
		first_say(first, good);
		wait_until(guest->finished);
		assert_string_equal(guest->body, "good");
		end();
	}
}

/* Whatever the first one says that is no answer, the second one has the request already. */
TEST(the_second_server_takes_over)
{
	for (int i = 0; i < 2; i++) {
		begin("hedge: { after: 20ms }, retry: { on: [503], tries: 1 }");
		visit("GET /x\n", BODY_NONE, 0);
		bool first = asked_first();
		wait_until(up.got_len && other.got_len);
		if (i)
			first_say(first, "nonsense\r\n\r\n");
		else if (first)
			up_close();
		else
			other_close();
		for (int k = 0; k < 20; k++)
			both_turn();
		assert_int_equal(guest->heads, 0);
		first_say(!first, good);
		wait_until(guest->finished);
		assert_string_equal(guest->body, "good");
		assert_int_equal(done.status, 200);
		end();
	}
}

TEST(a_client_that_leaves_both)
{
	begin("hedge: { after: 20ms }");
	visit("GET /x\n", BODY_NONE, 0);
	wait_until(up.got_len && other.got_len);
	visitor_gone(ERR_CLIENT_GONE, false);
	wait_until(guest->finished);
	wait_until(up.eof && other.eof);
	assert_int_equal(done.err, ERR_CLIENT_GONE);
	end();
}

/* What a plugin made of the request goes to both: without the body that it took away, and with
 * what it asked for. */
static sluice_verdict take_body(sluice_exchange *x, const void *conf)
{
	const sluice_body_plan plan = { .size = sizeof(plan),
		.max = 100,
		.mode = SLUICE_BODY_BUFFER };
	(void)conf;
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("te"), SLUICE_STR("trailers"));
	return sluice_body_want(x, SLUICE_REQUEST, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
}

static sluice_verdict drop_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)conf, (void)end;
	sluice_body_drop(x, data.len);
	return SLUICE_NEXT;
}

TEST(a_request_that_a_plugin_changed)
{
	static char text[1024];
	other_open();
	(void)snprintf(text, sizeof(text),
		KIT_GATEWAY
		"plugins: { a: { use: script, label: a } }\n"
		"upstreams: { up: { servers: ['127.0.0.1:@port@', '127.0.0.1:%u'], hedge: { after: "
		"20ms } } }\n"
		"routes: [{ name: all, match: { path: '/*' }, plugins: [a], upstream: up }]\n",
		other.port);
	kit_begin(text);
	script->on_request = take_body;
	script->on_request_body = drop_body;
	visit("GET /x\n", BODY_LENGTH, 5);
	visitor_say("query", true);
	wait_until(strstr(up.got, "\r\n\r\n") && strstr(other.got, "\r\n\r\n"));
	assert_has(up.got, "Content-Length: 0\r\n");
	assert_has(other.got, "Content-Length: 0\r\n");
	assert_true(strcasestr(up.got, "te: trailers") && strcasestr(other.got, "te: trailers"));
	up_say(good);
	wait_until(guest->finished);
	assert_int_equal(guest->status, 200);
	end();
}

/* A gRPC call goes to a second server where the rules say so, with what is left of its deadline;
 * any other POST does not. */
TEST(a_call_for_two)
{
	static const char answer[] =
		"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: 0\r\n"
		"Content-Length: 0\r\n\r\n";
	static const char call[] = "POST /a.B/c\nContent-Type: application/grpc\nTe: trailers\n"
				   "grpc-timeout: 5S\n";
	begin("hedge: { after: 20ms, grpc: true }");
	visit_by(20, call, BODY_CHUNKED, 0);
	visitor_say("message", true);
	bool first = asked_first();
	wait_until(strstr(up.got, "message\r\n0\r\n\r\n") || strstr(up.got, "\r\n\r\nmessage"));
	wait_until(strstr(other.got, "message"));
	assert_has(first ? other.got : up.got, "Content-Length: 7\r\n");
	assert_null(strstr(first ? other.got : up.got, "grpc-timeout: 5S"));
	assert_has(first ? other.got : up.got, "grpc-timeout: 4");
	first_say(!first, answer);
	wait_until(guest->finished);
	assert_has(guest->fields, "grpc-status: 0\n");
	assert_int_equal(up.accepted + other.accepted, 2);
	end();
}

TEST(calls_that_are_not_for_two)
{
	static const char *const rows[][2] = {
		{ "hedge: { after: 20ms }", "Content-Type: application/grpc\nTe: trailers\n" },
		{ "hedge: { after: 20ms, grpc: true }", "Content-Type: text/plain\n" },
	};
	for (size_t i = 0; i < 2; i++) {
		char head[128];
		(void)snprintf(head, sizeof(head), "POST /a.B/c\n%s", rows[i][1]);
		begin(rows[i][0]);
		visit_by(20, head, BODY_LENGTH, 7);
		visitor_say("message", true);
		bool first = asked_first();
		turns_for(80);
		assert_int_equal(up.accepted + other.accepted, 1);
		first_say(first, good);
		wait_until(guest->finished);
		end();
	}
}

/* All of the client's messages must be there. */
TEST(a_call_that_goes_on)
{
	begin("hedge: { after: 20ms, grpc: true }");
	visit_by(20, "POST /a.B/c\nContent-Type: application/grpc\nTe: trailers\n", BODY_CHUNKED,
		0);
	visitor_say("message", false);
	bool first = asked_first();
	turns_for(80);
	assert_int_equal(up.accepted + other.accepted, 1);
	visitor_say("more", true);
	wait_until(strstr(first ? up.got : other.got, "more"));
	first_say(first, good);
	wait_until(guest->finished);
	end();
}

/* A kept body goes to both. */
TEST(a_body_for_two)
{
	begin("hedge: { after: 20ms }, retry: {}");
	visit("GET /x\n", BODY_LENGTH, 5);
	visitor_say("query", true);
	wait_until(strstr(up.got, "query") && strstr(other.got, "query"));
	assert_has(up.got, "Content-Length: 5\r\n");
	assert_has(other.got, "Content-Length: 5\r\n");
	up_say(good);
	wait_until(guest->finished);
	assert_int_equal(guest->status, 200);
	end();
}
