/* proxy/exchange, forward, respond: requests on their way through, and everything that may happen
 * to them. */
#include "proxy_kit.h"

static const char conf[] =
	"runtime: { workers: 1 }\n"
	"log: { access: { path: 'off' } }\n"
	"listeners: [{ name: in, address: '127.0.0.1:1' }]\n"
	"plugins:\n"
	"  a: { use: script, label: a }\n"
	"  b: { use: script, label: b }\n"
	"upstreams:\n"
	"  up: { servers: ['127.0.0.1:@port@'], timeouts: { connect: 1s, response: 300ms } }\n"
	"  patient: { servers: ['127.0.0.1:@port@'] }\n"
	"  down: { servers: ['127.0.0.1:1'] }\n"
	"routes:\n"
	"  - { name: plain, match: { path: /plain }, upstream: up }\n"
	"  - { name: both, match: { path: '/both/*', methods: [GET, POST, PUT] }, plugins: [a, b], "
	"upstream: up }\n"
	"  - { name: body, match: { path: /body }, plugins: [a], upstream: patient }\n"
	"  - { name: down, match: { path: /down }, upstream: down }\n"
	"  - { name: here, match: { path: /here }, plugins: [a], respond: { status: 201, body: "
	"made, headers: { X-Made: here } } }\n"
	"  - { name: empty, match: { path: /empty }, respond: { status: 204 } }\n";

/* ---- plugins ------------------------------------------------------------------------------- */

static char trace[256];
static const char *who; /* whose hook does something */

static bool note(char letter, const void *c)
{
	const struct script_conf *sc = c;
	size_t n = strlen(trace);
	(void)snprintf(trace + n, sizeof(trace) - n, "%c%.*s ", letter, STR_ARG(sc->label));
	return who && str_eq(sc->label, str_of(who));
}

static sluice_hook request_deed, response_deed;

static sluice_verdict on_request(sluice_exchange *x, const void *c)
{
	return note('q', c) && request_deed ? request_deed(x, c) : SLUICE_NEXT;
}

static sluice_verdict on_response(sluice_exchange *x, const void *c)
{
	return note('s', c) && response_deed ? response_deed(x, c) : SLUICE_NEXT;
}

static sluice_verdict on_done(sluice_exchange *x, const void *c)
{
	(void)x;
	(void)note('c', c);
	return SLUICE_NEXT;
}

static void begin(void)
{
	kit_begin(conf);
	trace[0] = 0;
	who = "a";
	request_deed = response_deed = NULL;
	script->on_request = on_request;
	script->on_response = on_response;
	script->on_complete = on_done;
}

static sluice_verdict refuse(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_refuse(x, 403, "no-entry", "Not \"you\".");
}

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

static sluice_verdict nap(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_sleep(x, 20, go_on);
}

static sluice_verdict long_nap(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_sleep(x, 600, go_on);
}

#define assert_has(text, what)                                       \
	do {                                                         \
		if (!strstr(text, what))                             \
			fail_msg("no \"%s\" in \"%s\"", what, text); \
	} while (0)
#define assert_has_not(text, what)                                         \
	do {                                                               \
		if (strstr(text, what))                                    \
			fail_msg("there is \"%s\" in \"%s\"", what, text); \
	} while (0)

static const char hello[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Up: yes\r\nConnection: "
			    "X-Hop\r\nX-Hop: 1\r\n\r\nhello";

static void assert_done(int status, const char *code)
{
	until(guest->finished);
	assert_int_equal(guest->status, status);
	assert_int_equal(done.n, 1);
	assert_int_equal(done.status, status);
	assert_string_equal(done.code, code);
	assert_int_equal(kit_proxy.active, 0);
}

/* ---- through ------------------------------------------------------------------------------- */

TEST(get)
{
	begin();
	visit("GET /both/x?q=1\nAccept: */*\n", BODY_NONE, 0);
	until(up.got_len);
	assert_has(up.got, "GET /both/x?q=1 HTTP/1.1\r\nHost: gate.example\r\n");
	assert_has(up.got, "Accept: */*\r\n");
	up_say(hello);
	assert_done(200, "");
	assert_string_equal(guest->body, "hello");
	assert_has(guest->fields, "X-Up: yes\n");
	assert_has_not(guest->fields, "X-Hop");
	assert_string_equal(done.route, "both");
	assert_string_equal(trace, "qa qb sb sa ca cb ");
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
		begin();
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
		assert_done(200, "");
		assert_int_equal(guest->interims, 1);
		assert_string_equal(guest->body, "ok");
		assert_string_equal(guest->trailers, "X-Sum: 7\n");
		kit_end();
	}
}

