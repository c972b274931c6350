/* What the plugin keeps of an exchange. The thread of its worker. */
#ifndef CACHE_PAGE_H
#define CACHE_PAGE_H

#include "entry.h"
#include "../shared/flight.h"
#include "key.h"
#include "told.h"

enum page_phase {
	PAGE_NONE = 0, /* nothing for the cache */
	PAGE_LOOKS,    /* not decided yet */
	PAGE_FORWARDS, /* the upstream is asked, and its answer may be stored */
	PAGE_SERVED,   /* answered from the cache, or refused */
	PAGE_UNSAFE    /* a success makes what is stored invalid (RFC 9111 4.4) */
};

/* Why a request is forwarded (RFC 9211 2.2). */
enum page_why { WHY_MISS = 0, WHY_VARY, WHY_STALE, WHY_REQUEST, WHY_METHOD, WHY_BYPASS };

struct page {
	enum page_phase phase;
	enum page_why why;
	bool is_head;
	bool is_dropped;   /* the exchange had no memory for the clean-up */
	bool is_collapsed; /* it has waited for another request */
	bool does_pass;    /* the key is known for what is not stored */
	bool finds_error;  /* the upstream failed for the one that it waited for */
	bool validates;    /* conditions of this cache stand in the request */
	bool is_partial;   /* the request has Range */
	bool is_conditional;
	bool has_content; /* the request has a body, which the key does not know */
	bool is_hot;      /* does not wait for others any more */
	enum told told;   /* what its fields tell of its address */
	sluice_str range, if_range, if_modified_since, if_none_match;
	struct asked asked;
	sluice_object *object; /* a reference: the stored response, too old to be used */
	struct entry entry;    /* of it */
	sluice_str variant;    /* its key, or that of the variant that the request asks for */
	sluice_object_writer *writer;
	struct flight flight;
	struct waiter waiter;
	uint64_t until_ns; /* how long it may wait for others; 0: it has not begun */
	uint64_t asked_ns; /* when it was forwarded */
};

/* The page of the exchange; NULL: no memory. */
static inline struct page *page_of(sluice_exchange *x)
{
	return sluice_state(x, sizeof(struct page));
}

/* All that is held is given back when the exchange ends. False: no memory. */
bool page_hold(sluice_exchange *x, struct page *p);
/* Keep text for as long as the exchange lives; data NULL: no memory. */
sluice_str page_keep(sluice_exchange *x, sluice_str text);
/* Copy the pointers of all fields of a side. False: no memory. */
bool page_fields(sluice_exchange *x, sluice_side side, const sluice_pair **v, size_t *n);
void page_count(const struct cache *c, const char *result);

#endif
