/* Why a request took its route. Any thread. */
#include "route/explain.h"

#include <stdio.h>

/* The input of an explanation. */
struct explain_case {
	const struct router *router;
	struct route_query query;
	const struct route_rule *winner;
	bool gave_up; /* an expression met its limit, which ended the search */
	bool is_open; /* a rule whose facts are not known may come before the winner */
};

static sluice_str explain_methods(const struct router *r, uint64_t methods, char *buf, size_t cap)
{
	size_t n = 0;
	for (unsigned bit = 0; bit < METHODS_MAX; bit++) {
		sluice_str name = method_bit_name(router_methods(r), bit);
		if (!(methods >> bit & 1) || name.len + 2 > cap - n)
			continue;
		if (n) {
			memcpy(buf + n, ", ", 2);
			n += 2;
		}
		memcpy(buf + n, name.data, name.len);
		n += name.len;
	}
	return str_n(buf, n);
}

static bool header_is_secret(sluice_str name)
{
	return str_eq(name, STR("authorization")) || str_eq(name, STR("proxy-authorization")) ||
		str_eq(name, STR("cookie"));
}

static void explain_header(struct route_explanation *e, const struct request_head *h,
	const struct condition *c)
{
	sluice_str have;
	enum match m = header_value(&h->fields, c->name, e->buf, sizeof(e->buf), &have);
	e->name = c->name;
	e->wanted = c->value;
	if (m == MATCH_NO)
		return;
	if (header_is_secret(c->name))
		e->have = STR("(hidden)");
	else
		e->have = m == MATCH_YES ? have : STR("(too long to show)");
}

static void explain_query(struct route_explanation *e, const struct request_head *h,
	const struct condition *c)
{
	sluice_str have;
	e->name = c->name;
	e->wanted = c->value;
	enum match m = query_value(h->query, c->name, e->buf, sizeof(e->buf), &have);
	if (m != MATCH_NO)
		e->have = m == MATCH_YES ? have : STR("(too long to show)");
}

/* "a" or "b" */
static void explain_fact(struct route_explanation *e, const struct fact_condition *c)
{
	size_t n = 0, room = sizeof(e->buf);
	for (unsigned i = 0; i < c->n && n < room; i++) {
		int len = snprintf(e->buf + n, room - n, "%s\"%.*s\"", i ? " or " : "",
			STR_ARG(c->any[i].value));
		n += len > 0 ? (size_t)len : 0;
	}
	e->name = c->name;
	e->wanted = str_n(e->buf, n < room ? n : room - 1);
}

/* Fill in what the rule wants in e->part, and what the request has there. */
static void explain_part(struct route_explanation *e, const struct explain_case *x, size_t index)
{
	const struct request_head *h = x->query.head;
	switch (e->part) {
	case ROUTE_HOST:
		e->wanted = e->rule->host_text;
		e->have = h->host;
		break;
	case ROUTE_PATH:
		e->wanted = e->rule->path_text;
		e->have = h->path;
		break;
	case ROUTE_LISTENER:
		e->wanted = e->rule->listener;
		e->have = x->query.listener;
		break;
	case ROUTE_METHODS:
		e->wanted = explain_methods(x->router, e->rule->methods, e->buf, sizeof(e->buf));
		e->have = h->method_text;
		break;
	case ROUTE_HEADERS:
		explain_header(e, h, &e->rule->headers[index]);
		break;
	case ROUTE_QUERY:
		explain_query(e, h, &e->rule->query[index]);
		break;
	case ROUTE_FACTS:
		explain_fact(e, &e->rule->facts[index]);
		break;
	}
}

/* Whether the rule takes the request; if not, part and index say where it fails. */
static enum match explain_match(const struct route_rule *rule, const struct explain_case *x,
	enum route_part *part, size_t *index)
{
	*part = ROUTE_HOST;
	*index = 0;
	if (!host_match(&rule->host, x->query.head->host))
		return MATCH_NO;
	*part = ROUTE_PATH;
	enum match m = path_match(&rule->path, x->query.head->path, NULL);
	if (m != MATCH_YES)
		return m;
	*part = ROUTE_METHODS;
	if (!rule_takes_method(rule, x->query.method))
		return MATCH_NO;
	return rule_match_conditions(rule, &x->query, part, index);
}

/* In which part the winner is more specific than the rule; both take the request. */
static enum route_part explain_rank(const struct route_rule *winner, const struct route_rule *rule)
{
	if (host_compare(&winner->host, &rule->host))
		return ROUTE_HOST;
	bool same_expression = winner->path.kind != PATH_REGEX ||
		str_eq(winner->path.text, rule->path.text);
	return path_compare(&winner->path, &rule->path) || !same_expression ? ROUTE_PATH
									    : ROUTE_METHODS;
}

/* Whether a search comes to a before it comes to b: router.h. */
static bool explain_is_before(const struct route_rule *a, const struct route_rule *b)
{
	int d = host_compare(&a->host, &b->host);
	if (!d)
		d = path_compare(&a->path, &b->path);
	if (!d && a->path.kind == PATH_REGEX && !str_eq(a->path.text, b->path.text))
		d = a->order < b->order ? -1 : 1;
	return d ? d < 0 : a->n_conditions > b->n_conditions;
}

/* Whether a rule that is not the winner may be it, once its facts are known. */
static bool explain_is_open(const struct explain_case *x)
{
	enum route_part part;
	size_t index;
	for (size_t i = 0; i < router_count(x->router); i++) {
		const struct route_rule *rule = router_rule(x->router, i);
		if (rule->n_facts && (!x->winner || explain_is_before(rule, x->winner)) &&
			explain_match(rule, x, &part, &index) == MATCH_NO && part == ROUTE_FACTS)
			return true;
	}
	return false;
}

