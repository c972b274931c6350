/* The metadata of the protected resource. See resource.h. */
#include "resource.h"

#include <jansson.h>
#include <stdlib.h>

#include "../jose/issuer_name.h"
#include "../shared/url.h"
#include "issuer_tenant.h"
#include "places.h"

#define WELL_KNOWN "/.well-known/oauth-protected-resource"

/* Programs in browsers read it, too: they send no credentials, and may send fields of their own, of
 * which their browser asks first (OPTIONS). */
static const sluice_pair fields[] = {
	{ SLUICE_STR("Cache-Control"), SLUICE_STR("max-age=300") },
	{ SLUICE_STR("Access-Control-Allow-Origin"), SLUICE_STR("*") },
	{ SLUICE_STR("Access-Control-Allow-Methods"), SLUICE_STR("GET") },
	{ SLUICE_STR("Access-Control-Allow-Headers"), SLUICE_STR("*") },
	{ SLUICE_STR("Access-Control-Max-Age"), SLUICE_STR("3600") },
};

static sluice_answer answer_of(const struct jwt_conf *conf)
{
	return (sluice_answer){ .size = sizeof(sluice_answer),
		.status = 200,
		.headers = { fields, sizeof(fields) / sizeof(*fields) },
		.content_type = SLUICE_STR("application/json"),
		.body = conf->document };
}

/* ---- the options --------------------------------------------------------------------------- */

/* The scheme and authority of an http(s) URL; *path is what follows. */
static sluice_str origin_of(sluice_str url, sluice_str *path)
{
	size_t at = url_is_https(url) ? strlen("https://") : strlen("http://");
	while (at < url.len && url.data[at] != '/')
		at++;
	*path = sluice_str_skip(url, at);
	return sluice_str_n(url.data, at);
}

/* Why the URL cannot be that of a resource: the rest of a sentence. NULL: it can. */
static const char *resource_refused(sluice_str url)
{
	sluice_str path;
	if (!url_is_http(url))
		return "is no http:// or https:// URL";
	/* RFC 9728 1.2; whoever has a query there cannot have a document of its own */
	if (memchr(url.data, '#', url.len) || memchr(url.data, '?', url.len))
		return "has a query or a fragment";
	sluice_str origin = origin_of(url, &path);
	if (memchr(origin.data, '@', origin.len))
		return "has a user";
	for (size_t i = 0; i < path.len; i++) {
		if (!sluice_is_alnum(path.data[i]) && !strchr("-._~/", path.data[i]))
			return "has other characters in its path than letters, digits, -._~ and /";
	}
	return origin.data[origin.len - 1] == '/' ? "has no host" : NULL;
}

static int check_options(sluice_instance *inst, const struct jwt_conf *conf)
{
	const struct {
		const char *option;
		bool is_given;
	} more[] = { { "resource_name", conf->resource_name.len > 0 },
		{ "resource_documentation", conf->resource_documentation.len > 0 },
		{ "resource_scopes", conf->resource_scopes.n > 0 } };
	int rc = 0;
	for (size_t i = 0; i < sizeof(more) / sizeof(*more) && !conf->resource.len; i++) {
		if (!more[i].is_given)
			continue;
		sluice_conf_error(inst, more[i].option, "is of no use without resource");
		rc = -1;
	}
	const char *why = conf->resource.len ? resource_refused(conf->resource) : NULL;
	if (why) {
		sluice_conf_error(inst, "resource", "\"%.*s\" %s", (int)conf->resource.len,
			conf->resource.data, why);
		sluice_conf_hint(inst, "resource: https://api.example.com/mcp");
		rc = -1;
	}
	if (conf->resource_documentation.len && !url_is_http(conf->resource_documentation)) {
		sluice_conf_error(inst, "resource_documentation", "is no http:// or https:// URL");
		rc = -1;
	}
	return rc;
}

/* ---- the document -------------------------------------------------------------------------- */

static json_t *text_of(sluice_str s)
{
	return json_stringn(s.data, s.len);
}

static void add_texts(json_t *to, const char *name, const sluice_strs *v)
{
	json_t *list = json_array();
	for (size_t i = 0; i < v->n; i++)
		json_array_append_new(list, text_of(v->v[i]));
	json_object_set_new(to, name, list);
}

/* RFC 9728 2: issuers as RFC 8414 has them, which are URLs; a token may also be of one that has
 * none. One of many tenants is an issuer for each that is named. */
