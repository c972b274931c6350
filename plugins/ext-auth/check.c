/* The options of ext-auth are checked. See the header. */
#include "check.h"

#include <stdio.h>

#include "../shared/uri_text.h"
#include "../shared/url.h"
#include "question.h"

enum { OPTION = 160 }; /* bytes of an option's name with its place */

/* ---- where to ask -------------------------------------------------------------------------- */

static int check_url(sluice_instance *inst, const struct ext_auth *c)
{
	if (!url_is_http(c->url) || memchr(c->url.data, '#', c->url.len)) {
		sluice_conf_error(inst, "url", "\"%.*s\" is no http:// or https:// URL",
			(int)c->url.len, c->url.data);
		return -1;
	}
	if (c->ca_file.len && (c->upstream || !url_is_https(c->url))) {
		sluice_conf_error(inst, "ca_file",
			c->upstream ? "is not used: the upstream's own tls.ca counts"
				    : "is for a URL with https");
		return -1;
	}
	return 0;
}

static int check_path(sluice_instance *inst, struct ext_auth *c)
{
	if (!c->upstream) {
		sluice_conf_error(inst, "path", "needs upstream, which says where it is asked for");
		return -1;
	}
	if (c->ca_file.len) {
		sluice_conf_error(inst, "ca_file", "is not used: the upstream's own tls.ca counts");
		return -1;
	}
	c->path_text = uri_text_compile_path(inst, "path", c->path);
	return c->path_text ? 0 : -1;
}

static int check_place(sluice_instance *inst, struct ext_auth *c)
{
	if (c->path.len && c->url.len) {
		sluice_conf_error(inst, "path", "stands beside url, and one of the two is asked");
		return -1;
	}
	if (c->url.len)
		return check_url(inst, c);
	if (c->path.len)
		return check_path(inst, c);
	sluice_conf_error(inst, NULL, "neither path nor url says where to ask");
	sluice_conf_hint(inst,
		"`upstream: auth` and `path: /verify`, or `url: http://auth.internal:9000/verify`");
	return -1;
}

static int check_method(sluice_instance *inst, struct ext_auth *c)
{
	if (!c->send_body)
		return 0;
	if (!sluice_conf_given(inst, "method"))
		c->method = METHOD_POST;
	if (c->method == METHOD_GET || c->method == METHOD_HEAD) {
		sluice_conf_error(inst, "method", "carries no body, which send_body asks for");
		sluice_conf_hint(inst, "leave method out: the default is then POST");
		return -1;
	}
	return 0;
}

/* ---- names of fields ----------------------------------------------------------------------- */

/* side, op: what has to be possible with the field. */
struct use {
	const char *option;
	sluice_side side;
	sluice_field_op op;
};

static int check_name(sluice_instance *inst, const struct use *u, const char *option,
	sluice_str name)
{
	const char *why = sluice_field_refused(u->side, u->op, name, SLUICE_STR("x"));
	if (!why && sluice_str_ieq(name, SLUICE_STR("host")))
		why = "says where the request goes";
	if (sluice_str_is(name, "*"))
		why = "is no name of a header field, and stands for all only by itself in "
		      "send_headers or refusal_headers";
	if (!why)
		return 0;
	sluice_conf_error(inst, option, "\"%.*s\" %s", (int)name.len, name.data, why);
	return -1;
}

static int check_names(sluice_instance *inst, const struct use *u, sluice_strs names)
{
	int rc = 0;
	for (size_t i = 0; i < names.n; i++) {
		char option[OPTION];
		(void)snprintf(option, sizeof(option), "%s[%zu]", u->option, i);
		if (check_name(inst, u, option, names.v[i]) < 0)
			rc = -1;
	}
	return rc;
}

/* Whether a list is "*". A star beside names is no name, and is reported as such. */
static bool is_star(sluice_strs names)
{
	return names.n == 1 && sluice_str_is(names.v[0], "*");
}

static int check_ours(sluice_instance *inst, const char *option, sluice_str name)
{
	if (!question_is_ours(name))
		return 0;
	sluice_conf_error(inst, option, "\"%.*s\" is always sent, with what the gateway knows",
		(int)name.len, name.data);
	return -1;
}

static int check_sent(sluice_instance *inst, struct ext_auth *c)
{
	const struct use u = { "send_headers", SLUICE_REQUEST, SLUICE_FIELD_REMOVE };
	int rc = 0;
	c->sends_all = is_star(c->send_headers);
	if (c->sends_all)
		return 0;
	for (size_t i = 0; i < c->send_headers.n; i++) {
		char option[OPTION];
		(void)snprintf(option, sizeof(option), "send_headers[%zu]", i);
		if (check_ours(inst, option, c->send_headers.v[i]) < 0 ||
			check_name(inst, &u, option, c->send_headers.v[i]) < 0)
			rc = -1;
	}
	return rc;
}

static int check_fact_field(sluice_instance *inst, const char *option, sluice_str name)
{
	if (!name.len || sluice_str_is_token(name))
		return 0;
	sluice_conf_error(inst, option, "\"%.*s\" is no name of a header field", (int)name.len,
		name.data);
	return -1;
}

/* "auth:x-tenant". */
static sluice_str fact_name(sluice_instance *inst, sluice_str field)
{
	static const char start[] = "auth:";
	char *text = sluice_conf_alloc(inst, sizeof(start) + field.len),
	     *at = sluice_str_put(text, sluice_str_of(start));
	for (size_t i = 0; i < field.len; i++)
		*at++ = sluice_lower(field.data[i]);
	return sluice_str_n(text, (size_t)(at - text));
}

