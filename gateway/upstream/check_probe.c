/*
 * One check. Whatever shows how it ends only notes that; at the end of the turn everything is
 * closed and the owner told, so that nothing is freed within a callback of its connection.
 */
#include "upstream/check_probe.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "base/mem.h"
#include "http1/client.h"
#include "http2/client.h"
#include "net/proxy_transport.h"
#include "net/shortage.h"
#include "route/regex.h"
#include "tls/client.h"
#include "tls/transport.h"
#include "upstream/check_grpc.h"

enum {
	PROBE_BODY = 64 << 10, /* bytes of a response that are looked at */
	PROBE_HEAD = 64 << 10,
	PROBE_FIELDS = 200,
	PROBE_MEMORY = 256 << 10,
};

struct check_probe {
	struct worker *worker;         /* borrowed */
	const struct check_plan *plan; /* borrowed */
	check_end_fn fn;
	void *ctx;
	struct addr to;
	sluice_str host;       /* of the request; in the arena */
	struct http1_conn *h1; /* owned; NULL: none */
	struct http2_conn *h2; /* likewise */
	struct origin *origin; /* borrowed: of the connection; NULL: no request yet */
	struct arena arena;    /* owned: request and response */
	struct buf body;       /* owned */
	struct request_head head;
	struct timer timer;    /* of the whole */
	struct turn_hook hook; /* tells the owner */
	struct grave grave;
	uint64_t began_ns;
	struct check_end end;
	bool has_ended;
	bool has_quota;
	const struct response_head *answer; /* in the arena; NULL: none yet */
};

/* ---- the end ------------------------------------------------------------------------------- */

static void probe_free(struct grave *g)
{
	struct check_probe *p = container_of(g, struct check_probe, grave);
	buf_fini(&p->body);
	arena_fini(&p->arena);
	free(p);
}

static void probe_close(struct check_probe *p)
{
	struct origin *o = p->origin;
	p->origin = NULL;
	p->has_ended = true;
	timer_drop(&p->timer);
	list_del(&p->hook.link);
	if (o)
		o->ops->release(o); /* the connection may end within this */
	if (p->h1)
		http1_conn_close(p->h1);
	if (p->h2)
		http2_conn_close(p->h2);
	p->h1 = NULL;
	p->h2 = NULL;
	if (p->has_quota)
		quota_give(&p->worker->shares->quota[SHARE_FETCHES]);
	worker_bury(p->worker, &p->grave, probe_free);
}

static void probe_on_turn_end(struct turn_hook *h)
{
	struct check_probe *p = container_of(h, struct check_probe, hook);
	const struct check_end end = p->end;
	check_end_fn fn = p->fn;
	void *ctx = p->ctx;
	probe_close(p);
	fn(ctx, &end);
}

static void probe_end(struct check_probe *p, enum check_result r)
{
	if (p->has_ended)
		return;
	p->has_ended = true;
	p->end.result = r;
	p->end.took_ns = worker_now(p->worker) - p->began_ns;
	worker_at_turn_end(p->worker, &p->hook);
}

static void probe_end_by(struct check_probe *p, int err)
{
	switch (err) {
	case ERR_CONNECT_FAILED:
		probe_end(p, CHECK_NO_CONNECTION);
		return;
	case ERR_UPSTREAM_TLS:
		probe_end(p, CHECK_NO_TLS);
		return;
	case ERR_CONNECT_TIMEOUT:
	case ERR_UPSTREAM_TIMEOUT:
	case ERR_UPSTREAM_STALLED:
		probe_end(p, CHECK_TIMEOUT);
		return;
	case 0:
	case ERR_UPSTREAM_CLOSED:
	case ERR_UPSTREAM_RESET:
	case ERR_UPSTREAM_ABORTED:
	case ERR_UPSTREAM_TRUNCATED:
	case ERR_UPSTREAM_REFUSED:
		probe_end(p, CHECK_CLOSED);
		return;
	default:
		p->end.is_void = shortage_is(err);
		probe_end(p, CHECK_PROTOCOL);
	}
}

