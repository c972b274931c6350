/* Warnings about routes. Main thread. */
#include "route/reach.h"

#include "route/groups.h"

struct reach {
	route_warning_fn fn;
	void *ctx;
};

static void reach_tell(const struct reach *c, const struct route_rule *rule,
	const struct route_rule *other, enum route_trouble trouble)
{
	struct route_warning w = { rule, other, trouble };
	c->fn(c->ctx, &w);
}

/* ---- what an expression begins with -------------------------------------------------------- */

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether a "|" may stand outside of all groups. If so, nothing is known of the first bytes. May
 * say true too often, never too seldom. */
static bool has_alternatives(sluice_str e)
{
	unsigned depth = 0;
	bool has_class = memchr(e.data, '[', e.len) != NULL;
	for (size_t i = 0; i < e.len; i++) {
		char c = e.data[i];
		if (c == '\\' && i + 1 < e.len && e.data[i + 1] == 'Q')
			return true; /* quoted text is not parsed here */
		if (c == '\\')
			i++;
		else if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		/* a bracket within a class opens no group, so with a class the depth is
		   uncertain */
		else if (c == '|' && (depth == 0 || has_class))
			return true;
	}
	return false;
}

size_t regex_prefix(sluice_str e, char *out, size_t cap, bool *whole)
{
	size_t i = 0, n = 0;
	*whole = false;
	if (e.len == 0 || has_alternatives(e))
		return 0;
	if (e.data[0] == '^')
		i++;
	while (i < e.len && n < cap) {
		char c = e.data[i];
		if (c == '$' && i + 1 == e.len) {
			i++;
			break;
		}
		if (memchr(".[({*+?^$|)", c, sizeof(".[({*+?^$|)") - 1))
			return n;
		if (c == '\\') {
			if (++i == e.len || is_alnum(e.data[i]))
				return n;
			c = e.data[i];
		}
		char next = ++i < e.len ? e.data[i] : 0;
		if (next == '?' || next == '*' || next == '{')
			return n; /* the quantifier may allow none of it */
		out[n++] = c;
		if (next == '+')
			return n;
	}
	*whole = i == e.len;
	return n;
}

/* Whether the expression matches every path. False when that cannot be decided. */
static bool regex_is_any(sluice_str e)
{
	static const sluice_str any[] = { STR(".*"), STR("/.*"), STR(".+"), STR("(.*)"),
		STR("/(.*)"), STR("(/.*)") };
	if (str_starts(e, STR("^")))
		e = str_n(e.data + 1, e.len - 1);
	if (str_ends(e, STR("$")))
		e.len--;
	for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
		if (str_eq(e, any[i]))
			return true;
	}
	return false;
}

/* ---- routes that are in the way of others -------------------------------------------------- */

/* The first rule of the leaf that takes every request that `rule` takes, or NULL. */
static const struct route_rule *leaf_cover(const struct route_leaf *leaf,
	const struct route_rule *rule)
{
	const struct route_rule *r = leaf ? leaf->first : NULL;
	while (r && !rule_covers(r, rule))
		r = r->next;
	return r;
}

/* A rule whose pattern matches every path that begins with prefix (whole: the path that equals
 * prefix) and which takes every request that `rule` takes. NULL: none. */
static const struct route_rule *pattern_cover(const struct route_group *g, sluice_str prefix,
	bool whole, const struct route_rule *rule)
{
	const struct route_rule *other =
		whole && g->exact.n ? leaf_cover(table_find(&g->exact, prefix), rule) : NULL;
	const struct route_leaf *leaf;
	if (!whole) { /* the last segment may be incomplete: cut it off */
		while (prefix.len && prefix.data[prefix.len - 1] != '/')
			prefix.len--;
		if (prefix.len <= 1)
			return NULL;
		prefix.len--;
	}
	for (uint32_t after = 0; !other; after = leaf->rank) {
		leaf = trie_find(&g->trie, prefix, after);
		if (!leaf || leaf == g->trie.tail)
			break;
		if (whole || leaf->first->path.tail)
			other = leaf_cover(leaf, rule);
	}
	return other;
}

static const struct route_rule *regexes_cover(const struct route_group *g, size_t n,
	const struct route_rule *rule)
{
	const struct route_rule *other = NULL;
	for (size_t i = 0; i < n && !other; i++) {
		if (regex_is_any(g->regexes[i].path->text))
			other = leaf_cover(&g->regexes[i].leaf, rule);
	}
	return other;
}

