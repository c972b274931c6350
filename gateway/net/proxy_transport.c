/* PROXY headers before another transport. See proxy_transport.h for the idea. */
#include "net/proxy_transport.h"

#include <errno.h>

#include "base/mem.h"
#include "net/behind.h"

struct reader {
	struct behind behind;
	proxy_header_fn on_header;
	const char *why; /* constant; NULL: nothing is wrong yet */
};

struct writer {
	struct behind behind;
	size_t len, sent;
	char header[PROXY_HEADER_WRITTEN];
};

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
	.read = behind_read,
	.write = behind_write,
	.handshake = reader_handshake,
	.free = behind_free,
};

/* ---- sending one --------------------------------------------------------------------------- */

static enum io writer_handshake(struct stream *s)
{
	struct writer *w = s->tls;
	if (behind_send(s, w->header, w->len, &w->sent) == IO_AGAIN)
		return IO_AGAIN;
	/* after a failure the next transport finds the same end, and reports it */
	return behind_go_on(s);
}

void *proxy_writer_new(sluice_str header, const struct transport *next, void *next_state)
{
	struct writer *w = mem_new(struct writer);
	check(header.len <= sizeof(w->header), "a PROXY header of %zu bytes", header.len);
	w->behind = (struct behind){ next, next_state };
	w->len = header.len;
	memcpy(w->header, header.data, header.len);
	return w;
}

const struct transport transport_proxy_writer = {
	.read = behind_read,
	.write = behind_write,
	.handshake = writer_handshake,
	.free = behind_free,
};
