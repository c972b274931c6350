/* Changes to header fields. */
#include "policy/edit.h"

#include "http/cookie.h"
#include "http/uri.h"
#include "policy/blame.h"
#include "policy/running.h"
#include "policy/stage.h"

struct run_name {
	struct run_name *next;
	sluice_str name;
};

struct run_edit {
	struct run_edit *next;
	uint32_t by; /* place of the plugin that asked for it */
	sluice_field_op op;
	sluice_str name, value;
};

/* The token of a name. In a request also of a name spelled with '_', because upstreams may read it
 * as that token. */
static enum token edit_token(sluice_side side, sluice_str name)
{
	char dashed[64];
	unsigned code = token_read(name.data, name.len);
	if (likely(!(code & TOKEN_IS_TWIN)) || side != SLUICE_REQUEST || name.len > sizeof(dashed))
		return (enum token)(code & TOKEN_CODE);
	for (size_t i = 0; i < name.len; i++)
		dashed[i] = name.data[i] == '_' ? '-' : name.data[i];
	return token_find(dashed, name.len);
}

/* Why plugins may not change a field of that name; NULL: they may. */
static const char *edit_name_refused(sluice_side side, sluice_field_op op, sluice_str name)
{
	enum token t = edit_token(side, name);
	unsigned flags = token_flags(t);
	if (!str_is_token(name))
		return "is no name of a header field";
	if (side == SLUICE_REQUEST_TRAILERS || side == SLUICE_RESPONSE_TRAILERS) {
		const struct field f = { .name = name.data,
			.name_len = (uint32_t)name.len,
			.token = (uint16_t)t };
		return op != SLUICE_FIELD_REMOVE && field_is_no_trailer(&f)
			? "cannot stand behind a body"
			: NULL;
	}
	if (flags & TOKEN_FRAMING)
		return "frames the message";
	if (flags & TOKEN_HOP)
		return "belongs to the connection";
	if (t == TOKEN_HOST && (op != SLUICE_FIELD_SET || side == SLUICE_RESPONSE))
		return "can be set in a request, and nothing else";
	if (side == SLUICE_REQUEST && (flags & TOKEN_OURS || t == TOKEN_EXPECT))
		return "is written by the gateway itself";
	if (side == SLUICE_REQUEST && op == SLUICE_FIELD_ADD && (flags & TOKEN_SINGLE))
		return "stands in a request once at most";
	return NULL;
}

/* The value goes into the request's head as it is, so that it must be an authority. */
static bool edit_is_authority(sluice_str value)
{
	struct arena a;
	sluice_str host;
	arena_init(&a, 2 * ARENA_BLOCK);
	bool is = value.len && uri_parse_authority(value, &a, &host) == 0;
	arena_fini(&a);
	return is;
}

/* `te: trailers` is the one field of the connection that plugins may set. */
static bool edit_is_te_trailers(sluice_side side, sluice_field_op op, enum token t,
	sluice_str value)
{
	return side == SLUICE_REQUEST && op == SLUICE_FIELD_SET && t == TOKEN_TE &&
		str_ieq(value, STR("trailers"));
}

/* t: the token of name. */
static const char *edit_judge(sluice_side side, sluice_field_op op, enum token t, sluice_str name,
	sluice_str value)
{
	if (edit_is_te_trailers(side, op, t, value))
		return NULL;
	const char *why = edit_name_refused(side, op, name);
	if (why || op == SLUICE_FIELD_REMOVE)
		return why;
	if (!str_is_field_value(value))
		return "has a value with control bytes";
	if (value.len && t == TOKEN_HOST && !edit_is_authority(value))
		return "has a value that is no host";
	return NULL;
}

const char *edit_refused(sluice_side side, sluice_field_op op, sluice_str name, sluice_str value)
{
	return edit_judge(side, op, token_find(name.data, name.len), name, value);
}

