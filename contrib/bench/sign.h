/* Signed tokens (RFC 7515), for the programs that make them. The key decides the algorithm. */
#ifndef SIGN_H
#define SIGN_H

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_MAX = 2048, SIGNATURE_MAX = 512, ES256_HALF = 32 };

/* base64url without padding (RFC 7515 2). Returns the length. */
static inline size_t encode(char *to, const void *data, size_t n)
{
	size_t len = (size_t)EVP_EncodeBlock((unsigned char *)to, data, (int)n);
	while (len && to[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++)
		to[i] = (char)(to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i]);
	return len;
}

/* The private key in a file, or NULL. */
static inline EVP_PKEY *key_read(const char *path)
{
	FILE *f = fopen(path, "re");
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
	if (f)
		(void)fclose(f);
	return key;
}

static inline int key_is_ec(const EVP_PKEY *key)
{
	return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
}

/* RFC 7518 3.4: both numbers, one behind the other. Returns the length. */
static inline size_t two_halves(unsigned char *signature, size_t n)
{
	const unsigned char *der = signature;
	ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &der, (long)n);
	if (!numbers || BN_bn2binpad(ECDSA_SIG_get0_r(numbers), signature, ES256_HALF) < 0 ||
		BN_bn2binpad(ECDSA_SIG_get0_s(numbers), signature + ES256_HALF, ES256_HALF) < 0)
		abort();
	ECDSA_SIG_free(numbers);
	return (size_t)2 * ES256_HALF;
}

static inline size_t sign(EVP_PKEY *key, const char *text, size_t n, unsigned char *signature)
{
	size_t len = SIGNATURE_MAX;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
		EVP_DigestSign(ctx, signature, &len, (const unsigned char *)text, n) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	return key_is_ec(key) ? two_halves(signature, len) : len;
}

/* A token with these claims, of at most 1 KiB, in `token`, which has room for TOKEN_MAX. The key
 * has the name "bench" for RSA, and "bench-ec" for EC. */
static inline void token_sign(EVP_PKEY *key, const char *typ, const char *claims, char *token)
{
	unsigned char signature[SIGNATURE_MAX];
	char head[128];
	int n = snprintf(head, sizeof(head), "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}",
		key_is_ec(key) ? "ES256" : "RS256", typ, key_is_ec(key) ? "bench-ec" : "bench");
	size_t len = encode(token, head, (size_t)n);
	token[len++] = '.';
	len += encode(token + len, claims, strlen(claims));
	size_t signed_len = sign(key, token, len, signature);
	token[len++] = '.';
	len += encode(token + len, signature, signed_len);
	token[len] = '\0';
}

#endif
