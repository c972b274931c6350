/*
 * What a request is counted under: the value of the key expressions behind the limit's own prefix.
 *
 *      sluice:rl:per-user:v:alice          one expression
 *      sluice:rl:per-user:l:alice,GET      several
 *      sluice:rl:per-user:ip:203.0.113.7   a value was missing: the client's address instead
 *      sluice:rl:per-user:all:             a value was missing: all such requests share one count
 *
 * No two requests that differ in any part read alike, whatever the parts hold: in names and values
 * the bytes `:` `,` `%` `{` `}` are written as %XX. (Braces, since in a cluster they choose the
 * node.) A value longer than KEY_VALUE_MAX goes by its SHA-256, its kind included (`h:` and
 * hexadecimal digits), the same on every gateway: a token used as a key is not kept in the store,
 * and takes no more room there than others. An address is counted by its network, see conf.h.
 */
#ifndef KEY_H
#define KEY_H

#include "conf.h"

enum { KEY_VALUE_MAX = 128, KEY_PARTS_MAX = 8 };

enum key_result {
	KEY_OK,
	KEY_SKIP, /* not to be counted */
	/* the request says several times what it is counted by: whoever could choose one would not
	   be limited */
	KEY_MANY,
	KEY_FAIL, /* no memory */
};

/* In check(): what all keys of the limit begin with, in memory of the instance. */
sluice_str key_start(sluice_instance *inst, sluice_str prefix, sluice_str name);
/* The key lives as long as x. */
enum key_result key_make(sluice_exchange *x, const struct rate_limit *r, sluice_str *key);

#endif
