/* Byte streams. See stream.h for the contract. */
#include "net/stream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

/* bytes discarded at once while lingering, before other connections get their turn */
enum { LINGER_READS = 16 };

static void stream_fail(struct stream *s, int error)
{
	if (s->flags & (STREAM_FAILED | STREAM_CLOSED))
		return;
	s->flags |= STREAM_FAILED;
	s->user->on_fail(s, error);
}

/* ---- reading and writing ------------------------------------------------------------------- */

enum io stream_fill(struct stream *s)
{
	size_t before = s->in.len, want = (size_t)STREAM_READ_MIN << s->read_growth;
	enum io io = s->transport->read(s, want);
	size_t got = s->in.len - before;
	if (got >= want && want < STREAM_READ_MAX)
		s->read_growth++;
	else if (got < want / 4 && s->read_growth)
		s->read_growth--;
	if (io == IO_FAIL)
		s->flags |= STREAM_FAILED;
	return io;
}

void stream_kick(struct stream *s)
{
	if (!(s->flags & (STREAM_DIRTY | STREAM_CLOSED))) {
		s->flags |= STREAM_DIRTY;
		list_push(&s->worker->dirty, &s->dirty_link);
	}
}

void stream_resume(struct stream *s)
{
	if (!(s->flags & (STREAM_READY | STREAM_CLOSED))) {
		s->flags |= STREAM_READY;
		list_push(&s->worker->ready, &s->ready_link);
	}
}

void stream_look(struct stream *s)
{
	if (s->flags &
		(STREAM_EOF | STREAM_FAILED | STREAM_CLOSED | STREAM_CONNECTING | STREAM_HANDSHAKE))
		return;
	s->flags |= STREAM_RD;
	stream_resume(s);
}

static void stream_linger_on(struct stream *s);

static void stream_flush(struct stream *s)
{
	if (s->flags & (STREAM_CONNECTING | STREAM_HANDSHAKE | STREAM_FAILED))
		return;
	if (stream_has_unsent(s) && (s->flags & STREAM_WR)) {
		enum io io = s->transport->write(s);
		if (io == IO_FAIL || io == IO_EOF) {
			stream_fail(s, errno ? errno : EPIPE);
			return;
		}
	}
	if (s->flags & STREAM_LINGER) {
		if (!stream_has_unsent(s))
			stream_linger_on(s);
		return;
	}
	bool drained = (s->flags & STREAM_FULL) && s->out.len <= STREAM_OUT_LOW;
	bool empty = (s->flags & STREAM_TELL_EMPTY) && !stream_has_unsent(s);
	if (drained || empty) {
		s->flags &= (uint16_t)~STREAM_FULL;
		if (empty)
			s->flags &= (uint16_t)~STREAM_TELL_EMPTY;
		s->user->on_drained(s);
	}
}

void stream_flush_now(struct stream *s)
{
	if (s->out.len && !(s->flags & (STREAM_CONNECTING | STREAM_HANDSHAKE | STREAM_EOF)) &&
		!stream_is_broken(s))
		(void)s->transport->write(s);
}

void stream_salvage(struct stream *s)
{
	buf_fini(&s->out);
	s->flags &= (uint16_t) ~(STREAM_FAILED | STREAM_FULL | STREAM_TELL_EMPTY | STREAM_OWED);
	s->flags |= STREAM_RD;
}

void streams_flush(struct worker *w)
{
	struct list *e;
	while ((e = list_pop(&w->dirty))) {
		struct stream *s = container_of(e, struct stream, dirty_link);
		s->flags &= (uint16_t)~STREAM_DIRTY;
		stream_flush(s);
	}
}

void streams_run_ready(struct worker *w)
{
	struct list batch, *e;
	list_init(&batch);
	while ((e = list_pop(&w->ready)))
		list_push(&batch, e);
	while ((e = list_pop(&batch))) {
		struct stream *s = container_of(e, struct stream, ready_link);
		s->flags &= (uint16_t)~STREAM_READY;
		if ((s->flags & STREAM_LINGER) && !(s->flags & STREAM_FAILED))
			stream_linger_on(s);
		else if (!(s->flags & (STREAM_CONNECTING | STREAM_HANDSHAKE | STREAM_FAILED)))
			s->user->on_readable(s);
		streams_flush(w);
	}
}

/* ---- opening ------------------------------------------------------------------------------- */

