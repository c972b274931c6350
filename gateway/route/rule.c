/* Rules: one route's match. Compiled by one thread, matched by any. */
#include "route/rule.h"

#include <stdio.h>

#include "base/cidr.h"

enum {
	TEXTS_MAX = 1000,    /* hosts, paths, listeners or clients of a route */
	ENTRIES_MAX = 10000, /* its hosts times its paths */
};

const char *route_part_name(enum route_part part)
{
	static const char *const names[] = { [ROUTE_HOST] = "host",
		[ROUTE_PATH] = "path",
		[ROUTE_LISTENER] = "listener",
		[ROUTE_METHODS] = "methods",
		[ROUTE_CLIENT] = "client",
		[ROUTE_HEADERS] = "headers",
		[ROUTE_QUERY] = "query",
		[ROUTE_COOKIES] = "cookies",
		[ROUTE_FACTS] = "facts" };
	return names[part];
}

/* ---- methods ------------------------------------------------------------------------------- */

uint64_t method_bit(const struct method_set *s, enum method m, sluice_str text)
{
	if (m != METHOD_OTHER)
		return 1ull << m;
	for (unsigned i = 0; i < s->n_other; i++) {
		if (str_eq(s->other[i], text))
			return 1ull << (METHOD_COUNT + i);
	}
	return 0;
}

sluice_str method_bit_name(const struct method_set *s, unsigned bit)
{
	if (bit > METHOD_OTHER && bit < METHOD_COUNT)
		return method_name((enum method)bit);
	return bit >= METHOD_COUNT && bit - METHOD_COUNT < s->n_other ? s->other[bit - METHOD_COUNT]
								      : STR("");
}

static uint64_t method_set_add(struct method_set *s, struct arena *a, sluice_str text)
{
	enum method m = method_find(text);
	uint64_t bit = method_bit(s, m, text);
	if (bit || s->n_other == METHODS_OTHER_MAX)
		return bit;
	s->other[s->n_other++] = arena_str(a, text);
	return 1ull << (METHOD_COUNT + s->n_other - 1);
}

/* ---- compiling ----------------------------------------------------------------------------- */

/* The receiver of mistakes while one rule is compiled. */
struct rule_report {
	const struct route_spec *spec;
	route_error_fn fn;
	void *ctx;
	int result;
};

static void rule_complain(struct rule_report *to, enum route_part part, size_t index, bool in_name,
	size_t offset, const char *text)
{
	struct route_error e = {
		.spec = to->spec,
		.part = part,
		.index = index,
		.in_name = in_name,
		.offset = offset,
		.text = text,
	};
	to->fn(to->ctx, &e);
	to->result = -1;
}

static sluice_str method_upper(sluice_str s, char *buf, size_t cap)
{
	size_t n = s.len < cap ? s.len : cap;
	for (size_t i = 0; i < n; i++)
		buf[i] = (char)(s.data[i] >= 'a' && s.data[i] <= 'z' ? s.data[i] & ~0x20
								     : s.data[i]);
	return str_n(buf, n);
}

static void rule_init_methods(struct route_rule *r, struct method_set *set, struct arena *a,
	struct rule_report *to)
{
	sluice_strs list = to->spec->methods;
	r->listed = list.n ? 0 : METHODS_ANY;
	for (size_t i = 0; i < list.n; i++) {
		char up[16], text[128];
		sluice_str m = list.v[i], upper = method_upper(m, up, sizeof(up));
		if (!str_is_token(m)) {
			rule_complain(to, ROUTE_METHODS, i, false, 0, "not a method");
			continue;
		}
		if (method_find(m) == METHOD_OTHER && upper.len == m.len &&
			method_find(upper) != METHOD_OTHER) {
			(void)snprintf(text, sizeof(text),
				"methods are written in capitals: did you mean %.*s?",
				STR_ARG(upper));
			rule_complain(to, ROUTE_METHODS, i, false, 0, text);
			continue;
		}
		uint64_t bit = method_set_add(set, a, m);
		if (!bit) {
			(void)snprintf(text, sizeof(text),
				"all routes together name more than %d methods of their own",
				METHODS_OTHER_MAX);
			rule_complain(to, ROUTE_METHODS, i, false, 0, text);
		}
		r->listed |= bit;
	}
	r->methods = r->listed;
	/* HEAD goes where GET goes: RFC 9110 9.3.2 */
	if (r->methods != METHODS_ANY && (r->methods & 1ull << METHOD_GET))
		r->methods |= 1ull << METHOD_HEAD;
}

