/* Base64, and writing it into a text. */
#include "base64.h"

#include "text.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of a digit, or -1. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (sluice_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static size_t padding(sluice_str s)
{
	size_t n = 0;
	while (n < 2 && n < s.len && s.data[s.len - 1 - n] == '=')
		n++;
	return n;
}

bool base64_is(sluice_str s)
{
	size_t pad = padding(s);
	if (s.len % 4)
		return false;
	for (size_t i = 0; i < s.len - pad; i++) {
		if (value_of(s.data[i]) < 0)
			return false;
	}
	/* the bits of the last digit that belong to no byte are zero */
	return pad == 0 || (value_of(s.data[s.len - 1 - pad]) & (pad == 1 ? 3 : 15)) == 0;
}

size_t base64_decode(sluice_str s, uint8_t *out)
{
	size_t n = 0, pad = padding(s);
	uint32_t bits = 0;
	for (size_t i = 0; i < s.len - pad; i++) {
		bits = bits << 6 | (uint32_t)(value_of(s.data[i]) & 63);
		if (i % 4 != 0)
			out[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	return n;
}

void text_put_base64(struct text *t, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	for (size_t i = 0; i < n; i += 3) {
		size_t left = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			(left > 2 ? p[i + 2] : 0);
		char four[4] = { digits[v >> 18], digits[v >> 12 & 63],
			left > 1 ? digits[v >> 6 & 63] : '=', left > 2 ? digits[v & 63] : '=' };
		text_put(t, sluice_str_n(four, sizeof(four)));
	}
}
