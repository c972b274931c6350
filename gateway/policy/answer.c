/* Answers that plugins give. See answer.h. */
#include "policy/answer.h"

#include "policy/blame.h"
#include "policy/edit.h"
#include "policy/guard.h"
#include "policy/producer.h"

enum { CODE_MAX = 64 };

/* ---- what is refused ----------------------------------------------------------------------- */

/* Whether the caller can give an answer now. */
static bool answer_may(const sluice_exchange *x, const char *service)
{
	if (!guard_hook(x, service))
		return false;
	if (x->frame->call < RUN_REQUEST || x->frame->call > RUN_RESPONSE_BODY)
		return guard_refuse(service, "this call can give no answer");
	return !x->head_sent ||
		guard_refuse(service, "the head of a response has gone to the client");
}

static bool answer_is_sound(const sluice_answer *a, const char *service)
{
	const char *why = NULL;
	if (a->status < 200 || a->status > 599)
		why = "the status is not 200 to 599";
	else if (!str_is_field_value(a->content_type))
		why = "the content type is no value of a field";
	else if ((a->body.len && !a->body.data) || (a->headers.n && !a->headers.v))
		why = "the body or the headers are NULL";
	return !why || guard_refuse(service, why);
}

bool answer_is_code(const char *code)
{
	size_t n = code ? strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-") : 0;
	return n > 0 && n <= CODE_MAX && code[n] == 0;
}

/* ---- keeping it ---------------------------------------------------------------------------- */

/* An answer takes the place of what the hook answered before. */
static struct run_answer *answer_begin(sluice_exchange *x, int status)
{
	run_drop_answer(x);
	x->answer = (struct run_answer){ .status = status };
	x->acted = 1;
	return &x->answer;
}

/* is: what is copied is there. Else the exchange's memory is spent, and the log says so, because
 * the plugin cannot know. */
static sluice_verdict answer_kept(sluice_exchange *x, const char *service, bool is)
{
	if (is)
		return SLUICE_REPLY;
	run_drop_answer(x);
	(void)guard_refuse(service,
		"the answer does not fit into the memory of the request "
		"(max_memory)");
	return SLUICE_FAIL;
}

/* Whether the field goes out with the answer. */
static bool answer_takes_field(sluice_str content_type, const sluice_pair *f)
{
	if (content_type.len && str_ieq(f->name, STR("content-type")))
		return false;
	const char *why = edit_refused(SLUICE_RESPONSE, SLUICE_FIELD_ADD, f->name, f->value);
	if (why)
		blame_caller(BLAME_CHANGE, "field %.*s of the answer %s, and is left out",
			STR_ARG(f->name), why);
	return !why;
}

/* The fields and the content type. False: no memory. */
static bool answer_keep_head(sluice_exchange *x, sluice_pairs headers, sluice_str content_type)
{
	struct run_answer *r = &x->answer;
	r->content_type = arena_str(x->arena, content_type);
	if (!headers.n)
		return r->content_type.data;
	sluice_pair *v = headers.n > SIZE_MAX / sizeof(*v)
		? NULL
		: arena_alloc(x->arena, headers.n * sizeof(*v));
	r->headers.v = v;
	for (size_t i = 0; v && i < headers.n; i++) {
		const sluice_pair *f = &headers.v[i];
		if (!answer_takes_field(content_type, f))
			continue;
		v[r->headers.n++] = (sluice_pair){ arena_str(x->arena, f->name),
			arena_str(x->arena, str_trim(f->value)) };
	}
	return v && r->content_type.data && !x->arena->failed;
}

/* ---- services ------------------------------------------------------------------------------ */

/* RFC 9110 15.3.6: nor may a 205. */
static bool answer_may_have_body(int status)
{
	return status != 205 && response_may_have_body(METHOD_GET, status);
}

