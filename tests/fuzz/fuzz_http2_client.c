/*
 * A connection to an upstream server that does anything, at any time: what exchanges hear is well
 * formed and in order, each hears one end, whatever is sent consists of whole frames, and nothing
 * is left.
 *
 * An input is a script (h2script.h). Its first byte says how the server behaves where no act says
 * otherwise.
 */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "fakewire.h"
#include "frames.h"
#include "h2script.h"

#include "base/stat.h"
#include "http2/client.h"
#include "http2/limits.h"
#include "http2/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum mode {
	MODE_RAW = 1 << 0,     /* no SETTINGS are put before the script */
	MODE_HOLD = 1 << 1,    /* bodies are taken late, and in parts */
	MODE_LEAVE = 1 << 2,   /* an exchange leaves with its head */
	MODE_LITTLE = 1 << 3,  /* and has little memory */
	MODE_SILENT = 1 << 4,  /* the server answers neither SETTINGS nor PING, */
	MODE_WINDOWS = 1 << 5, /* and makes room for what it gets */
	MODE_TUNNELS = 1 << 6, /* it takes extended CONNECT */
};

enum act {
	ACT_TURN,
	ACT_PASS,
	ACT_BLOCK,
	ACT_UNBLOCK,
	ACT_WRITE_MAX,
	ACT_READ_MAX,
	ACT_BEGIN,
	ACT_PUSH,
	ACT_END,
	ACT_HOLD,
	ACT_RESUME,
	ACT_RELEASE,
	ACT_RETIRE,
	ACT_STALE,
	ACT_EOF,
	ACT_BREAK,
	ACTS,
};

/* Of ACT_BEGIN. */
enum { BEGIN_KIND = 7, BEGIN_OPEN = 8, BEGIN_CALL = 16 };

enum {
	WAYS = 64,
	AT_A_TIME = 6,
	PREFACE = 24,
	SCRIPT_MAX = 8192,
	ACTS_MAX = 4000,
	TURNS_MAX = 400
};

struct way {
	struct origin *o;
	struct arena arena;
	bool asks, tunnel; /* for another protocol; and it is agreed to */
	bool head, over, done, full;
	uint64_t left; /* of a body whose length is known; UINT64_MAX: it is not */
};

/* What a run over the corpus has to have seen. */
enum reach {
	SEEN_HEAD,
	SEEN_INTERIM,
	SEEN_END,
	SEEN_TRAILERS_IN,
	SEEN_TRAILERS_OUT,
	SEEN_TUNNEL,
	SEEN_FULL,
	SEEN_DRAINED,
	SEEN_NOT_PROCESSED,
	SEEN_RECLAIMED,
	SEEN_TIMEOUT,
	SEEN_STALLED,
	SEEN_CLOSED,
	SEEN_RESET,
	SEEN_TRUNCATED,
	SEEN_ABORTED,
	SEEN_REFUSED,
	SEEN_BAD_HEAD,
	SEEN_BAD_FRAMING,
	SEEN_PROTOCOL,
	SEEN_NO_TUNNEL,
	SEEN_NO_MEMORY,
	SEEN_PING,
	SEEN_PING_ACK,
	SEEN_GOAWAY_ERROR,
	SEEN_GOAWAY,
	SEEN_CANCEL,
	SEEN_IDLE,
	SEEN_RETIRED,
	SEEN_NO_SETTINGS,
	SEEN_WHAT,
};
static struct reached reached[SEEN_WHAT] = {
	[SEEN_HEAD] = { "response-head", 0 },
	[SEEN_INTERIM] = { "interim-response", 0 },
	[SEEN_END] = { "response-end", 0 },
	[SEEN_TRAILERS_IN] = { "response-trailers", 0 },
	[SEEN_TRAILERS_OUT] = { "request-trailers", 0 },
	[SEEN_TUNNEL] = { "tunnel", 0 },
	[SEEN_FULL] = { "request-waits-for-window", 0 },
	[SEEN_DRAINED] = { "room-again", 0 },
	[SEEN_NOT_PROCESSED] = { "not processed", 0 },
	[SEEN_RECLAIMED] = { "body-reclaimed", 0 },
	[SEEN_TIMEOUT] = { "response-timeout", 0 },
	[SEEN_STALLED] = { "response-stalled", 0 },
	[SEEN_CLOSED] = { "closed", 0 },
	[SEEN_RESET] = { "reset", 0 },
	[SEEN_TRUNCATED] = { "truncated", 0 },
	[SEEN_ABORTED] = { "aborted", 0 },
	[SEEN_REFUSED] = { "refused", 0 },
	[SEEN_BAD_HEAD] = { "bad-head", 0 },
	[SEEN_BAD_FRAMING] = { "bad-framing", 0 },
	[SEEN_PROTOCOL] = { "protocol-error", 0 },
	[SEEN_NO_TUNNEL] = { "no-tunnel", 0 },
	[SEEN_NO_MEMORY] = { "no-memory", 0 },
	[SEEN_PING] = { "ping-sent", 0 },
	[SEEN_PING_ACK] = { "ping-answered", 0 },
	[SEEN_GOAWAY_ERROR] = { "goaway-for-an-error", 0 },
	[SEEN_GOAWAY] = { "goaway-sent", 0 },
	[SEEN_CANCEL] = { "request-cancelled", 0 },
	[SEEN_IDLE] = { "gone-while-idle", 0 },
	[SEEN_RETIRED] = { "retired", 0 },
	[SEEN_NO_SETTINGS] = { "no-settings-in-time", 0 },
};

