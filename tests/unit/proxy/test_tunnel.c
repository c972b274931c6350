/* proxy/tunnel: which requests become tunnels, whose answers are believed, and how a tunnel
 * ends. */
#include "proxy_kit.h"

#include "proxy/tunnel.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* RFC 6455 1.3 */
#define ASK "Upgrade: websocket\nSec-WebSocket-Key: " KEY "\nSec-WebSocket-Version: 13\n"
#define AGREE "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"

static const char conf[] = KIT_GATEWAY
	"plugins: { a: { use: script, label: a } }\n"
	"upstreams:\n"
	"  up: { servers: ['127.0.0.1:@port@'] }\n"
	"  soon: { servers: ['127.0.0.1:@port@'], timeouts: { tunnel: 50ms } }\n"
	"routes:\n"
	"  - { name: chat, match: { path: /chat }, plugins: [a], upgrade: [websocket], upstream: "
	"up }\n"
	"  - { name: soon, match: { path: /soon }, upgrade: [websocket], upstream: soon }\n"
	"  - { name: plain, match: { path: /plain }, plugins: [a], upstream: up }\n"
	"  - { name: made, match: { path: /made }, respond: { body: made } }\n";

static sluice_hook deed;
static unsigned asked;

static sluice_verdict on_request(sluice_exchange *x, const void *c)
{
	asked++;
	return deed ? deed(x, c) : SLUICE_NEXT;
}

static sluice_verdict refuse(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_refuse(x, 403, "no-entry", "not you");
}

static sluice_verdict welcome(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_reply(x, 200, SLUICE_STR("text/plain"), SLUICE_STR("welcome"));
}

static void begin(sluice_hook what)
{
	kit_begin(conf);
	deed = what;
	asked = 0;
	script->on_request = on_request;
}

static void assert_over(int status, const char *code)
{
	until(guest->finished);
	assert_int_equal(done.status, status);
	assert_string_equal(done.code, code);
}

static void ask(const char *head, bool only)
{
	begin(NULL);
	visit_tunnel(head, only);
	until(strstr(up.got, "\r\n\r\n"));
	assert_non_null(strstr(up.got, "\r\nUpgrade: websocket\r\n"));
	assert_non_null(strstr(up.got, "\r\nSec-WebSocket-Key: " KEY "\r\n"));
}

TEST(refused)
{
	static const char *const targets[] = { "GET /plain\n" ASK, "GET /made\n" ASK,
		"GET /chat\nUpgrade: echo\n", "GET /chat\nUpgrade: websocket, echo\n" };
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		begin(NULL);
		visit_tunnel(targets[i], true);
		assert_over(501, "upgrade-refused");
		assert_int_equal(up.accepted + asked, 0);
		kit_end();
	}
	begin(NULL); /* where there is another answer, that is given */
	visit_tunnel("GET /made\n" ASK, false);
	assert_over(200, "");
	kit_end();
}

TEST(no_key)
{
	begin(NULL);
	visit_tunnel("GET /chat\nUpgrade: websocket\nSec-WebSocket-Key: x\n", false);
	assert_over(400, "bad-field");
	assert_int_equal(up.accepted, 0);
	kit_end();
}

/* A plugin's success is none: whoever asked by extended CONNECT would take it for a tunnel. */
TEST(plugin_answers)
{
	for (int only = 0; only < 2; only++) {
		begin(refuse);
		visit_tunnel("GET /chat\n" ASK, only);
		assert_over(403, "no-entry");
		kit_end();
		begin(welcome);
		visit_tunnel("GET /chat\n" ASK, only);
		assert_over(only ? 501 : 200, only ? "upgrade-refused" : "");
		kit_end();
	}
}