static void add_server(sluice_instance *inst, json_t *list, const struct jwt_conf *conf,
	sluice_str name)
{
	const sluice_strs *tenants = &conf->rules.tenants;
	if (!url_is_http(name))
		return;
	if (!issuer_name_is_pattern(name)) {
		json_array_append_new(list, text_of(name));
		return;
	}
	for (size_t i = 0; i < tenants->n; i++) {
		if (!sluice_str_is(tenants->v[i], "*"))
			json_array_append_new(list,
				text_of(issuer_name_with(inst, name, tenants->v[i])));
	}
}

static void add_servers(sluice_instance *inst, json_t *to, const struct jwt_conf *conf)
{
	json_t *list = json_array();
	for (size_t i = 0; i < conf->issuer.n; i++)
		add_server(inst, list, conf, conf->issuer.v[i]);
	for (size_t i = 0; i < conf->issuers.n; i++)
		add_server(inst, list, conf, conf->issuers.v[i].name);
	if (json_array_size(list))
		json_object_set(to, "authorization_servers", list);
	json_decref(list);
}

static void add_words(json_t *to, const char *name, sluice_str words)
{
	json_t *list = json_array();
	while (words.len)
		json_array_append_new(list, text_of(sluice_str_cut(&words, ' ')));
	json_object_set_new(to, name, list);
}

static json_t *describe(sluice_instance *inst, const struct jwt_conf *conf)
{
	json_t *o = json_object();
	const sluice_strs *scopes = conf->resource_scopes.n ? &conf->resource_scopes
							    : &conf->scopes;
	json_object_set_new(o, "resource", text_of(conf->resource));
	add_servers(inst, o, conf);
	if (scopes->n)
		add_texts(o, "scopes_supported", scopes);
	add_words(o, "bearer_methods_supported", places_methods(conf));
	if (conf->asks.dpop_algs.len)
		add_words(o, "dpop_signing_alg_values_supported", conf->asks.dpop_algs);
	if (conf->takes == SCHEME_BIT(SCHEME_DPOP))
		json_object_set_new(o, "dpop_bound_access_tokens_required", json_true());
	if (conf->resource_name.len)
		json_object_set_new(o, "resource_name", text_of(conf->resource_name));
	if (conf->resource_documentation.len)
		json_object_set_new(o, "resource_documentation",
			text_of(conf->resource_documentation));
	return o;
}

static sluice_str join(sluice_instance *inst, sluice_str a, sluice_str b, sluice_str c)
{
	char *text = sluice_conf_alloc(inst, a.len + b.len + c.len + 1);
	char *end = sluice_str_put(sluice_str_put(sluice_str_put(text, a), b), c);
	return sluice_str_n(text, (size_t)(end - text));
}

/* RFC 9728 3.1: the well-known part stands between the host and the path. */
static void place_document(sluice_instance *inst, struct jwt_conf *conf)
{
	const sluice_str none = SLUICE_STR("");
	sluice_str path, origin = origin_of(conf->resource, &path);
	if (path.len == 1)
		path.len = 0;
	conf->document_path = join(inst, SLUICE_STR(WELL_KNOWN), path, none);
	conf->resource_metadata = join(inst, origin, conf->document_path, none);
}

int resource_check(sluice_instance *inst, struct jwt_conf *conf)
{
	if (check_options(inst, conf) < 0)
		return -1;
	if (!conf->resource.len)
		return 0;
	if (!conf->audience.n)
		conf->audience = (sluice_strs){ &conf->resource, 1 };
	if (conf->resource_metadata.len)
		return 0; /* somebody else serves it */
	json_t *o = describe(inst, conf);
	char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (!text) {
		sluice_conf_error(inst, "resource_name", "is no UTF-8, or there is no memory");
		return -1;
	}
	place_document(inst, conf);
	conf->document = join(inst, sluice_str_of(text), SLUICE_STR("\n"), SLUICE_STR(""));
	free(text);
	const sluice_answer a = answer_of(conf);
	sluice_serve(inst, conf->document_path, &a);
	return 0;
}

/* ---- requests ------------------------------------------------------------------------------ */

bool resource_is_asked(sluice_exchange *x, const struct jwt_conf *conf)
{
	if (!conf->document.len ||
		!sluice_str_eq(sluice_get(x, SLUICE_I_PATH), conf->document_path))
		return false;
	sluice_str method = sluice_get(x, SLUICE_I_METHOD);
	return sluice_str_is(method, "GET") || sluice_str_is(method, "HEAD") ||
		sluice_str_is(method, "OPTIONS");
}

sluice_verdict resource_tell(sluice_exchange *x, const struct jwt_conf *conf)
{
	const sluice_answer a = answer_of(conf);
	sluice_credentials_absent(x);
	return sluice_answer_with(x, &a);
}
