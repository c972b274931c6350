/*
 * Helpers for strings: comparing, cutting, tokens of RFC 9110, digits. All of them are inline, need
 * no service of the gateway, and may be called on any thread. Strings are borrowed: a string that a
 * function returns is part of its argument. Functions that write expect memory that is large
 * enough. Letters are those of ASCII, whatever the locale.
 */
#ifndef SLUICE_STR_H
#define SLUICE_STR_H

#include <sluice/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* No string: data is NULL. An empty string has data, and len 0. */
#define SLUICE_STR_NONE ((sluice_str){ NULL, 0 })

/* The string of a NUL-terminated text; NULL gives SLUICE_STR_NONE. */
static inline sluice_str sluice_str_of(const char *text)
{
	return (sluice_str){ text, text ? strlen(text) : 0 };
}

static inline sluice_str sluice_str_n(const char *data, size_t len)
{
	return (sluice_str){ data, len };
}

/* ---- characters ---------------------------------------------------------------------------- */

static inline char sluice_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static inline bool sluice_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool sluice_is_alnum(char c)
{
	return sluice_is_digit(c) || (sluice_lower(c) >= 'a' && sluice_lower(c) <= 'z');
}

/* A character of a token (RFC 9110 5.6.2), of which names of fields and methods are made. */
static inline bool sluice_is_token_char(char c)
{
	return sluice_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/* ---- comparing ----------------------------------------------------------------------------- */

static inline bool sluice_str_eq(sluice_str a, sluice_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Equal but for the case of letters. */
static inline bool sluice_str_ieq(sluice_str a, sluice_str b)
{
	size_t i = 0;
	if (a.len != b.len)
		return false;
	while (i < a.len && sluice_lower(a.data[i]) == sluice_lower(b.data[i]))
		i++;
	return i == a.len;
}

/* Whether s equals a NUL-terminated text. */
static inline bool sluice_str_is(sluice_str s, const char *text)
{
	return sluice_str_eq(s, sluice_str_of(text));
}

static inline bool sluice_str_starts(sluice_str s, sluice_str prefix)
{
	return s.len >= prefix.len && sluice_str_eq(sluice_str_n(s.data, prefix.len), prefix);
}

/* The index of s among the n strings of v; n when it is none of them. */
static inline size_t sluice_str_find(sluice_str s, const sluice_str *v, size_t n)
{
	size_t i = 0;
	while (i < n && !sluice_str_eq(s, v[i]))
		i++;
	return i;
}

/* Whether s is a token (RFC 9110 5.6.2). An empty string is not. */
static inline bool sluice_str_is_token(sluice_str s)
{
	size_t i = 0;
	while (i < s.len && sluice_is_token_char(s.data[i]))
		i++;
	return s.len > 0 && i == s.len;
}

/* ---- cutting ------------------------------------------------------------------------------- */

/* s without its first n bytes; n is at most s.len. */
static inline sluice_str sluice_str_skip(sluice_str s, size_t n)
{
	return n ? (sluice_str){ s.data + n, s.len - n } : s;
}

/* s without blanks and tabs at both ends (OWS of RFC 9110 5.6.3). */
static inline sluice_str sluice_str_trim(sluice_str s)
{
	while (s.len && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = sluice_str_skip(s, 1);
	while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Returns what stands before the first separator, and moves *rest behind it. Without a separator it
 * returns all of *rest, which becomes SLUICE_STR_NONE. */
static inline sluice_str sluice_str_cut(sluice_str *rest, char separator)
{
	sluice_str s = *rest;
	const char *at = s.len ? (const char *)memchr(s.data, separator, s.len) : NULL;
	if (!at) {
		*rest = SLUICE_STR_NONE;
		return s;
	}
	s.len = (size_t)(at - s.data);
	*rest = sluice_str_skip(*rest, s.len + 1);
	return s;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Copy s to at, where s.len bytes have room. Returns the end of what was written. */
static inline char *sluice_str_put(char *at, sluice_str s)
{
	if (s.len)
		memcpy(at, s.data, s.len);
	return at + s.len;
}

/* Write the two hexadecimal digits of a byte, in lower case. Returns the end of what was
 * written. */
static inline char *sluice_hex_put(char *at, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";
	*at++ = digits[byte >> 4];
	*at++ = digits[byte & 15];
	return at;
}

/* The value of a hexadecimal digit of either case, or -1. */
static inline int sluice_hex_value(char c)
{
	char lower = sluice_lower(c);
	if (sluice_is_digit(c))
		return c - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Read a decimal number: digits alone, no sign, no blank. False: s is no such number, or it exceeds
 * 64 bits. */
static inline bool sluice_str_u64(sluice_str s, uint64_t *out)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(s.data[i] - '0');
		if (!sluice_is_digit(s.data[i]) || n > (UINT64_MAX - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return s.len > 0;
}

#ifdef __cplusplus
}
#endif
#endif
