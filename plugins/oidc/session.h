/* The session of a browser: who has logged in, since when, and the tokens that came with it. As
 * text it is a JSON object, which lies sealed in cookies or in a store. No network; any thread. */
#ifndef OIDC_SESSION_H
#define OIDC_SESSION_H

#include <jansson.h>
#include <sluice/str.h>

struct session {
	json_t *root;   /* owned: all strings are borrowed from it */
	json_t *claims; /* borrowed */
	/* data NULL: it has none */
	sluice_str access_token, refresh_token, id_token;
	uint64_t begun_ms, used_ms; /* since 1970 */
	uint64_t access_until_ms;   /* 0: the provider did not say */
	uint64_t renew_ms;          /* when a new access token is fetched; 0: never */
};

/* What a session is made of. claims: a reference is taken over. */
struct session_parts {
	json_t *claims;
	sluice_str access_token, refresh_token, id_token;
	uint64_t begun_ms, used_ms;
	uint64_t access_for_ms; /* from used_ms on; 0: the provider did not say */
	uint64_t ahead_ms; /* how long before its end a new one is fetched; a quarter at most */
};

/* False: no memory; claims is released in any case. */
bool session_make(const struct session_parts *parts, struct session *out);
/* False: the text is no session. */
bool session_read(sluice_str text, struct session *out);
void session_fini(struct session *s);
/* Change what the text will say. */
bool session_touch(struct session *s, uint64_t now_ms);
bool session_forget_id_token(struct session *s);
/* The text, on the heap: free it by session_free_text(), which overwrites it. NULL: no memory. */
char *session_text(const struct session *s);
void session_free_text(char *text);

/* Take from the claims of an ID token what was for the login alone. */
void session_trim_claims(json_t *claims);

/* Until when the session lasts, in ms since 1970. idle_ms 0: however long it is not used. */
uint64_t session_until(const struct session *s, uint64_t lifetime_ms, uint64_t idle_ms);

#endif