/* A failure is one of the arena, which remembers it: the exchange looks before it uses the head. */
static void edit_do(sluice_exchange *x, struct fields *f, sluice_field_op op, sluice_str name,
	sluice_str value)
{
	if (op == SLUICE_FIELD_REMOVE) {
		(void)fields_drop(f, name);
		return;
	}
	int err = op == SLUICE_FIELD_SET ? fields_set(f, x->arena, name, value)
					 : fields_add(f, x->arena, name, value);
	if (err)
		x->arena->failed = true;
}

/* A change to a request applies to all that an upstream could read as that field: `X_User`, which
 * many programs take for X-User, and trailers, which some merge into the head (RFC 9110 6.5.1). */
static void edit_request(sluice_exchange *x, sluice_field_op op, sluice_str name, sluice_str value)
{
	if (op != SLUICE_FIELD_ADD) {
		fields_drop_alike(&x->request->fields, name);
		if (x->request->body != BODY_NONE) {
			struct run_name *n = arena_alloc(x->arena, sizeof(*n));
			if (!n)
				/* the arena remembers the failure: the request is refused */
				return;
			*n = (struct run_name){ .next = x->edited, .name = name };
			x->edited = n;
		}
		struct fields *trailers = stage_request_trailers(x);
		if (unlikely(trailers))
			fields_drop_alike(trailers, name);
	}
	if (op != SLUICE_FIELD_REMOVE && fields_add(&x->request->fields, x->arena, name, value))
		x->arena->failed = true;
}

bool edit_has(const sluice_exchange *x, sluice_str name)
{
	for (const struct run_name *n = x->edited; n; n = n->next) {
		if (field_names_alike(n->name, name))
			return true;
	}
	return false;
}

const char *edit_host_refused(sluice_str value)
{
	if (!value.len)
		return "has an empty value";
	return edit_judge(SLUICE_REQUEST, SLUICE_FIELD_SET, TOKEN_HOST, STR("host"), value);
}

void edit_host(sluice_exchange *x, sluice_str value)
{
	if (!x->asked_authority.data)
		x->asked_authority = x->request->authority.len ? x->request->authority : STR("");
	x->request->authority = value;
}

/* The fields of the response or of trailers; NULL when there are none yet. */
static struct fields *edit_target(sluice_exchange *x, sluice_side side)
{
	if (side == SLUICE_RESPONSE)
		return x->response ? &x->response->fields : NULL;
	return side == SLUICE_REQUEST ? NULL : stage_trailers(x, side);
}

/* Fields that a response has once, and that the gateway itself may have written: to add another
 * replaces it. */
static bool edit_stands_once(enum token t)
{
	return t == TOKEN_DATE || t == TOKEN_SERVER || t == TOKEN_CONTENT_TYPE;
}

void edit_later(sluice_exchange *x, uint32_t by, sluice_field_op op, sluice_str name,
	sluice_str value)
{
	struct run_edit *e = arena_alloc(x->arena, sizeof(*e));
	if (!e)
		return;
	*e = (struct run_edit){ .by = by, .op = op, .name = name, .value = value };
	*x->edits_end = e;
	x->edits_end = &e->next;
}

