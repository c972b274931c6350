/*
 * h2origin: a cheap HTTP/2 server without TLS (h2c, prior knowledge), for gateways that speak it to
 * their servers. h2origin PORT GET /N                      N bytes POST /stream/COUNT/SIZE     a
 * gRPC stream: COUNT messages of SIZE bytes, each in a DATA frame of its own, then trailers POST of
 * anything else       a gRPC call that answers with the message it got
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EVENTS = 256,
	BACKLOG = 4096,
	READ = 64 * 1024,
	OUT = 256 * 1024,
	FILLER = 64 * 1024,
	MESSAGE_MAX = 4096,
	PREFIX = 5,
	STREAMS = 1000,
	FRAME_MAX = 16384
};

struct conn {
	int fd;
	nghttp2_session *session;
	struct exchange *exchanges;
	size_t out_from, out_len;
	uint8_t out[OUT];
};

/* A request, and the answer that comes out of it. */
struct exchange {
	bool grpc;
	bool echo;                   /* the message is what the request had */
	uint64_t left;               /* messages of a stream, or bytes of a body */
	size_t size, sent;           /* of a message with its prefix; 0: a plain body */
	size_t got;                  /* of the request's message */
	struct exchange *next, **at; /* all of a connection */
	char path[128];
	uint8_t message[MESSAGE_MAX];
};

static uint8_t filler[FILLER];
static nghttp2_session_callbacks *callbacks;

#define FIELD(name, value)                                                              \
	{                                                                               \
		(uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, strlen(value), \
			NGHTTP2_NV_FLAG_NONE                                            \
	}

static int exchange_open(nghttp2_session *s, const nghttp2_frame *frame, void *ctx)
{
	struct conn *c = ctx;
	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	struct exchange *x = calloc(1, sizeof(*x));
	if (!x)
		abort();
	x->next = c->exchanges;
	x->at = &c->exchanges;
	if (x->next)
		x->next->at = &x->next;
	c->exchanges = x;
	return nghttp2_session_set_stream_user_data(s, frame->hd.stream_id, x)
		? NGHTTP2_ERR_CALLBACK_FAILURE
		: 0;
}

static void exchange_free(struct exchange *x)
{
	*x->at = x->next;
	if (x->next)
		x->next->at = x->at;
	free(x);
}

static int exchange_close(nghttp2_session *s, int32_t id, uint32_t error, void *ctx)
{
	struct exchange *x = nghttp2_session_get_stream_user_data(s, id);
	(void)error, (void)ctx;
	if (x)
		exchange_free(x);
	return 0;
}

static int exchange_field(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *ctx)
{
	struct exchange *x = nghttp2_session_get_stream_user_data(s, frame->hd.stream_id);
	(void)flags, (void)ctx;
	if (!x)
		return 0;
	if (name_len == 5 && memcmp(name, ":path", 5) == 0 && value_len < sizeof(x->path))
		memcpy(x->path, value, value_len);
	if (name_len == 12 && memcmp(name, "content-type", 12) == 0)
		x->grpc = value_len >= 16 && memcmp(value, "application/grpc", 16) == 0;
	return 0;
}

static int exchange_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data,
	size_t n, void *ctx)
{
	struct exchange *x = nghttp2_session_get_stream_user_data(s, id);
	(void)flags, (void)ctx;
	if (x && n <= MESSAGE_MAX - x->got) {
		memcpy(x->message + x->got, data, n);
		x->got += n;
	}
	return 0;
}

static void submit_trailers(nghttp2_session *s, int32_t id)
{
	nghttp2_nv trailers[] = { FIELD("grpc-status", "0") };
	(void)nghttp2_submit_trailer(s, id, trailers, 1);
}

/* One message, or what of it there is room for: a message never shares a frame with the next. */
static ssize_t next_message(struct exchange *x, uint8_t *to, size_t room)
{
	uint32_t length = htonl((uint32_t)(x->size - PREFIX));
	size_t n = 0;
	for (; n < room && x->sent + n < PREFIX; n++)
		to[n] = x->sent + n ? ((uint8_t *)&length)[x->sent + n - 1] : 0;
	size_t rest = x->size - x->sent - n < room - n ? x->size - x->sent - n : room - n;
	memcpy(to + n, x->echo ? x->message + x->sent + n : filler, rest);
	x->sent += n + rest;
	if (x->sent == x->size) {
		x->left--;
		x->sent = 0;
	}
	return (ssize_t)(n + rest);
}

static ssize_t next_bytes(struct exchange *x, uint8_t *to, size_t room)
{
	size_t n = x->left < room ? (size_t)x->left : room;
	n = n < sizeof(filler) ? n : sizeof(filler);
	memcpy(to, filler, n);
	x->left -= n;
	return (ssize_t)n;
}

static ssize_t exchange_read(nghttp2_session *s, int32_t id, uint8_t *to, size_t room,
	uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct exchange *x = source->ptr;
	(void)ctx;
	ssize_t n = 0;
	if (x->left)
		n = x->grpc ? next_message(x, to, room) : next_bytes(x, to, room);
	if (!x->left) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (x->grpc) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			submit_trailers(s, id);
		}
	}
	return n;
}

