/*
 * What the cache keeps of a response beside its body, as the meta of its object: a head of fixed
 * size and the fields. It never leaves the process.
 */
#ifndef CACHE_ENTRY_H
#define CACHE_ENTRY_H

#include "rule.h"

enum entry_kind {
	ENTRY_RESPONSE = 1,
	ENTRY_VARY, /* data: names of fields; the responses lie under the keys of their values */
	ENTRY_PASS  /* the last response was not stored: requests do not wait for each other */
};

struct entry_head {
	uint32_t kind; /* enum entry_kind */
	uint32_t status;
	uint32_t n_fields;
	bool validate, no_stale;
	bool hides;       /* a field that clients do not see is among them */
	uint64_t head_ns; /* when it came, monotonic */
	uint64_t age_ms, lifetime_ms, while_revalidate_ms, if_error_ms;
	int64_t date_s, modified_s;
};

/* A stored response, borrowed from its object. */
struct entry {
	struct entry_head head;
	sluice_str fields; /* names and values, each behind its length */
};

/* The meta of a response: malloc'ed; NULL: no memory. */
char *entry_new(const struct cache *c, const struct reply *r, const struct keeping *k, size_t *n);
/* False: it is no meta of this plugin. */
bool entry_read(sluice_str meta, struct entry *out);
/* Walk the fields: *rest starts as e->fields. */
bool entry_next(sluice_str *rest, sluice_pair *out);
/* The first field of that name. */
sluice_str entry_field(const struct entry *e, const char *name);

/* How old the response is now (RFC 9111 4.2.3). */
static inline uint64_t entry_age_ms(const struct entry *e, uint64_t now_ns)
{
	return e->head.age_ms + (now_ns - e->head.head_ns) / NS_OF_MS;
}

#endif
