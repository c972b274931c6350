/* SipHash (Aumasson, Bernstein 2012): see siphash.h. */
#include "siphash.h"

#include <endian.h>

struct state {
	uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t v, unsigned by)
{
	return v << by | v >> (64 - by);
}

static void rounds(struct state *s, unsigned n)
{
	while (n--) {
		s->a += s->b;
		s->c += s->d;
		s->b = rotate(s->b, 13) ^ s->a;
		s->d = rotate(s->d, 16) ^ s->c;
		s->a = rotate(s->a, 32);
		s->c += s->b;
		s->a += s->d;
		s->b = rotate(s->b, 17) ^ s->c;
		s->d = rotate(s->d, 21) ^ s->a;
		s->c = rotate(s->c, 32);
	}
}

/* Up to eight bytes as a number, the first one lowest. */
static uint64_t word_at(const char *at, size_t n)
{
	uint64_t word = 0;
	memcpy(&word, at, n);
	return le64toh(word);
}

static void absorb(struct state *s, uint64_t word)
{
	s->d ^= word;
	rounds(s, 2);
	s->a ^= word;
}

static uint64_t fold(const struct state *s)
{
	return s->a ^ s->b ^ s->c ^ s->d;
}

struct siphash siphash(const uint64_t key[2], sluice_str input)
{
	struct state s = { key[0] ^ UINT64_C(0x736f6d6570736575),
		key[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee, key[0] ^ UINT64_C(0x6c7967656e657261),
		key[1] ^ UINT64_C(0x7465646279746573) };
	struct siphash out;
	size_t at = 0;
	for (; input.len - at >= sizeof(uint64_t); at += sizeof(uint64_t))
		absorb(&s, word_at(input.data + at, sizeof(uint64_t)));
	absorb(&s, (uint64_t)input.len << 56 | word_at(input.data + at, input.len - at));
	s.c ^= 0xee;
	rounds(&s, 4);
	out.lo = fold(&s);
	s.b ^= 0xdd;
	rounds(&s, 4);
	out.hi = fold(&s);
	return out;
}