/* What the client claims of itself is replaced by what is known. */
TEST(fields)
{
	begin();
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
	up_say(hello);
	until(guest->finished);
	/* an id that is none is replaced */
	visit("GET /plain\nX-Request-ID: two words\n", BODY_NONE, 0);
	until(strstr(up.got, "X-Request-ID: "));
	assert_has_not(up.got, "two words");
	up_say(hello);
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
	up_say(hello);
	until(guest->finished);
}

/* Who sees the id of his own request, in a problem document, must not find those of others. */
TEST(request_ids_do_not_tell_the_next_one)
{
	char a[33], b[33];
	unsigned same = 0;
	begin();
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
		begin();
		kit_listener = &trusting; /* until the next begin() */
		kit_is_trusted = true;
		(void)snprintf(head, sizeof(head),
			"GET /plain\nForwarded: for=198.51.100.7;host=\"a.example:%.*s8443\"\n",
			i ? (int)sizeof(digits) : 0, digits);
		visit(head, BODY_NONE, 0);
		kit_is_trusted = false;
		until(strstr(up.got, "\r\n\r\n"));
		assert_has(up.got, i ? "X-Forwarded-Port: 80\r\n" : "X-Forwarded-Port: 8443\r\n");
		assert_has(up.got, "X-Forwarded-Host: a.example:");
		up_say(hello);
		assert_done(200, "");
		kit_end();
	}
}

/* A client of old names no host. Its server gets the name of the upstream: many refuse a Host that
 * is empty. */
TEST(no_host)
{
	begin();
	visit_nameless("GET /plain\n");
	until(up.got_len);
	assert_has(up.got, "GET /plain HTTP/1.1\r\nHost: up\r\n");
	assert_has_not(up.got, "X-Forwarded-Host");
	assert_has_not(up.got, "host=");
	assert_has(up.got, "Via: 1.0 sluice\r\n");
	up_say(hello);
	assert_done(200, "");
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
	begin();
	request_deed = identify;
	visit("GET /both/x\nConnection: close, X-User, X-Mine\nX-User: mallory\nX-Mine: 1\n",
		BODY_NONE, 0);
	until(up.got_len);
	assert_has(up.got, "X-User: alice\r\n");
	assert_has_not(up.got, "mallory");
	assert_has_not(up.got, "X-Mine");
	up_say(hello);
	assert_done(200, "");
	kit_end();
}

/* ---- answers of our own -------------------------------------------------------------------- */

TEST(no_route)
{
	begin();
	visit("GET /nowhere\n", BODY_NONE, 0);
	assert_done(404, "no-route");
	assert_has(guest->fields, "Content-Type: application/problem+json\n");
	assert_has(guest->fields, "Server: sluice\n");
	assert_has(guest->fields, "X-Request-ID: ");
	assert_has(guest->fields, "Date: ");
	assert_has(guest->body, "urn:sluice:problem:no-route");
	kit_end();

	begin();
	visit("DELETE /both/x\n", BODY_NONE, 0);
	assert_done(405, "method-not-allowed");
	assert_has(guest->fields, "Allow: ");
	kit_end();

	begin();
	visit("HEAD /nowhere\n", BODY_NONE, 0);
	assert_done(404, "no-route");
	assert_int_equal(guest->body_kind, BODY_NONE);
	assert_int_equal(guest->body_len, 0);
	kit_end();

	for (int i = 0; i < 2; i++) {
		begin();
		visit(i ? "TRACE /plain\n" : "CONNECT /plain\n", BODY_NONE, 0);
		assert_done(501, "method-not-supported");
		kit_end();
	}
}

