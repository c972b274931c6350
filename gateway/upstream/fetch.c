/*
 * One fetch: name, connection, request, response, each bounded, and all of it by one deadline. The
 * answer is told when nothing of it can call back any more.
 */
#include "upstream/fetch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/stat.h"
#include "http1/client.h"
#include "net/resolve.h"
#include "net/shortage.h"
#include "tls/client.h"
#include "tls/transport.h"
#include "upstream/url.h"

enum {
	TIMEOUT_MS = 5000, /* when none is given */
	TIMEOUT_MAX_MS = 3600 * 1000,
	BODY_MAX = 1 << 20,   /* likewise */
	HEADERS_MAX = 64,     /* of a request */
	HEAD_MAX = 64 * 1024, /* of a response */
	FIELDS_MAX = 200,
	ERROR_TEXT = 256,
};

struct fetch {
	struct worker *worker;  /* borrowed */
	struct tls_client *tls; /* borrowed; NULL: http */
	fetch_fn fn;
	void *ctx;
	struct arena arena; /* owned: request, response */
	struct timer timer; /* of the whole fetch */
	uint64_t due_ns;
	const char *stage; /* what it waits for: for the error */
	struct url url;
	const char *host; /* NUL-terminated */
	struct request_head head;
	sluice_str body;
	size_t max_body;
	struct resolve_call resolve;
	struct addr addrs[RESOLVE_ADDRS_MAX];
	unsigned n_addrs, at;
	struct http1_conn *conn; /* owned; NULL: none now */
	struct origin *origin;   /* of conn, while it carries the request */
	struct buf answer;       /* owned: its body so far */
	struct response_head *answer_head;
	char error[ERROR_TEXT];
	char why[ERROR_TEXT / 2]; /* the last connection did not open */
};

/* ---- the end ------------------------------------------------------------------------------- */

/* It holds one of the connections that fetches may have as long as it has one. */
static void fetch_give(struct fetch *f)
{
	quota_give(&f->worker->shares->quota[SHARE_FETCHES]);
}

/* From here on nothing of the network calls back. */
static void fetch_hang_up(struct fetch *f)
{
	struct http1_conn *conn = f->conn;
	struct origin *o = f->origin;

	resolve_cancel(&f->resolve);
	timer_drop(&f->timer);
	f->conn = NULL;
	f->origin = NULL;
	if (conn)
		fetch_give(f);
	if (o)
		/* on_free or on_gone follow within: there is nothing left for them to do but
		 * close */
		o->ops->release(o);
	else if (conn)
		http1_conn_close(conn);
}

static void fetch_free(struct fetch *f)
{
	buf_fini(&f->answer);
	arena_fini(&f->arena);
	free(f);
}

static void fetch_tell(struct fetch *f, sluice_fetch_response *r)
{
	stat_inc(STAT_FETCHES);
	if (r->status != SLUICE_OK)
		stat_inc(STAT_FETCH_FAILURES);
	f->fn(f->ctx, r);
	fetch_free(f);
}

__attribute__((format(printf, 3, 4))) static void fetch_fail(struct fetch *f, sluice_status status,
	const char *fmt, ...)
{
	sluice_fetch_response r = { .size = sizeof(r), .status = status, .error = f->error };
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(f->error, sizeof(f->error), fmt, ap);
	va_end(ap);
	fetch_hang_up(f);
	fetch_tell(f, &r);
}

static void fetch_fail_by(struct fetch *f, int err)
{
	sluice_status status = SLUICE_ERROR;
	if (err == ERR_UPSTREAM_TIMEOUT || err == ERR_UPSTREAM_STALLED ||
		err == ERR_CONNECT_TIMEOUT)
		status = SLUICE_TIMEOUT;
	else if (err == ERR_UPSTREAM_CLOSED || err == ERR_UPSTREAM_RESET ||
		err == ERR_CONNECT_FAILED || err == ERR_UPSTREAM_TLS || shortage_is(err))
		status = SLUICE_UNREACHABLE;
	fetch_fail(f, status, "%s: %s%s%s", f->host, err_info(err)->text, f->why[0] ? " " : "",
		f->why);
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
	fetch_hang_up(f);
	fetch_tell(f, &r);
}

static void fetch_on_due(struct timer *t)
{
	struct fetch *f = container_of(t, struct fetch, timer);
	fetch_fail(f, SLUICE_TIMEOUT, "%s: no time was left for %s", f->host, f->stage);
}

/* ---- the response -------------------------------------------------------------------------- */

static void fetch_on_head(struct origin *o, struct response_head *h)
{
	struct fetch *f = o->user;
	if (h->status < 200)
		return;
	f->answer_head = h;
	f->stage = "the body of its response";
	if (h->body == BODY_LENGTH && h->body_length > f->max_body)
		fetch_fail(f, SLUICE_ERROR, "%s: the response is larger than %zu bytes", f->host,
			f->max_body);
}