static void probe_on_due(struct timer *t)
{
	probe_end(container_of(t, struct check_probe, timer), CHECK_TIMEOUT);
}

/* ---- the response -------------------------------------------------------------------------- */

static void probe_on_head(struct origin *o, struct response_head *h)
{
	struct check_probe *p = o->user;
	if (h->status < 200 || p->has_ended)
		return;
	p->answer = h;
	p->end.status = h->status;
	bool expected = p->plan->conf.kind == CHECK_GRPC
		? h->status == 200
		: status_set_has(&p->plan->expect, h->status);
	if (!expected)
		probe_end(p, CHECK_STATUS);
	else if (p->plan->conf.kind == CHECK_HTTP && !p->plan->conf.body.len)
		probe_end(p, CHECK_PASSED); /* the body does not matter */
}

static bool probe_finds_text(const struct check_probe *p, sluice_str body)
{
	sluice_str want = p->plan->conf.body;
	if (p->plan->regex)
		return regex_match(p->plan->regex, body, NULL) == MATCH_YES;
	return memmem(body.data, body.len, want.data, want.len) != NULL;
}

/* All of the body that is looked at. NULL: there is no memory for it. */
static const char *probe_body(struct check_probe *p)
{
	char *text = arena_alloc(&p->arena, p->body.len + 1);
	if (text)
		buf_copy(&p->body, text, p->body.len);
	return text;
}

static void probe_judge_http(struct check_probe *p)
{
	const char *text = probe_body(p);
	bool found = text && probe_finds_text(p, str_n(text, p->body.len));
	probe_end(p, found ? CHECK_PASSED : CHECK_BODY);
}

static void probe_on_body(struct origin *o, struct buf *data)
{
	struct check_probe *p = o->user;
	if (p->has_ended) {
		buf_drain(data, data->len);
		return;
	}
	buf_move_all(&p->body, data);
	if (p->body.len < PROBE_BODY)
		return;
	if (p->plan->conf.kind == CHECK_HTTP)
		probe_judge_http(p);
	else
		probe_end(p, CHECK_PROTOCOL);
}

static void probe_judge_grpc(struct check_probe *p, const struct fields *trailers)
{
	const char *text = probe_body(p);
	/* a response without messages has it in its head */
	const struct field *f = fields_find_name(&p->answer->fields, STR("grpc-status"));
	if (trailers && !f)
		f = fields_find_name(trailers, STR("grpc-status"));
	sluice_str code = f ? str_trim(field_value(f)) : STR_NONE;
	if (code.len && !str_eq(code, STR("0"))) {
		/* such as NOT_FOUND: the server does not know the service */
		p->end.status = code.len < 3 ? (unsigned)strtoul(code.data, NULL, 10) : 0;
		probe_end(p, CHECK_NOT_SERVING);
		return;
	}
	enum grpc_health health = text ? check_grpc_read(str_n(text, p->body.len))
				       : GRPC_CHECK_MALFORMED;
	if (health == GRPC_CHECK_MALFORMED || !code.len)
		probe_end(p, CHECK_PROTOCOL);
	else
		probe_end(p, health == GRPC_CHECK_SERVING ? CHECK_PASSED : CHECK_NOT_SERVING);
}

static void probe_on_end(struct origin *o, const struct fields *trailers)
{
	struct check_probe *p = o->user;
	if (p->has_ended)
		return;
	if (p->plan->conf.kind == CHECK_GRPC)
		probe_judge_grpc(p, trailers);
	else
		probe_judge_http(p);
}

static void probe_on_drained(struct origin *o)
{
	(void)o; /* the request was sent in one piece */
}

static void probe_on_fail(struct origin *o, int err)
{
	probe_end_by(o->user, err);
}

static const struct origin_events probe_events = {
	.on_head = probe_on_head,
	.on_body = probe_on_body,
	.on_end = probe_on_end,
	.on_drained = probe_on_drained,
	.on_fail = probe_on_fail,
};

/* ---- the request --------------------------------------------------------------------------- */

