/* base64url and JSON, read strictly. */
#include "strict.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#define BAD 0xff

/* Value of each character of the URL-safe alphabet (RFC 4648 section 5), 1 added so that 0 means
 * none. */
static const uint8_t values[256] = {
	['A'] = 1,
	['B'] = 2,
	['C'] = 3,
	['D'] = 4,
	['E'] = 5,
	['F'] = 6,
	['G'] = 7,
	['H'] = 8,
	['I'] = 9,
	['J'] = 10,
	['K'] = 11,
	['L'] = 12,
	['M'] = 13,
	['N'] = 14,
	['O'] = 15,
	['P'] = 16,
	['Q'] = 17,
	['R'] = 18,
	['S'] = 19,
	['T'] = 20,
	['U'] = 21,
	['V'] = 22,
	['W'] = 23,
	['X'] = 24,
	['Y'] = 25,
	['Z'] = 26,
	['a'] = 27,
	['b'] = 28,
	['c'] = 29,
	['d'] = 30,
	['e'] = 31,
	['f'] = 32,
	['g'] = 33,
	['h'] = 34,
	['i'] = 35,
	['j'] = 36,
	['k'] = 37,
	['l'] = 38,
	['m'] = 39,
	['n'] = 40,
	['o'] = 41,
	['p'] = 42,
	['q'] = 43,
	['r'] = 44,
	['s'] = 45,
	['t'] = 46,
	['u'] = 47,
	['v'] = 48,
	['w'] = 49,
	['x'] = 50,
	['y'] = 51,
	['z'] = 52,
	['0'] = 53,
	['1'] = 54,
	['2'] = 55,
	['3'] = 56,
	['4'] = 57,
	['5'] = 58,
	['6'] = 59,
	['7'] = 60,
	['8'] = 61,
	['9'] = 62,
	['-'] = 63,
	['_'] = 64,
};

static uint32_t value_of(char c)
{
	uint8_t v = values[(unsigned char)c];
	return v ? v - 1u : BAD;
}

bool b64url_decode(sluice_str in, uint8_t *out, size_t *n)
{
	const char *p = in.data, *end = p + in.len / 4 * 4;
	uint8_t *o = out;
	uint32_t bad = 0; /* bit 7 is set by any character outside the alphabet */
	for (; p < end; p += 4) {
		uint32_t a = value_of(p[0]), b = value_of(p[1]), c = value_of(p[2]),
			 d = value_of(p[3]);
		bad |= a | b | c | d;
		uint32_t v = a << 18 | b << 12 | c << 6 | d;
		*o++ = (uint8_t)(v >> 16);
		*o++ = (uint8_t)(v >> 8);
		*o++ = (uint8_t)v;
	}
	uint32_t spare =
		/* unused bits must be 0, or two texts would decode to the same bytes */
		0;
	switch (in.len % 4) {
	case 1:
		return false;
	case 2: {
		uint32_t a = value_of(p[0]), b = value_of(p[1]);
		bad |= a | b;
		spare = b & 0xf;
		*o++ = (uint8_t)(a << 2 | b >> 4);
		break;
	}
	case 3: {
		uint32_t a = value_of(p[0]), b = value_of(p[1]), c = value_of(p[2]);
		bad |= a | b | c;
		spare = c & 3;
		*o++ = (uint8_t)(a << 2 | b >> 4);
		*o++ = (uint8_t)(b << 4 | c >> 2);
		break;
	}
	default:
		break;
	}
	if ((bad & 0x80) || spare)
		return false;
	*n = (size_t)(o - out);
	return true;
}

/* Whether brackets outside strings nest at most max_depth deep. The parser checks that they
 * match. */
static bool depth_within(const char *text, size_t len, unsigned max_depth)
{
	unsigned depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			if (++depth > max_depth)
				return false;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return true;
}

/* ---- numbers that are too large ------------------------------------------------------------ */

