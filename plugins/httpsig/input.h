/*
 * What a signature covers and how it was made: a member of Signature-Input (RFC 9421 4.1), and the
 * signature itself (4.2). Any thread.
 */
#ifndef HTTPSIG_INPUT_H
#define HTTPSIG_INPUT_H

#include "message.h"
#include "sf.h"

enum { INPUT_SIGNATURE_MAX = 1024 }; /* bytes of a signature: RSA with 8192 bits */

/* The parameters of RFC 9421 2.3, as bits. */
enum input_param {
	INPUT_CREATED = 1 << 0,
	INPUT_EXPIRES = 1 << 1,
	INPUT_NONCE = 1 << 2,
	INPUT_ALG = 1 << 3,
	INPUT_KEYID = 1 << 4,
	INPUT_TAG = 1 << 5,
};
/* In the order of these bits; NULL at the end. */
extern const char *const input_param_names[];

/* Texts are as they stand in the field, so with escapes where there are any. */
struct sig_input {
	struct sf_list covers; /* with all parameters, in their order */
	unsigned given;        /* enum input_param */
	int64_t created, expires;
	sluice_str nonce, alg, keyid, tag;
};

/* Read the text of an inner list of Signature-Input. False: it is malformed: a parameter is of the
 * wrong type, or what is covered is no list of strings. */
bool input_read(sluice_str list, struct sig_input *out);

/* Whether the signature covers all of the component: of a field no member alone, no trailer and
 * nothing of another message. */
bool input_covers(const struct sig_input *in, sluice_str component);

#endif
