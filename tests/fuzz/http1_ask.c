/* The exchange of fuzz_http1_client: a request, what becomes of it, and what must hold. */
#include <stdlib.h>

#include "http1_play.h"
#include "http1/chunk.h"
#include "reach.h"

enum { SENT_MAX = 512 * 1024 };

unsigned reactions[N_EVENTS];
struct ask ask;
bool little;

static void check_pattern(const char *p, size_t n, uint64_t at, const char *what)
{
	for (size_t i = 0; i < n; i++)
		check(p[i] == pattern(at + i), "byte %llu of %s is 0x%02x",
			(unsigned long long)(at + i), what, (unsigned char)p[i]);
}

static void check_chunks_out(const char *p, size_t n, bool whole)
{
	struct chunk_decoder d;
	struct arena a;
	uint64_t at = 0;
	int r = CHUNK_MORE;
	arena_init(&a, 0);
	chunk_decoder_init(&d, &a, ERR_BAD_CHUNK);
	do {
		size_t skip, data;
		r = chunk_decode(&d, p, n, &skip, &data);
		check(r >= 0, "a chunk that we sent: %d", r);
		check_pattern(p + skip, data, at, "what was sent");
		at += data;
		p += skip + data;
		n -= skip + data;
	} while (r == CHUNK_DATA);
	check(n == 0 && at <= ask.sent, "%zu bytes behind the end", n);
	check(!whole || (r == CHUNK_DONE && at == ask.sent), "%llu bytes came out",
		(unsigned long long)at);
	arena_fini(&a);
}

void check_out(bool whole)
{
	const char *p = peer->wire.out + ask.out_at;
	size_t n = peer->wire.out_len - ask.out_at;
	const char *end = n ? memmem(p, n, "\r\n\r\n", 4) : NULL;
	check(end || !whole, "a request without %s", "head");
	if (!end)
		return;
	n -= (size_t)(end + 4 - p);
	p = end + 4;
	if (ask.framing == BODY_CHUNKED && !ask.tunnel) {
		check_chunks_out(p, n, whole);
		return;
	}
	check(n <= ask.sent && (!whole || n == ask.sent), "%zu bytes came out of %llu", n,
		(unsigned long long)ask.sent);
	check_pattern(p, n, 0, "what was sent");
}

void ask_release(void)
{
	struct origin *o = ask.o;
	ask.o = NULL;
	if (peer->wire.out)
		check_out(false);
	o->ops->release(o);
}

void ask_hold(void)
{
	ask.held = true;
	ask.o->ops->hold(ask.o);
}

static void react(unsigned event)
{
	if (reactions[event] == RELEASE)
		ask_release();
	else if (reactions[event] == HOLD)
		ask_hold();
}

static void check_fields(const struct fields *f)
{
	for (uint32_t i = 0; f && i < f->n; i++)
		check(str_is_token(field_name(&f->v[i])) &&
				str_is_field_value(field_value(&f->v[i])),
			"field %u", i);
}

static void on_head(struct origin *o, struct response_head *h)
{
	check(o == ask.o && o->user == &ask && !ask.head && !ask.failed, "a head of %u out of turn",
		h->status);
	check(h->status >= 100 && h->status <= (lenient ? 999 : 599), "status %u", h->status);
	REACH_IF(h->status > 599, "a status beyond the classes");
	check_fields(&h->fields);
	if (h->status < 200 && h->status != 101) {
		REACH("a 1xx response");
		return;
	}
	check(h->status != 101 || ask.upgrade, "a tunnel that nobody %s", "asked for");
	ask.head = true;
	if (h->status == 101) {
		ask.tunnel = true;
		ask.full = false;
		ask.ended_out = false;
		o->ops->tunnel(o);
		REACH("a tunnel");
	}
	react(ON_HEAD);
}

static void on_body(struct origin *o, struct buf *data)
{
	check(o == ask.o && ask.head && !ask.ended && !ask.failed && !ask.held && data->len,
		"%zu bytes out of turn", data->len);
	size_t n = reactions[ON_BODY] == TAKE_HALF ? (data->len + 1) / 2 : data->len;
	REACH_IF(n < data->len, "a body that is taken in parts");
	while (n) {
		sluice_str run = buf_peek(data);
		size_t take = run.len < n ? run.len : n;
		if (!ask.wild)
			check_pattern(run.data, take, ask.got, "what was received");
		ask.got += take;
		n -= take;
		buf_drain(data, take);
	}
	react(ON_BODY);
}

static void on_end(struct origin *o, const struct fields *trailers)
{
	check(o == ask.o && ask.head && !ask.ended && !ask.failed, "an end out of %s", "turn");
	check_fields(trailers);
	ask.ended = true;
	if (!ask.wild) {
		size_t least = plan.framing == BODY_CLOSE ? plan.said - plan.body_at
							  : plan.body_len;
		check(ask.got == least, "%llu bytes were received of %zu",
			(unsigned long long)ask.got, least);
		REACH_IF(plan.framing == BODY_CHUNKED, "the end of a chunked response");
		REACH_IF(plan.bare, "the end of a response whose lines end with LF");
		REACH_IF(plan.framing == BODY_LENGTH && plan.body_len > 65536,
			"the end of a long response");
		REACH_IF(plan.framing == BODY_CLOSE && !ask.tunnel,
			"the end of a response that ends with the connection");
		REACH_IF(ask.tunnel, "the end of a tunnel");
	}
	REACH_IF(!ask.ended_out && !ask.tunnel, "a response that ends before its request");
	react(ON_END);
}

