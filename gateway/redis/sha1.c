/* SHA-1 after FIPS 180-4. Any thread. */
#include "redis/sha1.h"

#define ROTL(x, n) (((x) << (n)) | ((x) >> (32 - (n))))

static void sha1_block(uint32_t h[5], const unsigned char *p)
{
	uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
	for (int i = 0; i < 16; i++) {
		w[i] = (uint32_t)p[i * 4] << 24 | (uint32_t)p[i * 4 + 1] << 16 | (uint32_t)p[i * 4 + 2] << 8 |
		       p[i * 4 + 3];
	}
	for (int i = 16; i < 80; i++)
		w[i] = ROTL(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (int i = 0; i < 80; i++) {
		uint32_t f, k;
		if (i < 20) {
			f = (b & c) | (~b & d);
			k = 0x5a827999;
		} else if (i < 40) {
			f = b ^ c ^ d;
			k = 0x6ed9eba1;
		} else if (i < 60) {
			f = (b & c) | (b & d) | (c & d);
			k = 0x8f1bbcdc;
		} else {
			f = b ^ c ^ d;
			k = 0xca62c1d6;
		}
		uint32_t t = ROTL(a, 5) + f + e + k + w[i];
		e = d;
		d = c;
		c = ROTL(b, 30);
		b = a;
		a = t;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

void sha1_hex(sluice_str text, char out[SHA1_HEX + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
	unsigned char last[128] = { 0 };
	const unsigned char *p = (const unsigned char *)text.data;
	size_t whole = text.len / 64 * 64, rest = text.len - whole;
	uint64_t bits = (uint64_t)text.len * 8;

	for (size_t i = 0; i < whole; i += 64)
		sha1_block(h, p + i);
	if (rest)
		memcpy(last, p + whole, rest);
	last[rest] = 0x80;
	size_t n = rest < 56 ? 64 : 128; /* the length takes the last eight bytes */
	for (unsigned i = 0; i < 8; i++)
		last[n - 1 - i] = (unsigned char)(bits >> (8 * i));
	for (size_t i = 0; i < n; i += 64)
		sha1_block(h, last + i);
	for (unsigned i = 0; i < 20; i++) {
		uint32_t byte = h[i / 4] >> (24 - 8 * (i % 4)) & 0xff;
		out[i * 2] = digits[byte >> 4];
		out[i * 2 + 1] = digits[byte & 15];
	}
	out[SHA1_HEX] = 0;
}
