/*
 * A connection to an upstream server that sends any bytes: what exchanges hear is well formed and in order, each hears one
 * end, whatever is sent consists of whole frames, and nothing is left.
 *
 * The first byte of an input chooses what the exchanges do, the second in what steps the bytes come; SETTINGS are put before
 * them, unless the first byte says not to.
 */
#include <stdlib.h>

#include "fakewire.h"
#include "http2/client.h"
#include "http2/limits.h"
#include "http2/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum mode {
	MODE_RAW = 1 << 0,
	MODE_HOLD = 1 << 1,    /* bodies are taken late, and in parts */
	MODE_LEAVE = 1 << 2,   /* an exchange leaves with its head */
	MODE_LITTLE = 1 << 3,  /* and has little memory */
	MODE_BLOCK = 1 << 4,   /* the server does not read */
	MODE_RESET = 1 << 5,   /* the connection breaks instead of ending */
	MODE_TIME = 1 << 6,    /* passes */
	MODE_TUNNEL = 1 << 7   /* some ask for another protocol */
};
enum { WAYS = 6, PREFACE = 24 };

struct way {
	struct origin *o;
	struct arena arena;
	bool asks, tunnel; /* for another protocol; and it is agreed to */
	bool head, over;
	uint64_t left; /* of a body whose length is known; UINT64_MAX: it is not */
};

static struct fakewire wire;
static struct http2_conn *conn;
static struct way ways[WAYS];
static unsigned mode, opened;

/* ---- exchanges ---------------------------------------------------------------------------------------------------- */

static void way_release(struct way *v)
{
	struct origin *o = v->o;
	v->o = NULL;
	o->ops->release(o);
}

static void check_fields(const struct fields *f)
{
	for (uint32_t i = 0; f && i < f->n; i++)
		check(str_is_token(field_name(&f->v[i])) && str_is_field_value(field_value(&f->v[i])), "field %u", i);
}

static void push(struct way *v, size_t n)
{
	struct buf b;
	buf_init(&b);
	while (n) {
		size_t room;
		char *at = buf_reserve(&b, 1, &room);
		size_t take = room < n ? room : n;
		memset(at, 'x', take);
		buf_commit(&b, take);
		n -= take;
	}
	(void)v->o->ops->body(v->o, &b);
	check(b.len == 0, "%zu bytes were not taken", b.len);
}

static void on_head(struct origin *o, struct response_head *h)
{
	struct way *v = o->user;
	v->tunnel = h->status == 101 && v->asks;
	check(!v->over && !v->head && h->status >= 100 && h->status <= 599, "a head of %u", h->status);
	check(h->status != 101 || v->tunnel, "a tunnel that nobody %s", "asked for");
	check(!v->asks || h->status < 200 || h->status >= 300, "%u, and no tunnel", h->status);
	check_fields(&h->fields);
	if (h->status < 200 && !v->tunnel)
		return;
	v->head = true;
	v->left = h->body == BODY_LENGTH ? h->body_length : h->body == BODY_NONE && !v->tunnel ? 0 : UINT64_MAX;
	if (v->tunnel) {
		o->ops->tunnel(o);
		push(v, 100000);
		o->ops->end(o, NULL);
	}
	if (mode & MODE_LEAVE)
		way_release(v);
	else if (mode & MODE_HOLD)
		o->ops->hold(o);
}

static void on_body(struct origin *o, struct buf *data)
{
	struct way *v = o->user;
	size_t n = mode & MODE_HOLD ? (data->len + 1) / 2 : data->len;
	check(v->head && !v->over && data->len, "a body out of turn");
	check(v->left == UINT64_MAX || v->left >= data->len, "%zu bytes more than there are", data->len);
	if (v->left != UINT64_MAX)
		v->left -= n;
	buf_drain(data, n);
}

static void on_end(struct origin *o, const struct fields *trailers)
{
	struct way *v = o->user;
	check(v->head && !v->over && (v->left == UINT64_MAX || v->left == 0), "an end out of turn");
	check_fields(trailers);
	v->over = true;
	way_release(v);
}

static void on_drained(struct origin *o)
{
	check(!((struct way *)o->user)->over, "room that nobody asked for");
}

static void on_fail(struct origin *o, int err)
{
	struct way *v = o->user;
	check(!v->over && err < 0, "failed twice");
	check(!o->untouched || !o->answered, "untouched, and answered");
	v->over = true;
	way_release(v);
}

static const struct origin_events events = {
	.on_head = on_head, .on_body = on_body, .on_end = on_end, .on_drained = on_drained, .on_fail = on_fail
};

static struct request_head *upgrade_head(void)
{
	static struct field fields[] = {
		{ .name = "Upgrade", .name_len = 7, .value = "websocket", .value_len = 9, .token = TOKEN_UPGRADE, .flags = FIELD_DROP },
		{ .name = "Sec-WebSocket-Key", .name_len = 17, .value = "dGhlIHNhbXBsZSBub25jZQ==", .value_len = 24,
		  .token = TOKEN_SEC_WEBSOCKET_KEY },
	};
	static struct request_head h = { .method_text = { "GET", 3 }, .method = METHOD_GET, .path = { "/", 1 },
		                         .authority = { "a.test", 6 }, .upgrade = true, .fields = { fields, 2, 2 } };
	return &h;
}

