/* Tokens that bring their key. */
#include "embedded.h"

#include <openssl/err.h>

/* RFC 7518 6.2.2, 6.3.2 and 6.4.1: what only the owner of a private key, or of a secret, has. */
static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k", NULL };

static bool is_private(const json_t *jwk)
{
	for (size_t i = 0; private_members[i]; i++) {
		if (json_object_get(jwk, private_members[i]))
			return true;
	}
	return false;
}

enum jose_result embedded_open(struct embedded *e, sluice_str text, uint64_t allowed)
{
	e->header = NULL;
	e->allowed = allowed;
	enum jose_result why = token_open_keeping(&e->token, text, &e->header);
	if (why != JOSE_OK)
		return why;
	if (!(alg_exact(ALG_BIT(e->token.header.alg)) & alg_exact(allowed) & ALG_PUBLIC))
		return JOSE_ALGORITHM;
	const json_t *jwk = json_object_get(e->header, "jwk");
	if (!json_is_object(jwk) || is_private(jwk) || !thumbprint_of(jwk, e->thumbprint))
		return JOSE_KEY_ALGORITHM;
	return JOSE_OK;
}

enum jose_result embedded_verify(struct embedded *e, struct verifier *v, struct lone_key **key)
{
	struct key public;
	if (*key)
		return verifier_check_lone(v, *key, &e->token, e->allowed);
	const char *wrong = key_read(&public, json_object_get(e->header, "jwk"));
	ERR_clear_error(); /* leave no errors in the queue for TLS on this thread */
	if (wrong)
		return JOSE_KEY_ALGORITHM;
	struct lone_key *made = lone_key_new(&public);
	if (!made)
		return JOSE_NO_MEMORY;
	enum jose_result why = verifier_check_lone(v, made, &e->token, e->allowed);
	if (why == JOSE_OK)
		*key = made;
	else
		lone_key_free(&made);
	return why;
}

void embedded_fini(struct embedded *e)
{
	json_decref(e->header);
	e->header = NULL;
}
