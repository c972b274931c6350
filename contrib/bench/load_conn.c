/* One connection of the load generator: opened, a request out, its response in, by HTTP/1.1 and
 * strictly. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_AGAIN = -1, READ_END = -2, READ_FAIL = -3 };
enum { PER_NET = 250, UPLOAD_PART = 64 * 1024, DROP = 256 * 1024 };

static char filler[UPLOAD_PART], dropped[DROP];

/* Clients that open connections all the time have many addresses: one has too few ports for
 * them. */
static void bind_to_own_address(int fd, unsigned id)
{
	int on = 1;
	uint32_t address = (127U << 24) + (2U << 16) + id / PER_NET % PER_NET * 256 + id % PER_NET +
		1;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	(void)bind(fd, (const void *)&a, sizeof(a));
}

bool conn_open(struct conn *c, const struct plan *p, int epoll)
{
	int on = 1;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = c };

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (p->fresh)
		bind_to_own_address(c->fd, c->id);
	c->used = c->close = c->error = false;
	c->in_len = 0;
	c->state = CONN_CONNECTING;
	if ((connect(c->fd, (const void *)&p->server, sizeof(p->server)) && errno != EINPROGRESS) ||
		epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev)) {
		conn_close(c);
		return false;
	}
	return true;
}

