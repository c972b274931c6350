/* Validators: entity tags and dates of modification (RFC 9110 8.8, 13.1). */
#ifndef CACHE_VALIDATOR_H
#define CACHE_VALIDATOR_H

#include <sluice/str.h>

/* Whether s is an entity tag, W/"..." or "...". */
bool etag_is(sluice_str s);
/* The weak comparison of RFC 9110 8.8.3.2. */
bool etag_equal(sluice_str a, sluice_str b);
/* The strong comparison. */
bool etag_equal_strong(sluice_str a, sluice_str b);
/* Whether a member of the list of If-None-Match is equal to the tag, weakly; `*` is. */
bool etag_in_list(sluice_str list, sluice_str etag);

#endif
