/* See respond.h. */
#include "proxy/respond.h"

#include "base/json.h"
#include "http1/write.h"
#include "policy/answer.h"
#include "policy/producer.h"
#include "policy/template.h"
#include "proxy/exchange.h"
#include "proxy/fields.h"
#include "proxy/grpc.h"

enum { DETAIL_MAX = 500 }; /* bytes of what a plugin says to the client */

/* When to ask again, in seconds; empty: there is nothing to say about it. What runs short is looked
 * at every second. */
static sluice_str respond_retry_after(const struct exchange *x)
{
	switch (x->err) {
	case ERR_LOW_MEMORY:
	case ERR_LOW_DESCRIPTORS:
		return STR("2");
	case ERR_CIRCUIT_OPEN:
		return arena_printf(x->px.arena, "%u",
			upstream_retry_after(x->view->upstreams[x->px.upstream]));
	case ERR_QUEUE_FULL:
	case ERR_QUEUE_TIMEOUT:
	case ERR_SHED:
	case ERR_CLIENT_LIMIT:
	case ERR_NO_DESCRIPTORS:
	case ERR_NO_LOCAL_PORT:
	case ERR_SHUTTING_DOWN: /* another gateway may answer, or this one once it is back */
		return STR("1");
	default:
		return STR_NONE;
	}
}

/* A head for what is in x->answer_body; type may be empty. Its fields are those of fields, to which
 * the gateway's are added. NULL when the exchange's memory is spent. */
static struct response_head *respond_head(struct exchange *x, int status, sluice_str type,
	const struct fields *fields)
{
	struct arena *a = x->px.arena;
	struct response_head *h = arena_zalloc(a, sizeof(*h));
	if (!h)
		return NULL;
	if (fields)
		h->fields = *fields;
	h->status = (uint16_t)status;
	h->version = 11;
	h->keep_alive = true;
	h->body_length = x->answer_body.len;
	h->has_length = response_may_have_body(METHOD_GET, status);
	h->body = response_may_have_body((enum method)x->px.request->method, status) ? BODY_LENGTH
										     : BODY_NONE;
	if (h->body == BODY_NONE)
		buf_fini(&x->answer_body); /* its length is said, and no more */
	int err = type.len ? fields_add(&h->fields, a, STR("Content-Type"), type) : 0;
	if (!err && x->allow.len)
		err = fields_add(&h->fields, a, STR("Allow"), x->allow);
	sluice_str retry_after = respond_retry_after(x);
	if (!err && retry_after.len)
		err = fields_add(&h->fields, a, STR("Retry-After"), retry_after);
	if (!err)
		err = fields_for_client(x, h);
	return err ? NULL : h;
}

/* The same for a body that is copied. */
static struct response_head *respond_text(struct exchange *x, int status, sluice_str type,
	sluice_str body)
{
	producer_drop(&x->px);
	buf_fini(&x->answer_body);
	buf_keep(&x->answer_body, body.data, body.len);
	return respond_head(x, status, type, NULL);
}

static sluice_str respond_problem(struct exchange *x, int status, const char *code,
	sluice_str title, sluice_str detail)
{
	struct json_out o;
	char room[4096]; /* every byte of the detail may take six */
	json_init(&o, room, sizeof(room));
	json_open(&o, '{');
	json_key(&o, STR("type"));
	json_strf(&o, "%.*s%s", STR_ARG(x->view->snap->conf.problems.type), code);
	json_key(&o, STR("title"));
	json_str(&o, title);
	json_key(&o, STR("status"));
	json_int(&o, status);
	if (detail.len) {
		json_key(&o, STR("detail"));
		json_str_cut(&o, detail, DETAIL_MAX);
	}
	json_key(&o, STR("request_id"));
	json_str(&o, x->px.request_id);
	json_close(&o, '}');
	return arena_str(x->px.arena, json_text(&o));
}

