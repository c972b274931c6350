/*
 * mint: access tokens (RFC 9068), one a line: what a gateway under test is shown. The key decides
 * the algorithm: RS256 for RSA, ES256 for P-256.
 *   mint KEY.PEM COUNT SUBJECTS     subjects go round; every token differs from all others by its
 *                                   jti
 */
#define _GNU_SOURCE
#include "sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { VALID_SECONDS = 30 * 86400 };

int main(int argc, char **argv)
{
	char claims[512], token[TOKEN_MAX];
	EVP_PKEY *key = argc == 4 ? key_read(argv[1]) : NULL;

	if (!key) {
		(void)fprintf(stderr, "usage: mint KEY.PEM COUNT SUBJECTS\n");
		return 2;
	}
	unsigned long count = strtoul(argv[2], NULL, 10), subjects = strtoul(argv[3], NULL, 10);
	long now = (long)time(NULL);
	for (unsigned long i = 0; i < count; i++) {
		(void)snprintf(claims, sizeof(claims),
			"{\"iss\":\"https://issuer.example/"
			"\",\"aud\":\"bench\",\"sub\":\"user-%lu\",\"client_id\":\"load\","
			"\"scope\":\"read write\",\"jti\":\"%lu\",\"iat\":%ld,\"exp\":%ld}",
			subjects ? i % subjects : i, i, now, now + VALID_SECONDS);
		token_sign(key, "at+jwt", claims, token);
		(void)puts(token);
	}
	EVP_PKEY_free(key);
	return fflush(stdout) ? 1 : 0;
}
