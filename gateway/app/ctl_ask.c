/* One HTTP/1.1 exchange with an admin address, by a blocking socket. */
#include "app/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http1/parse.h"

enum { CONNECT_S = 5, ANSWER_S = 60, HEAD_MAX = 32 << 10 };

/* Connect. SO_*TIMEO bound each call on the socket; ctl_ask() bounds the whole. */
static int ask_connect(const struct addr *to)
{
	struct timeval connect_in = { .tv_sec = CONNECT_S }, read_in = { .tv_sec = ANSWER_S };
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &connect_in, sizeof(connect_in)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &read_in, sizeof(read_in)) < 0 ||
		connect(fd, &to->sa, to->len) < 0) {
		int error = errno == EINPROGRESS ? ETIMEDOUT : errno;
		(void)close(fd);
		return -error;
	}
	return fd;
}

static int ask_send(int fd, const struct addr *to, const char *method, const char *path)
{
	char host[ADDR_TEXT] = "localhost", head[CTL_PATH_MAX + 512];
	if (to->sa.sa_family != AF_UNIX)
		(void)addr_text(to, host);
	int n = snprintf(head, sizeof(head),
		"%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: sluice/" SLUICE_VERSION
		"\r\nConnection: close\r\n%s\r\n",
		method, path, host, strcmp(method, "POST") == 0 ? "Content-Length: 0\r\n" : "");
	check(n > 0 && (size_t)n < sizeof(head), "a request for %s does not fit", path);
	for (int at = 0; at < n;) {
		ssize_t sent = send(fd, head + at, (size_t)(n - at), MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		at += (int)sent;
	}
	return 0;
}

struct ask_reader {
	int fd;
	uint64_t until_ns;
	char *buf;
	size_t len, cap;
	bool eof;
};

/* Read once. 0 also at the end, or a negative errno. */
static int ask_fill(struct ask_reader *r)
{
	if (r->len == r->cap) {
		r->cap = r->cap ? 2 * r->cap : HEAD_MAX;
		r->buf = mem_resize(r->buf, r->cap, 1, "bytes of an answer");
	}
	for (;;) {
		ssize_t n = clock_ns() < r->until_ns
			? recv(r->fd, r->buf + r->len, r->cap - r->len, 0)
			: (errno = ETIMEDOUT, -1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		r->eof = n == 0;
		r->len += (size_t)n;
		return 0;
	}
}

/* Read until the head is complete. Returns its length, or a negative errno; -EPROTO when it is not
 * HTTP. */
static ssize_t ask_head(struct ask_reader *r)
{
	size_t searched = 0, len;
	for (;;) {
		if (http1_find_head_end(r->buf ? r->buf : "", r->len, searched, &len))
			return (ssize_t)len;
		searched = r->len;
		if (r->len > HEAD_MAX || r->eof)
			return -EPROTO;
		int err = ask_fill(r);
		if (err)
			return err;
	}
}

static int ask_read(struct ask_reader *r, struct arena *a, const char *method,
	struct ctl_reply *out)
{
	struct response_head h;
	ssize_t head = ask_head(r);
	if (head < 0)
		return (int)head;
	sluice_str text = arena_str(a, str_n(r->buf, (size_t)head));
	if (http1_parse_response(&h, text.data, text.len, a, method_find(str_of(method)),
		    &HTTP1_LIMITS_DEFAULT) < 0)
		return -EPROTO;
	if (h.body == BODY_CHUNKED || (h.body == BODY_LENGTH && h.body_length > CTL_BODY_MAX))
		return -EPROTO;
	size_t want = h.body == BODY_LENGTH ? (size_t)h.body_length
		: h.body == BODY_CLOSE      ? SIZE_MAX
					    : 0;
	while (!r->eof && r->len - (size_t)head < want) {
		int err = ask_fill(r);
		if (err)
			return err;
		if (r->len - (size_t)head > CTL_BODY_MAX)
			return -EPROTO;
	}
	size_t got = r->len - (size_t)head;
	if (h.body == BODY_LENGTH && got < want)
		return -ECONNRESET;
	out->status = h.status;
	out->body = arena_str(a, str_n(r->buf + head, got < want ? got : want));
	return 0;
}

bool ctl_ask(struct arena *a, const struct addr *to, const char *method, const char *path,
	struct ctl_reply *out, char *why)
{
	struct ask_reader r = { .until_ns = clock_ns() + (CONNECT_S + ANSWER_S) * NS_PER_S };
	r.fd = ask_connect(to);
	if (r.fd < 0) {
		(void)snprintf(why, CTL_WHY, "%s", strerror(-r.fd));
		return false;
	}
	int err = ask_send(r.fd, to, method, path);
	if (!err)
		err = ask_read(&r, a, method, out);
	(void)close(r.fd);
	free(r.buf);
	if (err)
		(void)snprintf(why, CTL_WHY, "%s",
			err == -EPROTO ? "what answers there is not a gateway's admin address"
				       : strerror(-err));
	return !err;
}
