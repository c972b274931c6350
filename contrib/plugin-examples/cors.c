/*
 * cors: lets pages of other origins call a service (Fetch standard, CORS protocol). Answers
 * preflights itself, so it belongs into the `plugins` of a listener: no route need know OPTIONS.
 * Shows lists as options, texts that are made once, an answer of fields alone, and fields on every
 * response, Sluice's own included.
 */
#include <stdio.h>

#include <sluice/plugin.h>
#include <sluice/str.h>

struct cors {
	sluice_strs origins, methods, headers, expose;
	uint64_t max_age;
	bool credentials;
	/* made by check() */
	bool any;
	sluice_str methods_text, headers_text, expose_text, age_text;
};

#define C struct cors
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, C, origins, .flags = SLUICE_F_REQUIRED, .min = "1",
		.doc = "origins that may call: `https://app.example`, `https://*.example`, or `*`"),
	SLUICE_OPTION(SLUICE_T_STRS, C, methods, .def = "[GET, HEAD, POST]",
		.doc = "methods that they may use"),
	SLUICE_OPTION(SLUICE_T_STRS, C, headers, .doc = "header fields that they may send"),
	SLUICE_OPTION(SLUICE_T_STRS, C, expose,
		.doc = "header fields of responses that they may read"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, max_age, .def = "10m", .max = "1d",
		.doc = "how long a browser remembers a preflight"),
	SLUICE_OPTION(SLUICE_T_BOOL, C, credentials, .doc = "whether cookies go along"),
	SLUICE_OPTIONS_END,
};

/* The list as the value of a field. */
static sluice_str joined(sluice_instance *inst, sluice_strs list)
{
	size_t room = 1;
	for (size_t i = 0; i < list.n; i++)
		room += list.v[i].len + 2;
	char *text = sluice_conf_alloc(inst, room), *at = text;
	for (size_t i = 0; i < list.n; i++) {
		at = i ? sluice_str_put(at, SLUICE_STR(", ")) : at;
		at = sluice_str_put(at, list.v[i]);
	}
	return sluice_str_n(text, (size_t)(at - text));
}

static int cors_check(sluice_instance *inst, void *conf)
{
	struct cors *c = conf;
	char *age = sluice_conf_alloc(inst, 24);
	for (size_t i = 0; i < c->origins.n; i++)
		c->any |= sluice_str_is(c->origins.v[i], "*");
	if (c->any && c->credentials) {
		sluice_conf_error(inst, "credentials",
			"any site could act for the user with origins: \"*\"");
		sluice_conf_hint(inst, "list the origins");
		return -1;
	}
	c->methods_text = joined(inst, c->methods);
	c->headers_text = joined(inst, c->headers);
	c->expose_text = joined(inst, c->expose);
	(void)snprintf(age, 24, "%llu", (unsigned long long)(c->max_age / 1000));
	c->age_text = sluice_str_of(age);
	return 0;
}

/* With `*` for a part, a.b.example and b.example are taken where `*.example` stands. */
static bool origin_is(sluice_str pattern, sluice_str origin)
{
	sluice_str scheme = sluice_str_cut(&pattern, '*');
	if (!pattern.data)
		return sluice_str_eq(scheme, origin);
	return origin.len > scheme.len + pattern.len && sluice_str_starts(origin, scheme) &&
		sluice_str_eq(sluice_str_skip(origin, origin.len - pattern.len), pattern);
}

/* What the browser is told of the request's origin; empty: it may not call. */
static sluice_str allowed(const struct cors *c, sluice_str origin)
{
	if (c->any)
		return SLUICE_STR("*");
	for (size_t i = 0; i < c->origins.n; i++) {
		if (origin_is(c->origins.v[i], origin))
			return origin;
	}
	return SLUICE_STR("");
}

static bool is_preflight(sluice_exchange *x)
{
	static const sluice_str asks = SLUICE_STR("access-control-request-method");
	return sluice_str_is(sluice_get(x, SLUICE_I_METHOD), "OPTIONS") &&
		sluice_field(x, SLUICE_REQUEST, SLUICE_STR("origin")).data &&
		sluice_field(x, SLUICE_REQUEST, asks).data;
}

static void set(sluice_exchange *x, const char *name, sluice_str value)
{
	if (value.len)
		sluice_field_set(x, SLUICE_RESPONSE, sluice_str_of(name), value);
}

static sluice_verdict cors_on_request(sluice_exchange *x, const void *conf)
{
	const sluice_answer none = { .size = sizeof(none), .status = 204 };
	(void)conf;
	return is_preflight(x) ? sluice_answer_with(x, &none) : SLUICE_NEXT;
}

static sluice_verdict cors_on_response(sluice_exchange *x, const void *conf)
{
	const struct cors *c = conf;
	sluice_str origin = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("origin"));
	if (!c->any) /* also without Origin: a cache must not give that answer to one with it */
		sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("Vary"), SLUICE_STR("Origin"));
	sluice_str may = origin.data ? allowed(c, origin) : SLUICE_STR("");
	if (!may.len)
		return SLUICE_NEXT;
	set(x, "Access-Control-Allow-Origin", may);
	set(x, "Access-Control-Allow-Credentials",
		c->credentials ? SLUICE_STR("true") : SLUICE_STR(""));
	if (!is_preflight(x)) {
		set(x, "Access-Control-Expose-Headers", c->expose_text);
		return SLUICE_NEXT;
	}
	set(x, "Access-Control-Allow-Methods", c->methods_text);
	set(x, "Access-Control-Allow-Headers", c->headers_text);
	set(x, "Access-Control-Max-Age", c->age_text);
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("cors", .version = "1.0", .summary = "let pages of other origins call",
	.options = options, .conf_size = sizeof(struct cors), .check = cors_check,
	.on_request = cors_on_request, .on_response = cors_on_response);