/* A copy of a list; of an empty one, a single text for `any`. */
static const sluice_str *rule_init_texts(sluice_strs list, enum route_part part, uint16_t *n,
	struct arena *a, struct rule_report *to)
{
	sluice_str *v = arena_alloc(a, (list.n + 1) * sizeof(*v));
	if (list.n > TEXTS_MAX) {
		rule_complain(to, part, TEXTS_MAX, false, 0, "a route has at most 1000 of these");
		list.n = TEXTS_MAX;
	}
	v[0] = STR("");
	for (size_t i = 0; i < list.n; i++)
		v[i] = arena_str(a, list.v[i]);
	*n = (uint16_t)list.n;
	return v;
}

static void rule_init_hosts(struct route_rule *r, struct arena *a, struct rule_report *to)
{
	struct pattern_error e;
	r->host_texts = rule_init_texts(to->spec->hosts, ROUTE_HOST, &r->n_hosts, a, to);
	if (r->n_hosts == 0)
		r->n_hosts = 1;
	r->hosts = arena_zalloc(a, r->n_hosts * sizeof(*r->hosts));
	for (size_t i = 0; i < r->n_hosts; i++) {
		if (host_pattern_parse(a, r->host_texts[i], &r->hosts[i], &e))
			rule_complain(to, ROUTE_HOST, i, false, e.offset, e.text);
	}
}

static void rule_init_paths(struct route_rule *r, struct arena *a, struct rule_report *to)
{
	struct pattern_error e;
	r->path_texts = rule_init_texts(to->spec->paths, ROUTE_PATH, &r->n_paths, a, to);
	if (r->n_paths == 0)
		r->n_paths = 1;
	r->paths = arena_zalloc(a, r->n_paths * sizeof(*r->paths));
	for (size_t i = 0; i < r->n_paths; i++) {
		if (path_pattern_parse(a, r->path_texts[i], &r->paths[i], &e))
			rule_complain(to, ROUTE_PATH, i, false, e.offset, e.text);
	}
	if ((size_t)r->n_hosts * r->n_paths > ENTRIES_MAX)
		rule_complain(to, ROUTE_PATH, 0, false, 0,
			"the hosts of a route times its paths are at most 10000");
}

static void rule_init_clients(struct route_rule *r, struct arena *a, struct rule_report *to)
{
	size_t bad = 0;
	const char *why = NULL;
	sluice_strs list = to->spec->clients;
	r->client_texts = rule_init_texts(list, ROUTE_CLIENT, &r->n_clients, a, to);
	if (list.n == 0)
		return;
	r->clients = cidr_set_new((sluice_strs){ r->client_texts, r->n_clients }, &bad, &why);
	if (!r->clients)
		rule_complain(to, ROUTE_CLIENT, bad, false, 0, why);
}

typedef int (*condition_parse_fn)(struct arena *a, sluice_pair text, struct condition *out,
	bool *in_name, struct pattern_error *e);

static condition_parse_fn condition_parser(enum route_part part)
{
	return part == ROUTE_HEADERS  ? header_condition_parse
		: part == ROUTE_QUERY ? query_condition_parse
				      : cookie_condition_parse;
}

static struct condition *rule_init_pairs(sluice_pairs pairs, enum route_part part, uint16_t *n,
	struct arena *a, struct rule_report *to)
{
	enum { PAIRS_MAX = 64 };
	struct condition *v = arena_zalloc(a, (pairs.n ? pairs.n : 1) * sizeof(*v));
	struct pattern_error e;
	bool in_name;

	*n = 0;
	if (pairs.n > PAIRS_MAX) {
		rule_complain(to, part, PAIRS_MAX, true, 0,
			"a route has at most 64 of these conditions");
		return v;
	}
	for (size_t i = 0; i < pairs.n; i++) {
		int bad = condition_parser(part)(a, pairs.v[i], &v[i], &in_name, &e);
		*n = (uint16_t)(i + 1);
		if (bad) {
			rule_complain(to, part, i, in_name, e.offset, e.text);
			continue;
		}
		for (size_t k = 0; k < i; k++) {
			if (str_eq(v[k].name, v[i].name))
				rule_complain(to, part, i, true, 0,
					"this name has a condition already");
		}
	}
	return v;
}

