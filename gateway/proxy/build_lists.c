/*
 * Lists of plugins of a snapshot being built: chains, in which the name of a chain stands for the
 * plugins that it lists, and groups: `any-of`, whose members are alternatives, and `all-of`, whose
 * members are one alternative together. Main thread.
 */

#include "policy/any_of.h"
#include "policy/conn.h"
#include "proxy/build.h"

static bool build_list_add(struct build *b, struct build_links *to, struct named_plugin *inside,
	sluice_str owner, const struct node *n);
static bool build_group_add(struct build *b, struct build_links *to, struct named_plugin *inside,
	sluice_str owner, const struct node *n);
static bool build_member_add(struct build *b, struct build_links *to, struct named_plugin *inside,
	sluice_str owner, uint32_t at, const struct node *e);

/* The name stands for the instance in stores, logs and metrics: nothing else may have it. */
static bool build_name_is_free(struct build *b, const struct node *n, sluice_str name)
{
	const struct snapshot *s = b->snap;
	size_t i = 0;
	while (i < b->n_named && !str_eq(b->named[i].name, name))
		i++;
	if (i < b->n_named) {
		(void)diag_error_node(b->diag, n,
			"an instance in `plugins` is called \"%.*s\", as this one would be",
			STR_ARG(name));
		return false;
	}
	for (i = 0; i < b->n_shared; i++) {
		if (!str_eq(s->instances[i]->name, name))
			continue;
		(void)diag_error_node(b->diag, n,
			"an instance in a chain or of a listener is called \"%.*s\", as this one "
			"would be",
			STR_ARG(name));
		diag_hint(b->diag, "give one of them a name of its own in `plugins`");
		return false;
	}
	return true;
}

static bool build_link(struct build *b, struct build_links *to, const struct build_link *link)
{
	if (to->n == CHAIN_MAX) {
		(void)diag_error_node(b->diag, link->at,
			"the list has more than %d plugins, those of its chains included",
			CHAIN_MAX);
		return false;
	}
	to->v[to->n] = *link;
	to->v[to->n].item.place = to->n;
	to->n++;
	return true;
}

/* All of from behind those of to. at: where they are named; NULL: they are written in place. */
static bool build_links_add(struct build *b, struct build_links *to, const struct build_links *from,
	const struct node *at)
{
	uint32_t place = to->n;
	if (to->n_groups + from->n_groups > GROUPS_MAX) {
		(void)diag_error_node(b->diag, at ? at : from->v[0].at,
			"the list has more than %d groups of alternatives, those of its chains "
			"included",
			GROUPS_MAX);
		return false;
	}
	for (uint32_t i = 0; i < from->n; i++) {
		struct build_link link = from->v[i];
		if (to->n == CHAIN_MAX && at)
			link.at = at;
		if (!build_link(b, to, &link))
			return false;
	}
	for (uint32_t i = 0; i < from->n_groups; i++) {
		struct build_group *g = &to->groups[to->n_groups++];
		*g = from->groups[i];
		g->first += place;
		g->end += place;
	}
	return true;
}

static bool build_link_instance(struct build *b, struct build_links *to, const struct node *n,
	sluice_instance *inst, uint32_t slot)
{
	if (!inst)
		return false;
	const struct build_link link = { .at = n,
		.item = { .plugin = inst->plugin,
			.conf = inst->conf,
			.inst = inst,
			.slot = slot,
			.upstreams = build_item_upstreams(b, inst) } };
	return build_link(b, to, &link);
}

/* An instance that is written in the list. */
static bool build_link_here(struct build *b, struct build_links *to, sluice_str owner, uint32_t at,
	const struct node *n)
{
	uint32_t slot = 0;
	sluice_str name = arena_printf(&b->snap->arena, "%.*s/%u", STR_ARG(owner), at);
	if (!build_name_is_free(b, n, name))
		return false;
	sluice_instance *inst = build_instance(b, name, n, &slot);
	return build_link_instance(b, to, n, inst, slot);
}

/* "a > b > a": from the chain `to` down to the one that names it again. */
static sluice_str build_circle(struct build *b, const struct named_plugin *to,
	const struct named_plugin *from)
{
	sluice_str text = to->name;
	for (; from != to; from = from->inside)
		text = arena_printf(&b->bind.records, "%.*s > %.*s", STR_ARG(from->name),
			STR_ARG(text));
	return arena_printf(&b->bind.records, "%.*s > %.*s", STR_ARG(to->name), STR_ARG(text));
}

/* What a chain lists, with the chains in it; once. */
static void build_expand_inside(struct build *b, struct named_plugin *p,
	struct named_plugin *inside)
{
	struct build_links *links = arena_zalloc(&b->bind.records, sizeof(*links));
	p->state = CHAIN_OPEN;
	p->inside = inside;
	bool ok = p->node->kind == NODE_LIST ? build_list_add(b, links, p, p->name, p->node)
					     : build_group_add(b, links, p, p->name, p->node);
	p->links = links;
	p->state = ok ? CHAIN_DONE : CHAIN_BROKEN;
}

