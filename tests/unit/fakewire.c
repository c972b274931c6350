/* Streams without sockets. */
#include "fakewire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"

struct worker fakewire_worker;

static int listening = -1;

static enum io fake_read(struct stream *s, size_t want)
{
	struct fakewire *f = s->tls;
	size_t n = f->in_len - f->in_at;
	if (++f->ops == f->fail_at)
		return IO_FAIL;
	if (n == 0) {
		s->flags &= (uint16_t)~STREAM_RD;
		if (f->reset)
			return IO_FAIL;
		if (f->eof)
			s->flags |= STREAM_EOF;
		return f->eof ? IO_EOF : IO_AGAIN;
	}
	n = n < want ? n : want;
	n = f->read_max && n > f->read_max ? f->read_max : n;
	buf_append(&s->in, f->in + f->in_at, n);
	f->in_at += n;
	s->bytes_in += n;
	return IO_OK;
}

static void out_add(struct fakewire *f, const char *p, size_t n)
{
	if (f->out_len + n + 1 > f->out_cap) {
		f->out_cap = (f->out_len + n + 1) * 2;
		f->out = realloc(f->out, f->out_cap);
		check(f->out, "out of memory: %zu bytes", f->out_cap);
	}
	memcpy(f->out + f->out_len, p, n);
	f->out_len += n;
	f->out[f->out_len] = 0;
}

static enum io fake_write(struct stream *s)
{
	struct fakewire *f = s->tls;
	size_t n = s->out.len;
	if (++f->ops == f->fail_at || f->reset) {
		errno = EPIPE;
		return IO_FAIL;
	}
	if (f->blocked && !f->owes)
		return IO_AGAIN;
	n = f->write_max && n > f->write_max ? f->write_max : n;
	s->bytes_out += n;
	while (n) {
		sluice_str run = buf_peek(&s->out);
		size_t take = run.len < n ? run.len : n;
		out_add(f, run.data, take);
		buf_drain(&s->out, take);
		n -= take;
	}
	s->flags = (uint16_t)(f->blocked ? s->flags | STREAM_OWED : s->flags & ~STREAM_OWED);
	return s->out.len || f->blocked ? IO_AGAIN : IO_OK;
}

static bool fake_pending(const struct stream *s)
{
	struct fakewire *f = s->tls;
	if (f)
		f->s = (struct stream *)(uintptr_t)s; /* it may have moved */
	return f && (f->in_at < f->in_len || ((f->eof || f->reset) && !(s->flags & STREAM_EOF)));
}

static void fake_finish(struct stream *s)
{
	((struct fakewire *)s->tls)->finished++;
}

static void fake_free(struct stream *s)
{
	struct fakewire *f = s->tls;
	f->closed = true;
	f->s = NULL;
}

const struct transport transport_fake = {
	.read = fake_read,
	.write = fake_write,
	.pending = fake_pending,
	.finish = fake_finish,
	.free = fake_free,
};

static enum io fake_handshake(struct stream *s)
{
	struct fakewire *f = s->tls;
	f->s = s;
	out_add(f, "", 0);
	f->other_end = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	check(f->other_end >= 0, "nobody %s", "connected");
	return IO_OK;
}

const struct transport transport_fake_connecting = {
	.read = fake_read,
	.write = fake_write,
	.handshake = fake_handshake,
	.pending = fake_pending,
	.finish = fake_finish,
	.free = fake_free,
};

const struct addr *fakewire_address(void)
{
	static struct addr a;
	if (a.len)
		return &a;
	a.un.sun_family = AF_UNIX;
	/* a name of the system's choice that is nowhere in the file system */
	a.len = sizeof(sa_family_t);
	listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	check(listening >= 0 && bind(listening, &a.sa, a.len) == 0 && listen(listening, 16) == 0,
		"no %s", "socket");
	a.len = sizeof(a.un);
	check(getsockname(listening, &a.sa, &a.len) == 0, "no %s", "name");
	return &a;
}

