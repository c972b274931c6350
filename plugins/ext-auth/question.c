/* What the service is asked. See the header. */
#include "question.h"

#include "../shared/path.h"
#include "../shared/uri_text.h"

enum { ESCAPED = 3 };

/* ---- the address --------------------------------------------------------------------------- */

static bool is_unreserved(char c)
{
	return sluice_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

char *question_escape(char *at, sluice_str s)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.len; i++) {
		unsigned char byte = (unsigned char)s.data[i];
		if (is_unreserved(s.data[i])) {
			*at++ = s.data[i];
			continue;
		}
		*at++ = '%';
		*at++ = digits[byte >> 4];
		*at++ = digits[byte & 15];
	}
	return at;
}

/* A path is what the operator wrote, with facts of the request in it: one that leads elsewhere is
 * not asked for. */
static enum question_fault base_of(sluice_exchange *x, const struct ext_auth *c, sluice_str *out)
{
	*out = c->url;
	if (!c->path_text)
		return QUESTION_GOOD;
	if (uri_text_is_fixed(c->path_text, out))
		return QUESTION_GOOD;
	switch (uri_text_write(x, c->path_text, out)) {
	case SLUICE_TEMPLATE_OK:
		return path_is_normal(*out) ? QUESTION_GOOD : QUESTION_NO_PATH;
	case SLUICE_TEMPLATE_MISSING:
		return QUESTION_NO_PATH;
	case SLUICE_TEMPLATE_FAIL:
		break;
	}
	return QUESTION_NO_MEMORY;
}

/* A parameter without a value in this request is left out. */
static enum question_fault add_parameters(sluice_exchange *x, const struct ext_auth *c,
	sluice_str base, sluice_str *url)
{
	sluice_str values[NAMED_MAX];
	size_t room = base.len;
	for (size_t i = 0; i < c->parameters.n; i++) {
		if (sluice_template_write(x, c->parameters.v[i].value, &values[i]) ==
			SLUICE_TEMPLATE_FAIL)
			return QUESTION_NO_MEMORY;
		room += 2 + ESCAPED * (c->parameters.v[i].name.len + values[i].len);
	}
	char *text = sluice_alloc(x, room), *at = text;
	if (!text)
		return QUESTION_NO_MEMORY;
	at = sluice_str_put(at, base);
	char joint = memchr(base.data, '?', base.len) ? '&' : '?';
	for (size_t i = 0; i < c->parameters.n; i++) {
		if (!values[i].data)
			continue;
		*at++ = joint;
		joint = '&';
		at = question_escape(at, c->parameters.v[i].name);
		*at++ = '=';
		at = question_escape(at, values[i]);
	}
	*url = sluice_str_n(text, (size_t)(at - text));
	return QUESTION_GOOD;
}

static sluice_str method_of(sluice_exchange *x, const struct ext_auth *c)
{
	switch ((enum method)c->method) {
	case METHOD_HEAD:
		return SLUICE_STR("HEAD");
	case METHOD_POST:
		return SLUICE_STR("POST");
	case METHOD_REQUEST:
		return sluice_get(x, SLUICE_I_METHOD);
	case METHOD_GET:
		break;
	}
	return SLUICE_STR("GET");
}

enum question_fault question_address(sluice_exchange *x, const struct ext_auth *c,
	struct question *q)
{
	q->method = method_of(x, c);
	q->body = SLUICE_STR_NONE;
	q->has_fields = false; /* the array of fields is large, and is not cleared */
	enum question_fault fault = base_of(x, c, &q->url);
	if (!fault && c->parameters.n)
		fault = add_parameters(x, c, q->url, &q->url);
	return fault ? fault : q->url.len > ASKED_URL_MAX ? QUESTION_TOO_LARGE : QUESTION_GOOD;
}

/* ---- the fields ---------------------------------------------------------------------------- */

static const sluice_str ours[] = { { "X-Forwarded-Method", 18 }, { "X-Forwarded-Proto", 17 },
	{ "X-Forwarded-Host", 16 }, { "X-Forwarded-Uri", 15 }, { "X-Forwarded-For", 15 },
	{ "X-Original-Method", 17 }, { "X-Original-URL", 14 }, { "X-Request-ID", 12 } };
enum { OURS = sizeof(ours) / sizeof(ours[0]) };
enum { OUR_METHOD, OUR_PROTO, OUR_HOST, OUR_URI, OUR_FOR, OUR_OLD_METHOD, OUR_URL, OUR_ID };

bool question_is_ours(sluice_str name)
{
	size_t i = 0;
	while (i < OURS && !sluice_names_alike(name, ours[i]))
		i++;
	return i < OURS;
}

/* What the gateway does not know (the host of HTTP/1.0) is left out. */
static void add(struct question *q, sluice_str name, sluice_str value)
{
	if (!value.data)
		return;
	if (q->n_fields < FIELDS_MAX)
		q->fields[q->n_fields] = (sluice_pair){ name, value };
	q->n_fields++;
	q->bytes += name.len + value.len;
}

