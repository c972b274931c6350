/*
 * What has come before: proofs, nonces and signatures that are good once. Each is known by a digest
 * until no gateway would accept it any more for its age, in a table of a memory store, or in Redis
 * for several gateways. Instances share nothing: where two stand on one route, both see each
 * request. Compiled into each module that needs it.
 */
#ifndef PLUGINS_SHARED_SEEN_H
#define PLUGINS_SHARED_SEEN_H

#include <sluice/plugin.h>

enum { SEEN_ID = 32 };

struct seen_store {
	const sluice_store *store; /* borrowed: Redis, or a table of a memory store */
	sluice_str prefix;         /* of the names in Redis */
};

/* Main thread, in check(): take the store, or the memory store of the process where it is NULL.
 * what: a word for the things that are seen, which names the table and the keys: in Redis these are
 * `sluice:WHAT:INSTANCE:ID`. */
void seen_init(struct seen_store *s, sluice_instance *inst, const sluice_store *store,
	const char *what);

enum seen {
	SEEN_NEW,
	SEEN_BEFORE,
	SEEN_DOWN, /* the store does not say */
	SEEN_LATER /* it is being asked: *verdict is what the hook returns */
};

/* How a thing is noted: it is known for ttl_ms, and a Redis is waited for timeout_ms. then gets its
 * answer, for seen_answer(). */
struct seen_note {
	uint64_t ttl_ms, timeout_ms;
	sluice_store_fn then;
};

/* Worker: note the thing of that digest. */
enum seen seen_note(sluice_exchange *x, const struct seen_store *s,
	const uint8_t id[static SEEN_ID], const struct seen_note *how, sluice_verdict *verdict);
enum seen seen_answer(sluice_status st, const sluice_value *v);

#endif