static int check_facts(sluice_instance *inst, struct ext_auth *c)
{
	sluice_str *names = sluice_conf_alloc(inst, (c->facts.n + 1) * sizeof(*names));
	int rc = check_fact_field(inst, "consumer", c->consumer);
	if (check_fact_field(inst, "groups", c->groups) < 0)
		rc = -1;
	for (size_t i = 0; i < c->facts.n; i++) {
		char option[OPTION];
		(void)snprintf(option, sizeof(option), "facts[%zu]", i);
		if (!c->facts.v[i].len || check_fact_field(inst, option, c->facts.v[i]) < 0)
			rc = -1;
		names[i] = fact_name(inst, c->facts.v[i]);
	}
	c->fact_names = names;
	return rc;
}

/* What is used of a 2xx. */
static void collect_kept(sluice_instance *inst, struct ext_auth *c)
{
	const sluice_strs lists[] = { c->request_headers, c->response_headers, c->facts,
		{ &c->consumer, c->consumer.len != 0 }, { &c->groups, c->groups.len != 0 } };
	size_t n = 0, room = 0;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		room += lists[i].n;
	sluice_str *v = sluice_conf_alloc(inst, (room + 1) * sizeof(*v));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (size_t j = 0; j < lists[i].n; j++) {
			if (!names_have((sluice_strs){ v, n }, lists[i].v[j]))
				v[n++] = lists[i].v[j];
		}
	}
	c->kept = (sluice_strs){ v, n };
}

/* What describes the body of a refusal is relayed with it. */
static void add_content_names(sluice_instance *inst, struct ext_auth *c)
{
	static const sluice_str names[] = { { "content-type", 12 }, { "content-encoding", 16 },
		{ "content-language", 16 } };
	enum { N = sizeof(names) / sizeof(names[0]) };
	size_t n = c->refusal_headers.n;
	sluice_str *v = sluice_conf_alloc(inst, (n + N) * sizeof(*v));
	if (n)
		memcpy(v, c->refusal_headers.v, n * sizeof(*v));
	memcpy(v + n, names, sizeof(names));
	c->refusal_headers = (sluice_strs){ v, n + N };
}

static int check_fields(sluice_instance *inst, struct ext_auth *c)
{
	const struct use to_upstream = { "request_headers", SLUICE_REQUEST, SLUICE_FIELD_SET },
			 to_client = { "response_headers", SLUICE_RESPONSE, SLUICE_FIELD_ADD },
			 of_refusal = { "refusal_headers", SLUICE_RESPONSE, SLUICE_FIELD_ADD };
	int rc = check_sent(inst, c);
	if (c->sends_all || names_have(c->send_headers, SLUICE_STR("authorization")))
		sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, SLUICE_STR("authorization"));
	if (check_names(inst, &to_upstream, c->request_headers) < 0 ||
		check_names(inst, &to_client, c->response_headers) < 0)
		rc = -1;
	c->relays_all = is_star(c->refusal_headers);
	if (!c->relays_all && check_names(inst, &of_refusal, c->refusal_headers) < 0)
		rc = -1;
	if (check_facts(inst, c) < 0)
		rc = -1;
	for (size_t i = 0; rc == 0 && i < c->request_headers.n; i++)
		sluice_own(inst, SLUICE_OWN_WORD, c->request_headers.v[i]);
	collect_kept(inst, c);
	add_content_names(inst, c);
	return rc;
}

/* ---- names with values --------------------------------------------------------------------- */

/* field: the name of a field for whose value the texts are. */
static int compile(sluice_instance *inst, const char *option, sluice_pairs pairs,
	struct nameds *out)
{
	struct named *v = sluice_conf_alloc(inst, (pairs.n + 1) * sizeof(*v));
	int rc = 0;
	for (size_t i = 0; i < pairs.n; i++) {
		sluice_str name = pairs.v[i].name;
		char path[OPTION];
		(void)snprintf(path, sizeof(path), "%s.%.*s", option,
			name.len < 96 ? (int)name.len : 96, name.data);
		v[i].name = name;
		v[i].value = sluice_template_compile(inst, path, SLUICE_REQUEST,
			SLUICE_STR("X-Value"), pairs.v[i].value);
		if (!v[i].value)
			rc = -1;
	}
	*out = (struct nameds){ v, pairs.n };
	return rc;
}

static int check_set(sluice_instance *inst, struct ext_auth *c)
{
	const struct use u = { "set_headers", SLUICE_REQUEST, SLUICE_FIELD_REMOVE };
	int rc = compile(inst, "set_headers", c->set_headers, &c->set);
	for (size_t i = 0; i < c->set_headers.n; i++) {
		sluice_str name = c->set_headers.v[i].name;
		char option[OPTION];
		(void)snprintf(option, sizeof(option), "set_headers.%.*s",
			name.len < 96 ? (int)name.len : 96, name.data);
		if (check_ours(inst, option, name) < 0 || check_name(inst, &u, option, name) < 0)
			rc = -1;
		if (names_have(c->send_headers, name)) {
			sluice_conf_error(inst, option,
				"stands in send_headers too: whose value is sent?");
			rc = -1;
		}
	}
	return rc;
}

static int check_cache(sluice_instance *inst, const struct ext_auth *c)
{
	if (!sluice_conf_given(inst, "cache") || c->cache.ttl || c->cache.negative_ttl)
		return 0;
	sluice_conf_error(inst, "cache", "ttl and negative_ttl are 0: nothing would be remembered");
	return -1;
}

int check_options(sluice_instance *inst, struct ext_auth *c)
{
	int rc = check_place(inst, c);
	if (check_method(inst, c) < 0)
		rc = -1;
	if (check_fields(inst, c) < 0)
		rc = -1;
	if (compile(inst, "query", c->query, &c->parameters) < 0)
		rc = -1;
	if (check_set(inst, c) < 0)
		rc = -1;
	return check_cache(inst, c) < 0 ? -1 : rc;
}
