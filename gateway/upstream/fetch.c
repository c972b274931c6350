/*
 * One fetch: a request, its response, and one deadline for all of it. fetch_conn makes the
 * connection, or fetch_call takes one of an upstream. fn is called when nothing of the fetch can
 * call back any more.
 */
#include "upstream/fetch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/stat.h"
#include "net/shortage.h"
#include "tls/client.h"
#include "upstream/fetch_call.h"
#include "upstream/fetch_conn.h"
#include "upstream/fetch_proxy.h"
#include "upstream/url.h"

enum {
	TIMEOUT_MS = 5000, /* when the request gives none */
	TIMEOUT_MAX_MS = 3600 * 1000,
	BODY_MAX = 1 << 20, /* likewise */
	HEADERS_MAX = 64,   /* of a request */
	ERROR_TEXT = 256,
};

struct fetch {
	struct worker *worker;     /* borrowed */
	struct tls_client *tls;    /* ref; NULL: http, or over an upstream */
	struct upstream *upstream; /* borrowed; NULL: by URL */
	fetch_fn fn;
	void *ctx;
	struct arena arena; /* owned: request, response */
	struct timer timer; /* of the whole fetch */
	const char *stage;  /* what it waits for, for the error's text; NULL: conn.stage */
	struct url url;
	const char *host;         /* NUL-terminated */
	const char *told;         /* what it fetches from, for people */
	struct fetch_proxy proxy; /* host NULL: it goes through none */
	struct request_head head;
	sluice_str body;
	size_t max_body;
	struct fetch_conn conn; /* by URL */
	struct fetch_call over; /* over an upstream */
	struct buf answer;      /* owned: the response's body so far */
	struct response_head *answer_head;
	char error[ERROR_TEXT];
	struct grave grave;
};

/* ---- the end ------------------------------------------------------------------------------- */

/* After this, nothing of the network calls back. err: as of upstream_report(). */
static void fetch_hang_up(struct fetch *f, int err)
{
	timer_drop(&f->timer);
	if (f->upstream)
		fetch_call_close(&f->over, err);
	else
		fetch_conn_close(&f->conn);
}

static void fetch_free(struct fetch *f)
{
	buf_fini(&f->answer);
	tls_client_free(&f->tls);
	arena_fini(&f->arena);
	free(f);
}

static void fetch_on_bury(struct grave *g)
{
	fetch_free(container_of(g, struct fetch, grave));
}

/* The codec, further up the stack, may still hold memory of the arena. */
static void fetch_bury(struct fetch *f)
{
	worker_bury(f->worker, &f->grave, fetch_on_bury);
}

static void fetch_tell(struct fetch *f, sluice_fetch_response *r)
{
	stat_inc(STAT_FETCHES);
	if (r->status != SLUICE_OK)
		stat_inc(STAT_FETCH_FAILURES);
	f->fn(f->ctx, r);
	fetch_bury(f);
}

/* err: what it says of the server. */
__attribute__((format(printf, 4, 5))) static void fetch_fail(struct fetch *f, sluice_status status,
	int err, const char *fmt, ...)
{
	sluice_fetch_response r = { .size = sizeof(r), .status = status, .error = f->error };
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(f->error, sizeof(f->error), fmt, ap);
	va_end(ap);
	fetch_hang_up(f, err);
	fetch_tell(f, &r);
}

static sluice_status fetch_status_of(int err)
{
	switch (err) {
	case ERR_UPSTREAM_TIMEOUT:
	case ERR_UPSTREAM_STALLED:
	case ERR_CONNECT_TIMEOUT:
		return SLUICE_TIMEOUT;
	case ERR_UPSTREAM_CLOSED:
	case ERR_UPSTREAM_RESET:
	case ERR_UPSTREAM_REFUSED:
	case ERR_CONNECT_FAILED:
	case ERR_UPSTREAM_TLS:
	case ERR_NO_SERVER:
	case ERR_NOT_RESOLVED:
	case ERR_CIRCUIT_OPEN:
	case ERR_QUEUE_FULL:
	case ERR_QUEUE_TIMEOUT:
	case ERR_SHED:
		return SLUICE_UNREACHABLE;
	default:
		return shortage_is(err) ? SLUICE_UNREACHABLE : SLUICE_ERROR;
	}
}

