/* The router. Built by one thread, then read by any. */
#include "route/router.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "route/groups.h"

/* ---- building ------------------------------------------------------------------------------ */

/* What is sorted: rules of one host side by side, the most specific first. Equal expressions count
 * as one path, at the place of the first of them. */
struct build_entry {
	struct route_rule *rule;
	uint32_t regex_order;
};

static int build_compare(const void *x, const void *y)
{
	const struct build_entry *ea = x, *eb = y;
	const struct route_rule *a = ea->rule, *b = eb->rule;
	int d = host_compare(&a->host, &b->host);
	if (d)
		return d;
	size_t n = a->host.name.len < b->host.name.len ? a->host.name.len : b->host.name.len;
	d = n ? memcmp(a->host.name.data, b->host.name.data, n) : 0;
	if (d)
		return d;
	if (a->host.name.len != b->host.name.len)
		return a->host.name.len < b->host.name.len ? -1 : 1;
	d = path_compare(&a->path, &b->path);
	if (d)
		return d;
	if (ea->regex_order != eb->regex_order)
		return ea->regex_order < eb->regex_order ? -1 : 1;
	if (a->n_conditions != b->n_conditions)
		return a->n_conditions > b->n_conditions ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static bool build_same_host(const struct build_entry *a, const struct build_entry *b)
{
	return a->rule->host.kind == b->rule->host.kind &&
		str_eq(a->rule->host.name, b->rule->host.name);
}

static bool build_same_leaf(const struct build_entry *a, const struct build_entry *b)
{
	return build_same_host(a, b) && path_compare(&a->rule->path, &b->rule->path) == 0 &&
		a->regex_order == b->regex_order;
}

/* Give each rule with an expression the place of the first rule with the same expression. */
static void build_regex_orders(struct build_entry *v, size_t n)
{
	struct arena scratch;
	struct table seen = { 0 };
	arena_init(&scratch, 0);
	for (size_t i = 0; i < n; i++) {
		const struct route_rule *rule = v[i].rule;
		if (rule->path.kind != PATH_REGEX)
			continue;
		const struct route_rule *first = table_find(&seen, rule->path.text);
		if (!first)
			table_put(&seen, &scratch, rule->path.text, v[i].rule);
		v[i].regex_order = first ? first->order : rule->order;
	}
	arena_fini(&scratch);
}

static struct route_group *build_group(struct router *r, struct arena *a,
	const struct host_pattern *host)
{
	struct route_group *g = arena_new(a, struct route_group);
	switch ((enum host_kind)host->kind) {
	case HOST_EXACT:
		table_put(&r->hosts, a, host->name, g);
		break;
	case HOST_WILDCARD:
		if (r->wildcards.n == 0 || host->name.len < r->wildcard_min)
			r->wildcard_min = host->name.len;
		if (host->name.len > r->wildcard_max)
			r->wildcard_max = host->name.len;
		table_put(&r->wildcards, a, host->name, g);
		break;
	case HOST_ANY:
		r->any = g;
		break;
	}
	return g;
}

/* Add a path to a group. v: its n rules. */
static void build_leaf(struct route_group *g, struct arena *a, struct build_entry *v, size_t n,
	uint32_t rank)
{
	const struct path_pattern *path = &v[0].rule->path;
	struct route_leaf *leaf;
	for (size_t i = 0; i + 1 < n; i++)
		v[i].rule->next = v[i + 1].rule;
	if (path->kind == PATH_REGEX) {
		struct regex_leaf *rl = &g->regexes[g->n_regexes++];
		rl->path = path;
		leaf = &rl->leaf;
	} else {
		leaf = arena_new(a, struct route_leaf);
	}
	*leaf = (struct route_leaf){ v[0].rule, rank };
	if (path->kind == PATH_EXACT)
		table_put(&g->exact, a, path->text, leaf);
	else if (path->kind == PATH_SEGMENTS)
		trie_put(&g->trie, a, path, leaf);
}

/* Report each rule that conflicts with one before it (router.h). v: the n rules of a leaf. */
static int build_conflicts(const struct route_spec *specs, struct build_entry *v, size_t n,
	route_error_fn fn, void *ctx)
{
	int result = 0;
	for (size_t i = 1; i < n; i++) {
		const struct route_rule *rule = v[i].rule;
		for (size_t k = i; k-- > 0 && v[k].rule->n_conditions == rule->n_conditions;) {
			const struct route_rule *other = v[k].rule;
			if (!rule_overlaps(other, rule))
				continue;
			char text[400];
			(void)snprintf(text, sizeof(text),
				"routes `%.100s` and `%.100s` cannot be told apart: same host, "
				"same path, equally many "
				"conditions, and one request can meet both",
				rule->name.data, other->name.data);
			struct route_error e = { .spec = &specs[rule->order],
				.other = &specs[other->order],
				.text = text };
			fn(ctx, &e);
			result = -1;
			break;
		}
	}
	return result;
}

static int router_build(struct router *r, struct arena *a, const struct route_spec *specs,
	route_error_fn fn, void *ctx)
{
	int result = 0;
	struct route_group *g = NULL;
	uint32_t rank = 0;
	struct build_entry *v = mem_array(struct build_entry, r->n_rules);
	for (size_t i = 0; i < r->n_rules; i++)
		v[i].rule = &r->rules[i];
	build_regex_orders(v, r->n_rules);
	qsort(v, r->n_rules, sizeof(*v), build_compare);
	for (size_t i = 0, n; i < r->n_rules; i += n) {
		if (i == 0 || !build_same_host(&v[i - 1], &v[i])) {
			size_t n_regexes = 0;
			g = build_group(r, a, &v[i].rule->host);
			for (size_t k = i; k < r->n_rules && build_same_host(&v[i], &v[k]); k++)
				n_regexes += v[k].rule->path.kind == PATH_REGEX;
			g->regexes = arena_zalloc(a, n_regexes * sizeof(*g->regexes));
			rank = 0;
		}
		for (n = 1; i + n < r->n_rules && build_same_leaf(&v[i], &v[i + n]);)
			n++;
		build_leaf(g, a, v + i, n, ++rank);
		if (build_conflicts(specs, v + i, n, fn, ctx))
			result = -1;
	}
	free(v);
	return result;
}

struct router *router_new(struct arena *a, const struct route_spec *specs, size_t n,
	route_error_fn fn, void *ctx)
{
	struct router *r = arena_new(a, struct router);
	int result = 0;
	check(a->budget == 0, "a router in an arena of %zu bytes", a->budget);
	check(n < UINT32_MAX, "%zu routes", n);
	r->rules = arena_zalloc(a, n * sizeof(*r->rules));
	for (size_t i = 0; i < n; i++) {
		if (rule_init(&r->rules[i], &specs[i], (uint32_t)i, &r->methods, a, fn, ctx))
			result = -1;
	}
	r->n_rules = n;
	if (result == 0)
		result = router_build(r, a, specs, fn, ctx);
	if (result)
		router_free(&r);
	return r;
}

void router_reads_facts(struct router *r, route_fact_fn read)
{
	r->read_fact = read;
}

void router_free(struct router **r)
{
	if (!*r)
		return;
	for (size_t i = 0; i < (*r)->n_rules; i++)
		rule_fini(&(*r)->rules[i]);
	*r = NULL;
}

/* ---- finding ------------------------------------------------------------------------------- */

/* The state of one search. */
struct route_search {
	struct route_query query;
	uint64_t allowed; /* methods of the rules that match the request in all but the method */
	bool gave_up;     /* an expression met its limit: the search has ended */
};

static const struct route_rule *search_leaf(struct route_search *s, const struct route_leaf *leaf)
{
	for (const struct route_rule *rule = leaf->first; rule; rule = rule->next) {
		bool takes_method = rule_takes_method(rule, s->query.method);
		if (!takes_method && !(rule->methods & ~s->allowed))
			continue;
		enum match m = rule->n_conditions
			? rule_match_conditions(rule, &s->query, NULL, NULL)
			: MATCH_YES;
		if (m == MATCH_YES && takes_method)
			return rule;
		if (m == MATCH_YES)
			s->allowed |= rule->methods;
		if (m == MATCH_LIMIT && takes_method) {
			s->gave_up = true;
			return NULL;
		}
	}
	return NULL;
}

static const struct route_rule *search_regexes(struct route_search *s, const struct route_group *g)
{
	for (size_t i = 0; i < g->n_regexes && !s->gave_up; i++) {
		enum match m = regex_match(g->regexes[i].path->regex, s->query.head->path, NULL);
		if (m == MATCH_LIMIT) {
			s->gave_up = true;
			return NULL;
		}
		const struct route_rule *rule = m == MATCH_YES ? search_leaf(s, &g->regexes[i].leaf)
							       : NULL;
		if (rule)
			return rule;
	}
	return NULL;
}

static const struct route_rule *search_group(struct route_search *s, const struct route_group *g)
{
	sluice_str path = s->query.head->path;
	const struct route_rule *rule = NULL;
	const struct route_leaf *leaf = g->exact.n ? table_find(&g->exact, path) : NULL,
				*any = g->trie.tail;
	if (leaf)
		rule = search_leaf(s, leaf);
	for (uint32_t after = 0; !rule && !s->gave_up; after = leaf->rank) {
		leaf = trie_find(&g->trie, path, after);
		if (!leaf || leaf == any)
			break;
		rule = search_leaf(s, leaf);
	}
	if (!rule && g->n_regexes && !s->gave_up)
		rule = search_regexes(s, g);
	return rule || s->gave_up || !any ? rule : search_leaf(s, any);
}

static const struct route_rule *search_wildcards(struct route_search *s, const struct router *r)
{
	sluice_str host = s->query.head->host, suffix = host;
	const struct route_rule *rule = NULL;
	while (!rule && !s->gave_up && suffix.len > r->wildcard_min) {
		(void)str_cut(&suffix, '.');
		if (suffix.len < r->wildcard_min || suffix.len > r->wildcard_max ||
			host.len - suffix.len < 2)
			continue;
		const struct route_group *g = table_find(&r->wildcards, suffix);
		if (g)
			rule = search_group(s, g);
	}
	return rule;
}

const struct route_rule *route_find(const struct router *r, const struct request_head *h,
	sluice_str listener, void *request, struct route_result *res)
{
	struct route_search s = {
		.query = { h, listener,
			method_bit(&r->methods, (enum method)h->method, h->method_text),
			r->read_fact, request },
	};
	const struct route_rule *rule = NULL;
	const struct route_group *g = r->hosts.n ? table_find(&r->hosts, h->host) : NULL;
	if (g)
		rule = search_group(&s, g);
	if (!rule && !s.gave_up && r->wildcards.n)
		rule = search_wildcards(&s, r);
	if (!rule && !s.gave_up && r->any)
		rule = search_group(&s, r->any);
	res->allowed = s.allowed;
	res->captures.n = 0;
	res->err = rule     ? 0
		: s.gave_up ? ERR_PATTERN_LIMIT
		: s.allowed ? ERR_METHOD_NOT_ALLOWED
			    : ERR_NO_ROUTE;
	if (rule)
		(void)path_match(&rule->path, h->path, &res->captures);
	return rule;
}

sluice_str route_allow(const struct router *r, const struct route_result *res, struct arena *a)
{
	size_t n = 0;
	for (unsigned bit = 0; bit < METHODS_MAX; bit++) {
		if (res->allowed >> bit & 1)
			n += method_bit_name(&r->methods, bit).len + 2;
	}
	char *p = arena_alloc(a, n + 1), *at = p;
	if (!p)
		return STR_NONE;
	for (unsigned bit = 0; bit < METHODS_MAX; bit++) {
		sluice_str name = method_bit_name(&r->methods, bit);
		if (!(res->allowed >> bit & 1) || name.len == 0)
			continue;
		if (at > p) {
			memcpy(at, ", ", 2);
			at += 2;
		}
		memcpy(at, name.data, name.len);
		at += name.len;
	}
	*at = 0;
	return str_n(p, (size_t)(at - p));
}

/* ---- looking at rules ---------------------------------------------------------------------- */

size_t router_count(const struct router *r)
{
	return r->n_rules;
}

const struct route_rule *router_rule(const struct router *r, size_t i)
{
	check(i < r->n_rules, "no rule %zu of %zu", i, r->n_rules);
	return &r->rules[i];
}

const struct method_set *router_methods(const struct router *r)
{
	return &r->methods;
}
