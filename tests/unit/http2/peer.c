/* See the header. */
#include "peer.h"
#include "frames.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* ---- the handler --------------------------------------------------------------------------- */

static void text_add(char *to, size_t size, const char *fmt, ...)
{
	size_t len = strlen(to);
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(to + len, size - len, fmt, ap);
	va_end(ap);
}

static void fields_text(char *to, size_t size, const struct fields *f)
{
	for (uint32_t i = 0; f && i < f->n; i++) {
		if (!(f->v[i].flags & FIELD_DROP))
			text_add(to, size, "%.*s: %.*s\n", STR_ARG(field_name(&f->v[i])),
				STR_ARG(field_value(&f->v[i])));
	}
}

void call_finish(struct call *call)
{
	struct client *c = call->c;
	call->c = NULL;
	finish_at_turn_end(&call->finish, &call->peer->w, c);
}

void call_head(struct call *call, int status, int64_t length)
{
	struct response_head h = { .status = (uint16_t)status,
		.version = 11,
		.body = length < 0 ? BODY_CHUNKED : BODY_LENGTH,
		.body_length = length < 0 ? 0 : (uint64_t)length };
	check(fields_add(&h.fields, &call->c->arena, STR("Content-Type"), STR("text/plain")) == 0 &&
			fields_add(&h.fields, &call->c->arena, STR("X-Name"), STR("Value")) == 0 &&
			fields_add(&h.fields, &call->c->arena, STR("Connection"), STR("close")) ==
				0,
		"no memory for %d", status);
	call->answered = status >= 200;
	call->c->ops->head(call->c, &h);
}

bool call_push(struct call *call, size_t n)
{
	struct buf b;
	buf_init(&b);
	while (n) {
		size_t room, take;
		char *at = buf_reserve(&b, 1, &room);
		take = n < room ? n : room;
		for (size_t i = 0; i < take; i++)
			at[i] = (char)('a' + call->pushed++ % 23);
		buf_commit(&b, take);
		n -= take;
	}
	call->full = call->c->ops->body(call->c, &b);
	check(b.len == 0, "%zu bytes of a body were not taken", b.len);
	return call->full;
}

void call_answer(struct call *call, int status, const char *body)
{
	struct buf b;
	buf_init(&b);
	buf_append(&b, body, strlen(body));
	call_head(call, status, (int64_t)strlen(body));
	(void)call->c->ops->body(call->c, &b);
	call->c->ops->end(call->c, NULL);
}

static void on_body(struct client *c, struct buf *data)
{
	struct call *call = c->user;
	check(!call->gone, "a body after the end of %s", call->head);
	if (call->take_nothing)
		return;
	while (data->len) {
		sluice_str run = buf_peek(data);
		size_t keep = call->body_len < TEXT_MAX ? (size_t)(TEXT_MAX - call->body_len) : 0;
		memcpy(call->body + (keep ? call->body_len : 0), run.data,
			run.len < keep ? run.len : keep);
		call->body_len += run.len;
		buf_drain(data, run.len);
	}
}

static void on_end(struct client *c, const struct fields *trailers)
{
	struct call *call = c->user;
	check(!call->gone, "an end after the end of %s", call->head);
	call->ended++;
	fields_text(call->trailers, sizeof(call->trailers), trailers);
}

static void on_drained(struct client *c)
{
	struct call *call = c->user;
	check(!call->gone && call->full, "%s was not full", call->head);
	call->full = false;
	call->drained++;
}

static void on_sent(struct client *c)
{
	struct call *call = c->user;
	check(!call->gone && !call->sent, "%s was sent twice", call->head);
	call->sent++;
	if (call->peer->on_sent)
		call->peer->on_sent(call);
	else
		call_finish(call);
}

static void on_gone(struct client *c, int err, bool can_answer)
{
	struct call *call = c->user;
	check(!call->gone, "%s is gone twice", call->head);
	call->gone++;
	call->gone_err = err;
	call->can_answer = can_answer;
	if (call->keep)
		return;
	if (can_answer)
		call_answer(call, err_info(err)->status, err_info(err)->code);
	else if (call->answered)
		c->ops->abort(c);
	call_finish(call);
}

static const struct client_events call_events = {
	.on_body = on_body,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_sent = on_sent,
	.on_gone = on_gone,
};

