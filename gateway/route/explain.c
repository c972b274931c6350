/* Why a request took its route. Any thread. */
#include "route/explain.h"

#include <stdio.h>

#include "route/groups.h"

/* The input of an explanation. */
struct explain_case {
	const struct router *router;
	struct route_query query;
	const struct route_place *winner; /* NULL: nothing takes the request */
	bool gave_up;                     /* an expression met its limit, which ended the search */
	bool is_open; /* a rule whose facts or client are not known may come before the winner */
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

static void explain_cookie(struct route_explanation *e, const struct request_head *h,
	const struct condition *c)
{
	sluice_str have;
	e->name = c->name;
	e->wanted = c->value;
	if (cookie_value(&h->fields, c->name, e->buf, sizeof(e->buf), &have) != MATCH_NO)
		e->have = STR("(hidden)");
}

/* Append one of several texts: "a" or "b". False when there is no more room. */
static bool explain_one_of(struct route_explanation *e, size_t *n, sluice_str text)
{
	enum { MORE = 10 };
	size_t room = sizeof(e->buf) - *n;
	int len = snprintf(e->buf + *n, room, "%s\"%.*s\"", *n ? " or " : "", STR_ARG(text));
	bool fits = len > 0 && (size_t)len + MORE < room;
	if (fits)
		*n += (size_t)len;
	else
		*n += (size_t)snprintf(e->buf + *n, room, "%s", *n ? " or others" : "a long one");
	e->wanted = str_n(e->buf, *n);
	return fits;
}

static void explain_texts(struct route_explanation *e, const sluice_str *v, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count && explain_one_of(e, &n, v[i]); i++)
		;
}

static void explain_fact(struct route_explanation *e, const struct fact_condition *c)
{
	size_t n = 0;
	for (unsigned i = 0; i < c->n && explain_one_of(e, &n, c->any[i].value); i++)
		;
	e->name = c->name;
}

/* Fill in what the rule wants in e->part, and what the request has there. */
static void explain_part(struct route_explanation *e, const struct explain_case *x, size_t index)
{
	const struct request_head *h = x->query.of->head;
	const struct route_rule *rule = e->rule;
	switch (e->part) {
	case ROUTE_HOST:
		explain_texts(e, rule->host_texts, rule->n_hosts);
		e->have = h->host;
		break;
	case ROUTE_PATH:
		explain_texts(e, rule->path_texts, rule->n_paths);
		e->have = h->path;
		break;
	case ROUTE_LISTENER:
		explain_texts(e, rule->listeners, rule->n_listeners);
		e->have = x->query.of->listener;
		break;
	case ROUTE_CLIENT:
		explain_texts(e, rule->client_texts, rule->n_clients);
		e->have = x->query.of->client;
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
	case ROUTE_COOKIES:
		explain_cookie(e, h, &e->rule->cookies[index]);
		break;
	case ROUTE_FACTS:
		explain_fact(e, &e->rule->facts[index]);
		break;
	}
}

/* The places of a rule: its hosts times its paths. */
struct explain_places {
	const struct route_place *v;
	size_t n;
};

static struct explain_places explain_places_of(const struct router *r,
	const struct route_rule *rule)
{
	struct explain_places p = { r->places, 0 };
	for (const struct route_rule *before = r->rules; before < rule; before++)
		p.v += (size_t)before->n_hosts * before->n_paths;
	p.n = (size_t)rule->n_hosts * rule->n_paths;
	return p;
}

/* How a rule stands to the request. */
struct explain_try {
	const struct route_place
		*at; /* where a search comes to it first; NULL: host or path fail */
	enum match match;
	enum route_part part; /* of the failure, and its index */
	size_t index;
};

/* The first place in the order of a search whose host and path match, or whose expression meets its
 * limit. */
static void explain_find_place(struct explain_places p, const struct request_head *h,
	struct explain_try *t)
{
	*t = (struct explain_try){ .match = MATCH_NO, .part = ROUTE_HOST };
	for (size_t i = 0; i < p.n; i++) {
		const struct route_place *at = &p.v[i];
		if (!host_match(at->host, h->host))
			continue;
		t->part = ROUTE_PATH;
		enum match m = path_match(at->path, h->path, NULL);
		if (m == MATCH_NO || (t->at && place_compare(t->at, at) <= 0))
			continue;
		t->at = at;
		t->match = m;
	}
}

/* Whether the rule takes the request; if not, where it fails. */
static void explain_try_rule(struct explain_places p, const struct explain_case *x,
	struct explain_try *t)
{
	explain_find_place(p, x->query.of->head, t);
	if (t->match != MATCH_YES)
		return;
	t->match = MATCH_NO;
	t->part = ROUTE_METHODS;
	if (methods_have(t->at->methods, x->query.method))
		t->match = rule_match_conditions(t->at->entry.rule, &x->query, &t->part, &t->index);
}

