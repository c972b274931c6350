/* What both kinds of peers do. See the header. */
#include "peer.h"
#include "frames.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/* ---- texts --------------------------------------------------------------------------------- */

void text_add(char *to, size_t size, const char *fmt, ...)
{
	size_t len = strlen(to);
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(to + len, size - len, fmt, ap);
	va_end(ap);
}

void fields_text(char *to, size_t size, const struct fields *f)
{
	for (uint32_t i = 0; f && i < f->n; i++) {
		if (!(f->v[i].flags & FIELD_DROP))
			text_add(to, size, "%.*s: %.*s\n", STR_ARG(field_name(&f->v[i])),
				STR_ARG(field_value(&f->v[i])));
	}
}

static void body_keep(char *body, uint64_t *body_len, const char *at, size_t n)
{
	if (n && *body_len < PEER_TEXT)
		memcpy(body + *body_len, at,
			n < PEER_TEXT - *body_len ? n : (size_t)(PEER_TEXT - *body_len));
	*body_len += n;
}

void body_add(char *body, uint64_t *body_len, struct buf *data)
{
	while (data->len) {
		sluice_str run = buf_peek(data);
		body_keep(body, body_len, run.data, run.len);
		buf_drain(data, run.len);
	}
}

void body_make(struct buf *to, uint64_t *pushed, size_t n)
{
	while (n) {
		size_t room, take;
		char *at = buf_reserve(to, 1, &room);
		take = n < room ? n : room;
		for (size_t i = 0; i < take; i++)
			at[i] = (char)('a' + (*pushed)++ % 23);
		buf_commit(to, take);
		n -= take;
	}
}

/* ---- making and ending --------------------------------------------------------------------- */

struct peer *peer_new(void)
{
	struct peer *p = calloc(1, sizeof(*p));
	check(p && worker_init(&p->w, 0) == 0 && nghttp2_hd_inflate_new(&p->inflater) == 0,
		"no memory for %s", "a peer");
	p->fd = -1;
	return p;
}

void peer_close(struct peer *p)
{
	if (p->fd >= 0)
		(void)close(p->fd);
	p->fd = -1;
}

void peer_free(struct peer **at)
{
	struct peer *p = *at;
	*at = NULL;
	p->fini(p);
	for (unsigned i = 0; i < p->n_streams; i++)
		free(p->streams[i].body);
	peer_close(p);
	buf_fini(&p->in);
	nghttp2_hd_inflate_del(p->inflater);
	worker_fini(&p->w);
	http2_thread_fini();
	buf_thread_fini();
	arena_thread_fini();
	free(p);
}

/* ---- what it gets -------------------------------------------------------------------------- */

struct peer_stream *peer_stream(struct peer *p, uint32_t id)
{
	for (unsigned i = p->n_streams; i > 0; i--) {
		if (p->streams[i - 1].id == id)
			return &p->streams[i - 1];
	}
	check(p->n_streams < PEER_STREAMS, "more than %d streams", PEER_STREAMS);
	struct peer_stream *s = &p->streams[p->n_streams++];
	s->id = id;
	s->body = calloc(1, PEER_TEXT + 1);
	check(s->body, "no memory for %s", "a body");
	return s;
}

static void got_field(struct peer_stream *s, bool trailers, const nghttp2_nv *nv)
{
	if (nv->namelen == 7 && memcmp(nv->name, ":status", 7) == 0) {
		s->status = (int)strtol((const char *)nv->value, NULL, 10);
		return;
	}
	text_add(trailers ? s->trailers : s->fields,
		trailers ? sizeof(s->trailers) : sizeof(s->fields), "%.*s: %.*s%s\n",
		(int)nv->namelen, (char *)nv->name, (int)nv->valuelen, (char *)nv->value,
		nv->flags & NGHTTP2_NV_FLAG_NO_INDEX ? " (never indexed)" : "");
}

