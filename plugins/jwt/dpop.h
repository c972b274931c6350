/*
 * Demonstrating proof of possession (RFC 9449): a token that names the thumbprint of a key in its
 * claim `cnf` is of use only to whoever has the private key, and shows so with each request by a
 * proof in the field DPoP. dpop_proof.c checks a proof, dpop_uri.c the URL that it names, nonce.c
 * makes and knows nonces, shared/seen.c remembers the proofs that have come.
 */
#ifndef JWT_DPOP_H
#define JWT_DPOP_H

#include "cache.h"
#include "conf.h"
#include "dpop_proof.h"

/* Main thread, in check(), before challenge_check(): the options. 0, or -1 with mistakes
 * reported. */
int dpop_check(sluice_instance *inst, struct jwt_conf *conf);

/* Worker, where the instance takes DPoP: find the token, as bearer_find() does, also behind the
 * scheme DPoP. */
enum reason dpop_find(sluice_exchange *x, sluice_str *token);

/* Any thread: what the options want of a proof at that time; the rest of *ask is the caller's. */
void dpop_ask_of(struct dpop_ask *ask, const struct jwt_conf *conf, uint64_t now_ms);

/*
 * Worker, where the instance takes DPoP: whether the token may be used by this request.
 * SLUICE_NEXT: it may. SLUICE_WAIT: the store is asked; then runs, and gives its answer to
 * dpop_answered(). Any other verdict: it was refused. *is_then_s: the verdict is that of then,
 * which has run already, or will.
 */
sluice_verdict dpop_judge(sluice_exchange *x, const struct jwt_conf *conf, struct entry *e,
	sluice_store_fn then, bool *is_then_s);
sluice_verdict dpop_answered(sluice_exchange *x, const struct jwt_conf *conf, sluice_status st,
	const sluice_value *v);

#endif
