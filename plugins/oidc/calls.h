/*
 * A row of calls to the store, one after another, for one request: those of a login, a logout. A
 * call's answer may end the row, or add calls to it. Worker's thread.
 */
#ifndef OIDC_CALLS_H
#define OIDC_CALLS_H

#include <sluice/plugin.h>

#include "names.h"

enum { CALL_ARGS = 5 };

/* What an answer is to be. */
enum call_wants {
	CALL_ANY,     /* whatever it is */
	CALL_OK,      /* "OK" */
	CALL_NOTHING, /* 0: else the row ends with CALLS_SEEN */
	CALL_DIGESTS, /* digests of sessions, which the row goes on to delete */
	CALL_SURPLUS, /* the same, of the index argv[0], from which they are then taken */
};

struct store_call {
	const sluice_script *script; /* of the key argv[0]; NULL: a command */
	sluice_str argv[CALL_ARGS];
	size_t n;
	enum call_wants wants;
};

enum calls_end { CALLS_DONE, CALLS_SEEN, CALLS_DOWN };

struct oidc_conf;
typedef sluice_verdict (
	*calls_fn)(sluice_exchange *x, const struct oidc_conf *conf, enum calls_end how);

/* Zeroed: no calls. */
struct store_calls {
	struct store_call *v; /* in memory of the exchange */
	size_t n, room, at;
	bool has_failed; /* no memory, or a text is empty */
	calls_fn then;
};

/* Add a call, whose texts are copied. One of them that is empty, as a key is that could not be
 * made, fails the row. */
void calls_add(sluice_exchange *x, struct store_calls *c, const struct store_call *call);
/* DEL of that key. */
void calls_delete(sluice_exchange *x, struct store_calls *c, const struct store_key *key);
/* Take a session off an index. */
void calls_unlist(sluice_exchange *x, struct store_calls *c, sluice_str index, sluice_str digest);
/* Do them: at once or after a wait, `then` says how it ended. Those behind a call that failed are
 * not done. c is forgotten, and may be filled anew. */
sluice_verdict calls_run(sluice_exchange *x, const struct oidc_conf *conf, struct store_calls *c,
	calls_fn then);

#endif
