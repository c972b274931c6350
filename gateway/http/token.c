/*
 * Known field names. Names are compared as two or three overlapping words whose letters are folded in place, after one
 * look into a small hash table that is built from the list when the program starts. Any thread.
 */
#include "http/head.h"

#include <stdint.h>

struct token_row {
	char text[32]; /* lower case */
	uint8_t len, flags;
};

static const struct token_row rows[TOKEN_COUNT] = {
	[TOKEN_OTHER] = { "", 0, 0 },
#define T(name, text, flags) [TOKEN_##name] = { text, sizeof(text) - 1, flags },
#include "http/token.def"
#undef T
};

enum { TOKEN_NAME_MAX = 24, SLOTS = 512, HASH_BITS = 9 };

/* Three words hold any name of up to 24 bytes; parts that overlap do no harm. */
struct token_words {
	uint64_t first, last, middle, len;
};

static uint8_t slots[SLOTS];                 /* enum token; linear probing */
static struct token_words keys[TOKEN_COUNT]; /* of the names in lower case */

static inline uint64_t load64(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t load32(const char *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* len: 1 to TOKEN_NAME_MAX */
static inline struct token_words words_of(const char *p, size_t len)
{
	struct token_words w = { .len = len };
	if (len >= 8) {
		w.first = load64(p);
		w.last = load64(p + len - 8);
		if (len > 16)
			w.middle = load64(p + 8);
	} else if (len >= 4) {
		w.first = load32(p);
		w.last = load32(p + len - 4);
	} else {
		w.first = (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[len / 2] << 8;
		w.last = (unsigned char)p[len - 1];
	}
	return w;
}

/* Blind to case; that it also takes '_' for DEL and such does not matter here. */
static inline unsigned words_hash(const struct token_words *w)
{
	const uint64_t fold = 0x2020202020202020u;
	uint64_t h = (w->first | fold) * 0x9e3779b97f4a7c15u + (w->last | fold) * 0xc2b2ae3d27d4eb4fu + w->len;
	return (unsigned)((h * 0x9e3779b97f4a7c15u) >> (64 - HASH_BITS));
}

/* Bits in which got differs from key, when only the 0x20 of the key's letters may differ. Letters are what has 0x40 in a
 * lower-case name: digits and '-' have not. */
static inline uint64_t word_differs(uint64_t got, uint64_t key)
{
	return (got ^ key) & ~((key & 0x4040404040404040u) >> 1);
}

__attribute__((constructor)) static void token_init(void)
{
	for (unsigned t = 1; t < TOKEN_COUNT; t++) {
		size_t len = rows[t].len;
		check(len > 0 && len <= TOKEN_NAME_MAX, "field name %s is too long for the table", rows[t].text);
		keys[t] = words_of(rows[t].text, len);
		unsigned at = words_hash(&keys[t]);
		while (slots[at] != TOKEN_OTHER)
			at = (at + 1) % SLOTS;
		slots[at] = (uint8_t)t;
	}
}

_Static_assert(TOKEN_COUNT <= 64, "parsers keep sets of tokens in one word; the hash table wants to be sparse");

enum token token_find(const char *name, size_t len)
{
	if (len - 1 >= TOKEN_NAME_MAX)
		return TOKEN_OTHER;
	struct token_words w = words_of(name, len);
	for (unsigned at = words_hash(&w);; at = (at + 1) % SLOTS) {
		unsigned t = slots[at];
		if (t == TOKEN_OTHER)
			return TOKEN_OTHER;
		const struct token_words *k = &keys[t];
		if (((w.len ^ k->len) | word_differs(w.first, k->first) | word_differs(w.last, k->last) |
		     word_differs(w.middle, k->middle)) == 0)
			return (enum token)t;
	}
}

unsigned token_flags(enum token t)
{
	return rows[t].flags;
}

sluice_str token_name(enum token t)
{
	return str_n(rows[t].text, rows[t].len);
}
