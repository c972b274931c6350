/*
 * A connection of HTTP/1.1 to an upstream server, requests on it, and a server that says what it
 * likes, when it likes. An input is a script: each byte is a step of the exchange, of the owner, of
 * the server, of the wire or of the clock.
 *
 * What must hold: an exchange hears things in order and one end, and nothing once it has let go; an
 * owner hears of one end of each connection; a connection is reused only when nothing is left over;
 * what a well-behaved server sends is what the exchange gets, byte for byte, and what the exchange
 * sends is what comes out; nothing stays in memory. With `parsing: lenient`, which a bit of the
 * input chooses, the same holds for a server that departs from the standard in a harmless way.
 */
#include <stdlib.h>

#include "fakewire.h"
#include "heap.h"
#include "http1/chunk.h"
#include "http1/client.h"
#include "input.h"
#include "reach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONNS = 6, STEPS = 400, PLAN_MAX = 256 * 1024, SENT_MAX = 512 * 1024, HEAD_MAX = 1024 };

/* What an exchange does when it hears of something. */
enum reaction { LISTEN, RELEASE, HOLD, TAKE_HALF };
enum { ON_HEAD, ON_BODY, ON_END, ON_DRAINED, ON_FAIL, N_EVENTS };

struct peer {
	struct fakewire wire;
	struct http1_conn *conn; /* NULL: gone */
	struct stream adopted;   /* before it is the connection's */
	bool used, opened;
};

/* What the server answers, when it behaves. */
struct plan {
	char text[PLAN_MAX];
	size_t len, said, interims_end, body_at; /* body_at: of a tunnel or a body without chunks */
	size_t body_len;
	unsigned framing;
	bool bare; /* lines end with LF alone */
};

struct ask {
	struct origin *o; /* NULL: released */
	struct arena arena;
	size_t out_at, in_at;  /* of the wire, when it began */
	uint64_t sent, length; /* of the body: passed on, and said */
	uint64_t got;          /* of the answer's body */
	unsigned framing;
	bool bodiless; /* HEAD: nothing follows its answer's head */
	bool head, ended, failed, tunnel, ended_out, full, held, upgrade;
	bool wild; /* the server does not keep to the plan */
};

static struct peer peers[CONNS];
static struct peer *peer; /* the one in use */
static unsigned n_peers, reactions[N_EVENTS];
static struct ask ask;
static struct plan plan;
static bool little, lenient;

static char pattern(uint64_t at)
{
	return (char)('a' + at % 23);
}

/* ---- what went out ------------------------------------------------------------------------- */

static void check_pattern(const char *p, size_t n, uint64_t at, const char *what)
{
	for (size_t i = 0; i < n; i++)
		check(p[i] == pattern(at + i), "byte %llu of %s is 0x%02x",
			(unsigned long long)(at + i), what, (unsigned char)p[i]);
}

static void check_chunks_out(const char *p, size_t n, bool whole)
{
	struct chunk_decoder d;
	struct arena a;
	uint64_t at = 0;
	int r = CHUNK_MORE;
	arena_init(&a, 0);
	chunk_decoder_init(&d, &a, ERR_BAD_CHUNK);
	do {
		size_t skip, data;
		r = chunk_decode(&d, p, n, &skip, &data);
		check(r >= 0, "a chunk that we sent: %d", r);
		check_pattern(p + skip, data, at, "what was sent");
		at += data;
		p += skip + data;
		n -= skip + data;
	} while (r == CHUNK_DATA);
	check(n == 0 && at <= ask.sent, "%zu bytes behind the end", n);
	check(!whole || (r == CHUNK_DONE && at == ask.sent), "%llu bytes came out",
		(unsigned long long)at);
	arena_fini(&a);
}

/* Of this request: a head, and of the body nothing but what was passed on. */
static void check_out(bool whole)
{
	const char *p = peer->wire.out + ask.out_at;
	size_t n = peer->wire.out_len - ask.out_at;
	const char *end = n ? memmem(p, n, "\r\n\r\n", 4) : NULL;
	check(end || !whole, "a request without %s", "head");
	if (!end)
		return;
	n -= (size_t)(end + 4 - p);
	p = end + 4;
	if (ask.framing == BODY_CHUNKED && !ask.tunnel) {
		check_chunks_out(p, n, whole);
		return;
	}
	check(n <= ask.sent && (!whole || n == ask.sent), "%zu bytes came out of %llu", n,
		(unsigned long long)ask.sent);
	check_pattern(p, n, 0, "what was sent");
}

