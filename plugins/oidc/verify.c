/* Verifying ID tokens. See the header. */
#include "verify.h"

#include <sluice/plugin.h>

#include "provider.h"
#include "worker.h"

static enum verified refuse(sluice_exchange *x, const char *why)
{
	sluice_log_for(x, SLUICE_LOG_WARN, "the ID token %s", why);
	return VERIFIED_BAD;
}

static enum verified check_signature(sluice_exchange *x, const struct oidc_conf *conf,
	const struct token *t)
{
	const struct known *known = sluice_published(x);
	struct worker *w = sluice_worker_state(x);
	if (!w->is_ready || !known || !known->keys.keys)
		return VERIFIED_NO_KEY;
	switch (verifier_check(&w->verifier, known->keys.keys, t, conf->algorithms)) {
	case JOSE_OK:
		return VERIFIED_GOOD;
	case JOSE_KEY_UNKNOWN:
	case JOSE_KEY_ALGORITHM:
	case JOSE_SIGNATURE: /* some providers give an old kid to a new key */
		return VERIFIED_NO_KEY;
	case JOSE_ALGORITHM:
		return refuse(x, "is signed by an algorithm that is not among `algorithms`");
	default:
		return refuse(x, "cannot be verified");
	}
}

enum verified verify_id_token(sluice_exchange *x, const struct oidc_conf *conf, sluice_str text,
	const struct id_expected *e, json_t **claims)
{
	struct token t;
	json_t *read = NULL;
	if (token_open(&t, text) != JOSE_OK)
		return refuse(x, "is malformed");
	enum verified v = check_signature(x, conf, &t);
	if (v != VERIFIED_GOOD)
		return v;
	if (token_read_claims(&t, &read) != JOSE_OK)
		return refuse(x, "is malformed");
	const char *wrong = id_token_check(&t, read, e);
	if (wrong) {
		json_decref(read);
		return refuse(x, wrong);
	}
	*claims = read;
	return VERIFIED_GOOD;
}
