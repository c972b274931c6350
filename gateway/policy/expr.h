/*
 * Key expressions: what names one fact of a request in a configuration. `ip`, `route`, `host`, `path`, `method`, `scheme`,
 * `upstream`, `request_id`; `header:NAME`, `query:NAME`, `cookie:NAME`, `path:NAME`; and attributes that plugins state: `consumer`,
 * `claim:sub`. Compiled on the main thread, immutable, evaluated on any worker.
 */
#ifndef POLICY_EXPR_H
#define POLICY_EXPR_H

#include "base/arena.h"
#include "http/head.h"

enum expr_kind {
	EXPR_IP,
	EXPR_ROUTE,
	EXPR_HOST,
	EXPR_PATH,
	EXPR_METHOD,
	EXPR_SCHEME,
	EXPR_UPSTREAM,
	EXPR_REQUEST_ID,
	EXPR_HEADER,
	EXPR_QUERY,
	EXPR_COOKIE,
	EXPR_ATTR
};

struct sluice_expr {
	uint8_t kind; /* enum expr_kind */
	enum token token; /* HEADER */
	sluice_str name;  /* HEADER, QUERY, COOKIE; ATTR: the full name */
	sluice_str text;  /* as written */
};

/* NULL and a sentence in *why when text is none. */
const sluice_expr *expr_compile(struct arena *a, sluice_str text, const char **why);
/* data is NULL when the request has no such fact. */
sluice_str expr_value(sluice_exchange *x, const sluice_expr *e);

#endif
