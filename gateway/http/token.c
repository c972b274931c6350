/*
 * Known field names. Names are compared as two or three overlapping words whose letters are folded
 * in place, after one look into a small hash table that is built from the lists when the program
 * starts. The same look finds the fields of the edge (edge.def), and names that differ from a known
 * one in '_' for '-': programs behind CGI, WSGI and the like cannot tell them apart. Any thread.
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

/* Names of the family that are no tokens. */
static const sluice_str edge_names[] = {
#define E(text) { text, sizeof(text) - 1 },
#define P(text)
#include "http/edge.def"
#undef E
#undef P
};
static const sluice_str edge_prefixes[] = {
#define E(text)
#define P(text) { text, sizeof(text) - 1 },
#include "http/edge.def"
#undef E
#undef P
};
enum {
	EDGE_NAMES = sizeof(edge_names) / sizeof(edge_names[0]),
	EDGE_PREFIXES = sizeof(edge_prefixes) / sizeof(edge_prefixes[0])
};

#define HASH_FACTOR UINT64_C(0x05b6e6e307d4bedd)
enum { TOKEN_NAME_MAX = 24, SLOTS = 1024, HASH_BITS = 10, KEYS = TOKEN_COUNT + EDGE_NAMES };

/* Three words hold any name of up to 24 bytes; parts that overlap do no harm. */
struct token_words {
	uint64_t first, last, middle, len;
};

struct token_mask {
	uint64_t first, last, middle;
};

/* What a look needs lies in one cache line. */
struct token_key {
	_Alignas(64) struct token_words words; /* of the name in lower case */
	struct token_mask exact;               /* bits that must be the same: all but case */
	unsigned code;
	struct token_mask alike; /* all but case, and '_' for '-' */
	sluice_str name;
};

static uint8_t slots[SLOTS];        /* index of keys; 0: none; linear probing */
static struct token_key keys[KEYS]; /* the first is none */

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

/* Blind to case, and to '_' for '-', which differ in the bits 0x72; what else it takes for the same
 * does not matter here. The factor is one by which no two names of the table meet. */
static inline unsigned words_hash(const struct token_words *w)
{
	const uint64_t fold = 0x7272727272727272u;
	uint64_t first = w->first | fold, last = w->last | fold;
	return (unsigned)((((last << 29 | last >> 35) + first) * HASH_FACTOR) >> (64 - HASH_BITS));
}

/* The bits in which a name may differ from a lower-case name: letters are what has 0x40, digits and
 * '-' have not. */
static uint64_t word_case(uint64_t w)
{
	return (w & 0x4040404040404040u) >> 1;
}

static uint64_t word_loose(uint64_t w)
{
	uint64_t mask = word_case(w);
	for (unsigned i = 0; i < 64; i += 8)
		mask |= ((w >> i & 0xff) == '-' ? UINT64_C(0x72) : 0) << i;
	return mask;
}

static void key_add(unsigned at, sluice_str name, unsigned code)
{
	struct token_key *k = &keys[at];
	check(name.len > 0 && name.len <= TOKEN_NAME_MAX, "field name %s is too long for the table",
		name.data);
	*k = (struct token_key){ .words = words_of(name.data, name.len),
		.name = name,
		.code = code };
	k->exact = (struct token_mask){ .first = ~word_case(k->words.first),
		.last = ~word_case(k->words.last),
		.middle = ~word_case(k->words.middle) };
	k->alike = (struct token_mask){ .first = ~word_loose(k->words.first),
		.last = ~word_loose(k->words.last),
		.middle = ~word_loose(k->words.middle) };
	unsigned slot = words_hash(&k->words);
	while (slots[slot])
		slot = (slot + 1) % SLOTS;
	slots[slot] = (uint8_t)at;
}

__attribute__((constructor)) static void token_init(void)
{
	for (unsigned t = 1; t < TOKEN_COUNT; t++)
		key_add(t, str_n(rows[t].text, rows[t].len), t);
	for (unsigned i = 0; i < EDGE_NAMES; i++)
		key_add(TOKEN_COUNT + i, edge_names[i], TOKEN_IS_EDGE);
}

_Static_assert((int)TOKEN_COUNT <= (int)TOKEN_SEEN_EDGE, "parsers keep sets of tokens in one word");
_Static_assert(KEYS < 256, "the hash table has bytes, and wants to be sparse");

bool field_names_alike(sluice_str a, sluice_str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		char p = a.data[i] == '_' ? '-' : ascii_lower(a.data[i]);
		if (p != (b.data[i] == '_' ? '-' : ascii_lower(b.data[i])))
			return false;
	}
	return true;
}

static inline uint64_t words_differ(const struct token_words *a, const struct token_words *b,
	const struct token_mask *must)
{
	return (a->len ^ b->len) | ((a->first ^ b->first) & must->first) |
		((a->last ^ b->last) & must->last) | ((a->middle ^ b->middle) & must->middle);
}

/* Names that are in no table but begin as the family does. */
static unsigned code_by_prefix(const char *name, size_t len)
{
	for (unsigned i = 0; i < EDGE_PREFIXES; i++) {
		size_t n = edge_prefixes[i].len;
		if (len > n && field_names_alike(str_n(name, n), edge_prefixes[i]))
			return TOKEN_IS_EDGE | (memchr(name, '_', len) ? TOKEN_IS_TWIN : 0);
	}
	return TOKEN_OTHER;
}

/* All prefixes begin with "x-", and then with one of f o r e s a. */
static inline unsigned code_of_other(const char *name, size_t len)
{
	if (likely((name[0] | 0x20) != 'x') || len < 4 || (name[1] != '-' && name[1] != '_'))
		return TOKEN_OTHER;
	return memchr("foresa", name[2] | 0x20, 6) ? code_by_prefix(name, len) : TOKEN_OTHER;
}

unsigned token_read(const char *name, size_t len)
{
	if (unlikely(len - 1 >= TOKEN_NAME_MAX))
		return len ? code_of_other(name, len) : TOKEN_OTHER;
	struct token_words w = words_of(name, len);
	for (unsigned at = words_hash(&w);; at = (at + 1) % SLOTS) {
		const struct token_key *k = &keys[slots[at]];
		if (likely(!words_differ(&w, &k->words, &k->exact)))
			return k->code;
		if (slots[at] == 0) /* the first key has no length, and is like no name */
			return code_of_other(name, len);
		if (!words_differ(&w, &k->words, &k->alike) &&
			field_names_alike(str_n(name, len), k->name))
			return (k->code & TOKEN_IS_EDGE) | TOKEN_IS_TWIN;
	}
}

enum token token_find(const char *name, size_t len)
{
	return (enum token)(token_read(name, len) & TOKEN_CODE);
}

unsigned token_flags(enum token t)
{
	return rows[t].flags;
}

sluice_str token_name(enum token t)
{
	return str_n(rows[t].text, rows[t].len);
}