void edit_field(sluice_exchange *x, sluice_side side, sluice_field_op op, sluice_str name,
	sluice_str value)
{
	enum token t = token_find(name.data, name.len);
	if (x->frame->call == RUNNING_CHOOSE) {
		blame_caller(BLAME_CHANGE, "field %.*s is left alone: on_choose changes no field",
			STR_ARG(name));
		return;
	}
	if (op == SLUICE_FIELD_ADD && side == SLUICE_RESPONSE && edit_stands_once(t))
		op = SLUICE_FIELD_SET;
	const char *why = edit_judge(side, op, t, name, value);
	if (why) {
		blame_caller(BLAME_CHANGE, "field %.*s %s, and is left alone", STR_ARG(name), why);
		if (op != SLUICE_FIELD_SET || edit_name_refused(side, SLUICE_FIELD_REMOVE, name))
			return;
		op = SLUICE_FIELD_REMOVE;
		value = STR("");
	}
	if (frame_reports(x, "field"))
		return;
	struct fields *there = edit_target(x, side);
	if (op == SLUICE_FIELD_REMOVE && there) {
		(void)fields_drop(there,
			/* dropping needs no memory: a plugin may call it in a loop until the field
			 * is gone */
			name);
		return;
	}
	name = arena_str(x->arena, name);
	value = arena_str(x->arena, str_trim(value));
	if (!name.data || !value.data)
		return;
	if (edit_is_te_trailers(side, op, t, value)) {
		x->te_trailers = true;
		return;
	}
	if (side == SLUICE_REQUEST_TRAILERS || side == SLUICE_RESPONSE_TRAILERS) {
		if (there)
			edit_do(x, there, op, name, value);
		else
			blame_caller(BLAME_CHANGE, "there are no trailers yet to change");
		return;
	}
	if (side == SLUICE_REQUEST) {
		if (t == TOKEN_HOST && !value.len)
			blame_caller(BLAME_CHANGE, "an empty host: field host is left alone");
		else if (t == TOKEN_HOST)
			edit_host(x, value);
		else
			edit_request(x, op, name, value);
		return;
	}
	if (there) {
		edit_do(x, there, op, name, value);
		return;
	}
	edit_later(x, run_item(x)->place, op, name, value);
}

void edit_forget(sluice_exchange *x, uint32_t at)
{
	struct run_edit **e = &x->edits;
	while (*e) {
		if ((*e)->by == at)
			*e = (*e)->next;
		else
			e = &(*e)->next;
	}
	x->edits_end = e;
}

struct run_edit *edit_withdraw(sluice_exchange *x, uint32_t at)
{
	struct run_edit **e = &x->edits, *v = NULL, **end = &v;
	while (*e) {
		struct run_edit *this = *e;
		if (this->by != at) {
			e = &this->next;
			continue;
		}
		*e = this->next;
		this->next = NULL;
		*end = this;
		end = &this->next;
	}
	x->edits_end = e;
	return v;
}

void edit_return(sluice_exchange *x, struct run_edit *v)
{
	*x->edits_end = v;
	while (*x->edits_end)
		x->edits_end = &(*x->edits_end)->next;
}

bool edit_next(const struct run_edit **v, sluice_str *name, sluice_str *value)
{
	const struct run_edit *e = *v;
	while (e && e->op == SLUICE_FIELD_REMOVE)
		e = e->next;
	if (!e)
		return false;
	*name = e->name;
	*value = e->value;
	*v = e->next;
	return true;
}

const struct run_edit *edit_last_clear(const struct run_edit *v, sluice_str name)
{
	const struct run_edit *last = NULL;
	for (; v; v = v->next) {
		if (v->op != SLUICE_FIELD_ADD && str_ieq(v->name, name))
			last = v;
	}
	return last;
}

struct run_edit *edit_without(struct run_edit *v, sluice_str name)
{
	for (struct run_edit **e = &v; *e;) {
		if (str_ieq((*e)->name, name))
			*e = (*e)->next;
		else
			e = &(*e)->next;
	}
	return v;
}

void edit_take_away(sluice_exchange *x, sluice_str name)
{
	edit_request(x, SLUICE_FIELD_REMOVE, name, STR(""));
}

void edit_take_cookie(sluice_exchange *x, sluice_str name)
{
	struct fields *f = &x->request->fields;
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token == TOKEN_COOKIE && !(f->v[i].flags & FIELD_DROP) &&
			cookie_has(field_value(&f->v[i]), name) &&
			cookie_take_out(x->arena, &f->v[i], name))
			x->arena->failed = true;
	}
}

void edit_apply(sluice_exchange *x)
{
	for (struct run_edit *e = x->edits; e; e = e->next)
		edit_do(x, &x->response->fields, e->op, e->name, e->value);
}
