/* The key of a request: in the first of its places that has something. */
#ifndef PLUGINS_KEY_AUTH_SOURCE_H
#define PLUGINS_KEY_AUTH_SOURCE_H

#include "../shared/place.h"

enum { SOURCES_MAX = 8, KEY_MAX = 1024 };

enum source_found {
	SOURCE_KEY,
	SOURCE_NONE,
	/* it is there twice, empty, too long, or has bytes that a key cannot have */
	SOURCE_MALFORMED,
	SOURCE_FAIL /* the exchange's memory is spent */
};

/* Worker: the key of the first place that the request has; *used is its index. The key lives as
 * long as x. */
enum source_found source_find(sluice_exchange *x, const struct place *v, size_t n, sluice_str *key,
	size_t *used);

#endif