/* ---- the exchange -------------------------------------------------------------------------- */

static void ask_release(void)
{
	struct origin *o = ask.o;
	ask.o = NULL;
	if (peer->wire.out)
		check_out(false);
	o->ops->release(o);
}

static void ask_hold(void)
{
	ask.held = true;
	ask.o->ops->hold(ask.o);
}

static void react(unsigned event)
{
	if (reactions[event] == RELEASE)
		ask_release();
	else if (reactions[event] == HOLD)
		ask_hold();
}

static void check_fields(const struct fields *f)
{
	for (uint32_t i = 0; f && i < f->n; i++)
		check(str_is_token(field_name(&f->v[i])) &&
				str_is_field_value(field_value(&f->v[i])),
			"field %u", i);
}

static void on_head(struct origin *o, struct response_head *h)
{
	check(o == ask.o && o->user == &ask && !ask.head && !ask.failed, "a head of %u out of turn",
		h->status);
	check(h->status >= 100 && h->status <= (lenient ? 999 : 599), "status %u", h->status);
	REACH_IF(h->status > 599, "a status beyond the classes");
	check_fields(&h->fields);
	if (h->status < 200 && h->status != 101) {
		REACH("a 1xx response");
		return;
	}
	check(h->status != 101 || ask.upgrade, "a tunnel that nobody %s", "asked for");
	ask.head = true;
	if (h->status == 101) {
		ask.tunnel = true;
		ask.full = false;
		ask.ended_out = false;
		o->ops->tunnel(o);
		REACH("a tunnel");
	}
	react(ON_HEAD);
}

static void on_body(struct origin *o, struct buf *data)
{
	check(o == ask.o && ask.head && !ask.ended && !ask.failed && !ask.held && data->len,
		"%zu bytes out of turn", data->len);
	size_t n = reactions[ON_BODY] == TAKE_HALF ? (data->len + 1) / 2 : data->len;
	REACH_IF(n < data->len, "a body that is taken in parts");
	while (n) {
		sluice_str run = buf_peek(data);
		size_t take = run.len < n ? run.len : n;
		if (!ask.wild)
			check_pattern(run.data, take, ask.got, "what was received");
		ask.got += take;
		n -= take;
		buf_drain(data, take);
	}
	react(ON_BODY);
}

static void on_end(struct origin *o, const struct fields *trailers)
{
	check(o == ask.o && ask.head && !ask.ended && !ask.failed, "an end out of %s", "turn");
	check_fields(trailers);
	ask.ended = true;
	if (!ask.wild) {
		size_t least = plan.framing == BODY_CLOSE ? plan.said - plan.body_at
							  : plan.body_len;
		check(ask.got == least, "%llu bytes were received of %zu",
			(unsigned long long)ask.got, least);
		REACH_IF(plan.framing == BODY_CHUNKED, "the end of a chunked response");
		REACH_IF(plan.bare, "the end of a response whose lines end with LF");
		REACH_IF(plan.framing == BODY_LENGTH && plan.body_len > 65536,
			"the end of a long response");
		REACH_IF(plan.framing == BODY_CLOSE && !ask.tunnel,
			"the end of a response that ends with the connection");
		REACH_IF(ask.tunnel, "the end of a tunnel");
	}
	REACH_IF(!ask.ended_out && !ask.tunnel, "a response that ends before its request");
	react(ON_END);
}

static void on_drained(struct origin *o)
{
	check(o == ask.o && !ask.failed, "room out of %s", "turn");
	check(ask.full || ask.ended_out, "room that nobody %s", "waits for");
	REACH_IF(ask.full, "room after none");
	ask.full = false;
	react(ON_DRAINED);
}

