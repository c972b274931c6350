/* PROXY headers before another transport. See proxy_transport.h for the idea. */
#include "net/proxy_transport.h"

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

static enum io reader_handshake(struct stream *s)
{
	struct reader *r = s->tls;
	struct proxy_header h;
	char bytes[PROXY_HEADER_MAX];
	size_t n;
	enum io io = behind_look(s, bytes, sizeof(bytes), &n);
	if (io == IO_EOF)
		return reader_fail(r, "the connection ended before it");
	if (io != IO_OK)
		return io;
	int len = proxy_header_parse(bytes, n, &h, &r->why);
	if (len < 0)
		return IO_FAIL;
	io = behind_take(s, bytes, sizeof(bytes), n, (size_t)len);
	if (io == IO_EOF)
		return reader_fail(r, "the connection ended within it");
	if (io == IO_FAIL)
		return reader_fail(r, "the connection broke");
	if (io != IO_OK)
		return io;
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
