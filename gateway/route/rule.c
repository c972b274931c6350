/* Rules: one route's match. Compiled by one thread, matched by any. */
#include "route/rule.h"

#include <stdio.h>

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
	r->methods = list.n ? 0 : METHODS_ANY;
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
		r->methods |= bit;
	}
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
		int bad = part == ROUTE_HEADERS
			? header_condition_parse(a, pairs.v[i], &v[i], &in_name, &e)
			: query_condition_parse(a, pairs.v[i], &v[i], &in_name, &e);
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
	struct pattern_error e;

	*r = (struct route_rule){ .name = arena_str(a, spec->name),
		.mark = spec->mark,
		.data = spec->data,
		.host_text = arena_str(a, spec->host),
		.path_text = arena_str(a, spec->path),
		.listener = arena_str(a, spec->listener),
		.order = order };
	if (host_pattern_parse(a, spec->host, &r->host, &e))
		rule_complain(&to, ROUTE_HOST, 0, false, e.offset, e.text);
	if (path_pattern_parse(a, spec->path, &r->path, &e))
		rule_complain(&to, ROUTE_PATH, 0, false, e.offset, e.text);
	rule_init_methods(r, methods, a, &to);
	r->headers = rule_init_pairs(spec->headers, ROUTE_HEADERS, &r->n_headers, a, &to);
	r->query = rule_init_pairs(spec->query, ROUTE_QUERY, &r->n_query, a, &to);
	rule_init_facts(r, a, &to);
	r->n_conditions = (uint16_t)((r->methods != METHODS_ANY) + r->n_headers + r->n_query +
		r->n_facts + (r->listener.len != 0));
	return to.result;
}

void rule_fini(struct route_rule *r)
{
	path_free(&r->path);
	for (unsigned i = 0; i < r->n_headers; i++)
		condition_free(&r->headers[i]);
	for (unsigned i = 0; i < r->n_query; i++)
		condition_free(&r->query[i]);
	for (unsigned i = 0; i < r->n_facts; i++) {
		for (unsigned k = 0; k < r->facts[i].n; k++)
			condition_free(&r->facts[i].any[k]);
	}
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

static enum match rule_match_fact(const struct fact_condition *c, const struct route_query *q)
{
	sluice_str value;
	enum match m = q->request ? q->read_fact(q->request, c->key, &value) : MATCH_NO;
	return m == MATCH_YES ? fact_condition_match(c, value) : m;
}

enum match rule_match_conditions(const struct route_rule *r, const struct route_query *q,
	enum route_part *part, size_t *index)
{
	if (r->listener.len && !str_eq(r->listener, q->listener))
		return rule_answer(MATCH_NO, ROUTE_LISTENER, 0, part, index);
	for (unsigned i = 0; i < r->n_headers; i++) {
		enum match m = header_condition_match(&r->headers[i], &q->head->fields);
		if (m != MATCH_YES)
			return rule_answer(m, ROUTE_HEADERS, i, part, index);
	}
	for (unsigned i = 0; i < r->n_query; i++) {
		enum match m = query_condition_match(&r->query[i], q->head->query);
		if (m != MATCH_YES)
			return rule_answer(m, ROUTE_QUERY, i, part, index);
	}
	for (unsigned i = 0; i < r->n_facts; i++) {
		enum match m = rule_match_fact(&r->facts[i], q);
		if (m != MATCH_YES)
			return rule_answer(m, ROUTE_FACTS, i, part, index);
	}
	return MATCH_YES;
}

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

bool rule_overlaps(const struct route_rule *a, const struct route_rule *b)
{
	if (!(a->methods & b->methods))
		return false;
	if (a->listener.len && b->listener.len && !str_eq(a->listener, b->listener))
		return false;
	return !conditions_exclude(a->headers, a->n_headers, b->headers, b->n_headers) &&
		!conditions_exclude(a->query, a->n_query, b->query, b->n_query) &&
		!facts_exclude(a, b);
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
	if (a->listener.len && !str_eq(a->listener, b->listener))
		return false;
	return conditions_cover(a->headers, a->n_headers, b->headers, b->n_headers) &&
		conditions_cover(a->query, a->n_query, b->query, b->n_query) && facts_cover(a, b);
}