static int probe_fields(struct check_probe *p)
{
	const struct upstream_check *c = &p->plan->conf;
	struct fields *f = &p->head.fields;
	int err = fields_add(f, &p->arena, STR("User-Agent"), STR("sluice-check"));
	if (c->kind == CHECK_GRPC) {
		err |= fields_add(f, &p->arena, STR("Content-Type"), STR("application/grpc"));
		err |= fields_add(f, &p->arena, STR("TE"), STR("trailers"));
	}
	for (size_t i = 0; i < c->headers.n; i++)
		err |= fields_add(f, &p->arena, c->headers.v[i].name, c->headers.v[i].value);
	return err;
}

static void probe_make_head(struct check_probe *p, size_t body)
{
	const struct upstream_check *c = &p->plan->conf;
	bool grpc = c->kind == CHECK_GRPC;
	sluice_str method = grpc ? STR("POST") : c->method, target = c->path, path = target;
	if (grpc)
		target = path = STR("/grpc.health.v1.Health/Check");
	sluice_str query = path, before = str_cut(&query, '?');
	bool has_query = before.len < target.len;
	p->head = (struct request_head){
		.method_text = method,
		.method = (uint8_t)method_find(method),
		.target = target,
		.path = before,
		.query = has_query ? query : STR_NONE,
		.has_query = has_query,
		.authority = p->host,
		.host = p->host,
		.form = TARGET_ORIGIN,
		.version = 11,
		.keep_alive = true,
		.te_trailers = grpc,
		.body = body ? BODY_LENGTH : BODY_NONE,
		.body_length = body,
	};
}

static void probe_send(struct check_probe *p, struct origin *o)
{
	char ask[GRPC_ASK_MAX];
	size_t n = p->plan->conf.kind == CHECK_GRPC ? check_grpc_ask(p->plan->conf.service, ask)
						    : 0;
	p->origin = o;
	probe_make_head(p, n);
	if (probe_fields(p)) {
		p->end.is_void = true;
		probe_end(p, CHECK_PROTOCOL);
		return;
	}
	o->ops->head(o, &p->head);
	if (n) {
		struct buf b;
		buf_init(&b);
		buf_append(&b, ask, n);
		(void)o->ops->body(o, &b);
		buf_fini(&b);
	}
	o->ops->end(o, NULL);
}

/* ---- the connection ------------------------------------------------------------------------ */

static bool probe_only_connects(const struct check_probe *p)
{
	return p->plan->conf.kind == CHECK_TCP || p->plan->conf.kind == CHECK_TLS;
}

static void probe_on_h1_open(struct http1_conn *c)
{
	struct check_probe *p = http1_conn_owner_data(c);
	if (probe_only_connects(p))
		probe_end(p, CHECK_PASSED);
	else if (!p->has_ended)
		probe_send(p, http1_conn_begin(c, &probe_events, p, &p->arena));
}

static void probe_on_h1_free(struct http1_conn *c)
{
	(void)c; /* it is closed at the end */
}

static void probe_on_h1_gone(struct http1_conn *c, int err)
{
	struct check_probe *p = http1_conn_owner_data(c);
	p->h1 = NULL;
	probe_end_by(p, err);
}

static void probe_on_h2_open(struct http2_conn *c)
{
	struct check_probe *p = http2_conn_owner_data(c);
	if (!p->has_ended)
		probe_send(p, http2_conn_begin(c, &probe_events, p, &p->arena));
}

static void probe_on_h2_change(struct http2_conn *c)
{
	(void)c;
}

static void probe_on_h2_gone(struct http2_conn *c, int err)
{
	struct check_probe *p = http2_conn_owner_data(c);
	p->h2 = NULL;
	probe_end_by(p, err);
}

static const struct http1_conn_owner h1_owner = { probe_on_h1_open, probe_on_h1_free,
	probe_on_h1_gone };
static const struct http2_conn_owner h2_owner = { .on_open = probe_on_h2_open,
	.on_change = probe_on_h2_change,
	.on_gone = probe_on_h2_gone };

