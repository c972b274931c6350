/* The server of fuzz_http1_client: answers as they should be, and anything else. */
#include <stdlib.h>

#include "http1_play.h"
#include "http1/chunk.h"
#include "reach.h"

struct plan plan;
bool lenient;

static void plan_add(const char *p, size_t n)
{
	check(plan.len + n <= sizeof(plan.text), "an answer of %zu bytes", plan.len + n);
	memcpy(plan.text + plan.len, p, n);
	plan.len += n;
}

static void plan_text(const char *text)
{
	for (; *text; text++) {
		if (*text != '\r' || !plan.bare)
			plan_add(text, 1);
	}
}

static void plan_body(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = pattern(plan.body_len++);
		plan_add(&c, 1);
	}
}

static void plan_chunks(size_t n, unsigned how)
{
	while (n) {
		char line[CHUNK_HEAD_MAX + 1];
		size_t take = how % 7 && n > how % 7 * 100 ? how % 7 * 100 : n;
		line[chunk_head(line, take)] = 0;
		plan_text(line);
		plan_body(take);
		plan_text("\r\n");
		n -= take;
	}
	plan_text(how & 64 ? "0\r\nx-sum: 1\r\n\r\n" : "0\r\n\r\n");
}

/* What every reader understands alike, and only a lenient one takes: lines that end with LF alone,
 * and empty lines before the head. */
static void plan_depart(unsigned how)
{
	plan.bare = lenient && (how & 1);
	for (unsigned i = 0; lenient && i < how / 2 % 4; i++)
		plan_text("\r\n");
	REACH_IF(plan.len, "empty lines before a head");
}

void plan_make(struct input *in)
{
	unsigned how = input_byte(in);
	size_t n = input_size(in);
	char line[96];
	bool tunnel = ask.upgrade && (how & 128);
	if (!ask.o || plan.len)
		return;
	n = n < 200000 ? n : 200000;
	plan.body_len = 0;
	plan_depart(lenient ? input_byte(in) : 0);
	plan.framing = tunnel ? BODY_CLOSE : BODY_LENGTH + how % 3;
	for (unsigned i = 0; i < (how >> 2) % 4; i++)
		plan_text("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
	if (tunnel)
		plan_text("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: "
			  "websocket\r\n\r\n");
	else if (plan.framing == BODY_LENGTH)
		(void)snprintf(line, sizeof(line),
			"HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", n,
			how & 32 ? "Connection: close\r\n" : "");
	else
		(void)snprintf(line, sizeof(line), "HTTP/1.1 %s\r\n%s\r\n",
			how & 16 ? "404 Not Found" : "200",
			plan.framing == BODY_CHUNKED ? "Transfer-Encoding: chunked\r\n" : "");
	if (!tunnel)
		plan_text(line);
	plan.body_at = plan.len;
	if (ask.bodiless && !tunnel)
		plan.framing = BODY_NONE;
	else if (plan.framing == BODY_CHUNKED)
		plan_chunks(n, how);
	else
		plan_body(n);
}

void say(const char *p, size_t n)
{
	if (peer && peer->opened && !peer->wire.closed && !peer->wire.eof && !peer->wire.reset)
		fakewire_say(&peer->wire, p, n);
}

void say_plan(size_t n)
{
	n = n < plan.len - plan.said ? n : plan.len - plan.said;
	if (!ask.o || !peer->conn || peer->wire.closed || peer->wire.eof || peer->wire.reset)
		return;
	plan.said += n;
	say(plan.text + plan.said - n, n);
}

void say_part(unsigned which)
{
	static const char *const parts[] = {
		"HTTP/1.1 200 OK\r\n",
		"HTTP/1.0 200 OK\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: "
		"websocket\r\n\r\n",
		"HTTP/1.1 304 \r\n\r\n",
		"HTTP/2 200\r\n\r\n",
		"Content-Length: 5\r\n",
		"Content-Length: 5, 5\r\n",
		"Content-Length: 18446744073709551616\r\n",
		"Content-Length: 0\r\n",
		"Transfer-Encoding: chunked\r\n",
		"Transfer-Encoding: gzip, chunked\r\n",
		"Transfer-Encoding: gzip\r\n",
		"Connection: close\r\n",
		"Connection: keep-alive\r\n",
		"X-A: b\r\n",
		" folded\r\n",
		"X-B : c\r\n",
		"\r\n",
		"\n",
		"hello",
		"5\r\nhello\r\n",
		"0\r\n\r\n",
		"0\r\nx: y\r\n",
		"5;a=b\r\nhello\r\n",
		"ffffffffffffffff\r\n",
		"-5\r\n",
		"\r",
		"\0\1\2",
		"HTTP/1.1 999 \r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	};
	const char *p = parts[which % (sizeof(parts) / sizeof(parts[0]))];
	ask.wild = true;
	say(p, strlen(p) ? strlen(p) : 3);
}

void server_end(bool reset)
{
	if (!peer || !peer->opened || peer->wire.closed)
		return;
	if (reset)
		fakewire_reset(&peer->wire);
	else
		fakewire_eof(&peer->wire);
}
