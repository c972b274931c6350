/* Warnings about routes. Main thread. */
#include "route/reach.h"

#include <stdlib.h>

#include "base/mem.h"
#include "route/groups.h"

/* What is found of one place: a rule at one of its hosts and paths. */
struct reach_found {
	bool never;                     /* its expression matches no path */
	const struct route_rule *other; /* takes its requests; NULL: none does */
};

struct reach {
	const struct router *router;
	struct reach_found *found; /* one for each place of the router */
};

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
	const struct route_place *at = leaf ? leaf->first : NULL;
	while (at && !rule_covers(at->entry.rule, rule))
		at = at->next;
	return at ? at->entry.rule : NULL;
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
		if (whole || leaf->first->path->tail)
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

/* Note what is found of a place. A rule that is in the way of itself loses no request. */
static void reach_note(const struct reach *c, const struct route_place *at,
	const struct route_rule *other, bool never)
{
	struct reach_found *f = &c->found[at - c->router->places];
	f->never = never;
	f->other = other == at->entry.rule ? NULL : other;
}

static void reach_regex(const struct reach *c, const struct route_group *g, size_t i)
{
	char buf[REGEX_BYTES];
	bool whole;
	sluice_str prefix =
		str_n(buf, regex_prefix(g->regexes[i].path->text, buf, sizeof(buf), &whole));
	bool never = prefix.len && buf[0] != '/' && !(whole && str_eq(prefix, STR("*")));
	for (const struct route_place *at = g->regexes[i].leaf.first; at; at = at->next) {
		const struct route_rule *rule = at->entry.rule,
					*other = !never && prefix.len
			? pattern_cover(g, prefix, whole, rule)
			: NULL;
		if (!other && !never)
			other = regexes_cover(g, i, rule);
		reach_note(c, at, other, never);
	}
}

static void reach_group(const struct reach *c, const struct route_group *g)
{
	for (size_t i = 0; i < g->n_regexes; i++)
		reach_regex(c, g, i);
	for (const struct route_place *at = g->trie.tail ? g->trie.tail->first : NULL; at;
		at = at->next)
		reach_note(c, at, regexes_cover(g, g->n_regexes, at->entry.rule), false);
}

static void reach_table(const struct reach *c, const struct table *t)
{
	for (uint32_t i = 0; i < t->cap; i++) {
		if (t->v[i].value)
			reach_group(c, t->v[i].value);
	}
}

/* Some places of a rule, each `step` from the one before. */
struct reach_row {
	const struct reach_found *first;
	size_t n, step;
};

/* Whether no request comes to any place of the row. */
static bool row_is_dead(struct reach_row r)
{
	for (size_t i = 0; i < r.n; i++) {
		if (!r.first[i * r.step].never && !r.first[i * r.step].other)
			return false;
	}
	return true;
}

static void row_tell(struct reach_row r, struct route_warning w, route_warning_fn fn, void *ctx)
{
	bool never = true;
	for (size_t i = 0; i < r.n; i++) {
		const struct reach_found *f = &r.first[i * r.step];
		never &= f->never;
		w.other = w.other ? w.other : f->other;
	}
	w.trouble = never ? ROUTE_NEVER_MATCHES : ROUTE_UNREACHABLE;
	fn(ctx, &w);
}

/* The rule as a whole, else each path that is dead with all hosts, and each host that is dead with
 * all paths. */
static void reach_tell(const struct route_rule *rule, const struct reach_found *found,
	route_warning_fn fn, void *ctx)
{
	const uint16_t hosts = rule->n_hosts, paths = rule->n_paths;
	struct reach_row all = { found, (size_t)hosts * paths, 1 };
	if (row_is_dead(all)) {
		row_tell(all, (struct route_warning){ .rule = rule }, fn, ctx);
		return;
	}
	for (uint16_t i = 0; i < paths; i++) {
		struct reach_row row = { found + (size_t)i * hosts, hosts, 1 };
		if (row_is_dead(row))
			row_tell(row,
				(struct route_warning){ .rule = rule,
					.extent = ROUTE_ONE_PATH,
					.index = i },
				fn, ctx);
	}
	for (uint16_t i = 0; i < hosts; i++) {
		struct reach_row row = { found + i, paths, hosts };
		if (row_is_dead(row))
			row_tell(row,
				(struct route_warning){ .rule = rule,
					.extent = ROUTE_ONE_HOST,
					.index = i },
				fn, ctx);
	}
}

void reach_check(const struct router *r, route_warning_fn fn, void *ctx)
{
	const struct reach c = { r, mem_array(struct reach_found, r->n_places + 1) };
	reach_table(&c, &r->hosts);
	reach_table(&c, &r->wildcards);
	if (r->any)
		reach_group(&c, r->any);
	const struct reach_found *found = c.found;
	for (size_t i = 0; i < r->n_rules; i++) {
		reach_tell(&r->rules[i], found, fn, ctx);
		found += (size_t)r->rules[i].n_hosts * r->rules[i].n_paths;
	}
	free(c.found);
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

/* Whether the place wins over the other by its host or path alone. */
static bool place_outranks(const struct route_place *at, const struct route_place *other)
{
	int d = host_compare(at->host, other->host);
	return d < 0 || (d == 0 && path_compare(at->path, other->path) < 0);
}

/* Whether `other`, tried first, would take every request that comes to `at` on a listener of
 * `other`. */
static bool place_is_meant_to_guard(const struct route_place *other, const struct route_place *at)
{
	return place_outranks(at, other) && host_covers(other->host, at->host) &&
		path_covers(other->path, at->path);
}

/* Whether the rule is bound to listeners, all of them without TLS, and asks for nothing else. */
static bool rule_guards_plain(const struct route_rule *r,
	bool (*is_plain)(void *ctx, sluice_str listener), void *ctx)
{
	bool all = r->n_listeners && !r->clients &&
		r->n_headers + r->n_query + r->n_cookies + r->n_facts == 0;
	for (unsigned i = 0; i < r->n_listeners && all; i++)
		all = is_plain(ctx, r->listeners[i]);
	return all;
}

static const struct route_place *places_next(const struct route_place *at)
{
	return at + (size_t)at->entry.rule->n_hosts * at->entry.rule->n_paths;
}

/* at, other: the first place of each rule. */
static bool rule_is_meant_to_guard(const struct route_place *other, const struct route_place *at)
{
	if (at->methods & ~other->methods)
		return false;
	for (const struct route_place *i = at; i < places_next(at); i++) {
		for (const struct route_place *k = other; k < places_next(other); k++) {
			if (place_is_meant_to_guard(k, i))
				return true;
		}
	}
	return false;
}

void reach_check_without_tls(const struct router *r,
	bool (*is_plain)(void *ctx, sluice_str listener), route_warning_fn fn, void *ctx)
{
	const struct route_place *end = r->places + r->n_places, *at, *other;
	for (other = r->places; other < end; other = places_next(other)) {
		if (!rule_guards_plain(other->entry.rule, is_plain, ctx))
			continue;
		for (at = r->places; at < end; at = places_next(at)) {
			struct route_warning w = { .rule = at->entry.rule,
				.other = other->entry.rule,
				.trouble = ROUTE_WITHOUT_TLS };
			if (w.rule->n_listeners == 0 && rule_is_meant_to_guard(other, at))
				fn(ctx, &w);
		}
	}
}
