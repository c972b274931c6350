/*
 * Texts that a browser keeps for us and can neither read nor change: AES-256-GCM (NIST SP 800-38D).
 * Each text has a key of its own, derived from the secret and 16 random bytes, so that the number
 * of texts has no bound that matters. Immutable after seal_init(): any thread.
 */
#ifndef OIDC_SEAL_H
#define OIDC_SEAL_H

#include <openssl/types.h>
#include <sluice/str.h>

enum {
	SEAL_KEY = 32,
	SEAL_KEYS = 8,
	SEAL_MARK = 1,
	SEAL_SALT = 16,
	SEAL_NONCE = 12,
	SEAL_TAG = 16
};
enum { SEAL_EXTRA = SEAL_MARK + SEAL_SALT + SEAL_NONCE + SEAL_TAG };

/* Characters of the sealed text of n bytes; and the bytes of room that opening one of n characters
 * needs. */
#define SEAL_ROOM(n) (((n) + SEAL_EXTRA) * 4 / 3 + 4)
#define SEAL_OPEN_ROOM(n) ((n) / 4 * 3 + 4)

struct seal {
	EVP_CIPHER *cipher; /* owned */
	size_t n;
	uint8_t keys[SEAL_KEYS][SEAL_KEY]; /* the first one seals */
};

/* n secrets, SEAL_KEYS at most. 0, or -1 when OpenSSL lacks something. fini also undoes a failed
 * init. */
int seal_init(struct seal *s, const sluice_str *secrets, size_t n);
void seal_fini(struct seal *s);
/* purpose: what the text is for; one that was sealed for another purpose cannot be opened. Returns
 * the number of characters at out, base64url; 0: it failed. */
size_t seal_close(const struct seal *s, sluice_str purpose, sluice_str plain, char *out);
/* False: the text was not sealed by one of the keys for that purpose, or was changed. */
bool seal_open(const struct seal *s, sluice_str purpose, sluice_str text, uint8_t *out,
	sluice_str *plain);

#endif