void conn_close(struct conn *c)
{
	if (c->ssl) {
		(void)SSL_shutdown(c->ssl); /* tells the other side; its answer is not waited for */
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	c->state = CONN_CLOSED;
}

static void out_add(struct conn *c, const char *text, size_t n)
{
	if (n > sizeof(c->out) - c->out_len)
		abort(); /* options bound what goes in here */
	memcpy(c->out + c->out_len, text, n);
	c->out_len += n;
}

static void out_add_text(struct conn *c, const char *text)
{
	out_add(c, text, strlen(text));
}

void conn_compose(struct conn *c, const struct plan *p, uint64_t serial)
{
	struct text target = p->targets.n ? p->targets.v[serial % p->targets.n] : p->target;
	char length[64];

	c->out_len = c->out_sent = 0;
	out_add_text(c, p->upload ? "POST " : "GET ");
	out_add(c, target.at, target.len);
	out_add_text(c, " HTTP/1.1\r\nHost: ");
	out_add(c, p->host.at, p->host.len);
	out_add_text(c, "\r\nUser-Agent: load\r\nAccept: */*\r\n");
	if (p->field.len) {
		out_add(c, p->field.at, p->field.len);
		out_add_text(c, "\r\n");
	}
	if (p->heads.n) {
		struct text head = p->heads.v[serial % p->heads.n];
		for (const char *tab; (tab = memchr(head.at, '\t', head.len)) != NULL;) {
			size_t n = (size_t)(tab - head.at);
			out_add(c, head.at, n);
			out_add_text(c, "\r\n");
			head = (struct text){ tab + 1, head.len - n - 1 };
		}
		out_add(c, head.at, head.len);
		out_add_text(c, "\r\n");
	}
	if (p->tokens.n) {
		struct text token = p->tokens.v[serial % p->tokens.n];
		out_add_text(c, "Authorization: Bearer ");
		out_add(c, token.at, token.len);
		out_add_text(c, "\r\n");
	}
	if (p->upload) {
		(void)snprintf(length, sizeof(length), "Content-Length: %zu\r\n", p->upload);
		out_add_text(c, length);
	}
	out_add_text(c, "\r\n");
	c->upload_left = p->upload;
	c->right_status = p->status;
	c->expect = p->verify_length && target.len > 1 ? strtoull(target.at + 1, NULL, 10) : 0;
	c->part = PART_HEAD;
	c->got = c->left = 0;
	c->in_len = 0;
}

/* ---- the socket ---------------------------------------------------------------------------- */

static ssize_t tls_result(struct conn *c, int n)
{
	if (n > 0)
		return n;
	int error = SSL_get_error(c->ssl, n);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return READ_AGAIN;
	return error == SSL_ERROR_ZERO_RETURN ? READ_END : READ_FAIL;
}

/* Where the bytes go nowhere, a plain socket drops them without a copy. */
static ssize_t conn_read(struct conn *c, char *to, size_t n, bool drop)
{
	if (c->ssl)
		return tls_result(c, SSL_read(c->ssl, to, (int)n));
	ssize_t got = recv(c->fd, to, n, drop ? MSG_TRUNC : 0);
	if (got > 0)
		return got;
	if (got == 0)
		return READ_END;
	return errno == EAGAIN ? READ_AGAIN : READ_FAIL;
}

static ssize_t conn_write(struct conn *c, const char *from, size_t n, bool more)
{
	if (c->ssl)
		return tls_result(c, SSL_write(c->ssl, from, (int)n));
	ssize_t sent = send(c->fd, from, n, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
	if (sent >= 0)
		return sent;
	return errno == EAGAIN ? READ_AGAIN : READ_FAIL;
}

/* ---- the request --------------------------------------------------------------------------- */

static void conn_send(struct conn *c)
{
	while (c->out_sent < c->out_len || c->upload_left) {
		bool head = c->out_sent < c->out_len;
		size_t part = c->upload_left < sizeof(filler) ? c->upload_left : sizeof(filler);
		ssize_t n = head ? conn_write(c, c->out + c->out_sent, c->out_len - c->out_sent,
					   c->upload_left)
				 : conn_write(c, filler, part, false);
		if (n < 0) {
			/* A server may answer and close before it has read all: what it said is
			 * read first. */
			c->upload_left = n == READ_FAIL ? 0 : c->upload_left;
			c->out_sent = n == READ_FAIL ? c->out_len : c->out_sent;
			c->close = c->close || n == READ_FAIL;
			return;
		}
		if (head)
			c->out_sent += (size_t)n;
		else
			c->upload_left -= (size_t)n;
	}
}

/* ---- the response -------------------------------------------------------------------------- */

static void in_take(struct conn *c, size_t n)
{
	c->in_len -= n;
	memmove(c->in, c->in + n, c->in_len);
}

/* The value of a field in a head that ends in NUL, or NULL. */
static const char *field(const char *head, const char *name)
{
	const char *at = strcasestr(head, name);
	return at ? at + strlen(name) + strspn(at + strlen(name), " \t") : NULL;
}

static bool head_read(struct conn *c)
{
	const char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
	if (!end) {
		c->error = c->in_len == sizeof(c->in);
		return false;
	}
	size_t len = (size_t)(end - c->in) + 4;
	c->in[len - 1] = '\0';
	const char *length = field(c->in, "\ncontent-length:"),
		   *coding = field(c->in, "\ntransfer-encoding:");
	const char *connection = field(c->in, "\nconnection:");
	c->status = len > 12 && memcmp(c->in, "HTTP/1.", 7) == 0 ? (int)strtol(c->in + 9, NULL, 10)
								 : 0;
	c->close = c->close || (connection && strncasecmp(connection, "close", 5) == 0) ||
		c->in[7] == '0';
	if (coding) {
		c->part = PART_CHUNK;
	} else if (length) {
		c->part = PART_BODY;
		c->left = strtoull(length, NULL, 10);
	} else {
		c->part = c->status == 204 || c->status == 304 ? PART_BODY : PART_CLOSE;
	}
	c->error = c->status < 100 || c->status > 599;
	if (c->status >= 100 && c->status < 200)
		c->part = PART_HEAD;
	in_take(c, len);
	return !c->error;
}

/* A line of the chunked coding: a size, the end of a chunk's data, or a trailer. */
static bool line_read(struct conn *c)
{
	const char *end = memmem(c->in, c->in_len, "\r\n", 2);
	if (!end) {
		c->error = c->in_len == sizeof(c->in);
		return false;
	}
	size_t len = (size_t)(end - c->in);
	if (c->part == PART_CHUNK) {
		c->left = strtoull(c->in, NULL, 16);
		c->part = c->left ? PART_CHUNK_DATA : PART_TRAILER;
		c->error = !len;
	} else if (c->part == PART_CHUNK_END) {
		c->part = PART_CHUNK;
		c->error = len != 0;
	} else if (len == 0) {
		c->part = PART_BODY;
		c->left = 0;
	}
	in_take(c, len + 2);
	return !c->error;
}

static void body_count(struct conn *c, size_t n)
{
	c->got += n;
	if (c->part != PART_CLOSE)
		c->left -= n;
	if (c->part == PART_CHUNK_DATA && !c->left)
		c->part = PART_CHUNK_END;
}

/* Goes on with what is in the buffer. Returns true when the response is whole. */
static bool response_parse(struct conn *c)
{
	for (;;) {
		size_t n;
		switch (c->part) {
		case PART_HEAD:
			if (!head_read(c))
				return false;
			break;
		case PART_CHUNK:
		case PART_CHUNK_END:
		case PART_TRAILER:
			if (!line_read(c))
				return false;
			break;
		case PART_CLOSE:
			body_count(c, c->in_len);
			c->in_len = 0;
			return false;
		case PART_BODY:
		case PART_CHUNK_DATA:
			n = c->left < c->in_len ? (size_t)c->left : c->in_len;
			in_take(c, n);
			body_count(c, n);
			if (c->part == PART_BODY && !c->left)
				return true;
			if (!c->in_len)
				return false;
			break;
		}
	}
}

/* Reads until the response is whole (true), or the socket is empty or broken (false; error says
 * which). */
static bool conn_receive(struct conn *c)
{
	for (;;) {
		bool drop = c->left > 0 && (c->part == PART_BODY || c->part == PART_CHUNK_DATA);
		size_t room = sizeof(c->in) - c->in_len;
		ssize_t n = drop
			? conn_read(c, dropped, c->left < DROP ? (size_t)c->left : DROP, true)
			: conn_read(c, c->in + c->in_len, room, false);
		if (n == READ_AGAIN)
			return false;
		if (n < 0) {
			c->error = c->part != PART_CLOSE || n != READ_END;
			c->close = true;
			return !c->error;
		}
		if (drop)
			body_count(c, (size_t)n);
		else
			c->in_len += (size_t)n;
		if (response_parse(c))
			return true;
		if (c->error)
			return false;
	}
}

/* ---- events -------------------------------------------------------------------------------- */

static bool conn_shake(struct conn *c, const struct plan *p, struct count *n)
{
	int result = SSL_connect(c->ssl);
	if (result != 1) {
		c->error = tls_result(c, result) != READ_AGAIN;
		return false;
	}
	n->handshakes++;
	n->resumed += (uint64_t)SSL_session_reused(c->ssl);
	if (!n->tls[0] || p->fresh)
		(void)snprintf(n->tls, sizeof(n->tls), "%s %s", SSL_get_version(c->ssl),
			SSL_get_cipher_name(c->ssl));
	return true;
}

static void tls_start(struct conn *c, const struct plan *p)
{
	c->ssl = SSL_new(p->tls);
	if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1)
		abort();
	SSL_set_app_data(c->ssl, c);
	(void)SSL_set_tlsext_host_name(c->ssl, "localhost");
	if (p->resume && c->session)
		(void)SSL_set_session(c->ssl, c->session);
}

/* Returns true when requests may go out. */
static bool conn_establish(struct conn *c, const struct plan *p, struct count *n, enum failure *why)
{
	*why = FAIL_CONNECT;
	if (c->state == CONN_CONNECTING) {
		int error = 0;
		socklen_t size = sizeof(error);
		struct sockaddr_in peer;
		socklen_t peer_size = sizeof(peer);
		(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		c->error = error != 0;
		if (error || getpeername(c->fd, (void *)&peer, &peer_size)) /* not yet */
			return false;
		n->connections++;
		c->state = CONN_SHAKING;
		if (p->tls)
			tls_start(c, p);
	}
	*why = FAIL_TLS;
	if (p->tls && !conn_shake(c, p, n))
		return false;
	c->state = CONN_IDLE;
	return true;
}

static enum conn_event conn_exchange(struct conn *c, struct count *n, enum failure *why)
{
	conn_send(c);
	if (conn_receive(c)) {
		n->bytes += c->got;
		c->used = true;
		c->state = CONN_IDLE;
		c->close = c->close || c->in_len || c->upload_left;
		*why = FAIL_STATUS;
		bool right = c->right_status ? c->status == c->right_status
					     : c->status >= 200 && c->status <= 299;
		if (!right)
			return CONN_FAILED;
		*why = FAIL_BROKEN;
		return c->expect && c->got != c->expect ? CONN_FAILED : CONN_ANSWERED;
	}
	if (!c->error)
		return CONN_NOTHING;
	*why = c->used && c->part == PART_HEAD && c->in_len == 0 ? FAIL_RACED : FAIL_BROKEN;
	return CONN_FAILED;
}

enum conn_event conn_work(struct conn *c, const struct plan *p, struct count *n, enum failure *why)
{
	char byte;
	bool opened = false;

	if (c->state == CONN_CONNECTING || c->state == CONN_SHAKING) {
		if (!conn_establish(c, p, n, why))
			return c->error ? CONN_FAILED : CONN_NOTHING;
		opened = true;
	}
	if (c->asked) {
		c->state = CONN_BUSY;
		return conn_exchange(c, n, why);
	}
	if (opened)
		return CONN_OPENED;
	/* Nothing is due: session tickets come in here, and the end of the connection. */
	if (c->state == CONN_IDLE && conn_read(c, &byte, 1, false) != READ_AGAIN)
		c->close = true;
	return CONN_NOTHING;
}