static void fetch_fail_by(struct fetch *f, int err)
{
	const char *why = f->upstream ? fetch_call_why(&f->over) : f->conn.why;
	fetch_fail(f, fetch_status_of(err), err, "%s: %s%s%s", f->told, err_info(err)->text,
		why[0] ? " " : "", why);
}

static void fetch_done(struct fetch *f)
{
	const struct response_head *h = f->answer_head;
	sluice_fetch_response r = { .size = sizeof(r), .status = SLUICE_OK, .code = h->status };
	sluice_pair *headers = arena_alloc(&f->arena, h->fields.n * sizeof(*headers));
	size_t len = f->answer.len;
	char *body = arena_alloc(&f->arena, len + 1);

	if (!headers || !body) {
		fetch_fail_by(f, ERR_NO_MEMORY);
		return;
	}
	for (uint32_t i = 0; i < h->fields.n; i++)
		headers[i] =
			(sluice_pair){ field_name(&h->fields.v[i]), field_value(&h->fields.v[i]) };
	buf_copy(&f->answer, body, len);
	body[len] = 0;
	r.headers = headers;
	r.n_headers = h->fields.n;
	r.body = str_n(body, len);
	fetch_hang_up(f, 0);
	fetch_tell(f, &r);
}

static void fetch_on_due(struct timer *t)
{
	struct fetch *f = container_of(t, struct fetch, timer);
	/* the caller's time is up, which is not the server's fault */
	fetch_fail(f, SLUICE_TIMEOUT, ERR_DEADLINE_EXCEEDED, "%s: no time was left for %s", f->told,
		f->stage ? f->stage : f->conn.stage);
}

/* ---- the response -------------------------------------------------------------------------- */

static void fetch_on_head(struct origin *o, struct response_head *h)
{
	struct fetch *f = o->user;
	if (h->status < 200)
		return;
	if (f->upstream)
		fetch_call_answered(&f->over, h->status);
	else
		o->headed = true;
	f->answer_head = h;
	f->stage = "the body of its response";
	if (h->body == BODY_LENGTH && h->body_length > f->max_body)
		fetch_fail(f, SLUICE_ERROR, 0, "%s: the response is larger than %zu bytes", f->told,
			f->max_body);
}

static void fetch_on_body(struct origin *o, struct buf *data)
{
	struct fetch *f = o->user;
	if (data->len > f->max_body - f->answer.len)
		fetch_fail(f, SLUICE_ERROR, 0, "%s: the response is larger than %zu bytes", f->told,
			f->max_body);
	else
		buf_move_all(&f->answer, data);
}

static void fetch_on_end(struct origin *o, const struct fields *trailers)
{
	(void)trailers;
	fetch_done(o->user);
}

static void fetch_on_drained(struct origin *o)
{
	(void)o; /* the request was sent in one piece */
}

static void fetch_on_fail(struct origin *o, int err)
{
	struct fetch *f = o->user;
	f->stage = f->upstream ? "a connection" : NULL;
	if (!(f->upstream ? fetch_call_again(&f->over, err)
			  : fetch_conn_again(&f->conn, (enum method)f->head.method, err)))
		fetch_fail_by(f, err);
}

static const struct origin_events fetch_events = {
	.on_head = fetch_on_head,
	.on_body = fetch_on_body,
	.on_end = fetch_on_end,
	.on_drained = fetch_on_drained,
	.on_fail = fetch_on_fail,
};

/* ---- the request --------------------------------------------------------------------------- */