static void on_fail(struct origin *o, int err)
{
	check(o == ask.o && !ask.failed && err < 0, "failed %s", "twice");
	check(!ask.ended || ask.tunnel, "failed after the %s", "end");
	check(o->sent == (peer->wire.out_len > ask.out_at), "sent: %d", o->sent);
	check(o->bytes_in == peer->wire.in_at - ask.in_at, "%llu bytes in",
		(unsigned long long)o->bytes_in);
	ask.failed = true;
	REACH_IF(err == ERR_UPSTREAM_TIMEOUT, "no answer in time");
	REACH_IF(err == ERR_UPSTREAM_STALLED, "a body that stands still");
	REACH_IF(err == ERR_UPSTREAM_TRUNCATED, "a body cut off");
	REACH_IF(err == ERR_UPSTREAM_CLOSED, "closed before the answer");
	REACH_IF(err == ERR_UPSTREAM_RESET, "a reset");
	REACH_IF(err == ERR_UPSTREAM_BAD_HEAD, "a malformed head");
	REACH_IF(err == ERR_UPSTREAM_BAD_CHUNK, "a malformed chunk");
	REACH_IF(err == ERR_UPSTREAM_BAD_FRAMING, "bytes behind the end");
	REACH_IF(err == ERR_UPSTREAM_HEAD_TOO_LARGE, "a head that is too large");
	REACH_IF(err == ERR_NO_MEMORY, "no memory");
	react(ON_FAIL);
}

static const struct origin_events events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_fail = on_fail,
};

static void ask_begin(struct input *in)
{
	static const sluice_str methods[] = { { "GET", 3 }, { "POST", 4 }, { "HEAD", 4 },
		{ "PUT", 3 } };
	static struct field upgrade[] = {
		{ .name = "Upgrade",
			.name_len = 7,
			.value = "websocket",
			.value_len = 9,
			.token = TOKEN_UPGRADE,
			.flags = FIELD_DROP },
	};
	unsigned how = input_byte(in);
	struct request_head h = { .method_text = methods[how & 3],
		.target = { "/", 1 },
		.path = { "/", 1 },
		.authority = { "a.test", 6 },
		.version = 11 };
	if (!peer || !peer->conn || !peer->opened || ask.o)
		return;
	if (http1_conn_check_stale(peer->conn)) {
		REACH("a connection gone stale");
		http1_conn_close(peer->conn);
		peer->conn = NULL;
		return;
	}
	check(peer->wire.in_at == peer->wire.in_len && !peer->wire.eof && !peer->wire.reset,
		"reused, and not at %s", "rest");
	arena_fini(&ask.arena);
	ask = (struct ask){ .upgrade = how & 64,
		.out_at = peer->wire.out_len,
		.in_at = peer->wire.in_at };
	ask.bodiless = (how & 3) == 2;
	/* who asks for a tunnel has no body */
	ask.framing = ask.upgrade ? BODY_NONE : (how >> 2) % 3;
	ask.length = ask.framing == BODY_LENGTH ? input_size(in) : 0;
	h.method = (uint8_t)method_find(h.method_text);
	h.body = (uint8_t)ask.framing;
	h.body_length = ask.length;
	h.upgrade = ask.upgrade;
	if (ask.upgrade)
		h.fields = (struct fields){ upgrade, 1, 1 };
	arena_init(&ask.arena, little ? 2048 : 65536);
	plan.len = plan.said = 0;
	ask.o = http1_conn_begin(peer->conn, &events, &ask, &ask.arena);
	REACH_IF(ask.out_at > 0, "a second request");
	ask.o->ops->head(ask.o, &h);
}

/* More of the body, where more may come. */
static void ask_push(size_t n)
{
	struct buf b;
	if (!ask.o || ask.ended_out || ask.full || ask.failed ||
		(ask.framing == BODY_NONE && !ask.tunnel))
		return;
	if (ask.framing == BODY_LENGTH && !ask.tunnel)
		n = n < ask.length - ask.sent ? n : (size_t)(ask.length - ask.sent);
	if (ask.sent + n > SENT_MAX)
		return;
	buf_init(&b);
	for (size_t i = 0; i < n;) {
		size_t room;
		char *at = buf_reserve(&b, 1, &room);
		size_t take = room < n - i ? room : n - i;
		for (size_t k = 0; k < take; k++)
			at[k] = pattern(ask.sent + i + k);
		buf_commit(&b, take);
		i += take;
	}
	ask.sent += n;
	ask.full = ask.o->ops->body(ask.o, &b);
	check(b.len == 0, "%zu bytes were not taken", b.len);
}

