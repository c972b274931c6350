/* What sluice-plugin-test needs of the kit. See kit_tool.h. */
#include "kit_tool.h"

#include "http/uri.h"
#include "kit_internal.h"
#include "policy/answer.h"
#include "policy/attr.h"
#include "policy/edit.h"
#include "policy/producer.h"
#include "policy/stage.h"

enum { ROOM = 1 << 20, REFUSAL_BUDGET = 16384 };

/* ---- the gateway's answers ----------------------------------------------------------------- */

/* Give h the fields of what a plugin answered, or those of a refusal. */
static void answer_head(sluice_exchange *x, struct response_head *h, bool is_refusal)
{
	int rc = is_refusal ? fields_add(&h->fields, kit_own(x), STR("Content-Type"),
				      STR("application/problem+json"))
			    : answer_fields(x, kit_own(x), &h->fields);
	if (rc < 0)
		kit_die("no memory for a field");
}

/* The plugin from which on response hooks have run. */
static void answer_start(sluice_exchange *x, enum kit_where where)
{
	if (where == KIT_AT_REQUEST_BODY || where == KIT_AT_WRITING)
		x->response_start = UINT32_MAX;
	else if (where == KIT_AT_RESPONSE_BODY)
		x->response_start = x->decided_by;
	else if (x->phase == RUN_RESPONSE)
		x->response_start = x->at;
	if (where != KIT_AT_HEAD)
		x->phase = RUN_NONE;
}

sluice_verdict kit_answer(sluice_exchange *x, enum kit_where where, int err)
{
	run_cancel(x);
	struct response_head *h =
		kit_new_response(x, err ? err_info(err)->status : x->answer.status);
	if (err)
		x->arena->budget += REFUSAL_BUDGET; /* also who spent all memory gets an answer */
	answer_head(x, h, err || x->answer.code);
	answer_start(x, where);
	x->response = h;
	x->arena->failed = false;
	if (!err && x->answer.producer)
		producer_take(x);
	if (x->stages[SLUICE_RESPONSE])
		stages_reset(x);
	sluice_verdict v = kit_take(x, run_response(x));
	kit_settle();
	return v;
}

sluice_verdict kit_attempt(sluice_exchange *x)
{
	return kit_take(x, run_attempt(x));
}

void kit_no_body(sluice_exchange *x)
{
	producer_drop(x);
	if (x->stages[SLUICE_RESPONSE])
		stages_forget(x, SLUICE_RESPONSE);
}

bool kit_head_is_held(sluice_exchange *x, sluice_side side)
{
	return x->stages[side] && stages_hold(x->stages[side]);
}

const char *kit_decided_by(sluice_exchange *x)
{
	return arena_str(kit_own(x), x->chain->v[x->decided_by].inst->name).data;
}

const char *kit_waits_for(sluice_exchange *x)
{
	const struct frame *f = x->frame;
	return f && f->state == FRAME_PARKED && f->wait ? f->wait->what : NULL;
}

/* A frame above that of the hook is the one of what it does with the body, and waits by itself. */
bool kit_awaits_body(sluice_exchange *x)
{
	return x->waits_for_body && x->frame == &x->walk_frame;
}

/* ---- memory -------------------------------------------------------------------------------- */

bool kit_memory_failed(sluice_exchange *x)
{
	return x->arena->failed;
}

/* A block of its own, of which only the first bytes may be used. */
void kit_memory_limit(sluice_exchange *x, size_t bytes)
{
	struct arena *a = x->arena;
	char *room = arena_alloc(a, ROOM);
	if (!room || bytes > ROOM)
		kit_die("no room for %zu bytes", bytes);
	memory_close(room, ROOM);
	a->at = room;
	a->end = room + bytes;
	a->budget = a->used;
}

size_t kit_memory_left(sluice_exchange *x)
{
	return (size_t)(x->arena->end - x->arena->at);
}

/* ---- the request --------------------------------------------------------------------------- */

void kit_client_asks(sluice_exchange *x, const char *host)
{
	struct request_head *h = x->request;
	h->authority = arena_str(kit_own(x), str_of(host));
	if (uri_parse_target(h, kit_own(x)) < 0)
		kit_die("the gateway refuses the target or the host");
}

void kit_state_fact(sluice_exchange *x, const char *name, const char *value)
{
	attr_set(x, str_of(name), str_of(value));
}

const char *kit_target(sluice_exchange *x)
{
	const struct request_head *h = x->request;
	sluice_str path = h->sent_path.len ? h->sent_path : h->path;
	return arena_printf(kit_own(x), "%.*s%s%.*s", STR_ARG(path), h->has_query ? "?" : "",
		STR_ARG(h->query))
		.data;
}

const char *kit_authority(sluice_exchange *x)
{
	return arena_str(kit_own(x), x->request->authority).data;
}

const char *kit_upstream(sluice_exchange *x)
{
	return arena_str(kit_own(x), x->upstream_name).data;
}

bool kit_field_next(sluice_exchange *x, sluice_side side, size_t *iter, sluice_pair *out)
{
	const struct fields *all = kit_fields(x, side);
	while (*iter < all->n) {
		const struct field *f = &all->v[(*iter)++];
		if (f->flags & FIELD_DROP)
			continue;
		*out = (sluice_pair){ field_name(f), field_value(f) };
		return true;
	}
	return false;
}

const char *kit_note(sluice_exchange *x, unsigned n)
{
	return n < x->n_notes ? x->notes[n].code : NULL;
}
