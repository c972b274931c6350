/* Answers of token endpoints. See the header. */
#include "answer.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "../oauth/document.h"

#define NS_OF_MS UINT64_C(1000000)
#define ACCESS_TOKEN "urn:ietf:params:oauth:token-type:access_token"
#define ANY_JWT "urn:ietf:params:oauth:token-type:jwt"

static enum answer_kind fail(struct answer *out, const char *why)
{
	(void)snprintf(out->why, sizeof(out->why), "%s", why);
	return ANSWER_FAILED;
}

/* What an operator looks at for a word of RFC 6749 5.2, RFC 8693 2.2.2 or RFC 8707 2. */
static const char *hint_of(const char *word)
{
	static const struct {
		const char *word, *hint;
	} hints[] = {
		{ "invalid_client", "client_id, client_auth, or the secret or key" },
		{ "unauthorized_client", "the client may not use this grant" },
		{ "unsupported_grant_type", "the server does not know this grant" },
		{ "invalid_scope", "scopes" },
		{ "invalid_target", "audience or resource" },
	};
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (strcmp(word, hints[i].word) == 0)
			return hints[i].hint;
	}
	return NULL;
}

static enum answer_kind refused(struct answer *out, const struct token_answer *a, int code)
{
	const char *hint = hint_of(a->error);
	memcpy(out->error, a->error, sizeof(out->error));
	(void)snprintf(out->why, sizeof(out->why), "it refuses, with %s and status %d%s%s%s",
		a->error, code, hint ? " (" : "", hint ? hint : "", hint ? ")" : "");
	return ANSWER_REFUSED;
}

static bool wants_access_token(const struct subject_conf *s)
{
	return !s->requested_type.len || sluice_str_is(s->requested_type, ACCESS_TOKEN);
}

/* RFC 8693 2.2.1: issued_token_type is required. A JWT is an access token of that form, where
 * nothing else was asked for. */
static const char *check_issued(const struct token_conf *conf, const struct token_answer *a)
{
	const struct subject_conf *s = &conf->subject;
	if (conf->grant != GRANT_TOKEN_EXCHANGE)
		return NULL;
	if (!a->issued_token_type.data)
		return "its answer has no issued_token_type";
	bool fits = s->requested_type.len ? sluice_str_eq(a->issued_token_type, s->requested_type)
					  : sluice_str_is(a->issued_token_type, ACCESS_TOKEN) ||
			sluice_str_is(a->issued_token_type, ANY_JWT);
	return fits ? NULL : "its answer has an issued_token_type that was not asked for";
}

/* For how long a token is sent that has been on its way for so long: its last moments are left to
 * requests that are under way, but never more than half of its life. */
static uint64_t use_of(const struct token_conf *conf, uint64_t lifetime, uint64_t waited)
{
	uint64_t leeway = conf->leeway < lifetime / 2 ? conf->leeway : lifetime / 2;
	return lifetime > leeway + waited ? lifetime - leeway - waited : 0;
}

static enum answer_kind take(const struct token_conf *conf, const struct token_answer *a,
	uint64_t asked_ns, struct answer *out)
{
	uint64_t lifetime = a->expires_in_ms ? a->expires_in_ms : conf->lifetime;
	uint64_t waited = (sluice_now_ns() - asked_ns) / NS_OF_MS;
	const char *wrong = check_issued(conf, a);
	if (wrong)
		return fail(out, wrong);
	if (a->access_token.len > ANSWER_TOKEN_MAX)
		return fail(out, "its token has more than 16 KiB");
	out->use_ms = use_of(conf, lifetime, waited);
	if (!out->use_ms)
		return fail(out, "its token has expired already");
	char *at = out->value = malloc(conf->scheme.len + a->access_token.len + 2);
	if (!at)
		return fail(out, "no memory");
	at = sluice_str_put(at, conf->scheme);
	if (conf->scheme.len)
		*at++ = ' ';
	at = sluice_str_put(at, a->access_token);
	*at = '\0';
	out->len = (size_t)(at - out->value);
	return ANSWER_TOKEN;
}

enum answer_kind answer_read(const struct token_conf *conf, const sluice_fetch_response *r,
	uint64_t asked_ns, struct answer *out)
{
	char text[DOCUMENT_WHY];
	struct token_answer a = { .root = NULL };
	*out = (struct answer){ .value = NULL };
	bool is_refusal = r->status == SLUICE_OK && r->code >= 400 && r->code < 500;
	const char *wrong = document_refused(r, text);
	if (wrong && !is_refusal)
		return fail(out, wrong);
	bool may_be_none = conf->grant == GRANT_TOKEN_EXCHANGE &&
		!wants_access_token(&conf->subject);
	enum token_answer_kind kind = may_be_none ? token_answer_read_any(r->code, r->body, &a)
						  : token_answer_read(r->code, r->body, &a);
	enum answer_kind how = ANSWER_FAILED;
	if (kind == TOKEN_ANSWER_GOOD)
		how = take(conf, &a, asked_ns, out);
	else if (kind == TOKEN_ANSWER_REFUSED)
		how = refused(out, &a, r->code);
	else if (wrong)
		how = fail(out, wrong);
	else
		(void)snprintf(out->why, sizeof(out->why), "its answer %s", a.wrong);
	token_answer_fini(&a);
	return how;
}

void answer_free(struct answer *a)
{
	if (a->value)
		OPENSSL_cleanse(a->value, a->len);
	free(a->value);
	a->value = NULL;
}
