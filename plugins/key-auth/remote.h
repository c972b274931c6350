/*
 * Keys in a Redis store: the hash PREFIX + SHA256HEX of each key, with the fields of a draft (name,
 * expires, groups, and facts). What the store said is remembered for a while. Worker.
 */
#ifndef PLUGINS_KEY_AUTH_REMOTE_H
#define PLUGINS_KEY_AUTH_REMOTE_H

#include "conf.h"

/* In check(): open the cache, and look at the options. */
int remote_check(sluice_instance *inst, struct key_auth *k);

enum remote_age { REMOTE_NONE, REMOTE_FRESH, REMOTE_STALE };

/* What is remembered of the key. REMOTE_NONE: nothing. Else *out lives until the hook returns. */
enum remote_age remote_recall(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST], struct entry *out);

/* Ask the store; `then` judges its answer by remote_answer(). */
sluice_verdict remote_ask(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST], sluice_store_fn then);

enum remote_result {
	REMOTE_FOUND, /* *out is what the store says, as long as its answer lives, or x */
	REMOTE_ABSENT,
	REMOTE_BROKEN, /* what it says is no entry; the log says why */
	REMOTE_DOWN    /* it did not answer, or with an error */
};

/* What the store's answer means. It is remembered, and what was remembered before is forgotten
 * where the key is not there any more. */
enum remote_result remote_answer(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST], sluice_status st, const sluice_value *v,
	struct entry *out);

#endif