static void reach_regex(const struct reach *c, const struct route_group *g, size_t at)
{
	char buf[REGEX_BYTES];
	bool whole;
	sluice_str prefix =
		str_n(buf, regex_prefix(g->regexes[at].path->text, buf, sizeof(buf), &whole));
	bool never = prefix.len && buf[0] != '/' && !(whole && str_eq(prefix, STR("*")));
	for (const struct route_rule *rule = g->regexes[at].leaf.first; rule; rule = rule->next) {
		const struct route_rule *other = never ? NULL : regexes_cover(g, at, rule);
		if (!other && !never && prefix.len)
			other = pattern_cover(g, prefix, whole, rule);
		if (other || never)
			reach_tell(c, rule, other, never ? ROUTE_NEVER_MATCHES : ROUTE_UNREACHABLE);
	}
}

static void reach_group(const struct reach *c, const struct route_group *g)
{
	for (size_t i = 0; i < g->n_regexes; i++)
		reach_regex(c, g, i);
	for (const struct route_rule *rule = g->trie.tail ? g->trie.tail->first : NULL; rule;
		rule = rule->next) {
		const struct route_rule *other = regexes_cover(g, g->n_regexes, rule);
		if (other)
			reach_tell(c, rule, other, ROUTE_UNREACHABLE);
	}
}

static void reach_table(const struct reach *c, const struct table *t)
{
	for (uint32_t i = 0; i < t->cap; i++) {
		if (t->v[i].value)
			reach_group(c, t->v[i].value);
	}
}

void reach_check(const struct router *r, route_warning_fn fn, void *ctx)
{
	const struct reach c = { fn, ctx };
	reach_table(&c, &r->hosts);
	reach_table(&c, &r->wildcards);
	if (r->any)
		reach_group(&c, r->any);
}

/* ---- routes that are served in clear text -------------------------------------------------- */

/* Whether each host that b matches is matched by a. */
static bool host_covers(const struct host_pattern *a, const struct host_pattern *b)
{
	if (a->kind == HOST_ANY)
		return true;
	if (b->kind == HOST_EXACT)
		return host_match(a, b->name);
	return a->kind == HOST_WILDCARD && b->kind == HOST_WILDCARD &&
		(str_eq(a->name, b->name) || host_match(a, b->name));
}

/* Whether each path that b matches is matched by a. False when that cannot be decided. */
static bool path_covers(const struct path_pattern *a, const struct path_pattern *b)
{
	if (path_is_any(a))
		return true;
	if (b->kind == PATH_EXACT)
		return a->kind != PATH_REGEX && path_match(a, b->text, NULL) == MATCH_YES;
	if (a->kind != PATH_SEGMENTS || b->kind != PATH_SEGMENTS || !a->tail ||
		a->n_segments > b->n_segments)
		return false;
	for (unsigned i = 0; i < a->n_segments; i++) {
		const struct path_segment *x = &a->segments[i], *y = &b->segments[i];
		if (!x->capture && (y->capture || !str_eq(x->text, y->text)))
			return false;
	}
	return true;
}

/* Whether rule wins over other by its host or path alone. */
static bool rule_outranks(const struct route_rule *rule, const struct route_rule *other)
{
	int d = host_compare(&rule->host, &other->host);
	return d < 0 || (d == 0 && path_compare(&rule->path, &other->path) < 0);
}

/* Whether `other`, tried first, would take every request that `rule` takes on the listener of
 * `other`. */
static bool rule_is_meant_to_guard(const struct route_rule *other, const struct route_rule *rule)
{
	return other->n_headers + other->n_query + other->n_facts == 0 &&
		!(rule->methods & ~other->methods) && rule_outranks(rule, other) &&
		host_covers(&other->host, &rule->host) && path_covers(&other->path, &rule->path);
}

void reach_check_without_tls(const struct router *r,
	bool (*is_plain)(void *ctx, sluice_str listener), route_warning_fn fn, void *ctx)
{
	const struct reach c = { fn, ctx };
	for (size_t i = 0; i < r->n_rules; i++) {
		const struct route_rule *other = &r->rules[i];
		if (other->listener.len == 0 || !is_plain(ctx, other->listener))
			continue;
		for (size_t k = 0; k < r->n_rules; k++) {
			const struct route_rule *rule = &r->rules[k];
			if (rule->listener.len == 0 && rule_is_meant_to_guard(other, rule))
				reach_tell(&c, rule, other, ROUTE_WITHOUT_TLS);
		}
	}
}