/* The conditions on facts: pairs of one name are the values of one condition. */
static void rule_init_facts(struct route_rule *r, struct arena *a, struct rule_report *to)
{
	sluice_pairs pairs = to->spec->facts;
	struct fact_condition *last = NULL;
	struct pattern_error e;
	if (!pairs.n)
		return;
	r->facts = arena_zalloc(a, pairs.n * sizeof(*r->facts));
	struct condition *v = arena_zalloc(a, pairs.n * sizeof(*v));
	for (size_t i = 0; i < pairs.n; i++) {
		if (fact_condition_parse(a, pairs.v[i], &v[i], &e))
			rule_complain(to, ROUTE_FACTS, i, false, e.offset, e.text);
		if (!last || !str_eq(last->name, pairs.v[i].name)) {
			last = &r->facts[r->n_facts++];
			*last = (struct fact_condition){ .name = v[i].name,
				.key = to->spec->fact_keys[i],
				.any = &v[i] };
		}
		last->n++;
	}
}

int rule_init(struct route_rule *r, const struct route_spec *spec, uint32_t order,
	struct method_set *methods, struct arena *a, route_error_fn fn, void *ctx)
{
	struct rule_report to = { .spec = spec, .fn = fn, .ctx = ctx };

	*r = (struct route_rule){ .name = arena_str(a, spec->name),
		.mark = spec->mark,
		.data = spec->data,
		.order = order,
		.is_last = spec->is_last };
	rule_init_hosts(r, a, &to);
	rule_init_paths(r, a, &to);
	r->listeners = rule_init_texts(spec->listeners, ROUTE_LISTENER, &r->n_listeners, a, &to);
	rule_init_methods(r, methods, a, &to);
	rule_init_clients(r, a, &to);
	r->headers = rule_init_pairs(spec->headers, ROUTE_HEADERS, &r->n_headers, a, &to);
	r->query = rule_init_pairs(spec->query, ROUTE_QUERY, &r->n_query, a, &to);
	r->cookies = rule_init_pairs(spec->cookies, ROUTE_COOKIES, &r->n_cookies, a, &to);
	rule_init_facts(r, a, &to);
	r->n_conditions = (uint16_t)((r->methods != METHODS_ANY) + (r->n_listeners != 0) +
		(r->n_clients != 0) + r->n_headers + r->n_query + r->n_cookies + r->n_facts);
	return to.result;
}

static void conditions_fini(struct condition *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		condition_free(&v[i]);
}

void rule_fini(struct route_rule *r)
{
	for (unsigned i = 0; i < r->n_paths; i++)
		path_free(&r->paths[i]);
	cidr_set_unref(&r->clients);
	conditions_fini(r->headers, r->n_headers);
	conditions_fini(r->query, r->n_query);
	conditions_fini(r->cookies, r->n_cookies);
	for (unsigned i = 0; i < r->n_facts; i++)
		conditions_fini(r->facts[i].any, r->facts[i].n);
}

/* ---- matching ------------------------------------------------------------------------------ */

static enum match rule_answer(enum match m, enum route_part at, size_t i, enum route_part *part,
	size_t *index)
{
	if (part)
		*part = at;
	if (index)
		*index = i;
	return m;
}

bool rule_match_host(const struct route_rule *r, sluice_str host)
{
	unsigned i = 0;
	while (i < r->n_hosts && !host_match(&r->hosts[i], host))
		i++;
	return i < r->n_hosts;
}

enum match rule_match_path(const struct route_rule *r, sluice_str path)
{
	enum match m = MATCH_NO;
	for (unsigned i = 0; i < r->n_paths && m == MATCH_NO; i++)
		m = path_match(&r->paths[i], path, NULL);
	return m;
}

static bool rule_has_listener(const struct route_rule *r, sluice_str name)
{
	unsigned i = 0;
	while (i < r->n_listeners && !str_eq(r->listeners[i], name))
		i++;
	return i < r->n_listeners;
}

static bool rule_has_client(const struct route_rule *r, sluice_str client)
{
	struct addr a = { .len = sizeof(a.sa), .sa.sa_family = AF_UNIX };
	return client.data && (str_eq(client, STR("unix")) || addr_from_ip(client, 0, &a)) &&
		cidr_set_has(r->clients, &a);
}

static enum match rule_match_fact(const struct fact_condition *c, const struct route_query *q)
{
	sluice_str value;
	enum match m = q->of->request ? q->read_fact(q->of->request, c->key, &value) : MATCH_NO;
	return m == MATCH_YES ? fact_condition_match(c, value) : m;
}

/* The first of headers, query parameters and cookies that is not met. */
static enum match rule_match_head(const struct route_rule *r, const struct request_head *h,
	enum route_part *part, size_t *index)
{
	enum match m;
	for (unsigned i = 0; i < r->n_headers; i++) {
		m = header_condition_match(&r->headers[i], &h->fields);
		if (m != MATCH_YES)
			return rule_answer(m, ROUTE_HEADERS, i, part, index);
	}
	for (unsigned i = 0; i < r->n_query; i++) {
		m = query_condition_match(&r->query[i], h->query);
		if (m != MATCH_YES)
			return rule_answer(m, ROUTE_QUERY, i, part, index);
	}
	for (unsigned i = 0; i < r->n_cookies; i++) {
		m = cookie_condition_match(&r->cookies[i], &h->fields);
		if (m != MATCH_YES)
			return rule_answer(m, ROUTE_COOKIES, i, part, index);
	}
	return MATCH_YES;
}

