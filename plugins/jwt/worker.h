/* What an instance keeps on each worker. */
#ifndef JWT_WORKER_H
#define JWT_WORKER_H

#include "../jose/jwe_keys.h"
#include "../jose/token.h"
#include "../jose/verify.h"
#include "cache.h"
#include "conf.h"
#include "dpop_nonce.h"

struct worker {
	struct verifier *verifiers; /* owned: one for each issuer; NULL: its start failed */
	size_t n_verifiers;
	struct cache cache;
	struct token_headers headers;
	struct expression_scratch *scratch; /* owned; NULL: no rule needs it */
	struct verifier proofs;             /* of DPoP; zeroed where that is off */
	struct dpop_nonces nonces;
	struct jwe_keys *decryption; /* owned; NULL: there are none */
};

/* 0, or -1 without memory or when OpenSSL lacks something. */
int worker_init(struct worker *w, const struct jwt_conf *conf);
void worker_fini(struct worker *w);

#endif
