/* Bytes through TLS: whole and in order, however little the sockets take; and how connections
 * end. */
#include <errno.h>
#include <malloc.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit.h"
#include "certs.h"
#include "peers.h"

enum { MIB = 1024 * 1024 };

static struct worker w;
static struct tls_tickets *tickets;
static struct tls_server *srv;
static struct tls_client *cli;

static int set_up(void **state)
{
	(void)state;
	cert_make(&(struct cert_wish){ .file = "a", .name = "a.test", .alt = "DNS:a.test" });
	tickets = tls_tickets_new();
	srv = server_of("a", tickets, NULL);
	cli = client_of("a", NULL);
	return worker_init(&w, 0);
}

static int tear_down(void **state)
{
	(void)state;
	worker_fini(&w);
	tls_client_free(&cli);
	tls_server_free(&srv);
	tls_tickets_unref(&tickets);
	tls_thread_fini();
	buf_thread_fini();
	certs_fini();
	return 0;
}

static void assert_went_well(struct pair *p)
{
	assert_false(p->timed_out);
	if (p->server.failed || p->client.failed)
		fail_msg("server: %d %s; client: %d %s", p->server.error, p->server.text,
			p->client.error, p->client.text);
	assert_false(p->server.is_wrong);
	assert_false(p->client.is_wrong);
	assert_int_equal(p->server.got, p->server.to_get);
	assert_int_equal(p->client.got, p->client.to_get);
}

TEST(greeting)
{
	struct pair p;
	assert_true(pair_greet(&p, &w, srv, cli, "a.test", NULL));
	assert_string_equal(tls_version_name(&p.server.s), "TLSv1.3");
	assert_string_equal(tls_version_name(&p.client.s), "TLSv1.3");
	assert_string_equal(tls_sni(&p.server.s), "a.test");
	assert_false(tls_was_resumed(&p.server.s));
	assert_int_equal(tls_alpn(&p.server.s).len, 0);
	/* what counts is what was said, not what it took to hide it */
	assert_int_equal(p.server.s.bytes_in, 50);
	assert_int_equal(p.server.s.bytes_out, 100);
	assert_int_equal(p.client.s.bytes_in, 100);
	assert_int_equal(ERR_peek_error(), 0);
	pair_end(&p);
}

static void both_ways(uint64_t up, uint64_t down, int bufsize)
{
	struct pair p;
	pair_start(&p, &w, srv, cli, "a.test", NULL);
	if (bufsize)
		pair_tighten(&p, bufsize);
	p.client.to_send = p.server.to_get = up;
	p.server.to_send = p.client.to_get = down;
	assert_true(pair_run(&p));
	assert_went_well(&p);
	pair_end(&p);
}

TEST(large_both_ways)
{
	both_ways(8 * MIB, 8 * MIB, 0);
}

TEST(tiny_buffers)
{
	both_ways(2 * MIB, 2 * MIB, 1);
	both_ways(8 * MIB, 8 * MIB, 20000);
}

TEST(odd_lengths)
{
	static const uint64_t lengths[] = { 0, 1, 5, 16383, 16384, 16385, 32768, 65535, 65536,
		65537, 70000, 131072, 200001 };
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		both_ways(lengths[i], lengths[sizeof(lengths) / sizeof(lengths[0]) - 1 - i], 0);
}

/* A head and a body of some blocks lie in several runs; each of them arrives in its order. */
TEST(runs_of_all_sizes)
{
	struct pair p;
	uint64_t at = 0;
	pair_start(&p, &w, srv, cli, "a.test", NULL);
	for (size_t n = 1; n <= BUF_BLOCK; n = n * 3 + 1) {
		struct buf piece;
		buf_init(&piece);
		size_t room;
		char *to = buf_reserve(&piece, n, &room);
		for (size_t i = 0; i < n; i++)
			to[i] = (char)((at + i) * 2654435761u >> 13);
		buf_commit(&piece, n);
		at += n;
		/* so that blocks change hands, and runs stay apart */
		struct block *b = piece.first;
		b->next = NULL;
		if (p.server.s.out.last)
			p.server.s.out.last->next = b;
		else
			p.server.s.out.first = b;
		p.server.s.out.last = b;
		p.server.s.out.len += n;
	}
	p.client.to_get = at;
	assert_true(pair_run(&p));
	assert_went_well(&p);
	pair_end(&p);
}

TEST(close_notify)
{
	struct pair p;
	pair_start(&p, &w, srv, cli, "a.test", NULL);
	p.until_eof = true;
	p.server.to_send = p.client.to_get = 300000;
	p.server.close_when_sent = true;
	p.client.close_on_eof = true;
	assert_true(pair_run(&p));
	assert_true(p.client.saw_eof);
	assert_true(p.server.saw_eof);
	assert_int_equal(p.server.error, 0);
	assert_false(p.client.failed);
	assert_false(p.client.is_wrong);
	assert_int_equal(p.client.got, 300000);
	assert_false(p.client.was_truncated);
	pair_end(&p);
}