static void fetch_on_body(struct origin *o, struct buf *data)
{
	struct fetch *f = o->user;
	if (data->len > f->max_body - f->answer.len)
		fetch_fail(f, SLUICE_ERROR, "%s: the response is larger than %zu bytes", f->host,
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
	(void)o; /* the request went out in one piece */
}

static void fetch_on_fail(struct origin *o, int err)
{
	fetch_fail_by(o->user, err);
}

static const struct origin_events fetch_events = {
	.on_head = fetch_on_head,
	.on_body = fetch_on_body,
	.on_end = fetch_on_end,
	.on_drained = fetch_on_drained,
	.on_fail = fetch_on_fail,
};

/* ---- the connection ------------------------------------------------------------------------ */

static void fetch_conn_on_open(struct http1_conn *c)
{
	struct fetch *f = http1_conn_owner_data(c);
	struct origin *o = http1_conn_begin(c, &fetch_events, f, &f->arena);
	f->origin = o;
	f->why[0] = 0;
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

static void fetch_conn_on_free(struct http1_conn *c)
{
	http1_conn_close(c);
}

static void fetch_connect(struct fetch *f, int err);

static void fetch_conn_on_gone(struct http1_conn *c, int err)
{
	struct fetch *f = http1_conn_owner_data(c);
	if (f->conn != c)
		return; /* we hung up */
	f->conn = NULL;
	fetch_give(f);
	(void)snprintf(f->why, sizeof(f->why), "%s", http1_conn_why(c));
	fetch_connect(f, err);
}

static const struct http1_conn_owner fetch_owner = {
	.on_open = fetch_conn_on_open,
	.on_free = fetch_conn_on_free,
	.on_gone = fetch_conn_on_gone,
};

/* To the next address: each gets its share of the time that is left. err: of the one before. */
static void fetch_connect(struct fetch *f, int err)
{
	uint64_t now = worker_now(f->worker), left = f->due_ns > now ? f->due_ns - now : 1;

	f->stage = "a connection";
	if (!quota_take(&f->worker->shares->quota[SHARE_FETCHES])) {
		stat_inc(STAT_SHORTAGE_FETCHES);
		fetch_fail_by(f, ERR_NO_DESCRIPTORS);
		return;
	}
	while (f->at < f->n_addrs) {
		struct http1_conn_conf conf = {
			.connect_ns = left / (f->n_addrs - f->at),
			.response_ns = left,
			.idle_ns = left,
			.max_head = HEAD_MAX,
			.max_fields = FIELDS_MAX,
		};
		const struct addr *to = &f->addrs[f->at++];
		void *session = f->url.https
			? tls_client_start(f->tls, f->worker->id, f->host, NULL)
			: NULL;
		if (f->url.https && !session)
			break;
		f->conn = http1_conn_open(f->worker, to,
			session ? &transport_tls : &transport_plain, session, &conf, &fetch_owner,
			f, &err);
		if (f->conn)
			return;
	}
	fetch_give(f);
	fetch_fail_by(f, err ? err : ERR_UPSTREAM_TLS);
}

static void fetch_on_answer(struct resolve_call *c, const struct resolve_answer *a)
{
	struct fetch *f = container_of(c, struct fetch, resolve);
	if (a->error) {
		fetch_fail(f, SLUICE_UNREACHABLE, "%s: %s", f->host, a->error);
		return;
	}
	memcpy(f->addrs, a->addrs, a->n * sizeof(a->addrs[0]));
	f->n_addrs = a->n;
	fetch_connect(f, 0);
}

/* ---- the request --------------------------------------------------------------------------- */

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

static const char *fetch_take(struct fetch *f, const sluice_fetch_request *r)
{
	sluice_str method = r->method.len ? r->method : STR("GET");
	const char *why = url_parse(arena_str(&f->arena, r->url), &f->url);

	if (why)
		return why;
	if (f->url.https && !f->tls)
		return "the URL is https, and TLS is not set up";
	if (!str_is_token(method) || str_eq(method, STR("CONNECT")))
		return "the method is malformed";
	f->host = arena_str(&f->arena, f->url.host).data;
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
	return fetch_take_headers(f, &r->headers);
}

struct fetch *fetch_start(struct worker *w, const sluice_fetch_request *given,
	struct tls_client *tls, fetch_fn fn, void *ctx, const char **why)
{
	sluice_fetch_request r = { 0 };
	struct fetch *f = mem_new(struct fetch);

	memcpy(&r, given, given->size < sizeof(r) ? given->size : sizeof(r));
	if (r.timeout_ms == 0)
		r.timeout_ms = TIMEOUT_MS;
	if (r.timeout_ms > TIMEOUT_MAX_MS)
		r.timeout_ms = TIMEOUT_MAX_MS;
	f->worker = w;
	f->tls = tls;
	f->fn = fn;
	f->ctx = ctx;
	f->max_body = r.max_body ? r.max_body : BODY_MAX;
	arena_init(&f->arena, 0);
	buf_init(&f->answer);
	resolve_call_init(&f->resolve, fetch_on_answer);
	timer_init(&f->timer, fetch_on_due);
	*why = fetch_take(f, &r);
	if (*why) {
		fetch_free(f);
		return NULL;
	}
	f->stage = "the look-up of the name";
	f->due_ns = worker_now(w) + r.timeout_ms * NS_PER_MS;
	worker_timer(w, &f->timer, r.timeout_ms * NS_PER_MS);
	resolve_start(w, &f->resolve, f->url.host, f->url.port);
	return f;
}

void fetch_cancel(struct fetch *f)
{
	fetch_hang_up(f);
	fetch_free(f);
}
