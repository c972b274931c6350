/*
 * Calls to an upstream of up to three servers, which refuse, answer, fall silent and close as an
 * input says, while configurations come and go. An input is a script of steps; some steps say what
 * is done from within a callback.
 *
 * What must hold: a call that waits hears of one end, one that was cancelled of none; what is ready
 * is reported and released once; bounds of connections hold; and when the last configuration is
 * gone no connection, timer or byte is left.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/stat.h"
#include "fakeserver.h"
#include "fakewire.h"
#include "heap.h"
#include "http2/server.h"
#include "input.h"
#include "reach.h"
#include "upstream/endpoint.h"
#include "upstream/upstream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SERVERS = 3, VISITS = 8, GENERATIONS = 4, STEPS = 300 };

enum { ON_READY, ON_FAIL, ON_END, ON_ORIGIN_FAIL, N_EVENTS };
enum reaction { WAIT, GO_ON, LEAVE, DISTURB, N_REACTIONS }; /* DISTURB: the next one gives up */

struct generation {
	struct upstream_conf conf;
	struct upstream_server servers[SERVERS];
	struct upstream *u; /* NULL: not in use */
};

struct visit {
	struct upstream_call call;
	struct arena arena;
	struct generation *of;
	bool live;         /* the call was initialised */
	bool waits, ready; /* ready: report and release are owed */
	bool sent, over;   /* the request; it ended or failed */
	int err;
};

static struct fakeserver servers[SERVERS];
static struct generation generations[GENERATIONS];
static struct generation *newest;
static struct visit visits[VISITS];
static unsigned n_generations, reactions[N_EVENTS], depth;

/* ---- calls --------------------------------------------------------------------------------- */

static const struct origin_events events;

static void visit_finish(struct visit *v, int err)
{
	struct origin *o = v->call.origin;
	check(v->ready && o, "finished %s", "twice");
	v->ready = false;
	v->sent = false;
	REACH_IF(o->not_processed, "a request that the server did nothing about");
	upstream_report(&v->call, err);
	o->ops->release(o);
}

static void visit_send(struct visit *v)
{
	struct origin *o = v->call.origin;
	struct request_head h = { .method_text = STR("GET"),
		.method = METHOD_GET,
		.target = STR("/"),
		.path = STR("/"),
		.authority = STR("a.test"),
		.host = STR("a.test"),
		.version = 11 };
	if (!v->ready || v->sent || v->over)
		return;
	v->sent = true;
	o->ops->head(o, &h);
	o->ops->end(o, NULL);
	o->ops->resume(o);
}

static void visit_ready(struct visit *v)
{
	check(!v->ready && v->call.state == UPSTREAM_CALL_READY && v->call.origin &&
			v->call.endpoint,
		"ready in state %d", v->call.state);
	v->waits = false;
	v->ready = true;
	v->over = false;
	REACH_IF(v->call.reused, "a connection used again");
	REACH_IF(v->call.tries > 0, "a second server");
}

static void visit_open(struct visit *v)
{
	int r = upstream_open(&v->call, v->of->u, &events, v, &v->arena);
	if (r > 0) {
		visit_ready(v);
		visit_send(v);
	} else if (r == 0) {
		v->waits = true;
		REACH_IF(v->call.state == UPSTREAM_CALL_QUEUED, "a call that waits for its turn");
	} else {
		REACH_IF(r == ERR_QUEUE_FULL, "a queue that is full");
		REACH_IF(r == ERR_CIRCUIT_OPEN, "a circuit that is open");
		REACH_IF(r == ERR_NO_SERVER, "no server is left");
		check(v->call.state == UPSTREAM_CALL_IDLE, "failed in state %d", v->call.state);
	}
}

static void visit_end(struct visit *v)
{
	if (!v->live)
		return;
	if (v->ready)
		visit_finish(v, ERR_CLIENT_GONE);
	REACH_IF(v->call.state == UPSTREAM_CALL_OPENING,
		"a call given up while its connection opens");
	upstream_call_fini(&v->call);
	arena_fini(&v->arena);
	*v = (struct visit){ .live = false };
}

/* The one behind it gives up whatever it does. */
static void disturb(struct visit *v)
{
	struct visit *other = &visits[(size_t)(v - visits + 1) % VISITS];
	if (other->waits) {
		other->waits = false;
		upstream_cancel(&other->call);
		REACH("a call cancelled from within a callback");
	} else if (other->ready) {
		visit_finish(other, ERR_CLIENT_GONE);
	}
}

