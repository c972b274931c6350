/* See the header. */
#include "far.h"
#include "frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "http2/memory.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void text_add(char *to, size_t size, const char *fmt, ...)
{
	size_t len = strlen(to);
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(to + len, size - len, fmt, ap);
	va_end(ap);
}

/* ---- exchanges ----------------------------------------------------------------------------- */

static void way_note(struct way *v)
{
	v->not_processed = v->o->not_processed;
	v->sent = v->o->sent;
	v->answered = v->o->answered;
}

void way_release(struct way *v)
{
	struct origin *o = v->o;
	way_note(v);
	v->o = NULL;
	o->ops->release(o);
	arena_fini(&v->arena); /* nothing of it is looked at any more */
}

static void fields_text(char *to, size_t size, const struct fields *f)
{
	for (uint32_t i = 0; f && i < f->n; i++) {
		if (!(f->v[i].flags & FIELD_DROP))
			text_add(to, size, "%.*s: %.*s\n", STR_ARG(field_name(&f->v[i])),
				STR_ARG(field_value(&f->v[i])));
	}
}

static void on_head(struct origin *o, struct response_head *h)
{
	struct way *v = o->user;
	check(!v->ended && !v->failed && !v->status, "a head of %d after the end", h->status);
	v->heads++;
	if (h->status < 200 && h->status != 101) {
		v->interim++;
	} else {
		v->status = h->status;
		v->kind = h->body;
		v->length = h->body_length;
		v->has_length = h->has_length;
	}
	fields_text(v->fields, sizeof(v->fields), &h->fields);
	if (v->on_head)
		v->on_head(v);
}

static void on_body(struct origin *o, struct buf *data)
{
	struct way *v = o->user;
	check(v->status && !v->ended && !v->failed, "a body of %zu bytes out of turn", data->len);
	if (v->take_nothing)
		return;
	while (data->len) {
		sluice_str run = buf_peek(data);
		size_t keep = v->body_len < FAR_TEXT ? (size_t)(FAR_TEXT - v->body_len) : 0;
		memcpy(v->body + (keep ? v->body_len : 0), run.data,
			run.len < keep ? run.len : keep);
		v->body_len += run.len;
		buf_drain(data, run.len);
	}
}

static void on_end(struct origin *o, const struct fields *trailers)
{
	struct way *v = o->user;
	check(v->status && !v->ended && !v->failed, "an end of %d out of turn", v->status);
	v->ended++;
	fields_text(v->trailers, sizeof(v->trailers), trailers);
	if (!v->keep)
		way_release(v);
}

static void on_drained(struct origin *o)
{
	struct way *v = o->user;
	check((v->full || v->tunnel) && !v->failed, "drained is what was %s", "not full");
	v->full = false;
	v->drained++;
}

static void on_fail(struct origin *o, int err)
{
	struct way *v = o->user;
	check(!v->failed, "failed twice: %d", err);
	v->failed++;
	v->err = err;
	way_note(v);
	if (v->on_fail)
		v->on_fail(v);
	if (!v->keep && v->o)
		way_release(v);
}

static const struct origin_events way_events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_fail = on_fail,
};

struct way *way_begin(struct far *f)
{
	check(f->n_ways < WAYS_MAX, "more than %d requests", WAYS_MAX);
	struct way *v = &f->ways[f->n_ways++];
	*v = (struct way){ .far = f, .body = calloc(1, FAR_TEXT + 1) };
	check(v->body, "no memory for %s", "a body");
	arena_init(&v->arena, 1 << 20);
	v->o = http2_conn_begin(f->conn, &way_events, v, &v->arena);
	return v;
}

