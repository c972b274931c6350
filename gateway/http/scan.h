/*
 * Finding the first byte that matters: the inner loops of the HTTP parsers. Each exists twice, byte
 * by byte and sixteen bytes at a time (SSE2), with the same answer for the same input; tests
 * compare them. The plain name is the faster one that this machine has. Inline, because the strings
 * of a head are short. No byte outside [p, end) is read.
 */
#ifndef HTTP_SCAN_H
#define HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#define SCAN_SIMD 1
#else
#define SCAN_SIMD 0
#endif

/* What a byte may be part of. */
enum scan_class {
	SCAN_TOKEN = 1, /* tchar, RFC 9110 5.6.2 */
	/* a field value with its inner blanks: VCHAR, obs-text, SP, HTAB (RFC 9110 5.5) */
	SCAN_VALUE = 2,
	SCAN_VISIBLE = 4, /* VCHAR: 0x21 to 0x7e */
	/* VCHAR that ends no path and needs no normalisation, whatever stands before it */
	SCAN_PATH = 8,
	SCAN_UNRESERVED = 16, /* RFC 3986 2.3 */
	SCAN_HOST = 32,       /* unreserved, but no upper case */
	SCAN_NAME = 64,       /* VCHAR but ':' */
};
extern const uint8_t scan_class[256];

static inline bool scan_is(char c, unsigned class)
{
	return (scan_class[(unsigned char)c] & class) != 0;
}

static inline const char *scan_while_scalar(const char *p, const char *end, unsigned class)
{
	while (p < end && scan_is(*p, class))
		p++;
	return p;
}

/* The first byte that no field value may have: control bytes but HTAB. */
static inline const char *scan_value_scalar(const char *p, const char *end)
{
	return scan_while_scalar(p, end, SCAN_VALUE);
}
/* The first byte that is not visible ASCII. */
static inline const char *scan_visible_scalar(const char *p, const char *end)
{
	return scan_while_scalar(p, end, SCAN_VISIBLE);
}
/* The first ':' or byte that is not visible ASCII. */
static inline const char *scan_name_scalar(const char *p, const char *end)
{
	return scan_while_scalar(p, end, SCAN_NAME);
}
/* The first byte that ends a path or keeps it from being normal: not visible, one of # % ? \, or
 * '/' or '.' behind a '/'. */
static inline const char *scan_path_scalar(const char *p, const char *end)
{
	bool slash = false;
	for (; p < end && scan_is(*p, SCAN_PATH); p++) {
		if (slash && (*p == '/' || *p == '.'))
			break;
		slash = *p == '/';
	}
	return p;
}
/* The first LF that is followed by LF or by CR LF, or NULL. */
static inline const char *scan_empty_line_scalar(const char *p, const char *end)
{
	for (; end - p >= 2; p++) {
		if (p[0] == '\n' &&
			(p[1] == '\n' || (end - p >= 3 && p[1] == '\r' && p[2] == '\n')))
			return p;
	}
	return NULL;
}

#if SCAN_SIMD
static inline __m128i scan_load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}
static inline __m128i scan_eq(__m128i b, char c)
{
	return _mm_cmpeq_epi8(b, _mm_set1_epi8(c));
}
static inline unsigned scan_mask(__m128i m)
{
	return (unsigned)_mm_movemask_epi8(m);
}
/* Outside 0x21 to 0x7e: as signed numbers, bytes from 0x80 up are below 0x21 too. */
static inline __m128i scan_invisible(__m128i b)
{
	return _mm_or_si128(_mm_cmplt_epi8(b, _mm_set1_epi8(0x21)), scan_eq(b, 0x7f));
}

static inline const char *scan_value_simd(const char *p, const char *end)
{
	for (; end - p >= 16; p += 16) {
		__m128i b = scan_load(p);
		__m128i ctl = _mm_cmpeq_epi8(_mm_min_epu8(b, _mm_set1_epi8(0x1f)), b);
		unsigned bad = scan_mask(
			_mm_or_si128(_mm_andnot_si128(scan_eq(b, '\t'), ctl), scan_eq(b, 0x7f)));
		if (bad)
			return p + __builtin_ctz(bad);
	}
	return scan_value_scalar(p, end);
}

static inline const char *scan_visible_simd(const char *p, const char *end)
{
	for (; end - p >= 16; p += 16) {
		unsigned bad = scan_mask(scan_invisible(scan_load(p)));
		if (bad)
			return p + __builtin_ctz(bad);
	}
	return scan_visible_scalar(p, end);
}

static inline const char *scan_name_simd(const char *p, const char *end)
{
	for (; end - p >= 16; p += 16) {
		__m128i b = scan_load(p);
		unsigned stop = scan_mask(_mm_or_si128(scan_invisible(b), scan_eq(b, ':')));
		if (stop)
			return p + __builtin_ctz(stop);
	}
	return scan_name_scalar(p, end);
}

static inline const char *scan_path_simd(const char *p, const char *end)
{
	unsigned behind = 0; /* bit 0: the byte before p is '/' */
	for (; end - p >= 16; p += 16) {
		__m128i b = scan_load(p);
		__m128i slash = scan_eq(b, '/');
		__m128i bad = _mm_or_si128(_mm_or_si128(scan_invisible(b), scan_eq(b, '%')),
			_mm_or_si128(_mm_or_si128(scan_eq(b, '?'), scan_eq(b, '#')),
				scan_eq(b, '\\')));
		unsigned slashes = scan_mask(slash);
		unsigned segment = scan_mask(_mm_or_si128(slash, scan_eq(b, '.'))) &
			(slashes << 1 | behind);
		unsigned stop = scan_mask(bad) | segment;
		if (stop)
			return p + __builtin_ctz(stop);
		behind = slashes >> 15;
	}
	if (behind && p < end && (*p == '/' || *p == '.'))
		return p;
	return scan_path_scalar(p, end);
}

static inline const char *scan_empty_line_simd(const char *p, const char *end)
{
	for (; end - p >= 18; p += 16) {
		__m128i lf0 = scan_eq(scan_load(p), '\n');
		__m128i b1 = scan_load(p + 1);
		__m128i crlf = _mm_and_si128(scan_eq(b1, '\r'), scan_eq(scan_load(p + 2), '\n'));
		unsigned hit = scan_mask(_mm_and_si128(lf0, _mm_or_si128(scan_eq(b1, '\n'), crlf)));
		if (hit)
			return p + __builtin_ctz(hit);
	}
	return scan_empty_line_scalar(p, end);
}

#define scan_value scan_value_simd
#define scan_visible scan_visible_simd
#define scan_name scan_name_simd
#define scan_path scan_path_simd
#define scan_empty_line scan_empty_line_simd
#else
#define scan_value scan_value_scalar
#define scan_visible scan_visible_scalar
#define scan_name scan_name_scalar
#define scan_path scan_path_scalar
#define scan_empty_line scan_empty_line_scalar
#endif

#endif