/* What is known to be the last takes the farewell along: the client hears of the end though nobody
 * closes. */
TEST(the_last_bytes)
{
	struct pair p;
	assert_true(pair_greet(&p, &w, srv, cli, "a.test", NULL));
	p.until_eof = true;
	p.server.saw_eof = p.client.saw_eof = false;
	p.server.failed = true; /* it is done for */
	p.server.s.flags |= STREAM_LAST;
	buf_append(&p.server.s.out, "bye", 3);
	stream_kick(&p.server.s);
	assert_true(pair_run(&p));
	assert_true(p.client.saw_eof);
	assert_false(p.client.was_truncated);
	assert_int_equal(p.server.s.out.len, 0);
	assert_false(p.server.s.flags & (STREAM_SHUT | STREAM_CLOSED));
	pair_end(&p);
}

static void end_of_client(bool with_notify, struct pair *p)
{
	assert_true(pair_greet(p, &w, srv, cli, "a.test", NULL));
	p->until_eof = true;
	p->server.saw_eof = p->client.saw_eof = false;
	p->client.failed = true; /* it is done for */
	if (!with_notify)
		p->client.s.flags |= STREAM_FAILED; /* as if it had crashed */
	stream_close(&p->client.s);
	assert_true(pair_run(p));
	assert_true(p->server.saw_eof);
	assert_false(p->server.failed);
}

TEST(truncation)
{
	struct pair p;
	end_of_client(true, &p);
	assert_false(tls_was_truncated(&p.server.s));
	pair_end(&p);
	end_of_client(false, &p);
	assert_true(tls_was_truncated(&p.server.s));
	assert_int_equal(ERR_peek_error(), 0);
	pair_end(&p);
}

static void garbage(const void *bytes, size_t n, const char *want)
{
	struct pair p;
	pair_start(&p, &w, srv, NULL, NULL, NULL);
	p.until_eof = true;
	p.client.to_get = 1000000;
	assert_int_equal(write(p.client.s.fd, bytes, n), (ssize_t)n);
	assert_true(pair_run(&p));
	assert_true(p.server.failed);
	assert_int_equal(p.server.error, -1);
	if (want)
		assert_string_equal(p.server.text, want);
	else
		assert_true(strlen(p.server.text) > 0);
	assert_int_equal(ERR_peek_error(), 0);
	pair_end(&p);
}

TEST(garbage)
{
	unsigned char noise[4000];
	garbage("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", 33, "http request");
	garbage("\x16\x03\x01\xff\xff\x01\x02\x03\x04\x05", 10, NULL);
	uint64_t r = 88172645463325252u;
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof(noise); i++) {
			r ^= r << 13, r ^= r >> 7, r ^= r << 17;
			noise[i] = (unsigned char)r;
		}
		noise[0] = (unsigned char)(round & 1 ? 0x80 + round : 0x41);
		garbage(noise, sizeof(noise), NULL);
	}
}

TEST(garbage_after_handshake)
{
	struct pair p;
	char text[200];
	assert_true(pair_greet(&p, &w, srv, cli, "a.test", NULL));
	p.until_eof = true;
	p.client.failed = true;
	assert_int_equal(write(p.client.s.fd,
				 "\x17\x03\x03\x00\x20 this was never encrypted, to tell", 37),
		37);
	assert_true(pair_run(&p));
	assert_true(p.server.failed);
	assert_true(tls_error_text(&p.server.s, text, sizeof(text)) > 0);
	assert_string_equal(text, p.server.text);
	assert_string_equal(text, "decryption failed or bad record mac");
	/* cut to fit */
	assert_int_equal(tls_error_text(&p.server.s, text, 5), 4);
	assert_string_equal(text, "decr");
	assert_int_equal(stream_fill(&p.server.s), IO_FAIL);
	pair_end(&p);
}

TEST(gone_in_handshake)
{
	struct pair p;
	pair_start(&p, &w, srv, NULL, NULL, NULL);
	p.until_eof = true;
	p.client.failed = true;
	stream_close(&p.client.s);
	assert_true(pair_run(&p));
	assert_true(p.server.failed);
	assert_string_equal(p.server.text, "closed by the other side during the handshake");
	pair_end(&p);
}

/* What the socket does not take is owed, and freed with the connection. */
TEST(left_over)
{
	struct pair p;
	assert_true(pair_greet(&p, &w, srv, cli, "a.test", NULL));
	pair_tighten(&p, 5000);
	char *big = calloc(1, 60000);
	buf_append(&p.server.s.out, big, 60000);
	free(big);
	assert_int_equal(transport_tls.write(&p.server.s), IO_AGAIN);
	assert_int_equal(p.server.s.out.len, 0);
	assert_true(p.server.s.flags & STREAM_OWED);
	assert_int_equal(transport_tls.write(&p.server.s), IO_AGAIN);
	pair_end(&p);
}

