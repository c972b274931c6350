/*
 * A token in the JWS compact form (RFC 7515 section 7.1): splits it and reads its header. The
 * claims are read in a second step, so that nothing in them is used before the signature was
 * verified.
 */
#ifndef JOSE_TOKEN_H
#define JOSE_TOKEN_H

#include <jansson.h>
#include <sluice/plugin.h>

#include "alg.h"
#include "result.h"

enum {
	TOKEN_MAX_SIGNATURE = 1024, /* RSA with 8192 bits */
	TOKEN_MAX_KID = 256,
	TOKEN_MAX_TYP = 64, /* of a longer one only so much is kept: no type is as long */
	TOKEN_MAX_DEPTH = 16,
	TOKEN_HEADERS = 4,       /* that are remembered */
	TOKEN_HEADER_KEPT = 512, /* characters of such a header; longer ones are read each time */
};

/* What a header says (RFC 7515 4.1). */
struct token_header {
	enum alg alg;
	bool has_kid, has_typ;
	size_t kid_len, typ_len;
	char kid[TOKEN_MAX_KID];
	char typ[TOKEN_MAX_TYP];
};

struct token {
	sluice_str signed_text; /* borrowed: header.claims, as signed */
	sluice_str claims_text; /* borrowed: the claims, encoded */
	struct token_header header;
	size_t signature_len;
	uint8_t signature[TOKEN_MAX_SIGNATURE + 2]; /* room for the decoder */
};

/* Headers that were read lately. The tokens of an issuer mostly have the same header, character by
 * character, and what it says depends on these characters alone. One thread. Zeroed at first. */
struct token_headers {
	struct token_header_seen {
		size_t len; /* 0: none */
		char text[TOKEN_HEADER_KEPT];
		struct token_header header;
	} seen[TOKEN_HEADERS];
	unsigned next; /* is overwritten by the next one */
};

/* Split text and read the header. The token borrows from text and owns nothing. */
enum jose_result token_open(struct token *t, sluice_str text);
/* The same, for a reader of many tokens. headers NULL: none are remembered. */
enum jose_result token_open_seen(struct token *t, sluice_str text, struct token_headers *headers);
/* The same, and give the header to the caller, who releases it: it was not verified. */
enum jose_result token_open_keeping(struct token *t, sluice_str text, json_t **header);
/* Decode the claims, which the caller releases. To be called after the signature was verified. */
enum jose_result token_read_claims(const struct token *t, json_t **claims);
/* Whether `typ` is there and is that media type; name is without `application/`. */
bool token_has_type(const struct token *t, sluice_str name);

#endif
