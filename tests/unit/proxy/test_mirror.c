/* proxy/mirror: copies of requests. The upstream and its shadow are the same socket, which takes a
 * connection for each: the one of the request comes first. */
#include "proxy_kit.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/series.h"
#include "proxy/mirror.h"

static const char conf[] = KIT_GATEWAY
	"plugins:\n"
	"  a: { use: script, label: a }\n"
	"upstreams:\n"
	"  up: { servers: ['127.0.0.1:@port@'], retries: 0 }\n"
	"  shadow: { servers: ['127.0.0.1:@shadow@'] }\n"
	"  dead: { servers: ['127.0.0.1:1'] }\n"
	"routes:\n"
	"  - { name: all, match: { path: /all }, upstream: up, mirror: { to: shadow, max_body: "
	"1KiB, "
	"max_copies: 2, timeout: 60ms } }\n"
	"  - { name: dead, match: { path: /dead }, upstream: up, mirror: { to: dead } }\n"
	"  - { name: large, match: { path: /large }, upstream: up, mirror: { to: shadow, max_body: "
	"1MiB } }\n"
	"  - { name: chat, match: { path: /chat }, upstream: up, upgrade: [websocket], mirror: { "
	"to: "
	"shadow } }\n"
	"  - { name: some, match: { path: /some }, upstream: up, mirror: { to: shadow, share: 25%, "
	"max_copies: 10000 } }\n";

/* ---- the shadow ---------------------------------------------------------------------------- */

static int listening = -1, peer = -1;
static char got[1 << 20];
static size_t got_len;

static void shadow_open(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	char text[sizeof(conf) + 16], port[16];
	listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listening, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(listening, 64), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&a, &len), 0);
	(void)snprintf(port, sizeof(port), "%u", ntohs(a.sin_port));
	const char *at = strstr(conf, "@shadow@");
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - conf), conf, port, at + 8);
	got_len = 0;
	got[0] = 0;
	kit_begin(text);
}

static bool shadow_reads(void)
{
	if (peer < 0)
		peer = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ssize_t n = peer < 0 ? -1 : recv(peer, got + got_len, sizeof(got) - got_len - 1, 0);
	if (n > 0)
		got_len += (size_t)n;
	got[got_len] = 0;
	return n > 0;
}

static bool shadow_has(const char *what)
{
	(void)shadow_reads();
	return strstr(got, what) != NULL;
}

