/* Instances of plugins of a snapshot being built. Main thread. */
#include "policy/instance.h"
#include "proxy/build.h"

static bool build_has_upstream(void *ctx, sluice_str name)
{
	return build_upstream_index(ctx, name) >= 0;
}

sluice_instance *build_instance(struct build *b, sluice_str name, const struct node *n,
	uint32_t *slot)
{
	struct snapshot *s = b->snap;
	const struct snapshot *old = b->env->old;
	sluice_instance *inst = NULL;
	const struct instance_needs there = { .stores = (const sluice_store *const *)s->stores,
		.n_stores = s->n_stores,
		.has_upstream = build_has_upstream,
		.ctx = s,
		.dir = config_dir(&b->config, n) };

	if (n->kind != NODE_MAP) {
		(void)diag_error_node(b->diag, n, "expected a block with `use`, or a list, not %s",
			node_kind_text(n));
		return NULL;
	}
	for (size_t i = 0; old && !inst && i < old->n_instances; i++) {
		if (instance_is_same(old->instances[i], name, n, &there)) {
			inst = old->instances[i];
			inst->refs++;
		}
	}
	if (!inst)
		inst = instance_new(b->env->policy, name, n, &b->bind);
	if (!inst)
		return NULL;
	if ((s->n_instances & (s->n_instances - 1)) == 0) { /* at a power of two: double */
		size_t cap = s->n_instances ? s->n_instances * 2 : 1;
		sluice_instance **more = arena_alloc(&s->arena, cap * sizeof(sluice_instance *));
		if (s->n_instances)
			memcpy(more, s->instances, s->n_instances * sizeof(sluice_instance *));
		s->instances = more;
	}
	*slot = (uint32_t)s->n_instances;
	s->instances[s->n_instances++] = inst;
	return inst;
}

const uint32_t *build_item_upstreams(struct build *b, const sluice_instance *inst)
{
	uint32_t *v = inst->n_upstreams
		? arena_alloc(&b->snap->arena, inst->n_upstreams * sizeof(*v))
		: NULL;
	for (unsigned i = 0; i < inst->n_upstreams; i++) {
		int at = build_upstream_index(b->snap, inst->upstreams[i].name);
		check(at >= 0, "instance %.*s names an upstream that is gone", STR_ARG(inst->name));
		v[i] = (uint32_t)at;
	}
	return v;
}