static struct fakewire wire;
static struct http2_conn *conn;
static struct way ways[WAYS];
static unsigned n_ways, mode, opened, turns;
static struct h2script script;
static size_t seen; /* of what came out */
static bool cut;    /* what came out may end within a frame */

/* ---- exchanges ----------------------------------------------------------------------------- */

static void way_release(struct way *v)
{
	struct origin *o = v->o;
	v->o = NULL;
	o->ops->release(o);
}

static void check_fields(const struct fields *f)
{
	for (uint32_t i = 0; f && i < f->n; i++)
		check(str_is_token(field_name(&f->v[i])) &&
				str_is_field_value(field_value(&f->v[i])),
			"field %u", i);
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
	v->full = v->o->ops->body(v->o, &b);
	check(b.len == 0, "%zu bytes were not taken", b.len);
	reached[SEEN_FULL].n += v->full;
}

static void end_request(struct way *v, bool trailers)
{
	static struct field fields[] = {
		{ .name = "x-sum", .name_len = 5, .value = "6", .value_len = 1 }
	};
	static const struct fields f = { fields, 1, 1 };
	v->done = true;
	reached[SEEN_TRAILERS_OUT].n += trailers;
	v->o->ops->end(v->o, trailers ? &f : NULL);
}

static void on_head(struct origin *o, struct response_head *h)
{
	struct way *v = o->user;
	v->tunnel = h->status == 101 && v->asks;
	check(!v->over && !v->head && h->status >= 100 && h->status <= 599, "a head of %u",
		h->status);
	check(h->status != 101 || v->tunnel, "a tunnel that nobody %s", "asked for");
	check(!v->asks || h->status < 200 || h->status >= 300, "%u, and no tunnel", h->status);
	check_fields(&h->fields);
	reached[SEEN_INTERIM].n += h->status < 200 && !v->tunnel;
	if (h->status < 200 && !v->tunnel)
		return;
	v->head = true;
	reached[SEEN_HEAD].n++;
	v->left = h->body == BODY_LENGTH             ? h->body_length
		: h->body == BODY_NONE && !v->tunnel ? 0
						     : UINT64_MAX;
	if (v->tunnel) {
		reached[SEEN_TUNNEL].n++;
		o->ops->tunnel(o);
		push(v, 100000);
		end_request(v, false);
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
	check(v->left == UINT64_MAX || v->left >= data->len, "%zu bytes more than there are",
		data->len);
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
	reached[SEEN_END].n++;
	reached[SEEN_TRAILERS_IN].n += trailers != NULL;
	way_release(v);
}

static void on_drained(struct origin *o)
{
	struct way *v = o->user;
	check(!v->over && (v->full || v->tunnel), "room that nobody asked for");
	v->full = false;
	reached[SEEN_DRAINED].n++;
}

static void count_failure(struct origin *o, int err)
{
	static const struct {
		int err;
		enum reach reach;
	} rows[] = { { ERR_UPSTREAM_TIMEOUT, SEEN_TIMEOUT }, { ERR_UPSTREAM_STALLED, SEEN_STALLED },
		{ ERR_UPSTREAM_CLOSED, SEEN_CLOSED }, { ERR_UPSTREAM_RESET, SEEN_RESET },
		{ ERR_UPSTREAM_TRUNCATED, SEEN_TRUNCATED }, { ERR_UPSTREAM_ABORTED, SEEN_ABORTED },
		{ ERR_UPSTREAM_REFUSED, SEEN_REFUSED }, { ERR_UPSTREAM_BAD_HEAD, SEEN_BAD_HEAD },
		{ ERR_UPSTREAM_BAD_FRAMING, SEEN_BAD_FRAMING },
		{ ERR_UPSTREAM_PROTOCOL, SEEN_PROTOCOL },
		{ ERR_UPSTREAM_NO_TUNNEL, SEEN_NO_TUNNEL }, { ERR_NO_MEMORY, SEEN_NO_MEMORY } };
	struct buf body;
	buf_init(&body);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		reached[rows[i].reach].n += rows[i].err == err;
	reached[SEEN_NOT_PROCESSED].n += o->not_processed;
	if (o->not_processed && o->ops->reclaim(o, &body))
		reached[SEEN_RECLAIMED].n += body.len > 0;
	buf_fini(&body);
}

static void on_fail(struct origin *o, int err)
{
	struct way *v = o->user;
	check(!v->over && err < 0, "failed twice");
	check(!o->not_processed || !o->answered, "not processed, and answered");
	v->over = true;
	count_failure(o, err);
	way_release(v);
}

static const struct origin_events events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_fail = on_fail,
};

