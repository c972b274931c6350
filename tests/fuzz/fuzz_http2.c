/*
 * A connection whose client does anything, at any time: nothing is told twice or too late, whatever
 * is sent consists of whole frames that a client can read, and nothing is left.
 *
 * An input is a script (h2script.h). Its first byte says how the client and the handler behave
 * where no act says otherwise.
 */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "fakewire.h"
#include "frames.h"
#include "finish.h"
#include "h2script.h"
#include "http2_reach.h"

#include "base/stat.h"
#include "http/upgrade.h"
#include "http2/limits.h"
#include "http2/memory.h"
#include "http2/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum mode {
	MODE_ANSWER = 0, /* at once */
	MODE_AT_END = 1, /* of the request */
	MODE_SCRIPT = 2, /* when an act says so */
	MODE_HELD = 3,   /* and so with the body */
	MODE_MASK = 3,
	MODE_SILENT = 4,  /* the client answers neither SETTINGS nor PING, */
	MODE_WINDOWS = 8, /* and makes room for what it gets */
	MODE_RAW = 16,    /* no preface is put before the script */
	MODE_KEEP = 32,   /* who is told that the client left is slow to leave as well */
	MODE_REST = 64,
	MODE_LITTLE = 128, /* memory */
};

enum act {
	ACT_TURN,
	ACT_PASS,
	ACT_BLOCK,
	ACT_UNBLOCK,
	ACT_WRITE_MAX,
	ACT_READ_MAX,
	ACT_ANSWER,
	ACT_PUSH,
	ACT_END,
	ACT_ABORT,
	ACT_LEAVE,
	ACT_HOLD,
	ACT_RESUME,
	ACT_INTERIM,
	ACT_DRAIN,
	ACT_REST,
	ACT_EOF,
	ACT_BREAK,
	ACTS,
};

/* Of ACT_ANSWER. */
enum {
	ANSWER_CHUNKED = 1,
	ANSWER_OPEN = 2,
	ANSWER_SHORT = 4,
	ANSWER_TRAILERS = 8,
	ANSWER_EMPTY = 16
};

enum { CALLS = 4096, STREAMS = 20000, SCRIPT_MAX = 8192, ACTS_MAX = 4000, TURNS_MAX = 400 };

struct call {
	struct client *c;
	struct finish finish;
	bool gone, ended, answered, done, sent, full, trailers;
};

static struct fakewire wire;
static struct stream stream;
static struct conn_info info;
static struct http2_server *server;
static struct call calls[CALLS];
static unsigned n_calls, mode, turns;
static struct h2script script;
static size_t seen; /* of what came out */
static bool cut;    /* what came out may end within a frame */
static bool ended[STREAMS], has_reset[STREAMS];
static nghttp2_hd_inflater *inflater;

/* ---- the handler --------------------------------------------------------------------------- */

static void finish(struct call *call)
{
	struct client *c = call->c;
	call->c = NULL;
	finish_at_turn_end(&call->finish, stream.worker, c);
}

static bool call_is_live(const struct call *call)
{
	return call->c && !call->gone;
}

static void push(struct call *call, size_t n)
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
	call->full = call->c->ops->body(call->c, &b);
	check(b.len == 0, "%zu bytes were not taken", b.len);
	reached[SEEN_FULL].n += call->full;
}

static void end_response(struct call *call, bool trailers)
{
	static struct field fields[] = {
		{ .name = "X-Sum", .name_len = 5, .value = "6", .value_len = 1 }
	};
	static const struct fields f = { fields, 1, 1 };
	call->done = true;
	call->trailers = trailers;
	call->c->ops->end(call->c, trailers ? &f : NULL);
}

static void answer(struct call *call, unsigned how, size_t n)
{
	struct response_head h = { .status = how & ANSWER_EMPTY ? 204 : 200,
		.body = how & ANSWER_CHUNKED ? BODY_CHUNKED : BODY_LENGTH,
		.body_length = n + (how & ANSWER_SHORT ? 10u : 0u) };
	if (how & ANSWER_EMPTY)
		h.body = BODY_NONE;
	call->answered = true;
	call->c->ops->head(call->c, &h);
	push(call, n);
	if (!(how & ANSWER_OPEN))
		end_response(call, (how & ANSWER_TRAILERS) != 0);
}