static void explain_rule(const struct explain_case *x, const struct route_rule *rule,
	struct route_explanation *e)
{
	size_t index = 0;
	e->rule = rule;
	e->winner = x->winner;
	e->is_open = x->is_open;
	e->name = e->wanted = e->have = STR_NONE;
	enum match m = explain_match(rule, x, &e->part, &index);
	if (m == MATCH_NO && e->part == ROUTE_FACTS && x->winner &&
		!explain_is_before(rule, x->winner))
		m = MATCH_YES; /* which facts it has does not matter */
	switch (m) {
	case MATCH_NO:
		e->verdict = e->part == ROUTE_FACTS ? ROUTE_NOT_KNOWN : ROUTE_FAILS;
		explain_part(e, x, index);
		break;
	case MATCH_LIMIT:
		e->verdict = ROUTE_GIVES_UP;
		explain_part(e, x, index);
		break;
	case MATCH_YES:
		if (rule == x->winner) {
			e->verdict = ROUTE_WINS;
		} else if (x->gave_up) {
			e->verdict = ROUTE_NOT_REACHED;
		} else {
			e->verdict = ROUTE_OUTRANKED;
			e->part = explain_rank(x->winner, rule);
		}
		break;
	}
}

const struct route_rule *route_explain(const struct router *r, const struct request_head *h,
	sluice_str listener, struct route_result *res, route_explain_fn fn, void *ctx)
{
	struct route_explanation e;
	struct explain_case x = {
		.router = r,
		.query = { h, listener,
			method_bit(router_methods(r), (enum method)h->method, h->method_text), NULL,
			NULL },
		.winner = route_find(r, h, listener, NULL, res),
		.gave_up = res->err == ERR_PATTERN_LIMIT,
	};
	x.is_open = explain_is_open(&x);
	for (size_t i = 0; i < router_count(r); i++) {
		explain_rule(&x, router_rule(r, i), &e);
		fn(ctx, &e);
	}
	return x.winner;
}

/* ---- as a sentence ------------------------------------------------------------------------- */

static int explain_text_fails(const struct route_explanation *e, char *buf, size_t cap)
{
	const char *what = e->part == ROUTE_HEADERS ? "header" : "parameter";
	switch (e->part) {
	case ROUTE_HOST:
		return snprintf(buf, cap, "host is \"%.*s\", not \"%.*s\"", STR_ARG(e->have),
			STR_ARG(e->wanted));
	case ROUTE_PATH:
		return snprintf(buf, cap, "path is \"%.*s\", which \"%.*s\" does not match",
			STR_ARG(e->have), STR_ARG(e->wanted));
	case ROUTE_LISTENER:
		return snprintf(buf, cap, "listener is \"%.*s\", not \"%.*s\"", STR_ARG(e->have),
			STR_ARG(e->wanted));
	case ROUTE_METHODS:
		return snprintf(buf, cap, "method is %.*s, not one of %.*s", STR_ARG(e->have),
			STR_ARG(e->wanted));
	case ROUTE_HEADERS:
	case ROUTE_QUERY:
		if (!e->have.data)
			return snprintf(buf, cap, "%s `%.*s` is missing", what, STR_ARG(e->name));
		return snprintf(buf, cap, "%s `%.*s` is \"%.*s\", not \"%.*s\"", what,
			STR_ARG(e->name), STR_ARG(e->have), STR_ARG(e->wanted));
	case ROUTE_FACTS:
		return snprintf(buf, cap,
			"takes the request if `%.*s` is %.*s, which is not known here",
			STR_ARG(e->name), STR_ARG(e->wanted));
	}
	return 0;
}

static int explain_text(const struct route_explanation *e, char *buf, size_t cap)
{
	static const char *const parts[] = { "host", "path", "listener", "methods", "headers",
		"query", "facts" };
	sluice_str winner = e->winner ? e->winner->name : STR("");
	switch (e->verdict) {
	case ROUTE_WINS:
		return snprintf(buf, cap,
			e->is_open ? "takes the request, unless a route does whose facts are not "
				     "known here"
				   : "takes the request");
	case ROUTE_OUTRANKED:
		if (e->part == ROUTE_METHODS)
			return snprintf(buf, cap, "matches, but `%.*s` has more conditions",
				STR_ARG(winner));
		return snprintf(buf, cap, "matches, but the %s of `%.*s` is more specific",
			parts[e->part], STR_ARG(winner));
	case ROUTE_FAILS:
	case ROUTE_NOT_KNOWN:
		return explain_text_fails(e, buf, cap);
	case ROUTE_GIVES_UP:
		return snprintf(buf, cap,
			"the expression in its %s needs too much work for this request",
			parts[e->part]);
	case ROUTE_NOT_REACHED:
		return snprintf(buf, cap,
			"matches, but the search ended before at an expression that needs too much "
			"work");
	}
	return 0;
}

size_t route_explanation_text(const struct route_explanation *e, char *buf, size_t cap)
{
	check(cap, "no room for a sentence");
	int n = explain_text(e, buf, cap);
	size_t len = n < 0 ? 0 : (size_t)n < cap ? (size_t)n : cap - 1;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)buf[i] < 0x20 || (unsigned char)buf[i] >= 0x7f)
			buf[i] = '?';
	}
	buf[len] = 0;
	return len;
}
