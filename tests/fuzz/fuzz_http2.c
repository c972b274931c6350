/*
 * A connection whose client sends any bytes: nothing is told twice or too late, whatever is sent consists of whole frames
 * that a client can read, and nothing is left.
 *
 * The first byte of an input chooses what the handler does, the second in what steps the bytes come; preface and SETTINGS
 * are put before them, unless the first byte says not to.
 */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "http/upgrade.h"
#include "http2/limits.h"
#include "http2/memory.h"
#include "http2/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum mode { MODE_ANSWER = 0, MODE_AT_END = 1, MODE_LATE = 2, MODE_NEVER = 3, MODE_MASK = 3, MODE_SHUT = 4, MODE_RAW = 8, MODE_DRAIN = 16,
	    MODE_REST = 32 };
enum { CALLS = 300, STREAMS = 2048 };

struct call {
	struct client *c;
	bool gone, ended, answered, sent;
};

static struct worker worker;
static struct stream stream;
static struct conn_info info;
static struct http2_server *server;
static struct call calls[CALLS];
static unsigned n_calls, mode;
static const char *in;
static size_t in_len, step;
static struct buf out;
static bool ended[STREAMS], has_reset[STREAMS];
static nghttp2_hd_inflater *inflater;

/* ---- the handler -------------------------------------------------------------------------------------------------- */

static void answer(struct call *call)
{
	struct response_head h = { .status = 200, .body = n_calls % 2 ? BODY_LENGTH : BODY_CHUNKED, .body_length = 70000 };
	struct buf b;
	buf_init(&b);
	call->answered = true;
	call->c->ops->head(call->c, &h);
	for (unsigned left = 70000; left;) {
		size_t room;
		char *at = buf_reserve(&b, 1, &room);
		size_t n = room < left ? room : left;
		memset(at, 'x', n);
		buf_commit(&b, n);
		left -= (unsigned)n;
	}
	(void)call->c->ops->body(call->c, &b);
	check(b.len == 0, "%zu bytes were not taken", b.len);
	call->c->ops->end(call->c, NULL);
}

static void answer_tunnel(struct call *call)
{
	struct response_head h = { .status = 101, .body = BODY_NONE };
	struct client *c = call->c;
	struct buf b;
	buf_init(&b);
	buf_append(&b, "hello", 5);
	call->answered = true;
	c->ops->head(c, &h);
	c->ops->tunnel(c);
	c->ops->resume(c);
	(void)c->ops->body(c, &b);
	if (n_calls % 2)
		c->ops->end(c, NULL);
}

static void finish(struct call *call)
{
	struct client *c = call->c;
	call->c = NULL;
	c->ops->finish(c);
}

static void on_body(struct client *c, struct buf *data)
{
	struct call *call = c->user;
	check(call->c == c && !call->gone && !call->ended && data->len, "a body that nobody expects");
	buf_drain(data, (data->len + 1) / 2);
}

static void on_end(struct client *c, const struct fields *trailers)
{
	struct call *call = c->user;
	check(call->c == c && !call->gone && !call->ended, "an end that nobody expects");
	call->ended = true;
	for (uint32_t i = 0; trailers && i < trailers->n; i++)
		check(str_is_token(field_name(&trailers->v[i])) && str_is_field_value(field_value(&trailers->v[i])), "trailer %u", i);
	if (!call->answered && (mode & MODE_MASK) == MODE_AT_END)
		answer(call);
	else if (c->head->upgrade && !call->sent)
		c->ops->end(c, NULL);
}

static void on_drained(struct client *c)
{
	struct call *call = c->user;
	check(call->c == c && !call->gone, "room that nobody asked for");
}

static void on_sent(struct client *c)
{
	struct call *call = c->user;
	check(call->c == c && call->answered && !call->sent && !call->gone, "sent, though not answered");
	call->sent = true;
	finish(call);
}