static void answer_tunnel(struct call *call)
{
	struct response_head h = { .status = 101, .body = BODY_NONE };
	struct client *c = call->c;
	call->answered = true;
	reached[SEEN_TUNNEL].n++;
	c->ops->head(c, &h);
	c->ops->tunnel(c);
	c->ops->resume(c);
	push(call, 5);
	if (n_calls % 2)
		end_response(call, false);
}

static void on_body(struct client *c, struct buf *data)
{
	struct call *call = c->user;
	check(call->c == c && !call->gone && !call->ended && data->len,
		"a body that nobody expects");
	buf_drain(data, (data->len + 1) / 2);
}

static void on_end(struct client *c, const struct fields *trailers)
{
	struct call *call = c->user;
	check(call->c == c && !call->gone && !call->ended, "an end that nobody expects");
	call->ended = true;
	reached[SEEN_TRAILERS_IN].n += trailers != NULL;
	for (uint32_t i = 0; trailers && i < trailers->n; i++)
		check(str_is_token(field_name(&trailers->v[i])) &&
				str_is_field_value(field_value(&trailers->v[i])),
			"trailer %u", i);
	if (!call->answered && (mode & MODE_MASK) == MODE_AT_END)
		answer(call, ANSWER_TRAILERS | (n_calls % 2 ? ANSWER_CHUNKED : 0), 70000);
	else if (c->head->upgrade && !call->done)
		end_response(call, false);
}

static void on_drained(struct client *c)
{
	struct call *call = c->user;
	check(call->c == c && !call->gone && call->full, "room that nobody asked for");
	call->full = false;
	reached[SEEN_DRAINED].n++;
}

static void on_sent(struct client *c)
{
	struct call *call = c->user;
	check(call->c == c && call->done && !call->sent && !call->gone,
		"sent, though not answered");
	call->sent = true;
	reached[SEEN_SENT].n++;
	reached[SEEN_TRAILERS_OUT].n += call->trailers;
	finish(call);
}

static void count_gone(int err)
{
	reached[SEEN_CLIENT_RESET].n += err == ERR_CLIENT_GONE;
	reached[SEEN_HEAD_TIMEOUT].n += err == ERR_HEAD_TIMEOUT;
	reached[SEEN_BODY_TIMEOUT].n += err == ERR_BODY_TIMEOUT;
	reached[SEEN_STALLED].n += err == ERR_CLIENT_STALLED;
	reached[SEEN_TOO_LARGE].n += err == ERR_BODY_TOO_LARGE;
	reached[SEEN_BAD_FRAMING].n += err == ERR_BAD_FRAMING;
}

static void on_gone(struct client *c, int err, bool can_answer)
{
	struct call *call = c->user;
	check(call->c == c && !call->gone && err < 0, "gone twice");
	call->gone = true;
	count_gone(err);
	if (can_answer) {
		check(!call->answered, "an answer after the answer");
		answer(call, 0, 100);
	} else if (call->answered) {
		c->ops->abort(c);
	}
	if (!(mode & MODE_KEEP))
		finish(call);
}

static const struct client_events events = { on_body, on_end, on_drained, on_sent, on_gone };

static struct call *begin(struct client *c)
{
	check(n_calls < CALLS, "%u requests of a few bytes", n_calls);
	struct call *call = &calls[n_calls++];
	*call = (struct call){ .c = c };
	c->events = &events;
	c->user = call;
	return call;
}

static void check_head(const struct request_head *h)
{
	check(str_is_token(h->method_text) && h->version == 20 && h->host.len,
		"a head without method or host");
	check(h->body != BODY_CLOSE && h->keep_alive && h->upgrade == h->upgrade_only, "body %u",
		h->body);
	check(!h->upgrade ||
			(h->method == METHOD_GET && h->body == BODY_NONE &&
				upgrade_protocol(&h->fields).len),
		"no upgrade");
	check(!h->upgrade || !upgrade_is_websocket(upgrade_protocol(&h->fields)) ||
			upgrade_key(&h->fields).len,
		"no key");
	for (uint32_t i = 0; i < h->fields.n; i++) {
		const struct field *f = &h->fields.v[i];
		check(str_is_token(field_name(f)) && str_is_field_value(field_value(f)), "field %u",
			i);
		check(f->token == (uint16_t)token_find(f->name, f->name_len), "token of field %u",
			i);
		check(((f->flags & ~(FIELD_EDGE | FIELD_TWIN)) == FIELD_LINE ||
			      f->token == TOKEN_SEC_WEBSOCKET_KEY) &&
				f->value == f->name + f->name_len + 2 &&
				memcmp(f->name + f->name_len, ": ", 2) == 0 &&
				memcmp(f->value + f->value_len, "\r\n", 2) == 0,
			"field %u is no line", i);
		check(f->token == TOKEN_OTHER || !(token_flags((enum token)f->token) & TOKEN_HOP) ||
				f->token == TOKEN_TE || (f->token == TOKEN_UPGRADE && h->upgrade) ||
				f->token == TOKEN_TRAILER || f->token == TOKEN_HTTP2_SETTINGS ||
				f->token == TOKEN_PROXY_AUTHENTICATE ||
				f->token == TOKEN_PROXY_AUTHORIZATION,
			"field %u is of a connection", i);
	}
}

