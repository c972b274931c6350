/*
 * The proofs that have come: each is good once. They are kept in a table of a memory store, or in
 * Redis for several gateways, until no gateway accepts them any more for their age.
 */
#ifndef JWT_DPOP_SEEN_H
#define JWT_DPOP_SEEN_H

#include "conf.h"
#include "dpop_proof.h"

/* In check(): take the store, or a table of it. */
void dpop_seen_init(sluice_instance *inst, struct dpop_conf *conf);

enum seen {
	SEEN_NEW,
	SEEN_BEFORE,
	SEEN_DOWN, /* the store does not say */
	SEEN_LATER /* it is being asked: *verdict is what the hook returns */
};

/* Worker: note the proof, which is known for ttl_ms. then gets the store's answer, for
 * dpop_seen_answer(). */
enum seen dpop_seen_note(sluice_exchange *x, const struct dpop_conf *conf,
	const uint8_t id[static PROOF_ID], uint64_t ttl_ms, sluice_store_fn then,
	sluice_verdict *verdict);
enum seen dpop_seen_answer(sluice_status st, const sluice_value *v);

#endif