static sluice_verdict answer_give(sluice_exchange *x, const sluice_answer *a, const char *service)
{
	struct run_answer *r = answer_begin(x, a->status);
	if (a->release)
		r->lent = lent_new(x, a->release, a->arg);
	bool has_body = answer_may_have_body(a->status);
	/* before the body is given back: the fields may lie in what is lent */
	bool has_head = answer_keep_head(x, a->headers, a->content_type);
	if (!has_body)
		lent_drop(&r->lent);
	else if (r->lent)
		r->body = a->body;
	else
		r->body = arena_str(x->arena, a->body);
	return answer_kept(x, service, has_head && (r->body.data || !a->body.len || !has_body));
}

sluice_verdict answer_with(sluice_exchange *x, const sluice_answer *a)
{
	static const char service[] = "sluice_answer_with()";
	if (!guard_given(a, service, "the answer is NULL"))
		return SLUICE_FAIL;
	if (a->size < offsetof(sluice_answer, arg) + sizeof(a->arg)) {
		(void)guard_refuse(service, "the size of the answer is not set");
		return SLUICE_FAIL;
	}
	if (answer_may(x, service) && answer_is_sound(a, service))
		return answer_give(x, a, service);
	if (a->release)
		a->release(a->arg);
	return SLUICE_FAIL;
}

sluice_verdict answer_stream(sluice_exchange *x, const sluice_answer_stream *s)
{
	static const char service[] = "sluice_answer_begin()";
	if (!guard_given(s, service, "the answer is NULL"))
		return SLUICE_FAIL;
	if (s->size < offsetof(sluice_answer_stream, write) + sizeof(s->write)) {
		(void)guard_refuse(service, "the size of the answer is not set");
		return SLUICE_FAIL;
	}
	if (!guard_callback(s->write, service))
		return SLUICE_FAIL;
	const sluice_answer head = { .status = s->status,
		.headers = s->headers,
		.content_type = s->content_type };
	if (!answer_may(x, service) || !answer_is_sound(&head, service))
		return SLUICE_FAIL;
	struct run_answer *r = answer_begin(x, s->status);
	bool has_body = answer_may_have_body(s->status);
	if (has_body)
		r->producer = producer_new(x, s);
	return answer_kept(x, service,
		(r->producer || !has_body) && answer_keep_head(x, s->headers, s->content_type));
}

sluice_verdict answer_reply(sluice_exchange *x, int status, sluice_str content_type,
	sluice_str body)
{
	static const char service[] = "sluice_reply()";
	const sluice_answer a = { .size = sizeof(a),
		.status = status,
		.content_type = content_type,
		.body = body };
	if (answer_may(x, service) && answer_is_sound(&a, service))
		return answer_give(x, &a, service);
	return SLUICE_FAIL;
}

sluice_verdict answer_refuse(sluice_exchange *x, int status, const char *code, const char *detail)
{
	static const char service[] = "sluice_refuse()";
	if (!answer_may(x, service))
		return SLUICE_FAIL;
	if (status < 400 || status > 599) {
		(void)guard_refuse(service, "the status is not 400 to 599");
		return SLUICE_FAIL;
	}
	if (!answer_is_code(code)) {
		(void)guard_refuse(service,
			"the code is not 1 to 64 of a-z, 0-9 and -; the request is refused as "
			"\"refused\"");
		code = "refused";
	}
	struct run_answer *r = answer_begin(x, status);
	r->code = code;
	/* Who refuses must be able to do so: where there is no memory for the detail, the refusal
	 * goes on without, and the exchange answers that its memory is spent. */
	r->detail = arena_str(x->arena, str_of(detail ? detail : ""));
	return SLUICE_REPLY;
}

/* ---- what the proxy takes ------------------------------------------------------------------ */

int answer_fields(const sluice_exchange *x, struct arena *a, struct fields *to)
{
	const struct run_answer *r = &x->answer;
	int err = r->content_type.len ? fields_add(to, a, STR("Content-Type"), r->content_type) : 0;
	for (size_t i = 0; !err && i < r->headers.n; i++)
		err = fields_add(to, a, r->headers.v[i].name, r->headers.v[i].value);
	return err;
}

void answer_body(sluice_exchange *x, struct buf *to)
{
	struct run_answer *r = &x->answer;
	if (r->lent)
		lent_move(&r->lent, to, r->body);
	else
		buf_keep(to, r->body.data, r->body.len);
}
