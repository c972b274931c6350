/* The field Range, for bytes (RFC 9110 14.1.2, 14.2). */
#ifndef CACHE_RANGE_H
#define CACHE_RANGE_H

#include <sluice/str.h>

enum range_kind {
	RANGE_NONE = 0,     /* another unit, several ranges, or malformed: answer the whole */
	RANGE_ONE,          /* first to last, both included */
	RANGE_NOT_SATISFIED /* no byte of the content is in it */
};

/* What a range of content of that length is. first and last are set when RANGE_ONE. */
enum range_kind range_read(sluice_str value, uint64_t length, uint64_t *first, uint64_t *last);

#endif
