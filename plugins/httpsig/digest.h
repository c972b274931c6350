/* Digests of bodies: the field Content-Digest (RFC 9530 2), with sha-256 and sha-512. Any thread.
 */
#ifndef HTTPSIG_DIGEST_H
#define HTTPSIG_DIGEST_H

#include "text.h"

enum content_alg { CONTENT_SHA256, CONTENT_SHA512, CONTENT_ALGS };
enum { CONTENT_DIGEST_MAX = 64, CONTENT_FIELD_MAX = 128 };

/* "sha-256", "sha-512", NULL: the choices of options. */
extern const char *const content_alg_names[];

struct content_digest {
	bool has[CONTENT_ALGS];
	uint8_t v[CONTENT_ALGS][CONTENT_DIGEST_MAX];
};

/* Read a value of the field. Algorithms that are not known are passed over. False: it is malformed,
 * or has none that is known. */
bool content_digest_read(sluice_str value, struct content_digest *out);
/* Whether the body has all digests that were read. */
bool content_digest_is_of(const struct content_digest *d, sluice_str body);
/* Write a value of the field; at most CONTENT_FIELD_MAX bytes. */
void content_digest_put(struct text *t, enum content_alg alg, sluice_str body);

#endif