TEST(agreement)
{
	static const struct {
		const char *said;
		int also, only; /* the status, by how it was asked */
		const char *code;
	} rows[] = {
		{ AGREE "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n", 101, 101, "" },
		/* the client looks itself */
		{ AGREE "Sec-WebSocket-Accept: x\r\n\r\n", 101, 502, "upstream-bad-head" },
		{ AGREE "\r\n", 101, 502, "upstream-bad-head" },
		{ "HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n", 502, 502,
			"upstream-bad-head" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, 502, "upstream-no-tunnel" },
		{ "HTTP/1.1 204 OK\r\n\r\n", 204, 502, "upstream-no-tunnel" },
		{ "HTTP/1.1 302 OK\r\nContent-Length: 0\r\n\r\n", 302, 302, "" },
		{ "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", 403, 403, "" },
	};
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		bool only = i % 2;
		int want = only ? rows[i / 2].only : rows[i / 2].also;
		ask("GET /chat\n" ASK, only);
		up_say(rows[i / 2].said);
		until(guest->heads);
		assert_int_equal(guest->status, want);
		assert_int_equal(guest->tunnel, want == 101);
		if (want == 101)
			visitor_gone(ERR_CLIENT_GONE, false);
		assert_over(want,
			want == 101           ? "client-gone"
				: want == 502 ? rows[i / 2].code
					      : "");
		kit_end();
	}
}

static void tunnel_open(const char *head)
{
	ask(head, true);
	up_say(AGREE "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n");
	until(guest->tunnel);
	up.got_len = 0;
	memset(up.got, 0, sizeof(up.got));
}

TEST(bytes)
{
	tunnel_open("GET /chat\n" ASK);
	up_say("down");
	visitor_say("up", false);
	until(guest->body_len == 4 && up.got_len == 2);
	assert_string_equal(guest->body, "down");
	assert_string_equal(up.got, "up");
	/* the upstream goes first; what is said after it has gone is still passed on, and waited
	 * for */
	assert_int_equal(shutdown(up.fd, SHUT_WR), 0);
	until(guest->sent);
	assert_false(guest->finished);
	visitor_say(" and on", true);
	assert_over(101, "");
	until(up.eof);
	assert_string_equal(up.got, "up and on");
	kit_end();
}

/* The client has said all, heard all, and closes its connection, while what it said last is on its
 * way. */
TEST(client_goes_last)
{
	tunnel_open("GET /chat\n" ASK);
	assert_int_equal(shutdown(up.fd, SHUT_WR), 0);
	until(guest->sent);
	visitor_say("last", true);
	guest->c.events->on_body(&guest->c, &guest->pending);
	guest->c.events->on_end(&guest->c, NULL);
	visitor_gone(ERR_CLIENT_GONE, false); /* and nothing was written since */
	assert_false(guest->finished);
	assert_over(101, "");
	until(up.eof);
	assert_string_equal(up.got, "last");
	kit_end();
}

TEST(idle)
{
	tunnel_open("GET /soon\n" ASK);
	assert_over(101, "tunnel-idle");
	assert_true(guest->aborted);
	kit_end();
}

/* Frames are not cut: both sides are told when they have ended. */
TEST(drain)
{
	tunnel_open("GET /chat\n" ASK);
	up_say("\x81\x03"
	       "ab");
	visitor_say("\x81\x81\1\1\1\1x", false);
	until(guest->body_len == 4 && up.got_len == 7);
	tunnels_drain(&kit_proxy);
	until(up.got_len == 7 + 8);
	assert_memory_equal(up.got + 7, "\x88\x82", 2);
	assert_false(guest->ended);
	up_say("c");
	until(guest->ended);
	assert_int_equal(guest->body_len, 9);
	assert_memory_equal(guest->body,
		"\x81\x03"
		"abc\x88\x02\x03\xe9",
		9);
	visitor_say("\x88\x80\0\0\0\0", true);
	up_close();
	assert_over(101, "");
	kit_end();
}

/* Once our own close frame is out nobody tells of room any more, and none is needed: the server's
 * end is heard although its lane was held. */
TEST(drain_of_a_client_that_was_full)
{
	tunnel_open("GET /chat\n" ASK);
	guest->full = true;
	up_say("\x81\x01"
	       "a");
	until(guest->body_len == 3);
	tunnels_drain(&kit_proxy);
	until(guest->ended);
	visitor_say("\x88\x80\0\0\0\0", true);
	up_close();
	assert_over(101, "");
	kit_end();
}

TEST_GROUP(kit_setup, kit_teardown);
