/* Attributes. */
#include "policy/attr.h"

#include "policy/running.h"

struct run_attr {
	struct run_attr *next;
	sluice_str name, value;
};

struct run_namespace {
	struct run_namespace *next;
	const struct chain_item *item; /* borrowed: of the chain; the plugin that provides */
	sluice_str name;
	sluice_attr_fn fn;
	void *ctx;
};

void attr_set(sluice_exchange *x, sluice_str name, sluice_str value)
{
	struct run_attr *a = arena_alloc(x->arena, sizeof(*a));
	if (!a)
		return;
	a->name = arena_str(x->arena, name);
	a->value = arena_str(x->arena, value);
	a->next = x->attrs; /* the newest is found first */
	x->attrs = a;
}

struct run_attr *attr_copy(const sluice_exchange *x)
{
	struct run_attr *copy = NULL, **end = &copy;
	for (const struct run_attr *a = x->attrs; a; a = a->next) {
		struct run_attr *n = arena_alloc(x->arena, sizeof(*n));
		if (!n)
			break; /* the arena remembers the failure: the exchange is refused */
		*n = *a;
		n->next = NULL;
		*end = n;
		end = &n->next;
	}
	return copy;
}

void attr_forget(sluice_exchange *x, sluice_str name, sluice_str prefix)
{
	struct run_attr **a = &x->attrs;
	while (*a) {
		if (str_eq((*a)->name, name) || str_starts((*a)->name, prefix))
			*a = (*a)->next;
		else
			a = &(*a)->next;
	}
}

void attr_provide(sluice_exchange *x, const char *ns, sluice_attr_fn fn, void *ctx)
{
	struct run_namespace *n = arena_alloc(x->arena, sizeof(*n));
	if (!n)
		return;
	*n = (struct run_namespace){ .next = x->namespaces,
		.item = run_item(x),
		.name = str_of(ns),
		.fn = fn,
		.ctx = ctx };
	x->namespaces = n;
}

/* The provider runs in a frame of its own plugin, whichever plugin reads the attribute. */
static sluice_str attr_ask(sluice_exchange *x, const struct run_namespace *n, sluice_str name)
{
	struct frame f = { .item = n->item, .call = RUNNING_FACT };
	frame_enter(x, &f);
	sluice_str value = n->fn(x, n->ctx, name);
	(void)frame_leave(x, SLUICE_NEXT);
	return value;
}

sluice_str attr_find(sluice_exchange *x, sluice_str name)
{
	sluice_str rest = name;
	for (const struct run_attr *a = x->attrs; a; a = a->next) {
		if (str_eq(a->name, name))
			return a->value;
	}
	if (!x->namespaces)
		return STR_NONE;
	sluice_str ns = str_cut(&rest, ':');
	for (const struct run_namespace *n = x->namespaces; n && rest.data; n = n->next) {
		if (str_eq(n->name, ns))
			return attr_ask(x, n, rest);
	}
	return STR_NONE;
}