static bool explain_is_unknown(const struct explain_case *x, const struct explain_try *t)
{
	return t->match == MATCH_NO &&
		(t->part == ROUTE_FACTS || (t->part == ROUTE_CLIENT && !x->query.of->client.data));
}

/* In which part the winner is more specific than the place; both take the request. */
static enum route_part explain_rank(const struct route_place *winner, const struct route_place *at)
{
	if (host_compare(winner->host, at->host))
		return ROUTE_HOST;
	bool same_expression = winner->path->kind != PATH_REGEX || winner->order == at->order;
	return path_compare(winner->path, at->path) || !same_expression ? ROUTE_PATH
									: ROUTE_METHODS;
}

/* Whether `winner` takes HEAD because it lists it, where `at` takes it for GET. */
static bool explain_by_head(const struct explain_case *x, const struct route_place *winner,
	const struct route_place *at)
{
	return x->query.method == 1ull << METHOD_HEAD && winner->head == HEAD_LISTED &&
		at->head == HEAD_LIKE_GET && explain_rank(winner, at) == ROUTE_METHODS;
}

/* Whether a search comes to a before it comes to b. */
static bool explain_is_before(const struct explain_case *x, const struct route_place *a,
	const struct route_place *b)
{
	if (explain_by_head(x, a, b))
		return true;
	return !explain_by_head(x, b, a) && place_compare(a, b) < 0;
}

/* Whether a rule that is not the winner may be it, once what is not known of it is. */
static bool explain_is_open(const struct explain_case *x)
{
	struct explain_places p = { x->router->places, 0 };
	for (size_t i = 0; i < router_count(x->router); i++) {
		const struct route_rule *rule = router_rule(x->router, i);
		struct explain_try t;
		p.v += p.n;
		p.n = (size_t)rule->n_hosts * rule->n_paths;
		if (!rule->n_facts && !rule->clients)
			continue;
		explain_try_rule(p, x, &t);
		if (explain_is_unknown(x, &t) &&
			(!x->winner || explain_is_before(x, t.at, x->winner)))
			return true;
	}
	return false;
}

static void explain_rule(const struct explain_case *x, struct explain_places p,
	struct route_explanation *e)
{
	struct explain_try t;
	explain_try_rule(p, x, &t);
	e->rule = p.v->entry.rule;
	e->winner = x->winner ? x->winner->entry.rule : NULL;
	e->is_open = x->is_open;
	e->name = e->wanted = e->have = STR_NONE;
	e->part = t.part;
	e->is_by_head = false;
	if (e->rule == e->winner)
		t = (struct explain_try){ .at = x->winner, .match = MATCH_YES };
	e->host_text = t.at ? &e->rule->host_texts[t.at->entry.host] : NULL;
	e->path_text = t.at ? &e->rule->path_texts[t.at->entry.path] : NULL;
	if (explain_is_unknown(x, &t) && x->winner && !explain_is_before(x, t.at, x->winner))
		t.match = MATCH_YES; /* what is not known does not matter */
	switch (t.match) {
	case MATCH_NO:
		e->verdict = explain_is_unknown(x, &t) ? ROUTE_NOT_KNOWN : ROUTE_FAILS;
		explain_part(e, x, t.index);
		break;
	case MATCH_LIMIT:
		e->verdict = ROUTE_GIVES_UP;
		explain_part(e, x, t.index);
		break;
	case MATCH_YES:
		if (e->rule == e->winner) {
			e->verdict = ROUTE_WINS;
		} else if (x->gave_up) {
			e->verdict = ROUTE_NOT_REACHED;
		} else {
			e->verdict = ROUTE_OUTRANKED;
			e->part = explain_rank(x->winner, t.at);
			e->is_by_head = explain_by_head(x, x->winner, t.at);
		}
		break;
	}
}

/* The place at which the rule won. */
static const struct route_place *explain_winner(const struct router *r,
	const struct route_rule *rule, const struct route_result *res)
{
	if (!rule)
		return NULL;
	return explain_places_of(r, rule).v + (size_t)res->entry.path * rule->n_hosts +
		res->entry.host;
}