static void got_headers(struct peer *p, struct peer_stream *s, const char *at, size_t n)
{
	bool trailers = s->n_heads && (s->status == 0 || s->status >= 200);
	check(!s->ended, "HEADERS after the end of stream %u", s->id);
	s->n_heads++;
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used =
			nghttp2_hd_inflate_hd2(p->inflater, &nv, &flags, (const uint8_t *)at, n, 1);
		check(used >= 0, "HPACK: %s", nghttp2_strerror((int)used));
		at += used;
		n -= (size_t)used;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			got_field(s, trailers, &nv);
		if (flags & NGHTTP2_HD_INFLATE_FINAL)
			break;
	}
	nghttp2_hd_inflate_end_headers(p->inflater);
	if (s->status && s->status < 200)
		s->interim++;
}

static void got_data(struct peer *p, struct peer_stream *s, const char *at, size_t n)
{
	check(!s->ended && !s->reset, "DATA after the end of stream %u", s->id);
	if (s->frames++ == 0)
		s->first_data = p->data;
	body_keep(s->body, &s->body_len, at, n);
	p->data += n;
	s->last_data = p->data;
	if (n && !p->no_updates) {
		peer_update(p, 0, (uint32_t)n);
		peer_update(p, s->id, (uint32_t)n);
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
	if (!p->said)
		p->owes_ack = true;
	else if (!p->quiet)
		peer_frame(p, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
}

static void got_ping(struct peer *p, unsigned flags, const char *at, size_t n)
{
	if (flags & FRAME_ACK) {
		p->n_ping_acks++;
		return;
	}
	check(p->takes_pings, "a PING nobody %s", "expects");
	p->n_pings++;
	if (!p->quiet)
		peer_frame(p, FRAME_PING, FRAME_ACK, 0, at, n);
}

static void got_frame(struct peer *p, const struct frame *f, const char *at)
{
	switch (f->type) {
	case FRAME_DATA:
		got_data(p, peer_stream(p, f->stream), at, f->len);
		break;
	case FRAME_HEADERS:
		check(f->flags & FRAME_END_HEADERS, "a head in pieces on stream %u", f->stream);
		got_headers(p, peer_stream(p, f->stream), at, f->len);
		break;
	case FRAME_RST_STREAM:
		check(!peer_stream(p, f->stream)->reset, "stream %u was reset twice", f->stream);
		peer_stream(p, f->stream)->reset = true;
		peer_stream(p, f->stream)->reset_code = frame_get32(at);
		return;
	case FRAME_SETTINGS:
		got_settings(p, f->flags, at, f->len);
		return;
	case FRAME_PING:
		got_ping(p, f->flags, at, f->len);
		return;
	case FRAME_GOAWAY:
		p->goaway_last = frame_get32(at);
		p->goaway_code = frame_get32(at + 4);
		if (p->n_goaway++ == 0)
			p->first_goaway_last = p->goaway_last;
		return;
	case FRAME_WINDOW_UPDATE:
		p->n_updates++;
		*(f->stream ? &peer_stream(p, f->stream)->credit : &p->credit) += frame_get32(at);
		return;
	default:
		fail_msg("frame of type %u", f->type);
	}
	if (f->flags & FRAME_END_STREAM)
		peer_stream(p, f->stream)->ended = true;
}

static void peer_frames(struct peer *p)
{
	if (p->preface_left && p->in.len >= p->preface_left) {
		sluice_str got = buf_pullup(&p->in, p->preface_left);
		assert_memory_equal(got.data, preface, p->preface_left);
		buf_drain(&p->in, p->preface_left);
		p->preface_left = 0;
	}
	while (!p->preface_left && p->in.len >= HTTP2_FRAME_HEAD) {
		char head[HTTP2_FRAME_HEAD];
		buf_copy(&p->in, head, sizeof(head));
		struct frame got = frame_get(head);
		if (p->in.len < sizeof(head) + got.len)
			break;
		check(got.len <= 16384, "a frame of %zu bytes", got.len);
		buf_drain(&p->in, sizeof(head));
		sluice_str payload = got.len ? buf_pullup(&p->in, got.len) : STR_NONE;
		got_frame(p, &got, payload.data);
		buf_drain(&p->in, got.len);
	}
}

static bool peer_read(struct peer *p)
{
	bool moved = false;
	while (p->fd >= 0 && !p->eof && !p->no_read) {
		size_t room;
		char *at = buf_reserve(&p->in, 1, &room);
		ssize_t n = recv(p->fd, at, room, 0);
		p->eof = n == 0 || (n < 0 && errno != EAGAIN);
		if (n <= 0)
			break;
		moved = true;
		buf_commit(&p->in, (size_t)n);
		peer_frames(p);
	}
	return moved;
}

void peer_run(struct peer *p)
{
	for (unsigned still = 0; still < 3;) {
		if (p->rest)
			p->rest(p);
		p->w.clock_is_fresh = false;
		worker_turn(&p->w);
		still = peer_read(p) ? 0 : still + 1;
	}
}

void peer_wait(struct peer *p, unsigned ms)
{
	uint64_t end = clock_ns() + ms * NS_PER_MS;
	do {
		(void)poll(NULL, 0, 1);
		peer_run(p);
	} while (clock_ns() < end);
}

bool peer_until(struct peer *p, const unsigned *n, unsigned ms)
{
	uint64_t end = clock_ns() + ms * NS_PER_MS;
	while (!*n && clock_ns() < end)
		peer_wait(p, 1);
	return *n != 0;
}

/* ---- what it sends ------------------------------------------------------------------------- */

void peer_bytes(struct peer *p, const void *bytes, size_t n)
{
	const char *at = bytes;
	while (n && p->fd >= 0 && !p->eof) {
		ssize_t put = send(p->fd, at, n, MSG_NOSIGNAL);
		if (put < 0 && errno == EAGAIN) {
			p->w.clock_is_fresh = false;
			worker_turn(&p->w);
			continue;
		}
		if (put < 0)
			break; /* the connection under test is closed */
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

void peer_settings(struct peer *p, ...)
{
	char payload[16 * 6];
	size_t n = 0;
	va_list ap;
	va_start(ap, p);
	for (unsigned id; (id = va_arg(ap, unsigned)) != 0; n += 6) {
		payload[n] = 0;
		payload[n + 1] = (char)id;
		frame_put32(payload + n + 2, va_arg(ap, unsigned));
	}
	va_end(ap);
	peer_frame(p, FRAME_SETTINGS, 0, 0, payload, n);
	p->said = true;
	if (p->owes_ack)
		peer_frame(p, FRAME_SETTINGS, FRAME_ACK, 0, NULL, 0);
	p->owes_ack = false;
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
	for (const char *name; (name = va_arg(ap, const char *)) != NULL;) {
		to[n++] = 0;
		n += put_string(to + n, name);
		n += put_string(to + n, va_arg(ap, const char *));
	}
	return n;
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

void peer_data(struct peer *p, uint32_t stream, const char *text, bool end)
{
	peer_frame(p, FRAME_DATA, end ? FRAME_END_STREAM : 0, stream, text, strlen(text));
}

void peer_fill(struct peer *p, uint32_t stream, size_t n, bool end)
{
	static char bytes[16384];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)('a' + i % 23);
	while (n) {
		size_t take = n < sizeof(bytes) ? n : sizeof(bytes);
		n -= take;
		peer_frame(p, FRAME_DATA, end && !n ? FRAME_END_STREAM : 0, stream, bytes, take);
	}
}

void peer_reset(struct peer *p, uint32_t stream, uint32_t code)
{
	char payload[4];
	frame_put32(payload, code);
	peer_frame(p, FRAME_RST_STREAM, 0, stream, payload, sizeof(payload));
}

void peer_goaway(struct peer *p, uint32_t last, uint32_t code)
{
	char payload[8];
	frame_put32(payload, last);
	frame_put32(payload + 4, code);
	peer_frame(p, FRAME_GOAWAY, 0, 0, payload, sizeof(payload));
}

void peer_update(struct peer *p, uint32_t stream, uint32_t n)
{
	char payload[4];
	frame_put32(payload, n);
	peer_frame(p, FRAME_WINDOW_UPDATE, 0, stream, payload, sizeof(payload));
}
