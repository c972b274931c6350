/*
 * Why a request took its route. For each rule of a router: on what it failed, or in what the winner
 * is more specific. It tries all rules one by one, so requests are not routed with it; `explain` is
 * for people. Any thread.
 */
#ifndef ROUTE_EXPLAIN_H
#define ROUTE_EXPLAIN_H

#include "route/router.h"

enum route_verdict {
	ROUTE_WINS, /* takes the request */
	/* would take it, but a more specific rule does; part says in what: HOST, PATH, or METHODS
	   for the number of conditions */
	ROUTE_OUTRANKED,
	ROUTE_FAILS, /* part: the first that does not match */
	/* takes the request if a fact has the right value, which is known only of a real request;
	   part: FACTS */
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
	/* a rule whose facts are not known may take the request before the winner does */
	bool is_open;
	sluice_str name; /* HEADERS, QUERY, FACTS: of the field, parameter or fact */
	/* the value in the file (methods: joined), and the request's; data NULL: the request has
	   none */
	sluice_str wanted, have;
	char buf[1024]; /* memory for wanted or have */
};

typedef void (*route_explain_fn)(void *ctx, const struct route_explanation *e);

/* Call fn for each rule, in the order of the specs. Facts are not known: rules with conditions on
 * them are explained as such, and are not the winner. res: as from route_find(); returns the rule
 * that wins, or NULL. Values of fields that carry credentials are not shown. */
const struct route_rule *route_explain(const struct router *r, const struct request_head *h,
	sluice_str listener, struct route_result *res, route_explain_fn fn, void *ctx);

/* The explanation as a sentence, for example: header `x-version` is "1", not "2". NUL-terminated,
 * cut to cap bytes; control bytes and what is not ASCII are shown as "?". Returns its length. */
size_t route_explanation_text(const struct route_explanation *e, char *buf, size_t cap);

#endif
