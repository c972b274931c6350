/* The first steps in the judgement of a token, of which the request knows nothing: they depend on
 * the token and the options alone. */
#ifndef JWT_JUDGE_H
#define JWT_JUDGE_H

#include <jansson.h>

#include "../jose/token.h"
#include "conf.h"

/* Read the token's header. headers: those seen lately, or NULL. */
enum reason judge_open(const struct jwt_conf *conf, struct token_headers *headers, struct token *t,
	sluice_str text);
/* Choose the issuer whose keys must verify the token: its index. With one issuer the claims are not
 * read before the signature was verified, and *claims is NULL. With several, `iss` chooses, and is
 * trusted only after these keys verified the token; the caller releases *claims in any case. */
enum reason judge_issuer(const struct jwt_conf *conf, const struct token *t, size_t *issuer,
	json_t **claims);

#endif
