/*
 * One route's `match`: from the texts of the file to a rule that can be tested against a request.
 * Rules are immutable once compiled: any thread.
 */
#ifndef ROUTE_RULE_H
#define ROUTE_RULE_H

#include "route/match.h"

/* What a route asks for, as written. Everything is borrowed while the router is built. */
struct route_spec {
	sluice_str name; /* of the route */
	/* the caller's, copied into errors and the rule: the route's place in the file */
	const void *mark;
	void *data;          /* the caller's, copied into the rule: what the route leads to */
	sluice_str host;     /* pattern.h; empty: any */
	sluice_str path;     /* pattern.h; empty: any */
	sluice_strs methods; /* none: any */
	sluice_pairs headers, query; /* match.h */
	/* match.h: of a fact with several values each is a pair, one behind the other */
	sluice_pairs facts;
	/* the caller's, one for each of facts, copied into the rule: what facts are read by */
	const void *const *fact_keys;
	sluice_str listener; /* empty: any */
};

/* The parts of a `match`. */
enum route_part {
	ROUTE_HOST,
	ROUTE_PATH,
	ROUTE_LISTENER,
	ROUTE_METHODS,
	ROUTE_HEADERS,
	ROUTE_QUERY,
	ROUTE_FACTS
};

/* A mistake in a spec. */
struct route_error {
	const struct route_spec *spec;
	/* the route that it cannot be told apart from; NULL for any other mistake */
	const struct route_spec *other;
	enum route_part part; /* without other: where the mistake is */
	size_t index;         /* METHODS, HEADERS, QUERY, FACTS: of the element */
	bool in_name;         /* HEADERS, QUERY, FACTS: in its name, not in its value */
	size_t offset;        /* in that text */
	const char *text;     /* a sentence without full stop; borrowed during the call */
};
typedef void (*route_error_fn)(void *ctx, const struct route_error *e);

struct route_rule {
	sluice_str name;
	const void *mark;
	void *data;
	sluice_str host_text, path_text; /* as written */

	/* what follows is for route/ alone */
	struct host_pattern host;
	struct path_pattern path;
	uint64_t methods; /* a bit for each, struct method_set; all bits: any */
	sluice_str listener;
	struct condition *headers, *query;
	struct fact_condition *facts;
	uint16_t n_headers, n_query, n_facts;
	uint16_t n_conditions; /* beyond host and path; see router.h */
	uint32_t order;        /* place among all routes */
	/* the next one of the same host and path, with as many conditions or fewer */
	const struct route_rule *next;
};

#define METHODS_ANY UINT64_MAX

/* Methods as bits: the known ones by enum method, others as the routes name them. */
enum { METHODS_MAX = 63, METHODS_OTHER_MAX = METHODS_MAX - METHOD_COUNT };
struct method_set {
	sluice_str other[METHODS_OTHER_MAX];
	unsigned n_other;
};
/* The bit of a request's method; 0 for one that no route names. */
uint64_t method_bit(const struct method_set *s, enum method m, sluice_str text);
/* Empty: the bit is not in use. */
sluice_str method_bit_name(const struct method_set *s, unsigned bit);

/* Read a fact of a request by the key of its condition. NO: the request has none. LIMIT: it could
 * not be read. *out lives until the search ends. */
typedef enum match (*route_fact_fn)(void *request, const void *key, sluice_str *out);

/* What a request offers to a rule. */
struct route_query {
	const struct request_head *head;
	sluice_str listener;
	uint64_t method;
	route_fact_fn read_fact;
	void *request; /* the caller's, for read_fact; NULL: facts are not known */
};

/* 0, or -1 after fn was told of every mistake; the caller must call rule_fini() in both cases. */
must_use int rule_init(struct route_rule *r, const struct route_spec *spec, uint32_t order,
	struct method_set *methods, struct arena *a, route_error_fn fn, void *ctx);
void rule_fini(struct route_rule *r); /* frees its expressions; the arena owns the rest */

static inline bool rule_takes_method(const struct route_rule *r, uint64_t method)
{
	return r->methods == METHODS_ANY || (r->methods & method);
}

/* The first condition beyond host, path and method that q does not meet (a fact that is not known
 * is not met): MATCH_NO or MATCH_LIMIT with *part and *index (either may be NULL) filled, or
 * MATCH_YES. */
enum match rule_match_conditions(const struct route_rule *r, const struct route_query *q,
	enum route_part *part, size_t *index);

/* Whether each request that meets b's conditions (method and listener included; not host and path)
 * meets those of a. False when that cannot be decided. */
bool rule_covers(const struct route_rule *a, const struct route_rule *b);

/* Of two rules of the same host and path and with as many conditions: whether a request could meet
 * both. */
bool rule_overlaps(const struct route_rule *a, const struct route_rule *b);

#endif
