/* Facts that are not known of every request from the start: which ones plugins state, and whether
 * each is known before somebody uses it, or a route is chosen by it. Main thread. */
#include "proxy/build.h"

#include <stdio.h>

#include "policy/expr.h"
#include "proxy/match_fact.h"
#include "proxy/split.h"

/* ---- what is stated ------------------------------------------------------------------------ */

static void stated_of_list(struct build *b, const struct node *n);

static void stated_of_node(struct build *b, const struct node *n)
{
	char why[MODULE_WHY];
	if (build_is_group(n)) {
		stated_of_list(b, node_find(n, STR("of")));
		return;
	}
	const struct node *use = n->kind == NODE_MAP ? node_find(n, STR("use")) : NULL;
	if (!use || use->kind != NODE_SCALAR)
		return;
	const struct module *m = module_get(&b->env->policy->dirs, use->text, why);
	if (m)
		stated_add(&b->names, m->record);
	else /* that is reported where it is used; who knows what it would have stated */
		b->names.extent = STATED_ANY;
}

static void stated_of_list(struct build *b, const struct node *n)
{
	for (uint32_t i = 0; n && n->kind == NODE_LIST && i < n->n; i++)
		stated_of_node(b, n->v[i]);
}

/* Of instances and chains by name. */
static void stated_of_map(struct build *b, const struct node *n)
{
	for (uint32_t i = 0; n && n->kind == NODE_MAP && i < n->n; i++) {
		stated_of_node(b, n->v[i]);
		stated_of_list(b, n->v[i]);
	}
}

void build_stated(struct build *b)
{
	const struct gateway_conf *c = &b->snap->conf;
	const struct listener_conf *listeners = c->listeners.v;
	const struct route_conf *routes = c->routes.v;
	b->names = (struct stated){ .extent = STATED_ALL };
	stated_of_map(b, c->plugins);
	for (size_t i = 0; i < c->listeners.n; i++)
		stated_of_list(b, listeners[i].plugins);
	for (size_t i = 0; i < c->routes.n; i++)
		stated_of_list(b, routes[i].plugins);
}

/* ---- whether in time ----------------------------------------------------------------------- */

static bool path_has(sluice_str path, sluice_str name, const char *open, const char *close,
	struct arena *a)
{
	sluice_str word = arena_printf(a, "%s%.*s%s", open, STR_ARG(name), close);
	return path.len && memmem(path.data, path.len, word.data, word.len) != NULL;
}

/* Whether a path has a place of that name: {NAME}, or a named group of an expression. */
static bool path_captures(struct build *b, sluice_str path, sluice_str name)
{
	struct arena *a = &b->bind.records;
	return path_has(path, name, "{", "}", a) || path_has(path, name, "<", ">", a) ||
		path_has(path, name, "'", "'", a);
}

/* Whether all paths of the route have such a place, or (wished) any of them. */
static bool route_captures(struct build *b, const struct route *r, sluice_str name, bool wished)
{
	sluice_strs paths = r->conf->match.path;
	size_t n = 0;
	for (size_t i = 0; i < paths.n; i++)
		n += path_captures(b, paths.v[i], name);
	return n && (wished || n == paths.n);
}

static bool chain_states(const struct chain *c, uint32_t end, sluice_str fact)
{
	for (uint32_t i = 0; i < end; i++) {
		if (plugin_states(c->v[i].plugin, fact))
			return true;
	}
	return false;
}

/* Whether requests of that listener may take the route. */
static bool route_serves(const struct route *r, const struct snapshot_listener *l)
{
	sluice_strs only = r->conf->match.listener;
	bool serves = only.n == 0;
	for (size_t i = 0; i < only.n && !serves; i++)
		serves = str_eq(only.v[i], l->conf->name);
	return serves;
}

/* Of the listeners whose requests may take the route: how many have plugins that state the fact,
 * and in *without one that has none; NULL: all state it. */
static size_t listeners_that_state(struct build *b, const struct route *r, sluice_str fact,
	const struct snapshot_listener **without)
{
	const struct snapshot *s = b->snap;
	size_t n = 0;
	*without = NULL;
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct snapshot_listener *l = &s->listeners[i];
		if (!route_serves(r, l))
			continue;
		if (chain_states(&l->chain, l->chain.n, fact))
			n++;
		else
			*without = l;
	}
	return n;
}

/* Who reads a fact, and where. */
struct reader {
	struct build *b;
	struct mark at;
	const sluice_instance *inst; /* NULL: the route's own answer */
	sluice_str fact;
	enum fact_use use;
	bool before; /* there is no response yet */
};

/* The fact has no value where it is read; fmt: why. */
__attribute__((format(printf, 2, 3))) static void reader_tell(const struct reader *r,
	const char *fmt, ...)
{
	char why[256];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (r->use == FACT_NEEDED)
		(void)diag_error(r->b->diag, &r->at,
			"plugin \"%.*s\" needs \"%.*s\", which has no value here: %s",
			STR_ARG(r->inst->name), STR_ARG(r->fact), why);
	else
		diag_warn(r->b->diag, &r->at, "\"%.*s\" has no value here: %s", STR_ARG(r->fact),
			why);
}