static struct way *way_send_list(struct far *f, const char *method, const char *path,
	int64_t length, va_list ap)
{
	struct way *v = way_begin(f);
	const char *query = strchr(path, '?'), *name;
	struct request_head h = {
		.method_text = str_of(method),
		.method = (uint8_t)method_find(str_of(method)),
		.target = str_of(path),
		.path = query ? str_n(path, (size_t)(query - path)) : str_of(path),
		.query = query ? str_of(query + 1) : STR_NONE,
		.has_query = query != NULL,
		.authority = STR("example.com"),
		.host = STR("example.com"),
		.version = 11,
		.body = length == -1   ? BODY_NONE
			: length == -2 ? BODY_CHUNKED
				       : BODY_LENGTH,
		.body_length = length > 0 ? (uint64_t)length : 0,
	};
	while ((name = va_arg(ap, const char *)))
		check(fields_add(&h.fields, &v->arena, str_of(name),
			      str_of(va_arg(ap, const char *))) == 0,
			"no memory for %s", name);
	h.te_trailers = fields_find(&h.fields, TOKEN_TE) != NULL;
	const struct field *type = fields_find(&h.fields, TOKEN_CONTENT_TYPE);
	h.call = type && str_eq(field_value(type), STR("application/grpc"));
	v->o->ops->head(v->o, &h);
	return v;
}

struct way *way_send(struct far *f, const char *method, const char *path, int64_t body_length, ...)
{
	va_list ap;
	va_start(ap, body_length);
	struct way *v = way_send_list(f, method, path, body_length, ap);
	va_end(ap);
	return v;
}

struct way *way_get(struct far *f, const char *path)
{
	struct way *v = way_send(f, "GET", path, -1, NULL);
	way_end(v);
	return v;
}

bool way_push(struct way *v, size_t n)
{
	struct buf b;
	buf_init(&b);
	while (n) {
		size_t room, take;
		char *at = buf_reserve(&b, 1, &room);
		take = n < room ? n : room;
		for (size_t i = 0; i < take; i++)
			at[i] = (char)('a' + v->pushed++ % 23);
		buf_commit(&b, take);
		n -= take;
	}
	v->full = v->o->ops->body(v->o, &b);
	check(b.len == 0, "%zu bytes of a body were not taken", b.len);
	return v->full;
}

bool way_push_text(struct way *v, const char *text)
{
	struct buf b;
	buf_init(&b);
	buf_append(&b, text, strlen(text));
	v->full = v->o->ops->body(v->o, &b);
	check(b.len == 0, "%zu bytes of a body were not taken", b.len);
	return v->full;
}

void way_end(struct way *v)
{
	v->o->ops->end(v->o, NULL);
}

/* ---- the connection ------------------------------------------------------------------------ */

static void far_on_open(struct http2_conn *c)
{
	((struct far *)http2_conn_owner_data(c))->opened++;
}

static void far_on_change(struct http2_conn *c)
{
	struct far *f = http2_conn_owner_data(c);
	f->changes++;
	if (f->on_change)
		f->on_change(f);
}

static void far_on_gone(struct http2_conn *c, int err)
{
	struct far *f = http2_conn_owner_data(c);
	check(http2_conn_load(c) == 0, "gone with %u requests", (unsigned)http2_conn_load(c));
	f->gone++;
	f->gone_err = err;
	f->conn = NULL;
	(void)snprintf(f->why, sizeof(f->why), "%s", http2_conn_why(c));
}

static const struct http2_conn_owner far_owner = {
	.on_open = far_on_open,
	.on_change = far_on_change,
	.on_gone = far_on_gone,
};

struct far *far_new(void)
{
	struct far *f = calloc(1, sizeof(*f));
	check(f && worker_init(&f->w, 0) == 0 && nghttp2_hd_inflate_new(&f->inflater) == 0,
		"no memory for %s", "a server");
	log_set_level(LOG_ERROR);
	f->fd = f->listen_fd = -1;
	f->preface_left = sizeof(preface) - 1;
	f->conf = (struct http2_conn_conf){ .connect_ns = 2 * NS_PER_S,
		.response_ns = 2 * NS_PER_S,
		.ping_ns = 60 * NS_PER_S,
		.idle_ns = 2 * NS_PER_S,
		.max_head = 16 * 1024,
		.max_fields = 50,
		.max_requests = 100,
		.early = 16 };
	return f;
}

