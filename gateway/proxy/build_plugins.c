/*
 * Plugins of a snapshot being built: the instances and chains of `plugins`, and those of listeners,
 * upstreams and the access log. Main thread.
 */

#include "policy/choose.h"
#include "policy/conn.h"
#include "policy/discovery.h"
#include "policy/sink.h"
#include "proxy/build.h"

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
		at->state = n->v[i]->kind == NODE_LIST || build_is_group(n->v[i]) ? CHAIN_NEW
										  : NAMED_INSTANCE;
		if (at->state == NAMED_INSTANCE)
			at->inst = build_instance(b, at->name, n->v[i], &at->slot);
	}
	for (size_t i = 0; i < b->n_named; i++) {
		if (b->named[i].state == CHAIN_NEW)
			build_expand(b, &b->named[i]);
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
	/* where it is written */
	const char *option = c->discover.plugin.len ? "plugin" : "discovery";
	const void *block = c->discover.plugin.len ? (const void *)&c->discover : c;
	const struct named_plugin *p = build_instance_of(b, block, option, c->discovery);
	if (!p)
		return;
	if (!module_discover(p->inst->plugin)) {
		(void)bind_error(&b->bind, block, option, "plugin %s of \"%.*s\" finds no servers",
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
		else if (server_source_of(u->conf) != SERVERS_CONFIG)
			u->discovered = discovered_get(u->conf->name);
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
