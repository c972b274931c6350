/*
 * Storing responses. Functions with a cache and texts alone may be called by any thread; so that a
 * response that a request brings and one that is fetched in the background are stored alike.
 */
#ifndef CACHE_KEEP_H
#define CACHE_KEEP_H

#include "entry.h"
#include "key.h"

/* Store a whole response. False: it is not kept. */
bool keep_put(const struct cache *c, const struct asked *a, const struct reply *r,
	const struct keeping *k, sluice_str data);
/* Begin to store one whose body is to come; NULL: it is not kept. */
sluice_object_writer *keep_begin(const struct cache *c, const struct asked *a,
	const struct reply *r, const struct keeping *k);
/* Remember that responses of this key are not stored, unless one is meanwhile. */
void keep_pass(const struct cache *c, sluice_str key);

/* The fields of a stored response after a 304 (RFC 9111 3.2), in v, which has room for all of both.
 * Returns how many. */
size_t keep_merge(const struct entry *e, const struct reply *not_modified, sluice_pair *v);
/* Whether a 304 is about the stored response (RFC 9111 4.3.4). */
bool keep_is_selected(const struct entry *e, const struct reply *not_modified);

#endif