void far_open(struct far *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	struct addr to;
	char text[64];
	int err = 0;
	f->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	check(f->listen_fd >= 0 && bind(f->listen_fd, (struct sockaddr *)&a, len) == 0 &&
			listen(f->listen_fd, 4) == 0 &&
			getsockname(f->listen_fd, (struct sockaddr *)&a, &len) == 0,
		"listening: %d", errno);
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(a.sin_port));
	check(addr_parse(str_of(text), &to), "no address: %s", text);
	f->conn =
		http2_conn_open(&f->w, &to, &transport_plain, NULL, &f->conf, &far_owner, f, &err);
	check(f->conn, "not opened: %d", err);
	f->fd = accept(f->listen_fd, NULL, NULL);
	check(f->fd >= 0 && fcntl(f->fd, F_SETFL, O_NONBLOCK) == 0 &&
			setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)) == 0,
		"accept: %d", errno);
	check(far_until(f, &f->opened, 1000), "it does not %s", "open");
	far_run(f);
}

void far_start(struct far *f, uint32_t max_requests)
{
	far_open(f);
	far_settings(f, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_requests, 0);
	far_run(f);
	assert_non_null(f->conn);
	assert_int_equal(f->n_settings, 1);
	assert_int_equal(f->n_settings_acks, 1);
}

void far_free(struct far **at)
{
	struct far *f = *at;
	*at = NULL;
	for (unsigned i = 0; i < f->n_ways; i++) {
		if (f->ways[i].o)
			way_release(&f->ways[i]);
		free(f->ways[i].body);
	}
	if (f->conn)
		http2_conn_close(f->conn);
	worker_turn(&f->w);
	for (unsigned i = 0; i < f->n_gots; i++)
		free(f->gots[i].body);
	far_close(f);
	if (f->listen_fd >= 0)
		(void)close(f->listen_fd);
	buf_fini(&f->in);
	nghttp2_hd_inflate_del(f->inflater);
	worker_fini(&f->w);
	memory_thread_fini();
	buf_thread_fini();
	arena_thread_fini();
	free(f);
}

/* ---- what the server gets ------------------------------------------------------------------ */

struct got *far_got(struct far *f, uint32_t stream)
{
	for (unsigned i = f->n_gots; i > 0; i--) {
		if (f->gots[i - 1].stream == stream)
			return &f->gots[i - 1];
	}
	check(f->n_gots < FAR_STREAMS, "more than %d streams", FAR_STREAMS);
	struct got *g = &f->gots[f->n_gots++];
	g->stream = stream;
	g->body = calloc(1, FAR_TEXT + 1);
	check(g->body, "no memory for %s", "a body");
	return g;
}

static void got_headers(struct far *f, struct got *g, const char *at, size_t n)
{
	char *to = g->n_heads++ ? g->trailers : g->head;
	size_t size = to == g->head ? sizeof(g->head) : sizeof(g->trailers);
	check(!g->ended, "HEADERS after the end of stream %u", g->stream);
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used =
			nghttp2_hd_inflate_hd2(f->inflater, &nv, &flags, (const uint8_t *)at, n, 1);
		check(used >= 0, "HPACK: %s", nghttp2_strerror((int)used));
		at += used;
		n -= (size_t)used;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			text_add(to, size, "%.*s: %.*s%s\n", (int)nv.namelen, (char *)nv.name,
				(int)nv.valuelen, (char *)nv.value,
				nv.flags & NGHTTP2_NV_FLAG_NO_INDEX ? " (never indexed)" : "");
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	nghttp2_hd_inflate_end_headers(f->inflater);
}

static void got_data(struct far *f, struct got *g, const char *at, size_t n)
{
	check(!g->ended && !g->reset, "DATA after the end of stream %u", g->stream);
	g->frames++;
	if (n && g->body_len < FAR_TEXT)
		memcpy(g->body + g->body_len, at,
			n < FAR_TEXT - g->body_len ? n : (size_t)(FAR_TEXT - g->body_len));
	g->body_len += n;
	f->data += n;
	if (n && !f->no_updates) {
		far_update(f, 0, (uint32_t)n);
		far_update(f, g->stream, (uint32_t)n);
	}
}

