/* Answers of the admin address. */
#include "admin/call.h"

#include "admin/service.h"
#include "proxy/fields.h"

/* in addition to the request's budget, so that a request that spent all of that gets an answer
 * too */
enum { ANSWER_BUDGET = 16384 };

static const struct admin_problem_info problems[PROBLEM_COUNT] = {
#define P(name, status, code, text) { status, code, text },
#include "admin/problem.def"
#undef P
};

const struct admin_problem_info *admin_problem_info(enum admin_problem p)
{
	return &problems[p];
}

static void call_finish(struct turn_hook *h)
{
	struct admin_call *c = container_of(h, struct admin_call, end);
	list_del(&c->link);
	c->service->unread -= c->unread;
	c->client->ops->finish(c->client);
}

void call_init(struct admin_call *c, struct admin_service *service, struct client *client)
{
	c->service = service;
	c->client = client;
	list_init(&c->link);
	gather_wait_init(&c->wait, NULL);
	turn_hook_init(&c->end, call_finish);
}

void call_close(struct admin_call *c)
{
	gather_cancel(&c->wait);
	worker_at_turn_end(c->service->main, &c->end);
}

static void call_field(struct admin_call *c, struct response_head *h, sluice_str name,
	sluice_str value)
{
	int err = fields_add(&h->fields, &c->client->arena, name,
		arena_str(&c->client->arena, value));
	check(err == 0, "no memory for an answer of the admin address");
}

void call_answer_buf(struct admin_call *c, int status, sluice_str type, struct buf *data)
{
	struct client *cl = c->client;
	enum method m = (enum method)cl->head->method;
	struct response_head h = { .status = (uint16_t)status, .version = 11, .keep_alive = true };

	check(!c->answered, "a second answer to one request");
	c->answered = true;
	cl->arena.budget += ANSWER_BUDGET;
	h.body_length = data->len;
	h.has_length = true;
	h.body = response_may_have_body(m, status) ? BODY_LENGTH : BODY_NONE;
	call_field(c, &h, STR("Date"), fields_date());
	call_field(c, &h, STR("Server"), STR("sluice"));
	call_field(c, &h, STR("Cache-Control"), STR("no-store"));
	if (data->len) {
		call_field(c, &h, STR("Content-Type"), type);
		call_field(c, &h, STR("X-Content-Type-Options"), STR("nosniff"));
	}
	if (c->allow.len)
		call_field(c, &h, STR("Allow"), c->allow);
	cl->ops->head(cl, &h);
	if (h.body == BODY_LENGTH) {
		c->unread = data->len;
		c->service->unread += c->unread;
		/* the whole body at once: the size of an answer is bounded, and so is the sum of
		 * unread answers */
		(void)cl->ops->body(cl, data);
	}
	buf_fini(data);
	cl->ops->end(cl, NULL);
	if (c->gone)
		call_close(c);
}

void call_answer(struct admin_call *c, int status, sluice_str type, sluice_str body)
{
	struct buf data;
	buf_init(&data);
	buf_append(&data, body.data, body.len);
	call_answer_buf(c, status, type, &data);
}

void call_answer_json(struct admin_call *c, int status, struct json_out *o)
{
	json_raw(o, STR("\n"));
	if (o->full)
		call_problem(c, PROBLEM_TOO_LARGE, STR_NONE);
	else
		call_answer(c, status,
			status < 400 ? STR("application/json") : STR("application/problem+json"),
			json_text(o));
	json_fini(o);
}

/* ---- problem documents --------------------------------------------------------------------- */

static void problem_begin(struct json_out *o, int status, const char *code, const char *text)
{
	json_init_heap(o, CALL_JSON_MAX);
	o->pretty = true;
	json_open(o, '{');
	json_key(o, STR("type"));
	json_strf(o, "urn:sluice:problem:%s", code);
	json_key(o, STR("title"));
	json_str(o, str_of(text));
	json_key(o, STR("status"));
	json_int(o, status);
}

void call_problem_begin(struct json_out *o, enum admin_problem p)
{
	problem_begin(o, problems[p].status, problems[p].code, problems[p].text);
}

void call_problem_end(struct admin_call *c, enum admin_problem p, struct json_out *o)
{
	json_close(o, '}');
	call_answer_json(c, problems[p].status, o);
}

void call_problem(struct admin_call *c, enum admin_problem p, sluice_str detail)
{
	struct json_out o;
	call_problem_begin(&o, p);
	if (detail.len) {
		json_key(&o, STR("detail"));
		json_str(&o, detail);
	}
	call_problem_end(c, p, &o);
}

void call_refuse(struct admin_call *c, int err)
{
	const struct err_info *info = err_info(err);
	struct json_out o;
	int status = info->status == 499 ? 400 : info->status;
	problem_begin(&o, status, info->code, info->text);
	json_close(&o, '}');
	call_answer_json(c, status, &o);
}
