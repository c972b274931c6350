/*
 * How we say who we are to an authorization server: RFC 6749 2.3.1 (client_secret_basic,
 * client_secret_post) and RFC 7523 2.2 (private_key_jwt). A module embeds struct client_auth in its
 * configuration and CLIENT_AUTH_OPTIONS() in its table.
 */
#ifndef OAUTH_CLIENT_AUTH_H
#define OAUTH_CLIENT_AUTH_H

#include <sluice/plugin.h>

#include "form.h"

enum client_auth_method {
	CLIENT_AUTH_BASIC,
	CLIENT_AUTH_POST,
	CLIENT_AUTH_PRIVATE_KEY_JWT,
};
extern const char *const client_auth_methods[]; /* basic, post, private_key_jwt */

struct signer;

struct client_auth {
	sluice_str client_id, client_secret, client_key, client_key_id, client_audience;
	int32_t client_auth;      /* enum client_auth_method */
	int32_t client_algorithm; /* index of client_auth_algorithms; 0: the usual one of the key */
	/* set by client_auth_check() */
	struct signer *signer; /* owned: client_auth_free(); NULL: not private_key_jwt */
};
extern const char *const client_auth_algorithms[]; /* auto, then those of alg.h */

/* Rows for a table of options; st has a member `member` of that struct. */
/* clang-format off */
#define CLIENT_AUTH_ROW(T, st, member, field, ...) \
	{ .name = #field, .offset = offsetof(st, member.field), .type = (T), __VA_ARGS__ }
#define CLIENT_AUTH_OPTIONS(st, member)                                                            \
	CLIENT_AUTH_ROW(SLUICE_T_STR, st, member, client_id, .max = "512",                         \
		.doc = "the name under which the authorization server knows this gateway"),        \
	CLIENT_AUTH_ROW(SLUICE_T_STR, st, member, client_secret, .flags = SLUICE_F_SECRET,         \
		.max = "1024", .doc = "the secret that belongs to client_id"),                     \
	CLIENT_AUTH_ROW(SLUICE_T_ENUM, st, member, client_auth, .def = "basic",                    \
		.choices = client_auth_methods,                                                    \
		.doc = "how the gateway proves that it is client_id: by the secret in the field "  \
		       "Authorization, by the secret in the body, or by an assertion that it "     \
		       "signs with client_key"),                                                   \
	CLIENT_AUTH_ROW(SLUICE_T_STR, st, member, client_key, .flags = SLUICE_F_SECRET,            \
		.max = "16384", .doc = "private key in PEM for private_key_jwt: file:PATH"),       \
	CLIENT_AUTH_ROW(SLUICE_T_STR, st, member, client_key_id, .max = "256",                     \
		.doc = "the kid of client_key at the authorization server"),                       \
	CLIENT_AUTH_ROW(SLUICE_T_STR, st, member, client_audience, .max = "512",                   \
		.doc = "the audience of assertions; left out: the URL that is asked. Some "        \
		       "servers want their issuer"),                                               \
	CLIENT_AUTH_ROW(SLUICE_T_ENUM, st, member, client_algorithm, .def = "auto",                \
		.choices = client_auth_algorithms,                                                 \
		.doc = "signature algorithm of assertions; auto: RS256, or the one of the curve "  \
		       "of client_key")
/* clang-format on */

/* Main thread, in check(): what goes together. where: the path of the block with a dot at its end,
 * or empty. 0, or -1 with errors reported; client_auth_free() in both cases. */
int client_auth_check(sluice_instance *inst, struct client_auth *c, const char *where);
void client_auth_free(struct client_auth *c);

/* Any thread: add the credentials to a form, or set *authorization to the value of that field,
 * which the caller frees (NULL: the form has them). endpoint: the URL that is asked. False: there
 * is no memory or no randomness. */
bool client_auth_apply(const struct client_auth *c, sluice_str endpoint, struct form *form,
	char **authorization);

#endif
