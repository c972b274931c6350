/* The end of a login. See the header. */
#include "callback.h"

#include <stdio.h>

#include "../jose/strict.h"
#include "../oauth/document.h"
#include "client.h"
#include "flow.h"
#include "keep.h"
#include "provider.h"
#include "refusal.h"
#include "text.h"
#include "verify.h"

enum { MAX_USERINFO = 64 * 1024, USERINFO_DEPTH = 15 };

/* ---- what the browser brings --------------------------------------------------------------- */

struct brought {
	sluice_str state, code, error, iss; /* data NULL: not there */
};

static bool read_one(sluice_str query, const char *name, char *room, sluice_str *out)
{
	*out = SLUICE_STR_NONE;
	return text_parameter(query, sluice_str_of(name), room, out) != TEXT_WRONG;
}

static bool read_query(sluice_exchange *x, struct brought *b)
{
	sluice_str q = sluice_get(x, SLUICE_I_QUERY);
	char *room = q.data ? sluice_alloc(x, 4 * q.len + 4) : NULL;
	return room && read_one(q, "state", room, &b->state) &&
		read_one(q, "code", room + q.len, &b->code) &&
		read_one(q, "error", room + 2 * q.len, &b->error) &&
		read_one(q, "iss", room + 3 * q.len, &b->iss);
}

/* RFC 9207 2.4: the answer is of the provider that was asked, not of another one of this client. */
static bool is_of_issuer(const struct oidc_conf *conf, const struct known *known, sluice_str iss)
{
	if (!iss.data)
		return !known->names_issuer;
	return sluice_str_eq(iss, conf->issuer);
}

/* ---- a new session ------------------------------------------------------------------------- */

static sluice_verdict on_kept(sluice_exchange *x, const struct oidc_conf *conf, enum kept how)
{
	if (how != KEPT_GOOD)
		return refusal_of_login(x, conf,
			how == KEPT_DOWN ? REFUSAL_STORE : REFUSAL_TOO_LARGE);
	sluice_metric_add(conf->logins, SLUICE_STR("done"), 1);
	return redirect_answer(x, 303, flow_of(x)->login.return_to);
}

static sluice_verdict finish(sluice_exchange *x, const struct oidc_conf *conf, struct flow *f)
{
	uint64_t now = sluice_unix_ms();
	const struct token_answer *a = &f->answer;
	json_t *claims = f->claims;
	f->claims = NULL;
	session_trim_claims(claims);
	const struct session_parts parts = { .claims = claims,
		.access_token = conf->forward_access_token ? a->access_token : SLUICE_STR_NONE,
		.refresh_token = conf->renewed ? a->refresh_token : SLUICE_STR_NONE,
		.id_token = conf->logout_path.len ? a->id_token : SLUICE_STR_NONE,
		.begun_ms = now,
		.used_ms = now,
		.access_for_ms = a->expires_in_ms,
		.ahead_ms = conf->refresh_ahead };
	if (!session_make(&parts, &f->session))
		return SLUICE_FAIL;
	return keep_begin(x, conf, on_kept);
}

/* OpenID Connect Core 5.3.2: the answer is about the user of the ID token. */
static sluice_verdict on_userinfo(sluice_exchange *x, const void *arg,
	const sluice_fetch_response *r)
{
	const struct oidc_conf *conf = arg;
	struct flow *f = flow_of(x);
	sluice_str sub, known;
	char text[DOCUMENT_WHY];
	const char *wrong = document_refused(r, text);
	json_t *root = wrong ? NULL : json_read_object(r->body.data, r->body.len, USERINFO_DEPTH);
	bool ok = root && json_member_str(root, "sub", &sub) && sub.data &&
		json_member_str(f->claims, "sub", &known) && sluice_str_eq(sub, known);
	/* what the ID token says was signed, and stays */
	ok = ok && json_object_update_missing(f->claims, root) == 0;
	json_decref(root);
	if (ok)
		return finish(x, conf, f);
	sluice_log_for(x, SLUICE_LOG_WARN, "the userinfo endpoint gave no claims of the user: %s",
		wrong ? wrong : "its answer is no JSON object about that user");
	return refusal_of_login(x, conf, REFUSAL_PROVIDER);
}

static sluice_verdict ask_userinfo(sluice_exchange *x, const struct oidc_conf *conf,
	const struct flow *f, sluice_str url)
{
	sluice_str token = f->answer.access_token;
	char *bearer = sluice_alloc(x, token.len + 8);
	if (!bearer)
		return SLUICE_FAIL;
	char *end = sluice_str_put(sluice_str_put(bearer, SLUICE_STR("Bearer ")), token);
	const sluice_pair headers[] = { { SLUICE_STR("accept"), SLUICE_STR("application/json") },
		{ SLUICE_STR("authorization"), sluice_str_n(bearer, (size_t)(end - bearer)) } };
	const sluice_fetch_request r = { .size = sizeof r,
		.url = url,
		.headers = { headers, 2 },
		.timeout_ms = conf->keys.fetch_timeout,
		.max_body = MAX_USERINFO,
		.ca_file = conf->ca_file };
	return sluice_fetch(x, &r, on_userinfo);
}