static struct call *call_new(struct peer *p, struct client *c)
{
	check(p->n_calls < CALLS_MAX, "more than %d requests", CALLS_MAX);
	struct call *call = &p->calls[p->n_calls++];
	const struct request_head *h = c->head;
	call->peer = p;
	call->c = c;
	call->body = calloc(1, TEXT_MAX + 1);
	check(call->body, "no memory for %s", "a body");
	text_add(call->head, sizeof(call->head), "%.*s %.*s%s%.*s host=%.*s",
		STR_ARG(h->method_text), STR_ARG(h->path), h->has_query ? "?" : "",
		STR_ARG(h->query), STR_ARG(h->host));
	if (h->body == BODY_LENGTH)
		text_add(call->head, sizeof(call->head), " body=%llu",
			(unsigned long long)h->body_length);
	else
		text_add(call->head, sizeof(call->head), " body=%s",
			h->body == BODY_NONE ? "none" : "open");
	fields_text(call->fields, sizeof(call->fields), &h->fields);
	c->events = &call_events;
	c->user = call;
	return call;
}

static void on_request(void *ctx, struct client *c)
{
	struct peer *p = ctx;
	struct call *call = call_new(p, c);
	if (p->on_request)
		p->on_request(call);
	else
		call_answer(call, 200, "ok\n");
}

static void on_bad_request(void *ctx, struct client *c, int err)
{
	struct call *call = call_new(ctx, c);
	call->bad = err;
	call_answer(call, err_info(err)->status, err_info(err)->code);
}

/* ---- opening and closing ------------------------------------------------------------------- */

static void on_closed(struct conn_info *info)
{
	struct peer *p = container_of(info, struct peer, info);
	p->server = NULL;
	stream_close(&p->s);
}

struct peer *peer_new(void)
{
	struct peer *p = calloc(1, sizeof(*p));
	check(p && worker_init(&p->w, 0) == 0 && nghttp2_hd_inflate_new(&p->inflater) == 0,
		"no memory for %s", "a peer");
	p->conf = (struct codec_conf){ .linger = { 5 * NS_PER_S, 30 * NS_PER_S, 64 << 20 },
		.head_ns = 5 * NS_PER_S,
		.body_ns = 5 * NS_PER_S,
		.idle_ns = 5 * NS_PER_S,
		.max_head = 32 * 1024,
		.max_fields = 100,
		.max_target = 8192,
		.budget = 512 * 1024,
		.handler = { on_request, on_bad_request, p },
		.on_closed = on_closed };
	p->fd = -1;
	return p;
}

void peer_open(struct peer *p)
{
	int pair[2];
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0, "socketpair: %d",
		errno);
	p->fd = pair[1];
	check(stream_init(&p->s, &p->w, pair[0], &transport_plain, NULL, NULL, NULL) == 0,
		"stream: %d", errno);
	p->server = http2_server_new(&p->s, &p->info, &p->conf);
}

void peer_start(struct peer *p)
{
	peer_open(p);
	peer_preface(p);
	peer_run(p);
	assert_int_equal(p->n_settings, 1);
	assert_int_equal(p->n_settings_acks, 1);
}

void peer_free(struct peer **p)
{
	struct peer *it = *p;
	*p = NULL;
	for (unsigned i = 0; i < it->n_calls; i++) {
		struct call *call = &it->calls[i];
		if (call->gone && call->c)
			call_finish(call);
		call->keep = false;
	}
	if (it->server)
		http2_server_abort(it->server);
	worker_turn(&it->w);
	check(!it->server, "a connection that was aborted is %s", "open");
	for (unsigned i = 0; i < it->n_calls; i++) {
		if (it->calls[i].c)
			fail_msg("%s was not finished", it->calls[i].head);
		free(it->calls[i].body);
	}
	for (unsigned i = 0; i < it->n_replies; i++)
		free(it->replies[i].body);
	if (it->fd >= 0)
		(void)close(it->fd);
	buf_fini(&it->in);
	nghttp2_hd_inflate_del(it->inflater);
	worker_fini(&it->w);
	http2_thread_fini();
	buf_thread_fini();
	arena_thread_fini();
	free(it);
}

/* ---- what the client gets ------------------------------------------------------------------ */

struct reply *peer_reply(struct peer *p, uint32_t stream)
{
	for (unsigned i = p->n_replies; i > 0; i--) {
		if (p->replies[i - 1].stream == stream)
			return &p->replies[i - 1];
	}
	check(p->n_replies < REPLIES_MAX, "more than %d streams", REPLIES_MAX);
	struct reply *r = &p->replies[p->n_replies++];
	r->stream = stream;
	r->body = calloc(1, TEXT_MAX + 1);
	check(r->body, "no memory for %s", "a body");
	return r;
}