static void on_request(void *ctx, struct client *c)
{
	struct call *call = begin(c);
	(void)ctx;
	check_head(c->head);
	bool whole = c->head->body == BODY_NONE ||
		(c->head->body == BODY_LENGTH && c->head->body_length == 0);
	call->ended = whole && !c->head->upgrade;
	if (c->head->upgrade) {
		if ((mode & MODE_MASK) < MODE_SCRIPT)
			answer_tunnel(call);
		return;
	}
	if ((mode & MODE_MASK) != MODE_HELD)
		c->ops->resume(c);
	if ((mode & MODE_MASK) == MODE_ANSWER || ((mode & MODE_MASK) == MODE_AT_END && whole))
		answer(call, ANSWER_TRAILERS | (n_calls % 2 ? ANSWER_CHUNKED : 0), 100);
}

static void on_bad_request(void *ctx, struct client *c, int err)
{
	(void)ctx;
	check(err < 0, "a bad request with nothing wrong");
	reached[SEEN_BAD_HEAD].n++;
	reached[SEEN_HEAD_TIMEOUT].n += err == ERR_HEAD_TIMEOUT;
	answer(begin(c), 0, 100);
}

/* ---- what comes out ------------------------------------------------------------------------ */

static void say(const char *bytes, size_t n)
{
	if (server && n)
		fakewire_say(&wire, bytes, n);
}

static void check_block(const char *p, size_t n)
{
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used =
			nghttp2_hd_inflate_hd2(inflater, &nv, &flags, (const uint8_t *)p, n, 1);
		check(used >= 0, "a header block that does not decode");
		p += used;
		n -= (size_t)used;
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	(void)nghttp2_hd_inflate_end_headers(inflater);
}

static void count_frame(unsigned type, unsigned flags, const uint8_t *payload)
{
	reached[SEEN_PING].n += type == FRAME_PING && !(flags & FRAME_ACK);
	reached[SEEN_PING_ACK].n += type == FRAME_PING && (flags & FRAME_ACK);
	reached[SEEN_GOAWAY].n += type == FRAME_GOAWAY;
	reached[SEEN_GOAWAY_ERROR].n += type == FRAME_GOAWAY &&
		frame_get32(payload + 4) != NGHTTP2_NO_ERROR;
	reached[SEEN_RESET].n += type == FRAME_RST_STREAM;
	reached[SEEN_CANCEL].n += type == FRAME_RST_STREAM &&
		frame_get32(payload) == NGHTTP2_CANCEL;
	reached[SEEN_REFUSED].n += type == FRAME_RST_STREAM &&
		frame_get32(payload) == NGHTTP2_REFUSED_STREAM;
}

/* What a client does that keeps to the protocol. */
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

static void check_frame(unsigned type, unsigned flags, uint32_t id, const uint8_t *payload,
	size_t n)
{
	bool of_stream = type == FRAME_DATA || type == FRAME_HEADERS;
	check(n <= 16384 || type == FRAME_DATA, "a frame of %zu bytes", n);
	check(of_stream || type == FRAME_RST_STREAM || type == FRAME_WINDOW_UPDATE || id == 0,
		"frame %u on stream %u", type, id);
	check(id < STREAMS || id % 2 == 1, "a stream of ours");
	if (type == FRAME_HEADERS) {
		check(flags & FRAME_END_HEADERS, "a head in pieces");
		check_block((const char *)payload, n);
	}
	if (id == 0 || id >= STREAMS)
		return;
	check(!of_stream || (!ended[id] && !has_reset[id]), "frame %u after the end of stream %u",
		type, id);
	ended[id] |= of_stream && (flags & FRAME_END_STREAM);
	has_reset[id] |= type == FRAME_RST_STREAM;
}

