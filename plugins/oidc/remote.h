/*
 * Sessions in Redis. The browser's cookie has the id alone. The store has the session's text under
 * the id's digest, sealed for that key, so that no text can be put in the place of another; it ends
 * by itself when the session is not used. Where providers may end sessions, indexes lead from what
 * the provider calls a session, and from its user, to the sessions here.
 */
#ifndef OIDC_REMOTE_H
#define OIDC_REMOTE_H

#include "calls.h"
#include "kept.h"
#include "names.h"
#include "session.h"

enum {
	REMOTE_SESSION_MAX = 64 * 1024, /* bytes of a session's text */
	REMOTE_INDEX_MAX = 100,         /* sessions of one user: a further one ends the oldest */
};

/* In check(): 0, or -1 with the mistake reported. */
int remote_check(sluice_instance *inst, struct oidc_conf *conf);

/* Find the session that the cookie names: KEPT_GOOD, and it is the flow's. It counts as used. */
sluice_verdict remote_find(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then);
/* Read the flow's session anew, as another gateway may have changed it. */
sluice_verdict remote_read_again(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then);
/* Keep the flow's session under a new id, and forget the one that the browser had. KEPT_GOOD: the
 * response sets the cookie. */
sluice_verdict remote_begin(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then);
/* Delete the session that the cookie names: KEPT_GOOD, or KEPT_DOWN. */
sluice_verdict remote_end(sluice_exchange *x, const struct oidc_conf *conf, kept_fn then);

/* The sealed text on the heap; NULL: no memory, or it is too large. */
char *remote_seal(const struct oidc_conf *conf, const struct store_key *key,
	const struct session *s, size_t *len);
/* How long the store keeps a session that is used now, in ms; 0: it has ended. */
uint64_t remote_ttl(const struct oidc_conf *conf, const struct session *s);
/* Whether a session, as the store has it, may be used now. */
bool remote_is_current(const struct oidc_conf *conf, const struct session *s);

/* Worker, for a logout of the provider: end the sessions of that index. */
sluice_verdict remote_end_all(sluice_exchange *x, const struct oidc_conf *conf,
	const struct store_key *index, const struct store_key *jti, uint64_t jti_ms, calls_fn then);

#endif