/* With its port, where the client named one. The field and the request's target may name different
 * hosts: the target counts, as it does for routes (RFC 9112 3.2.2). */
static sluice_str host_of(sluice_exchange *x)
{
	sluice_str host = sluice_get(x, SLUICE_I_HOST),
		   field = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("host"));
	bool is_same = host.len && field.len >= host.len &&
		sluice_str_ieq(sluice_str_n(field.data, host.len), host) &&
		(field.len == host.len || field.data[host.len] == ':' ||
			field.data[host.len] == '.');
	return is_same ? field : host;
}

static bool add_ours(sluice_exchange *x, struct question *q)
{
	sluice_str method = sluice_get(x, SLUICE_I_METHOD), host = host_of(x),
		   scheme = sluice_get(x, SLUICE_I_SCHEME), target = sluice_get(x, SLUICE_I_TARGET),
		   ip = sluice_get(x, SLUICE_I_CLIENT_IP), separator = SLUICE_STR("://");
	char *url = sluice_alloc(x, scheme.len + separator.len + host.len + target.len), *at = url;
	if (!url || !target.data)
		return false;
	at = sluice_str_put(sluice_str_put(sluice_str_put(at, scheme), separator), host);
	at = sluice_str_put(at, target);
	add(q, ours[OUR_METHOD], method);
	add(q, ours[OUR_PROTO], scheme);
	add(q, ours[OUR_HOST], host);
	add(q, ours[OUR_URI], target);
	if (!sluice_str_is(ip, "unix")) /* a unix socket has no address to tell */
		add(q, ours[OUR_FOR], ip);
	add(q, ours[OUR_OLD_METHOD], method);
	if (host.len)
		add(q, ours[OUR_URL], sluice_str_n(url, (size_t)(at - url)));
	add(q, ours[OUR_ID], sluice_get(x, SLUICE_I_REQUEST_ID));
	return true;
}

/* Fields that would change what the service answers with instead of what it decides: conditions
 * (RFC 9110 13), ranges (14), and codings that a client could not be relayed. */
static bool is_about_the_answer(sluice_str name)
{
	static const sluice_str names[] = { { "if-match", 8 }, { "if-none-match", 13 },
		{ "if-modified-since", 17 }, { "if-unmodified-since", 19 }, { "if-range", 8 },
		{ "range", 5 }, { "accept-encoding", 15 } };
	return names_have((sluice_strs){ names, sizeof(names) / sizeof(names[0]) }, name);
}

/* Whether the operator says what the field has. */
static bool is_set(const struct ext_auth *c, sluice_str name)
{
	size_t i = 0;
	while (i < c->set.n && !sluice_names_alike(c->set.v[i].name, name))
		i++;
	return i < c->set.n;
}

/* Whether a field of the client is sent on where all are. */
static bool is_sent(sluice_str name)
{
	return !is_about_the_answer(name) && !question_is_ours(name) &&
		!sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_REMOVE, name, SLUICE_STR(""));
}

/* What describes the body goes with it. */
static bool is_of_body(sluice_str name)
{
	return sluice_str_ieq(name, SLUICE_STR("content-type")) ||
		sluice_str_ieq(name, SLUICE_STR("content-encoding"));
}

static void add_clients(sluice_exchange *x, const struct ext_auth *c, struct question *q)
{
	sluice_pair f;
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);) {
		bool sends = c->sends_all ? is_sent(f.name)
					  : names_have(c->send_headers, f.name) ||
				(c->send_body && is_of_body(f.name));
		if (sends && !is_set(c, f.name))
			add(q, f.name, f.value);
	}
}

/* A field without a value in this request is left out. */
static bool add_set(sluice_exchange *x, const struct ext_auth *c, struct question *q)
{
	sluice_str value;
	for (size_t i = 0; i < c->set.n; i++) {
		switch (sluice_template_write(x, c->set.v[i].value, &value)) {
		case SLUICE_TEMPLATE_OK:
			add(q, c->set.v[i].name, value);
			break;
		case SLUICE_TEMPLATE_MISSING:
			break;
		case SLUICE_TEMPLATE_FAIL:
			return false;
		}
	}
	return true;
}

enum question_fault question_fields(sluice_exchange *x, const struct ext_auth *c,
	struct question *q)
{
	q->n_fields = 0;
	q->bytes = 0;
	if (!add_ours(x, q))
		return QUESTION_NO_MEMORY;
	add_clients(x, c, q);
	if (!add_set(x, c, q))
		return QUESTION_NO_MEMORY;
	if (q->n_fields > FIELDS_MAX || q->bytes > ASKED_HEAD_MAX)
		return QUESTION_TOO_LARGE;
	q->has_fields = true;
	return QUESTION_GOOD;
}
