/*
 * Borrowed strings: a pointer and a length, never NUL-terminated unless said so. The type is the
 * public one, so that nothing is converted at the plugin boundary.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <sluice/plugin.h>

#include "base/check.h"

#define STR SLUICE_STR
#define STR_NONE ((sluice_str){ NULL, 0 })
/* printf("%.*s", STR_ARG(s)) */
#define STR_ARG(s) (int)(s).len, (s).data ? (s).data : ""

static inline sluice_str str_of(const char *z)
{
	return (sluice_str){ z, z ? strlen(z) : 0 };
}

static inline sluice_str str_n(const char *p, size_t n)
{
	return (sluice_str){ p, n };
}

static inline bool str_eq(sluice_str a, sluice_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline char ascii_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

/* Equal without regard to ASCII case. */
bool str_ieq(sluice_str a, sluice_str b);
bool str_starts(sluice_str s, sluice_str prefix);
bool str_ends(sluice_str s, sluice_str suffix);
/* s without leading and trailing SP and HTAB (OWS of RFC 9110 5.6.3). */
sluice_str str_trim(sluice_str s);
/* Cut at the first sep: returns what stands before it and moves *rest behind it. Without a sep it
 * returns all of *rest, which is then empty with data NULL. */
sluice_str str_cut(sluice_str *rest, char sep);
/* Decimal digits only, no sign, no blanks; false on overflow or anything else. */
must_use bool str_u64(sluice_str s, uint64_t *out);
/* Next member of a comma-separated list field (RFC 9110 5.6.1), trimmed, empty ones skipped; false
 * at the end. Commas in quoted strings do not separate. */
bool str_list_next(sluice_str *rest, sluice_str *item);
/* Whether the list has the token, without regard to case. */
bool str_list_has(sluice_str list, sluice_str token);
/* Distance for "did you mean": number of edits, at most limit + 1. */
unsigned str_distance(sluice_str a, sluice_str b, unsigned limit);

/* Whether s is a token of RFC 9110 5.6.2: field names, methods. An empty string is not. */
bool str_is_token(sluice_str s);
/* Whether s is a legal field value: no CR, LF, NUL or other control byte but HTAB (RFC 9110
 * 5.5). */
bool str_is_field_value(sluice_str s);

/* The end of a noun that is counted: "" for one, else "s". */
static inline const char *str_plural(size_t n)
{
	return n == 1 ? "" : "s";
}

#endif