static void on_ready(struct upstream_call *c)
{
	struct visit *v = container_of(c, struct visit, call);
	check(v->waits, "ready, and nobody %s", "waits");
	visit_ready(v);
	if (reactions[ON_READY] == GO_ON)
		visit_send(v);
	else if (reactions[ON_READY] == LEAVE)
		visit_finish(v, ERR_CLIENT_GONE);
	else if (reactions[ON_READY] == DISTURB)
		disturb(v);
}

static void on_fail(struct upstream_call *c, int err)
{
	struct visit *v = container_of(c, struct visit, call);
	check(v->waits && err < 0 && c->state == UPSTREAM_CALL_IDLE,
		"failed with %d, and nobody waits", err);
	v->waits = false;
	REACH_IF(err == ERR_CONNECT_TIMEOUT, "no connection in time");
	REACH_IF(err == ERR_SHED, "a call that gives up its place");
	REACH_IF(err == ERR_QUEUE_TIMEOUT, "no turn in time");
	if (reactions[ON_FAIL] == GO_ON && depth < 4 && upstream_may_retry(c)) {
		depth++;
		visit_open(v);
		depth--;
	} else if (reactions[ON_FAIL] == LEAVE) {
		visit_end(v);
	} else if (reactions[ON_FAIL] == DISTURB) {
		disturb(v);
	}
}

static void on_head(struct origin *o, struct response_head *h)
{
	struct visit *v = o->user;
	check(v->ready && !v->over && h->status >= 100, "a head out of %s", "turn");
}

static void on_body(struct origin *o, struct buf *data)
{
	struct visit *v = o->user;
	check(v->ready && !v->over, "a body out of %s", "turn");
	buf_drain(data, data->len);
}

/* err: 0, the response is whole. */
static void visit_over(struct visit *v, unsigned event, int err)
{
	check(v->ready && !v->over, "over %s", "twice");
	bool lost = v->call.reused && !v->call.origin->answered;
	v->over = true;
	v->err = err;
	REACH_IF(err == 0, "a response");
	REACH_IF(lost && err, "a connection that was closed meanwhile");
	if (reactions[event] == GO_ON) {
		visit_finish(v, err);
		if (err && upstream_may_retry(&v->call))
			visit_open(v);
	} else if (reactions[event] == LEAVE) {
		visit_finish(v, err);
		visit_end(v);
	} else if (reactions[event] == DISTURB) {
		disturb(v);
	}
}

static void on_end(struct origin *o, const struct fields *trailers)
{
	(void)trailers;
	visit_over(o->user, ON_END, 0);
}

static void on_origin_fail(struct origin *o, int err)
{
	visit_over(o->user, ON_ORIGIN_FAIL, err);
}

static void on_drained(struct origin *o)
{
	check(((struct visit *)o->user)->ready, "room for %s", "nobody");
}

static const struct origin_events events = {
	.on_head = on_head,
	.on_body = on_body,
	.on_end = on_end,
	.on_drained = on_drained,
	.on_fail = on_origin_fail,
};

static void visit_begin(struct visit *v, unsigned how)
{
	if (v->live && (v->waits || v->ready))
		return;
	if (v->live && (v->of != newest || how & 64))
		visit_end(v);
	if (!v->live) {
		*v = (struct visit){ .live = true, .of = newest };
		upstream_call_init(&v->call, on_ready, on_fail);
		arena_init(&v->arena, 16384);
		if (newest->conf.proxy_protocol)
			v->call.proxy_header = how & 32
				? STR("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")
				: STR("PROXY UNKNOWN\r\n");
	}
	v->call.fresh = how & 16;
	if (how & 128)
		v->call.priority = PRIORITY_LOW;
	visit_open(v);
}

/* ---- configurations ------------------------------------------------------------------------ */

static bool in_use(const struct generation *g)
{
	for (unsigned i = 0; i < VISITS; i++) {
		if (visits[i].live && visits[i].of == g)
			return true;
	}
	return false;
}

/* Those that nobody uses any more go. */
static void generations_sweep(bool all)
{
	for (unsigned i = 0; i < GENERATIONS; i++) {
		struct generation *g = &generations[i];
		if (g->u && (all || (g != newest && !in_use(g))))
			upstream_detach(&g->u);
	}
}

/* The same for all generations of an input. */
static uint64_t max_requests;
static enum queue_order order;
static struct breaker *breaker; /* NULL: none */

