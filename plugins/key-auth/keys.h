/*
 * The keys of the options and of the file: a table by their SHA-256. Made on the main thread, then
 * immutable, and read by any thread.
 *
 * A key is looked up by its digest. How long that takes may tell something about the digest, but
 * nobody can choose a key by a part of its digest that he knows, so it tells nothing of use.
 */
#ifndef PLUGINS_KEY_AUTH_KEYS_H
#define PLUGINS_KEY_AUTH_KEYS_H

#include "../shared/entry.h"

enum { KEY_DIGEST = 32, KEY_HEX = 2 * KEY_DIGEST };

struct keys;

/* a key of the options */
struct key_option {
	sluice_str sha256, name, expires;
	sluice_strs groups;
	sluice_pairs facts;
};

/* a mistake: of which line of the file, or of which of the options */
struct keys_mistake {
	size_t line;     /* from 1; 0: it is of the options */
	size_t index;    /* of the options */
	const char *why; /* the rest of a sentence; never shows what was written */
};

/* Lines of file: `SHA256HEX NAME [expires=TIME] [groups=a,b] [FACT=VALUE ...]`; '#' begins a
 * comment at the start of a line. All is copied. NULL: *mistake says why. */
struct keys *keys_new(const struct key_option *options, size_t n, sluice_str file,
	struct keys_mistake *mistake);
void keys_free(void *keys);
size_t keys_count(const struct keys *k);

/* False: there is no such key. The entry lives as long as k. */
bool keys_find(const struct keys *k, const unsigned char digest[KEY_DIGEST], struct entry *out);

/* Read 64 hexadecimal digits, of either case. */
bool key_digest_read(sluice_str hex, unsigned char out[KEY_DIGEST]);

#endif