static struct request_head *upgrade_head(void)
{
	static struct field fields[] = {
		{ .name = "Upgrade",
			.name_len = 7,
			.value = "websocket",
			.value_len = 9,
			.token = TOKEN_UPGRADE,
			.flags = FIELD_DROP },
		{ .name = "Sec-WebSocket-Key",
			.name_len = 17,
			.value = "dGhlIHNhbXBsZSBub25jZQ==",
			.value_len = 24,
			.token = TOKEN_SEC_WEBSOCKET_KEY },
	};
	static struct request_head h = { .method_text = { "GET", 3 },
		.method = METHOD_GET,
		.path = { "/", 1 },
		.authority = { "a.test", 6 },
		.upgrade = true,
		.fields = { fields, 2, 2 } };
	return &h;
}

static void begin(unsigned how)
{
	static const sluice_str methods[] = { { "GET", 3 }, { "POST", 4 }, { "HEAD", 4 },
		{ "GET", 3 }, { "POST", 4 }, { "GET", 3 } };
	if (!conn || n_ways == WAYS || http2_conn_room(conn) == 0)
		return;
	unsigned i = n_ways++, kind = (how & BEGIN_KIND) % 6;
	struct way *v = &ways[i];
	struct request_head h = { .method_text = methods[kind],
		.method = (uint8_t)method_find(methods[kind]),
		.path = STR("/"),
		.authority = STR("a.test"),
		.body = kind == 1 || kind == 4 ? BODY_CHUNKED : BODY_NONE,
		.call = (how & BEGIN_CALL) != 0 };
	*v = (struct way){ .left = UINT64_MAX, .asks = kind == 3 };
	arena_init(&v->arena, mode & MODE_LITTLE ? 4096 : 65536);
	v->o = http2_conn_begin(conn, &events, v, &v->arena);
	v->o->ops->head(v->o, v->asks ? upgrade_head() : &h);
	script.latest = 2 * n_ways - 1;
	if (h.body == BODY_CHUNKED)
		push(v, kind == 4 ? 100000 : 100);
	v->done = !(how & BEGIN_OPEN) || h.body == BODY_NONE;
	if (v->done)
		end_request(v, h.body == BODY_CHUNKED && i % 2);
}

/* ---- the connection ------------------------------------------------------------------------ */

static void conn_on_open(struct http2_conn *c)
{
	(void)c;
	opened++;
}

static void conn_on_change(struct http2_conn *c)
{
	check(http2_conn_load(c) <= AT_A_TIME, "%u requests", (unsigned)http2_conn_load(c));
}

static void conn_on_gone(struct http2_conn *c, int err)
{
	check(c == conn && http2_conn_load(c) == 0 && err == 0, "gone with %u requests",
		(unsigned)http2_conn_load(c));
	conn = NULL;
	reached[SEEN_IDLE].n++;
}

static const struct http2_conn_owner owner = { .on_open = conn_on_open,
	.on_change = conn_on_change,
	.on_gone = conn_on_gone };

static void say(const char *bytes, size_t n)
{
	if (wire.s && n)
		fakewire_say(&wire, bytes, n);
}

static void count_frame(unsigned type, unsigned flags, const uint8_t *payload)
{
	reached[SEEN_PING].n += type == FRAME_PING && !(flags & FRAME_ACK);
	reached[SEEN_PING_ACK].n += type == FRAME_PING && (flags & FRAME_ACK);
	reached[SEEN_GOAWAY].n += type == FRAME_GOAWAY;
	reached[SEEN_GOAWAY_ERROR].n += type == FRAME_GOAWAY &&
		frame_get32(payload + 4) != NGHTTP2_NO_ERROR;
	reached[SEEN_CANCEL].n += type == FRAME_RST_STREAM &&
		frame_get32(payload) == NGHTTP2_CANCEL;
}

