/* PROXY headers before another transport. See proxy_transport.h for the idea. */
#include "net/proxy_transport.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

/* What stands in stream.tls meanwhile. */
struct behind {
	const struct transport *next; /* borrowed: const table */
	void *state;                  /* owned: of next */
};

struct reader {
	struct behind behind;
	proxy_header_fn on_header;
	const char *why; /* constant; NULL: nothing is wrong yet */
};

struct writer {
	struct behind behind;
	unsigned len, sent;
	char header[PROXY_HEADER_WRITTEN];
};

/* The stream is the next transport's from here on. */
static void behind_hand_over(struct stream *s)
{
	struct behind *b = s->tls;
	s->transport = b->next;
	s->tls = b->state;
	free(b);
}

static enum io behind_go_on(struct stream *s)
{
	behind_hand_over(s);
	return s->transport->handshake ? s->transport->handshake(s) : IO_OK;
}

static void behind_free(struct stream *s)
{
	if (!s->tls)
		return;
	behind_hand_over(s);
	if (s->transport->free)
		s->transport->free(s);
}

/* Nothing is read or written before the handshake is through, and then not here. */
static enum io nothing_to_read(struct stream *s, size_t want)
{
	(void)s, (void)want;
	return IO_AGAIN;
}

static enum io nothing_to_write(struct stream *s)
{
	(void)s;
	return IO_AGAIN;
}

/* ---- reading one --------------------------------------------------------------------------- */

static enum io reader_fail(struct reader *r, const char *why)
{
	r->why = why;
	return IO_FAIL;
}

/* The header is looked at where it waits, and taken when it is whole: what follows it is the next
 * transport's to read. */
static enum io reader_handshake(struct stream *s)
{
	struct reader *r = s->tls;
	struct proxy_header h;
	char bytes[PROXY_HEADER_MAX];
	ssize_t n;

	if (!(s->flags & STREAM_RD))
		return IO_AGAIN;
	do {
		n = recv(s->fd, bytes, sizeof(bytes), MSG_PEEK);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		s->flags &= (uint16_t)~STREAM_RD;
		return IO_AGAIN;
	}
	if (n <= 0)
		return reader_fail(r, "the connection ended before it");
	int len = proxy_header_parse(bytes, (size_t)n, &h, &r->why);
	if (len < 0)
		return IO_FAIL;
	if (len == 0 && (s->flags & STREAM_HUP))
		return reader_fail(r, "the connection ended within it");
	if ((len == 0 || len == n) && (size_t)n < sizeof(bytes) && !(s->flags & STREAM_HUP))
		s->flags &= (uint16_t)~STREAM_RD; /* what follows comes with a new event */
	if (len == 0)
		return IO_AGAIN;
	if (recv(s->fd, bytes, (size_t)len, 0) != len)
		return reader_fail(r, "the connection broke");
	return r->on_header(s, &h) ? behind_go_on(s) : IO_FAIL;
}

void *proxy_reader_new(const struct transport *next, void *next_state, proxy_header_fn on_header)
{
	struct reader *r = mem_new(struct reader);
	*r = (struct reader){ .behind = { next, next_state }, .on_header = on_header };
	return r;
}

const char *proxy_reader_why(const struct stream *s)
{
	const struct reader *r = s->transport == &transport_proxy_reader ? s->tls : NULL;
	return r && r->why ? r->why : "";
}

const struct transport transport_proxy_reader = {
	.read = nothing_to_read,
	.write = nothing_to_write,
	.handshake = reader_handshake,
	.free = behind_free,
};

/* ---- sending one --------------------------------------------------------------------------- */

static enum io writer_handshake(struct stream *s)
{
	struct writer *w = s->tls;
	uint64_t before = s->bytes_out;
	while (w->sent < w->len) {
		struct iovec iov = { w->header + w->sent, w->len - w->sent };
		size_t n;
		enum io io = stream_raw_write(s, &iov, 1, iov.iov_len, &n);
		s->bytes_out = before;
		if (io == IO_AGAIN)
			return IO_AGAIN;
		if (io != IO_OK)
			break; /* the next transport finds the same end, and reports it */
		w->sent += (unsigned)n;
	}
	return behind_go_on(s);
}

void *proxy_writer_new(sluice_str header, const struct transport *next, void *next_state)
{
	struct writer *w = mem_new(struct writer);
	check(header.len <= sizeof(w->header), "a PROXY header of %zu bytes", header.len);
	w->behind = (struct behind){ next, next_state };
	w->len = (unsigned)header.len;
	memcpy(w->header, header.data, header.len);
	return w;
}

const struct transport transport_proxy_writer = {
	.read = nothing_to_read,
	.write = nothing_to_write,
	.handshake = writer_handshake,
	.free = behind_free,
};
