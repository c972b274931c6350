/* The gateway of fuzz_reload. */
#include "reload_gateway.h"

#include <stdio.h>

#include "fakeserver.h"
#include "fakewire.h"
#include "front/front.h"
#include "gateway_kit.h"
#include "http2/server.h"
#include "net/splice.h"
#include "proxy/exchange.h"
#include "reach.h"
#include "route/regex.h"

enum { DOOR = RELOAD_SERVERS, DOORS = 2, GRACE_MS = 500, RETIRED_MAX = 16 };

static struct proxy proxy;
static struct front *front;
static struct snapshot *now; /* owned: a reference */
static unsigned version, begun, completed;
static struct fakeserver doors[DOORS]; /* for their addresses */
static char *texts[RELOAD_VERSIONS];   /* owned, for ever */
static struct snapshot *retired[RETIRED_MAX];
static unsigned n_retired;

/* ---- configurations ------------------------------------------------------------------------ */

static unsigned door_of(unsigned v)
{
	return v == 2;
}

/* Another name in the folder of a server's socket. */
static const char *name_beside(const char *address, const char *name, char out[ADDR_TEXT + 8])
{
	int folder = (int)(strrchr(address, '/') - address);
	(void)snprintf(out, ADDR_TEXT + 8, "%.*s/%s", folder, address, name);
	return out;
}

static void make_texts(void)
{
	static const char text[] =
		"runtime: { workers: 1, shutdown_grace: %dms }\n"
		"log: { access: { path: 'off' } }\n"
		"listeners: [{ name: in, address: '%s', protocols: [h2, http/1.1], %s\n"
		"  timeouts: { head: 1s, body: 1s, idle: 2s }, linger: { silence: 200ms, time: 1s "
		"} }]\n"
		"plugins:\n"
		"  plain: { use: script, label: '%u' }\n"
		"  waits: { use: script, label: '%uw' }\n"
		"  bodies: { use: script, label: '%ub' }\n"
		"  kept: { use: script, label: kept }\n"
		"upstreams:\n"
		"  up: { servers: ['%s'], protocol: %s, max_connections: 4,\n"
		"    timeouts: { connect: 200ms, response: %s, idle: 1s, queue: 200ms, tunnel: 2s "
		"} "
		"}\n"
		"  again: { servers: ['%s', '%s'], protocol: %s, max_connections: 4,\n"
		"    timeouts: { connect: 200ms, response: 300ms, try: 150ms, idle: 1s, queue: "
		"200ms },\n"
		"    retry: { on: [connect, reset, timeout, 503], backoff: 5ms, max_body: 1KiB },\n"
		"    hedge: { after: 60ms } }\n"
		"  shadow: { servers: ['%s'] }\n"
		"routes:\n"
		"  - { name: waits, match: { path: '/wait' }, plugins: [kept, waits], upstream: up "
		"}\n"
		"  - { name: bodies, match: { path: '/body' }, plugins: [bodies, kept], split: { "
		"to: "
		"{ up: 1, again: 1 } } }\n"
		"  - { name: chat, match: { path: '/chat' }, upgrade: [websocket], plugins: "
		"[plain], upstream: up }\n"
		"  - { name: rest, match: { path: '/*' }, plugins: [plain, kept], upstream: "
		"again,\n"
		"      mirror: { to: shadow, max_body: 1KiB }, timeouts: { request: 3s, idle: 1s } "
		"}\n";
	struct fakeserver servers[RELOAD_SERVERS];
	for (unsigned i = 0; i < RELOAD_SERVERS; i++) {
		fakeserver_up(&servers[i], i);
		fakeserver_down(&servers[i]);
	}
	for (unsigned v = 0; v < RELOAD_VERSIONS; v++) {
		const char *server = servers[v == 1].address;
		const char *protocol = v == 1 ? "h2c" : "http/1.1";
		char other[ADDR_TEXT + 8], nobody[ADDR_TEXT + 8];
		/* the same socket: a second server that the same peer plays */
		const char *twin = v == 1 ? "./1" : "./0";
		int n = asprintf(&texts[v], text, GRACE_MS, doors[door_of(v)].address,
			v == 1 ? "max_head: 2KiB, max_body: 1000, escaped_slashes: decode, "
				 "path_parameters: strip,"
			       : "",
			v, v, v, server, protocol, v == 2 ? "900ms" : "300ms", server,
			name_beside(server, twin, other), protocol,
			name_beside(server, "none", nobody));
		check(n > 0, "no %s", "text");
	}
}

