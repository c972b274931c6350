/*
 * The verdict of the service: the status of its answer, and of its fields and body what is used
 * here. It is taken out of an answer, or kept in the cache as bytes. Worker threads; reading and
 * writing bytes: any thread.
 */
#ifndef PLUGINS_EXT_AUTH_VERDICT_H
#define PLUGINS_EXT_AUTH_VERDICT_H

#include "conf.h"

enum verdict_kind {
	VERDICT_NONE = 0, /* the service has failed */
	VERDICT_ALLOWED,
	VERDICT_REFUSED
};

/* All strings are borrowed. */
struct verdict {
	int status;
	const sluice_pair *fields;
	size_t n_fields;
	sluice_str body;
};

/* 2xx allows; 4xx refuses, and so does a redirect, but 304, which nobody can have asked for. */
enum verdict_kind verdict_kind_of(int status);

/* What is used of an answer. False: the memory of the exchange is spent. */
bool verdict_take(sluice_exchange *x, const struct ext_auth *c, const sluice_fetch_response *r,
	struct verdict *out);

/* The first field of that name, and how many there are. */
sluice_str verdict_field(const struct verdict *v, sluice_str name, size_t *count);

/* For how many milliseconds an answer is remembered; 0: it is not. Redirects lead back to the page
 * that one client wanted, cookies are made for one client, and of refusals 401, 403 and 404 alone
 * are about who asks for what: a malformed request must not refuse those of others. */
uint64_t verdict_lifetime(const struct ext_auth *c, const sluice_fetch_response *r);

/* Bytes: how many it takes; write them. */
size_t verdict_size(const struct verdict *v);
void verdict_write(const struct verdict *v, char *at);
/* How many fields the bytes have; room is for that many. False: these are no bytes of a verdict. */
size_t verdict_count(sluice_str bytes);
bool verdict_read(sluice_str bytes, sluice_pair *room, struct verdict *out);

#endif
