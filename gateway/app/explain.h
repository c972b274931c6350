/*
 * What `sluice explain` found: how a gateway with this configuration would take a request. Nothing
 * is connected to, and of plugins only check() runs. Main thread.
 */
#ifndef APP_EXPLAIN_H
#define APP_EXPLAIN_H

#include "http/head.h"
#include "proxy/snapshot.h"
#include "route/explain.h"

enum { EXPLAIN_SENTENCE = 1200 };

/* A route, and why it takes the request or not. */
struct explain_route {
	const struct route *route;
	enum route_verdict verdict;
	enum route_part part;
	char why[EXPLAIN_SENTENCE];
};

struct explained {
	const struct snapshot *snap; /* borrowed */
	const struct snapshot_listener *listener;
	const char *listener_why; /* why this one */
	struct request_head head;
	int err; /* enum err: it is refused before a route or by the router; 0: it is not */
	/* ERR_METHOD_NOT_ALLOWED: methods of other routes; without err: of an OPTIONS that the
	   gateway answers itself */
	sluice_str allow;
	const struct route *route;     /* NULL: none takes it */
	const struct route_rule *rule; /* of the route */
	struct route_entry entry;      /* what of the rule takes the request */
	bool is_open;                  /* a route of which not all is known may take it instead */
	struct path_captures captures;
	/* owned: all of them, in the order of the file; NULL: the request is malformed */
	struct explain_route *routes;
	size_t n_routes;
};

/* For people: routes that fail by host or path are told up to a number, unless all is set. */
void explain_print(const struct explained *e, bool all);
/* All of it as one JSON object. */
void explain_print_json(const struct explained *e);

#endif