/* The plugin of the chain that states the fact; NULL: none does. */
static const sluice_instance *chain_stater(const struct chain *c, sluice_str fact)
{
	for (uint32_t i = 0; i < c->n; i++) {
		if (plugin_states(c->v[i].plugin, fact))
			return c->v[i].inst;
	}
	return NULL;
}

/* No plugin before the reader states the fact; late: one of the chain that does, or NULL. */
static void reader_hint(const struct reader *r, const sluice_instance *late)
{
	if (late && r->inst)
		diag_hint(r->b->diag,
			"put the plugin that states it first: \"%.*s\" before \"%.*s\"",
			STR_ARG(late->name), STR_ARG(r->inst->name));
	else if (r->use == FACT_NEEDED)
		diag_hint(r->b->diag, "put a plugin that states it before \"%.*s\"",
			STR_ARG(r->inst->name));
}

/* Where the listener's plugins and the first n of the route's have run. */
static void check_fact(const struct reader *it, const struct route *r, uint32_t n)
{
	const struct snapshot_listener *without;
	sluice_str name;
	enum fact f = fact_find(it->fact, &name);
	if (f == FACT_CAPTURE && !route_captures(it->b, r, name, it->use == FACT_WISHED))
		reader_tell(it, "%s path of route \"%.*s\" has no {%.*s}",
			r->conf->match.path.n > 1 ? "some" : "the", STR_ARG(r->name),
			STR_ARG(name));
	if (fact_table[f].how == FACT_ANSWERED && it->before)
		reader_tell(it, "it becomes known when the request is answered");
	if (fact_table[f].how != FACT_STATED || chain_states(&r->chain, n, it->fact))
		return;
	size_t states = listeners_that_state(it->b, r, it->fact, &without);
	const sluice_instance *late = chain_stater(&r->chain, it->fact);
	if ((states && !without) || (it->use == FACT_WISHED && !late))
		return;
	if (states)
		reader_tell(it,
			"in requests of listener \"%.*s\" no plugin before it states it on route "
			"\"%.*s\"",
			STR_ARG(without->conf->name), STR_ARG(r->name));
	else
		reader_tell(it, "no plugin before it states it on route \"%.*s\"",
			STR_ARG(r->name));
	reader_hint(it, late);
}

static struct reader reader_of(struct build *b, const struct mark *at, const sluice_instance *inst,
	const struct instance_fact *f)
{
	return (struct reader){ .b = b,
		.at = *at,
		.inst = inst,
		.fact = f->text,
		.use = (enum fact_use)f->use,
		.before = f->side == SLUICE_REQUEST };
}

void build_check_facts(struct build *b, const struct route *r, const struct build_links *links)
{
	for (uint32_t i = 0; i < r->chain.n; i++) {
		const sluice_instance *inst = r->chain.v[i].inst;
		struct mark at = node_mark(links->v[i].at);
		/* response hooks run when all request hooks are through */
		for (const struct instance_fact *f = inst->facts; f; f = f->next) {
			struct reader it = reader_of(b, &at, inst, f);
			check_fact(&it, r, it.before ? i : r->chain.n);
		}
	}
}

/* Where a request hook of the listener reads it, when the first n of its plugins have run. */
static void check_early_fact(const struct reader *it, const struct snapshot_listener *l, uint32_t n)
{
	sluice_str name;
	if (fact_table[fact_find(it->fact, &name)].how != FACT_STATED) {
		reader_tell(it, "the plugins of listener \"%.*s\" run before a route is chosen",
			STR_ARG(l->conf->name));
		return;
	}
	const sluice_instance *late = chain_stater(&l->chain, it->fact);
	if (chain_states(&l->chain, n, it->fact) || (it->use == FACT_WISHED && !late))
		return;
	reader_tell(it, "no plugin before it states it on listener \"%.*s\"",
		STR_ARG(l->conf->name));
	reader_hint(it, late);
}

void build_check_listener_facts(struct build *b, const struct snapshot_listener *l,
	const struct build_links *links)
{
	for (uint32_t i = 0; i < l->chain.n; i++) {
		const sluice_instance *inst = l->chain.v[i].inst;
		struct mark at = node_mark(links->v[i].at);
		/* response hooks run when also those of the route are through, whichever it is */
		for (const struct instance_fact *f = inst->facts; f; f = f->next) {
			struct reader it = reader_of(b, &at, inst, f);
			if (it.before)
				check_early_fact(&it, l, i);
		}
	}
}

static void check_balancer_facts(struct build *b, const struct route *r,
	const struct snapshot_upstream *u)
{
	if (u->hash_by) {
		const struct reader it = { .b = b,
			.at = node_mark(bind_option(&b->bind, &u->conf->hash, "by")),
			.fact = u->hash_by->text,
			.before = true };
		check_fact(&it, r, r->chain.n);
	}
	if (!u->balancer)
		return;
	const sluice_instance *inst = u->balancer->inst;
	struct mark at = node_mark(bind_option(&b->bind, &u->conf->balance, "plugin"));
	for (const struct instance_fact *f = inst->facts; f; f = f->next) {
		struct reader it = reader_of(b, &at, inst, f);
		check_fact(&it, r, r->chain.n);
	}
}

