/* The clients of fuzz_exchange: each is a struct, and has one request. */
#include "exchange_play.h"
#include "fakewire.h"
#include "reach.h"

struct visitor visitors[VISITORS];
unsigned begun;

static void op_head(struct client *c, const struct response_head *h)
{
	struct visitor *v = container_of(c, struct visitor, c);
	check(v->busy && !v->headed && !v->ended && !v->aborted, "a head of %u out of turn",
		h->status);
	if (h->status < 200 && h->status != 101) {
		REACH("a 1xx response goes on");
		return;
	}
	v->headed = true;
	v->status = h->status;
	v->own = exchange_of_client(c)->own_answer;
	if (v->own)
		v->out.loose = true;
	REACH_IF(v->own && h->status == 403, "an answer of a hook");
	REACH_IF(v->own && h->status == 422, "an answer of a body hook");
	REACH_IF(v->own && h->status == 413, "a body that is too long");
	REACH_IF(v->own && h->status == 502, "an answer for a server that broke off");
	REACH_IF(v->own && h->status == 504, "an answer for a server that is silent");
}

static bool op_body(struct client *c, struct buf *data)
{
	struct visitor *v = container_of(c, struct visitor, c);
	check(v->busy && v->headed && !v->ended && !v->aborted, "%zu bytes out of turn", data->len);
	while (data->len) {
		sluice_str run = buf_peek(data);
		course_check(&v->out, PLUGINS, v->out.received, run.data, run.len);
		v->out.received += run.len;
		buf_drain(data, run.len);
	}
	return v->full;
}

static void op_end(struct client *c, const struct fields *trailers __attribute__((unused)))
{
	struct visitor *v = container_of(c, struct visitor, c);
	const struct course_part *last = course_before(&v->out, PLUGINS);
	check(v->busy && v->headed && !v->ended && !v->aborted, "an end out of %s", "turn");
	v->ended = true;
	if (v->out.loose || wild || v->tunnel)
		return;
	check(!last || v->status == 204 || (last->over && v->out.received == last->n),
		"%llu bytes of %zu came", (unsigned long long)v->out.received, last ? last->n : 0);
	REACH_IF(last && last->n, "a whole response that passed a plugin");
	REACH_IF(!last && v->out.received, "a whole response");
	if (!last)
		check(v->out.received == (v->total == UINT64_MAX ? v->served : v->total),
			"%llu bytes came of %llu", (unsigned long long)v->out.received,
			(unsigned long long)v->total);
}

static void op_abort(struct client *c)
{
	struct visitor *v = container_of(c, struct visitor, c);
	/* what is said may be unsent */
	check(v->busy && (!v->ended || v->gone) && !v->aborted, "broken off out of %s", "turn");
	v->aborted = true;
	REACH("a response that is broken off");
}

static void op_tunnel(struct client *c)
{
	struct visitor *v = container_of(c, struct visitor, c);
	check(v->busy && v->status == 101, "a tunnel after %d", v->status);
	v->tunnel = v->more = true;
	v->said = v->length = 0;
	v->in.loose = v->out.loose = true;
	v->ended_in = false;
	REACH("a tunnel");
}

static void op_hold(struct client *c)
{
	container_of(c, struct visitor, c)->held = true;
}
static void op_resume(struct client *c)
{
	container_of(c, struct visitor, c)->held = false;
}

static void op_finish(struct client *c)
{
	struct visitor *v = container_of(c, struct visitor, c);
	size_t body;
	fakeserver_read(&server); /* what came of its request is nobody's from now on */
	for (unsigned i = 0; i < server.n_peers; i++) {
		if (request_on(&server.peers[i], &body) != v)
			continue;
		fakepeer_clear(&server.peers[i]);
		answered[i] = false;
	}
	check(v->busy, "finished %s", "twice");
	check(v->gone || v->aborted || (v->ended && v->sent),
		"finished, and the client waits for %s", "an end");
	buf_fini(&v->pending);
	course_fini(&v->in);
	course_fini(&v->out);
	arena_fini(&c->arena);
	*v = (struct visitor){ .busy = false };
}

static const struct client_ops ops = { .head = op_head,
	.body = op_body,
	.end = op_end,
	.tunnel = op_tunnel,
	.abort = op_abort,
	.hold = op_hold,
	.resume = op_resume,
	.finish = op_finish };