/* What is said while bytes are left over comes behind them: here the farewell. */
TEST(farewell_behind_left_over)
{
	struct pair p;
	char body[60000];
	assert_true(pair_greet(&p, &w, srv, cli, "a.test", NULL));
	pair_tighten(&p, 5000);
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)((100 + i) * 2654435761u >> 13);
	buf_append(&p.server.s.out, body, sizeof(body));
	assert_int_equal(transport_tls.write(&p.server.s), IO_AGAIN);
	transport_tls.finish(&p.server.s);
	transport_tls.finish(&p.server.s);
	p.until_eof = true;
	p.client.to_get = 100 + sizeof(body);
	p.client.close_on_eof = true;
	p.client.s.flags |= STREAM_RD;
	stream_resume(&p.client.s);
	assert_true(pair_run(&p));
	assert_int_equal(p.client.got, p.client.to_get);
	assert_false(p.client.is_wrong);
	assert_false(p.client.was_truncated);
	assert_false(p.client.failed);
	assert_int_equal(p.server.s.flags & STREAM_OWED, 0);
	pair_end(&p);
}

/* Idle connections hold no buffers. Counted where the C library can tell. */
TEST(idle_memory)
{
	/* both ends; OpenSSL 3.0 takes 33; a record buffer is 16 more */
	enum { N = 100, MOST = 40 * 1024 };
	static struct pair p[N];
	struct mallinfo2 before = mallinfo2();
	if (!before.uordblks)
		skip();
	for (int i = 0; i < N; i++)
		assert_true(pair_greet(&p[i], &w, srv, cli, "a.test", NULL));
	struct mallinfo2 after = mallinfo2();
	size_t each = (after.uordblks - before.uordblks) / N;
	if (each > MOST)
		fail_msg("an idle connection takes %zu bytes, more than %d", each, MOST);
	for (int i = 0; i < N; i++)
		pair_end(&p[i]);
}

/* The other side answers and leaves while we still send: what it said can be read. */
TEST(read_after_send_failed)
{
	struct pair p;
	assert_true(pair_greet(&p, &w, srv, cli, "a.test", NULL));
	buf_append(&p.server.s.out, "too much", 8);
	assert_int_equal(transport_tls.write(&p.server.s), IO_OK);
	p.server.s.flags |= STREAM_FAILED; /* no farewell */
	stream_close(&p.server.s);
	buf_append(&p.client.s.out, "and another thing", 17);
	p.client.s.flags |= STREAM_WR;
	errno = 0;
	assert_int_equal(transport_tls.write(&p.client.s), IO_FAIL);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(transport_tls.write(&p.client.s), IO_FAIL);
	p.client.s.flags |= STREAM_RD;
	assert_int_equal(stream_fill(&p.client.s), IO_OK);
	assert_int_equal(p.client.s.in.len, 8);
	p.client.s.flags |= STREAM_RD;
	assert_int_equal(stream_fill(&p.client.s), IO_EOF);
	assert_true(tls_was_truncated(&p.client.s));
	pair_end(&p);
}

/* A record that comes in two parts: nothing to read, and nothing pending, in between. */
TEST(split_record)
{
	struct pair p;
	int fds[2];
	unsigned char wire[2000];
	assert_true(pair_greet(&p, &w, srv, cli, "a.test", NULL));
	/* the client seals into a socket that we read */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	int to_server = p.client.s.fd;
	p.client.s.fd = fds[0];
	buf_append(&p.client.s.out, "0123456789", 10);
	assert_int_equal(transport_tls.write(&p.client.s), IO_OK);
	ssize_t n = read(fds[1], wire, sizeof(wire));
	assert_true(n > 20);
	p.client.s.fd = to_server;

	assert_int_equal(write(to_server, wire, 12), 12);
	p.server.s.flags |= STREAM_RD;
	assert_int_equal(stream_fill(&p.server.s), IO_AGAIN);
	assert_false(stream_may_read(&p.server.s));
	assert_int_equal(write(to_server, wire + 12, (size_t)n - 12), n - 12);
	p.server.s.flags |= STREAM_RD;
	assert_int_equal(stream_fill(&p.server.s), IO_OK);
	assert_int_equal(p.server.s.in.len, 10);
	assert_false(stream_may_read(&p.server.s));
	close(fds[0]);
	close(fds[1]);
	pair_end(&p);
}

/* A start that fails gives back what it was handed. */
TEST(start_fails)
{
	struct stream s;
	struct addr nowhere;
	static const struct stream_user nobody = { 0 };
	assert_true(addr_parse(STR("unix:/nonexistent/socket"), &nowhere));
	assert_true(stream_connect(&s, &w, &nowhere, &transport_tls,
			    tls_client_start(cli, 0, "a.test", NULL), &nobody, NULL) < 0);
	stream_close(&s);
}

TEST_GROUP(set_up, tear_down);