TEST(respond)
{
	begin();
	visit("GET /here\n", BODY_NONE, 0);
	assert_done(201, "");
	assert_string_equal(guest->body, "made");
	assert_has(guest->fields, "X-Made: here\n");
	assert_has(guest->fields, "Content-Type: text/plain; charset=utf-8\n");
	assert_string_equal(trace, "qa sa ca ");
	kit_end();

	begin();
	visit("POST /here\n", BODY_LENGTH, 5); /* whose body nobody wants */
	assert_int_equal(guest->resumes, 0);
	assert_done(201, "");
	kit_end();

	begin();
	visit("GET /empty\n", BODY_NONE, 0);
	assert_done(204, "");
	assert_int_equal(guest->body_len, 0);
	kit_end();
}

TEST(plugin_answers)
{
	begin();
	request_deed = refuse;
	visit("GET /both/x\n", BODY_NONE, 0);
	assert_done(403, "no-entry");
	assert_has(guest->body, "Not \\\"you\\\".");
	assert_string_equal(trace, "qa sa ca ");
	assert_int_equal(up.accepted, 0);
	kit_end();

	begin();
	who = "b";
	request_deed = reply;
	visit("GET /both/x\n", BODY_NONE, 0);
	assert_done(418, "");
	assert_string_equal(guest->body, "short");
	assert_string_equal(trace, "qa qb sb sa ca cb ");
	kit_end();

	begin();
	request_deed = give_up;
	visit("GET /both/x\n", BODY_NONE, 0);
	assert_done(500, "plugin-failed");
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
	begin();
	request_deed = refuse_at_length;
	visit("GET /both/x\n", BODY_NONE, 0);
	assert_done(400, "long-story");
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

/* A plugin puts its answer in the place of the upstream's: what others asked for holds for it as
 * well. */
TEST(response_replaced)
{
	for (int i = 0; i < 2; i++) {
		begin();
		request_deed = mark_response;
		response_deed = i ? give_up : reply;
		visit("GET /both/x\n", BODY_NONE, 0);
		until(up.got_len);
		up_say(hello);
		assert_done(i ? 500 : 418, i ? "plugin-failed" : "");
		assert_has(guest->fields, "X-Limit: 10\n");
		assert_has_not(guest->fields, "X-Up");
		assert_string_equal(trace, "qa qb sb sa ca cb ");
		kit_end();
	}
}

/* ---- waiting ------------------------------------------------------------------------------- */

TEST(hooks_wait)
{
	begin();
	who = "b";
	request_deed = response_deed = nap;
	visit("POST /both/x\n", BODY_CHUNKED, 0);
	visitor_say("body", true);
	until(strstr(up.got, "body"));
	up_say(hello);
	assert_done(200, "");
	assert_string_equal(guest->body, "hello");
	assert_string_equal(trace, "qa qb sb sa ca cb ");
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
		begin();
		response_deed = long_nap; /* longer than the upstream may be silent */
		visit("GET /both/x\n", BODY_NONE, 0);
		until(up.got_len);
		up_say(said[i]);
		turns_for(50);
		up_close();
		assert_done(200, "");
		assert_int_equal(guest->body_len, i == 3 ? 0 : 5);
		assert_string_equal(guest->trailers, i == 1 ? "X-Sum: 1\n" : "");
		assert_true(guest->ended);
		kit_end();
	}
}

/* ---- upstreams that fail ------------------------------------------------------------------- */

TEST(nobody_there)
{
	begin();
	visit("GET /down\n", BODY_NONE, 0);
	assert_done(502, "connect-failed");
	kit_end();
}