void fakewire_poll(void)
{
	(void)event_base_loop(fakewire_worker.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	fakewire_settle();
}

void fakewire_connect(void)
{
	fakewire_poll();
}

void fakewire_start(void)
{
	check(worker_init(&fakewire_worker, 0) == 0, "no %s", "worker");
	worker_self = &fakewire_worker;
	fakewire_worker.now_ns = 1000 * NS_PER_S;
	wheel_init(&fakewire_worker.wheel, fakewire_worker.now_ns);
	fakewire_worker.clock_is_fresh = true;
}

void fakewire_end(void)
{
	worker_fini(&fakewire_worker);
	buf_thread_fini();
	arena_thread_fini();
}

void fakewire_open(struct fakewire *f, struct stream *s, const struct stream_user *user, void *data)
{
	*f = (struct fakewire){ .s = s };
	out_add(f, "", 0);
	/* a descriptor that an event can be made of, and on which nothing ever happens */
	int fds[2], error = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
	check(error == 0 &&
			stream_init(s, &fakewire_worker, fds[0], &transport_fake, f, user, data) ==
				0,
		"no %s", "stream");
	f->other_end = fds[1];
}

void fakewire_fini(struct fakewire *f)
{
	check(f->closed, "a wire goes before its %s", "stream");
	if (f->other_end)
		(void)close(f->other_end);
	else if ((f->other_end = accept4(listening, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		/* whoever asked for it gave up: its place in the queue is free again */
		(void)close(f->other_end);
	free(f->in);
	free(f->out);
	*f = (struct fakewire){ .closed = true };
}

static void woken(struct fakewire *f)
{
	if (!f->s)
		return;
	if (f->s->flags & STREAM_LINGER) {
		if (f->eof || f->reset) /* what lingers waits for nothing else */
			f->s->user->on_fail(f->s, 0);
		return;
	}
	stream_resume(f->s);
}

void fakewire_say(struct fakewire *f, const char *bytes, size_t n)
{
	if (f->in_len + n >= f->in_cap) {
		f->in_cap = (f->in_len + n + 1) * 2;
		f->in = realloc(f->in, f->in_cap);
		check(f->in, "out of memory: %zu bytes", f->in_cap);
	}
	memcpy(f->in + f->in_len, bytes, n);
	f->in_len += n;
	woken(f);
}

void fakewire_say_text(struct fakewire *f, const char *text)
{
	fakewire_say(f, text, strlen(text));
}

void fakewire_eof(struct fakewire *f)
{
	f->eof = true;
	woken(f);
}

void fakewire_reset(struct fakewire *f)
{
	f->reset = true;
	woken(f);
	if (f->s)
		stream_kick(f->s);
}

void fakewire_clear(struct fakewire *f)
{
	f->out_len = 0;
	f->out[0] = 0;
}

void fakewire_unblock(struct fakewire *f)
{
	f->blocked = false;
	if (f->s)
		stream_kick(f->s);
}

static bool settled(void)
{
	const struct worker *w = &fakewire_worker;
	return list_is_empty(&w->dirty) && list_is_empty(&w->ready) && list_is_empty(&w->hooks) &&
		list_is_empty(&w->graves);
}

void fakewire_turn(void)
{
	struct worker *w = &fakewire_worker;
	struct list *e;
	streams_flush(w);
	streams_run_ready(w);
	while ((e = list_pop(&w->hooks))) {
		struct turn_hook *h = container_of(e, struct turn_hook, link);
		h->run(h);
		streams_flush(w);
	}
	while ((e = list_pop(&w->graves))) {
		struct grave *g = container_of(e, struct grave, link);
		g->free(g);
	}
}

void fakewire_settle(void)
{
	for (int i = 0; i < 10000 && !settled(); i++)
		fakewire_turn();
	check(settled(), "the loop turns round for %s", "ever");
}

bool fakewire_has_no_timer(void)
{
	for (unsigned i = 0; i < TIMER_SLOTS; i++) {
		if (!list_is_empty(&fakewire_worker.wheel.slots[i]))
			return false;
	}
	return list_is_empty(&fakewire_worker.wheel.soon);
}

void fakewire_pass(uint64_t ns)
{
	struct worker *w = &fakewire_worker;
	const uint64_t tick = 1ull << TIMER_TICK_SHIFT;
	uint64_t until = w->now_ns + ns;
	while (w->now_ns < until) {
		uint64_t next = wheel_next_ns(&w->wheel);
		w->now_ns = next > w->now_ns && next < until ? next
			: next <= w->now_ns                  ? w->now_ns + tick
							     : until;
		wheel_advance(&w->wheel, w->now_ns);
		fakewire_settle();
	}
}