/* ---- the tokens ---------------------------------------------------------------------------- */

/* Also after a wait for keys. */
static sluice_verdict verify(sluice_exchange *x, const void *arg)
{
	const struct oidc_conf *conf = arg;
	struct flow *f = flow_of(x);
	const struct known *known = sluice_published(x);
	const struct id_expected e = { .issuer = conf->issuer,
		.client_id = conf->client.client_id,
		.nonce = f->login.nonce,
		.access_token = f->answer.access_token,
		.now_ms = sluice_unix_ms(),
		.leeway_ms = conf->leeway,
		.acr = conf->acr_values,
		.max_age_ms = conf->max_age,
		.begun_ms = f->login.begun_ms };
	sluice_verdict verdict;
	enum verified v = verify_id_token(x, conf, f->answer.id_token, &e, &f->claims);
	if (v == VERIFIED_NO_KEY && verify_waits(x, conf, f->since_ns, verify, &verdict))
		return verdict;
	if (v != VERIFIED_GOOD)
		return refusal_of_login(x, conf,
			verify_has_keys(x) ? REFUSAL_TOKEN : REFUSAL_UNAVAILABLE);
	sluice_str userinfo = known->endpoints[ENDPOINT_USERINFO];
	return conf->userinfo && userinfo.data ? ask_userinfo(x, conf, f, userinfo)
					       : finish(x, conf, f);
}

static sluice_verdict on_tokens(sluice_exchange *x, const void *arg, const sluice_fetch_response *r)
{
	const struct oidc_conf *conf = arg;
	struct flow *f = flow_of(x);
	if (r->status != SLUICE_OK) {
		sluice_log_for(x, SLUICE_LOG_WARN, "the token endpoint: %s",
			r->error ? r->error : "no answer");
		return refusal_of_login(x, conf, REFUSAL_UNAVAILABLE);
	}
	char text[DOCUMENT_WHY];
	const char *wrong = r->code == 200 ? document_refused(r, text) : NULL;
	enum token_answer_kind kind = token_answer_read(r->code, r->body, &f->answer);
	if (kind == TOKEN_ANSWER_REFUSED) {
		sluice_log_for(x, SLUICE_LOG_WARN, "the token endpoint refused the code: %s",
			f->answer.error);
		return refusal_of_login(x, conf, REFUSAL_REFUSED);
	}
	if (kind != TOKEN_ANSWER_GOOD || !f->answer.id_token.data || wrong) {
		sluice_log_for(x, SLUICE_LOG_WARN,
			"the token endpoint gave no usable tokens, with status %d%s%s", r->code,
			wrong ? ": " : "", wrong ? wrong : "");
		return refusal_of_login(x, conf, REFUSAL_PROVIDER);
	}
	f->since_ns = sluice_now_ns();
	return verify(x, conf);
}

/* ---- the request --------------------------------------------------------------------------- */

static sluice_verdict end_refused(sluice_exchange *x, const struct oidc_conf *conf,
	sluice_str error)
{
	char word[TOKEN_ANSWER_WORD + 1];
	token_answer_word(error, word);
	sluice_log_for(x, SLUICE_LOG_INFO, "the provider refused a login: %s", word);
	return refusal_of_login(x, conf, REFUSAL_REFUSED);
}

sluice_verdict callback_run(sluice_exchange *x, const struct oidc_conf *conf)
{
	const struct known *known = sluice_published(x);
	struct flow *f = flow_of(x);
	struct brought b = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	if (!f)
		return SLUICE_FAIL;
	if (!sluice_str_is(sluice_get(x, SLUICE_I_METHOD), "GET") || !read_query(x, &b) ||
		!b.state.data || !login_take(x, conf, b.state, &f->login))
		return refusal_of_login(x, conf, REFUSAL_STATE);
	if (!known || !known->has_document)
		return refusal_of_login(x, conf, REFUSAL_UNAVAILABLE);
	if (!is_of_issuer(conf, known, b.iss)) {
		sluice_log_for(x, SLUICE_LOG_WARN, "a login came back from another issuer");
		return refusal_of_login(x, conf, REFUSAL_STATE);
	}
	if (b.error.data || !b.code.len)
		return end_refused(x, conf, b.error);
	struct client_form form = { .n = 0 };
	client_add(&form, SLUICE_STR("grant_type"), SLUICE_STR("authorization_code"));
	client_add(&form, SLUICE_STR("code"), b.code);
	client_add(&form, SLUICE_STR("redirect_uri"), f->login.redirect_uri);
	client_add(&form, SLUICE_STR("code_verifier"), f->login.verifier);
	return client_post(x, conf, known->endpoints[ENDPOINT_TOKEN], &form, on_tokens);
}
