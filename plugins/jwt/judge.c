/* Which token it is, and whose. See the header. */
#include "judge.h"

#include "issuers.h"
#include "rules.h"

enum reason judge_open(const struct jwt_conf *conf, struct token_headers *headers, struct token *t,
	sluice_str text)
{
	enum reason why = reason_of_jose(token_open_seen(t, text, headers));
	return why == REASON_NONE && !rules_accept_type(conf, t) ? REASON_TOKEN_TYPE : why;
}

enum reason judge_issuer(const struct jwt_conf *conf, const struct token *t, size_t *issuer,
	json_t **claims)
{
	*issuer = 0;
	*claims = NULL;
	if (conf->n_trusted == 1)
		return REASON_NONE;
	enum reason why = reason_of_jose(token_read_claims(t, claims));
	if (why != REASON_NONE)
		return why;
	*issuer = issuers_find(conf, *claims);
	return *issuer < conf->n_trusted ? REASON_NONE : REASON_TOKEN_ISSUER;
}
