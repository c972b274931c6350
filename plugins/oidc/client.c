/* The client. See the header. */
#include "client.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "text.h"
#include "../oauth/token_answer.h"

void client_add(struct client_form *f, sluice_str name, sluice_str value)
{
	if (value.data && f->n < CLIENT_FIELDS)
		f->v[f->n++] = (sluice_pair){ name, value };
}

static bool has_field(const struct client_form *f, sluice_str name)
{
	size_t i = 0;
	while (i < f->n && !sluice_str_eq(f->v[i].name, name))
		i++;
	return i < f->n;
}

sluice_str client_form_text(sluice_exchange *x, sluice_str before, const struct client_form *f)
{
	size_t room = before.len + 1;
	for (size_t i = 0; i < f->n; i++)
		room += text_escaped(f->v[i].name) + text_escaped(f->v[i].value) + 2;
	char *text = sluice_alloc(x, room), *at = text;
	if (!text)
		return SLUICE_STR_NONE;
	at = sluice_str_put(at, before);
	for (size_t i = 0; i < f->n; i++) {
		if (i > 0)
			*at++ = '&';
		at = text_escape(at, f->v[i].name);
		*at++ = '=';
		at = text_escape(at, f->v[i].value);
	}
	return sluice_str_n(text, (size_t)(at - text));
}

sluice_str client_form_url(sluice_exchange *x, sluice_str url, const struct client_form *f)
{
	char *before = sluice_alloc(x, url.len + 2);
	if (!before)
		return SLUICE_STR_NONE;
	char *at = sluice_str_put(before, url);
	*at++ = memchr(url.data, '?', url.len) ? '&' : '?';
	return client_form_text(x, sluice_str_n(before, (size_t)(at - before)), f);
}

/* Whether the client's authentication puts client_id into the form by itself. */
static bool is_named_by_auth(const struct oidc_conf *conf)
{
	return !conf->public_client && conf->client.client_auth != CLIENT_AUTH_BASIC;
}

/* Write the form and the field Authorization, which may stay NULL. False: no memory. */
static bool write(const struct oidc_conf *conf, sluice_str url, const struct client_form *f,
	struct form *form, char **authorization)
{
	const sluice_str id = SLUICE_STR("client_id");
	for (size_t i = 0; i < f->n; i++) {
		if (!is_named_by_auth(conf) || !sluice_str_eq(f->v[i].name, id))
			form_add(form, f->v[i].name, f->v[i].value);
	}
	if (!conf->public_client)
		return client_auth_apply(&conf->client, url, form, authorization);
	if (!has_field(f, id))
		form_add(form, id, conf->client.client_id);
	return !form->has_failed;
}

static sluice_str copy(sluice_exchange *x, sluice_str s)
{
	char *text = sluice_alloc(x, s.len + 1);
	return text ? sluice_str_n(text, (size_t)(sluice_str_put(text, s) - text))
		    : SLUICE_STR_NONE;
}

bool client_request(sluice_exchange *x, const struct oidc_conf *conf, sluice_str url,
	const struct client_form *f, sluice_fetch_request *out)
{
	struct form form = { .text = NULL };
	char *authorization = NULL;
	sluice_pair *headers = sluice_alloc(x, 3 * sizeof *headers);
	sluice_str body = SLUICE_STR_NONE, field = SLUICE_STR_NONE;
	if (headers && write(conf, url, f, &form, &authorization) && !form.has_failed) {
		body = copy(x, sluice_str_n(form.text, form.len));
		field = copy(x, sluice_str_of(authorization));
	}
	if (authorization)
		OPENSSL_cleanse(authorization, strlen(authorization));
	free(authorization);
	form_free(&form);
	if (!body.data || !field.data)
		return false;
	headers[0] = (sluice_pair){ SLUICE_STR("content-type"),
		SLUICE_STR("application/x-www-form-urlencoded") };
	headers[1] = (sluice_pair){ SLUICE_STR("accept"), SLUICE_STR("application/json") };
	headers[2] = (sluice_pair){ SLUICE_STR("authorization"), field };
	*out = (sluice_fetch_request){ .size = sizeof *out,
		.method = SLUICE_STR("POST"),
		.url = url,
		.headers = { headers, field.len ? 3 : 2 },
		.body = body,
		.timeout_ms = conf->keys.fetch_timeout,
		.max_body = TOKEN_ANSWER_MAX,
		.ca_file = conf->ca_file };
	return true;
}

sluice_verdict client_post(sluice_exchange *x, const struct oidc_conf *conf, sluice_str url,
	const struct client_form *f, sluice_fetch_fn then)
{
	sluice_fetch_request r;
	return client_request(x, conf, url, f, &r) ? sluice_fetch(x, &r, then) : SLUICE_FAIL;
}