void build_check_balancer_facts(struct build *b, const struct route *r)
{
	int at;
	for (size_t i = 0; (at = split_upstream(r, i)) >= 0; i++) {
		const struct snapshot_upstream *u = &b->snap->upstreams[at];
		if (u->balancer || u->hash_by)
			check_balancer_facts(b, r, &b->snap->upstreams[at]);
	}
}

bool build_check_split_fact(struct build *b, const struct route *r, const void *conf,
	const sluice_expr *e)
{
	const struct reader it = { .b = b,
		.at = node_mark(bind_option(&b->bind, conf, "by")),
		.fact = e->text,
		.before = true };
	check_fact(&it, r, r->chain.n);
	return chain_states(&r->chain, r->chain.n, e->text);
}

void build_check_answer_fact(struct build *b, const struct route *r, const struct node *node,
	const sluice_expr *e)
{
	const struct reader it = { .b = b, .at = node_mark(node), .fact = e->text };
	if (fact_table[e->fact].how != FACT_REQUEST && fact_table[e->fact].how != FACT_ROUTED)
		check_fact(&it, r, r->chain.n);
	else if (e->fact == FACT_CAPTURE)
		check_fact(&it, r, r->chain.n);
}

/* ---- conditions of routes ------------------------------------------------------------------ */

/* Where the condition is written. */
static const struct node *match_node(struct build *b, const struct route *r, sluice_str fact)
{
	const struct node *match = bind_node(&b->bind, &r->conf->match);
	const struct node *facts = match ? node_find(match, STR("facts")) : NULL;
	const struct node *at = facts ? node_find(facts, fact) : NULL;
	return at ? at : bind_node(&b->bind, r->conf);
}

/* Whether the fact can be known when a route is chosen; if not, report it. */
static bool match_is_known(struct build *b, const struct route *r, const struct node *at,
	const sluice_expr *e)
{
	const struct snapshot_listener *without;
	enum fact_how how = fact_table[e->fact].how;
	if (how == FACT_REQUEST)
		return true;
	if (how != FACT_STATED) {
		(void)diag_error_node(b->diag, at,
			"\"%.*s\" is not known yet when a route is chosen", STR_ARG(e->text));
		diag_hint(b->diag,
			"a condition may ask for facts of the request, and for those that plugins "
			"of the listener state");
		return false;
	}
	if (listeners_that_state(b, r, e->text, &without))
		return true;
	(void)diag_error_node(b->diag, at,
		"no plugin of a listener of route \"%.*s\" states \"%.*s\" before a route is "
		"chosen",
		STR_ARG(r->name), STR_ARG(e->text));
	diag_hint(b->diag, "put the plugin that states it into `plugins` of the listener");
	return false;
}

static const struct match_fact *match_fact_add(struct build *b, const sluice_expr *e)
{
	size_t n = b->n_match_facts;
	if ((n & (n - 1)) == 0) { /* at a power of two: double */
		const struct match_fact **more =
			arena_alloc(&b->bind.records, (n ? n * 2 : 1) * sizeof(*more));
		if (n)
			memcpy(more, b->match_facts, n * sizeof(*more));
		b->match_facts = more;
	}
	struct match_fact *f = arena_new(&b->snap->arena, struct match_fact);
	*f = (struct match_fact){ .expr = e, .id = n };
	b->match_facts[b->n_match_facts++] = f;
	return f;
}

/* The fact of that name. NULL: a mistake is reported. */
static const struct match_fact *match_fact_of(struct build *b, const struct route *r,
	sluice_str name)
{
	struct expr_wrong wrong = { .why = NULL };
	const struct node *at = match_node(b, r, name);
	size_t i = 0;
	while (i < b->n_match_facts && !str_eq(b->match_facts[i]->expr->text, name))
		i++;
	bool is_new = i == b->n_match_facts;
	const sluice_expr *e = is_new ? expr_compile(&b->snap->arena, name, &b->names, &wrong)
				      : b->match_facts[i]->expr;
	if (!e) {
		(void)diag_error_node(b->diag, at, "%s", wrong.why);
		if (wrong.hint.len)
			diag_hint(b->diag, "did you mean %.*s?", STR_ARG(wrong.hint));
	}
	if (!e || !match_is_known(b, r, at, e))
		return NULL;
	return is_new ? match_fact_add(b, e) : b->match_facts[i];
}

void build_match_facts(struct build *b, const struct route *r, struct route_spec *spec)
{
	sluice_pairs facts = r->conf->match.facts;
	const void **keys = arena_zalloc(&b->bind.records, facts.n * sizeof(*keys) + 1);
	for (size_t i = 0; i < facts.n; i++) {
		bool same = i && str_eq(facts.v[i].name, facts.v[i - 1].name);
		keys[i] = same ? keys[i - 1] : match_fact_of(b, r, facts.v[i].name);
	}
	spec->facts = facts;
	spec->fact_keys = keys;
}
