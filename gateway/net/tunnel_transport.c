/* Tunnels through HTTP proxies. See the header. */
#include "net/tunnel_transport.h"

#include <stdio.h>

#include "base/mem.h"
#include "net/behind.h"

struct tunnel {
	struct behind behind;
	char why[64];
	size_t len, sent;
	char request[];
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* RFC 9112 4: "HTTP/1.x", a blank, three digits, and a blank or the end of the line. 0: none. */
static int tunnel_status(sluice_str line)
{
	if (line.len < 12 || !str_starts(line, STR("HTTP/1.")) || !is_digit(line.data[7]) ||
		line.data[8] != ' ' || (line.len > 12 && line.data[12] != ' '))
		return 0;
	int status = 0;
	for (int i = 9; i < 12; i++) {
		if (!is_digit(line.data[i]))
			return 0;
		status = status * 10 + (line.data[i] - '0');
	}
	return status >= 100 ? status : 0;
}

int tunnel_answer_read(sluice_str bytes, int *status)
{
	static const char begin[] = "HTTP/1.";
	size_t n = bytes.len < sizeof(begin) - 1 ? bytes.len : sizeof(begin) - 1;
	if (n && memcmp(bytes.data, begin, n) != 0)
		return -1;
	const char *end = bytes.len ? memmem(bytes.data, bytes.len, "\r\n\r\n", 4) : NULL;
	if (!end)
		return bytes.len < TUNNEL_ANSWER_MAX ? 0 : -1;
	const char *line = memmem(bytes.data, bytes.len, "\r\n", 2);
	int found = tunnel_status(str_n(bytes.data, (size_t)(line - bytes.data)));
	if (!found)
		return -1;
	*status = found;
	return (int)(end - bytes.data) + 4;
}

__attribute__((format(printf, 2, 3))) static enum io tunnel_fail(struct tunnel *t, const char *fmt,
	...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(t->why, sizeof(t->why), fmt, ap);
	va_end(ap);
	return IO_FAIL;
}

static enum io tunnel_receive(struct stream *s, int *status)
{
	struct tunnel *t = s->tls;
	char bytes[TUNNEL_ANSWER_MAX];
	size_t n;
	enum io io = behind_look(s, bytes, sizeof(bytes), &n);
	if (io == IO_EOF)
		return tunnel_fail(t, "the proxy closed the connection");
	if (io != IO_OK)
		return io;
	int len = tunnel_answer_read(str_n(bytes, n), status);
	if (len < 0)
		return tunnel_fail(t, "the proxy's answer is not HTTP, or too long");
	io = behind_take(s, bytes, sizeof(bytes), n, (size_t)len);
	if (io == IO_EOF)
		return tunnel_fail(t, "the proxy closed the connection within its answer");
	return io == IO_FAIL ? tunnel_fail(t, "the connection to the proxy broke") : io;
}

static enum io tunnel_handshake(struct stream *s)
{
	struct tunnel *t = s->tls;
	int status = 0;
	enum io io = behind_send(s, t->request, t->len, &t->sent);
	if (io == IO_AGAIN)
		return io;
	if (io != IO_OK)
		return tunnel_fail(t, "the connection to the proxy broke");
	do {
		io = tunnel_receive(s, &status);
	} while (io == IO_OK && status < 200); /* RFC 9110 15.2: interim */
	if (io != IO_OK)
		return io;
	if (status >= 300)
		return tunnel_fail(t, "the proxy answered CONNECT with %d%s", status,
			status == 407 ? ": it wants other credentials" : "");
	return behind_go_on(s);
}

void *tunnel_new(sluice_str request, const struct transport *next, void *next_state)
{
	struct tunnel *t = mem_zeroed(1, sizeof(*t) + request.len, "struct tunnel");
	t->behind = (struct behind){ next, next_state };
	t->len = request.len;
	memcpy(t->request, request.data, request.len);
	return t;
}

const char *tunnel_why(const struct stream *s)
{
	const struct tunnel *t = s->transport == &transport_tunnel ? s->tls : NULL;
	return t ? t->why : "";
}

const struct transport transport_tunnel = {
	.read = behind_read,
	.write = behind_write,
	.handshake = tunnel_handshake,
	.free = behind_free,
};
