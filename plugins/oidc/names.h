/*
 * What a session in a store is called. The browser has an id of 32 random bytes; the store sees its
 * digest alone, so that who reads the store cannot use what is there. Other keys are digests as
 * well: of what the provider calls a session or a user, of tokens. Any thread; no state.
 */
#ifndef OIDC_NAMES_H
#define OIDC_NAMES_H

#include "conf.h"

enum {
	ID_TEXT = 43,     /* characters of an id: base64url of 32 bytes */
	DIGEST_TEXT = 43, /* and of a digest, SHA-256 */
	STORE_KEY = 64,   /* room for a key */
};

/* A key in the store; of length 0 where there was no memory to make it. */
struct store_key {
	char text[STORE_KEY];
	size_t len;
};

/* A new id, of ID_TEXT characters. False: the system has no random bytes. */
bool names_make_id(char out[static ID_TEXT]);
/* Whether a text has the form of an id, and that of a digest. */
bool names_is_id(sluice_str text);

/* The key of the session with that id. */
struct store_key names_session(const struct oidc_conf *conf, sluice_str id);
/* The key of a session by its digest alone, which indexes have. */
struct store_key names_session_of(sluice_str digest);
/* No data: it is no key. */
sluice_str names_digest(const struct store_key *session);
/* The key of the sessions of one that the provider names: kind `sid` or `sub`; of the logout token
 * `jti`. */
struct store_key names_index(const struct oidc_conf *conf, const char *kind, sluice_str value);
/* The key of the claim on a refresh. */
struct store_key names_claim(const uint8_t digest[static 32]);

static inline bool names_is_key(const struct store_key *k)
{
	return k->len > 0;
}

static inline sluice_str names_text(const struct store_key *k)
{
	return sluice_str_n(k->text, k->len);
}

#endif
