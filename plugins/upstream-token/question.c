/* Requests for tokens. See the header. */
#include "question.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "../oauth/token_answer.h"

#define EXCHANGE_GRANT "urn:ietf:params:oauth:grant-type:token-exchange"

/* ---- a request ----------------------------------------------------------------------------- */

static void add_each(struct form *form, sluice_str name, const sluice_strs *values)
{
	for (size_t i = 0; i < values->n; i++)
		form_add(form, name, values->v[i]);
}

static void add_subject(struct form *form, const struct subject_conf *s, sluice_str token)
{
	form_add(form, SLUICE_STR("subject_token"), token);
	form_add(form, SLUICE_STR("subject_token_type"), s->type);
	if (s->requested_type.len)
		form_add(form, SLUICE_STR("requested_token_type"), s->requested_type);
}

bool question_make(struct question *q, const struct token_conf *conf, sluice_str endpoint,
	sluice_str subject, sluice_fetch_request *out)
{
	*q = (struct question){ .authorization = NULL };
	form_add(&q->form, SLUICE_STR("grant_type"),
		subject.data ? SLUICE_STR(EXCHANGE_GRANT) : SLUICE_STR("client_credentials"));
	if (subject.data)
		add_subject(&q->form, &conf->subject, subject);
	if (conf->scope.len)
		form_add(&q->form, SLUICE_STR("scope"), conf->scope);
	add_each(&q->form, SLUICE_STR("audience"), &conf->audience);
	add_each(&q->form, SLUICE_STR("resource"), &conf->resource);
	for (size_t i = 0; i < conf->params.n; i++)
		form_add(&q->form, conf->params.v[i].name, conf->params.v[i].value);
	if (!client_auth_apply(&conf->client, endpoint, &q->form, &q->authorization) ||
		q->form.has_failed)
		return false;
	q->fields[0] = (sluice_pair){ SLUICE_STR("content-type"),
		SLUICE_STR("application/x-www-form-urlencoded") };
	q->fields[1] = (sluice_pair){ SLUICE_STR("accept"), SLUICE_STR("application/json") };
	q->fields[2] = (sluice_pair){ SLUICE_STR("accept-encoding"), SLUICE_STR("identity") };
	q->fields[3] =
		(sluice_pair){ SLUICE_STR("authorization"), sluice_str_of(q->authorization) };
	*out = (sluice_fetch_request){ .size = sizeof(*out),
		.method = SLUICE_STR("POST"),
		.url = endpoint,
		.headers = { q->fields, q->authorization ? QUESTION_FIELDS : QUESTION_FIELDS - 1 },
		.body = { q->form.text, q->form.len },
		.timeout_ms = conf->timeout,
		.max_body = TOKEN_ANSWER_MAX,
		.ca_file = conf->ca_file,
		.proxy = conf->fetch_proxy.url,
		.proxy_credentials = conf->fetch_proxy.credentials };
	return true;
}

void question_free(struct question *q)
{
	if (q->authorization)
		OPENSSL_cleanse(q->authorization, strlen(q->authorization));
	free(q->authorization);
	q->authorization = NULL;
	form_free(&q->form);
}

/* ---- configuration ------------------------------------------------------------------------- */

/* The parameters that are options, or credentials. */
static int check_params(sluice_instance *inst, const struct token_conf *conf)
{
	static const char *const ours[] = { "grant_type", "scope", "audience", "resource",
		"client_id", "client_secret", "client_assertion", "client_assertion_type",
		"subject_token", "subject_token_type", "requested_token_type", NULL };
	for (size_t i = 0; i < conf->params.n; i++) {
		sluice_str name = conf->params.v[i].name;
		size_t k = 0;
		while (ours[k] && !sluice_str_is(name, ours[k]))
			k++;
		if (!ours[k])
			continue;
		sluice_conf_error(inst, "params", "%s is set by the plugin itself", ours[k]);
		return -1;
	}
	return 0;
}

/* RFC 6749 3.3: visible ASCII without quotes and backslashes. */
static bool is_scope(sluice_str s)
{
	size_t i = 0;
	while (i < s.len && s.data[i] > ' ' && s.data[i] < 0x7f && s.data[i] != '"' &&
		s.data[i] != '\\')
		i++;
	return s.len > 0 && i == s.len;
}

static int join_scopes(sluice_instance *inst, struct token_conf *conf)
{
	size_t room = 1;
	for (size_t i = 0; i < conf->scopes.n; i++) {
		if (!is_scope(conf->scopes.v[i])) {
			sluice_conf_error(inst, "scopes", "\"%.*s\" is no scope",
				(int)conf->scopes.v[i].len, conf->scopes.v[i].data);
			return -1;
		}
		room += conf->scopes.v[i].len + 1;
	}
	char *text = sluice_conf_alloc(inst, room), *at = text;
	for (size_t i = 0; i < conf->scopes.n; i++) {
		if (i > 0)
			*at++ = ' ';
		at = sluice_str_put(at, conf->scopes.v[i]);
	}
	conf->scope = sluice_str_n(text, (size_t)(at - text));
	return 0;
}

/* With its length, so that no two lists of texts have the same bytes. */
static bool digest_text(EVP_MD_CTX *md, sluice_str s)
{
	uint64_t len = s.len;
	return EVP_DigestUpdate(md, &len, sizeof(len)) == 1 &&
		(s.len == 0 || EVP_DigestUpdate(md, s.data, s.len) == 1);
}

static bool digest_texts(EVP_MD_CTX *md, const sluice_strs *list)
{
	uint64_t n = list->n;
	bool ok = EVP_DigestUpdate(md, &n, sizeof(n)) == 1;
	for (size_t i = 0; ok && i < list->n; i++)
		ok = digest_text(md, list->v[i]);
	return ok;
}

static bool digest_all(EVP_MD_CTX *md, const struct token_conf *conf)
{
	const sluice_str texts[] = { conf->issuer, conf->token_endpoint, conf->client.client_id,
		conf->client.client_secret, conf->client.client_key, conf->client.client_key_id,
		conf->client.client_audience, conf->scope, conf->scheme, conf->subject.type,
		conf->subject.requested_type, conf->ca_file, conf->fetch_proxy.url,
		conf->fetch_proxy.credentials };
	const int32_t choices[] = { conf->grant, conf->client.client_auth,
		conf->client.client_algorithm };
	bool ok = EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
		EVP_DigestUpdate(md, choices, sizeof(choices)) == 1 &&
		digest_texts(md, &conf->audience) && digest_texts(md, &conf->resource);
	for (size_t i = 0; ok && i < sizeof(texts) / sizeof(texts[0]); i++)
		ok = digest_text(md, texts[i]);
	for (size_t i = 0; ok && i < conf->params.n; i++)
		ok = digest_text(md, conf->params.v[i].name) &&
			digest_text(md, conf->params.v[i].value);
	return ok;
}

static int make_identity(sluice_instance *inst, struct token_conf *conf)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && digest_all(md, conf) && EVP_DigestFinal_ex(md, conf->identity, NULL) == 1;
	EVP_MD_CTX_free(md);
	if (!ok)
		sluice_conf_error(inst, NULL, "OpenSSL has no SHA-256, or no memory");
	return ok ? 0 : -1;
}

int question_check(sluice_instance *inst, struct token_conf *conf)
{
	return check_params(inst, conf) < 0 || join_scopes(inst, conf) < 0
		? -1
		: make_identity(inst, conf);
}