static void generation_begin(struct input *in)
{
	static const uint64_t queues[] = { 0, 1, 4, 8 };
	unsigned a = input_byte(in), b = input_byte(in);
	struct generation *g = NULL;
	for (unsigned i = 0; i < GENERATIONS && !g; i++)
		g = generations[i].u ? NULL : &generations[i];
	if (!g)
		return;
	for (unsigned i = 0; i < SERVERS; i++)
		g->servers[i] = (struct upstream_server){
			.address = str_of(servers[(i + a) % SERVERS].address),
			.weight = 1 + i
		};
	g->conf = (struct upstream_conf){ .name = STR("u"),
		.servers = { g->servers, 1 + a % SERVERS },
		.balance = { .algorithm = a & 4 ? BALANCE_LEAST_REQUESTS : BALANCE_ROUND_ROBIN },
		.protocol = a & 8 ? PROTOCOL_H2C : PROTOCOL_HTTP1,
		.timeouts = { .connect = 500,
			.response = 1000,
			.idle = 5000,
			.ping = 300,
			.queue = 200 },
		.health = { .failures = (a >> 4) % 3, .retry_after = 100, .retry_after_max = 400 },
		.retries = (a >> 6) % 4,
		.keepalive = b % 4,
		.max_connections = (b >> 2) % 4,
		.max_queue = queues[(b >> 4) % 4],
		.queue_order = order,
		.max_requests = max_requests,
		.has_breaker = breaker != NULL,
		.breaker = { .failures = 5000,
			.requests = 2,
			.within = 10000,
			.open = 100,
			.open_max = 400,
			.trials = 1 },
		.max_streams = 1 + (b >> 6) % 4,
		.max_head = 4096,
		.max_fields = 20,
		.resolve_interval = 1000 };
	if (g->conf.protocol == PROTOCOL_HTTP1 && a == 255)
		g->conf.proxy_protocol = 1;
	const struct upstream_plugins with = { .breaker = breaker };
	g->u = upstream_attach(&fakewire_worker, &g->conf, NULL, 1, &with);
	newest = g;
	n_generations++;
	REACH_IF(n_generations > 1, "a reload");
	REACH_IF(g->conf.protocol == PROTOCOL_H2C, "HTTP/2");
}

static void check_endpoint(void *ctx, const struct endpoint_view *v)
{
	unsigned *ready = ctx;
	const struct upstream_conf *c = &newest->conf;
	check(v->idle <= v->connections, "%u of %u connections are idle", v->idle, v->connections);
	check(v->idle <= 3, "%u connections are idle", v->idle);
	check(n_generations > 1 || v->idle <= c->keepalive, "%u connections are idle", v->idle);
	check(n_generations > 1 || c->max_connections == 0 || v->connections <= c->max_connections,
		"%u connections", v->connections);
	REACH_IF(v->state == ENDPOINT_DOWN, "a server that rests");
	REACH_IF(v->state == ENDPOINT_TRIAL, "a server to be tried again");
	REACH_IF(c->protocol == PROTOCOL_H2C && v->in_flight > v->connections,
		"a connection that is shared");
	*ready += v->in_flight;
}

static void check_all(void)
{
	unsigned in_flight = 0, ready = 0;
	upstream_each_endpoint(&fakewire_worker, check_endpoint, &in_flight);
	for (unsigned i = 0; i < VISITS; i++)
		ready += visits[i].ready && !visits[i].over;
	check(ready <= in_flight, "%u requests under way, %u are known", ready, in_flight);
}

/* ---- servers ------------------------------------------------------------------------------- */

static void say_http1(struct fakepeer *p, unsigned what)
{
	static const char *const answers[] = { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", "k",
		"HTTP/1.1 500 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 204 No\r\n\r\n", "SSH-2.0-nonsense\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil the end" };
	fakepeer_say_text(p, answers[what % 8]);
}

static void say_http2(struct fakepeer *p, unsigned what)
{
	uint8_t stream = (uint8_t)(1 + 2 * ((what >> 3) % 8));
	uint8_t settings[] = { 0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0,
		(uint8_t)((what >> 3) % 4) };
	uint8_t headers[] = { 0, 0, 1, 1, 5, 0, 0, 0, stream, 0x88 };
	uint8_t reset[] = { 0, 0, 4, 3, 0, 0, 0, 0, stream, 0, 0, 0, what & 64 ? 7 : 2 };
	uint8_t goaway[] = { 0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, stream, 0, 0, 0,
		what & 64 ? 2 : 0 };
	static const uint8_t ack[] = { 0, 0, 0, 4, 1, 0, 0, 0, 0 };
	const struct {
		const uint8_t *bytes;
		size_t n;
	} frames[] = { { settings, sizeof(settings) }, { headers, sizeof(headers) },
		{ reset, sizeof(reset) }, { goaway, sizeof(goaway) }, { ack, sizeof(ack) },
		{ headers, sizeof(headers) - 1 } };
	fakepeer_say(p, (const char *)frames[(what & 7) % 6].bytes, frames[(what & 7) % 6].n);
}