static void on_free(struct snapshot *s)
{
	check(s != now && n_retired < RETIRED_MAX, "the configuration in force is %s", "freed");
	retired[n_retired++] = s;
}

void reload_gateway_bury(void)
{
	REACH_IF(n_retired, "an old configuration that goes");
	while (n_retired)
		snapshot_free(retired[--n_retired]);
}

/* ---- hooks --------------------------------------------------------------------------------- */

/* What an instance remembers of an exchange. */
struct memo {
	char version; /* as a digit; 0: on_request did not run */
};

static sluice_str label_of(const void *conf)
{
	return ((const struct script_conf *)conf)->label;
}

static void check_memo(sluice_exchange *x, const void *conf, bool begins)
{
	sluice_str label = label_of(conf);
	struct memo *m = sluice_state(x, sizeof(*m));
	if (!m || label.len > 2)
		return;
	if (begins)
		m->version = label.data[0];
	check(!m->version || m->version == label.data[0],
		"an exchange of configuration %c is in configuration %c", m->version,
		label.data[0]);
}

static sluice_verdict after_sleep(sluice_exchange *x, const void *conf)
{
	check_memo(x, conf, false);
	REACH_IF(label_of(conf).data[0] != (char)('0' + version), "a hook that waits meanwhile");
	return SLUICE_NEXT;
}

static bool want_bodies(sluice_exchange *x)
{
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_STREAM,
		.over = SLUICE_BODY_REFUSE,
		.max = 1 << 16 };
	return sluice_body_want(x, SLUICE_REQUEST, &plan) &&
		sluice_body_want(x, SLUICE_RESPONSE, &plan);
}

static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	sluice_str label = label_of(conf);
	check_memo(x, conf, true);
	if (label.len > 2)
		return SLUICE_NEXT;
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("x-version"), str_n(label.data, 1));
	if (str_eq(str_n(label.data + 1, label.len - 1), STR("w")))
		return sluice_sleep(x, 50, after_sleep);
	if (label.len == 2 && !want_bodies(x))
		return SLUICE_FAIL;
	return SLUICE_NEXT;
}

static sluice_verdict on_response(sluice_exchange *x, const void *conf)
{
	check_memo(x, conf, false);
	return SLUICE_NEXT;
}

static sluice_verdict on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)end;
	check_memo(x, conf, false);
	REACH_IF(label_of(conf).data[0] != (char)('0' + version),
		"a body that a plugin sees meanwhile");
	sluice_body_pass(x, data.len);
	return SLUICE_NEXT;
}

/* ---- exchanges ----------------------------------------------------------------------------- */

static void on_begin(void *ctx, struct client *c)
{
	begun++;
	REACH_IF(c->head->version == 11, "a request by HTTP/1.1");
	REACH_IF(c->head->version == 20, "a request by HTTP/2");
	exchange_on_request(ctx, c);
}

static void on_bad(void *ctx, struct client *c, int err)
{
	begun++;
	REACH("a request that is refused");
	exchange_on_bad_request(ctx, c, err);
}

static void on_done(struct proxy *p, const struct exchange *x)
{
	bool old = x->view != p->view, answered = x->upstream_status && !x->own_answer;
	completed++;
	REACH_IF(old && answered && x->done_ns, "an answer for an old configuration");
	REACH_IF(old && x->own_answer, "an error for an old configuration");
	REACH_IF(old && x->gone, "a client that leaves meanwhile");
	REACH_IF(answered && x->view->snap->upstreams[0].conf->protocol == PROTOCOL_H2C,
		"an upstream by HTTP/2");
	REACH_IF(x->own_answer && x->status == 502, "an upstream that breaks off");
	REACH_IF(x->own_answer && x->status == 504, "an upstream that is silent");
	REACH_IF(x->call.tries > 1, "a second try");
}

