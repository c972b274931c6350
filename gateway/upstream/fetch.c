/*
 * One fetch: a request, its response, and one deadline for all of it; fetch_conn makes the
 * connection. fn is called when nothing of the fetch can call back any more.
 */
#include "upstream/fetch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/stat.h"
#include "net/shortage.h"
#include "upstream/fetch_conn.h"
#include "upstream/url.h"

enum {
	TIMEOUT_MS = 5000, /* when the request gives none */
	TIMEOUT_MAX_MS = 3600 * 1000,
	BODY_MAX = 1 << 20, /* likewise */
	HEADERS_MAX = 64,   /* of a request */
	ERROR_TEXT = 256,
};

struct fetch {
	struct worker *worker;  /* borrowed */
	struct tls_client *tls; /* ref; NULL: http */
	fetch_fn fn;
	void *ctx;
	struct arena arena; /* owned: request, response */
	struct timer timer; /* of the whole fetch */
	const char *stage;  /* what it waits for, for the error's text; NULL: conn.stage */
	struct url url;
	const char *host; /* NUL-terminated */
	struct request_head head;
	sluice_str body;
	size_t max_body;
	struct fetch_conn conn;
	struct buf answer; /* owned: the response's body so far */
	struct response_head *answer_head;
	char error[ERROR_TEXT];
};

/* ---- the end ------------------------------------------------------------------------------- */

/* After this, nothing of the network calls back. */
static void fetch_hang_up(struct fetch *f)
{
	timer_drop(&f->timer);
	fetch_conn_close(&f->conn);
}

static void fetch_free(struct fetch *f)
{
	buf_fini(&f->answer);
	tls_client_free(&f->tls);
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
	fetch_fail(f, status, "%s: %s%s%s", f->host, err_info(err)->text, f->conn.why[0] ? " " : "",
		f->conn.why);
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
	fetch_fail(f, SLUICE_TIMEOUT, "%s: no time was left for %s", f->host,
		f->stage ? f->stage : f->conn.stage);
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
	(void)o; /* the request was sent in one piece */
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

/* ---- the request --------------------------------------------------------------------------- */

static void fetch_on_ready(struct fetch_conn *c)
{
	struct fetch *f = container_of(c, struct fetch, conn);
	struct origin *o = c->origin;
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

static void fetch_on_no_conn(struct fetch_conn *c, int err)
{
	struct fetch *f = container_of(c, struct fetch, conn);
	if (err == ERR_NOT_RESOLVED)
		fetch_fail(f, SLUICE_UNREACHABLE, "%s: %s", f->host, c->why);
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
	f->tls = tls_client_ref(tls);
	f->fn = fn;
	f->ctx = ctx;
	f->max_body = r.max_body ? r.max_body : BODY_MAX;
	arena_init(&f->arena, 0);
	buf_init(&f->answer);
	fetch_conn_init(&f->conn, fetch_on_ready, fetch_on_no_conn);
	timer_init(&f->timer, fetch_on_due);
	*why = fetch_take(f, &r);
	if (*why) {
		fetch_free(f);
		return NULL;
	}
	const struct fetch_target target = { .host = f->host,
		.port = f->url.port,
		.tls = f->url.https ? tls : NULL,
		.due_ns = worker_now(w) + r.timeout_ms * NS_PER_MS };
	worker_timer(w, &f->timer, r.timeout_ms * NS_PER_MS);
	fetch_conn_open(&f->conn, w, &target, &fetch_events, f, &f->arena);
	return f;
}

void fetch_cancel(struct fetch *f)
{
	fetch_hang_up(f);
	fetch_free(f);
}