static void begin(unsigned i)
{
	static const sluice_str methods[] = { { "GET", 3 }, { "POST", 4 }, { "HEAD", 4 } };
	struct way *v = &ways[i];
	struct request_head h = { .method_text = methods[i % 3], .method = (uint8_t)method_find(methods[i % 3]), .path = STR("/"),
		                  .authority = STR("a.test"), .body = i % 3 == 1 ? BODY_CHUNKED : BODY_NONE };
	*v = (struct way){ .left = UINT64_MAX, .asks = i % 3 == 0 && (mode & MODE_TUNNEL) };
	arena_init(&v->arena, mode & MODE_LITTLE ? 4096 : 65536);
	v->o = http2_conn_begin(conn, &events, v, &v->arena, i > 0);
	v->o->ops->head(v->o, v->asks ? upgrade_head() : &h);
	if (h.body == BODY_CHUNKED)
		push(v, 100000);
	v->o->ops->end(v->o, NULL);
}

/* ---- the connection ----------------------------------------------------------------------------------------------- */

static void conn_on_open(struct http2_conn *c)
{
	(void)c;
	opened++;
}

static void conn_on_change(struct http2_conn *c)
{
	check(http2_conn_load(c) <= WAYS, "%u requests", (unsigned)http2_conn_load(c));
}

static void conn_on_gone(struct http2_conn *c, int err)
{
	check(c == conn && http2_conn_load(c) == 0 && err == 0, "gone with %u requests", (unsigned)http2_conn_load(c));
	conn = NULL;
}

static const struct http2_conn_owner owner = { .on_open = conn_on_open, .on_change = conn_on_change, .on_gone = conn_on_gone };

static void resume_all(void)
{
	for (unsigned i = 0; i < WAYS; i++) {
		if (ways[i].o) {
			ways[i].o->ops->hold(ways[i].o);
			ways[i].o->ops->resume(ways[i].o);
		}
	}
}

/* Whole frames, of streams that are ours, in no more than the sizes that were agreed on. */
static void check_out(void)
{
	const uint8_t *p = (const uint8_t *)wire.out;
	size_t n = wire.out_len;
	check(n >= PREFACE && memcmp(p, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", PREFACE) == 0, "no preface");
	for (p += PREFACE, n -= PREFACE; n;) {
		check(n >= HTTP2_FRAME_HEAD, "%zu bytes of a frame", n);
		size_t len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
		check(n >= HTTP2_FRAME_HEAD + len, "%zu bytes of a frame of %zu", n, len);
		p += HTTP2_FRAME_HEAD + len;
		n -= HTTP2_FRAME_HEAD + len;
	}
}

static void say(const uint8_t *data, size_t size, size_t step)
{
	unsigned turns = 0;
	while (size && conn) {
		size_t n = step && step < size && turns < 4096 ? step : size;
		fakewire_say(&wire, (const char *)data, n);
		fakewire_turn();
		data += n;
		size -= n;
		if (++turns % 16 == 0 && (mode & MODE_HOLD))
			resume_all();
		if (turns % 64 == 0 && (mode & MODE_TIME))
			fakewire_pass(NS_PER_MS * 500);
	}
}

static void end(void)
{
	if (mode & MODE_TIME)
		fakewire_pass(3 * NS_PER_S);
	for (int i = 0; i < 20; i++) {
		resume_all();
		fakewire_settle();
	}
	if (conn && (mode & MODE_RESET))
		fakewire_reset(&wire);
	else if (conn)
		fakewire_eof(&wire);
	fakewire_settle();
	for (unsigned i = 0; i < WAYS; i++) {
		if (ways[i].o)
			way_release(&ways[i]);
	}
	fakewire_settle();
	if (conn)
		http2_conn_close(conn);
	fakewire_turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t settings[] = { 0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100 };
	static const struct http2_conn_conf conf = { .connect_ns = 2 * NS_PER_S, .response_ns = 2 * NS_PER_S, .idle_ns = NS_PER_S,
		                                     .max_head = 4096, .max_fields = 20, .max_requests = WAYS, .early = WAYS };
	int err = 0;

	if (size < 2 || size > 65536)
		return 0;
	mode = data[0];
	opened = 0;
	fakewire_start();
	wire = (struct fakewire){ 0 };
	conn = http2_conn_open(&fakewire_worker, fakewire_address(), &transport_fake_connecting, &wire, &conf, &owner, NULL, &err);
	check(conn, "not begun: %d", err);
	fakewire_connect();
	fakewire_settle();
	check(opened == 1, "opened %u times", opened);
	for (unsigned i = 0; i < WAYS; i++)
		begin(i);
	wire.blocked = (mode & MODE_BLOCK) != 0;
	fakewire_settle();
	if (!(mode & MODE_RAW))
		say(settings, sizeof(settings), 0);
	say(data + 2, size - 2, data[1]);
	end();
	if (!(mode & MODE_BLOCK))
		check_out();
	fakewire_fini(&wire);
	for (unsigned i = 0; i < WAYS; i++) {
		check(!ways[i].o, "request %u is left", i);
		arena_fini(&ways[i].arena);
	}
	check(memory_in_use() == 0, "%zu bytes are left", memory_in_use());
	fakewire_end();
	return 0;
}
