/*
 * One run of a case, in a process of its own: the instances are made and started, the request goes
 * through their hooks, and what comes of it is written down. The kit has the place of clients,
 * upstreams, fetches and Redis; the clock stands still unless the exchange waits.
 */
#ifndef TOOL_PLAY_H
#define TOOL_PLAY_H

#include "outcome.h"
#include "policy/module.h"
#include "script.h"

/* How a run differs from the plain one. */
enum run_kind {
	RUN_PLAIN,
	RUN_SPLIT,  /* the body of `side` comes in two parts, the first one of n bytes */
	RUN_BYTES,  /* bodies come byte by byte */
	RUN_LATE,   /* the n-th fetch or call of a store is answered 1 ms before its deadline */
	RUN_DROP,   /* the client leaves while the exchange is parked, before its n-th step */
	RUN_MEMORY, /* the request may take n bytes more of memory */
	RUN_SLOW,   /* receivers of bodies have little room */
	RUN_KINDS
};

struct run {
	enum run_kind kind;
	sluice_side side;
	size_t n;
};

enum { RUN_ROOM = 1 << 20 }; /* RUN_MEMORY: the largest n, and what a run is measured with */

/* "body of the request in two parts, 3 bytes and the rest". */
void run_describe(const struct run *r, char *buf, size_t size);

struct play_setting {
	const struct script *script;
	const struct script_case *of;
	const struct module_dirs *dirs;
	struct run run;
};

/* Make and check the instances of the script, without a case: false when mistakes were printed. */
must_use bool play_check(const struct script *s, const struct module_dirs *dirs);
void play(const struct play_setting *p, struct outcome *out);

#endif