static void stream_handshake(struct stream *s)
{
	enum io io = s->transport->handshake(s);
	if (io == IO_AGAIN)
		return;
	s->flags &= (uint16_t)~STREAM_HANDSHAKE;
	if (io != IO_OK) {
		stream_fail(s, -1);
		return;
	}
	/* In TLS 1.3 the client sent last. One with Nagle's algorithm on sends nothing more before
	 * the acknowledgement, which the system would delay by 40 ms as we have nothing to send
	 * yet. */
	int one = 1;
	if (!(s->flags & STREAM_RD))
		(void)setsockopt(s->fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
	if (stream_has_unsent(s))
		stream_kick(s);
	if (s->user->on_open)
		s->user->on_open(s);
}

static void stream_connected(struct stream *s)
{
	int error = 0;
	socklen_t len = sizeof(error);
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error) {
		stream_fail(s, error);
		return;
	}
	s->flags &= (uint16_t)~STREAM_CONNECTING;
	if (s->flags & STREAM_HANDSHAKE)
		return;
	if (stream_has_unsent(s))
		stream_kick(s);
	if (s->user->on_open)
		s->user->on_open(s);
}

static void stream_on_event(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;
	struct worker *w = s->worker;
	(void)fd;
	if (what & EV_READ)
		s->flags |= STREAM_RD;
	if (what & EV_CLOSED)
		s->flags |= STREAM_RD | STREAM_HUP;
	if (what & EV_WRITE)
		s->flags |= STREAM_WR;
	if ((s->flags & STREAM_CONNECTING) && (what & (EV_WRITE | EV_READ)))
		stream_connected(s);
	if ((s->flags & STREAM_HANDSHAKE) &&
		!(s->flags & (STREAM_CONNECTING | STREAM_FAILED | STREAM_CLOSED)))
		stream_handshake(s);
	if (s->flags & (STREAM_CONNECTING | STREAM_HANDSHAKE | STREAM_FAILED | STREAM_CLOSED)) {
		streams_flush(w);
		return;
	}
	if ((what & EV_WRITE) &&
		(stream_has_unsent(s) ||
			(s->flags & (STREAM_FULL | STREAM_TELL_EMPTY | STREAM_LINGER))))
		stream_kick(s);
	if (s->flags & STREAM_LINGER)
		stream_linger_on(s);
	else if (stream_may_read(s))
		s->user->on_readable(s);
	streams_flush(w);
}

static void stream_on_due(struct timer *t)
{
	struct stream *s = container_of(t, struct stream, timer);
	if (s->flags & STREAM_LINGER)
		stream_fail(s, 0);
	else
		s->user->on_timeout(s);
	streams_flush(s->worker);
}

static int stream_start(struct stream *s, struct worker *w, int fd, const struct transport *t,
	void *tls, const struct stream_user *user, void *data, unsigned flags)
{
	memset(s, 0, sizeof(*s));
	s->user = user;
	s->transport = t;
	s->data = data;
	s->tls = tls;
	s->worker = w;
	s->fd = fd;
	s->flags = (uint16_t)(flags | (t->handshake ? STREAM_HANDSHAKE : 0));
	list_init(&s->dirty_link);
	list_init(&s->ready_link);
	timer_init(&s->timer, stream_on_due);
	if (event_assign(&s->ev, w->base, fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST,
		    stream_on_event, s) < 0 ||
		event_add(&s->ev, NULL) < 0) {
		if (t->free)
			t->free(s);
		s->tls = NULL;
		(void)close(fd);
		s->fd = -1;
		s->flags |= STREAM_CLOSED;
		return -ENOMEM;
	}
	return 0;
}