const struct route_rule *route_explain(const struct router *r, const struct route_asked *asked,
	struct route_result *res, route_explain_fn fn, void *ctx)
{
	struct route_explanation e;
	const struct request_head *h = asked->head;
	struct route_asked unread = *asked; /* nobody reads facts for it */
	unread.request = NULL;
	struct explain_case x = { .router = r, .query = { .of = &unread } };
	x.query.method = method_bit(router_methods(r), (enum method)h->method, h->method_text);
	x.winner = explain_winner(r, route_find(r, &unread, res), res);
	x.gave_up = res->err == ERR_PATTERN_LIMIT;
	x.is_open = explain_is_open(&x);
	struct explain_places p = { r->places, 0 };
	for (size_t i = 0; i < router_count(r); i++) {
		p.v += p.n;
		p.n = (size_t)router_rule(r, i)->n_hosts * router_rule(r, i)->n_paths;
		explain_rule(&x, p, &e);
		fn(ctx, &e);
	}
	return x.winner ? x.winner->entry.rule : NULL;
}

/* ---- as a sentence ------------------------------------------------------------------------- */

/* "header `x` is "1", not "2"", for what may be missing. */
static int explain_text_value(const struct route_explanation *e, const char *what, char *buf,
	size_t cap)
{
	if (!e->have.data)
		return snprintf(buf, cap, "%s `%.*s` is missing", what, STR_ARG(e->name));
	return snprintf(buf, cap, "%s `%.*s` is \"%.*s\", not \"%.*s\"", what, STR_ARG(e->name),
		STR_ARG(e->have), STR_ARG(e->wanted));
}

static int explain_text_fails(const struct route_explanation *e, char *buf, size_t cap)
{
	switch (e->part) {
	case ROUTE_HOST:
		return snprintf(buf, cap, "host is \"%.*s\", not %.*s", STR_ARG(e->have),
			STR_ARG(e->wanted));
	case ROUTE_PATH:
		return snprintf(buf, cap, "path is \"%.*s\", which %.*s does not match",
			STR_ARG(e->have), STR_ARG(e->wanted));
	case ROUTE_LISTENER:
		return snprintf(buf, cap, "listener is \"%.*s\", not %.*s", STR_ARG(e->have),
			STR_ARG(e->wanted));
	case ROUTE_METHODS:
		return snprintf(buf, cap, "method is %.*s, not one of %.*s", STR_ARG(e->have),
			STR_ARG(e->wanted));
	case ROUTE_CLIENT:
		if (!e->have.data)
			return snprintf(buf, cap,
				"takes the request if its client is in %.*s, which is not known "
				"here",
				STR_ARG(e->wanted));
		return snprintf(buf, cap, "client is %.*s, not in %.*s", STR_ARG(e->have),
			STR_ARG(e->wanted));
	case ROUTE_HEADERS:
		return explain_text_value(e, "header", buf, cap);
	case ROUTE_QUERY:
		return explain_text_value(e, "parameter", buf, cap);
	case ROUTE_COOKIES:
		return explain_text_value(e, "cookie", buf, cap);
	case ROUTE_FACTS:
		return snprintf(buf, cap,
			"takes the request if `%.*s` is %.*s, which is not known here",
			STR_ARG(e->name), STR_ARG(e->wanted));
	}
	return 0;
}

static int explain_text_outranked(const struct route_explanation *e, char *buf, size_t cap)
{
	char by[300] = "";
	if (e->rule->n_hosts > 1)
		(void)snprintf(by, sizeof(by), " by host \"%.*s\"", STR_ARG(*e->host_text));
	if (e->rule->n_paths > 1) {
		size_t n = strlen(by);
		(void)snprintf(by + n, sizeof(by) - n, "%s path \"%.*s\"", n ? " and" : " by",
			STR_ARG(*e->path_text));
	}
	sluice_str winner = e->winner->name;
	if (e->is_by_head)
		return snprintf(buf, cap, "matches%s, but `%.*s` lists HEAD", by, STR_ARG(winner));
	if (e->part == ROUTE_METHODS && e->rule->is_last)
		return snprintf(buf, cap, "matches%s, but `%.*s` comes first", by, STR_ARG(winner));
	if (e->part == ROUTE_METHODS)
		return snprintf(buf, cap, "matches%s, but `%.*s` has more conditions", by,
			STR_ARG(winner));
	return snprintf(buf, cap, "matches%s, but the %s of `%.*s` is more specific", by,
		route_part_name(e->part), STR_ARG(winner));
}

static int explain_text(const struct route_explanation *e, char *buf, size_t cap)
{
	switch (e->verdict) {
	case ROUTE_WINS:
		return snprintf(buf, cap,
			e->is_open ? "takes the request, unless a route does of which not all is "
				     "known here"
				   : "takes the request");
	case ROUTE_OUTRANKED:
		return explain_text_outranked(e, buf, cap);
	case ROUTE_FAILS:
	case ROUTE_NOT_KNOWN:
		return explain_text_fails(e, buf, cap);
	case ROUTE_GIVES_UP:
		return snprintf(buf, cap,
			"the expression in its %s needs too much work for this request",
			route_part_name(e->part));
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
