/* A name server for tests. See fakedns.h. */
#include "fakedns.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

enum { MESSAGE_MAX = 65535, HEAD = 12, RCODE_FAIL = 2, RCODE_NO_NAME = 3, RCODE_REFUSE = 5 };

static uint8_t *put16(uint8_t *at, unsigned v)
{
	*at++ = (uint8_t)(v >> 8);
	*at++ = (uint8_t)v;
	return at;
}

static uint8_t *put_name(uint8_t *at, const char *name)
{
	while (*name && strcmp(name, ".") != 0) {
		size_t n = strcspn(name, ".");
		*at++ = (uint8_t)n;
		memcpy(at, name, n);
		at += n;
		name += n + (name[n] == '.');
	}
	*at++ = 0;
	return at;
}

static uint8_t *put_data(uint8_t *at, const struct fake_record *r, unsigned copy)
{
	unsigned p, w, port;
	char target[256];
	switch (r->type) {
	case 1:
		assert_int_equal(inet_pton(AF_INET, r->data, at), 1);
		at[3] = (uint8_t)(at[3] + copy % 250);
		at[2] = (uint8_t)(at[2] + copy / 250);
		return at + 4;
	case 28:
		assert_int_equal(inet_pton(AF_INET6, r->data, at), 1);
		return at + 16;
	case 33:
		assert_int_equal(sscanf(r->data, "%u %u %u %255s", &p, &w, &port, target), 4);
		return put_name(put16(put16(put16(at, p), w), port), target);
	default:
		return put_name(at, r->data);
	}
}

static uint8_t *put_record(uint8_t *at, const struct fake_record *r, unsigned copy)
{
	at = put16(put16(put_name(at, r->owner), (unsigned)r->type), 1);
	at = put16(put16(at, r->ttl >> 16), r->ttl & 0xffff);
	uint8_t *end = put_data(at + 2, r, copy);
	(void)put16(at, (unsigned)(end - at - 2));
	return end;
}

static bool has_name(const struct fake_record *r, const char *name)
{
	for (; r && r->owner; r++) {
		if (strcasecmp(r->owner, name) == 0)
			return true;
	}
	return false;
}

/* All records of the type, and all aliases, whoever they belong to. */
static uint8_t *put_answer(uint8_t *head, uint8_t *at, int type, const struct fake_record *r,
	unsigned copies)
{
	unsigned n = 0;
	for (; r && r->owner; r++) {
		if (r->type != type && r->type != 5)
			continue;
		for (unsigned c = 0; c < (r->type == 1 ? copies : 1); c++, n++)
			at = put_record(at, r, c);
	}
	(void)put16(head + 6, n);
	return at;
}

size_t fake_message(uint8_t *out, const char *name, int type, const struct fake_record *records)
{
	memset(out, 0, HEAD);
	out[2] = 0x81;
	out[3] = (uint8_t)(0x80 | (has_name(records, name) ? 0 : RCODE_NO_NAME));
	(void)put16(out + 4, 1);
	uint8_t *at = put16(put16(put_name(out + HEAD, name), (unsigned)type), 1);
	return (size_t)(put_answer(out, at, type, records, 1) - out);
}

static bool read_question(struct fake_dns *f, const uint8_t *in, size_t len, size_t *end, int *type)
{
	size_t at = HEAD, n = 0;
	while (at < len && in[at] && at + 1 + in[at] < len && n + in[at] + 2 < sizeof(f->last)) {
		if (n)
			f->last[n++] = '.';
		memcpy(f->last + n, in + at + 1, in[at]);
		n += in[at];
		at += 1 + in[at];
	}
	f->last[n] = 0;
	*end = at + 5;
	if (*end > len)
		return false;
	*type = in[at + 1] << 8 | in[at + 2];
	return true;
}

/* 0: no answer. */
static size_t answer(struct fake_dns *f, const uint8_t *in, size_t len, uint8_t *out, bool tcp)
{
	size_t end;
	int type;
	if (len < HEAD || !read_question(f, in, len, &end, &type))
		return 0;
	f->n_questions++;
	memset(out, 0, HEAD);
	memcpy(out, in, end);
	out[2] = 0x81;
	out[3] = 0x80;
	memset(out + 6, 0, 6);
	if (f->mode == FAKE_SILENT)
		return 0;
	if (f->mode == FAKE_FAIL || f->mode == FAKE_REFUSE || type == f->mute_type) {
		out[3] |= f->mode == FAKE_REFUSE ? RCODE_REFUSE : RCODE_FAIL;
		return end;
	}
	if (f->mode == FAKE_TRUNCATED && !tcp) {
		out[2] |= 2;
		return end;
	}
	if (!has_name(f->records, f->last)) {
		out[3] |= RCODE_NO_NAME;
		return end;
	}
	size_t n = (size_t)(put_answer(out, out + end, type, f->records, f->copies) - out);
	return f->mode == FAKE_GARBAGE ? n - 2 : n;
}

static void on_udp(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t in[4096], out[MESSAGE_MAX];
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n;
	(void)what;
	while ((n = recvfrom(fd, in, sizeof(in), MSG_DONTWAIT, (struct sockaddr *)&from, &len)) >
		0) {
		size_t size = answer(arg, in, (size_t)n, out, false);
		if (size)
			(void)sendto(fd, out, size, 0, (struct sockaddr *)&from, len);
	}
}

/* One question for each connection; it is short, and comes whole. */
static void on_tcp(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t in[4096], out[MESSAGE_MAX + 2];
	struct fake_dns *f = arg;
	struct timeval tv = { 1, 0 };
	(void)what;
	int c = accept(fd, NULL, NULL);
	if (c < 0)
		return;
	f->n_tcp++;
	(void)setsockopt(c, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	ssize_t n = recv(c, in, 2, MSG_WAITALL);
	size_t want = n == 2 ? (size_t)in[0] << 8 | in[1] : 0;
	if (want && want <= sizeof(in) && recv(c, in, want, MSG_WAITALL) == (ssize_t)want) {
		size_t size = answer(f, in, want, out + 2, true);
		(void)put16(out, (unsigned)size);
		if (size)
			(void)!write(c, out, size + 2);
	}
	close(c);
}

void fake_dns_up(struct fake_dns *f, struct worker *w)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a);
	*f = (struct fake_dns){ .copies = 1 };
	f->tcp_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(f->tcp_fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(f->tcp_fd, 16), 0);
	assert_int_equal(getsockname(f->tcp_fd, (struct sockaddr *)&a, &len), 0);
	f->port = ntohs(a.sin_port);
	f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(f->fd, (struct sockaddr *)&a, len), 0);
	f->event = event_new(w->base, f->fd, EV_READ | EV_PERSIST, on_udp, f);
	f->tcp_event = event_new(w->base, f->tcp_fd, EV_READ | EV_PERSIST, on_tcp, f);
	event_add(f->event, NULL);
	event_add(f->tcp_event, NULL);
}

void fake_dns_down(struct fake_dns *f)
{
	event_free(f->event);
	event_free(f->tcp_event);
	close(f->fd);
	close(f->tcp_fd);
}
