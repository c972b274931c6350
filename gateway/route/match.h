/*
 * Conditions on header fields, query parameters, cookies and facts: `name: value`, `name: "*"` (it
 * is there), `name: "regex:..."` (the whole value, by PCRE2); of a fact also a list of these, of
 * which one must be met. Immutable: any thread.
 *
 * A field with several lines has one value, the lines joined by ", " (RFC 9110 5.3), those of
 * Cookie by "; " (RFC 9113 8.2.3). Names are compared without case, values exactly. A repeated
 * parameter has one value too, joined by ", "; its name and values are compared decoded
 * (http/query.h). Cookies of one name are one value as well, joined by ", "; the case of their
 * names counts (http/cookie.h). So two conditions that want different values of one field exclude
 * each other.
 */
#ifndef ROUTE_MATCH_H
#define ROUTE_MATCH_H

#include "http/head.h"
#include "route/pattern.h"

enum condition_kind { CONDITION_EQUALS, CONDITION_PRESENT, CONDITION_REGEX };

struct condition {
	sluice_str name;     /* of a field: lower case */
	sluice_str value;    /* EQUALS: the wanted value; else as written */
	struct regex *regex; /* REGEX; owned: condition_free() */
	uint8_t kind;        /* enum condition_kind */
};

/* A condition on a fact. */
struct fact_condition {
	sluice_str name;
	const void *key;       /* what the search's reader reads it by */
	struct condition *any; /* one of n has to be met; each to be freed by condition_free() */
	uint16_t n;
};

/* 0, or -1 with e filled: its offset counts in the name when *in_name is set, else in the value. */
must_use int header_condition_parse(struct arena *a, sluice_pair text, struct condition *out,
	bool *in_name, struct pattern_error *e);
must_use int query_condition_parse(struct arena *a, sluice_pair text, struct condition *out,
	bool *in_name, struct pattern_error *e);
must_use int cookie_condition_parse(struct arena *a, sluice_pair text, struct condition *out,
	bool *in_name, struct pattern_error *e);
/* One of the values that a fact may have; out->name is text.name. */
must_use int fact_condition_parse(struct arena *a, sluice_pair text, struct condition *out,
	struct pattern_error *e);
void condition_free(struct condition *c);

/* LIMIT: the expression needs more work than one match may take (regex.h). The length of the value
 * is never a reason. */
enum match header_condition_match(const struct condition *c, const struct fields *f);
enum match query_condition_match(const struct condition *c, sluice_str query);
enum match cookie_condition_match(const struct condition *c, const struct fields *f);
enum match fact_condition_match(const struct fact_condition *c, sluice_str value);

/* The value of a field: its only line, or all lines joined in buf. NO: the field is absent; LIMIT:
 * the value is longer than cap. */
enum match header_value(const struct fields *f, sluice_str name, char *buf, size_t cap,
	sluice_str *out);
/* The same for a parameter of the query, always decoded in buf. */
enum match query_value(sluice_str query, sluice_str name, char *buf, size_t cap, sluice_str *out);

/* The same for a cookie, always joined in buf. */
enum match cookie_value(const struct fields *f, sluice_str name, char *buf, size_t cap,
	sluice_str *out);

/* Whether each request that meets a meets b. False when that cannot be decided. */
bool condition_implies(const struct condition *a, const struct condition *b);
/* Whether no request meets both. False when that cannot be decided. */
bool condition_excludes(const struct condition *a, const struct condition *b);
/* The same of facts. */
bool fact_condition_implies(const struct fact_condition *a, const struct fact_condition *b);
bool fact_condition_excludes(const struct fact_condition *a, const struct fact_condition *b);

#endif