static void got_settings(struct far *f, unsigned flags, const char *at, size_t n)
{
	if (flags & FRAME_ACK) {
		f->n_settings_acks++;
		return;
	}
	f->n_settings++;
	for (size_t i = 0; i + 6 <= n; i += 6) {
		unsigned id = (unsigned)(uint8_t)at[i] << 8 | (uint8_t)at[i + 1];
		if (id < 16)
			f->settings[id] = frame_get32(at + i + 2);
	}
	if (f->said)
		far_frame(f, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
	else
		f->owes_ack = true;
}

static void got_frame(struct far *f, unsigned type, unsigned flags, uint32_t stream, const char *at,
	size_t n)
{
	switch (type) {
	case FRAME_DATA:
		got_data(f, far_got(f, stream), at, n);
		break;
	case FRAME_HEADERS:
		check(flags & FRAME_END_HEADERS, "a head in pieces on stream %u", stream);
		got_headers(f, far_got(f, stream), at, n);
		break;
	case FRAME_RST_STREAM:
		check(!far_got(f, stream)->reset, "stream %u was reset twice", stream);
		far_got(f, stream)->reset = true;
		far_got(f, stream)->reset_code = frame_get32(at);
		return;
	case FRAME_SETTINGS:
		got_settings(f, flags, at, n);
		return;
	case FRAME_PING:
		if (flags & FRAME_ACK) {
			f->n_ping_acks++;
			return;
		}
		check(f->takes_pings, "a PING nobody %s", "expects");
		f->n_pings++;
		if (!f->quiet)
			far_frame(f, FRAME_PING, FRAME_ACK, 0, at, n);
		return;
	case FRAME_GOAWAY:
		f->n_goaway++;
		f->goaway_code = frame_get32(at + 4);
		return;
	case FRAME_WINDOW_UPDATE:
		if (stream)
			far_got(f, stream)->credit += frame_get32(at);
		else
			f->credit += frame_get32(at);
		return;
	default:
		fail_msg("frame of type %u", type);
	}
	if (flags & FRAME_END_STREAM)
		far_got(f, stream)->ended = true;
}

static void far_frames(struct far *f)
{
	if (f->preface_left && f->in.len >= f->preface_left) {
		sluice_str p = buf_pullup(&f->in, sizeof(preface) - 1);
		assert_memory_equal(p.data, preface, sizeof(preface) - 1);
		buf_drain(&f->in, sizeof(preface) - 1);
		f->preface_left = 0;
	}
	while (!f->preface_left && f->in.len >= HTTP2_FRAME_HEAD) {
		char head[HTTP2_FRAME_HEAD];
		buf_copy(&f->in, head, sizeof(head));
		struct frame got = frame_get(head);
		if (f->in.len < sizeof(head) + got.len)
			break;
		check(got.len <= 16384, "a frame of %zu bytes", got.len);
		buf_drain(&f->in, sizeof(head));
		sluice_str payload = got.len ? buf_pullup(&f->in, got.len) : STR_NONE;
		got_frame(f, got.type, got.flags, got.stream, payload.data, got.len);
		buf_drain(&f->in, got.len);
	}
}

static bool far_read(struct far *f)
{
	bool moved = false;
	while (f->fd >= 0 && !f->eof && !f->no_read) {
		size_t room;
		char *at = buf_reserve(&f->in, 1, &room);
		ssize_t n = recv(f->fd, at, room, 0);
		f->eof = n == 0 || (n < 0 && errno != EAGAIN);
		if (n <= 0)
			break;
		moved = true;
		buf_commit(&f->in, (size_t)n);
		far_frames(f);
	}
	return moved;
}

void far_run(struct far *f)
{
	for (unsigned still = 0; still < 3;) {
		f->w.clock_is_fresh = false;
		worker_turn(&f->w);
		still = far_read(f) ? 0 : still + 1;
	}
}

void far_wait(struct far *f, unsigned ms)
{
	uint64_t end = clock_ns() + ms * NS_PER_MS;
	while (clock_ns() < end) {
		far_run(f);
		(void)poll(NULL, 0, 1);
	}
}

bool far_until(struct far *f, const unsigned *n, unsigned ms)
{
	uint64_t end = clock_ns() + ms * NS_PER_MS;
	while (!*n && clock_ns() < end) {
		far_run(f);
		(void)poll(NULL, 0, 1);
	}
	return *n != 0;
}

/* ---- what the server says ------------------------------------------------------------------ */

void far_bytes(struct far *f, const void *bytes, size_t n)
{
	const char *p = bytes;
	while (n && f->fd >= 0) {
		ssize_t sent = send(f->fd, p, n, MSG_NOSIGNAL);
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		} else if (errno == EAGAIN) {
			f->w.clock_is_fresh = false;
			worker_turn(&f->w);
		} else {
			return; /* the gateway has closed it */
		}
	}
}