static void read_out(void)
{
	while (wire.out_len - seen >= HTTP2_FRAME_HEAD) {
		const uint8_t *h = (const uint8_t *)wire.out + seen;
		struct frame f = frame_get(h);
		if (wire.out_len - seen < HTTP2_FRAME_HEAD + f.len)
			break;
		seen += HTTP2_FRAME_HEAD + f.len;
		check_frame(f.type, f.flags, f.stream, h + HTTP2_FRAME_HEAD, f.len);
		count_frame(f.type, f.flags, h + HTTP2_FRAME_HEAD);
		react(f.type, f.flags, f.stream, h + HTTP2_FRAME_HEAD, f.len);
	}
	check(cut || seen == wire.out_len, "%zu bytes of a frame", wire.out_len - seen);
	if (seen == wire.out_len) {
		fakewire_clear(&wire);
		seen = 0;
	}
}

static void turn(void)
{
	if (turns++ >= TURNS_MAX)
		return;
	if (server && (mode & MODE_REST))
		http2_server_rest(server);
	fakewire_turn();
	read_out();
}

/* ---- the script ---------------------------------------------------------------------------- */

static const sluice_str heads[] = {
#define COMMON "\x82\x86\x41\1a"
	BLOCK(COMMON "\x84"),         /* GET / */
	BLOCK("\x83\x86\x41\1a\x84"), /* POST */
	BLOCK(COMMON "\x04\x04/a?b"),
	/* content-length: 100 */
	BLOCK("\x83\x86\x41\1a\x84\x0f\x0d\x03"
	      "100"),
	BLOCK("\x83\x86\x41\1a\x84\0\6expect\x0c"
	      "100-continue"),
	BLOCK(COMMON "\x84\0\10priority\5u=1,i"),
	BLOCK("\x02\7CONNECT\x86\x41\1a\x84\0\11:protocol\x09websocket\0\x15sec-websocket-version\2"
	      "13"),
	BLOCK("\x83\x86\x41\1a\x84\0\x0c"
	      "content-type\x10"
	      "application/grpc\0\2te\x08trailers"),
	/* is put into the table, */
	BLOCK(COMMON "\x84\x40\1x\x10"
		     "0123456789abcdef"),
	BLOCK(COMMON "\x84\xbe\xbe\xbe\xbe"), /* and named */
	BLOCK("\x82\x82\x84\x86\x41\1a"),     /* malformed */
	BLOCK(COMMON "\x84\0\1X\1y"),
	/* does not decode */
	BLOCK(COMMON "\x84\0\x0atransfer-e"),
	/* the table changes its size */
	BLOCK("\x3f\xe1\x1f" COMMON "\x84"),
	BLOCK("\x83\x86\x41\1a\x84\x0f\x0d\x06"
	      "200000"),
	BLOCK("\x83\x86\x41\1a\x84\0\7trailer\x05x-sum"),
};

/* The k-th latest that still has a client; NULL: there is none. */
static struct call *pick_call(void)
{
	unsigned k = script_byte(&script) % 8;
	for (unsigned i = n_calls; i > 0; i--) {
		if (call_is_live(&calls[i - 1]) && k-- == 0)
			return &calls[i - 1];
	}
	return NULL;
}

static void act_answer(struct call *call)
{
	unsigned how = script_byte(&script);
	size_t n = script_length(&script);
	if (!call || call->answered)
		return;
	if (call->c->head->upgrade)
		answer_tunnel(call);
	else
		answer(call, how, how & ANSWER_EMPTY ? 0 : n);
}

static void act_interim(struct call *call)
{
	const struct response_head h = { .status = 103, .body = BODY_NONE };
	if (!call || call->answered)
		return;
	reached[SEEN_INTERIM].n++;
	call->c->ops->head(call->c, &h);
}

