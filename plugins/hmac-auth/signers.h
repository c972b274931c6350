/*
 * Who signs: the keys of the options and of the file, by their keyid, each with its algorithm and
 * with what is known of its owner. Made on the main thread, then immutable, and read by any thread.
 */
#ifndef PLUGINS_HMAC_AUTH_SIGNERS_H
#define PLUGINS_HMAC_AUTH_SIGNERS_H

#include "../jose/keys.h"
#include "../shared/entry.h"

enum { SIGNERS_MAX = 10000, KEYID_MAX = 255, SIGNER_PRINT = 32 };

/* a key of the options */
struct signer_option {
	sluice_str keyid, name;
	int32_t algorithm; /* enum sig_alg, plus 1; 0: that of the key */
	sluice_str secret, public_key, expires;
	sluice_strs groups;
	sluice_pairs facts;
};

/* a mistake: of which line of the file, or of which of the options */
struct signers_mistake {
	size_t line;     /* from 1; 0: it is of the options */
	size_t index;    /* of the options */
	const char *why; /* the rest of a sentence; never shows what was written */
};

struct signers {
	struct keyset *set; /* owned */
	struct packed {
		size_t at, len; /* of the packed entry, in text */
		size_t line;    /* where the file has it; 0: an option */
		uint8_t print[SIGNER_PRINT];
	} * v;      /* owned: one for each key of the set */
	char *text; /* owned: the packed entries */
	size_t used, room;
};

/*
 * Lines of file: `KEYID NAME secret=TEXT|public_key=BASE64 [algorithm=NAME] [expires=TIME]
 * [groups=a,b] [FACT=VALUE ...]`; '#' begins a comment at the start of a line. In options
 * public_key is the text of the key itself. All is copied. NULL: *mistake says why.
 */
struct signers *signers_new(const struct signer_option *options, size_t n, sluice_str file,
	struct signers_mistake *mistake);
void signers_free(void *signers);
size_t signers_count(const struct signers *s);

/* The key of that keyid, as it stands in the request; the entry lives as long as s. NULL: there is
 * none. */
const struct key *signers_find(const struct signers *s, sluice_str keyid, struct entry *out);
/* What tells the key and its entry from all others: a digest of both. key: of signers_find(). */
const uint8_t *signers_print(const struct signers *s, const struct key *key);
/* Why this cannot be a keyid, or a tag: the rest of a sentence; NULL: it can. */
const char *signers_text_refused(sluice_str text);

#endif