static void on_gone(struct client *c, int err, bool can_answer)
{
	struct call *call = c->user;
	check(call->c == c && !call->gone && err < 0, "gone twice");
	call->gone = true;
	if (can_answer) {
		check(!call->answered, "an answer after the answer");
		answer(call);
	} else if (call->answered) {
		c->ops->abort(c);
	}
	if ((mode & MODE_MASK) != MODE_LATE)
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
	check(str_is_token(h->method_text) && h->version == 20 && h->host.len, "a head without method or host");
	check(h->body != BODY_CLOSE && h->keep_alive && h->upgrade == h->upgrade_only, "body %u", h->body);
	check(!h->upgrade || (h->method == METHOD_GET && h->body == BODY_NONE && upgrade_protocol(&h->fields).len), "no upgrade");
	check(!h->upgrade || !upgrade_is_websocket(upgrade_protocol(&h->fields)) || upgrade_key(&h->fields).len, "no key");
	for (uint32_t i = 0; i < h->fields.n; i++) {
		const struct field *f = &h->fields.v[i];
		check(str_is_token(field_name(f)) && str_is_field_value(field_value(f)), "field %u", i);
		check(f->token == (uint16_t)token_find(f->name, f->name_len), "token of field %u", i);
		check((f->flags == FIELD_LINE || f->token == TOKEN_SEC_WEBSOCKET_KEY) && f->value == f->name + f->name_len + 2 && memcmp(f->name + f->name_len, ": ", 2) == 0 &&
		              memcmp(f->value + f->value_len, "\r\n", 2) == 0,
		      "field %u is no line", i);
		check(f->token == TOKEN_OTHER || !(token_flags((enum token)f->token) & TOKEN_HOP) || f->token == TOKEN_TE ||
		              (f->token == TOKEN_UPGRADE && h->upgrade) ||
		              f->token == TOKEN_TRAILER || f->token == TOKEN_HTTP2_SETTINGS ||
		              f->token == TOKEN_PROXY_AUTHENTICATE || f->token == TOKEN_PROXY_AUTHORIZATION,
		      "field %u is of a connection", i);
	}
}

static void on_request(void *ctx, struct client *c)
{
	struct call *call = begin(c);
	(void)ctx;
	check_head(c->head);
	bool whole = c->head->body == BODY_NONE || (c->head->body == BODY_LENGTH && c->head->body_length == 0);
	call->ended = whole && !c->head->upgrade;
	if (c->head->upgrade) {
		if ((mode & MODE_MASK) != MODE_LATE)
			answer_tunnel(call);
		return;
	}
	if ((mode & MODE_MASK) != MODE_NEVER)
		c->ops->resume(c);
	if ((mode & MODE_MASK) == MODE_ANSWER || ((mode & MODE_MASK) == MODE_AT_END && whole))
		answer(call);
}

static void on_bad_request(void *ctx, struct client *c, int err)
{
	(void)ctx;
	check(err < 0, "a bad request with nothing wrong");
	answer(begin(c));
}

/* ---- the wire ----------------------------------------------------------------------------------------------------- */

static enum io wire_read(struct stream *s, size_t want)
{
	size_t n = step && step < in_len ? step : in_len;
	if (n > want)
		n = want;
	if (n == 0)
		return IO_AGAIN;
	buf_append(&s->in, in, n);
	in += n;
	in_len -= n;
	s->bytes_in += n;
	return IO_OK;
}

static enum io wire_write(struct stream *s)
{
	if (mode & MODE_SHUT)
		return IO_AGAIN;
	s->bytes_out += s->out.len;
	buf_move_all(&out, &s->out);
	return IO_OK;
}

static bool wire_pending(struct stream *s)
{
	(void)s;
	return in_len > 0;
}

static const struct transport wire = { .read = wire_read, .write = wire_write, .pending = wire_pending };

static void check_block(const char *p, size_t n)
{
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, (const uint8_t *)p, n, 1);
		check(used >= 0, "a header block that does not decode");
		p += used;
		n -= (size_t)used;
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	(void)nghttp2_hd_inflate_end_headers(inflater);
}

