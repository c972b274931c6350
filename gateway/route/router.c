/* The router. Built by one thread, then read by any. */
#include "route/router.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "route/groups.h"

/* ---- building ------------------------------------------------------------------------------ */

/* Places side by side by host, the most specific first. Expressions that are equal count as one
 * path, where the first of them stands. */
static int build_compare_hosts(const struct host_pattern *a, const struct host_pattern *b)
{
	int d = host_compare(a, b);
	if (d)
		return d;
	size_t n = a->name.len < b->name.len ? a->name.len : b->name.len;
	d = n ? memcmp(a->name.data, b->name.data, n) : 0;
	return d ? d : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}

int place_compare(const struct route_place *a, const struct route_place *b)
{
	int d = host_compare(a->host, b->host);
	if (!d)
		d = path_compare(a->path, b->path);
	if (!d && a->path->kind == PATH_REGEX)
		d = (a->order > b->order) - (a->order < b->order);
	if (!d)
		d = a->is_last - b->is_last;
	return d ? d : b->n_conditions - a->n_conditions;
}

static int build_compare(const void *x, const void *y)
{
	const struct route_place *a = *(const struct route_place *const *)x,
				 *b = *(const struct route_place *const *)y;
	int d = build_compare_hosts(a->host, b->host);
	if (!d)
		d = place_compare(a, b);
	return d ? d : (a > b) - (a < b); /* as in the file */
}

static bool build_same_host(const struct route_place *a, const struct route_place *b)
{
	return a->host->kind == b->host->kind && str_eq(a->host->name, b->host->name);
}

static bool build_same_leaf(const struct route_place *a, const struct route_place *b)
{
	return build_same_host(a, b) && path_compare(a->path, b->path) == 0 &&
		(a->path->kind != PATH_REGEX || a->order == b->order);
}

static enum route_head build_head(const struct route_rule *rule)
{
	const uint64_t head = 1ull << METHOD_HEAD;
	if (rule->methods == METHODS_ANY)
		return HEAD_LIKE_ALL;
	if (!(rule->methods & head))
		return HEAD_NO;
	return rule->listed & head ? HEAD_LISTED : HEAD_LIKE_GET;
}

static void build_places(struct router *r, struct arena *a)
{
	for (size_t i = 0; i < r->n_rules; i++)
		r->n_places += (size_t)r->rules[i].n_hosts * r->rules[i].n_paths;
	r->places = arena_zalloc(a, r->n_places * sizeof(*r->places));
	struct route_place *at = r->places;
	for (size_t i = 0; i < r->n_rules; i++) {
		struct route_rule *rule = &r->rules[i];
		for (size_t k = 0; k < (size_t)rule->n_hosts * rule->n_paths; k++) {
			uint16_t host = (uint16_t)(k % rule->n_hosts),
				 path = (uint16_t)(k / rule->n_hosts);
			*at = (struct route_place){ .methods = rule->methods,
				.n_conditions = rule->n_conditions,
				.head = (uint8_t)build_head(rule),
				.is_last = rule->is_last,
				.entry = { rule, host, path },
				.host = &rule->hosts[host],
				.path = &rule->paths[path],
				.order = (uint32_t)(at - r->places) };
			at++;
		}
	}
}

/* Give each place with an expression the order of the first one of its host with the same
 * expression. */
