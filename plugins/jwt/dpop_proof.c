/* Checking a proof. */
#include "dpop_proof.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "../jose/strict.h"

/* The end of the year 9999, in seconds. */
#define LAST_SECOND INT64_C(253402300799)

/* What the header says. The key is compared before it is used: nobody but the token's owner has a
 * signature computed here. */
static enum reason check_header(const struct dpop_ask *ask, const struct embedded *e)
{
	if (!token_has_type(&e->token, SLUICE_STR("dpop+jwt")))
		return REASON_DPOP_MALFORMED;
	return CRYPTO_memcmp(e->thumbprint, ask->binding->jkt, THUMBPRINT_LEN) == 0
		? REASON_NONE
		: REASON_DPOP_KEY;
}

static enum reason reason_of(enum jose_result result)
{
	switch (result) {
	case JOSE_OK:
		return REASON_NONE;
	case JOSE_ALGORITHM:
		return REASON_DPOP_ALGORITHM;
	case JOSE_SIGNATURE:
		return REASON_DPOP_SIGNATURE;
	case JOSE_NO_MEMORY:
		return REASON_NO_MEMORY;
	default:
		return REASON_DPOP_MALFORMED;
	}
}

/* RFC 7519 2: a NumericDate may have a fraction. */
static bool read_iat(const json_t *claims, uint64_t *ms)
{
	const json_t *v = json_member(claims, "iat");
	double s = json_is_number(v) ? json_number_value(v) : -1;
	if (!(s >= 0 && s <= (double)LAST_SECOND))
		return false;
	*ms = (uint64_t)(s * 1000);
	return true;
}

/* RFC 9449 11.1: a proof is known again by its `jti`, and only among those of the same key. */
static void make_id(struct dpop_proof *out, const struct dpop_ask *ask, sluice_str jti)
{
	uint8_t text[THUMBPRINT_LEN + PROOF_MAX_JTI];
	memcpy(text, ask->binding->jkt, THUMBPRINT_LEN);
	memcpy(text + THUMBPRINT_LEN, jti.data, jti.len);
	(void)SHA256(text, THUMBPRINT_LEN + jti.len, out->id);
}

static enum reason check_claims(const struct dpop_ask *ask, struct dpop_proof *out)
{
	sluice_str jti, htm, htu, ath;
	if (!json_member_str(out->claims, "jti", &jti) || jti.len == 0 || jti.len > PROOF_MAX_JTI ||
		!json_member_str(out->claims, "htm", &htm) || !htm.data ||
		!json_member_str(out->claims, "htu", &htu) || !htu.data ||
		!json_member_str(out->claims, "ath", &ath) || !ath.data ||
		!json_member_str(out->claims, "nonce", &out->nonce) ||
		!read_iat(out->claims, &out->iat_ms))
		return REASON_DPOP_MALFORMED;
	if (!sluice_str_eq(htm, ask->method))
		return REASON_DPOP_METHOD;
	if (!dpop_uri_is(htu, &ask->target))
		return REASON_DPOP_URI;
	if (out->iat_ms < ask->from_ms || out->iat_ms > ask->until_ms)
		return REASON_DPOP_EXPIRED;
	if (ath.len != ATH_LEN || CRYPTO_memcmp(ath.data, ask->binding->ath, ATH_LEN) != 0)
		return REASON_DPOP_TOKEN;
	make_id(out, ask, jti);
	return REASON_NONE;
}

enum reason dpop_proof_check(struct verifier *v, const struct dpop_ask *ask, sluice_str text,
	struct dpop_proof *out)
{
	struct embedded e;
	*out = (struct dpop_proof){ .claims = NULL };
	if (text.len > PROOF_MAX)
		return REASON_DPOP_MALFORMED;
	enum reason why = reason_of(embedded_open(&e, text, ask->algorithms));
	if (why == REASON_NONE)
		why = check_header(ask, &e);
	if (why == REASON_NONE)
		why = reason_of(embedded_verify(&e, v, &ask->binding->key));
	if (why == REASON_NONE)
		why = reason_of(token_read_claims(&e.token, &out->claims));
	embedded_fini(&e);
	return why == REASON_NONE ? check_claims(ask, out) : why;
}

void dpop_proof_fini(struct dpop_proof *p)
{
	json_decref(p->claims);
	p->claims = NULL;
}
