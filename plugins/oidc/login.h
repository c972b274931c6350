/*
 * A login that has begun: the browser is sent to the provider, and what has to fit when it comes
 * back lies sealed in a cookie of its own. So several tabs can log in at once, and nobody can
 * finish a login in a browser that did not begin it.
 */
#ifndef OIDC_LOGIN_H
#define OIDC_LOGIN_H

#include "conf.h"

enum {
	LOGIN_SECRET = 43, /* characters of state, nonce and verifier: 32 random bytes */
	LOGIN_WORD = 8,    /* characters of the state in the cookie's name */
	LOGINS_MAX = 6,    /* at a time in one browser; a further one ends the oldest */
	LOGINS_SEEN = 16,  /* cookies that are looked at for that, since anybody can send more */
};

struct login {
	sluice_str state, nonce, verifier, redirect_uri, return_to;
	uint64_t begun_ms; /* since 1970 */
};

/* Write it as text, and read it. login_text() is for texts that have no line ends; room for
 * login_room() bytes. */
size_t login_room(const struct login *l);
sluice_str login_text(const struct login *l, char *out);
bool login_read(sluice_str text, struct login *out);

/* Begin a login that leads back to return_to: answers with a redirect to the provider, perhaps
 * after a wait. */
sluice_verdict login_begin(sluice_exchange *x, const struct oidc_conf *conf, sluice_str return_to);
/* The login of that state, if this browser has begun it and it is not too old. Its strings live as
 * long as x. Its cookie is taken away: a login ends once. */
bool login_take(sluice_exchange *x, const struct oidc_conf *conf, sluice_str state,
	struct login *out);

#endif
