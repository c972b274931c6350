/*
 * A Lua script that Redis runs, called by the digest of its source (EVALSHA). The part that is the
 * same in every call is formatted once. Immutable: shared by all workers.
 */
#ifndef REDIS_SCRIPT_H
#define REDIS_SCRIPT_H

#include "base/arena.h"

enum {
	SCRIPT_ARGS_MAX = 64,
	SCRIPT_SOURCE_MAX = 64 * 1024,
	SCRIPT_SHA1 = 40 /* hexadecimal digits */
};

struct sluice_script {
	sluice_str source;          /* borrowed: as long as the arena */
	char sha1[SCRIPT_SHA1 + 1]; /* the name by which Redis knows it */
	/* the command's first arguments in RESP, up to the number of keys, which is 1 */
	sluice_str evalsha, eval;
};

/* In a, which must outlive every call of the script. NULL when the source is empty or longer than
 * SCRIPT_SOURCE_MAX. */
struct sluice_script *script_new(struct arena *a, sluice_str source);

#endif