static void exchange_answer(nghttp2_session *s, int32_t id, struct exchange *x)
{
	char length[24] = "", *rest = NULL;
	nghttp2_data_provider provider = { .source.ptr = x, .read_callback = exchange_read };

	if (strncmp(x->path, "/stream/", 8) == 0) {
		x->left = strtoull(x->path + 8, &rest, 10);
		x->size = PREFIX + (*rest == '/' ? strtoul(rest + 1, NULL, 10) : 0);
	} else if (x->grpc) {
		x->left = 1;
		x->echo = true;
		x->size = x->got < PREFIX ? PREFIX : x->got;
	} else {
		x->left = strtoull(x->path + 1, NULL, 10);
		x->left = x->left ? x->left : 1024;
	}
	if (x->size > FRAME_MAX)
		x->size = FRAME_MAX;
	(void)snprintf(length, sizeof(length), "%llu", (unsigned long long)x->left);
	nghttp2_nv plain[] = { FIELD(":status", "200"), FIELD("server", "origin"),
		FIELD("content-type", "text/plain"), FIELD("content-length", length) };
	nghttp2_nv grpc[] = { FIELD(":status", "200"), FIELD("server", "origin"),
		FIELD("content-type", "application/grpc") };
	(void)nghttp2_submit_response(s, id, x->grpc ? grpc : plain, x->grpc ? 3 : 4, &provider);
}

static int exchange_frame(nghttp2_session *s, const nghttp2_frame *frame, void *ctx)
{
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	(void)ctx;
	if (!end || (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
		return 0;
	struct exchange *x = nghttp2_session_get_stream_user_data(s, frame->hd.stream_id);
	if (x)
		exchange_answer(s, frame->hd.stream_id, x);
	return 0;
}

/* ---- connections --------------------------------------------------------------------------- */

static void conn_free(struct conn *c)
{
	while (c->exchanges)
		exchange_free(c->exchanges);
	nghttp2_session_del(c->session);
	(void)close(c->fd);
	free(c);
}

/* Frames are gathered, so that many answers leave in one write. Returns false for a broken
 * connection. */
static bool conn_send(struct conn *c)
{
	for (;;) {
		const uint8_t *data;
		ssize_t n = 0;
		/* A call gives a frame or so; there is always room for the largest. */
		while (c->out_len < sizeof(c->out) - 2 * FRAME_MAX &&
			(n = nghttp2_session_mem_send(c->session, &data)) > 0) {
			memcpy(c->out + c->out_len, data, (size_t)n);
			c->out_len += (size_t)n;
		}
		if (n < 0)
			return false;
		if (c->out_from == c->out_len)
			return true;
		n = send(c->fd, c->out + c->out_from, c->out_len - c->out_from, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN;
		c->out_from += (size_t)n;
		if (c->out_from == c->out_len)
			c->out_from = c->out_len = 0;
	}
}

static bool conn_work(struct conn *c)
{
	static uint8_t in[READ];
	for (;;) {
		if (!conn_send(c))
			return false;
		ssize_t n = recv(c->fd, in, sizeof(in), 0);
		if (n < 0 && errno == EAGAIN)
			return nghttp2_session_want_read(c->session) ||
				nghttp2_session_want_write(c->session);
		if (n <= 0 || nghttp2_session_mem_recv(c->session, in, (size_t)n) < 0)
			return false;
	}
}

static void accept_all(int epoll, int listener)
{
	int fd, on = 1;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
							      STREAMS },
			{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20 } };
		struct conn *c = calloc(1, sizeof(*c));
		if (!c || nghttp2_session_server_new(&c->session, callbacks, c))
			abort();
		c->fd = fd;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		(void)nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 2);
		(void)nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
			16 << 20);
		struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
		(void)epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
	}
}

static void set_callbacks(void)
{
	if (nghttp2_session_callbacks_new(&callbacks))
		abort();
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, exchange_open);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, exchange_field);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, exchange_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, exchange_frame);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, exchange_close);
}

int main(int argc, char **argv)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct epoll_event ev[EVENTS] = { { .events = EPOLLIN, .data.ptr = NULL } };
	int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
	    epoll = epoll_create1(EPOLL_CLOEXEC);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	if (argc != 2) {
		(void)fprintf(stderr, "usage: h2origin PORT\n");
		return 2;
	}
	a.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (const void *)&a, sizeof(a)) || listen(listener, BACKLOG)) {
		perror("h2origin");
		return 1;
	}
	memset(filler, 'x', sizeof(filler));
	set_callbacks();
	(void)epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev[0]);
	for (;;) {
		int n = epoll_wait(epoll, ev, EVENTS, -1);
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;
			if (!c)
				accept_all(epoll, listener);
			else if (!conn_work(c))
				conn_free(c);
		}
	}
}
