/*
 * Private keys by which tokens are decrypted (RFC 7516): RSA and EC keys of a key set or of PEM.
 * Read on the main thread; each worker has its own copy, since keys have locks.
 */
#ifndef JOSE_JWE_KEYS_H
#define JOSE_JWE_KEYS_H

#include <openssl/types.h>
#include <sluice/str.h>

enum { JWE_KEYS_MAX = 16, JWE_MAX_KID = 256 };

/* ways to come to the key of the content (RFC 7518 4.1) */
enum jwe_alg { JWE_RSA_OAEP, JWE_RSA_OAEP_256, JWE_ECDH_ES, JWE_ALGS };
extern const char *const jwe_alg_names[JWE_ALGS];
#define JWE_BIT(alg) (1U << (alg))

struct jwe_key {
	EVP_PKEY *pkey; /* owned */
	char *kid;      /* owned; NULL: it has none */
	unsigned algs;  /* JWE_BIT()s that it is bound to, by its type and its `alg` */
};

struct jwe_keys {
	size_t n;
	struct jwe_key v[JWE_KEYS_MAX];
};

/* Read a key set of private keys, or PEM with one private key after another. NULL, and why says
 * why; it shows nothing of a key. */
struct jwe_keys *jwe_keys_read(sluice_str text, char *why, size_t why_size);
/* NULL without memory. */
struct jwe_keys *jwe_keys_copy(const struct jwe_keys *keys);
void jwe_keys_free(struct jwe_keys **keys);

#endif
