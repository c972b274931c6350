/* The client. See the header. */
#include "client.h"

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

sluice_str client_form_url(sluice_exchange *x, sluice_str url, const struct client_form *f)
{
	char *before = sluice_alloc(x, url.len + 2);
	if (!before)
		return SLUICE_STR_NONE;
	char *at = sluice_str_put(before, url);
	*at++ = memchr(url.data, '?', url.len) ? '&' : '?';
	return client_form_text(x, sluice_str_n(before, (size_t)(at - before)), f);
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
	     *end = text_base64(sluice_str_put(text, SLUICE_STR("Basic ")), (const uint8_t *)plain,
		     n);
	return sluice_str_n(text, (size_t)(end - text));
}

bool client_request(sluice_exchange *x, const struct oidc_conf *conf, sluice_str url,
	struct client_form *f, sluice_fetch_request *out)
{
	const sluice_pair fields[] = {
		{ SLUICE_STR("content-type"), SLUICE_STR("application/x-www-form-urlencoded") },
		{ SLUICE_STR("accept"), SLUICE_STR("application/json") },
		{ SLUICE_STR("authorization"), conf->credentials },
	};
	if (conf->client_auth != CLIENT_AUTH_BASIC && !has_field(f, SLUICE_STR("client_id")))
		client_add(f, SLUICE_STR("client_id"), conf->client_id);
	if (conf->client_auth == CLIENT_AUTH_POST)
		client_add(f, SLUICE_STR("client_secret"), conf->client_secret);
	sluice_pair *headers = sluice_alloc(x, sizeof fields);
	sluice_str body = client_form_text(x, SLUICE_STR(""), f);
	if (!headers || !body.data)
		return false;
	memcpy(headers, fields, sizeof fields);
	*out = (sluice_fetch_request){ .size = sizeof *out,
		.method = SLUICE_STR("POST"),
		.url = url,
		.headers = { headers, conf->credentials.data ? 3 : 2 },
		.body = body,
		.timeout_ms = conf->fetch_timeout,
		.max_body = TOKEN_ANSWER_MAX,
		.ca_file = conf->ca_file };
	return true;
}

sluice_verdict client_post(sluice_exchange *x, const struct oidc_conf *conf, sluice_str url,
	struct client_form *f, sluice_fetch_fn then)
{
	sluice_fetch_request r;
	return client_request(x, conf, url, f, &r) ? sluice_fetch(x, &r, then) : SLUICE_FAIL;
}