static bool probe_speaks_h2(const struct check_probe *p)
{
	int32_t protocol = p->plan->protocol;
	if (p->plan->conf.kind == CHECK_GRPC)
		return true;
	return p->plan->conf.kind == CHECK_HTTP &&
		(protocol == PROTOCOL_H2 || protocol == PROTOCOL_H2C);
}

/* 0, or an enum err. */
static int probe_connect_by(struct check_probe *p, const struct transport *t, void *session)
{
	uint64_t ns = p->plan->conf.timeout * NS_PER_MS;
	int err = 0;
	if (probe_speaks_h2(p)) {
		const struct http2_conn_conf conf = { .connect_ns = ns,
			.response_ns = ns,
			.ping_ns = ns,
			.idle_ns = ns,
			.max_head = PROBE_HEAD,
			.max_fields = PROBE_FIELDS,
			.max_requests = 1,
			.early = 1,
			.lenient = p->plan->lenient };
		p->h2 = http2_conn_open(p->worker, &p->to, t, session, &conf, &h2_owner, p, &err);
		return p->h2 ? 0 : err;
	}
	const struct http1_conn_conf conf = { .connect_ns = ns,
		.response_ns = ns,
		.idle_ns = ns,
		.max_head = PROBE_HEAD,
		.max_fields = PROBE_FIELDS,
		.lenient = p->plan->lenient };
	p->h1 = http1_conn_open(p->worker, &p->to, t, session, &conf, &h1_owner, p, &err);
	return p->h1 ? 0 : err;
}

static int probe_connect(struct check_probe *p, sluice_str tls_host)
{
	const struct check_plan *plan = p->plan;
	bool use_tls = plan->tls && plan->conf.kind != CHECK_TCP;
	const struct transport *t = use_tls ? &transport_tls : &transport_plain;
	void *session = NULL;
	if (!quota_take(&p->worker->shares->quota[SHARE_FETCHES]))
		return ERR_NO_DESCRIPTORS;
	p->has_quota = true;
	if (use_tls) {
		session = tls_client_start(plan->tls, p->worker->id, tls_host.data, NULL);
		if (!session)
			return ERR_UPSTREAM_TLS;
		if (!probe_speaks_h2(p) && plan->protocol == PROTOCOL_AUTO)
			tls_client_offer_http1(session);
	}
	if (plan->proxy_header.len && plan->conf.kind != CHECK_TCP) {
		session = proxy_writer_new(plan->proxy_header, t, session);
		t = &transport_proxy_writer;
	}
	return probe_connect_by(p, t, session);
}

static void probe_set_port(struct addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET)
		a->in.sin_port = htons(port);
	else if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
}

/* Host of the request: as the file says; else the name that TLS verifies; else the address. */
static sluice_str probe_host(struct check_probe *p, const struct record *r)
{
	if (p->plan->conf.host.len)
		return p->plan->conf.host;
	if (r->host.len)
		return arena_str(&p->arena, r->host);
	return r->addr.sa.sa_family == AF_UNIX ? STR("localhost")
					       : arena_str(&p->arena, str_of(r->address));
}

struct check_probe *check_probe_start(struct worker *w, const struct check_plan *plan,
	const struct record *r, check_end_fn fn, void *ctx)
{
	struct check_probe *p = mem_new(struct check_probe);
	*p = (struct check_probe){ .worker = w, .plan = plan, .fn = fn, .ctx = ctx, .to = r->addr };
	p->began_ns = worker_now(w);
	arena_init(&p->arena, PROBE_MEMORY);
	buf_init(&p->body);
	timer_init(&p->timer, probe_on_due);
	turn_hook_init(&p->hook, probe_on_turn_end);
	p->host = probe_host(p, r);
	if (plan->conf.port)
		probe_set_port(&p->to, (uint16_t)plan->conf.port);
	worker_timer(w, &p->timer, plan->conf.timeout * NS_PER_MS);
	int err = probe_connect(p, r->host);
	if (err)
		probe_end_by(p, err);
	return p;
}

void check_probe_cancel(struct check_probe **at)
{
	struct check_probe *p = *at;
	*at = NULL;
	if (p)
		probe_close(p);
}
