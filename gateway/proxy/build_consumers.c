/* The consumers of a snapshot being built. Main thread. */
#include "policy/consumer.h"
#include "proxy/build.h"

/* ---- identities ---------------------------------------------------------------------------- */

static sluice_str build_instance_name(struct build *b, size_t i)
{
	return b->named[i].state == NAMED_INSTANCE ? b->named[i].name : STR("");
}

/* The i-th identity of a consumer; its node, or the whole list's. */
static const struct node *build_identity_node(struct build *b, const struct consumer_conf *c,
	size_t i)
{
	const struct node *n = bind_option(&b->bind, c, "identities");
	return n && n->kind == NODE_LIST && i < n->n ? n->v[i] : n;
}

/* Only names of `plugins` can be told apart: one written in place has a name by its place. */
static bool build_has_instance(const struct build *b, sluice_str name)
{
	for (size_t i = 0; i < b->n_named; i++) {
		if (b->named[i].state == NAMED_INSTANCE && str_eq(b->named[i].name, name))
			return true;
	}
	return false;
}

static bool build_identity(struct build *b, const struct consumer_conf *c, size_t i,
	const struct consumer *is, struct consumer_identity *out)
{
	sluice_str rest = c->identities.v[i], instance = str_cut(&rest, ':');
	const struct node *at = build_identity_node(b, c, i);
	if (!rest.data || !rest.len || !instance.len) {
		(void)diag_error_node(b->diag, at, "\"%.*s\" is no identity",
			STR_ARG(c->identities.v[i]));
		diag_hint(b->diag,
			"write INSTANCE:NAME, the name of an instance in `plugins` and what it "
			"calls "
			"the consumer");
		return false;
	}
	if (!build_has_instance(b, instance)) {
		(void)diag_error_node(b->diag, at, "there is no plugin instance \"%.*s\"",
			STR_ARG(instance));
		build_hint_names(b, instance, b->n_named, build_instance_name, "instance");
		return false;
	}
	*out = (struct consumer_identity){ .instance = instance, .name = rest, .is = is };
	return true;
}

/* ---- what is known of them ----------------------------------------------------------------- */

/* A comma separates groups, wherever a list of them is read. */
static sluice_str build_groups_of(struct build *b, const struct consumer_conf *c)
{
	sluice_str all = STR("");
	for (size_t i = 0; i < c->groups.n; i++) {
		sluice_str group = c->groups.v[i];
		if (!group.len || memchr(group.data, ',', group.len)) {
			(void)bind_error(&b->bind, c, "groups",
				"\"%.*s\" is no name of a group: it is empty, or has a comma",
				STR_ARG(group));
			continue;
		}
		all = arena_printf(&b->snap->arena, "%.*s%s%.*s", STR_ARG(all), i ? "," : "",
			STR_ARG(group));
	}
	return all;
}

static sluice_pairs build_facts_of(struct build *b, const struct consumer_conf *c)
{
	struct arena *a = &b->snap->arena;
	sluice_pair *v = arena_alloc(a, c->facts.n * sizeof(*v) + 1);
	for (size_t i = 0; i < c->facts.n; i++)
		v[i] = (sluice_pair){ arena_printf(a, "consumer:%.*s", STR_ARG(c->facts.v[i].name)),
			c->facts.v[i].value };
	return (sluice_pairs){ v, c->facts.n };
}

/* ---- the block ----------------------------------------------------------------------------- */

void build_consumers(struct build *b)
{
	struct snapshot *s = b->snap;
	const struct consumer_conf *v = s->conf.consumers.v;
	size_t n = s->conf.consumers.n, n_ties = 0, twice = 0, at = 0;
	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		n_ties += v[i].identities.n;
	struct consumer *all = arena_alloc(&s->arena, n * sizeof(*all));
	struct consumer_identity *ties = arena_alloc(&s->arena, n_ties * sizeof(*ties) + 1);
	const struct consumer_conf **of = arena_alloc(&b->bind.records, n_ties * sizeof(*of) + 1);
	for (size_t i = 0; i < n; i++) {
		all[i] = (struct consumer){ .name = v[i].name,
			.groups = build_groups_of(b, &v[i]),
			.facts = build_facts_of(b, &v[i]),
			.is_tied = v[i].identities.n > 0 };
		for (size_t k = 0; k < v[i].identities.n; k++) {
			of[at] = &v[i];
			at += build_identity(b, &v[i], k, &all[i], &ties[at]);
		}
	}
	s->consumers = consumers_new(&s->arena, all, n, ties, at, &twice);
	if (!s->consumers) {
		(void)bind_error(&b->bind, of[twice], "identities", "\"%.*s:%.*s\" is listed twice",
			STR_ARG(ties[twice].instance), STR_ARG(ties[twice].name));
		diag_hint(b->diag, "an identity can be one consumer only");
	}
}
