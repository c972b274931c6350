/*
 * A token in the JWS compact form (RFC 7515 section 7.1): splits it and reads its header. The
 * claims are read in a second step, so that nothing in them is used before the signature was
 * verified.
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
	uint8_t signature[TOKEN_MAX_SIGNATURE + 2]; /* room for the decoder */
};

/* Split text and read the header. The token borrows from text and owns nothing. */
enum reason token_open(struct token *t, sluice_str text);
/* Decode the claims, which the caller releases. To be called after the signature was verified. */
enum reason token_read_claims(const struct token *t, json_t **claims);

#endif
