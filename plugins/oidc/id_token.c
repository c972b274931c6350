/* ID tokens. See the header. */
#include "id_token.h"

#include <openssl/evp.h>

#include "../jose/claims.h"
#include "../jose/sign.h"
#include "../jose/strict.h"
#include "text.h"

#define LAST_SECOND \
	INT64_C(253402300799) /* the end of the year 9999: later ones have another unit */

/* False: it is there and no date. ms stays 0 where it is missing. */
static bool read_date(const json_t *claims, const char *name, uint64_t *ms)
{
	const json_t *v = json_member(claims, name);
	double s = json_number_value(v);
	*ms = 0;
	if (!v)
		return true;
	if (!json_is_number(v) || !(s >= 0 && s <= (double)LAST_SECOND))
		return false;
	*ms = (uint64_t)(s * 1000);
	return true;
}

static const char *check_times(const json_t *claims, const struct id_expected *e, uint64_t *iat_ms)
{
	uint64_t exp, iat, nbf;
	if (!read_date(claims, "exp", &exp) || !read_date(claims, "iat", &iat) ||
		!read_date(claims, "nbf", &nbf) || !exp || !iat)
		return "has no exp or iat, or one that is no date";
	if (e->now_ms >= exp + e->leeway_ms)
		return "has expired";
	if (iat > e->now_ms + e->leeway_ms || nbf > e->now_ms + e->leeway_ms)
		return "is not valid yet";
	*iat_ms = iat;
	return NULL;
}

/* 3.1.3.7, 12 and 13: what was asked of the login. */
static const char *check_login(const json_t *claims, const struct id_expected *e)
{
	uint64_t auth_time;
	sluice_str acr;
	if (!read_date(claims, "auth_time", &auth_time))
		return "has an auth_time that is no date";
	if (e->max_age_ms && !auth_time)
		return "has no auth_time, which `max_age` asked for";
	if (e->max_age_ms && auth_time > e->now_ms + e->leeway_ms)
		return "has an auth_time that is to come";
	if (e->max_age_ms && auth_time + e->max_age_ms + e->leeway_ms < e->begun_ms)
		return "is of a login longer ago than `max_age`";
	if (!json_member_str(claims, "acr", &acr))
		return "has an acr that is no text";
	if (e->acr.n && sluice_str_find(acr, e->acr.v, e->acr.n) == e->acr.n)
		return "has an acr that is not among `acr_values`";
	return NULL;
}

static const char *check_audience(const json_t *claims, const struct id_expected *e)
{
	const json_t *aud = json_member(claims, "aud");
	sluice_str azp;
	if ((!json_is_string(aud) && !json_is_array(aud)) || !claim_says(aud, e->client_id))
		return "is for another client";
	if (!json_member_str(claims, "azp", &azp))
		return "has an azp that is no text";
	if (azp.data ? !sluice_str_eq(azp, e->client_id) : json_array_size(aud) > 1)
		return "was issued to another client";
	return NULL;
}

/* Core 3.1.3.6: the left half of the hash of the access token. */
static const char *check_hash(const struct token *t, const json_t *claims,
	const struct id_expected *e)
{
	static const char *const names[DIGEST_COUNT] = { "SHA256", "SHA384", "SHA512" };
	enum digest digest = alg_info(t->header.alg)->digest;
	uint8_t hash[EVP_MAX_MD_SIZE];
	char text[B64URL_LEN(EVP_MAX_MD_SIZE)];
	sluice_str at_hash;
	size_t n = 0;
	if (!json_member_str(claims, "at_hash", &at_hash))
		return "has an at_hash that is no text";
	if (!at_hash.data || !e->access_token.data || digest == DIGEST_NONE)
		return NULL;
	if (EVP_Q_digest(NULL, names[digest], NULL, e->access_token.data, e->access_token.len, hash,
		    &n) != 1)
		return "cannot be compared with its access token";
	sluice_str own = sluice_str_n(text, (size_t)(b64url_encode(text, hash, n / 2) - text));
	return text_same(own, at_hash) ? NULL : "does not belong to its access token";
}

static const char *check_issuer(const json_t *claims, const struct id_expected *e)
{
	sluice_str iss;
	bool is_ours = json_member_str(claims, "iss", &iss) && iss.data &&
		sluice_str_eq(iss, e->issuer);
	return is_ours ? NULL : "comes from another issuer";
}

static const char *check_texts(const json_t *claims, const struct id_expected *e)
{
	sluice_str sub, nonce;
	if (!json_member_str(claims, "sub", &sub) || sub.len == 0)
		return "has no subject";
	if (e->subject.data && !sluice_str_eq(sub, e->subject))
		return "is of another user";
	if (!json_member_str(claims, "nonce", &nonce))
		return "has a nonce that is no text";
	if (e->nonce.data && (!nonce.data || !text_same(nonce, e->nonce)))
		return "has another nonce: it is of another login";
	return NULL;
}

const char *id_token_check_issue(const json_t *claims, const struct id_expected *e,
	uint64_t *iat_ms)
{
	const char *wrong = check_issuer(claims, e);
	if (!wrong)
		wrong = check_audience(claims, e);
	return wrong ? wrong : check_times(claims, e, iat_ms);
}

const char *id_token_check(const struct token *t, const json_t *claims, const struct id_expected *e)
{
	const char *wrong = NULL;
	uint64_t iat_ms;
	if (t->header.has_typ && !token_has_type(t, SLUICE_STR("JWT")))
		wrong = "has a typ that no ID token has";
	if (!wrong && json_object_get(claims, "events"))
		wrong = "speaks of an event: it is another token";
	if (!wrong)
		wrong = check_texts(claims, e);
	if (!wrong)
		wrong = id_token_check_issue(claims, e, &iat_ms);
	if (!wrong)
		wrong = check_login(claims, e);
	return wrong ? wrong : check_hash(t, claims, e);
}