static void fetch_send(struct fetch *f, struct origin *o)
{
	f->stage = "its response";
	o->ops->head(o, &f->head);
	if (f->body.len) {
		struct buf b;
		buf_init(&b);
		buf_append(&b, f->body.data, f->body.len);
		(void)o->ops->body(o, &b);
	}
	o->ops->end(o, NULL);
}

static void fetch_on_ready(struct fetch_conn *c)
{
	fetch_send(container_of(c, struct fetch, conn), c->origin);
}

static void fetch_on_call_ready(struct fetch_call *c)
{
	fetch_send(container_of(c, struct fetch, over), c->origin);
}

static void fetch_on_call_fail(struct fetch_call *c, int err)
{
	fetch_fail_by(container_of(c, struct fetch, over), err);
}

static void fetch_on_no_conn(struct fetch_conn *c, int err)
{
	struct fetch *f = container_of(c, struct fetch, conn);
	if (err == ERR_NOT_RESOLVED)
		fetch_fail(f, SLUICE_UNREACHABLE, err, "%s: %s", f->told, c->why);
	else
		fetch_fail_by(f, err);
}

static const char *fetch_take_headers(struct fetch *f, const sluice_pairs *headers)
{
	bool agent = false;
	int err = 0;

	if (headers->n > HEADERS_MAX)
		return "the request has too many header fields";
	for (size_t i = 0; i < headers->n; i++) {
		const sluice_pair *p = &headers->v[i];
		if (!str_is_token(p->name) || !str_is_field_value(p->value))
			return "the request has a malformed header field";
		agent |= str_ieq(p->name, STR("user-agent"));
		err |= fields_add(&f->head.fields, &f->arena, arena_str(&f->arena, p->name),
			arena_str(&f->arena, str_trim(p->value)));
	}
	if (!agent)
		err |= fields_add(&f->head.fields, &f->arena, STR("User-Agent"), STR("sluice"));
	return err ? "the request is too large" : NULL;
}

/* A path alone asks an upstream for the host of its name. */
static const char *fetch_take_url(struct fetch *f, sluice_str text)
{
	const struct upstream_conf *conf = f->upstream ? upstream_conf_of(f->upstream) : NULL;
	bool is_path = conf && text.len && text.data[0] == '/';
	sluice_str url = is_path
		? arena_printf(&f->arena, "http://%.*s%.*s", STR_ARG(conf->name), STR_ARG(text))
		: arena_str(&f->arena, text);
	const char *why = url_parse(url, &f->url);
	if (why)
		return is_path ? "the path is malformed, or the upstream's name is none of a host"
			       : why;
	if (f->url.https && !(conf ? conf->use_tls : f->tls != NULL))
		return conf ? "the URL is https, and the upstream has no TLS"
			    : "the URL is https, and TLS is not set up";
	f->host = arena_str(&f->arena, conf ? conf->name : f->url.host).data;
	f->told = f->host;
	return NULL;
}

static const char *fetch_take_proxy(struct fetch *f, const sluice_fetch_request *r)
{
	struct fetch_proxy p = { .host = NULL };
	const char *why = NULL;
	if (f->upstream || str_eq(r->proxy, STR("direct")))
		return NULL;
	if (r->proxy.len)
		why = fetch_proxy_read(r->proxy, r->proxy_credentials, &f->arena, &p);
	else if (!fetch_proxy_default(f->url.host, &f->arena, &p))
		return NULL;
	f->proxy = p;
	f->told = arena_printf(&f->arena, "%s through the proxy %s:%u", f->host,
		p.host ? p.host : "", (unsigned)p.port)
			  .data;
	return why;
}

/* RFC 9112 3.2.2: of an http URL the proxy is asked for all of it. */
static const char *fetch_ask_proxy(struct fetch *f)
{
	int err = 0;
	if (!f->proxy.host || f->url.https)
		return NULL;
	f->head.path = f->head.target = arena_printf(&f->arena, "http://%.*s%.*s",
		STR_ARG(f->url.authority), STR_ARG(f->url.path));
	if (f->proxy.authorization.len)
		err = fields_add(&f->head.fields, &f->arena, STR("Proxy-Authorization"),
			f->proxy.authorization);
	return err ? "the request is too large" : NULL;
}