static void got_headers(struct peer *p, struct reply *r, const char *at, size_t n)
{
	bool trailers = r->status >= 200;
	char *to = trailers ? r->trailers : r->fields;
	size_t size = trailers ? sizeof(r->trailers) : sizeof(r->fields);
	check(!r->ended, "HEADERS after the end of stream %u", r->stream);
	r->n_heads++;
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used =
			nghttp2_hd_inflate_hd2(p->inflater, &nv, &flags, (const uint8_t *)at, n, 1);
		check(used >= 0, "HPACK: %s", nghttp2_strerror((int)used));
		at += used;
		n -= (size_t)used;
		if (flags & NGHTTP2_HD_INFLATE_EMIT) {
			if (nv.namelen == 7 && memcmp(nv.name, ":status", 7) == 0)
				r->status = (int)strtol((const char *)nv.value, NULL, 10);
			else
				text_add(to, size, "%.*s: %.*s\n", (int)nv.namelen, (char *)nv.name,
					(int)nv.valuelen, (char *)nv.value);
		}
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	nghttp2_hd_inflate_end_headers(p->inflater);
	if (r->status < 200)
		r->interim++;
}

static void got_data(struct peer *p, struct reply *r, const char *at, size_t n)
{
	check(!r->ended && !r->reset, "DATA after the end of stream %u", r->stream);
	if (r->frames++ == 0)
		r->first_data = p->data;
	if (n && r->body_len < TEXT_MAX)
		memcpy(r->body + r->body_len, at,
			n < TEXT_MAX - r->body_len ? n : (size_t)(TEXT_MAX - r->body_len));
	r->body_len += n;
	p->data += n;
	r->last_data = p->data;
	if (n && !p->no_updates && p->server) {
		peer_update(p, 0, (uint32_t)n);
		peer_update(p, r->stream, (uint32_t)n);
	}
}

