/* From socket to socket. See splice.h for the contract. */
#include "net/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sanitize.h"
#include "base/stat.h"

enum {
	PIPE_BYTES = 1024 * 1024, /* asked for; the system may grant less */
	/* a client that has taken so much reads: its system would not keep it */
	SPLICE_SURE = 1024 * 1024,
	SPLICE_FIRST_PIECE = 8 * 1024,
	SPARE_MAX = 16, /* empty pipes a thread keeps for reuse */
};

/* Stands in stream.tls while it holds bytes for that stream. */
struct pipe {
	struct pipe *next;
	struct quota *quota; /* borrowed: what it was taken from */
	size_t len;          /* bytes in it */
	int out, in;         /* owned: the ends to read from and to write to */
};

static __thread struct pipe *spare;
static __thread unsigned n_spare;

/* ---- pipes --------------------------------------------------------------------------------- */

/* NULL: there is none left, and the bytes are to be read and written instead. */
static struct pipe *pipe_new(struct quota *quota)
{
	struct pipe *p = spare;
	int ends[2];
	if (p) {
		spare = p->next;
		n_spare--;
		return p;
	}
	if (!quota_take(quota)) {
		stat_inc(STAT_PIPES_DENIED);
		return NULL;
	}
	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0) {
		stat_inc(STAT_PIPES_DENIED);
		quota_give(quota);
		return NULL;
	}
	p = mem_new(struct pipe);
	*p = (struct pipe){ .quota = quota, .out = ends[0], .in = ends[1] };
	(void)fcntl(p->in, F_SETPIPE_SZ, PIPE_BYTES);
	stat_inc(STAT_PIPES);
	return p;
}

static void pipe_close(struct pipe *p)
{
	(void)close(p->out);
	(void)close(p->in);
	quota_give(p->quota);
	stat_dec(STAT_PIPES);
	free(p);
}

static void pipe_give_back(struct pipe *p)
{
	if (p->len || n_spare >= SPARE_MAX || quota_is_tight(p->quota) || MEMORY_IS_WATCHED) {
		pipe_close(p);
		return;
	}
	p->next = spare;
	spare = p;
	n_spare++;
}

void splice_thread_fini(void)
{
	while (spare) {
		struct pipe *next = spare->next;
		pipe_close(spare);
		spare = next;
	}
	n_spare = 0;
}

/* ---- out of the pipe ----------------------------------------------------------------------- */

/* IO_OK: the pipe is empty. */
static enum io pipe_empty_into(struct stream *to, struct pipe *p)
{
	while (p->len) {
		ssize_t r;
		if (!(to->flags & STREAM_WR))
			return IO_AGAIN;
		do {
			r = splice(p->out, NULL, to->fd, NULL, p->len,
				SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		} while (r < 0 && errno == EINTR);
		if (r < 0 && errno == EAGAIN) {
			to->flags &= (uint16_t)~STREAM_WR;
			return IO_AGAIN;
		}
		if (r <= 0)
			return IO_FAIL;
		p->len -= (size_t)r;
		to->bytes_out += (uint64_t)r;
	}
	return IO_OK;
}

static enum io piped_read(struct stream *s, size_t want)
{
	return transport_plain.read(s, want);
}

static void piped_free(struct stream *s)
{
	pipe_give_back(s->tls);
	s->transport = &transport_plain;
	s->tls = NULL;
}

static enum io piped_write(struct stream *s)
{
	enum io io = pipe_empty_into(s, s->tls);
	if (io != IO_OK)
		return io;
	piped_free(s);
	s->flags &= (uint16_t)~STREAM_OWED;
	return transport_plain.write(s);
}

static const struct transport transport_piped = { .read = piped_read,
	.write = piped_write,
	.free = piped_free };

/* Bytes that `to` does not take now wait in the pipe, which `to` owns from here on. */
static void pipe_stay(struct stream *to, struct pipe *p)
{
	to->transport = &transport_piped;
	to->tls = p;
	to->flags |= STREAM_OWED;
	stream_kick(to);
}

/* ---- into the pipe ------------------------------------------------------------------------- */

static enum splice pipe_fill_from(struct stream *from, struct pipe *p, uint64_t most)
{
	ssize_t r;
	if (!(from->flags & STREAM_RD))
		return from->flags & STREAM_EOF ? SPLICE_EOF : SPLICE_DRY;
	do {
		r = splice(from->fd, NULL, p->in, NULL,
			most < PIPE_BYTES ? (size_t)most : PIPE_BYTES,
			SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	} while (r < 0 && errno == EINTR);
	if (r > 0) {
		p->len = (size_t)r;
		from->bytes_in += (uint64_t)r;
		return SPLICE_OK;
	}
	if (r < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM))
		return SPLICE_UNABLE;
	if (r < 0 && errno != EAGAIN)
		return SPLICE_FAIL;
	/* an empty pipe has room, so it is the socket that would block */
	from->flags &= (uint16_t)~STREAM_RD;
	if (r < 0)
		return SPLICE_DRY;
	from->flags |= STREAM_EOF;
	return SPLICE_EOF;
}

static bool is_plain(const struct stream *s)
{
	return s->transport == &transport_plain &&
		!(s->flags & (STREAM_CONNECTING | STREAM_FAILED | STREAM_CLOSED));
}

/* How much to take at a time. The system makes room for what a server sends by how much is taken of
 * it at a time. As long as the client may not be reading at all, little is: large pieces would have
 * the server send megabytes ahead that nobody wants. */
static uint64_t splice_piece(struct stream *to)
{
	if (!to->is_read && to->bytes_out >= SPLICE_SURE)
		to->is_read = stream_taken(to) >= SPLICE_SURE;
	return to->is_read ? PIPE_BYTES : SPLICE_FIRST_PIECE;
}

enum splice stream_splice(struct stream *to, struct stream *from, uint64_t most, uint64_t *n)
{
	enum splice r = SPLICE_OK;
	*n = 0;
	check(from->in.len == 0, "splicing past %zu bytes that were read", from->in.len);
	if (to->transport == &transport_piped)
		return SPLICE_FULL;
	if (!is_plain(to) || !is_plain(from))
		return SPLICE_UNABLE;
	if (to->out.len)
		return SPLICE_FULL;
	struct pipe *p = pipe_new(&to->worker->shares->quota[SHARE_PIPES]);
	if (!p)
		return SPLICE_UNABLE;
	while (*n < most && r == SPLICE_OK) {
		uint64_t piece = splice_piece(to);
		r = pipe_fill_from(from, p, most - *n < piece ? most - *n : piece);
		*n += p->len;
		/* a failure shows again when the loop flushes `to` */
		if (pipe_empty_into(to, p) != IO_OK) {
			pipe_stay(to, p);
			return SPLICE_FULL;
		}
	}
	pipe_give_back(p);
	return r;
}