/* Where the connection leads. */
static struct fetch_place fetch_place(struct fetch *f, bool keep)
{
	const struct fetch_proxy *p = &f->proxy;
	struct fetch_place place = { .host = f->host,
		.port = f->url.port,
		.tls = f->url.https ? f->tls : NULL,
		.keep = keep };
	if (p->host && f->url.https) {
		place.via = p->host;
		place.via_port = p->port;
		place.connect = fetch_proxy_connect(p, &f->url, &f->arena);
	} else if (p->host) {
		place.host = p->host;
		place.port = p->port;
	}
	return place;
}

static const char *fetch_take(struct fetch *f, const sluice_fetch_request *r)
{
	sluice_str method = r->method.len ? r->method : STR("GET");
	const char *why = fetch_take_url(f, r->url);

	if (!why)
		why = fetch_take_proxy(f, r);
	if (why)
		return why;
	if (!str_is_token(method) || str_eq(method, STR("CONNECT")))
		return "the method is malformed";
	f->body = arena_str(&f->arena, r->body);
	f->head = (struct request_head){
		.method_text = arena_str(&f->arena, method),
		.method = (uint8_t)method_find(method),
		.target = f->url.path,
		.path = f->url.path,
		.query = f->url.query,
		.has_query = f->url.has_query,
		.authority = f->url.authority,
		.host = f->url.host,
		.form = TARGET_ORIGIN,
		.version = 11,
		.keep_alive = true,
		.body = r->body.len ? BODY_LENGTH : BODY_NONE,
		.body_length = r->body.len,
	};
	why = fetch_ask_proxy(f);
	return why ? why : fetch_take_headers(f, &r->headers);
}

struct fetch *fetch_start(struct worker *w, const sluice_fetch_request *given,
	const struct fetch_way *way, fetch_fn fn, void *ctx, const char **why)
{
	sluice_fetch_request r = { 0 };
	struct fetch *f = mem_new(struct fetch);

	memcpy(&r, given, given->size < sizeof(r) ? given->size : sizeof(r));
	if (r.timeout_ms == 0)
		r.timeout_ms = TIMEOUT_MS;
	if (r.timeout_ms > TIMEOUT_MAX_MS)
		r.timeout_ms = TIMEOUT_MAX_MS;
	f->worker = w;
	f->tls = way->upstream ? NULL : tls_client_ref(way->tls);
	f->upstream = way->upstream;
	f->fn = fn;
	f->ctx = ctx;
	f->max_body = r.max_body ? r.max_body : BODY_MAX;
	arena_init(&f->arena, 0);
	buf_init(&f->answer);
	fetch_conn_init(&f->conn, fetch_on_ready, fetch_on_no_conn);
	fetch_call_init(&f->over, fetch_on_call_ready, fetch_on_call_fail);
	timer_init(&f->timer, fetch_on_due);
	*why = fetch_take(f, &r);
	if (*why) {
		fetch_free(f);
		return NULL;
	}
	const struct fetch_target target = { .place = fetch_place(f, way->keep),
		.due_ns = worker_now(w) + r.timeout_ms * NS_PER_MS };
	worker_timer(w, &f->timer, r.timeout_ms * NS_PER_MS);
	if (f->upstream) {
		f->stage = "a connection";
		fetch_call_open(&f->over, w, f->upstream, &f->head, &fetch_events, f, &f->arena);
	} else {
		fetch_conn_open(&f->conn, w, &target, &fetch_events, f, &f->arena);
	}
	return f;
}

void fetch_cancel(struct fetch *f)
{
	fetch_hang_up(f, ERR_CLIENT_GONE);
	fetch_bury(f);
}
