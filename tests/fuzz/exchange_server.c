/*
 * The server of fuzz_exchange: it finds in a request's path whose it is, checks what came of the
 * request, and answers.
 */
#include <stdio.h>

#include "exchange_play.h"
#include "fakewire.h"
#include "reach.h"

struct fakeserver server;
bool answered[FAKESERVER_CONNS];
bool wild;

struct visitor *request_on(const struct fakepeer *p, size_t *body)
{
	const char *end = p->got_len ? memmem(p->got, p->got_len, "\r\n\r\n", 4) : NULL, *http;
	if (!end)
		return NULL;
	*body = (size_t)(end + 4 - p->got);
	http = memmem(p->got, *body, " HTTP/1.1\r\n", 11);
	check(http && http > p->got, "a request line: %.30s", p->got);
	struct visitor *v = &visitors[http[-1] - '0'];
	check(v < visitors + VISITORS, "a path of %s", "nobody's");
	return v;
}

/* The request's body, as far as it came: what the last plugin let go. The length of the whole
 * request; 0: it is not whole. */
static size_t check_request(const struct fakepeer *p)
{
	size_t at;
	struct visitor *v = request_on(p, &at);
	if (p->eof || !v || !v->busy || v->tunnel || v->in.loose)
		return 0;
	const char *bytes = p->got + at, *end = p->got + p->got_len;
	size_t n = p->got_len - at;
	const struct course_part *last = course_before(&v->in, PLUGINS);
	uint64_t total = last ? last->n : v->said;
	bool over = last ? last->over : !v->more;
	if (memmem(p->got, at, "ransfer-", 8) || memmem(p->got, at, "RANSFER-", 8)) {
		uint64_t got;
		bool whole = course_check_chunks(&v->in, &bytes, end, &got);
		check(!whole || (over && got == total && bytes == end),
			"%llu bytes of %llu went on", (unsigned long long)got,
			(unsigned long long)total);
		REACH_IF(whole && last && got, "a whole request that passed a plugin");
		return whole ? (size_t)(bytes - p->got) : 0;
	}
	check(n <= total, "%zu bytes of %llu went on", n, (unsigned long long)total);
	course_check(&v->in, PLUGINS, 0, bytes, n);
	REACH_IF(over && n == total && n, "a whole request with a length");
	return over && n == total ? p->got_len : 0;
}

void server_read(void)
{
	fakeserver_accept(&server);
	fakeserver_read(&server);
	for (unsigned i = 0; i < server.n_peers; i++) {
		size_t whole = check_request(&server.peers[i]);
		if (!whole || !answered[i])
			continue;
		fakepeer_eat(&server.peers[i], whole);
		answered[i] = false;
	}
}

static void serve_body(struct fakepeer *p, struct visitor *v, size_t n, bool chunked)
{
	char line[32], bytes[4096];
	while (n) {
		size_t take = n < sizeof(bytes) ? n : sizeof(bytes);
		for (size_t i = 0; i < take; i++)
			bytes[i] = course_pattern(v->served + i);
		if (chunked)
			fakepeer_say(p, line,
				(size_t)snprintf(line, sizeof(line), "%zx\r\n", take));
		fakepeer_say(p, bytes, take);
		if (chunked)
			fakepeer_say_text(p, "\r\n");
		v->served += take;
		n -= take;
	}
}

void serve(struct fakepeer *p, struct input *in)
{
	unsigned how = input_byte(in);
	size_t n = input_size(in) % 20000, at;
	char head[128];
	struct visitor *v = request_on(p, &at);
	if (p->eof || !v || !v->busy || v->answered)
		return;
	v->answered = answered[p - server.peers] = true;
	if (how & 4)
		fakepeer_say_text(p, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
	if (v->head.upgrade && (how & 16)) {
		v->out.loose = true;
		fakepeer_say_text(p,
			"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: "
			"websocket\r\n"
			"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\5hello");
		return;
	}
	if ((how & 3) == 3) {
		fakepeer_say_text(p, "HTTP/1.1 204 No Content\r\n\r\n");
		return;
	}
	if ((how & 3) == 0)
		(void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
			n);
	else
		(void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n%s\r\n",
			(how & 3) == 1 ? "Transfer-Encoding: chunked\r\n" : "");
	v->total = (how & 3) == 2 ? UINT64_MAX : n;
	fakepeer_say_text(p, head);
	size_t now = how & 8 ? n / 2 : n;
	serve_body(p, v, now, (how & 3) == 1);
	fakewire_poll();
	if (how & 64) /* never the rest */
		return;
	if (v->busy) /* else it was given up meanwhile */
		serve_body(p, v, n - now, (how & 3) == 1);
	if ((how & 3) == 1)
		fakepeer_say_text(p, "0\r\n\r\n");
	if ((how & 3) == 2)
		fakepeer_close(p);
}
