/* How reading or verifying a token ended. */
#ifndef JOSE_RESULT_H
#define JOSE_RESULT_H

enum jose_result {
	JOSE_OK,
	JOSE_MALFORMED,     /* it does not follow the RFCs to the letter */
	JOSE_CRITICAL,      /* its header demands an extension */
	JOSE_ALGORITHM,     /* unknown, or not among those that are allowed */
	JOSE_KEY_ALGORITHM, /* the key that its kid names is not for its algorithm */
	JOSE_KEY_UNKNOWN,   /* no key has its kid */
	JOSE_ISSUER,        /* the key that its kid names is for tokens of another issuer */
	JOSE_SIGNATURE,     /* the key does not verify it */
	JOSE_DECRYPTION,    /* it is encrypted, and cannot be decrypted */
	JOSE_NO_MEMORY,     /* a failure of ours, not of the token */
	JOSE_COUNT,
};

#endif
