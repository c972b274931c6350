/*
 * Exchanges between a client and a server that come, go, stall and break off as an input says, with
 * two plugins that work on bodies in either direction: hold, drop, write, replace, wait, refuse,
 * fail. A real configuration, snapshot and upstream; the client is a struct, the server a unix
 * socket on the same thread, and the time is ours.
 *
 * What must hold: an exchange finishes its client exactly once, and does nothing with it
 * afterwards; heads, bodies and ends come in order and never when they were held back; each plugin
 * sees what the one before it let go, and the receiver what the last one did, all of it when the
 * message is whole; nothing is under way at the end.
 */
#include <stdio.h>
#include <stdlib.h>

#include "exchange_gateway.h"
#include "exchange_course.h"
#include "fakeserver.h"
#include "fakewire.h"
#include "heap.h"
#include "input.h"
#include "proxy/exchange.h"
#include "reach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VISITORS = 3, STEPS = 300, ACTIONS = 8 };

/* What a body hook does, one after the other. */
enum action { PASS, PASS_HALF, DROP, REPLACE, KEEP, WAIT, WRITE_MORE, END_IT, N_ACTIONS };

struct visitor {
	struct client c;
	struct request_head head;
	struct conn_info conn;
	struct buf pending;    /* of the request's body, to be handed over */
	struct course in, out; /* request, response */
	uint64_t said, length; /* of the request's body */
	/* bytes of the response's body that the server said, and announced; by closing:
	 * UINT64_MAX */
	uint64_t served, total;
	unsigned hooks; /* what the hooks on heads do */
	uint8_t actions[ACTIONS], at_action;
	int status;
	bool busy, held, more, ended_in, gone; /* more: the request is not complete */
	bool headed, ended, aborted, sent, full, own, tunnel;
	bool answered; /* the server began to */
};

static struct proxy proxy;
static struct snapshot *snapshot;
static struct fakeserver server;
static struct visitor visitors[VISITORS];
static unsigned completed, begun;
static bool answered[FAKESERVER_CONNS]; /* the request that is to be read on a connection */
static bool wild;                       /* the server said what is no answer */

static struct visitor *visitor_of(sluice_exchange *x)
{
	return container_of(x->client, struct visitor, c);
}

static int place_of(const void *conf, sluice_side side)
{
	int k = ((const struct script_conf *)conf)->label.data[0] - 'a';
	return side == SLUICE_REQUEST ? k : PLUGINS - 1 - k;
}

/* ---- plugins ------------------------------------------------------------------------------- */

static struct course *course_of(struct visitor *v, sluice_side side)
{
	return side == SLUICE_REQUEST ? &v->in : &v->out;
}

/* how: 0 does not; else bits of what it asks for. */
static void want(sluice_exchange *x, const void *conf, sluice_side side, unsigned how)
{
	struct course_part *p = &course_of(visitor_of(x), side)->parts[place_of(conf, side)];
	sluice_body_plan plan = { .size = sizeof(plan),
		.mode = how & 2 ? SLUICE_BODY_BUFFER : SLUICE_BODY_STREAM,
		.over = SLUICE_BODY_REFUSE,
		.max = how & 8 ? 64 : 1 << 20,
		.read_only = how & 4 };
	if (!(how & 1) || !sluice_body_want(x, side, &plan))
		return;
	p->wants = true;
	p->read_only = how & 4;
	REACH_IF(side == SLUICE_REQUEST && (how & 2), "a request's body that is buffered");
	REACH_IF(side == SLUICE_RESPONSE && (how & 2), "a response's body that is buffered");
	REACH_IF(how & 4, "a body that is only looked at");
}

static sluice_verdict after_sleep(sluice_exchange *x, const void *conf)
{
	(void)x;
	(void)conf;
	REACH("a hook that waited");
	return SLUICE_NEXT;
}

/* Of a head. how: three bits. */
static sluice_verdict head_hook(sluice_exchange *x, unsigned how)
{
	switch (how & 7) {
	case 5:
		return sluice_sleep(x, 50, after_sleep);
	case 6:
		visitor_of(x)->out.loose = true;
		return sluice_refuse(x, 403, "no-entry", "not you");
	case 7:
		visitor_of(x)->out.loose = true;
		return sluice_reply(x, 200, SLUICE_STR("text/plain"), SLUICE_STR("made here"));
	default:
		return SLUICE_NEXT;
	}
}

static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	struct visitor *v = visitor_of(x);
	unsigned k = (unsigned)place_of(conf, SLUICE_REQUEST);
	want(x, conf, SLUICE_REQUEST, v->hooks >> (4 * k));
	if (v->hooks & 0x10000)
		want(x, conf, SLUICE_RESPONSE, v->hooks >> (8 + 4 * k));
	return head_hook(x, v->hooks >> (17 + 3 * k));
}