static void stream_no_delay(int fd, int family)
{
	int one = 1;
	if (family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

int stream_init(struct stream *s, struct worker *w, int fd, const struct transport *t, void *tls,
	const struct stream_user *user, void *data)
{
	/* a new socket takes bytes; its first event tells whether it has any */
	return stream_start(s, w, fd, t, tls, user, data, STREAM_WR);
}

int stream_connect(struct stream *s, struct worker *w, const struct addr *to,
	const struct transport *t, void *tls, const struct stream_user *user, void *data)
{
	int error = 0, fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		stream_no_delay(fd, to->sa.sa_family);
	if (fd < 0 || (connect(fd, &to->sa, to->len) < 0 && errno != EINPROGRESS))
		error = errno;
	if (error) {
		stream_init_closed(s);
		s->tls = tls;
		if (t->free)
			t->free(s);
		s->tls = NULL;
		if (fd >= 0)
			(void)close(fd);
		return -error;
	}
	return stream_start(s, w, fd, t, tls, user, data, STREAM_CONNECTING);
}

int stream_move(struct stream *to, struct stream *from, const struct stream_user *user, void *data)
{
	uint64_t due = from->timer.due_ns;
	bool dirty = from->flags & STREAM_DIRTY, ready = from->flags & STREAM_READY;

	(void)event_del(&from->ev);
	timer_drop(&from->timer);
	list_del(&from->dirty_link);
	list_del(&from->ready_link);
	*to = *from;
	from->flags |= STREAM_CLOSED;
	from->tls = NULL;
	from->fd = -1;
	buf_init(&from->in);
	buf_init(&from->out);

	to->user = user;
	to->data = data;
	to->flags &= (uint16_t) ~(STREAM_DIRTY | STREAM_READY);
	list_init(&to->dirty_link);
	list_init(&to->ready_link);
	timer_init(&to->timer, stream_on_due);
	/* the kernel reports the state of a socket that is added anew: no event is lost between
	 * event_del() and event_add() */
	if (event_assign(&to->ev, to->worker->base, to->fd,
		    EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, stream_on_event, to) < 0 ||
		event_add(&to->ev, NULL) < 0) {
		stream_close(to);
		return -ENOMEM;
	}
	if (due != TIMER_NEVER)
		timer_set(&to->worker->wheel, &to->timer, due);
	if (dirty)
		stream_kick(to);
	if (ready)
		stream_resume(to);
	return 0;
}

/* ---- closing ------------------------------------------------------------------------------- */

void stream_close(struct stream *s)
{
	if (s->flags & STREAM_CLOSED)
		return;
	if (s->transport->finish &&
		!(s->flags & (STREAM_FAILED | STREAM_CONNECTING | STREAM_HANDSHAKE | STREAM_SHUT)))
		s->transport->finish(s);
	s->flags |= STREAM_CLOSED;
	(void)event_del(&s->ev);
	if (s->transport->free)
		s->transport->free(s);
	s->tls = NULL;
	(void)close(s->fd);
	s->fd = -1;
	timer_drop(&s->timer);
	list_del(&s->dirty_link);
	list_del(&s->ready_link);
	buf_fini(&s->in);
	buf_fini(&s->out);
}

void stream_shut(struct stream *s)
{
	if (s->flags & (STREAM_SHUT | STREAM_CLOSED | STREAM_FAILED))
		return;
	if (s->transport->finish)
		s->transport->finish(s);
	if (s->flags & STREAM_OWED)
		return;
	s->flags |= STREAM_SHUT;
	(void)shutdown(s->fd, SHUT_WR);
}

void stream_close_by_reset(struct stream *s)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	if (s->fd < 0)
		return;
	(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	/* no close_notify is sent, which would say that the data is complete */
	s->flags |= STREAM_SHUT;
}

/* Until when it may be silent. */
static void stream_linger_watch(struct stream *s)
{
	uint64_t now = worker_now(s->worker), silence = s->linger->silence_ns;
	uint64_t left = s->linger_until_ns > now ? s->linger_until_ns - now : 0;
	stream_deadline(s, left < silence ? left : silence);
}

static void stream_linger_on(struct stream *s)
{
	char waste[16384];
	struct iovec iov = { waste, sizeof(waste) };
	uint64_t before = s->bytes_in;
	enum io io = IO_OK;
	size_t n;
	if (stream_has_unsent(s))
		return;
	stream_shut(s);
	if (!(s->flags & STREAM_SHUT))
		return; /* close_notify waits for room */
	/* read until the socket has no more: a reset that came with the last bytes has no event of
	 * its own */
	for (int i = 0; i < LINGER_READS && io == IO_OK; i++) {
		s->flags |= STREAM_RD;
		io = stream_raw_read(s, &iov, 1, sizeof(waste), &n);
	}
	if (s->bytes_in != before)
		stream_linger_watch(s);
	if (io == IO_EOF || io == IO_FAIL || s->bytes_in > s->linger_most)
		stream_fail(s, 0);
	else if (io == IO_OK)
		stream_resume(s); /* more waits, for which no new event comes */
}

void stream_linger(struct stream *s, const struct lingering *how)
{
	if (s->flags & (STREAM_CLOSED | STREAM_FAILED | STREAM_LINGER))
		return;
	s->flags |= STREAM_LINGER;
	s->flags &= (uint16_t) ~(STREAM_FULL | STREAM_TELL_EMPTY);
	buf_fini(&s->in);
	s->linger = how;
	s->linger_until_ns = worker_now(s->worker) + how->total_ns;
	s->linger_most = s->bytes_in + how->bytes;
	stream_linger_watch(s);
	stream_kick(s);
}

void stream_linger_hurry(struct stream *s)
{
	uint64_t until = worker_now(s->worker) + LINGER_HURRY_NS;
	if (!(s->flags & STREAM_LINGER) || (s->flags & (STREAM_CLOSED | STREAM_FAILED)) ||
		s->linger_until_ns <= until)
		return;
	s->linger_until_ns = until;
	stream_linger_watch(s);
}