void visit(struct visitor *v, struct input *in)
{
	static struct addr local;
	static const struct conn_listener listener = { .name = { "in", 2 } };
	static const sluice_str paths[] = { { "/none/0", 7 }, { "/a/0", 4 }, { "/b/0", 4 },
		{ "/both/0", 7 }, { "/chat/0", 7 } };
	unsigned how = input_byte(in), at = how & 32 ? 4 : how & 3;
	struct request_head *h = &v->head;
	char *path;
	if (v->busy)
		return;
	*v = (struct visitor){ .busy = true, .held = true };
	for (unsigned i = 0; i < 4; i++)
		v->hooks = v->hooks << 8 | input_byte(in);
	for (unsigned i = 0; i < ACTIONS; i++)
		v->actions[i] = (uint8_t)input_byte(in);
	v->out.loose = wild;
	v->c = (struct client){ .ops = &ops,
		.head = h,
		.conn = &v->conn,
		.started_ns = fakewire_worker.now_ns };
	v->conn = (struct conn_info){ .local = &local,
		.listener = &listener,
		.peer_ip = "192.0.2.9",
		.peer_ip_len = 9,
		.requests = 1,
		.fd = -1 };
	arena_init(&v->c.arena, how & 64 ? 6144 : 65536);
	h->upgrade = how & 32;
	h->body = h->upgrade ? BODY_NONE : (uint8_t)((how >> 2) % 3);
	v->length = h->body == BODY_LENGTH ? input_size(in) : 0;
	h->body_length = v->length;
	v->more = h->body == BODY_CHUNKED || v->length;
	h->method_text = h->body ? STR("PUT") : STR("GET");
	h->method = (uint8_t)method_find(h->method_text);
	path = (char *)(uintptr_t)arena_str(&v->c.arena, paths[at]).data;
	/* so that the server knows whose it is */
	path[paths[at].len - 1] = (char)('0' + (v - visitors));
	h->target = h->path = str_n(path, paths[at].len);
	h->authority = h->host = STR("gate.example");
	h->version = how & 128 ? 20 : 11;
	h->keep_alive = true;
	if (h->upgrade && exchange_ask_for_websocket(h, &v->c.arena) < 0)
		h->upgrade = false;
	begun++;
	exchange_on_request(&proxy, &v->c);
}

void visitor_turn(struct visitor *v)
{
	if (v->busy && !v->gone && !v->held && v->pending.len) {
		v->c.events->on_body(&v->c, &v->pending);
		REACH("a part of a request's body");
	}
	if (v->busy && !v->gone && !v->held && !v->more && !v->ended_in && v->pending.len == 0 &&
		(v->tunnel || v->length || v->head.body == BODY_CHUNKED)) {
		v->ended_in = true;
		v->c.events->on_end(&v->c, NULL);
	}
	if (v->busy && !v->gone && v->ended && !v->sent && !v->full) {
		v->sent = true;
		v->c.events->on_sent(&v->c);
	}
}

void visitor_say(struct visitor *v, size_t n, bool last)
{
	if (!v->busy || !v->more)
		return;
	if (v->head.body == BODY_LENGTH && !v->tunnel)
		n = n < v->length - v->said ? n : (size_t)(v->length - v->said);
	n = n > COURSE_MAX - v->said ? 0 : n;
	while (n) {
		size_t room, take;
		char *at = buf_reserve(&v->pending, 1, &room);
		take = room < n ? room : n;
		for (size_t i = 0; i < take; i++)
			at[i] = course_pattern(v->said + i);
		buf_commit(&v->pending, take);
		v->said += take;
		n -= take;
	}
	if (v->head.body == BODY_LENGTH && !v->tunnel ? v->said == v->length : last)
		v->more = false;
}

void visitor_gone(struct visitor *v, bool can_answer)
{
	if (!v->busy || v->gone)
		return;
	can_answer = can_answer && !v->headed;
	v->gone = true;
	REACH_IF(can_answer, "a client that breaks a rule");
	REACH_IF(!v->headed && !can_answer, "a client that leaves early");
	REACH_IF(v->headed && !v->ended, "a client that leaves during the response");
	v->c.events->on_gone(&v->c, can_answer ? ERR_BODY_TOO_LARGE : ERR_CLIENT_GONE, can_answer);
}