/* Of one server; of one connection of it, the youngest or any. */
static struct fakepeer *peer_of(struct fakeserver *s, unsigned which)
{
	if (s->n_peers == 0)
		return NULL;
	return &s->peers[which & 1 ? s->n_peers - 1 : (which >> 1) % s->n_peers];
}

static void server_step(struct input *in, unsigned what)
{
	struct fakeserver *s = &servers[input_below(in, SERVERS)];
	struct fakepeer *p;
	fakeserver_accept(s);
	fakeserver_read(s);
	switch (what) {
	case 6:
		p = peer_of(s, input_byte(in));
		what = input_byte(in);
		if (p && newest->conf.protocol == PROTOCOL_H2C)
			say_http2(p, what);
		else if (p)
			say_http1(p, what);
		return;
	case 7:
		for (unsigned i = 0; i < s->n_peers; i++)
			say_http1(&s->peers[i], 0);
		return;
	case 8:
		p = peer_of(s, input_byte(in));
		if (p)
			fakepeer_close(p);
		return;
	case 9:
		p = peer_of(s, input_byte(in));
		if (p)
			fakepeer_eof(p);
		return;
	case 10:
		fakeserver_refuse(s);
		return;
	default:
		fakeserver_listen(s);
		return;
	}
}

/* ---- steps --------------------------------------------------------------------------------- */

static void step(struct input *in)
{
	static const uint64_t times[] = { 20 * NS_PER_MS, 150 * NS_PER_MS, 600 * NS_PER_MS,
		6 * NS_PER_S };
	static const int errors[] = { 0, ERR_CLIENT_GONE, ERR_UPSTREAM_TIMEOUT,
		ERR_UPSTREAM_BAD_HEAD };
	unsigned what = input_below(in, 15), b;
	struct visit *v;
	switch (what) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		b = input_byte(in);
		v = &visits[b % VISITS];
		if (what == 0) {
			visit_begin(v, b);
		} else if (what == 1 && v->waits) {
			v->waits = false;
			upstream_cancel(&v->call);
		} else if (what == 2) {
			visit_send(v);
		} else if (what == 3 && v->ready) {
			visit_finish(v, v->over ? v->err : errors[(b >> 4) % 4]);
		} else if (what == 4) {
			visit_end(v);
		}
		return;
	case 5:
		b = input_byte(in);
		reactions[b % N_EVENTS] = b / N_EVENTS % N_REACTIONS;
		return;
	default:
		server_step(in, what);
		return;
	case 12:
		fakewire_pass(times[input_below(in, 4)]);
		return;
	case 13:
		generation_begin(in);
		return;
	case 14:
		fakewire_poll();
		return;
	}
}

static void end(void)
{
	for (unsigned i = 0; i < VISITS; i++)
		visit_end(&visits[i]);
	newest = NULL;
	generations_sweep(true);
	fakewire_settle();
	check(stat_read(STAT_UPSTREAM_CONNECTIONS) == 0, "%llu connections are left",
		(unsigned long long)stat_read(STAT_UPSTREAM_CONNECTIONS));
	worker_end_part(&fakewire_worker, PART_UPSTREAM);
	check(fakewire_has_no_timer(), "a deadline of %s", "nobody's");
	for (unsigned i = 0; i < SERVERS; i++)
		fakeserver_down(&servers[i]);
}

static void run(const uint8_t *data, size_t size)
{
	static bool ready;
	struct input in = { data, data + size };
	unsigned how = input_byte(&in);
	bool lazy = how & 1;

	if (!ready)
		(void)atexit(fakeserver_fini);
	ready = true;
	n_generations = depth = 0;
	max_requests = (how >> 2) & 3;
	order = how & 2 ? QUEUE_LIFO : QUEUE_FIFO;
	breaker = how & 16 ? breaker_get(STR("u")) : NULL;
	log_set_level(LOG_ERROR);
	for (unsigned i = 0; i < N_EVENTS; i++)
		reactions[i] = GO_ON;
	fakewire_start();
	upstream_part_of(&fakewire_worker)->random = 1;
	for (unsigned i = 0; i < SERVERS; i++)
		fakeserver_up(&servers[i], i);
	generation_begin(&in);
	for (unsigned i = 0; i < STEPS && input_has_more(&in); i++) {
		step(&in);
		if (!lazy)
			fakewire_poll();
		generations_sweep(false);
		check_all();
	}
	end();
	fakewire_end();
	breaker_unref(&breaker);
	http2_thread_fini();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	heap_watch(run, data, size);
	return 0;
}
