/* Bytes on and off a socket: what all transports share, and the one that adds nothing. See stream.h
 * for the contract. */
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "net/stream.h"

enum io stream_raw_read(struct stream *s, struct iovec *iov, int n_iov, size_t room, size_t *n)
{
	ssize_t r;
	*n = 0;
	if (!(s->flags & STREAM_RD))
		return s->flags & STREAM_EOF ? IO_EOF : IO_AGAIN;
	do {
		r = n_iov == 1 ? recv(s->fd, iov->iov_base, iov->iov_len, 0)
			       : readv(s->fd, iov, n_iov);
	} while (r < 0 && errno == EINTR);
	if (r > 0) {
		/* a short read has emptied the socket: new bytes, or the end, come with a new
		 * event; but an end that came before this read was already told by the event of the
		 * bytes */
		if ((size_t)r < room && !(s->flags & STREAM_HUP))
			s->flags &= (uint16_t)~STREAM_RD;
		*n = (size_t)r;
		s->bytes_in += (uint64_t)r;
		return IO_OK;
	}
	if (r < 0 && errno == EAGAIN) {
		s->flags &= (uint16_t)~STREAM_RD;
		return IO_AGAIN;
	}
	s->flags &= (uint16_t)~STREAM_RD;
	if (r == 0) {
		s->flags |= STREAM_EOF;
		return IO_EOF;
	}
	return IO_FAIL;
}

enum io stream_raw_write(struct stream *s, struct iovec *iov, int n_iov, size_t total, size_t *n)
{
	ssize_t r;
	*n = 0;
	if (!(s->flags & STREAM_WR))
		return IO_AGAIN;
	do {
		struct msghdr m = { .msg_iov = iov, .msg_iovlen = (size_t)n_iov };
		r = n_iov == 1 ? send(s->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
			       : sendmsg(s->fd, &m, MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	if (r < 0 && errno == EAGAIN) {
		s->flags &= (uint16_t)~STREAM_WR;
		return IO_AGAIN;
	}
	if (r < 0)
		return IO_FAIL;
	*n = (size_t)r;
	s->bytes_out += (uint64_t)r;
	if (*n < total)
		s->flags &= (uint16_t)~STREAM_WR;
	return IO_OK;
}

static enum io plain_read(struct stream *s, size_t want)
{
	struct buf_room room;
	size_t n;
	buf_room(&s->in, want, &room);
	enum io io = stream_raw_read(s, room.iov, room.n, room.total, &n);
	buf_room_take(&s->in, &room, n);
	return io;
}

static enum io plain_write(struct stream *s)
{
	while (s->out.len) {
		struct iovec iov[BUF_IOV_MAX];
		size_t total, n;
		int n_iov = buf_iov(&s->out, iov, BUF_IOV_MAX, &total);
		enum io io = stream_raw_write(s, iov, n_iov, total, &n);
		buf_drain(&s->out, n);
		if (io != IO_OK)
			return io;
		if (n < total)
			return IO_AGAIN;
	}
	return IO_OK;
}

const struct transport transport_plain = { .read = plain_read, .write = plain_write };

uint64_t stream_taken(const struct stream *s)
{
	int kept = 0;
	if (s->fd < 0 || ioctl(s->fd, SIOCOUTQ, &kept) < 0 || kept < 0 ||
		(uint64_t)kept > s->bytes_out)
		kept = 0;
	return s->bytes_out - (uint64_t)kept;
}