static void on_drained(struct origin *o)
{
	check(o == ask.o && !ask.failed, "room out of %s", "turn");
	check(ask.full || ask.ended_out, "room that nobody %s", "waits for");
	REACH_IF(ask.full, "room after none");
	ask.full = false;
	react(ON_DRAINED);
}

static void on_fail(struct origin *o, int err)
{
	check(o == ask.o && !ask.failed && err < 0, "failed %s", "twice");
	check(!ask.ended || ask.tunnel, "failed after the %s", "end");
	check(o->sent == (peer->wire.out_len > ask.out_at), "sent: %d", o->sent);
	check(o->bytes_in == peer->wire.in_at - ask.in_at, "%llu bytes in",
		(unsigned long long)o->bytes_in);
	ask.failed = true;
	REACH_IF(err == ERR_UPSTREAM_TIMEOUT, "no answer in time");
	REACH_IF(err == ERR_UPSTREAM_STALLED, "a body that stands still");
	REACH_IF(err == ERR_UPSTREAM_TRUNCATED, "a body cut off");
	REACH_IF(err == ERR_UPSTREAM_CLOSED, "closed before the answer");
	REACH_IF(err == ERR_UPSTREAM_RESET, "a reset");
	REACH_IF(err == ERR_UPSTREAM_BAD_HEAD, "a malformed head");
	REACH_IF(err == ERR_UPSTREAM_BAD_CHUNK, "a malformed chunk");
	REACH_IF(err == ERR_UPSTREAM_BAD_FRAMING, "bytes behind the end");
	REACH_IF(err == ERR_UPSTREAM_HEAD_TOO_LARGE, "a head that is too large");
	REACH_IF(err == ERR_NO_MEMORY, "no memory");
	react(ON_FAIL);
}

static const struct origin_events events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_fail = on_fail,
};

void ask_begin(struct input *in)
{
	static const sluice_str methods[] = { { "GET", 3 }, { "POST", 4 }, { "HEAD", 4 },
		{ "PUT", 3 } };
	static struct field upgrade[] = {
		{ .name = "Upgrade",
			.name_len = 7,
			.value = "websocket",
			.value_len = 9,
			.token = TOKEN_UPGRADE,
			.flags = FIELD_DROP },
	};
	unsigned how = input_byte(in);
	struct request_head h = { .method_text = methods[how & 3],
		.target = { "/", 1 },
		.path = { "/", 1 },
		.authority = { "a.test", 6 },
		.version = 11 };
	if (!peer || !peer->conn || !peer->opened || ask.o)
		return;
	if (http1_conn_check_stale(peer->conn)) {
		REACH("a connection gone stale");
		http1_conn_close(peer->conn);
		peer->conn = NULL;
		return;
	}
	check(peer->wire.in_at == peer->wire.in_len && !peer->wire.eof && !peer->wire.reset,
		"reused, and not at %s", "rest");
	arena_fini(&ask.arena);
	ask = (struct ask){ .upgrade = how & 64,
		.out_at = peer->wire.out_len,
		.in_at = peer->wire.in_at };
	ask.bodiless = (how & 3) == 2;
	/* who asks for a tunnel has no body */
	ask.framing = ask.upgrade ? BODY_NONE : (how >> 2) % 3;
	ask.length = ask.framing == BODY_LENGTH ? input_size(in) : 0;
	h.method = (uint8_t)method_find(h.method_text);
	h.body = (uint8_t)ask.framing;
	h.body_length = ask.length;
	h.upgrade = ask.upgrade;
	if (ask.upgrade)
		h.fields = (struct fields){ upgrade, 1, 1 };
	arena_init(&ask.arena, little ? 2048 : 65536);
	plan.len = plan.said = 0;
	ask.o = http1_conn_begin(peer->conn, &events, &ask, &ask.arena);
	REACH_IF(ask.out_at > 0, "a second request");
	ask.o->ops->head(ask.o, &h);
}

void ask_push(size_t n)
{
	struct buf b;
	if (!ask.o || ask.ended_out || ask.full || ask.failed ||
		(ask.framing == BODY_NONE && !ask.tunnel))
		return;
	if (ask.framing == BODY_LENGTH && !ask.tunnel)
		n = n < ask.length - ask.sent ? n : (size_t)(ask.length - ask.sent);
	if (ask.sent + n > SENT_MAX)
		return;
	buf_init(&b);
	for (size_t i = 0; i < n;) {
		size_t room;
		char *at = buf_reserve(&b, 1, &room);
		size_t take = room < n - i ? room : n - i;
		for (size_t k = 0; k < take; k++)
			at[k] = pattern(ask.sent + i + k);
		buf_commit(&b, take);
		i += take;
	}
	ask.sent += n;
	ask.full = ask.o->ops->body(ask.o, &b);
	check(b.len == 0, "%zu bytes were not taken", b.len);
}

void ask_end(bool trailers)
{
	static struct field one = { .name = "x-sum", .name_len = 5, .value = "1", .value_len = 1 };
	static const struct fields some = { &one, 1, 1 };
	if (!ask.o || ask.ended_out || ask.failed ||
		(ask.framing == BODY_LENGTH && !ask.tunnel && ask.sent < ask.length))
		return;
	ask.ended_out = true;
	REACH_IF(ask.tunnel, "our end of a tunnel");
	ask.o->ops->end(ask.o, trailers ? &some : NULL);
}

void ask_resume(void)
{
	ask.held = false;
	ask.o->ops->resume(ask.o);
	REACH("resumed");
}
