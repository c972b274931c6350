/* Stand-ins for servers. See stand_in.h. */
#include "stand_in.h"

#include "config/value.h"
#include "kit_internal.h"

static sluice_status status_of(int32_t fails)
{
	static const sluice_status v[] = { SLUICE_OK, SLUICE_UNREACHABLE, SLUICE_TIMEOUT,
		SLUICE_ERROR };
	return v[fails];
}

/* ---- fetches ------------------------------------------------------------------------------- */

void stand_in_fetches(const struct script_case *c)
{
	const struct script_fetch *v = c->fetches.v;
	for (size_t i = 0; i < c->fetches.n; i++) {
		const char *url = v[i].url.data; /* texts of the script end with a NUL */
		if (v[i].fails) {
			kit_fetch_fail(url, status_of(v[i].fails));
		} else {
			kit_fetch_answer(url, (int)v[i].status,
				v[i].body.data ? v[i].body.data : "");
			for (size_t k = 0; k < v[i].fields.n; k++)
				kit_fetch_field(v[i].fields.v[k].name.data,
					v[i].fields.v[k].value.data);
		}
		kit_fetch_after(v[i].after);
	}
}

/* ---- stores -------------------------------------------------------------------------------- */

/* A Redis store, and where it stands in the list of replies. */
struct server {
	sluice_store *store;
	sluice_str name;
	const struct script_case *c;
	size_t at;
};

/* A value in the kit's memory. */
static sluice_value value_of(const struct node *n)
{
	sluice_value v = { .type = SLUICE_V_NIL };
	if (!n || node_is_null(n))
		return v;
	if (n->kind == NODE_SCALAR) {
		bool is_number = !n->quoted && value_int(n->text, &v.i) == VALUE_OK;
		v.type = is_number ? SLUICE_V_INT : SLUICE_V_STR;
		v.s = n->text;
		return v;
	}
	sluice_value *members = arena_alloc(&kit_arena, n->n * sizeof(*members) + 1);
	for (uint32_t i = 0; i < n->n; i++)
		members[i] = value_of(n->v[i]);
	v.type = SLUICE_V_LIST;
	v.v = members;
	v.n = n->n;
	return v;
}

/* The reply from at on that is this store's; its index, or that of the last one. */
static const struct script_reply *reply_next(struct server *s)
{
	const struct script_reply *v = s->c->stores.v, *last = NULL;
	for (size_t i = 0; i < s->c->stores.n; i++) {
		if (!str_eq(v[i].store, s->name))
			continue;
		last = &v[i];
		if (i >= s->at)
			break;
	}
	return last;
}

static sluice_status on_call(void *ctx, const kit_call *call, sluice_value *reply)
{
	struct server *s = ctx;
	const struct script_reply *r = reply_next(s);
	(void)call;
	if (!r)
		return SLUICE_UNREACHABLE;
	s->at = (size_t)(r - (const struct script_reply *)s->c->stores.v) + 1;
	const struct script_reply *after = reply_next(s);
	kit_store_delay(s->store, after->after);
	if (r->fails)
		return status_of(r->fails);
	*reply = value_of(r->reply);
	return SLUICE_OK;
}

static void stand_in_redis(const struct script_store *of, const struct script_case *c,
	sluice_store *store)
{
	struct server *s = arena_new(&kit_arena, struct server);
	*s = (struct server){ .store = store, .name = of->name, .c = c };
	if (!c)
		return;
	const struct script_reply *first = reply_next(s);
	kit_store_handle(store, on_call, s);
	kit_store_delay(store, first ? first->after : 1);
}

void stand_in_stores(const struct script *s, const struct script_case *c)
{
	const struct script_store *v = s->stores.v;
	for (size_t i = 0; i < s->stores.n; i++) {
		bool is_redis = v[i].kind == SCRIPT_REDIS;
		sluice_store *store = kit_store(v[i].name.data,
			is_redis ? SLUICE_STORE_REDIS : SLUICE_STORE_MEMORY);
		if (is_redis)
			stand_in_redis(&v[i], c, store);
	}
}
