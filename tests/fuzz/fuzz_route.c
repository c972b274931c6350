/*
 * route/: patterns and paths of any bytes. Lines of the input: the path and host of a request, its
 * query, one field's value, then any number of routes, each "host path header-condition
 * query-condition". What the router finds must be what one pattern after another says, and the most
 * specific of it.
 */
#include <stdint.h>

#include "route/explain.h"
#include "route/router.h"

enum { ROUTES_MAX = 32 };

static void ignore_mistake(void *ctx, const struct route_error *e)
{
	(void)ctx;
	check(e->text && e->spec, "a mistake that says nothing");
	if (!e->other && e->part == ROUTE_PATH)
		check(e->offset <= e->spec->path.len, "offset %zu in a path of %zu", e->offset,
			e->spec->path.len);
	if (!e->other && e->part == ROUTE_HOST)
		check(e->offset <= e->spec->host.len, "offset %zu in a host of %zu", e->offset,
			e->spec->host.len);
}

static void check_explained(void *ctx, const struct route_explanation *e)
{
	unsigned *n_wins = ctx;
	char text[300];
	*n_wins += e->verdict == ROUTE_WINS;
	check(route_explanation_text(e, text, sizeof(text)) > 0, "no explanation");
	if (e->verdict == ROUTE_OUTRANKED) {
		int d = host_compare(&e->winner->host, &e->rule->host);
		d = d ? d : path_compare(&e->winner->path, &e->rule->path);
		check(d <= 0, "the winner is less specific");
	}
}

static void try_request(const struct router *r, const struct request_head *h)
{
	struct route_result res, again;
	unsigned n_wins = 0;
	const struct route_rule *rule = route_find(r, h, STR("in"), NULL, &res);
	check((rule == NULL) == (res.err != 0), "a rule and error %d", res.err);
	check(route_explain(r, h, STR("in"), &again, check_explained, &n_wins) == rule,
		"two answers");
	check(n_wins == (rule != NULL), "%u rules win", n_wins);
	for (size_t i = 0; i < router_count(r) && res.err == ERR_NO_ROUTE; i++) {
		const struct route_rule *other = router_rule(r, i);
		struct route_query q = { h, STR("in"), 1 << METHOD_GET, NULL, NULL };
		check(!host_match(&other->host, h->host) ||
				path_match(&other->path, h->path, NULL) != MATCH_YES ||
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct route_spec specs[ROUTES_MAX];
	sluice_pair headers[ROUTES_MAX], query[ROUTES_MAX];
	sluice_str rest = str_n((const char *)data, size), value;
	size_t n = 0;

	arena_init(&a, 0);
	struct request_head h = { .method = METHOD_GET,
		.method_text = STR("GET"),
		.path = str_cut(&rest, '\n') };
	h.host = str_cut(&rest, '\n');
	h.query = str_cut(&rest, '\n');
	value = str_cut(&rest, '\n');
	struct field field = { .name = "x",
		.name_len = 1,
		.value = value.data ? value.data : "",
		.value_len = (uint32_t)value.len };
	h.fields = (struct fields){ &field, 1, 1 };
	while (rest.len && n < ROUTES_MAX) {
		sluice_str line = str_cut(&rest, '\n');
		specs[n] = (struct route_spec){ .name = STR("r"),
			.host = str_cut(&line, ' '),
			.path = str_cut(&line, ' ') };
		headers[n] = (sluice_pair){ STR("x"), str_cut(&line, ' ') };
		if (headers[n].value.len)
			specs[n].headers = (sluice_pairs){ &headers[n], 1 };
		query[n] = (sluice_pair){ STR("q"), line };
		if (line.len)
			specs[n].query = (sluice_pairs){ &query[n], 1 };
		n++;
	}
	struct router *r = router_new(&a, specs, n, ignore_mistake, NULL);
	if (r)
		try_request(r, &h);
	router_free(&r);
	for (size_t i = 0; i < n; i++) { /* each alone, should they spoil each other */
		r = router_new(&a, &specs[i], 1, ignore_mistake, NULL);
		if (r)
			try_request(r, &h);
		router_free(&r);
	}
	arena_fini(&a);
	return 0;
}