static void ask_end(bool trailers)
{
	static struct field one = { .name = "x-sum", .name_len = 5, .value = "1", .value_len = 1 };
	static const struct fields some = { &one, 1, 1 };
	if (!ask.o || ask.ended_out || ask.failed ||
		(ask.framing == BODY_LENGTH && !ask.tunnel && ask.sent < ask.length))
		return;
	ask.ended_out = true;
	REACH_IF(ask.tunnel, "our end of a tunnel");
	ask.o->ops->end(ask.o, trailers ? &some : NULL);
}

/* ---- the owner ----------------------------------------------------------------------------- */

static void conn_on_open(struct http1_conn *c)
{
	struct peer *p = http1_conn_owner_data(c);
	check(p->conn == c && !p->opened, "opened %s", "twice");
	p->opened = true;
}

static void conn_on_free(struct http1_conn *c)
{
	check(http1_conn_owner_data(c) == peer && !ask.o, "free during a %s", "request");
	/* a head with nothing behind it is a whole response */
	bool whole = ask.ended || ask.wild || plan.body_len == 0;
	check(ask.head && whole && !ask.failed && ask.ended_out && !ask.tunnel,
		"free before the %s", "end");
	check(peer->wire.in_at == peer->wire.in_len || ask.wild, "%zu bytes are left",
		peer->wire.in_len - peer->wire.in_at);
	check(ask.wild || plan.said == plan.len, "%zu bytes are not said", plan.len - plan.said);
	check_out(true);
	REACH("a connection kept");
}

static void conn_on_gone(struct http1_conn *c, int err)
{
	struct peer *p = http1_conn_owner_data(c);
	check(p->conn == c && (p->opened ? err == 0 : err < 0), "gone: %d", err);
	p->conn = NULL;
	REACH_IF(err == ERR_CONNECT_TIMEOUT, "no connection in time");
	REACH_IF(err == 0 && !ask.o, "gone between requests");
}

static const struct http1_conn_owner owner = { .on_open = conn_on_open,
	.on_free = conn_on_free,
	.on_gone = conn_on_gone };

static struct http1_conn_conf conn_conf(void)
{
	return (struct http1_conn_conf){ .connect_ns = 2 * NS_PER_S,
		.response_ns = 3 * NS_PER_S,
		.idle_ns = 5 * NS_PER_S,
		.max_head = HEAD_MAX,
		.max_fields = 12,
		.lenient = lenient };
}

/* The next connection: one that has to be made, or one that somebody else made. */
static void open_next(bool adopt)
{
	static const struct stream_user nobody = { 0 };
	const struct http1_conn_conf conf = conn_conf();
	int err = 0;
	if (ask.o || (peer && peer->conn) || n_peers == CONNS)
		return;
	peer = &peers[n_peers++];
	peer->used = true;
	if (adopt) {
		fakewire_open(&peer->wire, &peer->adopted, &nobody, NULL);
		peer->conn = http1_conn_adopt(&peer->adopted, &conf, &owner, peer);
		check(peer->conn, "not %s", "adopted");
		/* and the wire learns where its stream is now */
		check(!http1_conn_check_stale(peer->conn), "stale at %s", "once");
		peer->opened = true;
		REACH("a connection taken over");
		return;
	}
	peer->conn = http1_conn_open(&fakewire_worker, fakewire_address(),
		&transport_fake_connecting, &peer->wire, &conf, &owner, peer, &err);
	check(peer->conn, "not begun: %d", err);
}

/* ---- the server ---------------------------------------------------------------------------- */

static void plan_add(const char *p, size_t n)
{
	check(plan.len + n <= sizeof(plan.text), "an answer of %zu bytes", plan.len + n);
	memcpy(plan.text + plan.len, p, n);
	plan.len += n;
}

static void plan_text(const char *text)
{
	for (; *text; text++) {
		if (*text != '\r' || !plan.bare)
			plan_add(text, 1);
	}
}