TEST(upstream_closes)
{
	begin();
	visit("POST /both/x\n", BODY_LENGTH, 4);
	visitor_say("body", true);
	until(strstr(up.got, "body"));
	up_close();
	assert_done(502, "upstream-closed");
	kit_end();

	begin(); /* in the middle */
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

	begin(); /* silence */
	visit("GET /both/x\n", BODY_NONE, 0);
	assert_done(504, "upstream-timeout");
	kit_end();

	begin(); /* nonsense */
	visit("GET /both/x\n", BODY_NONE, 0);
	until(up.got_len);
	up_say("SSH-2.0-OpenSSH\r\n\r\n");
	assert_done(502, "upstream-bad-head");
	kit_end();
}

/* A kept connection that the server closed meanwhile is not the request's fault: it goes to
 * another. */
TEST(stale_connection)
{
	begin();
	visit("GET /plain\n", BODY_NONE, 0);
	until(up.got_len);
	up_say(hello);
	until(guest->finished);
	done.n = 0;
	visit("GET /plain?again\n", BODY_NONE, 0);
	until(strstr(up.got, "?again"));
	up_close();
	until(up.accepted == 2 && strstr(up.got, "?again"));
	up_say(hello);
	assert_done(200, "");
	assert_true(done.retried);
	kit_end();
}

/* The body of a request whose first server was lost goes to the next one, all of it. */
TEST(body_after_a_retry)
{
	begin();
	visit("GET /plain\n", BODY_NONE, 0);
	until(up.got_len);
	up_say(hello);
	until(guest->finished);
	done.n = 0;
	visit("PUT /both/x\n", BODY_CHUNKED, 0);
	until(strstr(up.got, "PUT "));
	up_close();
	visitor_say("precious", true); /* comes while there is no server */
	until(up.accepted == 2 && strstr(up.got, "precious"));
	until(strstr(up.got, "\r\n0\r\n\r\n"));
	up_say(hello);
	assert_done(200, "");
	kit_end();
}

/* The answer is there before the request is through: the rest of it is not wanted. */
TEST(early_answer)
{
	begin();
	visit("POST /both/x\n", BODY_LENGTH, 100000);
	visitor_say("start", false);
	until(strstr(up.got, "start"));
	up_say("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
	assert_done(413, "");
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
		begin();
		if (when == 0)
			request_deed = nap;
		if (when == 4)
			response_deed = nap;
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
			until(strstr(trace, "sa"));
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
		memcpy(was, trace, sizeof(was));
		turns_for(60);
		assert_string_equal(trace, was); /* nothing comes for it any more */
		assert_has(trace, "ca ");
		kit_end();
	}
}

/* It broke the rules, and can be told so. */
TEST(client_is_told)
{
	for (int waiting = 0; waiting < 2; waiting++) {
		begin();
		if (waiting)
			response_deed = nap;
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
	begin();
	visit_bad(ERR_BAD_FRAMING, 128 * 1024);
	assert_done(400, "bad-framing");
	kit_end();
	/* also when what there is of it took all the memory */
	for (size_t budget = 4096; budget <= 16 * 1024; budget += 1024) {
		begin();
		visit_bad(ERR_NO_MEMORY, budget);
		assert_done(503, "no-memory");
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
	begin();
	request_deed = response_deed = eat;
	for (size_t budget = 4096; budget < 64 * 1024; budget += 512) {
		done.n = 0;
		up.got_len = 0;
		visit_with_budget("GET /both/x\nA: 1\nB: 2\nC: 3\n", BODY_NONE, 0, budget);
		for (unsigned i = 0; i < 4000 && !guest->finished; i++) {
			if (up.got_len && !guest->finished && strstr(up.got, "\r\n\r\n")) {
				up.got_len = 0;
				up_say(hello);
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
	return refuse(x, c);
}

TEST(plugin_answers_without_memory)
{
	begin();
	request_deed = eat_all_and_refuse;
	visit("GET /both/x\n", BODY_NONE, 0);
	assert_done(503, "no-memory");
	kit_end();

	begin();
	response_deed = eat_all_and_refuse;
	visit("GET /both/x\n", BODY_NONE, 0);
	until(up.got_len);
	up_say(hello);
	assert_done(503, "no-memory");
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
	begin();
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
