/* For how long an answer may be remembered, by what it says itself (RFC 9111 5.2.2). Any
 * thread. */
#ifndef PLUGINS_EXT_AUTH_LIFETIME_H
#define PLUGINS_EXT_AUTH_LIFETIME_H

#include <sluice/str.h>

#define LIFETIME_UNSAID UINT64_MAX

/* Seconds that a value of Cache-Control permits: the shorter one of max-age and s-maxage; 0 for
 * no-store and no-cache, and for a max-age that is no number or is there twice with different
 * ones. LIFETIME_UNSAID: it says nothing about it. */
uint64_t lifetime_read(sluice_str cache_control);

/* Of an answer with these fields: Age counts as well, so does each line of Cache-Control. */
uint64_t lifetime_of(const sluice_pair *fields, size_t n);

#endif
