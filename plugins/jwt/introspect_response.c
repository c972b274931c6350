/* Reading what the server answers. See the header. */
#include "introspect_response.h"

#include "../jose/claims.h"
#include "../jose/token.h"
#include "../oauth/document.h"
#include "issuers.h"
#include "worker.h"

const char *introspect_response_refused(const struct jwt_conf *conf, const sluice_fetch_response *r)
{
	bool is_signed = conf->introspection.format == INTROSPECT_JWT;
	if (r->status != SLUICE_OK)
		return r->error ? r->error : "the fetch failed";
	if (r->code == 400 || r->code == 401 || r->code == 403)
		return "it refuses the gateway's own credentials or its question";
	if (r->code != 200)
		return "it answers with a status other than 200";
	if (!document_is_plain(r))
		return "its answer is encoded, which nobody asked for";
	if (is_signed)
		return document_has_type(r, SLUICE_STR("application/token-introspection+jwt"))
			? NULL
			: "its answer is no application/token-introspection+jwt";
	return document_has_type(r, SLUICE_STR("application/json"))
		? NULL
		: "its answer is no application/json";
}

/* ---- signed answers ------------------------------------------------------------------------ */

/* RFC 9701 5: the claims of the answer itself are checked before those that it has of the token. */
static const char *check_envelope(const struct jwt_conf *conf, size_t issuer, const json_t *answer)
{
	const json_t *iat = json_object_get(answer, "iat");
	if (issuer == conf->n_trusted)
		return "its answer names an issuer that is not configured";
	if (!claim_says(json_object_get(answer, "aud"), conf->introspection.client.client_id))
		return "its answer is for another client";
	if (!json_is_number(iat) ||
		json_number_value(iat) * 1000 > (double)(sluice_unix_ms() + conf->leeway))
		return "its answer has no iat, or one in the future";
	return NULL;
}

/* NULL, or what is wrong: then out->lack says whether other keys might help. */
static const char *check_signature(sluice_exchange *x, const struct jwt_conf *conf,
	const struct token *t, json_t **answer, struct introspect_reading *out)
{
	const struct worker *w = sluice_worker_state(x);
	const struct issuer_keys *keys = issuers_keys(sluice_published(x));
	size_t issuer = issuers_find(conf, *answer);
	const char *wrong = check_envelope(conf, issuer, *answer);
	if (wrong)
		return wrong;
	if (!keys || !w->verifiers)
		return "there is no memory for the keys of its issuer";
	enum reason why = !keys[issuer].keys
		? REASON_JWKS_UNAVAILABLE
		: reason_of_jose(verifier_read(&w->verifiers[issuer], keys[issuer].keys, t,
			  conf->algorithms, answer));
	if (key_wait_might_help(why))
		out->lack = (struct key_lack){ &conf->trusted[issuer], &keys[issuer], why };
	return why == REASON_NONE ? NULL : "no key of the issuer verifies its answer";
}

static const char *read_jwt(sluice_exchange *x, const struct jwt_conf *conf, sluice_str body,
	struct introspect_reading *out)
{
	struct token t;
	json_t *answer = NULL;
	if (token_open(&t, body) != JOSE_OK ||
		!token_has_type(&t, SLUICE_STR("token-introspection+jwt")) ||
		token_read_claims(&t, &answer) != JOSE_OK)
		return "its answer is no token of the type token-introspection+jwt";
	const char *wrong = check_signature(x, conf, &t, &answer, out);
	if (!wrong) {
		out->result =
			introspect_take(json_incref(json_object_get(answer, "token_introspection")),
				&out->claims);
		wrong = out->result == INTROSPECT_BROKEN ? "its answer has no token_introspection"
							 : NULL;
	}
	json_decref(answer);
	return wrong;
}

/* ---- both kinds ---------------------------------------------------------------------------- */

const char *introspect_response_read(sluice_exchange *x, const struct jwt_conf *conf,
	sluice_str body, struct introspect_reading *out)
{
	*out = (struct introspect_reading){ .result = INTROSPECT_BROKEN };
	if (conf->introspection.format == INTROSPECT_JWT)
		return read_jwt(x, conf, body, out);
	out->result = introspect_read(body, &out->claims);
	out->text = body;
	return out->result == INTROSPECT_BROKEN ? "its answer is no JSON object with active" : NULL;
}