/* What a server does that keeps to the protocol. */
static void react(unsigned type, unsigned flags, uint32_t id, const uint8_t *payload, size_t n)
{
	char room[4] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };
	if (type == FRAME_SETTINGS && !(flags & FRAME_ACK) && !(mode & MODE_SILENT))
		script_frame(&script, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
	if (type == FRAME_PING && !(flags & FRAME_ACK) && !(mode & MODE_SILENT))
		script_frame(&script, FRAME_PING, FRAME_ACK, 0, (const char *)payload, n);
	if (type == FRAME_DATA && n && (mode & MODE_WINDOWS)) {
		script_frame(&script, FRAME_WINDOW_UPDATE, 0, 0, room, sizeof(room));
		script_frame(&script, FRAME_WINDOW_UPDATE, 0, id, room, sizeof(room));
	}
}

/* Whole frames, in no more than the sizes that were agreed on, of streams that are ours. */
static void read_out(void)
{
	if (seen == 0 && opened == 1 && wire.out_len >= PREFACE) {
		check(memcmp(wire.out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", PREFACE) == 0,
			"no preface");
		seen = PREFACE;
	}
	while (seen && wire.out_len - seen >= HTTP2_FRAME_HEAD) {
		const uint8_t *h = (const uint8_t *)wire.out + seen;
		struct frame f = frame_get(h);
		if (wire.out_len - seen < HTTP2_FRAME_HEAD + f.len)
			break;
		check((f.stream % 2 == 1 && f.stream < 2 * WAYS) ||
				(f.stream == 0 && f.type > FRAME_HEADERS) ||
				f.type == FRAME_RST_STREAM,
			"frame %u on stream %u", f.type, f.stream);
		seen += HTTP2_FRAME_HEAD + f.len;
		count_frame(f.type, f.flags, h + HTTP2_FRAME_HEAD);
		react(f.type, f.flags, f.stream, h + HTTP2_FRAME_HEAD, f.len);
	}
	check(cut || seen == wire.out_len, "%zu bytes of a frame", wire.out_len - seen);
}

static void turn(void)
{
	if (turns++ >= TURNS_MAX)
		return;
	fakewire_turn();
	read_out();
}

/* ---- the script ---------------------------------------------------------------------------- */

static const sluice_str heads[] = {
	BLOCK("\x88"), /* 200 */
	BLOCK("\x88\x0f\x0d\x03"
	      "100"), /* content-length: 100 */
	BLOCK("\x08\x03"
	      "100"),
	BLOCK("\x08\x03"
	      "103\0\4link\1<"),
	BLOCK("\x08\x03"
	      "101"),
	BLOCK("\x89"), /* 204 */
	BLOCK("\x8b\x0f\x0d\x03"
	      "100"), /* 304 */
	BLOCK("\x8d\x0f\x0d\x01"
	      "0"),
	BLOCK("\x88\x40\1x\x10"
	      "0123456789abcdef"), /* is put into the table, */
	/* and named too often */
	BLOCK("\x88\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe"
	      "\xbe"),
	BLOCK("\x88\x88"), /* malformed */
	BLOCK("\0\1x\1y"),
	BLOCK("\x88\0\1X\1y"),
	BLOCK("\x88\0\x0atransfer-e"), /* does not decode */
	BLOCK("\x3f\xe1\x1f\x88"),     /* the table changes its size */
	BLOCK("\x88\x0f\x0d\x06"
	      "200000"),
};

/* The k-th latest that is not over; NULL: there is none. */
static struct way *pick_way(void)
{
	unsigned k = script_byte(&script) % 8;
	for (unsigned i = n_ways; i > 0; i--) {
		if (ways[i - 1].o && k-- == 0)
			return &ways[i - 1];
	}
	return NULL;
}

static void act_on_way(enum act act)
{
	struct way *v = pick_way();
	size_t n = act == ACT_PUSH ? script_length(&script) : 0;
	if (!v)
		return;
	if (act == ACT_PUSH && !v->done && !v->full && n)
		push(v, n);
	else if (act == ACT_END && !v->done)
		end_request(v, n_ways % 2);
	else if (act == ACT_HOLD)
		v->o->ops->hold(v->o);
	else if (act == ACT_RESUME)
		v->o->ops->resume(v->o);
	else if (act == ACT_RELEASE)
		way_release(v);
}

static void act_pass(void)
{
	static const uint64_t spans[] = { 1, 100, 500, 1100, 2100, 4100, 10000 };
	uint64_t ms = script_pick(&script, spans);
	if (turns++ < TURNS_MAX)
		fakewire_pass(ms * NS_PER_MS);
	read_out();
}

static void act_on_wire(enum act act)
{
	switch (act) {
	case ACT_BLOCK:
		wire.blocked = cut = true;
		break;
	case ACT_UNBLOCK:
		fakewire_unblock(&wire);
		break;
	case ACT_WRITE_MAX:
		wire.write_max = script_length(&script) * 16u;
		cut = true;
		break;
	case ACT_READ_MAX:
		wire.read_max = script_byte(&script);
		break;
	case ACT_EOF:
		cut = true;
		fakewire_eof(&wire);
		break;
	default:
		cut = true;
		fakewire_reset(&wire);
		break;
	}
}

static void perform(unsigned act)
{
	switch (act) {
	case ACT_TURN:
		turn();
		break;
	case ACT_PASS:
		act_pass();
		break;
	case ACT_BEGIN:
		begin(script_byte(&script));
		break;
	case ACT_RETIRE:
		if (conn && http2_conn_stage(conn) != HTTP2_LOST) {
			reached[SEEN_RETIRED].n++;
			http2_conn_retire(conn);
		}
		break;
	case ACT_STALE:
		if (conn && http2_conn_load(conn) == 0)
			(void)http2_conn_check_stale(conn);
		break;
	case ACT_PUSH:
	case ACT_END:
	case ACT_HOLD:
	case ACT_RESUME:
	case ACT_RELEASE:
		act_on_way(act);
		break;
	default:
		if (wire.s)
			act_on_wire(act);
		break;
	}
}

static void run(void)
{
	for (unsigned i = 0; i < ACTS_MAX && script_more(&script); i++) {
		unsigned act = script_byte(&script);
		if (act >= SAY)
			script_say(&script, SAY + (act - SAY) % (SAY_END - SAY));
		else
			perform(act % ACTS);
	}
	turn();
}

/* ---- from beginning to end ----------------------------------------------------------------- */

static void start(void)
{
	static const char settings[] = { 0, 0, 12, FRAME_SETTINGS, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0,
		100, 0, 8, 0, 0, 0, 1 };
	static const struct http2_conn_conf conf = { .connect_ns = 1500 * NS_PER_MS,
		.response_ns = 2 * NS_PER_S,
		.ping_ns = NS_PER_S,
		.idle_ns = NS_PER_S,
		.max_head = 4096,
		.max_fields = 20,
		.max_requests = AT_A_TIME,
		.early = AT_A_TIME };
	int err = 0;
	fakewire_start();
	wire = (struct fakewire){ 0 };
	conn = http2_conn_open(&fakewire_worker, fakewire_address(), &transport_fake_connecting,
		&wire, &conf, &owner, NULL, &err);
	check(conn, "not begun: %d", err);
	fakewire_connect();
	fakewire_settle();
	check(opened == 1, "opened %u times", opened);
	if (mode & MODE_RAW)
		return;
	char said[sizeof(settings)];
	memcpy(said, settings, sizeof(said));
	said[sizeof(said) - 1] = (mode & MODE_TUNNELS) != 0;
	say(said, sizeof(said));
}

static void end(void)
{
	for (unsigned i = 0; i < n_ways; i++) {
		if (ways[i].o)
			way_release(&ways[i]);
	}
	fakewire_settle();
	if (conn)
		http2_conn_close(conn);
	fakewire_settle();
	reached[SEEN_NO_SETTINGS].n = stat_self->fixed[STAT_TIMEOUT_CONNECT];
	fakewire_fini(&wire);
	for (unsigned i = 0; i < n_ways; i++) {
		check(!ways[i].o, "request %u is left", i);
		arena_fini(&ways[i].arena);
	}
	check(memory_in_use() == 0, "%zu bytes are left", memory_in_use());
	fakewire_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > SCRIPT_MAX)
		return 0;
	if (!stat_self)
		stat_thread_init();
	reached_tell(reached, SEEN_WHAT);
	mode = data[0];
	opened = n_ways = turns = 0;
	seen = 0;
	cut = false;
	script = (struct h2script){ .at = data + 1,
		.end = data + size,
		.heads = heads,
		.n_heads = sizeof(heads) / sizeof(heads[0]),
		.say = say };
	start();
	run();
	end();
	return 0;
}
