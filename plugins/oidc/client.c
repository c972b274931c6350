/* The client. See the header. */
#include "client.h"

#include <sluice/plugin.h>
#include <stdlib.h>

#include "text.h"
#include "token_answer.h"

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

/* RFC 6749 2.3.1: both parts are escaped like fields of a form before they become Basic. */
sluice_str client_credentials(sluice_instance *inst, const struct oidc_conf *conf)
{
	static const char scheme[] = "Basic ";
	if (conf->client_auth != CLIENT_AUTH_BASIC)
		return SLUICE_STR_NONE;
	size_t n = text_escaped(conf->client_id) + 1 + text_escaped(conf->client_secret);
	char *plain = sluice_conf_alloc(inst, n), *at = text_escape(plain, conf->client_id);
	*at++ = ':';
	(void)text_escape(at, conf->client_secret);
	char *text = sluice_conf_alloc(inst, sizeof scheme + n / 3 * 4 + 4),
	     *end = text_base64(sluice_str_put(text, SLUICE_STR("Basic ")), (const uint8_t *)plain, n);
	return sluice_str_n(text, (size_t)(end - text));
}

sluice_verdict client_post(sluice_exchange *x, const struct oidc_conf *conf, sluice_str url,
	struct client_form *f, sluice_fetch_fn then)
{
	const sluice_pair headers[] = {
		{ SLUICE_STR("content-type"), SLUICE_STR("application/x-www-form-urlencoded") },
		{ SLUICE_STR("accept"), SLUICE_STR("application/json") },
		{ SLUICE_STR("authorization"), conf->credentials },
	};
	if (conf->client_auth != CLIENT_AUTH_BASIC && !has_field(f, SLUICE_STR("client_id")))
		client_add(f, SLUICE_STR("client_id"), conf->client_id);
	if (conf->client_auth == CLIENT_AUTH_POST)
		client_add(f, SLUICE_STR("client_secret"), conf->client_secret);
	sluice_str body = client_form_text(x, SLUICE_STR(""), f);
	if (!body.data)
		return SLUICE_FAIL;
	const sluice_fetch_request r = { .size = sizeof r,
		.method = SLUICE_STR("POST"),
		.url = url,
		.headers = { headers, conf->credentials.data ? 3 : 2 },
		.body = body,
		.timeout_ms = conf->fetch_timeout,
		.max_body = TOKEN_ANSWER_MAX,
		.ca_file = conf->ca_file };
	return sluice_fetch(x, &r, then);
}