/* ---- from one to the next ------------------------------------------------------------------ */

/* A socket that listens, unless that address is served. */
static int door_open(unsigned which, bool served)
{
	if (served)
		return -1;
	fakeserver_listen(&doors[which]);
	int fd = doors[which].listening;
	doors[which].listening = -1;
	return fd;
}

static void apply(unsigned v)
{
	static const struct front_bounds bounds = { .connections = 0 };
	struct snapshot *s = gateway_load(texts[v], now), *old = now;
	struct view *before = proxy.view;
	const struct snapshot_listener *l = &s->listeners[0];
	const int fd = door_open(door_of(v), old && door_of(v) == door_of(version));
	const struct front_listener_args args = { .conf = l->conf,
		.addr = &l->addr,
		.handler = { on_begin, on_bad, &proxy },
		.client = l->client,
		.fds = &fd,
		.n_fds = fd >= 0 };
	now = s;
	version = v;
	atomic_fetch_add(&s->refs, 1);
	proxy.view = view_new(&fakewire_worker, s, on_free);
	front_apply(front, &args, 1, &bounds, GRACE_MS * NS_PER_MS);
	if (before)
		view_unref(before);
	if (old && atomic_fetch_sub(&old->refs, 1) == 1)
		on_free(old);
}

static bool has_tunnel(void)
{
	list_each (e, &proxy.exchanges) {
		if (container_of(e, struct exchange, at)->state == EXCHANGE_TUNNEL)
			return true;
	}
	return false;
}

void reload_gateway_apply(unsigned v)
{
	bool moves = door_of(v) != door_of(version);
	REACH_IF(proxy.active, "a reload with requests in progress");
	REACH_IF(has_tunnel(), "a reload with a tunnel");
	REACH_IF(moves && proxy.active, "a listener that goes with requests in progress");
	apply(v);
}

void reload_gateway_up(void)
{
	static const struct script hooks = { .on_request = on_request,
		.on_response = on_response,
		.on_complete = on_response,
		.on_request_body = on_body,
		.on_response_body = on_body };
	if (!texts[0])
		gateway_start(&hooks);
	for (unsigned i = 0; i < DOORS; i++) {
		fakeserver_up(&doors[i], DOOR + i);
		fakeserver_refuse(&doors[i]);
	}
	if (!texts[0])
		make_texts();
	proxy = (struct proxy){ .worker = &fakewire_worker, .on_complete = on_done };
	permute_init(&proxy.ids, (const uint64_t[2]){ 1, 2 });
	list_init(&proxy.exchanges);
	begun = completed = 0;
	front = front_new(&fakewire_worker, NULL);
	apply(0);
}

const struct addr *reload_gateway_address(void)
{
	return &doors[door_of(version)].addr;
}

void reload_gateway_drain(void)
{
	front_drain(front, NS_PER_S);
}

void reload_gateway_down(void)
{
	struct snapshot *last = now;
	check(front_connections(front) == 0, "%u connections are left", front_connections(front));
	check(proxy.active == 0 && begun == completed, "%u exchanges of %u are complete, %u go on",
		completed, begun, proxy.active);
	front_free(&front);
	now = NULL;
	view_unref(proxy.view);
	if (atomic_fetch_sub(&last->refs, 1) == 1)
		on_free(last);
	fakewire_settle();
	reload_gateway_bury();
	check(snapshot_count() == 0, "%zu configurations are left", snapshot_count());
	worker_end_part(&fakewire_worker, PART_UPSTREAM);
	fakewire_settle();
	check(fakewire_has_no_timer(), "a deadline of %s", "nobody's");
	http2_thread_fini();
	regex_thread_fini();
	buf_thread_fini();
	splice_thread_fini();
	arena_thread_fini();
}
