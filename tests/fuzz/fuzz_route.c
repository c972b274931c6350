/*
 * route/: patterns and paths of any bytes. Lines of the input: the path and host of a request, its
 * query, the value of both its fields, X and Cookie, then any number of routes, each "hosts paths
 * header-condition query-condition cookie-condition clients methods", where lists have commas. What
 * the router finds must be what one pattern after another says, and the most specific of it.
 */
#include <stdint.h>

#include "route/explain.h"
#include "route/reach.h"
#include "route/router.h"

enum { ROUTES_MAX = 32, LIST_MAX = 8 };

/* A request that has every way to be told apart. */
static struct route_asked asked_of(const struct request_head *h)
{
	return (struct route_asked){ h, STR("in"), STR("10.1.2.3"), NULL };
}

static void ignore_mistake(void *ctx, const struct route_error *e)
{
	(void)ctx;
	check(e->text && e->spec, "a mistake that says nothing");
	const sluice_strs *list = e->part == ROUTE_PATH ? &e->spec->paths
		: e->part == ROUTE_HOST                 ? &e->spec->hosts
							: NULL;
	if (!list || !list->n)
		return;
	check(e->index < list->n, "member %zu of %zu", e->index, list->n);
	check(e->other || e->offset <= list->v[e->index].len, "offset %zu in a text of %zu",
		e->offset, list->v[e->index].len);
}

/* What is warned of is in the list that it is said to be in. */
static void check_warning(void *ctx, const struct route_warning *w)
{
	(void)ctx;
	check(w->extent != ROUTE_ONE_HOST || w->index < w->rule->n_hosts, "host %u", w->index);
	check(w->extent != ROUTE_ONE_PATH || w->index < w->rule->n_paths, "path %u", w->index);
	check(w->trouble == ROUTE_NEVER_MATCHES || w->other != w->rule, "in its own way");
}

static void check_explained(void *ctx, const struct route_explanation *e)
{
	unsigned *n_wins = ctx;
	char text[300];
	*n_wins += e->verdict == ROUTE_WINS;
	check(route_explanation_text(e, text, sizeof(text)) > 0, "no explanation");
	check(e->verdict != ROUTE_OUTRANKED || (e->host_text && e->path_text),
		"matches by nothing");
}

/* Whether no entry of another rule that takes the request comes before the one that won. */
static void check_most_specific(const struct router *r, const struct route_asked *asked,
	const struct route_result *res)
{
	const struct route_rule *won = res->entry.rule;
	const struct route_query q = { .of = asked, .method = 1 << METHOD_GET };
	for (size_t i = 0; i < router_count(r); i++) {
		const struct route_rule *rule = router_rule(r, i);
		if (!rule_takes_method(rule, q.method) ||
			rule_match_conditions(rule, &q, NULL, NULL) != MATCH_YES)
			continue;
		for (unsigned k = 0; k < (unsigned)rule->n_hosts * rule->n_paths; k++) {
			const struct host_pattern *host = &rule->hosts[k % rule->n_hosts];
			const struct path_pattern *path = &rule->paths[k / rule->n_hosts];
			if (!host_match(host, asked->head->host) ||
				path_match(path, asked->head->path, NULL) != MATCH_YES)
				continue;
			int d = host_compare(&won->hosts[res->entry.host], host);
			d = d ? d : path_compare(&won->paths[res->entry.path], path);
			check(d <= 0, "the winner is less specific");
		}
	}
}

static void try_request(const struct router *r, const struct request_head *h)
{
	struct route_result res, again;
	unsigned n_wins = 0;
	const struct route_asked asked = asked_of(h);
	const struct route_rule *rule = route_find(r, &asked, &res);
	check((rule == NULL) == (res.err != 0), "a rule and error %d", res.err);
	check(route_explain(r, &asked, &again, check_explained, &n_wins) == rule, "two answers");
	check(n_wins == (rule != NULL), "%u rules win", n_wins);
	if (rule)
		check_most_specific(r, &asked, &res);
	for (size_t i = 0; i < router_count(r) && res.err == ERR_NO_ROUTE; i++) {
		const struct route_rule *other = router_rule(r, i);
		const struct route_query q = { .of = &asked, .method = 1 << METHOD_GET };
		check(!rule_match_host(other, h->host) ||
				rule_match_path(other, h->path) != MATCH_YES ||
				rule_match_conditions(other, &q, NULL, NULL) != MATCH_YES,
			"rule %zu matches and is not found", i);
	}
	for (unsigned i = 0; i < res.captures.n; i++) {
		sluice_str v = res.captures.v[i].value;
		check(v.len == 0 ||
				(v.data >= h->path.data &&
					v.data + v.len <= h->path.data + h->path.len),
			"a capture outside the path");
	}
}

/* "a,b" */
static sluice_strs list_of(struct arena *a, sluice_str text)
{
	sluice_strs list = { .v = arena_zalloc(a, LIST_MAX * sizeof(sluice_str)) };
	while (text.len && list.n < LIST_MAX)
		((sluice_str *)(uintptr_t)list.v)[list.n++] = str_cut(&text, ',');
	return list;
}

static sluice_pairs one_pair(struct arena *a, sluice_str name, sluice_str value)
{
	sluice_pair *v = arena_zalloc(a, sizeof(*v));
	*v = (sluice_pair){ name, value };
	return (sluice_pairs){ v, value.len != 0 };
}

static struct route_spec spec_of(struct arena *a, sluice_str line)
{
	struct route_spec s = { .name = STR("r") };
	s.hosts = list_of(a, str_cut(&line, ' '));
	s.paths = list_of(a, str_cut(&line, ' '));
	s.headers = one_pair(a, STR("x"), str_cut(&line, ' '));
	s.query = one_pair(a, STR("q"), str_cut(&line, ' '));
	s.cookies = one_pair(a, STR("c"), str_cut(&line, ' '));
	s.clients = list_of(a, str_cut(&line, ' '));
	s.methods = list_of(a, line);
	return s;
}

static struct field field_of(const char *name, enum token token, sluice_str value)
{
	return (struct field){ .name = name,
		.name_len = (uint32_t)strlen(name),
		.value = value.data ? value.data : "",
		.value_len = (uint32_t)value.len,
		.token = (uint16_t)token };
}

static void try_router(struct arena *a, const struct route_spec *specs, size_t n,
	const struct request_head *h)
{
	struct router *r = router_new(a, specs, n, ignore_mistake, NULL);
	if (r) {
		try_request(r, h);
		reach_check(r, check_warning, NULL);
	}
	router_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct route_spec specs[ROUTES_MAX];
	sluice_str rest = str_n((const char *)data, size);
	size_t n = 0;

	arena_init(&a, 0);
	struct request_head h = { .method = METHOD_GET,
		.method_text = STR("GET"),
		.path = str_cut(&rest, '\n') };
	h.host = str_cut(&rest, '\n');
	h.query = str_cut(&rest, '\n');
	sluice_str value = str_cut(&rest, '\n'), cookies = value;
	struct field fields[] = { field_of("x", 0, value),
		field_of("cookie", TOKEN_COOKIE, cookies) };
	h.fields = (struct fields){ fields, 2, 2 };
	while (rest.len && n < ROUTES_MAX)
		specs[n++] = spec_of(&a, str_cut(&rest, '\n'));
	try_router(&a, specs, n, &h);
	for (size_t i = 0; i < n; i++) /* each alone, should they spoil each other */
		try_router(&a, &specs[i], 1, &h);
	arena_fini(&a);
	return 0;
}
