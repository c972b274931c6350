/* Which key a token is bound to. */
#include "dpop_binding.h"

#include <openssl/sha.h>
#include <stdlib.h>

#include "../jose/sign.h"
#include "../jose/strict.h"

void dpop_binding_free(struct dpop_binding **binding)
{
	if (!*binding)
		return;
	lone_key_free(&(*binding)->key);
	free(*binding);
	*binding = NULL;
}

bool dpop_binding_of(const json_t *claims, sluice_str token, struct dpop_binding **out)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	sluice_str jkt;
	const json_t *cnf = json_member(claims, "cnf");
	*out = NULL;
	if (!cnf)
		return true;
	if (!json_is_object(cnf) || !json_member_str(cnf, "jkt", &jkt))
		return false;
	if (!jkt.data)
		return true; /* bound to something else, such as a certificate */
	struct dpop_binding *b = calloc(1, sizeof *b);
	if (!b || !thumbprint_read(jkt, b->jkt)) {
		free(b);
		return false;
	}
	(void)SHA256((const uint8_t *)token.data, token.len, hash);
	(void)b64url_encode(b->ath, hash, sizeof hash);
	*out = b;
	return true;
}