static bool build_link_chain(struct build *b, struct build_links *to, struct named_plugin *inside,
	struct named_plugin *p, const struct node *n)
{
	if (p->state == CHAIN_NEW)
		build_expand_inside(b, p, inside);
	if (p->state == CHAIN_OPEN) {
		(void)diag_error_node(b->diag, n, "chain \"%.*s\" contains itself: %.*s",
			STR_ARG(p->name), STR_ARG(build_circle(b, p, inside)));
		diag_hint(b->diag, "take one of these names out of its list");
		return false;
	}
	if (p->state == CHAIN_BROKEN)
		return false; /* that is reported */
	return build_links_add(b, to, p->links, n);
}

static bool build_link_named(struct build *b, struct build_links *to, struct named_plugin *inside,
	const struct node *n)
{
	size_t i = 0;
	while (i < b->n_named && !str_eq(b->named[i].name, n->text))
		i++;
	if (i == b->n_named) {
		(void)diag_error_node(b->diag, n, "there is no plugin instance or chain \"%.*s\"",
			STR_ARG(n->text));
		build_hint_names(b, n->text, b->n_named, build_named, "instance");
		return false;
	}
	struct named_plugin *p = &b->named[i];
	p->is_used = true;
	if (p->state != NAMED_INSTANCE)
		return build_link_chain(b, to, inside, p, n);
	return build_link_instance(b, to, n, p->inst, p->slot);
}

/* ---- groups -------------------------------------------------------------------------------- */

bool build_is_group(const struct node *n)
{
	const struct node *use = n->kind == NODE_MAP ? node_find(n, STR("use")) : NULL;
	return use && use->kind == NODE_SCALAR &&
		(str_eq(use->text, STR("any-of")) || str_eq(use->text, STR("all-of")));
}

/* Why a plugin cannot be an alternative, as the end of a sentence, and what to do; NULL: it can. */
static const char *build_no_alternative(const sluice_instance *inst, const char **hint)
{
	if (!inst->plugin->on_request) {
		*hint = "put it beside any-of, in the list of plugins";
		return "has no hook on requests, so that it would admit every request";
	}
	if (inst->mode == INSTANCE_REPORT) {
		*hint = "give `mode: report` to any-of itself";
		return "has mode: report, so that it would admit every request";
	}
	if (inst->on_error == INSTANCE_SKIP) {
		*hint = "leave on_error out: when a plugin fails, the other alternatives are tried";
		return "has on_error: skip, so that it would admit a request by failing";
	}
	return NULL;
}

static bool build_alternatives_are_sound(struct build *b, const struct build_links *links)
{
	bool ok = true;
	for (uint32_t i = 0; i < links->n; i++) {
		const char *hint = "";
		const char *why = build_no_alternative(links->v[i].item.inst, &hint);
		if (!why)
			continue;
		(void)diag_error_node(b->diag, links->v[i].at, "\"%.*s\" %s",
			STR_ARG(links->v[i].item.inst->name), why);
		diag_hint(b->diag, "%s", hint);
		ok = false;
	}
	return ok;
}

/* The member at is one more alternative of g: all of links, or, when these are alternatives
 * themselves, each of them. */
static bool build_branch(struct build *b, struct build_group *g, uint32_t place,
	const struct build_links *links, const struct node *at)
{
	const struct build_group *inner = links->groups;
	if (links->n_groups == 0) {
		g->branches[g->n_branches++] = (uint8_t)(place + links->n);
		return true;
	}
	if (links->n_groups > 1 || inner->first > 0 || inner->end < links->n) {
		(void)diag_error_node(b->diag, at,
			"any-of stands within plugins that are one alternative of another any-of");
		diag_hint(b->diag,
			"write each combination as an alternative of its own, as all-of");
		return false;
	}
	if (inner->reports) {
		(void)diag_error_node(b->diag, at,
			"any-of with mode: report is an alternative of another any-of, and would "
			"admit every request");
		return false;
	}
	for (uint32_t i = 0; i < inner->n_branches; i++)
		g->branches[g->n_branches++] = (uint8_t)(place + inner->branches[i]);
	return true;
}

/* One member of any-of. */
static bool build_alternative(struct build *b, struct build_links *to, struct build_group *g,
	struct build_links *links, const struct node *at)
{
	uint32_t place = to->n - g->first;
	if (links->n == 0) {
		(void)diag_error_node(b->diag, at,
			"an alternative without plugins would admit every request");
		return false;
	}
	uint32_t n_groups = links->n_groups;
	links->n_groups = 0; /* its groups become branches of this one */
	bool ok = build_alternatives_are_sound(b, links) && build_links_add(b, to, links, at);
	links->n_groups = n_groups;
	/* there are no more branches than plugins, of which there are not too many */
	return ok && build_branch(b, g, place, links, at);
}

