/*
 * Facts: what a configuration, a plugin or a log can read of a request. Each fact is read in the
 * same way for all of them. The table is fact.def. What plugins state (attributes, policy/attr.h)
 * is read through it too.
 */
#ifndef POLICY_FACT_H
#define POLICY_FACT_H

#include "http/head.h"

enum fact {
#define F(name, text, named, how, help) FACT_##name,
#include "policy/fact.def"
	FACT_ATTR, /* of a plugin, by its whole name */
	FACT_COUNT = FACT_ATTR,
};

enum fact_named { FACT_PLAIN, FACT_NAMED };
enum fact_how { FACT_REQUEST, FACT_ROUTED, FACT_ANSWERED, FACT_STATED };

/* A key expression: one fact. */
struct sluice_expr {
	uint8_t fact;     /* enum fact */
	enum token token; /* HEADER: of its name */
	sluice_str name;  /* the part behind the colon */
	sluice_str text;  /* the whole expression as it was written */
};

struct fact_info {
	sluice_str text; /* NAMED: with its colon */
	enum fact_named named;
	enum fact_how how;
	const char *help;
	/* Read the value in this request; it lives as long as x. Where the request has several
	 * values, *out is all of them, joined, and the result is MANY. The lines of Cookie are one
	 * list, and so one value (RFC 9113 8.2.3). A worker's thread. */
	enum sluice_reading (*read)(sluice_exchange *x, const sluice_expr *e, sluice_str *out);
};
/* By enum fact; the last row is that of FACT_ATTR and has no text. */
extern const struct fact_info fact_table[FACT_COUNT + 1];

/* The fact that text names, and the name behind its colon. FACT_ATTR: it is not in the table. */
enum fact fact_find(sluice_str text, sluice_str *name);

/* The fact of an enum sluice_info; FACT_COUNT: there is none. */
enum fact fact_of_info(int info);

/* The value of a plain fact; data is NULL when the request has none. A worker's thread. */
sluice_str fact_value(sluice_exchange *x, enum fact f);

/* What the path has in the place of {name}, not decoded. */
sluice_str fact_capture_raw(const sluice_exchange *x, sluice_str name);

#endif