static void act_on_call(enum act act)
{
	struct call *call = pick_call();
	size_t n = act == ACT_PUSH ? script_length(&script) : 0;
	bool answering = call && call->answered && !call->done;
	if (act == ACT_ANSWER)
		act_answer(call);
	else if (act == ACT_INTERIM)
		act_interim(call);
	else if (act == ACT_PUSH && answering && !call->full)
		push(call, n);
	else if (act == ACT_END && answering)
		end_response(call, n_calls % 2);
	else if (act == ACT_ABORT && answering)
		call->c->ops->abort(call->c), finish(call);
	else if (act == ACT_LEAVE && call)
		finish(call);
	else if (act == ACT_HOLD && call)
		call->c->ops->hold(call->c);
	else if (act == ACT_RESUME && call)
		call->c->ops->resume(call->c);
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
	case ACT_BLOCK:
	case ACT_UNBLOCK:
	case ACT_WRITE_MAX:
	case ACT_READ_MAX:
	case ACT_EOF:
	case ACT_BREAK:
		if (wire.s)
			act_on_wire(act);
		break;
	case ACT_DRAIN:
		if (server)
			http2_server_drain(server, script_byte(&script) * NS_PER_MS);
		break;
	case ACT_REST:
		if (server)
			http2_server_rest(server);
		break;
	default:
		act_on_call(act);
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

static void on_closed(struct conn_info *owner)
{
	(void)owner;
	server = NULL;
	stream_close(&stream);
}

static void count_stats(void)
{
	static const struct {
		enum reach reach;
		enum stat_id stat;
	} rows[] = { { SEEN_IDLE, STAT_TIMEOUT_IDLE }, { SEEN_RETIRED, STAT_CONNECTIONS_RETIRED },
		{ SEEN_FLOOD_FRAMES, STAT_FLOOD_FRAMES }, { SEEN_FLOOD_RESETS, STAT_FLOOD_RESETS },
		{ SEEN_FLOOD_BLOCK, STAT_FLOOD_BLOCK }, { SEEN_FLOOD_ANSWERS, STAT_FLOOD_ANSWERS },
		{ SEEN_TIMEOUT_SEND, STAT_TIMEOUT_SEND } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		reached[rows[i].reach].n = stat_self->fixed[rows[i].stat];
	reached[SEEN_FINISHED].n += wire.finished > 0;
}

static void end(void)
{
	fakewire_settle();
	for (unsigned i = 0; i < n_calls; i++) {
		if (calls[i].c && calls[i].gone)
			finish(&calls[i]);
	}
	mode = mode & ~(unsigned)MODE_KEEP; /* whoever is told now is through */
	if (server)
		http2_server_abort(server);
	fakewire_settle();
	count_stats();
	check(!server && memory_in_use() == 0, "%zu bytes are left", memory_in_use());
	for (unsigned i = 0; i < n_calls; i++)
		check(!calls[i].c, "request %u is left", i);
	fakewire_fini(&wire);
	nghttp2_hd_inflate_del(inflater);
	fakewire_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	static struct codec_conf conf = { .head_ns = NS_PER_S,
		.body_ns = 2 * NS_PER_S,
		.idle_ns = 4 * NS_PER_S,
		.max_body = 100000,
		.max_requests = 40,
		.max_head = 4096,
		.max_fields = 20,
		.max_target = 500,
		.linger = { NS_PER_S, 3 * NS_PER_S, 20000 },
		.handler = { on_request, on_bad_request, NULL },
		.on_closed = on_closed };

	if (size < 1 || size > SCRIPT_MAX)
		return 0;
	if (!stat_self)
		stat_thread_init();
	reached_tell(reached, SEEN_WHAT);
	n_calls = turns = 0;
	seen = 0;
	cut = false;
	mode = data[0];
	conf.budget = mode & MODE_LITTLE ? 8192 : 65536;
	script = (struct h2script){ .at = data + 1,
		.end = data + size,
		.heads = heads,
		.n_heads = sizeof(heads) / sizeof(heads[0]),
		.opens = true,
		.say = say };
	memset(ended, 0, sizeof(ended));
	memset(has_reset, 0, sizeof(has_reset));
	check(nghttp2_hd_inflate_new(&inflater) == 0, "no memory");
	info = (struct conn_info){ .peer_ip = "::1", .peer_ip_len = 3 };
	fakewire_start();
	fakewire_open(&wire, &stream, NULL, NULL);
	server = http2_server_new(&stream, &info, &conf);
	if (!(mode & MODE_RAW))
		say(preface, sizeof(preface) - 1);
	turn();
	run();
	end();
	return 0;
}