static sluice_verdict on_response(sluice_exchange *x, const void *conf)
{
	struct visitor *v = visitor_of(x);
	unsigned k = (unsigned)place_of(conf, SLUICE_REQUEST);
	if (!(v->hooks & 0x10000))
		want(x, conf, SLUICE_RESPONSE, v->hooks >> (8 + 4 * k));
	return head_hook(x, v->hooks >> (23 + 3 * k));
}

static sluice_verdict on_complete(sluice_exchange *x, const void *conf)
{
	check(visitor_of(x)->busy, "a hook of %.*s after the end",
		STR_ARG(((const struct script_conf *)conf)->label));
	return SLUICE_NEXT;
}

static void pass(sluice_exchange *x, struct course_part *p, sluice_str data, size_t from, size_t n)
{
	if (!p->read_only)
		course_let_go(p, data.data + from, n);
	sluice_body_pass(x, n);
	p->seen += p->read_only ? 0 : n;
}

static void drop(sluice_exchange *x, struct course_part *p, size_t n)
{
	sluice_body_drop(x, n);
	p->seen += n;
}

/* False: it is enough for now. */
static bool put(sluice_exchange *x, struct course_part *p, sluice_str bytes)
{
	course_let_go(p, bytes.data, bytes.len);
	return sluice_body_write(x, bytes);
}

/* What waited goes on as it is. */
static sluice_verdict after_wait(sluice_exchange *x, const void *conf)
{
	(void)x;
	(void)conf;
	REACH("a body hook that waited");
	return SLUICE_NEXT;
}

static sluice_verdict act(sluice_exchange *x, struct visitor *v, struct course_part *p,
	enum action what, sluice_str data, bool end, bool *enough)
{
	static const char words[] = "\1other\2";
	sluice_str other = { words, sizeof(words) - 1 };
	switch (what) {
	case PASS:
		pass(x, p, data, 0, data.len);
		break;
	case PASS_HALF:
		pass(x, p, data, 0, data.len / 2);
		break;
	case DROP:
		drop(x, p, data.len);
		break;
	case REPLACE:
		pass(x, p, data, 0, data.len / 3);
		*enough = !put(x, p, other);
		drop(x, p, data.len / 3);
		break;
	case WRITE_MORE:
		for (unsigned i = 0; i < 12000 && !*enough; i++)
			*enough = !put(x, p, other);
		REACH_IF(*enough, "a receiver that has enough");
		/* some, or there is no end of it */
		drop(x, p, *enough ? (data.len + 1) / 2 : data.len);
		break;
	case WAIT:
		if (end && !(v->hooks & 0x80000000))
			return sluice_sleep(x, 30, after_wait);
		break;
	case END_IT:
		REACH("a body hook that ends the message");
		v->in.loose = v->out.loose = true;
		return v->hooks & 0x20000000 ? SLUICE_FAIL
					     : sluice_refuse(x, 422, "no-good", "not this");
	default:
		REACH("a body that is held by a plugin");
		break;
	}
	return SLUICE_NEXT;
}

static sluice_verdict body_hook(sluice_exchange *x, const void *conf, sluice_side side,
	sluice_str data, bool end)
{
	struct visitor *v = visitor_of(x);
	struct course *l = course_of(v, side);
	int k = place_of(conf, side);
	struct course_part *p = &l->parts[k];
	bool enough = false;
	if (side == SLUICE_RESPONSE && exchange_of_client(&v->c)->own_answer)
		l->loose = true; /* and perhaps in the place of another */
	check(v->busy && p->wants && (l->loose || !p->over), "a body that %d did not ask for", k);
	course_check(l, k, p->seen, data.data, data.len);
	uint64_t seen = p->seen;
	enum action what = v->actions[v->at_action++ % ACTIONS] % N_ACTIONS;
	what = p->read_only && what != END_IT ? KEEP : what;
	sluice_verdict r = act(x, v, p, what, data, end, &enough);
	if (r == SLUICE_FAIL || r == SLUICE_REPLY)
		return r;
	size_t taken = (size_t)(p->seen - seen), left = data.len - taken;
	if (p->read_only) { /* all that it saw goes on */
		course_let_go(p, data.data, data.len);
		p->seen += data.len;
		p->over = end;
	} else if (end && !(enough && left)) {
		course_let_go(p, data.data + taken, left);
		p->seen += left;
		p->over = true;
		REACH_IF(left, "a rest that goes on at the end");
	}
	return r;
}

static sluice_verdict on_request_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	return body_hook(x, conf, SLUICE_REQUEST, data, end);
}
static sluice_verdict on_response_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	return body_hook(x, conf, SLUICE_RESPONSE, data, end);
}

/* ---- the client ---------------------------------------------------------------------------- */

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

static struct visitor *request_on(const struct fakepeer *p, size_t *body);
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

static void visit(struct visitor *v, struct input *in)
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

/* What waits is handed over, as far as it is taken. */
static void visitor_turn(struct visitor *v)
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

static void visitor_say(struct visitor *v, size_t n, bool last)
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

static void visitor_gone(struct visitor *v, bool can_answer)
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

