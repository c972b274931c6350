/*
 * How many wrong keys a client's address may send. A key that was wrong a moment ago is not counted
 * again, so that a program that goes on with an old key uses up nothing; and a key that was right
 * from the same address passes whatever others do there. Worker.
 */
#ifndef PLUGINS_KEY_AUTH_LIMIT_H
#define PLUGINS_KEY_AUTH_LIMIT_H

#include "conf.h"

/* In check(): the budgets and the tables of an instance, whose failures are not 0. */
void limit_init(sluice_instance *inst, struct key_auth *k);

/* Whether this key was wrong within wrong_ttl. */
bool limit_is_wrong(const struct key_auth *k, const unsigned char digest[KEY_DIGEST]);
/* It was found wrong: remember that. */
void limit_set_wrong(const struct key_auth *k, const unsigned char digest[KEY_DIGEST]);

/* Whether this key was right from this client within a day; and remember that it was. */
bool limit_is_known(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST]);
void limit_set_known(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST]);

/* Whether a right key of the client, that is not known, passes. False: its budget is spent, and one
 * comes back in *retry_s seconds. */
bool limit_admits(sluice_exchange *x, const struct key_auth *k, uint64_t *retry_s);
/* Take one for a wrong key, or for one that is being looked up. False: as above. */
bool limit_take(sluice_exchange *x, const struct key_auth *k, uint64_t *retry_s);
/* Give it back: the key was right, or nobody knows. */
void limit_give(sluice_exchange *x, const struct key_auth *k);

#endif
