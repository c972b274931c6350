/*
 * What a request is counted under: the value of the key expressions behind the limit's own prefix.
 *
 *	sluice:rl:per-user:v:alice           one expression
 *	sluice:rl:per-user:l:5:alice,3:GET,  several; with their lengths, so that no two combinations read alike
 *	sluice:rl:per-user:ip:203.0.113.7    a value was missing, and the client's address stands in for it
 *	sluice:rl:per-user:all               a value was missing, and all such requests share one count
 *
 * A value longer than KEY_VALUE_MAX goes by its SHA-256 (`h:` and hexadecimal digits), the same on every gateway: a token
 * used as a key is not kept in the store, and takes no more room there than others.
 */
#ifndef KEY_H
#define KEY_H

#include "conf.h"

enum { KEY_VALUE_MAX = 128, KEY_PARTS_MAX = 8 };

enum key_result { KEY_OK, KEY_SKIP, KEY_FAIL };

/* The key lives as long as x. KEY_SKIP: not to be counted. KEY_FAIL: no memory. */
enum key_result key_make(sluice_exchange *x, const struct rate_limit *r, sluice_str *key);

#endif
