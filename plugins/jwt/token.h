/*
 * A token in the JWS compact form (RFC 7515 section 7.1): taken apart, its header read. The claims
 * are read in a second step, so that nothing of what a stranger wrote into them is looked at before
 * the signature holds.
 */
#ifndef JWT_TOKEN_H
#define JWT_TOKEN_H

#include <jansson.h>
#include <sluice/plugin.h>

#include "alg.h"
#include "reason.h"

enum {
	TOKEN_MAX_SIGNATURE = 1024, /* RSA with 8192 bits */
	TOKEN_MAX_KID = 256,
	TOKEN_MAX_DEPTH = 16,
};

struct token {
	sluice_str signed_text; /* borrowed: header.claims, as signed */
	sluice_str claims_text; /* borrowed: the claims, encoded */
	enum alg alg;
	bool has_kid;
	size_t kid_len;
	size_t signature_len;
	char kid[TOKEN_MAX_KID];
	uint8_t signature[TOKEN_MAX_SIGNATURE + 2]; /* what decoding may need */
};

/* Take text apart. The token borrows from it and owns nothing. */
enum reason token_open(struct token *t, sluice_str text);
/* Decode the claims, which the caller releases. Call it once the signature is verified. */
enum reason token_read_claims(const struct token *t, json_t **claims);

#endif
