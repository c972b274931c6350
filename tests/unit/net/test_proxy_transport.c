/* net/proxy_transport: a header is taken off, or put on, and everything else goes to the transport
 * behind. */
#include "net/proxy_transport.h"

#include <sys/socket.h>
#include <unistd.h>

#include "../unit.h"

#define V1 "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"

static struct worker w;

/* One end of a socket pair is the stream, the other is written to by hand. */
struct end {
	struct stream s;
	int fd;
	char got[256];
	size_t n_got;
	size_t want; /* stop when that many are there */
	int n_headers, n_open, failed_with;
	bool refuse, eof, timed_out;
	char source[ADDR_TEXT], why[128];
};

static struct end e;

/* ---- a transport with a handshake and a state, that counts --------------------------------- */

static int handshakes, frees;
static bool handshake_waits;

static enum io counting_read(struct stream *s, size_t want)
{
	return transport_plain.read(s, want);
}

static enum io counting_write(struct stream *s)
{
	return transport_plain.write(s);
}

/* Done when the word "hi" has come. */
static enum io counting_handshake(struct stream *s)
{
	char hi[2];
	struct iovec iov = { hi, 2 };
	size_t n;
	assert_ptr_equal(s->tls, &handshakes);
	handshakes++;
	enum io io = stream_raw_read(s, &iov, 1, 2, &n);
	if (io == IO_AGAIN)
		handshake_waits = true;
	return io == IO_OK && n == 2 ? IO_OK : io == IO_OK ? IO_FAIL : io;
}

static void counting_free(struct stream *s)
{
	assert_ptr_equal(s->tls, &handshakes);
	frees++;
}

static const struct transport transport_counting = { .read = counting_read,
	.write = counting_write,
	.handshake = counting_handshake,
	.free = counting_free };

/* ---- the user ------------------------------------------------------------------------------ */

static bool end_on_header(struct stream *s, const struct proxy_header *h)
{
	(void)s;
	e.n_headers++;
	if (h->is_named)
		(void)addr_text(&h->source, e.source);
	return !e.refuse;
}

static void end_on_open(struct stream *s)
{
	(void)s;
	e.n_open++;
	if (e.want == 0)
		worker_stop(&w);
}

static void end_on_readable(struct stream *s)
{
	enum io io;
	assert_int_equal(e.n_open, 1);
	while ((io = stream_fill(s)) == IO_OK) {
		sluice_str run = buf_pullup(&s->in, s->in.len);
		assert_true(run.len <= sizeof(e.got) - e.n_got);
		memcpy(e.got + e.n_got, run.data, run.len);
		e.n_got += run.len;
		buf_drain(&s->in, run.len);
	}
	e.eof = io == IO_EOF;
	if (e.n_got >= e.want || e.eof)
		worker_stop(&w);
}

static void end_on_fail(struct stream *s, int error)
{
	e.failed_with = error;
	(void)strncat(e.why, proxy_reader_why(s), sizeof(e.why) - 1);
	stream_close(s);
	worker_stop(&w);
}

static void end_on_timeout(struct stream *s)
{
	(void)s;
	e.timed_out = true;
	worker_stop(&w);
}

static void end_on_drained(struct stream *s)
{
	(void)s;
}

static const struct stream_user user = { .on_open = end_on_open,
	.on_readable = end_on_readable,
	.on_drained = end_on_drained,
	.on_fail = end_on_fail,
	.on_timeout = end_on_timeout };

static void begin(size_t want, const struct transport *t, void *state)
{
	int fds[2];
	e = (struct end){ .failed_with = -2, .want = want };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds),
		0);
	e.fd = fds[1];
	assert_int_equal(stream_init(&e.s, &w, fds[0], t, state, &user, &e), 0);
	stream_deadline(&e.s, 5 * NS_PER_S);
}

static void begin_reading(size_t want)
{
	begin(want, &transport_proxy_reader,
		proxy_reader_new(&transport_plain, NULL, end_on_header));
}

/* Until it says so; not at all when it has said so before. */
static void run(void)
{
	if (!atomic_load(&w.stop))
		worker_run(&w);
	atomic_store(&w.stop, false);
}

static void finish(void)
{
	assert_false(e.timed_out);
	stream_close(&e.s);
	if (e.fd >= 0)
		close(e.fd);
	e.fd = -1;
	worker_turn(&w);
	atomic_store(&w.stop, false);
}

static void say(const char *text)
{
	assert_int_equal(write(e.fd, text, strlen(text)), strlen(text));
}

/* ---- tests --------------------------------------------------------------------------------- */

static int setup(void **state)
{
	(void)state;
	e = (struct end){ .fd = -1, .s.flags = STREAM_CLOSED };
	return worker_init(&w, 0);
}

static int teardown(void **state)
{
	(void)state;
	stream_close(&e.s);
	if (e.fd >= 0)
		close(e.fd);
	worker_fini(&w);
	buf_thread_fini();
	return 0;
}

TEST_WITH(header_and_more, setup, teardown)
{
	begin_reading(5);
	say(V1 "hello");
	run();
	assert_int_equal(e.n_headers, 1);
	assert_string_equal(e.source, "192.0.2.1:56324");
	assert_int_equal(e.n_open, 1);
	assert_int_equal(e.n_got, 5);
	assert_memory_equal(e.got, "hello", 5);
	assert_int_equal(e.s.bytes_in, 5);
	finish();
}