static void build_regex_orders(struct route_place *v, size_t n)
{
	struct arena scratch;
	struct table seen = { 0 };
	arena_init(&scratch, 0);
	for (size_t i = 0; i < n; i++) {
		if (v[i].path->kind != PATH_REGEX)
			continue;
		sluice_str key = arena_printf(&scratch, "%d %.*s %.*s", v[i].host->kind,
			STR_ARG(v[i].host->name), STR_ARG(v[i].path->text));
		const struct route_place *first = table_find(&seen, key);
		if (!first)
			table_put(&seen, &scratch, key, &v[i]);
		v[i].order = first ? first->order : v[i].order;
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

/* Add a path to a group. v: its n places. */
static void build_leaf(struct route_group *g, struct arena *a, struct route_place **v, size_t n,
	uint32_t rank)
{
	const struct path_pattern *path = v[0]->path;
	struct route_leaf *leaf;
	for (size_t i = 0; i + 1 < n; i++)
		v[i]->next = v[i + 1];
	if (path->kind == PATH_REGEX) {
		struct regex_leaf *rl = &g->regexes[g->n_regexes++];
		rl->path = path;
		leaf = &rl->leaf;
	} else {
		leaf = arena_new(a, struct route_leaf);
	}
	*leaf = (struct route_leaf){ v[0], rank };
	if (path->kind == PATH_EXACT)
		table_put(&g->exact, a, path->text, leaf);
	else if (path->kind == PATH_SEGMENTS)
		trie_put(&g->trie, a, path, leaf);
}

/* Where mistakes are told. */
struct build_report {
	const struct route_spec *specs;
	route_error_fn fn;
	void *ctx;
	struct table told; /* pairs of routes, so that each is told once */
	struct arena arena;
	int result;
};

/* Two routes cannot be told apart at these places. */
static void build_conflict(struct build_report *to, const struct route_place *at,
	const struct route_place *other)
{
	const struct route_rule *a = other->entry.rule, *b = at->entry.rule;
	const struct route_spec *spec = &to->specs[b->order];
	sluice_str pair = arena_printf(&to->arena, "%u %u", a->order, b->order);
	char text[600];
	to->result = -1;
	if (table_find(&to->told, pair))
		return;
	table_put(&to->told, &to->arena, pair, to);
	int n = snprintf(text, sizeof(text),
		"routes `%.100s` and `%.100s` cannot be told apart: same host, same path, equally "
		"many conditions, and one request can meet both",
		b->name.data, a->name.data);
	if (a->n_hosts * a->n_paths * b->n_hosts * b->n_paths > 1)
		(void)snprintf(text + n, sizeof(text) - (size_t)n, " (host %.100s, path %.100s)",
			at->host->kind == HOST_ANY ? "any" : b->host_texts[at->entry.host].data,
			b->path_texts[at->entry.path].len ? b->path_texts[at->entry.path].data
							  : "any");
	const struct route_error e = { .spec = spec,
		.other = &to->specs[a->order],
		.part = spec->paths.n > 1 ? ROUTE_PATH : ROUTE_HOST,
		.index = spec->paths.n > 1 ? at->entry.path : at->entry.host,
		.text = text };
	to->fn(to->ctx, &e);
}

/* Report each place that conflicts with one before it (router.h). v: the n places of a leaf. Those
 * that are last conflict with nothing: of these the first one takes the request. */
static void build_conflicts(struct build_report *to, struct route_place *const *v, size_t n)
{
	for (size_t i = 1; i < n && !v[i]->is_last; i++) {
		for (size_t k = i; k-- > 0 && v[k]->n_conditions == v[i]->n_conditions;) {
			const struct route_rule *rule = v[i]->entry.rule, *other = v[k]->entry.rule;
			if (rule == other || !rule_overlaps(other, rule))
				continue;
			build_conflict(to, v[i], v[k]);
			break;
		}
	}
}

static void router_build(struct router *r, struct arena *a, struct build_report *to)
{
	struct route_group *g = NULL;
	uint32_t rank = 0;
	build_places(r, a);
	build_regex_orders(r->places, r->n_places);
	struct route_place **v = mem_array(struct route_place *, r->n_places);
	for (size_t i = 0; i < r->n_places; i++)
		v[i] = &r->places[i];
	qsort(v, r->n_places, sizeof(*v), build_compare);
	for (size_t i = 0, n; i < r->n_places; i += n) {
		if (i == 0 || !build_same_host(v[i - 1], v[i])) {
			size_t n_regexes = 0;
			g = build_group(r, a, v[i]->host);
			for (size_t k = i; k < r->n_places && build_same_host(v[i], v[k]); k++)
				n_regexes += v[k]->path->kind == PATH_REGEX;
			g->regexes = arena_zalloc(a, n_regexes * sizeof(*g->regexes));
			rank = 0;
		}
		for (n = 1; i + n < r->n_places && build_same_leaf(v[i], v[i + n]);)
			n++;
		build_leaf(g, a, v + i, n, ++rank);
		build_conflicts(to, v + i, n);
	}
	free(v);
}

/* The sum over all routes is bounded as well: what a file makes of a few lines is not its size. */
static int build_check_size(const struct router *r, const struct route_spec *specs,
	route_error_fn fn, void *ctx)
{
	enum { PLACES_MAX = 1000000 };
	size_t n = 0;
	for (size_t i = 0; i < r->n_rules; i++) {
		n += (size_t)r->rules[i].n_hosts * r->rules[i].n_paths;
		if (n <= PLACES_MAX)
			continue;
		const struct route_error e = { .spec = &specs[i],
			.part = ROUTE_PATH,
			.text = "all routes together have more than 1000000 combinations of a host "
				"and a path" };
		fn(ctx, &e);
		return -1;
	}
	return 0;
}

struct router *router_new(struct arena *a, const struct route_spec *specs, size_t n,
	route_error_fn fn, void *ctx)
{
	struct router *r = arena_new(a, struct router);
	struct build_report to = { .specs = specs, .fn = fn, .ctx = ctx };
	check(a->budget == 0, "a router in an arena of %zu bytes", a->budget);
	check(n < UINT32_MAX, "%zu routes", n);
	r->rules = arena_zalloc(a, n * sizeof(*r->rules));
	for (size_t i = 0; i < n; i++) {
		if (rule_init(&r->rules[i], &specs[i], (uint32_t)i, &r->methods, a, fn, ctx))
			to.result = -1;
		r->taken |= r->rules[i].methods;
	}
	r->n_rules = n;
	if (to.result == 0)
		to.result = build_check_size(r, specs, fn, ctx);
	arena_init(&to.arena, 0);
	if (to.result == 0)
		router_build(r, a, &to);
	arena_fini(&to.arena);
	if (to.result)
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

/* HEAD, where `like_get` takes it only because it takes GET: the place behind it that lists HEAD
 * and takes the request, else like_get. */
static const struct route_place *search_head(struct route_search *s,
	const struct route_place *like_get)
{
	for (const struct route_place *at = like_get->next; at; at = at->next) {
		if (at->head != HEAD_LISTED)
			continue;
		enum match m = rule_match_conditions(at->entry.rule, &s->query, NULL, NULL);
		if (m == MATCH_YES)
			return at;
		if (m == MATCH_LIMIT) {
			s->gave_up = true;
			return NULL;
		}
	}
	return like_get;
}

static const struct route_place *search_leaf(struct route_search *s, const struct route_leaf *leaf)
{
	for (const struct route_place *at = leaf->first; at; at = at->next) {
		bool takes_method = methods_have(at->methods, s->query.method);
		if (!takes_method && !(at->methods & ~s->allowed))
			continue;
		enum match m = at->n_conditions
			? rule_match_conditions(at->entry.rule, &s->query, NULL, NULL)
			: MATCH_YES;
		if (m == MATCH_YES && takes_method)
			return unlikely(s->query.method == 1ull << METHOD_HEAD) &&
					at->head == HEAD_LIKE_GET
				? search_head(s, at)
				: at;
		if (m == MATCH_YES)
			s->allowed |= at->methods;
		if (m == MATCH_LIMIT && takes_method) {
			s->gave_up = true;
			return NULL;
		}
	}
	return NULL;
}

static const struct route_place *search_regexes(struct route_search *s, const struct route_group *g)
{
	for (size_t i = 0; i < g->n_regexes && !s->gave_up; i++) {
		enum match m =
			regex_match(g->regexes[i].path->regex, s->query.of->head->path, NULL);
		if (m == MATCH_LIMIT) {
			s->gave_up = true;
			return NULL;
		}
		const struct route_place *at = m == MATCH_YES ? search_leaf(s, &g->regexes[i].leaf)
							      : NULL;
		if (at)
			return at;
	}
	return NULL;
}

static const struct route_place *search_group(struct route_search *s, const struct route_group *g)
{
	sluice_str path = s->query.of->head->path;
	const struct route_place *at = NULL;
	const struct route_leaf *leaf = g->exact.n ? table_find(&g->exact, path) : NULL,
				*any = g->trie.tail;
	if (leaf)
		at = search_leaf(s, leaf);
	for (uint32_t after = 0; !at && !s->gave_up; after = leaf->rank) {
		leaf = trie_find(&g->trie, path, after);
		if (!leaf || leaf == any)
			break;
		at = search_leaf(s, leaf);
	}
	if (!at && g->n_regexes && !s->gave_up)
		at = search_regexes(s, g);
	return at || s->gave_up || !any ? at : search_leaf(s, any);
}

static const struct route_place *search_wildcards(struct route_search *s, const struct router *r)
{
	sluice_str host = s->query.of->head->host, suffix = host;
	const struct route_place *at = NULL;
	while (!at && !s->gave_up && suffix.len > r->wildcard_min) {
		(void)str_cut(&suffix, '.');
		if (suffix.len < r->wildcard_min || suffix.len > r->wildcard_max ||
			host.len - suffix.len < 2)
			continue;
		const struct route_group *g = table_find(&r->wildcards, suffix);
		if (g)
			at = search_group(s, g);
	}
	return at;
}

/* route_find() of a request with that method. Inlined: it is most of route_find(). */
__attribute__((always_inline)) static inline const struct route_rule *search(const struct router *r,
	const struct route_asked *asked, uint64_t method, struct route_result *res)
{
	sluice_str host = asked->head->host;
	struct route_search s = { .query = { asked, method, r->read_fact } };
	const struct route_place *at = NULL;
	const struct route_group *g = r->hosts.n ? table_find(&r->hosts, host) : NULL;
	if (g)
		at = search_group(&s, g);
	if (!at && !s.gave_up && r->wildcards.n)
		at = search_wildcards(&s, r);
	if (!at && !s.gave_up && r->any)
		at = search_group(&s, r->any);
	res->allowed = s.allowed;
	res->captures.n = 0;
	res->err = at       ? 0
		: s.gave_up ? ERR_PATTERN_LIMIT
		: s.allowed ? ERR_METHOD_NOT_ALLOWED
			    : ERR_NO_ROUTE;
	if (!at)
		return NULL;
	res->entry = at->entry;
	(void)path_match(at->path, asked->head->path, &res->captures);
	return at->entry.rule;
}

const struct route_rule *route_find(const struct router *r, const struct route_asked *asked,
	struct route_result *res)
{
	const struct request_head *h = asked->head;
	return search(r, asked, method_bit(&r->methods, (enum method)h->method, h->method_text),
		res);
}

/* ---- methods ------------------------------------------------------------------------------- */

void route_methods(const struct router *r, const struct route_asked *asked,
	struct route_result *res)
{
	*res = (struct route_result){ .allowed = r->taken };
	if (str_eq(asked->head->path, STR("*")))
		return;
	/* a method that no rule lists: a rule that takes it takes all of them */
	if (search(r, asked, 1ull << METHODS_MAX, res))
		res->allowed = METHODS_ANY;
	else if (res->err == ERR_METHOD_NOT_ALLOWED)
		res->err = 0;
}

static uint64_t allow_bits(uint64_t allowed)
{
	uint64_t known = 0;
	for (unsigned m = METHOD_OTHER + 1; m < METHOD_COUNT; m++)
		known |= 1ull << m;
	/* a rule that takes all methods need not list those that others have a name for */
	return ((allowed == METHODS_ANY ? known : allowed) | 1ull << METHOD_OPTIONS) &
		~(1ull << METHOD_CONNECT | 1ull << METHOD_TRACE);
}

sluice_str route_allow(const struct router *r, const struct route_result *res, struct arena *a)
{
	uint64_t allowed = allow_bits(res->allowed);
	size_t n = 0;
	for (unsigned bit = 0; bit < METHODS_MAX; bit++) {
		if (allowed >> bit & 1)
			n += method_bit_name(&r->methods, bit).len + 2;
	}
	char *p = arena_alloc(a, n + 1), *at = p;
	if (!p)
		return STR_NONE;
	for (unsigned bit = 0; bit < METHODS_MAX; bit++) {
		sluice_str name = method_bit_name(&r->methods, bit);
		if (!(allowed >> bit & 1) || name.len == 0)
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
