/*
 * One route's `match`: from the texts of the file to a rule that can be tested against a request. A
 * rule has any number of hosts and paths, each of which stands for itself; all share its
 * conditions. Rules are immutable once compiled: any thread.
 */
#ifndef ROUTE_RULE_H
#define ROUTE_RULE_H

#include "route/match.h"

struct cidr_set;

/* What a route asks for, as written. Everything is borrowed while the router is built. */
struct route_spec {
	sluice_str name; /* of the route */
	/* the caller's, copied into errors and the rule: the route's place in the file */
	const void *mark;
	void *data;               /* the caller's, copied into the rule: what the route leads to */
	sluice_strs hosts, paths; /* pattern.h; none, or an empty text: any */
	sluice_strs listeners;    /* none: any */
	sluice_strs methods;      /* none: any; GET stands for HEAD too */
	sluice_strs clients;      /* addresses and networks (base/cidr.h); none: any */
	sluice_pairs headers, query; /* match.h */
	sluice_pairs cookies;        /* match.h */
	/* match.h: of a fact with several values each is a pair, one behind the other */
	sluice_pairs facts;
	/* the caller's, one for each of facts, copied into the rule: what facts are read by */
	const void *const *fact_keys;
	bool is_last; /* among routes of the same host and path, whatever its conditions */
};

/* The parts of a `match`. */
enum route_part {
	ROUTE_HOST,
	ROUTE_PATH,
	ROUTE_LISTENER,
	ROUTE_METHODS,
	ROUTE_CLIENT,
	ROUTE_HEADERS,
	ROUTE_QUERY,
	ROUTE_COOKIES,
	ROUTE_FACTS
};
/* The option of that name: "host", "path", "listener", ... */
const char *route_part_name(enum route_part part);

/* A mistake in a spec. */
struct route_error {
	const struct route_spec *spec;
	/* the route that it cannot be told apart from; NULL for any other mistake */
	const struct route_spec *other;
	enum route_part part; /* with other: HOST or PATH, where the spec has a list of them */
	size_t index;         /* of the element of that part */
	bool in_name;         /* HEADERS, QUERY, COOKIES, FACTS: in its name, not in its value */
	size_t offset;        /* in that text */
	const char *text;     /* a sentence without full stop; borrowed during the call */
};
typedef void (*route_error_fn)(void *ctx, const struct route_error *e);

struct route_rule {
	sluice_str name;
	const void *mark;
	void *data;
	/* as written, one for each host and path; never none: an empty text stands for any */
	const sluice_str *host_texts, *path_texts;
	const sluice_str *listeners, *client_texts;
	uint16_t n_hosts, n_paths, n_listeners, n_clients;

	/* what follows is for route/ alone */
	struct host_pattern *hosts;
	struct path_pattern *paths;
	uint64_t methods;         /* a bit for each, struct method_set; all bits: any */
	uint64_t listed;          /* the same without HEAD, where that is not listed but GET is */
	struct cidr_set *clients; /* owned; NULL: any */
	struct condition *headers, *query, *cookies;
	struct fact_condition *facts;
	uint16_t n_headers, n_query, n_cookies, n_facts;
	uint16_t n_conditions; /* beyond host and path; see router.h */
	uint32_t order;        /* place among all routes */
	bool is_last;          /* as in the spec */
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

/* A request that asks for a route. */
struct route_asked {
	const struct request_head *head;
	sluice_str listener;
	sluice_str client; /* its address as text, or "unix"; data NULL: not known */
	void *request;     /* the caller's, for the reader of facts; NULL: facts are not known */
};

/* What a request offers to a rule. */
struct route_query {
	const struct route_asked *of;
	uint64_t method;
	route_fact_fn read_fact;
};

/* 0, or -1 after fn was told of every mistake; the caller must call rule_fini() in both cases. */
must_use int rule_init(struct route_rule *r, const struct route_spec *spec, uint32_t order,
	struct method_set *methods, struct arena *a, route_error_fn fn, void *ctx);
void rule_fini(struct route_rule *r); /* frees its expressions and sets; the arena owns the rest */

static inline bool methods_have(uint64_t methods, uint64_t method)
{
	return methods == METHODS_ANY || (methods & method);
}
static inline bool rule_takes_method(const struct route_rule *r, uint64_t method)
{
	return methods_have(r->methods, method);
}

/* Whether one of its hosts, or of its paths, matches. LIMIT: an expression met its limit before one
 * did. */
bool rule_match_host(const struct route_rule *r, sluice_str host);
enum match rule_match_path(const struct route_rule *r, sluice_str path);
/* The first condition beyond host, path and method that q does not meet (a fact or a client that is
 * not known is not met): MATCH_NO or MATCH_LIMIT with *part and *index (either may be NULL) filled,
 * or MATCH_YES. */
enum match rule_match_conditions(const struct route_rule *r, const struct route_query *q,
	enum route_part *part, size_t *index);

/* Whether each request that meets b's conditions (method and listener included; not host and path)
 * meets those of a. False when that cannot be decided. */
bool rule_covers(const struct route_rule *a, const struct route_rule *b);

/* Of two rules with as many conditions: whether a request for one host and path could meet both,
 * and neither comes first by its method. */
bool rule_overlaps(const struct route_rule *a, const struct route_rule *b);

#endif
