/* What transports that stand before another one share. See the header. */
#include "net/behind.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

void behind_hand_over(struct stream *s)
{
	struct behind *b = s->tls;
	s->transport = b->next;
	s->tls = b->state;
	free(b);
}

enum io behind_go_on(struct stream *s)
{
	behind_hand_over(s);
	return s->transport->handshake ? s->transport->handshake(s) : IO_OK;
}

void behind_free(struct stream *s)
{
	if (!s->tls)
		return;
	behind_hand_over(s);
	if (s->transport->free)
		s->transport->free(s);
}

enum io behind_read(struct stream *s, size_t want)
{
	(void)s, (void)want;
	return IO_AGAIN;
}

enum io behind_write(struct stream *s)
{
	(void)s;
	return IO_AGAIN;
}

enum io behind_send(struct stream *s, const char *bytes, size_t len, size_t *sent)
{
	uint64_t before = s->bytes_out;
	while (*sent < len) {
		struct iovec iov = { (char *)(uintptr_t)(bytes + *sent), len - *sent };
		size_t n;
		enum io io = stream_raw_write(s, &iov, 1, iov.iov_len, &n);
		s->bytes_out = before;
		if (io != IO_OK)
			return io;
		*sent += n;
	}
	return IO_OK;
}

enum io behind_look(struct stream *s, char *bytes, size_t room, size_t *n)
{
	ssize_t got;
	if (!(s->flags & STREAM_RD))
		return IO_AGAIN;
	do {
		got = recv(s->fd, bytes, room, MSG_PEEK);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN) {
		s->flags &= (uint16_t)~STREAM_RD;
		return IO_AGAIN;
	}
	*n = got > 0 ? (size_t)got : 0;
	return got > 0 ? IO_OK : IO_EOF;
}

enum io behind_take(struct stream *s, char *bytes, size_t room, size_t n, size_t len)
{
	bool has_ended = s->flags & STREAM_HUP;
	if (len == 0 && has_ended)
		return IO_EOF;
	if ((len == 0 || len == n) && n < room && !has_ended)
		s->flags &= (uint16_t)~STREAM_RD; /* what follows comes with a new event */
	if (len == 0)
		return IO_AGAIN;
	return recv(s->fd, bytes, len, 0) == (ssize_t)len ? IO_OK : IO_FAIL;
}
