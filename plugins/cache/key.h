/*
 * Keys of objects: what a response depends on, as text; one that is longer than KEY_MAX is its
 * SHA-256. And the tags by which objects are removed.
 */
#ifndef CACHE_KEY_H
#define CACHE_KEY_H

#include "conf.h"

enum {
	KEY_MAX = 1024,
	KEY_NAMES = 16,      /* names in Vary; with more a response is not stored */
	KEY_NAMES_MAX = 512, /* bytes of them */
	KEY_URI = 4 + 64,    /* bytes of the tag of a target */
};

struct key {
	char text[KEY_MAX];
	size_t len;    /* 0: there is no memory, and no key */
	bool has_user; /* a fact that says who asks is in it */
};

static inline sluice_str key_text(const struct key *k)
{
	return sluice_str_n(k->text, k->len);
}

/* The key of the request. is_told: it has fields that tell of its address (told.h). False: it has
 * none, because a fact has several values, the upstream gets empty segments of the path that the
 * facts are without, or there is no memory. */
bool key_make(sluice_exchange *x, const struct cache *c, bool is_told, struct key *out);
/* Whether the facts of the option `key` have one that says who asks. */
bool key_names_user(const struct cache *c);
/* The tag of all responses of a target (RFC 9111 4.4): scheme, authority, path and query. */
bool key_uri(const struct cache *c, sluice_str scheme, sluice_str authority, sluice_str target,
	char out[KEY_URI]);

/* The names in Vary, in lower case, sorted, each once, with commas between them. False: `*`, too
 * many, or a field that the gateway writes. Without Vary *n is 0. */
bool key_vary(const sluice_pair *v, size_t n, char out[KEY_NAMES_MAX], size_t *len);
/* The key of the variant that a request with these fields gets. */
bool key_variant(sluice_str key, sluice_str names, const sluice_pair *v, size_t n, struct key *out);

#endif
