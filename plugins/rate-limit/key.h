/*
 * The key under which a request is counted: the limit's prefix and the values of the key
 * expressions.
 *
 *      sluice:rl:per-user:v:alice          one expression
 *      sluice:rl:per-user:l:alice,GET      several
 *      sluice:rl:per-user:ip:203.0.113.7   a value was missing: the client's address instead
 *      sluice:rl:per-user:all:             a value was missing: all such requests share one count
 *      sluice:rl:per-user:p:gold:v:alice   a caller whose plan has a rate of its own
 *
 * Requests that differ in any part have different keys: in names and values the bytes `:` `,` `%`
 * `{` `}` are written as %XX. (Braces choose the node in a cluster.) A value longer than
 * KEY_VALUE_MAX is replaced by its SHA-256 (`h:` and hexadecimal digits), the same on every
 * gateway. So a token used as a key is not stored, and takes no more room than others. An address
 * is counted by its network, see conf.h.
 */
#ifndef KEY_H
#define KEY_H

#include "conf.h"

enum { KEY_VALUE_MAX = 128, KEY_PARTS_MAX = 8 };

enum key_result {
	KEY_OK,
	KEY_SKIP, /* not to be counted */
	/* the request has several values for a part: a client could choose among them and escape
	   the limit */
	KEY_MANY,
	KEY_FAIL, /* no memory */
};

/* For check(): the start of all keys of the limit, in memory of the instance. */
sluice_str key_start(sluice_instance *inst, sluice_str prefix, sluice_str name);
/* For check(): the part of the keys of a plan that tells them from others. */
sluice_str key_plan(sluice_instance *inst, sluice_str plan);
/* The key lives as long as x. */
enum key_result key_make(sluice_exchange *x, const struct rate_limit *r, const struct limit *l,
	sluice_str *key);

#endif