static void got_settings(struct peer *p, unsigned flags, const char *at, size_t n)
{
	if (flags & FRAME_ACK) {
		p->n_settings_acks++;
		return;
	}
	p->n_settings++;
	for (size_t i = 0; i + 6 <= n; i += 6) {
		unsigned id = (unsigned)(uint8_t)at[i] << 8 | (uint8_t)at[i + 1];
		if (id < 16)
			p->settings[id] = frame_get32(at + i + 2);
	}
	if (!p->quiet)
		peer_frame(p, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
}

static void got_frame(struct peer *p, unsigned type, unsigned flags, uint32_t stream,
	const char *at, size_t n)
{
	switch (type) {
	case FRAME_DATA:
		got_data(p, peer_reply(p, stream), at, n);
		break;
	case FRAME_HEADERS:
		check(flags & FRAME_END_HEADERS, "a head in pieces on stream %u", stream);
		got_headers(p, peer_reply(p, stream), at, n);
		break;
	case FRAME_RST_STREAM:
		check(!peer_reply(p, stream)->reset, "stream %u was reset twice", stream);
		peer_reply(p, stream)->reset = true;
		peer_reply(p, stream)->reset_code = frame_get32(at);
		return;
	case FRAME_SETTINGS:
		got_settings(p, flags, at, n);
		return;
	case FRAME_PING:
		if (flags & FRAME_ACK)
			p->n_ping_acks++;
		else if (!p->quiet)
			peer_frame(p, FRAME_PING, FRAME_ACK, 0, at, n);
		return;
	case FRAME_GOAWAY:
		p->goaway_last = frame_get32(at);
		p->goaway_code = frame_get32(at + 4);
		if (p->n_goaway++ == 0)
			p->first_goaway_last = p->goaway_last;
		return;
	case FRAME_WINDOW_UPDATE:
		p->n_updates++;
		p->credit += stream == 0 ? frame_get32(at) : 0;
		return;
	default:
		fail_msg("frame of type %u", type);
	}
	if (flags & FRAME_END_STREAM)
		peer_reply(p, stream)->ended = true;
}

static bool peer_read(struct peer *p)
{
	bool moved = false;
	while (!p->eof && !p->no_read) {
		size_t room;
		char *at = buf_reserve(&p->in, 1, &room);
		ssize_t n = recv(p->fd, at, room, 0);
		p->eof = n == 0 || (n < 0 && errno != EAGAIN);
		if (n <= 0)
			break;
		moved = true;
		buf_commit(&p->in, (size_t)n);
		while (p->in.len >= HTTP2_FRAME_HEAD) {
			char head[HTTP2_FRAME_HEAD];
			buf_copy(&p->in, head, sizeof(head));
			struct frame got = frame_get(head);
			if (p->in.len < sizeof(head) + got.len)
				break;
			buf_drain(&p->in, sizeof(head));
			sluice_str payload = got.len ? buf_pullup(&p->in, got.len) : STR_NONE;
			got_frame(p, got.type, got.flags, got.stream, payload.data, got.len);
			buf_drain(&p->in, got.len);
		}
	}
	return moved;
}

static void sleep_ms(unsigned ms)
{
	const struct timespec t = { .tv_nsec = (long)(ms * NS_PER_MS) };
	(void)nanosleep(&t, NULL);
}

void peer_run(struct peer *p)
{
	for (int idle = 0; idle < 3; idle++) {
		if (p->server && !p->restless)
			http2_server_rest(p->server);
		worker_turn(&p->w);
		if (peer_read(p))
			idle = -1;
	}
}

void peer_wait(struct peer *p, unsigned ms)
{
	uint64_t until = clock_ns() + ms * NS_PER_MS;
	do {
		sleep_ms(2);
		peer_run(p);
	} while (clock_ns() < until);
}

bool peer_ends(struct peer *p, unsigned ms)
{
	uint64_t until = clock_ns() + ms * NS_PER_MS;
	do {
		peer_run(p);
		if (p->eof && p->fd >= 0) {
			(void)close(p->fd);
			p->fd = -1;
		}
		if (!p->server)
			return true;
		sleep_ms(2);
	} while (clock_ns() < until);
	return false;
}

/* ---- what the client sends ----------------------------------------------------------------- */

void peer_bytes(struct peer *p, const void *bytes, size_t n)
{
	const char *at = bytes;
	while (n && p->fd >= 0 && !p->eof) {
		ssize_t put = send(p->fd, at, n, MSG_NOSIGNAL);
		if (put < 0 && errno == EAGAIN) {
			worker_turn(&p->w);
			continue;
		}
		if (put < 0)
			break; /* the server has closed: what is said to it does not matter */
		at += put;
		n -= (size_t)put;
	}
}

void peer_frame(struct peer *p, unsigned type, unsigned flags, uint32_t stream, const void *payload,
	size_t n)
{
	char frame[HTTP2_FRAME_HEAD + 65536];
	check(n <= sizeof(frame) - HTTP2_FRAME_HEAD, "a frame of %zu bytes", n);
	frame_put(frame, &(struct frame){ n, type, flags, stream });
	if (n)
		memcpy(frame + HTTP2_FRAME_HEAD, payload, n);
	peer_bytes(p, frame, HTTP2_FRAME_HEAD + n);
}

void peer_preface(struct peer *p)
{
	peer_bytes(p, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP2_PREFACE_LEN);
	peer_frame(p, FRAME_SETTINGS, 0, 0, NULL, 0);
}

/* HPACK, RFC 7541 6.2.2 and 5.1: without index, without Huffman. */
static size_t put_string(char *to, const char *s)
{
	size_t n = strlen(s), at = 0, left = n;
	if (n < 127) {
		to[at++] = (char)n;
	} else {
		to[at++] = 127;
		for (left -= 127; left >= 128; left >>= 7)
			to[at++] = (char)(left | 128);
		to[at++] = (char)left;
	}
	memcpy(to + at, s, n);
	return at + n;
}

static size_t put_block(char *to, va_list ap)
{
	size_t n = 0;
	for (;;) {
		const char *name = va_arg(ap, const char *);
		if (!name)
			return n;
		to[n++] = 0;
		n += put_string(to + n, name);
		n += put_string(to + n, va_arg(ap, const char *));
	}
}

size_t peer_block(char *to, ...)
{
	va_list ap;
	va_start(ap, to);
	size_t n = put_block(to, ap);
	va_end(ap);
	return n;
}

void peer_headers(struct peer *p, uint32_t stream, unsigned flags, ...)
{
	static char block[65536];
	va_list ap;
	va_start(ap, flags);
	size_t n = put_block(block, ap);
	va_end(ap);
	peer_frame(p, FRAME_HEADERS, flags | FRAME_END_HEADERS, stream, block, n);
}

void peer_get(struct peer *p, uint32_t stream, const char *path)
{
	peer_headers(p, stream, FRAME_END_STREAM, ":method", "GET", ":scheme", "https",
		":authority", "example.com", ":path", path, NULL);
}

void peer_post(struct peer *p, uint32_t stream, const char *path)
{
	peer_headers(p, stream, 0, ":method", "POST", ":scheme", "https", ":authority",
		"example.com", ":path", path, NULL);
}

void peer_data(struct peer *p, uint32_t stream, const char *text, bool end)
{
	peer_frame(p, FRAME_DATA, end ? FRAME_END_STREAM : 0, stream, text, strlen(text));
}

void peer_reset(struct peer *p, uint32_t stream, uint32_t code)
{
	char payload[4];
	frame_put32(payload, code);
	peer_frame(p, FRAME_RST_STREAM, 0, stream, payload, sizeof(payload));
}

void peer_update(struct peer *p, uint32_t stream, uint32_t n)
{
	char payload[4];
	frame_put32(payload, n);
	peer_frame(p, FRAME_WINDOW_UPDATE, 0, stream, payload, sizeof(payload));
}
