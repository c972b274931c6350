/*
 * Plugins of a snapshot being built: the instances and chains of `plugins`, and the lists of
 * listeners and routes, in which the name of a chain stands for the plugins that it lists. Main
 * thread.
 */

#include "policy/choose.h"
#include "policy/conn.h"
#include "policy/discovery.h"
#include "policy/sink.h"
#include "proxy/build.h"

/* ---- instances ----------------------------------------------------------------------------- */

static bool build_has_upstream(void *ctx, sluice_str name)
{
	return build_upstream_index(ctx, name) >= 0;
}

/* The instance a node asks for: the one of the old snapshot when nothing about it changed, else a
 * new one. */
static sluice_instance *build_instance(struct build *b, sluice_str name, const struct node *n,
	uint32_t *slot)
{
	struct snapshot *s = b->snap;
	const struct snapshot *old = b->env->old;
	sluice_instance *inst = NULL;
	const struct instance_needs there = { .stores = (const sluice_store *const *)s->stores,
		.n_stores = s->n_stores,
		.has_upstream = build_has_upstream,
		.ctx = s };

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

/* ---- lists --------------------------------------------------------------------------------- */

static bool build_list_add(struct build *b, struct build_links *to, struct named_plugin *inside,
	sluice_str owner, const struct node *n);

static sluice_str build_named(struct build *b, size_t i)
{
	return b->named[i].name;
}

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

/* Which upstreams of this snapshot those are that the instance names. */
static const uint32_t *build_item_upstreams(struct build *b, const sluice_instance *inst)
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
static void build_expand(struct build *b, struct named_plugin *p, struct named_plugin *inside)
{
	struct build_links *links = arena_zalloc(&b->bind.records, sizeof(*links));
	p->state = CHAIN_OPEN;
	p->inside = inside;
	bool ok = build_list_add(b, links, p, p->name, p->node);
	p->links = links;
	p->state = ok ? CHAIN_DONE : CHAIN_BROKEN;
}

static bool build_link_chain(struct build *b, struct build_links *to, struct named_plugin *inside,
	struct named_plugin *p, const struct node *n)
{
	if (p->state == CHAIN_NEW)
		build_expand(b, p, inside);
	if (p->state == CHAIN_OPEN) {
		(void)diag_error_node(b->diag, n, "chain \"%.*s\" contains itself: %.*s",
			STR_ARG(p->name), STR_ARG(build_circle(b, p, inside)));
		diag_hint(b->diag, "take one of these names out of its list");
		return false;
	}
	if (p->state == CHAIN_BROKEN)
		return false; /* that is reported */
	for (uint32_t i = 0; i < p->links->n; i++) {
		struct build_link link = p->links->v[i];
		if (to->n == CHAIN_MAX)
			link.at = n;
		if (!build_link(b, to, &link))
			return false;
	}
	return true;
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
	for (uint32_t i = 0; i < n->n; i++) {
		const struct node *e = n->v[i];
		if (e->kind == NODE_MAP) {
			ok &= build_link_here(b, to, owner, i, e);
		} else if (e->kind == NODE_SCALAR) {
			ok &= build_link_named(b, to, inside, e);
		} else {
			(void)diag_error_node(b->diag, e,
				"expected the name of an instance or a chain, or a block with "
				"`use`");
			ok = false;
		}
	}
	return ok;
}

bool build_chain(struct build *b, sluice_str owner, const struct node *n, struct chain *out,
	struct build_links *links)
{
	links->n = 0;
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
	return ok;
}

/* ---- the block ----------------------------------------------------------------------------- */

void build_plugins(struct build *b)
{
	const struct node *n = b->snap->conf.plugins;
	if (!n || node_is_null(n))
		return;
	if (n->kind != NODE_MAP) {
		(void)diag_error_node(b->diag, n,
			"expected a block of named instances and chains, not %s",
			node_kind_text(n));
		return;
	}
	b->named = arena_zalloc(&b->snap->arena, n->n * sizeof(*b->named) + 1);
	for (uint32_t i = 0; i < n->n; i++) {
		struct named_plugin *at = &b->named[b->n_named++];
		at->name = n->v[i]->key;
		at->node = n->v[i];
		at->state = n->v[i]->kind == NODE_LIST ? CHAIN_NEW : NAMED_INSTANCE;
		if (at->state == NAMED_INSTANCE)
			at->inst = build_instance(b, at->name, n->v[i], &at->slot);
	}
	for (size_t i = 0; i < b->n_named; i++) {
		if (b->named[i].state == CHAIN_NEW)
			build_expand(b, &b->named[i], NULL);
	}
	b->n_shared = b->snap->n_instances;
}

/* ---- of upstreams -------------------------------------------------------------------------- */

/* The instance of that name, for one option or one entry of a list, at which mistakes are reported.
 * no_chain: why a chain cannot stand there, with a hint, or "". NULL: there is none. */
static const struct named_plugin *build_named_instance(struct build *b, const struct node *at,
	sluice_str name, const char *no_chain, const char *hint)
{
	size_t i = 0;
	while (i < b->n_named && !str_eq(b->named[i].name, name))
		i++;
	if (i == b->n_named) {
		(void)diag_error_node(b->diag, at, "there is no plugin instance \"%.*s\"",
			STR_ARG(name));
		build_hint_names(b, name, b->n_named, build_named, "instance");
		return NULL;
	}
	struct named_plugin *p = &b->named[i];
	p->is_used = true;
	if (p->state == NAMED_INSTANCE)
		return p->inst ? p : NULL; /* else its mistake is reported */
	(void)diag_error_node(b->diag, at, "\"%.*s\" is a chain, and %s", STR_ARG(name), no_chain);
	if (*hint)
		diag_hint(b->diag, "%s", hint);
	return NULL;
}

/* The same for an option of an upstream. */
static const struct named_plugin *build_instance_of(struct build *b, const void *dst,
	const char *option, sluice_str name)
{
	return build_named_instance(b, bind_option(&b->bind, dst, option), name,
		"this takes one instance", "");
}

static void build_balancer(struct build *b, struct snapshot_upstream *u)
{
	const struct upstream_balance_conf *c = &u->conf->balance;
	const struct named_plugin *p = build_instance_of(b, c, "plugin", c->plugin);
	if (!p)
		return;
	if (!module_on_choose(p->inst->plugin)) {
		(void)bind_error(&b->bind, c, "plugin", "plugin %s of \"%.*s\" chooses no servers",
			p->inst->plugin->name, STR_ARG(c->plugin));
		diag_hint(b->diag,
			"name an instance of a plugin that has on_choose; a plugin that "
			"works on requests belongs into `plugins` of a route");
		return;
	}
	struct chain_item *item = arena_new(&b->snap->arena, struct chain_item);
	*item = (struct chain_item){ .plugin = p->inst->plugin,
		.conf = p->inst->conf,
		.inst = p->inst,
		.slot = p->slot,
		.place = CHOOSE_PLACE,
		.upstreams = build_item_upstreams(b, p->inst) };
	u->balancer = item;
}

static void build_discovery(struct build *b, struct snapshot_upstream *u)
{
	const struct upstream_conf *c = u->conf;
	const struct named_plugin *p = build_instance_of(b, c, "discovery", c->discovery);
	if (!p)
		return;
	if (!module_discover(p->inst->plugin)) {
		(void)bind_error(&b->bind, c, "discovery", "plugin %s of \"%.*s\" finds no servers",
			p->inst->plugin->name, STR_ARG(c->discovery));
		diag_hint(b->diag, "name an instance of a plugin that has discover");
		return;
	}
	u->discovery = p->inst;
	u->discovered = discovered_get(c->name);
}

void build_upstream_plugins(struct build *b)
{
	for (size_t i = 0; i < b->snap->n_upstreams; i++) {
		struct snapshot_upstream *u = &b->snap->upstreams[i];
		if (u->conf->balance.plugin.len)
			build_balancer(b, u);
		if (u->conf->discovery.len)
			build_discovery(b, u);
	}
}

/* A name that no route's instance is likely to have. */
static sluice_str build_owner_of(struct build *b, const struct listener_conf *l)
{
	return arena_printf(&b->snap->arena, "listener:%.*s", STR_ARG(l->name));
}

void build_listener_plugins(struct build *b)
{
	struct snapshot *s = b->snap;
	for (size_t i = 0; i < s->n_listeners; i++) {
		struct snapshot_listener *l = &s->listeners[i];
		struct build_links links;
		if (build_chain(b, build_owner_of(b, l->conf), l->conf->plugins, &l->chain, &links))
			build_check_listener_facts(b, l, &links);
		s->listeners_have_plugins |= l->chain.n > 0;
		b->n_shared = s->n_instances;
	}
}

/* ---- sinks of the access log --------------------------------------------------------------- */

/* An instance that can be a sink, by its name; NULL: a mistake was reported. */
static const struct named_plugin *build_sink(struct build *b, const struct node *at,
	sluice_str name)
{
	const struct named_plugin *p = build_named_instance(b, at, name, "cannot be a sink",
		"name the instance of a plugin for logs");
	if (!p || sink_is_one(p->inst->plugin))
		return p;
	(void)diag_error_node(b->diag, at, "\"%.*s\" cannot be a sink: plugin %s takes no records",
		STR_ARG(name), p->inst->plugin->name);
	diag_hint(b->diag, "name the instance of a plugin for logs, which has on_records");
	return NULL;
}

void build_sinks(struct build *b)
{
	struct snapshot *s = b->snap;
	const struct access_conf *c = &s->conf.log.access;
	const struct node *block = bind_node(&b->bind, c);
	const struct node *list = c->sinks.n ? node_find(block, STR("sinks")) : NULL;
	for (size_t i = 0; i < c->sinks.n; i++) {
		const struct node *n = list && list->kind == NODE_LIST ? list->v[i] : list;
		const struct named_plugin *p = build_sink(b, n, c->sinks.v[i]);
		bool twice = false;
		for (size_t k = 0; p && k < s->n_sinks; k++)
			twice |= s->sinks[k] == p->slot;
		if (twice)
			(void)diag_error_node(b->diag, n, "\"%.*s\" is a sink already",
				STR_ARG(c->sinks.v[i]));
		else if (p)
			s->sinks[s->n_sinks++] = p->slot;
	}
}

/* ---- secrets ------------------------------------------------------------------------------- */

void build_secrets(struct build *b)
{
	struct snapshot *s = b->snap;
	for (size_t i = 0; i < s->n_instances; i++) {
		for (const struct instance_secret *n = s->instances[i]->secrets; n; n = n->next) {
			if (!s->secrets)
				s->secrets = arena_zalloc(&s->arena, sizeof(*s->secrets));
			bool ok = n->is_field ? secrets_add_field(s->secrets, &s->arena, n->name)
					      : secrets_add_query(s->secrets, &s->arena, n->name);
			if (ok)
				continue;
			(void)bind_error(&b->bind, &s->conf, "plugins",
				"plugins declare more than %d names of secrets", SECRET_NAMES_MAX);
			return;
		}
	}
}
