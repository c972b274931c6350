/* Reading credentials: see credentials.h. */
#include "credentials.h"

enum { NO_DIGIT = 64, QUAD = 4 };

/* The value of a digit of base64 (RFC 4648 4), or NO_DIGIT. */
static unsigned digit_of(char c)
{
	static const unsigned char first = '+',
				   values['z' - '+' + 1] = { 62, 64, 64, 64, 63, 52, 53, 54, 55, 56,
					   57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64, 64, 0, 1, 2,
					   3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
					   19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 64, 64, 26,
					   27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
					   41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51 };
	unsigned at = (unsigned)(unsigned char)c - first;
	return at < sizeof(values) ? values[at] : NO_DIGIT;
}

/* Decode base64 with its padding. Only what an encoder writes is accepted, so that no other reader
 * finds something else in it. Returns the length, or -1. */
static int decode(sluice_str s, char *out, size_t room)
{
	size_t n = 0, padding = 0;
	if (s.len == 0 || s.len % QUAD != 0 || s.len / QUAD * 3 > room + 2)
		return -1;
	while (padding < 2 && s.data[s.len - 1 - padding] == '=')
		padding++;
	for (size_t i = 0; i < s.len; i += QUAD) {
		uint32_t bits = 0;
		size_t pad = i + QUAD == s.len ? padding : 0;
		for (size_t j = 0; j < QUAD; j++) {
			unsigned d = j < QUAD - pad ? digit_of(s.data[i + j]) : 0;
			if (d == NO_DIGIT)
				return -1;
			bits = bits << 6 | d;
		}
		if (pad && (bits & ((1u << (8 * pad)) - 1)) != 0)
			return -1;
		for (size_t j = 0; j < 3 - pad; j++) {
			if (n == room)
				return -1;
			out[n++] = (char)(bits >> (16 - 8 * j));
		}
	}
	return (int)n;
}

/* RFC 7617 2: neither part may have control characters. */
static bool has_controls(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (c < 0x20 || c == 0x7f)
			return true;
	}
	return false;
}

enum credentials_found credentials_read(sluice_str value, struct credentials *out)
{
	sluice_str token = value, scheme = sluice_str_cut(&token, ' ');
	if (!sluice_str_ieq(scheme, SLUICE_STR("basic")))
		return CREDENTIALS_NONE;
	while (token.len && token.data[0] == ' ')
		token = sluice_str_skip(token, 1);
	int n = decode(token, out->text, CREDENTIALS_MAX);
	if (n < 0)
		return CREDENTIALS_MALFORMED;
	out->text[n] = '\0';
	out->password = sluice_str_n(out->text, (size_t)n);
	out->user = sluice_str_cut(&out->password, ':');
	if (!out->password.data || out->user.len > USER_MAX || out->password.len > PASSWORD_MAX ||
		has_controls(sluice_str_n(out->text, (size_t)n)))
		return CREDENTIALS_MALFORMED;
	return CREDENTIALS_GOOD;
}
