/*
 * page-cache: what its two halves share. page_cache.c answers requests, page_keep.c looks at
 * responses and keeps them.
 */
#ifndef PAGE_CACHE_H
#define PAGE_CACHE_H

#include <sluice/plugin.h>
#include <sluice/str.h>

struct pages {
	sluice_str store;
	uint64_t memory, ttl, keep;
	bool purge;
	sluice_cache *cache;
};

/* of an exchange */
struct page {
	sluice_str key;               /* data NULL: it is nothing for the cache */
	sluice_object *stale;         /* a reference */
	sluice_object_writer *writer; /* while the response passes */
};

static inline bool page_has_field(sluice_exchange *x, sluice_side side, const char *name)
{
	return sluice_field(x, side, sluice_str_of(name)).data != NULL;
}

/* Answer with the object. */
sluice_verdict page_answer(sluice_exchange *x, struct page *page, sluice_str how);

/* page_keep.c */
sluice_verdict pages_on_response(sluice_exchange *x, const void *conf);
sluice_verdict pages_on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end);

#endif
