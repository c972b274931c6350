/* Changes to header fields. */
#include "policy/edit.h"

#include "base/log.h"
#include "policy/walk.h"

struct run_edit {
	struct run_edit *next;
	enum edit_op op;
	sluice_str name, value;
};

/* A failure is the arena's, and sticky: the exchange sees it before it uses the head. */
static void edit_do(sluice_exchange *x, struct fields *f, enum edit_op op, sluice_str name, sluice_str value)
{
	int err;
	if (op == EDIT_REMOVE) {
		(void)fields_drop(f, name);
		return;
	}
	err = op == EDIT_SET ? fields_set(f, x->arena, name, value) : fields_add(f, x->arena, name, value);
	if (err)
		x->arena->failed = true;
}

void edit_field(sluice_exchange *x, sluice_side side, enum edit_op op, sluice_str name, sluice_str value)
{
	const char *who = run_item(x)->plugin->name;
	enum token t = token_find(name.data, name.len);
	if (!str_is_token(name) || (op != EDIT_REMOVE && !str_is_field_value(value))) {
		log_warn("plugin", "%s: not a field name or not a legal value: field %.*s is left alone", who, STR_ARG(name));
		return;
	}
	if ((token_flags(t) & (TOKEN_FRAMING | TOKEN_HOP)) || (t == TOKEN_HOST && op != EDIT_SET)) {
		log_warn("plugin", "%s: field %.*s belongs to the connection and is left alone", who, STR_ARG(name));
		return;
	}
	name = arena_str(x->arena, name);
	value = arena_str(x->arena, str_trim(value));
	if (!name.data || !value.data)
		return;
	if (side == SLUICE_REQUEST) {
		if (t == TOKEN_HOST)
			x->request->authority = value;
		else
			edit_do(x, &x->request->fields, op, name, value);
		return;
	}
	if (x->response) {
		edit_do(x, &x->response->fields, op, name, value);
		return;
	}
	struct run_edit *e = arena_alloc(x->arena, sizeof(*e));
	if (!e)
		return;
	*e = (struct run_edit){ .op = op, .name = name, .value = value };
	*x->edits_end = e;
	x->edits_end = &e->next;
}

void edit_apply(sluice_exchange *x)
{
	for (struct run_edit *e = x->edits; e; e = e->next)
		edit_do(x, &x->response->fields, e->op, e->name, e->value);
	x->edits = NULL;
	x->edits_end = &x->edits;
}