/* ---- the server ---------------------------------------------------------------------------- */

/* What came on a connection: whose request it is; NULL: none, or no whole head. *body: where the
 * body begins. */
static struct visitor *request_on(const struct fakepeer *p, size_t *body)
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

/* A request that was answered and is whole makes room for the next on its connection. */
static void server_read(void)
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

/* An answer of the server's, whole or in part: to whom it is is known by the path. */
static void serve(struct fakepeer *p, struct input *in)
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

static struct fakepeer *peer_of(unsigned which)
{
	if (server.n_peers == 0)
		return NULL;
	return &server.peers[which & 1 ? server.n_peers - 1 : (which >> 1) % server.n_peers];
}

/* ---- steps --------------------------------------------------------------------------------- */

static void on_free(struct snapshot *s)
{
	check(s == NULL, "the snapshot is gone, which is still in %s", "use");
}

static struct view *view_make(void)
{
	atomic_fetch_add(&snapshot->refs, 1);
	return view_new(&fakewire_worker, snapshot, on_free);
}

static void reload(void)
{
	struct view *old = proxy.view;
	proxy.view = view_make();
	view_unref(old);
	REACH("a reload");
}

static void step(struct input *in)
{
	static const uint64_t times[] = { 10 * NS_PER_MS, 100 * NS_PER_MS, 400 * NS_PER_MS,
		3 * NS_PER_S };
	unsigned what = input_below(in, 12);
	struct visitor *v = &visitors[what < 6 ? input_below(in, VISITORS) : 0];
	struct fakepeer *p = what >= 6 && what < 9 ? peer_of(input_byte(in)) : NULL;
	switch (what) {
	case 0:
		visit(v, in);
		break;
	case 1:
		visitor_say(v, input_size(in), false);
		break;
	case 2:
		visitor_say(v, v->length > v->said ? (size_t)(v->length - v->said) : 0, true);
		break;
	case 3:
		visitor_gone(v, input_byte(in) & 1);
		break;
	case 4:
		v->full = v->busy;
		break;
	case 5:
		if (v->busy && v->full && !v->gone && v->headed) {
			v->full = false;
			v->c.events->on_drained(&v->c);
			REACH("a client that reads again");
		}
		break;
	case 6:
		if (p)
			serve(p, in);
		break;
	case 7:
		if (p)
			fakepeer_close(p);
		break;
	case 8:
		if (p) {
			sluice_str raw = input_bytes(in);
			wild = true; /* whose answer that becomes is not known */
			for (unsigned i = 0; i < VISITORS; i++)
				visitors[i].out.loose = true;
			fakepeer_say(p, raw.data, raw.len);
		}
		break;
	case 9:
		fakewire_pass(times[input_below(in, 4)]);
		break;
	case 10:
		if (input_byte(in) & 1)
			fakeserver_refuse(&server);
		else
			fakeserver_listen(&server);
		break;
	default:
		reload();
		break;
	}
}

static void turn(void)
{
	fakewire_poll();
	server_read();
	for (unsigned i = 0; i < VISITORS; i++)
		visitor_turn(&visitors[i]);
	fakewire_poll();
}

static void on_done(struct proxy *p __attribute__((unused)), const struct exchange *x)
{
	completed++;
	REACH_IF(x->retried, "a second try");
}

static void end(void)
{
	turn();
	for (unsigned i = 0; i < VISITORS; i++)
		visitor_gone(&visitors[i], false);
	turn();
	fakewire_pass(10 * NS_PER_S);
	for (unsigned i = 0; i < VISITORS; i++)
		check(!visitors[i].busy, "visitor %u is not finished", i);
	check(proxy.active == 0 && completed == begun,
		"%u exchanges of %u are complete, %u under way", completed, begun, proxy.active);
	view_unref(proxy.view);
	proxy.view = NULL;
	fakewire_settle();
	worker_end_part(&fakewire_worker, PART_UPSTREAM);
	fakeserver_down(&server);
	check(fakewire_has_no_timer(), "a deadline of %s", "nobody's");
	buf_thread_fini();
	arena_thread_fini();
}

static void run(const uint8_t *data, size_t size)
{
	static const struct script hooks = { .on_request = on_request,
		.on_response = on_response,
		.on_complete = on_complete,
		.on_request_body = on_request_body,
		.on_response_body = on_response_body };
	struct input in = { data, data + size };
	if (!snapshot)
		snapshot = exchange_gateway(&hooks);
	proxy = (struct proxy){ .worker = &fakewire_worker, .on_complete = on_done };
	permute_init(&proxy.ids, (const uint64_t[2]){ 1, 2 });
	list_init(&proxy.exchanges);
	wild = false;
	completed = begun = 0;
	memset(answered, 0, sizeof(answered));
	fakeserver_up(&server, 0);
	proxy.view = view_make();
	for (unsigned i = 0; i < STEPS && input_has_more(&in); i++) {
		step(&in);
		turn();
	}
	end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	heap_watch(run, data, size);
	return 0;
}