void far_frame(struct far *f, unsigned type, unsigned flags, uint32_t stream, const void *payload,
	size_t n)
{
	char head[HTTP2_FRAME_HEAD];
	frame_put(head, &(struct frame){ n, type, flags, stream });
	far_bytes(f, head, sizeof(head));
	far_bytes(f, payload, n);
}

void far_settings(struct far *f, ...)
{
	char payload[16 * 6];
	size_t n = 0;
	va_list ap;
	va_start(ap, f);
	for (unsigned id; (id = va_arg(ap, unsigned)) != 0; n += 6) {
		payload[n] = 0;
		payload[n + 1] = (char)id;
		frame_put32(payload + n + 2, va_arg(ap, unsigned));
	}
	va_end(ap);
	far_frame(f, FRAME_SETTINGS, 0, 0, payload, n);
	f->said = true;
	if (f->owes_ack)
		far_frame(f, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
	f->owes_ack = false;
}

static size_t put_string(char *to, const char *s)
{
	size_t len = strlen(s), n = 0;
	if (len < 127) {
		to[n++] = (char)len;
	} else {
		size_t rest = len - 127;
		to[n++] = 127;
		for (; rest >= 128; rest >>= 7)
			to[n++] = (char)(128 | (rest & 127));
		to[n++] = (char)rest;
	}
	memcpy(to + n, s, len);
	return n + len;
}

static size_t block_list(char *to, va_list ap)
{
	size_t n = 0;
	for (const char *name; (name = va_arg(ap, const char *)) != NULL;) {
		to[n++] = 0; /* literal, not indexed, new name */
		n += put_string(to + n, name);
		n += put_string(to + n, va_arg(ap, const char *));
	}
	return n;
}

size_t far_block(char *to, ...)
{
	va_list ap;
	va_start(ap, to);
	size_t n = block_list(to, ap);
	va_end(ap);
	return n;
}

void far_headers(struct far *f, uint32_t stream, unsigned flags, ...)
{
	char block[16384];
	va_list ap;
	va_start(ap, flags);
	size_t n = block_list(block, ap);
	va_end(ap);
	far_frame(f, FRAME_HEADERS, FRAME_END_HEADERS | flags, stream, block, n);
}

void far_data(struct far *f, uint32_t stream, const char *text, bool end)
{
	far_frame(f, FRAME_DATA, end ? FRAME_END_STREAM : 0, stream, text, strlen(text));
}

void far_fill(struct far *f, uint32_t stream, size_t n, bool end)
{
	static char bytes[16384];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)('a' + i % 23);
	while (n) {
		size_t take = n < sizeof(bytes) ? n : sizeof(bytes);
		n -= take;
		far_frame(f, FRAME_DATA, end && !n ? FRAME_END_STREAM : 0, stream, bytes, take);
	}
}

void far_reset(struct far *f, uint32_t stream, uint32_t code)
{
	char payload[4];
	frame_put32(payload, code);
	far_frame(f, FRAME_RST_STREAM, 0, stream, payload, sizeof(payload));
}

void far_goaway(struct far *f, uint32_t last, uint32_t code)
{
	char payload[8];
	frame_put32(payload, last);
	frame_put32(payload + 4, code);
	far_frame(f, FRAME_GOAWAY, 0, 0, payload, sizeof(payload));
}

void far_update(struct far *f, uint32_t stream, uint32_t n)
{
	char payload[4];
	frame_put32(payload, n);
	far_frame(f, FRAME_WINDOW_UPDATE, 0, stream, payload, sizeof(payload));
}

void far_close(struct far *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = -1;
}