static void plan_body(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = pattern(plan.body_len++);
		plan_add(&c, 1);
	}
}

static void plan_chunks(size_t n, unsigned how)
{
	while (n) {
		char line[CHUNK_HEAD_MAX + 1];
		size_t take = how % 7 && n > how % 7 * 100 ? how % 7 * 100 : n;
		line[chunk_head(line, take)] = 0;
		plan_text(line);
		plan_body(take);
		plan_text("\r\n");
		n -= take;
	}
	plan_text(how & 64 ? "0\r\nx-sum: 1\r\n\r\n" : "0\r\n\r\n");
}

/* What every reader understands alike, and only a lenient one takes: lines that end with LF alone,
 * and empty lines before the head. */
static void plan_depart(unsigned how)
{
	plan.bare = lenient && (how & 1);
	for (unsigned i = 0; lenient && i < how / 2 % 4; i++)
		plan_text("\r\n");
	REACH_IF(plan.len, "empty lines before a head");
}

/* A whole answer, well formed or all but: how it is framed, how long it is. */
static void plan_make(struct input *in)
{
	unsigned how = input_byte(in);
	size_t n = input_size(in);
	char line[96];
	bool tunnel = ask.upgrade && (how & 128);
	if (!ask.o || plan.len)
		return;
	n = n < 200000 ? n : 200000;
	plan.body_len = 0;
	plan_depart(lenient ? input_byte(in) : 0);
	plan.framing = tunnel ? BODY_CLOSE : BODY_LENGTH + how % 3;
	for (unsigned i = 0; i < (how >> 2) % 4; i++)
		plan_text("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
	if (tunnel)
		plan_text("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: "
			  "websocket\r\n\r\n");
	else if (plan.framing == BODY_LENGTH)
		(void)snprintf(line, sizeof(line),
			"HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", n,
			how & 32 ? "Connection: close\r\n" : "");
	else
		(void)snprintf(line, sizeof(line), "HTTP/1.1 %s\r\n%s\r\n",
			how & 16 ? "404 Not Found" : "200",
			plan.framing == BODY_CHUNKED ? "Transfer-Encoding: chunked\r\n" : "");
	if (!tunnel)
		plan_text(line);
	plan.body_at = plan.len;
	if (ask.bodiless && !tunnel)
		plan.framing = BODY_NONE;
	else if (plan.framing == BODY_CHUNKED)
		plan_chunks(n, how);
	else
		plan_body(n);
}

static void say(const char *p, size_t n)
{
	if (peer && peer->opened && !peer->wire.closed && !peer->wire.eof && !peer->wire.reset)
		fakewire_say(&peer->wire, p, n);
}

static void say_plan(size_t n)
{
	n = n < plan.len - plan.said ? n : plan.len - plan.said;
	if (!ask.o || !peer->conn || peer->wire.closed || peer->wire.eof || peer->wire.reset)
		return;
	plan.said += n;
	say(plan.text + plan.said - n, n);
}

/* Parts of answers that go together in any order, most of them wrong. */
static void say_part(unsigned which)
{
	static const char *const parts[] = {
		"HTTP/1.1 200 OK\r\n",
		"HTTP/1.0 200 OK\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: "
		"websocket\r\n\r\n",
		"HTTP/1.1 304 \r\n\r\n",
		"HTTP/2 200\r\n\r\n",
		"Content-Length: 5\r\n",
		"Content-Length: 5, 5\r\n",
		"Content-Length: 18446744073709551616\r\n",
		"Content-Length: 0\r\n",
		"Transfer-Encoding: chunked\r\n",
		"Transfer-Encoding: gzip, chunked\r\n",
		"Transfer-Encoding: gzip\r\n",
		"Connection: close\r\n",
		"Connection: keep-alive\r\n",
		"X-A: b\r\n",
		" folded\r\n",
		"X-B : c\r\n",
		"\r\n",
		"\n",
		"hello",
		"5\r\nhello\r\n",
		"0\r\n\r\n",
		"0\r\nx: y\r\n",
		"5;a=b\r\nhello\r\n",
		"ffffffffffffffff\r\n",
		"-5\r\n",
		"\r",
		"\0\1\2",
		"HTTP/1.1 999 \r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	};
	const char *p = parts[which % (sizeof(parts) / sizeof(parts[0]))];
	ask.wild = true;
	say(p, strlen(p) ? strlen(p) : 3);
}

static void server_end(bool reset)
{
	if (!peer || !peer->opened || peer->wire.closed)
		return;
	if (reset)
		fakewire_reset(&peer->wire);
	else
		fakewire_eof(&peer->wire);
}

/* ---- steps --------------------------------------------------------------------------------- */

static void wire_set(unsigned how)
{
	struct fakewire *f = peer ? &peer->wire : NULL;
	if (!f || f->closed || !peer->opened)
		return;
	if (how & 1) {
		f->blocked = true;
		f->owes = how & 2;
	} else if (f->blocked) {
		fakewire_unblock(f);
		REACH("a server that reads again");
	}
	f->read_max = how & 4 ? 1 + how / 32 : 0;
	f->write_max = how & 8 ? 1 + how / 4 : 0;
	if (how & 16)
		f->fail_at = f->ops + 1 + how / 64;
}

static void ask_step(struct input *in, unsigned what)
{
	unsigned b;
	switch (what) {
	case 0:
		ask_begin(in);
		break;
	case 1:
		ask_push(input_size(in));
		break;
	case 2:
		ask_end(input_byte(in) & 1);
		break;
	case 3:
		if (ask.o)
			ask_hold();
		break;
	case 4:
		if (!ask.o)
			break;
		ask.held = false;
		ask.o->ops->resume(ask.o);
		REACH("resumed");
		break;
	case 5:
		if (ask.o)
			ask_release();
		break;
	default:
		b = input_byte(in);
		reactions[b % N_EVENTS] = b / N_EVENTS % 4;
		break;
	}
}

static void step(struct input *in)
{
	static const uint64_t times[] = { NS_PER_MS, 500 * NS_PER_MS, 2 * NS_PER_S, 10 * NS_PER_S };
	unsigned what = input_below(in, 20);
	sluice_str raw;
	switch (what) {
	default:
		ask_step(in, what);
		return;
	case 7:
		plan_make(in);
		return;
	case 8:
	case 9:
		say_plan(what == 8 ? input_size(in) : plan.len);
		return;
	case 10:
		say_part(input_byte(in));
		return;
	case 11:
		raw = input_bytes(in);
		ask.wild = true;
		say(raw.data, raw.len);
		return;
	case 12:
	case 13:
		server_end(what == 13);
		return;
	case 14:
		fakewire_pass(times[input_below(in, 4)]);
		return;
	case 15:
		wire_set(input_byte(in));
		return;
	case 16:
		if (!peer || !peer->conn || ask.o)
			return;
		http1_conn_close(peer->conn);
		peer->conn = NULL;
		return;
	case 17:
		open_next(input_byte(in) & 1);
		return;
	case 18:
		fakewire_connect();
		return;
	case 19:
		fakewire_turn();
		return;
	}
}

static void end(void)
{
	fakewire_settle();
	if (ask.o)
		ask_release();
	if (peer && peer->conn)
		http1_conn_close(peer->conn);
	fakewire_settle();
	for (unsigned i = 0; i < n_peers; i++) {
		check(peers[i].wire.closed, "connection %u is still there", i);
		fakewire_fini(&peers[i].wire);
		peers[i] = (struct peer){ 0 };
	}
	arena_fini(&ask.arena);
	ask = (struct ask){ 0 };
	check(fakewire_has_no_timer(), "a deadline of %s", "nobody's");
}

static void run(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	unsigned mode = input_byte(&in);

	little = mode & 1;
	lenient = mode & 8;
	peer = NULL;
	n_peers = 0;
	memset(reactions, 0, sizeof(reactions));
	fakewire_start();
	open_next(mode & 2);
	fakewire_connect();
	for (unsigned i = 0; i < STEPS && input_has_more(&in); i++) {
		step(&in);
		if (!(mode & 4))
			fakewire_settle();
	}
	end();
	fakewire_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	heap_watch(run, data, size);
	return 0;
}
