/*
 * Facts: what a configuration, a plugin or a log may ask of a request, each read in one way whoever
 * asks. The table is fact.def. What plugins state (attributes) is found here too, by the names that
 * they declare.
 */
#ifndef POLICY_FACT_H
#define POLICY_FACT_H

#include "http/head.h"

enum fact {
#define F(name, text, named, how, help) FACT_##name,
#include "policy/fact.def"
#undef F
	FACT_ATTR, /* of a plugin, by its whole name */
	FACT_COUNT = FACT_ATTR,
};

enum fact_named { FACT_PLAIN, FACT_NAMED };
enum fact_how { FACT_REQUEST, FACT_ROUTED, FACT_STATED };

struct fact_info {
	sluice_str text; /* NAMED: with its colon */
	enum fact_named named;
	enum fact_how how;
	const char *help;
};
extern const struct fact_info fact_table[FACT_COUNT];

/* The fact that text asks for, and the name behind its colon. FACT_ATTR: none of the table. Main
 * thread. */
enum fact fact_find(sluice_str text, sluice_str *name);

/* The value of a plain fact; data is NULL when the request has none. A worker's thread, as
 * below. */
sluice_str fact_plain(sluice_exchange *x, enum fact f);

/* Those with a name. The value of something that the request has several times is all of them,
 * joined; it lives as long as x. MANY is said of these, but not of the lines of a field that is one
 * list by its nature: Cookie (RFC 9113 8.2.3). */
enum sluice_reading fact_header(sluice_exchange *x, enum token t, sluice_str name, sluice_str *out);
enum sluice_reading fact_parameter(sluice_exchange *x, sluice_str name, sluice_str *out);
enum sluice_reading fact_cookie(sluice_exchange *x, sluice_str name, sluice_str *out);
sluice_str fact_capture(sluice_exchange *x, sluice_str name);
/* The same as it stands in the path, not decoded. */
sluice_str fact_capture_raw(const sluice_exchange *x, sluice_str name);

#endif
