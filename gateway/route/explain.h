/*
 * Why a request took its route. For each rule of a router: on what it failed, or in what the winner
 * is more specific. Of a rule with several hosts or paths it says which of them match. It tries all
 * rules one by one, so requests are not routed with it; `explain` is for people. Any thread.
 */
#ifndef ROUTE_EXPLAIN_H
#define ROUTE_EXPLAIN_H

#include "route/router.h"

enum route_verdict {
	ROUTE_WINS, /* takes the request */
	/* would take it, but a more specific rule does; part says in what: HOST, PATH, or METHODS
	   for the number of conditions (is_by_head: for listing HEAD) */
	ROUTE_OUTRANKED,
	ROUTE_FAILS, /* part: the first that does not match */
	/* takes the request if a fact has the right value, or the client the right address, which
	   is known only of a real request; part: FACTS, CLIENT */
	ROUTE_NOT_KNOWN,
	/* an expression of part met its limit: a search that comes to this rule refuses the
	   request */
	ROUTE_GIVES_UP,
	/* would take it, but the search ended earlier, at a rule whose expression met its limit */
	ROUTE_NOT_REACHED,
};

struct route_explanation {
	const struct route_rule *rule;
	const struct route_rule *winner; /* NULL: nothing takes the request */
	enum route_verdict verdict;
	enum route_part part;
	/* its first host and path that match; NULL: not both do */
	const sluice_str *host_text, *path_text;
	/* a rule of which something is not known may take the request before the winner does */
	bool is_open;
	bool is_by_head; /* OUTRANKED, METHODS: the winner lists HEAD, and the rule does not */
	sluice_str name; /* HEADERS, QUERY, COOKIES, FACTS: of the field, cookie, fact, ... */
	/* the value in the file (of a list: joined, in quotes if there may be several), and the
	   request's; data NULL: the request has none */
	sluice_str wanted, have;
	char buf[1024]; /* memory for wanted or have */
};

typedef void (*route_explain_fn)(void *ctx, const struct route_explanation *e);

/* Call fn for each rule, in the order of the specs. Facts are not known, whatever asked->request
 * is, and the client only where asked says it: rules with conditions on what is not known are
 * explained as such, and are not the winner. res: as from route_find(); returns the rule that wins,
 * or NULL. Values of fields that carry credentials, and of cookies, are not shown. */
const struct route_rule *route_explain(const struct router *r, const struct route_asked *asked,
	struct route_result *res, route_explain_fn fn, void *ctx);

/* The explanation as a sentence, for example: header `x-version` is "1", not "2". NUL-terminated,
 * cut to cap bytes; control bytes and what is not ASCII are shown as "?". Returns its length. */
size_t route_explanation_text(const struct route_explanation *e, char *buf, size_t cap);

#endif
