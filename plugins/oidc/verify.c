/* Verifying tokens. See the header. */
#include "verify.h"

#include <sluice/plugin.h>

#include "provider.h"
#include "worker.h"

enum { KEY_WAIT_MS = 5000 };

static enum verified refuse(sluice_exchange *x, const char *what, const char *why)
{
	sluice_log_for(x, SLUICE_LOG_WARN, "%s %s", what, why);
	return VERIFIED_BAD;
}

static enum verified check_signature(sluice_exchange *x, const struct oidc_conf *conf,
	const struct token *t, const char *what, json_t **claims)
{
	const struct known *known = sluice_published(x);
	struct worker *w = sluice_worker_state(x);
	if (!w->is_ready || !known || !known->keys.keys)
		return VERIFIED_NO_KEY;
	switch (verifier_read(&w->verifier, known->keys.keys, t, conf->algorithms, claims)) {
	case JOSE_OK:
		return VERIFIED_GOOD;
	case JOSE_KEY_UNKNOWN:
	case JOSE_KEY_ALGORITHM:
	case JOSE_SIGNATURE: /* some providers give an old kid to a new key */
		return VERIFIED_NO_KEY;
	case JOSE_MALFORMED:
		return refuse(x, what, "is malformed");
	case JOSE_ISSUER:
		return refuse(x, what, "is signed by a key that is for another issuer");
	case JOSE_ALGORITHM:
		return refuse(x, what, "is signed by an algorithm that is not among `algorithms`");
	default:
		return refuse(x, what, "cannot be verified");
	}
}

enum verified verify_token(sluice_exchange *x, const struct oidc_conf *conf, sluice_str text,
	const char *what, struct token *t, json_t **claims)
{
	if (token_open(t, text) != JOSE_OK)
		return refuse(x, what, "is malformed");
	json_t *read = NULL;
	enum verified v = check_signature(x, conf, t, what, &read);
	if (v == VERIFIED_GOOD)
		*claims = read;
	else
		json_decref(read);
	return v;
}

enum verified verify_id_token(sluice_exchange *x, const struct oidc_conf *conf, sluice_str text,
	const struct id_expected *e, json_t **claims)
{
	static const char what[] = "the ID token";
	struct token t;
	json_t *read = NULL;
	enum verified v = verify_token(x, conf, text, what, &t, &read);
	if (v != VERIFIED_GOOD)
		return v;
	const char *wrong = id_token_check(&t, read, e);
	if (wrong) {
		json_decref(read);
		return refuse(x, what, wrong);
	}
	*claims = read;
	return VERIFIED_GOOD;
}

bool verify_waits(sluice_exchange *x, const struct oidc_conf *conf, uint64_t since_ns,
	sluice_hook then, sluice_verdict *verdict)
{
	const struct known *known = sluice_published(x);
	uint64_t waited = (sluice_now_ns() - since_ns) / 1000000;
	bool waits = known && waited < KEY_WAIT_MS &&
		provider_seeks_keys(x, conf, &known->keys, since_ns, KEY_WAIT_MS - waited);
	if (waits)
		*verdict = sluice_await_publish(x, KEY_WAIT_MS - waited, then);
	else
		sluice_log_for(x, SLUICE_LOG_WARN, "no key of the provider verifies its token");
	return waits;
}

bool verify_has_keys(sluice_exchange *x)
{
	const struct known *known = sluice_published(x);
	return known && known->keys.keys;
}