static void shadow_says(const char *text)
{
	assert_int_equal(send(peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void shadow_close(void)
{
	if (peer >= 0)
		(void)close(peer);
	(void)close(listening);
	peer = listening = -1;
}

static void end(void)
{
	worker_end_part(&kit_worker, PART_MIRROR);
	turns_for(1);
	kit_end();
	shadow_close();
}

struct asked {
	const char *route, *result;
	uint64_t n;
};

static void count_one(void *ctx, const struct series_view *v)
{
	struct asked *a = ctx;
	if (str_eq(v->values[0], str_of(a->route)) && str_eq(v->values[1], str_of(a->result)))
		a->n = v->cells[0];
}

static uint64_t count(const char *route, enum mirror_result r)
{
	struct asked a = { route, mirror_results[r], 0 };
	series_each(FAMILY_MIRRORED, count_one, &a);
	return a.n;
}

/* ---- what is copied ------------------------------------------------------------------------ */

static void answer(void)
{
	until(strstr(up.got, "\r\n\r\n"));
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	until(guest->finished);
	assert_int_equal(guest->status, 200);
	assert_string_equal(guest->body, "ok");
}

TEST(a_request_without_a_body)
{
	shadow_open();
	visit("GET /all?a=b\nX-One: 1\nX-Sluice-Mirror: mine\n", BODY_NONE, 0);
	answer(); /* the shadow has said nothing yet */
	assert_has_not(up.got, "X-Sluice-Mirror");
	until(shadow_has("\r\n\r\n"));
	assert_has(got, "GET /all?a=b HTTP/1.1\r\n");
	assert_has(got, "Host: gate.example\r\n");
	assert_has(got, "X-One: 1\r\n");
	assert_has(got, "X-Sluice-Mirror: 1\r\n");
	assert_has(got, "X-Forwarded-For: 192.0.2.9\r\n");
	assert_null(strstr(got, "mine"));
	uint64_t before = count("all", MIRROR_ANSWERED);
	shadow_says("HTTP/1.1 500 Never Mind\r\nContent-Length: 3\r\n\r\nabc");
	until(count("all", MIRROR_ANSWERED) == before + 1);
	end();
}

TEST(a_body_in_pieces)
{
	shadow_open();
	visit("POST /all\n", BODY_CHUNKED, 0);
	visitor_say("hello ", false);
	until(strstr(up.got, "hello "));
	turns_for(5);
	assert_false(shadow_reads()); /* not before the request is complete */
	visitor_say("world", true);
	until(strstr(up.got, "0\r\n\r\n"));
	answer();
	until(shadow_has("hello world"));
	assert_has(got, "Content-Length: 11\r\n");
	assert_null(strstr(got, "chunked"));
	end();
}

/* Of large pieces the bytes are shared, and freed when both have sent them. */
TEST(a_large_body)
{
	static char text[300001];
	memset(text, 'x', sizeof(text) - 1);
	shadow_open();
	visit("POST /large\n", BODY_LENGTH, sizeof(text) - 1);
	for (unsigned i = 0; i < 3; i++) {
		text[100000] = 0;
		visitor_say(text, i == 2);
		text[100000] = 'x';
		turn();
	}
	until(guest->ended_in);
	until(shadow_has("xxxx") && (shadow_reads(), got_len > sizeof(text) - 1));
	assert_has(got, "Content-Length: 300000\r\n");
	end();
}

TEST(bodies_that_are_too_large)
{
	shadow_open();
	uint64_t before = count("all", MIRROR_TOO_LARGE);
	visit("POST /all\n", BODY_LENGTH, 1025);
	turn();
	assert_int_equal(count("all", MIRROR_TOO_LARGE), before + 1);
	visitor_gone(ERR_CLIENT_GONE, false);
	turn();
	static char text[1026];
	memset(text, 'x', 1025);
	visit("POST /all\n", BODY_CHUNKED, 0);
	visitor_say(text, false);
	until(count("all", MIRROR_TOO_LARGE) == before + 2);
	visitor_say("", true);
	turns_for(5);
	assert_false(shadow_reads());
	end();
}

TEST(requests_that_do_not_become_complete)
{
	shadow_open();
	uint64_t before = count("all", MIRROR_INCOMPLETE);
	visit("POST /all\n", BODY_CHUNKED, 0);
	visitor_say("hello", false);
	until(strstr(up.got, "hello"));
	visitor_gone(ERR_CLIENT_GONE, false);
	until(guest->finished);
	assert_int_equal(count("all", MIRROR_INCOMPLETE), before + 1);
	assert_false(shadow_reads());
	end();
}

TEST(upgrades_are_not_copied)
{
	shadow_open();
	visit_tunnel("GET /chat\nUpgrade: websocket\nSec-WebSocket-Key: "
		     "dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n",
		false);
	until(strstr(up.got, "\r\n\r\n"));
	turns_for(5);
	assert_false(shadow_reads());
	end();
}

TEST(a_share_of_the_requests)
{
	unsigned n = 0;
	shadow_open();
	for (unsigned i = 0; i < 200; i++) {
		visit("GET /some\n", BODY_CHUNKED, 0);
		const struct exchange *x = guest->c.user;
		n += x->mirror != NULL;
		visitor_gone(ERR_CLIENT_GONE, false);
		turn();
		visitor_free();
	}
	assert_true(n > 25 && n < 80);
	end();
}

/* ---- shadows that are slow, or dead -------------------------------------------------------- */

TEST(a_shadow_that_does_not_answer_loses_copies)
{
	shadow_open();
	uint64_t late = count("all", MIRROR_TIMEOUT), busy = count("all", MIRROR_BUSY);
	for (unsigned i = 0; i < 4; i++) {
		visit("GET /all\n", BODY_NONE, 0);
		until(guest->c.user && ((struct exchange *)guest->c.user)->origin);
		visitor_gone(ERR_CLIENT_GONE, false);
		turn();
		visitor_free();
	}
	assert_int_equal(count("all", MIRROR_BUSY), busy + 2);
	until(count("all", MIRROR_TIMEOUT) == late + 2);
	end();
}

TEST(a_shadow_that_is_not_there)
{
	shadow_open();
	uint64_t before = count("dead", MIRROR_FAILED);
	visit("GET /dead\n", BODY_NONE, 0);
	answer();
	until(count("dead", MIRROR_FAILED) == before + 1);
	end();
}

TEST(the_end_of_a_worker_drops_copies)
{
	shadow_open();
	visit("GET /all\n", BODY_NONE, 0);
	until(shadow_has("\r\n\r\n"));
	end(); /* the view is given up: kit_end() would find it otherwise */
}

/* ---- mistakes ------------------------------------------------------------------------------ */

static void assert_wrong(const char *mirror, const char *what)
{
	char text[1024];
	(void)snprintf(text, sizeof(text),
		KIT_GATEWAY "upstreams:\n  up: { servers: ['127.0.0.1:1'] }\n"
			    "  shadow: { servers: ['127.0.0.1:1'] }\n"
			    "routes: [{ name: a, match: { path: /a }, %s }]\n",
		mirror);
	assert_null(kit_load(text, NULL));
	assert_has(kit_report, what);
}

TEST(mistakes)
{
	static const char *const shares[] = { "0%", "101%", "10", "%", "1.%", ".5%", "100.1%",
		"0.00001%", "-1%", "1.5.5%" };
	assert_wrong("upstream: up, mirror: { to: shadov }", "there is no upstream \"shadov\"");
	assert_has(kit_report, "did you mean \"shadow\"?");
	assert_wrong("upstream: up, mirror: {}", "to is required");
	assert_wrong("respond: {}, mirror: { to: up }", "a route that answers by itself");
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		char text[128];
		(void)snprintf(text, sizeof(text), "upstream: up, mirror: { to: up, share: '%s' }",
			shares[i]);
		assert_wrong(text, "mirror.share");
	}
}

TEST_GROUP(kit_setup, kit_teardown);
