/*
 * Cookies of a request (RFC 6265 5.4): `name=value` between ";", in one Cookie field or in several
 * (RFC 9113 8.2.3). Names and values are compared and shown as they were sent: quotes and escapes
 * belong to the value. No I/O. Any thread.
 */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include "http/head.h"

/* A walk over the cookies of one name. Begin with { .fields = F, .name = N }. Fields that a plugin
 * has removed are passed over. */
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
