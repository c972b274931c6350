/* Asking the upstream again in the background, while a stale response is served (RFC 5861 3). */
#ifndef CACHE_REFRESH_H
#define CACHE_REFRESH_H

#include "page.h"

struct refresh;

/* of a worker */
struct refreshes {
	struct refresh *first;
};

/* Begin, unless somebody asks for the same already. The object is borrowed. */
void refresh_begin(sluice_exchange *x, const struct cache *c, struct page *p, sluice_object *o,
	const struct entry *e, sluice_str key, sluice_str variant);
/* The worker ends: no callback comes any more. */
void refresh_stop(struct refreshes *all);

#endif
