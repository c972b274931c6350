/*
 * The rules of RFC 9111 about responses: which are stored (3), how old they are and how long they
 * are fresh (4.2). They look at texts alone, and know no exchange.
 */
#ifndef CACHE_RULE_H
#define CACHE_RULE_H

#include "conf.h"
#include "../shared/directives.h"

#define NS_OF_MS UINT64_C(1000000)

/* What storing must know of the request that a response answers. All of it is borrowed. */
struct asked {
	sluice_str key;       /* of the target, before Vary */
	sluice_str uri, path; /* a tag, and a path: see key.h */
	const sluice_pair *v; /* its fields, as they were looked up */
	size_t n;
	struct directives cc;
	bool credentials; /* Authorization, or a plugin knows who asks */
	bool has_user;    /* key has who asks, and the option `credentials` is set */
	bool has_range;
};

/* A response of the upstream. */
struct reply {
	int status;
	const sluice_pair *v;
	size_t n;
	uint64_t head_ns, head_ms; /* when its head came: monotonic, and since 1970 */
	uint64_t delay_ms;         /* from the request to then */
};

/* How a response is kept. */
struct keeping {
	uint64_t lifetime_ms;
	uint64_t age_ms; /* when its head came */
	uint64_t while_revalidate_ms, if_error_ms;
	uint64_t keep_ms;   /* how long it is of use after it became stale */
	int64_t date_s;     /* when it was made */
	int64_t modified_s; /* Last-Modified; -1: it has none */
	bool has_date;      /* the response itself says so */
	bool validate;      /* no-cache: may not be used before the upstream was asked */
	bool no_stale;      /* must-revalidate and what amounts to it */
	struct directives cc;
};

/* Value of the first field of that name. */
sluice_str rule_field(const sluice_pair *v, size_t n, const char *name);

/* Whether the response to a GET may be stored and is of use then. */
bool rule_may_store(const struct cache *c, const struct asked *a, const struct reply *r,
	struct keeping *out);
/* Whether a response with that status tells what others would get, too. One to a request with
 * credentials, or with no-store, need not: what is stored for others stays. */
bool rule_speaks_for_others(const struct asked *a, int status);
/* Whether the field names tags, and clients do not see it. It is stored, because a 304 need not
 * repeat it. */
bool rule_hides_field(const struct cache *c, sluice_str name);
/* Whether the field is stored with it. */
bool rule_stores_field(const struct cache *c, const struct keeping *k, const struct reply *r,
	sluice_str name);

#endif