/* Each byte is an event of its own, and nothing is taken from the socket before the header is
 * whole. */
TEST_WITH(byte_by_byte, setup, teardown)
{
	static const char text[] = V1 "PROXY again";
	begin_reading(11);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_int_equal(write(e.fd, text + i, 1), 1);
		for (int turn = 0; turn < 3; turn++)
			worker_turn(&w);
		assert_int_equal(e.n_headers, i >= sizeof(V1) - 2);
	}
	run();
	assert_int_equal(e.n_headers, 1);
	assert_int_equal(e.n_got, 11);
	assert_memory_equal(e.got, "PROXY again", 11);
	finish();
}

TEST_WITH(header_alone, setup, teardown)
{
	begin_reading(0);
	say(V1);
	run();
	assert_int_equal(e.n_open, 1);
	assert_int_equal(e.n_got, 0);
	e.want = 2;
	say("ok");
	run();
	assert_int_equal(e.n_got, 2);
	finish();
}

TEST_WITH(header_and_the_end, setup, teardown)
{
	begin_reading(100);
	say(V1 "bye");
	assert_int_equal(shutdown(e.fd, SHUT_WR), 0);
	run();
	assert_true(e.eof);
	assert_int_equal(e.n_got, 3);
	finish();
}

TEST_WITH(refused, setup, teardown)
{
	static const struct {
		const char *text;
		bool end;
	} bad[] = { { "GET / HTTP/1.1\r\n", false }, { "PROXY nonsense\r\n", false },
		{ "PROXY TCP4 1", true }, { "", true } };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin_reading(1);
		say(bad[i].text);
		if (bad[i].end)
			assert_int_equal(shutdown(e.fd, SHUT_WR), 0);
		run();
		assert_int_equal(e.failed_with, -1);
		assert_true(e.why[0]);
		assert_int_equal(e.n_headers + e.n_open, 0);
		finish();
	}
}

TEST_WITH(refused_by_the_owner, setup, teardown)
{
	begin_reading(1);
	e.refuse = true;
	say(V1 "hello");
	run();
	assert_int_equal(e.failed_with, -1);
	assert_int_equal(e.n_headers, 1);
	assert_int_equal(e.n_open, 0);
	assert_string_equal(e.why, "");
	finish();
}

TEST_WITH(transport_behind, setup, teardown)
{
	handshakes = frees = 0;
	handshake_waits = false;
	begin(5, &transport_proxy_reader,
		proxy_reader_new(&transport_counting, &handshakes, end_on_header));
	say(V1);
	for (int i = 0; i < 5; i++)
		worker_turn(&w);
	assert_true(handshake_waits);
	assert_int_equal(e.n_open, 0);
	say("hihello");
	run();
	assert_int_equal(e.n_open, 1);
	assert_memory_equal(e.got, "hello", 5);
	assert_int_equal(frees, 0);
	finish();
	assert_int_equal(frees, 1);

	/* closed before the header came: what is behind goes too */
	begin(5, &transport_proxy_reader,
		proxy_reader_new(&transport_counting, &handshakes, end_on_header));
	say("PROXY TCP4 ");
	worker_turn(&w);
	finish();
	assert_int_equal(frees, 2);
}

TEST_WITH(deadline_stays, setup, teardown)
{
	begin_reading(1);
	stream_deadline(&e.s, 30 * NS_PER_MS);
	say("PROXY TCP4 ");
	run();
	assert_true(e.timed_out);
	assert_int_equal(e.failed_with, -2);
	assert_int_equal(e.n_headers, 0);
	e.timed_out = false;
	finish();
}

TEST_WITH(written, setup, teardown)
{
	char got[128];
	begin(0, &transport_proxy_writer, proxy_writer_new(STR(V1), &transport_plain, NULL));
	run();
	assert_int_equal(e.n_open, 1);
	buf_append(&e.s.out, "GET", 3);
	stream_kick(&e.s);
	worker_turn(&w);
	assert_int_equal(e.s.bytes_out, 3);
	assert_int_equal(read(e.fd, got, sizeof(got)), sizeof(V1) - 1 + 3);
	assert_memory_equal(got, V1 "GET", sizeof(V1) - 1 + 3);
	finish();

	handshakes = frees = 0;
	begin(0, &transport_proxy_writer,
		proxy_writer_new(STR(V1), &transport_counting, &handshakes));
	say("hi");
	run();
	assert_int_equal(e.n_open, 1);
	finish();
	assert_int_equal(frees, 1);
}

/* The other side is gone before it was sent: the transport behind finds out. */
TEST_WITH(not_written, setup, teardown)
{
	begin(0, &transport_proxy_writer, proxy_writer_new(STR(V1), &transport_plain, NULL));
	close(e.fd);
	e.fd = -1;
	run();
	assert_int_equal(e.n_open, 1);
	buf_append(&e.s.out, "GET", 3);
	stream_kick(&e.s);
	if (e.failed_with == -2)
		run();
	assert_true(e.failed_with > 0 || e.eof);
	finish();
}
