/*
 * Cookies of a request (RFC 6265 5.4): `name=value` between ";", in one Cookie field or in several
 * (RFC 9113 8.2.3). What a client sends need not follow the grammar: whatever stands between two
 * semicolons is a pair. Names and values are compared and shown as they were sent: quotes and
 * escapes belong to the value. No I/O. Any thread.
 */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include "http/head.h"

struct cookie_pair {
	sluice_str text; /* all of it, without blanks around it */
	sluice_str name, value;
};

/* The next pair of *rest, which is cut; false: there is none. */
bool cookie_pair_next(sluice_str *rest, struct cookie_pair *out);
bool cookie_has(sluice_str field, sluice_str name);
/* Take all pairs of that name out of the field; one that is empty then is dropped. ERR_NO_MEMORY:
 * it is as it was. */
must_use int cookie_take_out(struct arena *a, struct field *f, sluice_str name);

/* A walk over the cookies of one name in all fields. Begin with { .fields = F, .name = N }. Fields
 * that a plugin has removed are passed over. */
struct cookie_walk {
	const struct fields *fields; /* borrowed */
	sluice_str name;
	uint32_t next;   /* field to look at when rest is used up */
	sluice_str rest; /* of the field before it */
};

/* The next value; its data is never NULL. false: there is none. */
bool cookie_next(struct cookie_walk *w, sluice_str *value);
/* Bytes that all values of one name take at most, with `, ` between two. 0: there is no cookie. */
size_t cookie_room(const struct fields *f);

#endif