static bool build_any_of(struct build *b, struct build_links *to, struct named_plugin *inside,
	sluice_str owner, const struct group_conf *c)
{
	bool ok = to->n_groups < GROUPS_MAX;
	struct build_group g = { .first = to->n, .reports = c->mode == GROUP_REPORT };
	if (!ok)
		(void)bind_error(&b->bind, c, "of",
			"the list has more than %d groups of alternatives", GROUPS_MAX);
	for (uint32_t i = 0; ok && i < c->of->n; i++) {
		struct build_links *links = arena_zalloc(&b->bind.records, sizeof(*links));
		ok = build_member_add(b, links, inside, owner, i, c->of->v[i]) &&
			build_alternative(b, to, &g, links, c->of->v[i]);
	}
	g.end = to->n;
	if (ok)
		to->groups[to->n_groups++] = g;
	return ok;
}

static bool build_group_add(struct build *b, struct build_links *to, struct named_plugin *inside,
	sluice_str owner, const struct node *n)
{
	struct group_conf *c = arena_zalloc(&b->bind.records, sizeof(*c));
	bool any = str_eq(node_find(n, STR("use"))->text, STR("any-of"));
	if (bind_map(&b->bind, n, any ? any_of_options : all_of_options, c) < 0)
		return false;
	if (c->of->kind != NODE_LIST || c->of->n == 0) {
		(void)bind_error(&b->bind, c, "of", "expected a list of plugins, not %s",
			c->of->kind == NODE_LIST ? "an empty one" : node_kind_text(c->of));
		diag_hint(b->diag, "write of: [NAME, NAME]");
		return false;
	}
	return any ? build_any_of(b, to, inside, owner, c)
		   : build_list_add(b, to, inside, owner, c->of);
}

/* ---- lists --------------------------------------------------------------------------------- */

/* What stands at a place of a list. */
static bool build_member_add(struct build *b, struct build_links *to, struct named_plugin *inside,
	sluice_str owner, uint32_t at, const struct node *e)
{
	if (build_is_group(e))
		return build_group_add(b, to, inside,
			arena_printf(&b->snap->arena, "%.*s/%u", STR_ARG(owner), at), e);
	if (e->kind == NODE_MAP)
		return build_link_here(b, to, owner, at, e);
	if (e->kind == NODE_SCALAR)
		return build_link_named(b, to, inside, e);
	(void)diag_error_node(b->diag, e,
		"expected the name of an instance or a chain, or a block with `use`");
	return false;
}

/* Add what the list n names and holds. inside: the chain that it is of; NULL: of a listener or a
 * route. False when a mistake was reported. */
static bool build_list_add(struct build *b, struct build_links *to, struct named_plugin *inside,
	sluice_str owner, const struct node *n)
{
	bool ok = true;
	if (n->kind != NODE_LIST || n->n > CHAIN_MAX) {
		(void)diag_error_node(b->diag, n, "expected a list of at most %d plugins, not %s",
			CHAIN_MAX, node_kind_text(n));
		diag_hint(b->diag, "write plugins: [NAME, NAME]");
		return false;
	}
	for (uint32_t i = 0; i < n->n; i++)
		ok &= build_member_add(b, to, inside, owner, i, n->v[i]);
	return ok;
}

static void build_chain_groups(struct build *b, const struct build_links *links, struct chain *out)
{
	struct arena *a = &b->snap->arena;
	struct any_of *any = arena_alloc(a, links->n_groups * sizeof(*any) + 1);
	for (uint32_t i = 0; i < links->n_groups; i++) {
		const struct build_group *g = &links->groups[i];
		uint32_t *branches = arena_alloc(a, g->n_branches * sizeof(*branches));
		for (uint32_t k = 0; k < g->n_branches; k++)
			branches[k] = g->branches[k];
		any[i] = (struct any_of){ .first = g->first,
			.end = g->end,
			.branches = branches,
			.n_branches = g->n_branches,
			.reports = g->reports };
	}
	out->any = any;
	out->n_any = links->n_groups;
}

bool build_chain(struct build *b, sluice_str owner, const struct node *n, struct chain *out,
	struct build_links *links)
{
	links->n = links->n_groups = 0;
	if (!n || node_is_null(n))
		return true;
	bool ok = build_list_add(b, links, NULL, owner, n);
	struct chain_item *v = arena_alloc(&b->snap->arena, links->n * sizeof(*v) + 1);
	*out = (struct chain){ .v = v, .n = links->n };
	for (uint32_t i = 0; i < links->n; i++) {
		v[i] = links->v[i].item;
		out->has_response |= v[i].plugin->on_response != NULL;
		out->has_attempt |= module_on_attempt(v[i].plugin) != NULL;
		out->has_complete |= v[i].plugin->on_complete != NULL;
		out->sees_conns |= plugin_sees_conns(v[i].plugin);
	}
	build_chain_groups(b, links, out);
	return ok;
}

void build_expand(struct build *b, struct named_plugin *p)
{
	build_expand_inside(b, p, NULL);
}