/* An error of our own: a problem document, or what a gRPC call has instead. */
static struct response_head *respond_refusal(struct exchange *x, int status, const char *code,
	sluice_str title, sluice_str detail)
{
	if (x->px.te_trailers && !x->is_call) /* a plugin may have made a call of it */
		grpc_begin(x);
	if (x->is_call) {
		struct response_head *h = respond_text(x, 200, STR("application/grpc"), STR_NONE);
		return h &&
				grpc_refuse(x, h, status, str_of(code),
					detail.len ? detail : title) == 0
			? h
			: NULL;
	}
	sluice_str body = respond_problem(x, status, code, title, detail);
	return body.data ? respond_text(x, status, STR("application/problem+json"), body) : NULL;
}

struct response_head *respond_error(struct exchange *x, int err)
{
	const struct err_info *info = err_info(err);
	int status = info->status == 499 ? 400 : info->status;
	exchange_set_reason(x, err);
	x->px.arena->budget += 16384; /* also who spent all memory gets an answer */
	return respond_refusal(x, status, info->code, str_of(info->text), STR_NONE);
}

/* The plugin writes the body, unless there is none. */
static void respond_stream(struct exchange *x, struct response_head *h)
{
	h->has_length = producer_length(x->px.answer.producer, &h->body_length);
	if (h->body == BODY_NONE) {
		x->px.answer.producer = NULL; /* HEAD */
		return;
	}
	h->body = h->has_length ? BODY_LENGTH : BODY_CHUNKED;
	producer_take(&x->px);
}

/* A plugin's own fields and body. */
static struct response_head *respond_own(struct exchange *x, int status)
{
	struct fields fields = { 0 };
	/* a connection that is about to end has no time for an answer that takes some */
	if (unlikely(x->px.answer.producer && x->gone))
		return respond_error(x, x->err ? x->err : ERR_PLUGIN_FAILED);
	producer_drop(&x->px);
	if (answer_fields(&x->px, x->px.arena, &fields))
		return NULL;
	buf_fini(&x->answer_body);
	answer_body(&x->px, &x->answer_body);
	struct response_head *h = respond_head(x, status, STR_NONE, &fields);
	if (h && x->px.answer.producer)
		respond_stream(x, h);
	return h;
}

struct response_head *respond_plugin(struct exchange *x)
{
	const struct run_answer *a = &x->px.answer;
	/* would say that there is a tunnel */
	if (x->px.request->upgrade_only && a->status >= 200 && a->status < 300)
		return respond_error(x, ERR_UPGRADE_REFUSED);
	if (a->code) {
		x->code = a->code;
		/* the title says what kind of thing happened, the detail what happened this time
		 * (RFC 9457 3.1) */
		sluice_str title = http1_reason(a->status);
		return respond_refusal(x, a->status, a->code, title.len ? title : STR("Refused"),
			a->detail);
	}
	return respond_own(x, a->status);
}

/* A field of the route's answer; one whose value is missing, or could be none of a field, is left
 * out. */
static int respond_field(struct exchange *x, struct response_head *h, size_t i)
{
	sluice_str value;
	switch (template_write(&x->px, x->route->answer.headers[i], &value)) {
	case SLUICE_TEMPLATE_OK:
		return fields_set(&h->fields, x->px.arena,
			x->route->conf->respond.headers.v[i].name, value);
	case SLUICE_TEMPLATE_MISSING:
		return 0;
	case SLUICE_TEMPLATE_FAIL:
		break;
	}
	return ERR_NO_MEMORY;
}

struct response_head *respond_options(struct exchange *x)
{
	return respond_text(x, 204, STR_NONE, STR_NONE);
}

struct response_head *respond_builtin(struct exchange *x)
{
	const struct respond_conf *r = &x->route->conf->respond;
	const struct route_answer *a = &x->route->answer;
	sluice_str body = a->body_text;
	if (a->body && template_write(&x->px, a->body, &body) != SLUICE_TEMPLATE_OK)
		return NULL;
	struct response_head *h =
		respond_text(x, (int)r->status, body.len ? r->content_type : STR_NONE, body);
	for (size_t i = 0; h && i < r->headers.n; i++) {
		if (respond_field(x, h, i))
			return NULL;
	}
	return h;
}
