/* A stream that remembers what happened to it. */
#include "probe.h"

#include <netinet/in.h>
#include <stdlib.h>

const struct lingering *probe_linger(uint64_t ns)
{
	static struct lingering v[8];
	static unsigned n;
	struct lingering *l = &v[n++ % 8];
	*l = (struct lingering){ .silence_ns = ns, .total_ns = ns, .bytes = UINT64_MAX / 2 };
	return l;
}

struct worker probe_worker;
static struct timer limit;
static bool limit_passed;

static void on_limit(struct timer *t)
{
	(void)t;
	limit_passed = true;
	worker_stop(&probe_worker);
}

/* Run the loop until somebody says worker_stop(&probe_worker). False: nobody did in time. */
bool probe_run(unsigned ms)
{
	probe_worker.clock_is_fresh = false;
	limit_passed = false;
	atomic_store(&probe_worker.stop, false);
	worker_timer(&probe_worker, &limit, ms * NS_PER_MS);
	worker_run(&probe_worker);
	timer_stop(&limit);
	return !limit_passed;
}

void probe_pass(unsigned ms)
{
	assert_false(probe_run(ms));
}

/* ---- a stream, and what happens to it ------------------------------------------------------ */

static void probe_free(struct grave *g)
{
	free(container_of(g, struct probe, grave));
}

static bool probe_saw(struct probe *p, int event)
{
	if (p->stop_on == event)
		worker_stop(&probe_worker);
	if (p->close_on != event)
		return false;
	stream_close(&p->s);
	return true;
}

static void on_open(struct stream *s)
{
	struct probe *p = s->data;
	p->opened++;
	(void)probe_saw(p, HEARD_OPEN);
}

static void probe_take(struct probe *p)
{
	sluice_str run = buf_peek(&p->s.in);
	if (p->got == 0)
		memcpy(p->first, run.data,
			run.len < sizeof(p->first) - 1 ? run.len : sizeof(p->first) - 1);
	if (p->s.in.len > p->most)
		p->most = p->s.in.len;
	p->got += p->s.in.len;
	buf_drain(&p->s.in, p->s.in.len);
}

static void on_readable(struct stream *s)
{
	struct probe *p = s->data;
	p->readable++;
	if (probe_saw(p, HEARD_READABLE) || p->leave)
		return;
	struct read_turn turn = stream_turn(s);
	enum io io;
	while ((io = stream_read(s, &turn, p->awaits)) == IO_OK) {
		probe_take(p);
		if (p->one_fill) {
			stream_resume(s);
			break;
		}
	}
	p->eof |= io == IO_EOF;
	p->io_failed |= io == IO_FAIL;
	if (io == IO_EOF || io == IO_FAIL || (p->want && p->got >= p->want))
		worker_stop(&probe_worker);
}

static void on_drained(struct stream *s)
{
	struct probe *p = s->data;
	p->drained++;
	(void)probe_saw(p, HEARD_DRAINED);
}

static void on_fail(struct stream *s, int error)
{
	struct probe *p = s->data;
	p->failed++;
	p->error = error;
	(void)probe_saw(p, HEARD_FAIL);
}

static void on_timeout(struct stream *s)
{
	struct probe *p = s->data;
	p->timed_out++;
	(void)probe_saw(p, HEARD_TIMEOUT);
}

const struct stream_user probe_user = {
	.on_open = on_open,
	.on_readable = on_readable,
	.on_drained = on_drained,
	.on_fail = on_fail,
	.on_timeout = on_timeout,
};

struct probe *probe_new(void)
{
	struct probe *p = calloc(1, sizeof(*p));
	assert_non_null(p);
	return p;
}

struct probe *probe_on(int fd)
{
	struct probe *p = probe_new();
	assert_int_equal(stream_init(&p->s, &probe_worker, fd, &transport_plain, NULL, &probe_user,
				 p),
		0);
	return p;
}

void probe_end(struct probe *p)
{
	stream_close(&p->s);
	stream_close(&p->s);
	assert_int_equal(p->s.fd, -1);
	worker_bury(&probe_worker, &p->grave, probe_free);
	worker_turn(&probe_worker);
}

void probe_fill(struct probe *p, size_t n)
{
	static char zeros[65536];
	while (n) {
		size_t take = n < sizeof(zeros) ? n : sizeof(zeros);
		buf_append(&p->s.out, zeros, take);
		n -= take;
	}
	stream_kick(&p->s);
}

/* ---- sockets ------------------------------------------------------------------------------- */

int probe_listen(struct addr *a, int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	memset(a, 0, sizeof(*a));
	a->in.sin_family = AF_INET;
	a->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a->len = sizeof(a->in);
	assert_int_equal(bind(fd, &a->sa, a->len), 0);
	assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, &a->sa, &a->len), 0);
	return fd;
}

void probe_pair(int fds[2], bool tcp)
{
	if (!tcp) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	} else {
		struct addr a;
		int l = probe_listen(&a, 4);
		fds[1] = socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(connect(fds[1], &a.sa, a.len), 0);
		fds[0] = accept(l, NULL, NULL);
		assert_true(fds[0] >= 0);
		(void)close(l);
	}
	assert_int_equal(evutil_make_socket_nonblocking(fds[0]), 0);
}

void probe_say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), 0), strlen(text));
}

void probe_say_n(int fd, size_t n)
{
	static char zeros[64 * 1024];
	while (n) {
		size_t take = n < sizeof(zeros) ? n : sizeof(zeros);
		ssize_t sent = send(fd, zeros, take, 0);
		assert_true(sent > 0);
		n -= (size_t)sent;
	}
}

void probe_reset(int fd)
{
	struct linger l = { .l_onoff = 1, .l_linger = 0 };
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	(void)close(fd);
}

size_t probe_hear_all(int fd)
{
	char room[65536];
	size_t total = 0;
	for (;;) {
		ssize_t n = recv(fd, room, sizeof(room), 0);
		if (n <= 0)
			return total;
		total += (size_t)n;
	}
}

/* ---- a group of tests ---------------------------------------------------------------------- */

int probe_setup(void **state)
{
	(void)state;
	timer_init(&limit, on_limit);
	return worker_init(&probe_worker, 0);
}

int probe_teardown(void **state)
{
	(void)state;
	timer_drop(&limit);
	worker_fini(&probe_worker);
	buf_thread_fini();
	return 0;
}
