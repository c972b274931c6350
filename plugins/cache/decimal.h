/* Writing decimal numbers: a request that is served writes several, and snprintf() takes a
 * thousand instructions for each. */
#ifndef CACHE_DECIMAL_H
#define CACHE_DECIMAL_H

#include <sluice/str.h>

enum { DECIMAL_MAX = 20 }; /* digits of 64 bits */

/* Write n to at, where DECIMAL_MAX bytes have room. Returns the end of what was written. */
static inline char *decimal_put(char *at, uint64_t n)
{
	char digits[DECIMAL_MAX], *first = digits + sizeof(digits);
	do {
		*--first = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	return sluice_str_put(at, sluice_str_n(first, (size_t)(digits + sizeof(digits) - first)));
}

#endif
