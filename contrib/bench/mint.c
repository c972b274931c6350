/*
 * mint: access tokens (RFC 9068) signed with RS256, one a line: what a gateway under test is shown.
 *   mint KEY.PEM COUNT SUBJECTS     subjects go round; every token differs from all others by its
 *                                   jti
 */
#define _GNU_SOURCE
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VALID_SECONDS = 30 * 86400, SIGNATURE_MAX = 512 };

/* base64url without padding (RFC 7515 2). Returns the length. */
static size_t encode(char *to, const void *data, size_t n)
{
	size_t len = (size_t)EVP_EncodeBlock((unsigned char *)to, data, (int)n);
	while (len && to[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++)
		to[i] = (char)(to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i]);
	return len;
}

static size_t sign(EVP_PKEY *key, const char *text, size_t n, unsigned char *signature)
{
	size_t len = SIGNATURE_MAX;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
		EVP_DigestSign(ctx, signature, &len, (const unsigned char *)text, n) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	return len;
}

int main(int argc, char **argv)
{
	static const char head[] = "{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"bench\"}";
	char claims[512], token[2048];
	unsigned char signature[SIGNATURE_MAX];
	FILE *f = argc == 4 ? fopen(argv[1], "re") : NULL;
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

	if (!key) {
		(void)fprintf(stderr, "usage: mint KEY.PEM COUNT SUBJECTS\n");
		return 2;
	}
	unsigned long count = strtoul(argv[2], NULL, 10), subjects = strtoul(argv[3], NULL, 10);
	long now = (long)time(NULL);
	for (unsigned long i = 0; i < count; i++) {
		int n = snprintf(claims, sizeof(claims),
			"{\"iss\":\"https://issuer.example/"
			"\",\"aud\":\"bench\",\"sub\":\"user-%lu\",\"client_id\":\"load\","
			"\"scope\":\"read write\",\"jti\":\"%lu\",\"iat\":%ld,\"exp\":%ld}",
			subjects ? i % subjects : i, i, now, now + VALID_SECONDS);
		size_t len = encode(token, head, sizeof(head) - 1);
		token[len++] = '.';
		len += encode(token + len, claims, (size_t)n);
		size_t signed_len = sign(key, token, len, signature);
		token[len++] = '.';
		len += encode(token + len, signature, signed_len);
		(void)printf("%.*s\n", (int)len, token);
	}
	EVP_PKEY_free(key);
	return fclose(f) || fflush(stdout) ? 1 : 0;
}