/* The length of the number at p (RFC 8259 section 6); 0: not a number. */
static size_t number_len(const char *p, size_t len, bool *is_integer)
{
	size_t i = len > 0 && p[0] == '-', digits = i;
	*is_integer = true;
	while (i < len && p[i] >= '0' && p[i] <= '9')
		i++;
	if (i == digits || (p[digits] == '0' && i > digits + 1))
		return 0;
	if (i + 1 < len && p[i] == '.' && p[i + 1] >= '0' && p[i + 1] <= '9') {
		*is_integer = false;
		for (i++; i < len && p[i] >= '0' && p[i] <= '9';)
			i++;
	}
	if (i < len && (p[i] == 'e' || p[i] == 'E')) {
		size_t e = i + 1 + (i + 1 < len && (p[i + 1] == '+' || p[i + 1] == '-'));
		if (e >= len || p[e] < '0' || p[e] > '9')
			return 0;
		*is_integer = false;
		for (i = e; i < len && p[i] >= '0' && p[i] <= '9';)
			i++;
	}
	return i;
}

/* Whether neither an int64_t nor a double can hold the number. A number of fewer than four
 * characters always fits; a longer one is read from the text itself, behind which stands at least
 * the end of the object. */
static bool is_huge(const char *p, bool is_integer)
{
	errno = 0;
	if (is_integer)
		(void)strtoll(p, NULL, 10);
	else if (fabs(strtod(p, NULL)) <= DBL_MAX)
		return false; /* a number that is too small becomes 0, as in other readers */
	return errno == ERANGE;
}

/*
 * The text with quotes around each number that is too large. The caller frees it; *len becomes its
 * length. NULL without memory. A number before a colon is left as it is, and the parser refuses it.
 */
static char *quote_huge_numbers(const char *text, size_t *len)
{
	size_t n = *len, at = 0;
	char *out = malloc(2 * n + 1), *copy = malloc(n + 1); /* NUL-terminated for strtoll() */
	bool quoted = false;
	if (copy) {
		memcpy(copy, text, n);
		copy[n] = '\0';
	}
	for (size_t i = 0; out && copy && i < n;) {
		char c = copy[i];
		bool is_integer, starts = !quoted && (c == '-' || (c >= '0' && c <= '9'));
		size_t number = starts ? number_len(copy + i, n - i, &is_integer) : 0;
		size_t behind = i + number;
		while (behind < n && strchr(" \t\r\n", copy[behind]))
			behind++;
		bool wrap = number && !(behind < n && copy[behind] == ':') &&
			is_huge(copy + i, is_integer);
		size_t take = number ? number : quoted && c == '\\' && i + 1 < n ? 2 : 1;
		quoted ^= c == '"';
		if (wrap)
			out[at++] = '"';
		memcpy(out + at, copy + i, take);
		at += take;
		if (wrap)
			out[at++] = '"';
		i += take;
	}
	if (!copy) {
		free(out);
		out = NULL;
	}
	free(copy);
	*len = at;
	return out;
}

json_t *json_read_object(const char *text, size_t len, unsigned max_depth)
{
	if (len == 0 || memchr(text, '\0', len) || !depth_within(text, len, max_depth))
		return NULL;
	json_error_t error;
	json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!v && json_error_code(&error) == json_error_numeric_overflow) {
		char *quoted = quote_huge_numbers(text, &len);
		if (quoted)
			v = json_loadb(quoted, len, JSON_REJECT_DUPLICATES, &error);
		free(quoted);
	}
	if (v && !json_is_object(v)) {
		json_decref(v);
		v = NULL;
	}
	return v;
}

json_t *json_member(const json_t *object, const char *name)
{
	json_t *v = json_object_get(object, name);
	return json_is_null(v) ? NULL : v;
}

bool json_member_str(const json_t *object, const char *name, sluice_str *out)
{
	const json_t *v = json_member(object, name);
	*out = (sluice_str){ NULL, 0 };
	if (!v)
		return true;
	if (!json_is_string(v))
		return false;
	*out = (sluice_str){ json_string_value(v), json_string_length(v) };
	return true;
}
