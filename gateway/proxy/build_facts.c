/* Facts that plugins state: which there are, and whether they are stated before somebody uses them.
 * Main thread. */
#include "proxy/build.h"

#include "policy/expr.h"

/* ---- what is stated ------------------------------------------------------------------------ */

static void stated_of_node(struct build *b, const struct node *n)
{
	char why[MODULE_WHY];
	const struct node *use = n->kind == NODE_MAP ? node_find(n, STR("use")) : NULL;
	if (!use || use->kind != NODE_SCALAR)
		return;
	const struct module *m = module_get(&b->env->policy->dirs, use->text, why);
	if (m)
		stated_add(&b->names, m->record);
	else /* that is reported where it is used; who knows what it would have stated */
		b->names.extent = STATED_ANY;
}

static void stated_of_nodes(struct build *b, const struct node *n)
{
	for (uint32_t i = 0; n && (n->kind == NODE_MAP || n->kind == NODE_LIST) && i < n->n; i++)
		stated_of_node(b, n->v[i]);
}

void build_stated(struct build *b)
{
	const struct gateway_conf *c = &b->snap->conf;
	const struct route_conf *routes = c->routes.v;
	b->names = (struct stated){ .extent = STATED_ALL };
	stated_of_nodes(b, c->plugins);
	for (size_t i = 0; i < c->routes.n; i++)
		stated_of_nodes(b, routes[i].plugins);
}

/* ---- whether in time ----------------------------------------------------------------------- */

static bool path_has(sluice_str path, sluice_str name, const char *open, const char *close,
	struct arena *a)
{
	sluice_str word = arena_printf(a, "%s%.*s%s", open, STR_ARG(name), close);
	return path.len && memmem(path.data, path.len, word.data, word.len) != NULL;
}

/* Whether the route's path has a place of that name: {NAME}, or a named group of an expression. */
static bool route_captures(struct build *b, const struct route *r, sluice_str name)
{
	sluice_str path = r->conf->match.path;
	struct arena *a = &b->bind.records;
	return path_has(path, name, "{", "}", a) || path_has(path, name, "<", ">", a) ||
		path_has(path, name, "'", "'", a);
}

static bool chain_states(const struct chain *c, uint32_t end, sluice_str fact)
{
	for (uint32_t i = 0; i < end; i++) {
		if (plugin_states(c->v[i].plugin, fact))
			return true;
	}
	return false;
}

/* A fact that is asked for where the first n of the chain have run. */
static void check_fact(struct build *b, const struct route *r, const struct mark *at, uint32_t n,
	sluice_str fact)
{
	sluice_str name = fact;
	(void)str_cut(&name, ':');
	if (str_starts(fact, fact_table[FACT_CAPTURE].text)) {
		if (!route_captures(b, r, name))
			diag_warn(b->diag, at,
				"\"%.*s\" has no value here: the path of route \"%.*s\" has no "
				"{%.*s}",
				STR_ARG(fact), STR_ARG(r->name), STR_ARG(name));
		return;
	}
	if (chain_states(&r->chain, n, fact))
		return;
	diag_warn(b->diag, at,
		"\"%.*s\" has no value here: no plugin before it states it on route \"%.*s\"",
		STR_ARG(fact), STR_ARG(r->name));
	if (chain_states(&r->chain, r->chain.n, fact))
		diag_hint(b->diag, "put the plugin that states it first");
}

void build_check_facts(struct build *b, const struct route *r)
{
	for (uint32_t i = 0; i < r->chain.n; i++) {
		struct mark at = node_mark(r->conf->plugins->v[i]);
		/* response hooks run when all request hooks are through */
		for (const struct instance_fact *f = r->chain.v[i].inst->facts; f; f = f->next)
			check_fact(b, r, &at, f->side == SLUICE_REQUEST ? i : r->chain.n, f->text);
	}
}

void build_check_answer_fact(struct build *b, const struct route *r, const struct node *node,
	const sluice_expr *e)
{
	struct mark at = node_mark(node);
	if (expr_is_stated(e) || e->fact == FACT_CAPTURE)
		check_fact(b, r, &at, r->chain.n, e->text);
}
