/*
 * Answers from the cache: the whole, a part (RFC 9110 14), or that nothing has changed (RFC 9110
 * 13). The body is lent from where it is stored.
 */
#ifndef CACHE_SERVE_H
#define CACHE_SERVE_H

#include "page.h"

/* What Cache-Status says besides. */
enum serve_how { SERVE_HIT = 0, SERVE_VALIDATED };

/* Pairs that serve_fields() needs beyond those of the response. */
enum { SERVE_ROOM = 3 };

/* A stored response that is served. */
struct served {
	sluice_object *object; /* a reference, which is taken */
	const struct entry_head *head;
	sluice_pair *v; /* in the memory of the exchange, with SERVE_ROOM more */
	size_t n;
	enum serve_how how;
};

/* Answer with it. */
sluice_verdict serve(sluice_exchange *x, const struct cache *c, struct page *p,
	const struct served *s);
/* Answer with an object; its reference is taken. */
sluice_verdict serve_object(sluice_exchange *x, const struct cache *c, struct page *p,
	sluice_object *object, const struct entry *e);

/* Add the member of this cache to Cache-Status of a response that the upstream gave. stored: it is
 * kept as it passes. */
void serve_say_forwarded(sluice_exchange *x, const struct cache *c, const struct page *p,
	bool stored);

#endif