enum match rule_match_conditions(const struct route_rule *r, const struct route_query *q,
	enum route_part *part, size_t *index)
{
	if (r->n_listeners && !rule_has_listener(r, q->of->listener))
		return rule_answer(MATCH_NO, ROUTE_LISTENER, 0, part, index);
	enum match m = rule_match_head(r, q->of->head, part, index);
	if (m != MATCH_YES)
		return m;
	if (r->clients && !rule_has_client(r, q->of->client))
		return rule_answer(MATCH_NO, ROUTE_CLIENT, 0, part, index);
	for (unsigned i = 0; i < r->n_facts; i++) {
		m = rule_match_fact(&r->facts[i], q);
		if (m != MATCH_YES)
			return rule_answer(m, ROUTE_FACTS, i, part, index);
	}
	return MATCH_YES;
}

/* ---- comparing ----------------------------------------------------------------------------- */

static bool conditions_exclude(const struct condition *a, unsigned na, const struct condition *b,
	unsigned nb)
{
	for (unsigned i = 0; i < na; i++) {
		for (unsigned k = 0; k < nb; k++) {
			if (condition_excludes(&a[i], &b[k]))
				return true;
		}
	}
	return false;
}

static bool facts_exclude(const struct route_rule *a, const struct route_rule *b)
{
	for (unsigned i = 0; i < a->n_facts; i++) {
		for (unsigned k = 0; k < b->n_facts; k++) {
			if (fact_condition_excludes(&a->facts[i], &b->facts[k]))
				return true;
		}
	}
	return false;
}

/* Whether a request may arrive at a listener of both. */
static bool listeners_meet(const struct route_rule *a, const struct route_rule *b)
{
	bool meet = !a->n_listeners || !b->n_listeners;
	for (unsigned i = 0; i < a->n_listeners && !meet; i++)
		meet = rule_has_listener(b, a->listeners[i]);
	return meet;
}

bool rule_overlaps(const struct route_rule *a, const struct route_rule *b)
{
	return (a->listed & b->listed) && listeners_meet(a, b) &&
		(!a->clients || !b->clients || cidr_set_overlaps(a->clients, b->clients)) &&
		!conditions_exclude(a->headers, a->n_headers, b->headers, b->n_headers) &&
		!conditions_exclude(a->query, a->n_query, b->query, b->n_query) &&
		!conditions_exclude(a->cookies, a->n_cookies, b->cookies, b->n_cookies) &&
		!facts_exclude(a, b);
}

static bool listeners_cover(const struct route_rule *a, const struct route_rule *b)
{
	bool all = !a->n_listeners || b->n_listeners;
	for (unsigned i = 0; i < b->n_listeners && a->n_listeners && all; i++)
		all = rule_has_listener(a, b->listeners[i]);
	return all;
}

/* Whether each request that meets all conditions of b meets all of a. */
static bool conditions_cover(const struct condition *a, unsigned na, const struct condition *b,
	unsigned nb)
{
	for (unsigned i = 0; i < na; i++) {
		unsigned k = 0;
		while (k < nb && !condition_implies(&b[k], &a[i]))
			k++;
		if (k == nb)
			return false;
	}
	return true;
}

/* Whether each request that meets all conditions of b on facts meets all of a. */
static bool facts_cover(const struct route_rule *a, const struct route_rule *b)
{
	for (unsigned i = 0; i < a->n_facts; i++) {
		unsigned k = 0;
		while (k < b->n_facts && !fact_condition_implies(&b->facts[k], &a->facts[i]))
			k++;
		if (k == b->n_facts)
			return false;
	}
	return true;
}

bool rule_covers(const struct route_rule *a, const struct route_rule *b)
{
	if (a->methods != METHODS_ANY && (b->methods & ~a->methods))
		return false;
	if (a->clients && (!b->clients || !cidr_set_covers(a->clients, b->clients)))
		return false;
	return listeners_cover(a, b) &&
		conditions_cover(a->headers, a->n_headers, b->headers, b->n_headers) &&
		conditions_cover(a->query, a->n_query, b->query, b->n_query) &&
		conditions_cover(a->cookies, a->n_cookies, b->cookies, b->n_cookies) &&
		facts_cover(a, b);
}