static void check_frame(unsigned type, unsigned flags, uint32_t id, sluice_str p)
{
	bool of_stream = type == FRAME_DATA || type == FRAME_HEADERS;
	check(p.len <= 16384 || type == FRAME_DATA, "a frame of %zu bytes", p.len);
	check(of_stream || type == FRAME_RST_STREAM || type == FRAME_WINDOW_UPDATE || id == 0, "frame %u on stream %u", type, id);
	check(id < STREAMS || id % 2 == 1, "a stream of ours");
	if (type == FRAME_HEADERS) {
		check(flags & FRAME_END_HEADERS, "a head in pieces");
		check_block(p.data, p.len);
	}
	if (id == 0 || id >= STREAMS)
		return;
	check(!of_stream || (!ended[id] && !has_reset[id]), "frame %u after the end of stream %u", type, id);
	ended[id] |= of_stream && (flags & FRAME_END_STREAM);
	has_reset[id] |= type == FRAME_RST_STREAM;
}

static void check_out(void)
{
	while (out.len >= HTTP2_FRAME_HEAD) {
		uint8_t h[HTTP2_FRAME_HEAD];
		buf_copy(&out, (char *)h, sizeof(h));
		size_t len = (size_t)h[0] << 16 | (size_t)h[1] << 8 | h[2];
		check(out.len >= sizeof(h) + len, "%zu bytes of a frame of %zu", out.len - sizeof(h), len);
		buf_drain(&out, sizeof(h));
		check_frame(h[3], h[4], (uint32_t)(h[5] & 0x7f) << 24 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | h[8],
		            len ? str_n(buf_pullup(&out, len).data, len) : STR_NONE);
		buf_drain(&out, len);
	}
	check(out.len == 0, "%zu bytes of a frame", out.len);
}

static void on_closed(void *owner)
{
	(void)owner;
	server = NULL;
	stream_close(&stream);
}

static void turn(void)
{
	if (server && in_len)
		stream_resume(&stream);
	if (server && (mode & MODE_REST))
		http2_server_rest(server);
	worker_turn(&worker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	static const struct http2_server_conf conf = { .head_ns = 3600 * NS_PER_S, .body_ns = 3600 * NS_PER_S,
		                                       .idle_ns = 3600 * NS_PER_S, .max_body = 100000, .max_head = 4096,
		                                       .max_fields = 20, .max_target = 500, .budget = 65536,
		                                       .handler = { on_request, on_bad_request, NULL } };
	static const struct http2_server_owner owner = { on_closed, NULL };
	static bool ready;

	if (size < 2 || size > 65536)
		return 0;
	if (!ready)
		check(worker_init(&worker, 0) == 0, "no event loop");
	ready = true;
	n_calls = 0;
	mode = data[0];
	step = data[1];
	memset(ended, 0, sizeof(ended));
	memset(has_reset, 0, sizeof(has_reset));
	check(nghttp2_hd_inflate_new(&inflater) == 0, "no memory");
	int fd = eventfd(0, EFD_NONBLOCK);
	check(fd >= 0 && stream_init(&stream, &worker, fd, &wire, NULL, NULL, NULL) == 0, "no stream");
	server = http2_server_new(&stream, &info, &conf, &owner);
	if (!(mode & MODE_RAW)) {
		in = preface;
		in_len = sizeof(preface) - 1;
		turn();
	}
	in = (const char *)data + 2;
	in_len = size - 2;
	for (unsigned i = 0; i < 4 || (server && in_len && i < 70000); i++)
		turn();
	if (server && (mode & MODE_DRAIN))
		http2_server_drain(server, 0);
	for (unsigned i = 0; i < n_calls; i++) {
		if (calls[i].c && !calls[i].answered && (mode & MODE_MASK) == MODE_LATE)
			answer(&calls[i]);
	}
	turn();
	if (!(mode & MODE_SHUT))
		check_out();
	for (unsigned i = 0; i < n_calls; i++) {
		if (calls[i].c && calls[i].gone)
			finish(&calls[i]);
	}
	mode = mode & ~(unsigned)MODE_MASK; /* whoever is told now is through */
	if (server)
		http2_server_abort(server);
	turn();
	check(!server && memory_in_use() == 0, "%zu bytes are left", memory_in_use());
	for (unsigned i = 0; i < n_calls; i++)
		check(!calls[i].c, "request %u is left", i);
	buf_fini(&out);
	nghttp2_hd_inflate_del(inflater);
	return 0;
}
