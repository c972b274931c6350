/*
 * Why a request took its route: every rule of a router, with what it failed on, or on which point a
 * more specific one was preferred. Walks all rules one by one, so it is for `explain` and for
 * people, not for the path of a request. Any thread.
 */
#ifndef ROUTE_EXPLAIN_H
#define ROUTE_EXPLAIN_H

#include "route/router.h"

enum route_verdict {
	ROUTE_WINS, /* takes the request */
	/* would take it, but one more specific does; part: HOST or PATH, or METHODS for its
	   conditions */
	ROUTE_OUTRANKED,
	ROUTE_FAILS, /* part is the first that does not match */
	/* an expression of part met its limit: the request is refused if it comes to this rule */
	ROUTE_GIVES_UP,
	ROUTE_NOT_REACHED, /* would take it, but the search ended before, at a rule that gave up */
};

struct route_explanation {
	const struct route_rule *rule;
	const struct route_rule *winner; /* NULL: nothing takes the request */
	enum route_verdict verdict;
	enum route_part part;
	sluice_str name; /* HEADERS, QUERY: of the field or parameter */
	/* as the file has it (methods: joined); as the request has it, data NULL: not at all */
	sluice_str wanted, have;
	char buf[1024]; /* where wanted or have may lie */
};

typedef void (*route_explain_fn)(void *ctx, const struct route_explanation *e);

/* Call fn for each rule, in the order of the specs. res: as from route_find(); returns the rule
 * that wins, or NULL. Values of fields that carry credentials are not shown. */
const struct route_rule *route_explain(const struct router *r, const struct request_head *h,
	sluice_str listener, struct route_result *res, route_explain_fn fn, void *ctx);

/* The explanation as a sentence, for example: header `x-version` is "1", not "2". NUL-terminated,
 * cut to cap bytes; control bytes and what is not ASCII are shown as "?". Returns its length. */
size_t route_explanation_text(const struct route_explanation *e, char *buf, size_t cap);

#endif
