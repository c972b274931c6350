/* Options of the plugin cors: what they are, and what is refused. */
#include "conf.h"

#include <sluice/str.h>
#include <stdio.h>

#define C struct cors
static const char *const preflights_choices[] = { "answer", "forward", NULL };
static const char *const others_choices[] = { "pass", "refuse", NULL };
static const char *const theirs_choices[] = { "replace", "keep", NULL };

const sluice_option cors_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, C, origins, .flags = SLUICE_F_REQUIRED, .min = "1",
		.max = "1000",
		.doc = "origins whose pages may call: https://app.example.com, "
		       "https://*.example.com for all names below it, http://localhost:* for "
		       "all ports, regex:PATTERN for the whole origin, \"null\", or \"*\" for "
		       "every origin"),
	SLUICE_OPTION(SLUICE_T_STRS, C, methods, .def = "[GET, HEAD, POST]", .max = "64",
		.doc = "methods that such pages may use, or \"*\" for all; GET, HEAD and POST "
		       "are always permitted by the standard"),
	SLUICE_OPTION(SLUICE_T_STRS, C, headers, .max = "64",
		.doc = "fields that such pages may send, in addition to those that any page may "
		       "send, or \"*\" for all, Authorization included"),
	SLUICE_OPTION(SLUICE_T_STRS, C, expose, .max = "64",
		.doc = "fields of responses that such pages may read, in addition to those that "
		       "any page may read, or \"*\" for all"),
	SLUICE_OPTION(SLUICE_T_BOOL, C, credentials, .def = "false",
		.doc = "whether such pages may send cookies, HTTP authentication and client "
		       "certificates; not with the origins \"*\" and \"null\""),
	SLUICE_OPTION(SLUICE_T_DURATION, C, max_age, .def = "1h", .max = "24h",
		.doc = "how long a browser may cache the answer to a preflight; browsers have "
		       "limits of their own"),
	SLUICE_OPTION(SLUICE_T_BOOL, C, private_network, .def = "false",
		.doc = "whether such pages may call from the public internet into a private "
		       "network"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, preflights, .def = "answer", .choices = preflights_choices,
		.doc = "whether the gateway answers preflights itself or forwards them to the "
		       "upstream"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, other_origins, .def = "pass", .choices = others_choices,
		.doc = "pass: requests of pages of other origins reach the upstream, and the page "
		       "cannot read the response, as the standard says; refuse: they get 403"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, upstream_fields, .def = "replace",
		.choices = theirs_choices,
		.doc = "replace: what the upstream itself says about CORS is removed; keep: a "
		       "response with Access-Control-Allow-Origin stays as it is"),
	SLUICE_OPTIONS_END,
};

/* ---- origins ------------------------------------------------------------------------------- */

/*
 * The place of a dot that was most likely meant as a dot: "app.example" as an expression takes
 * "appXexample" too, which anybody can register. One that stands for any character on purpose is
 * followed by a quantifier, or by the end of a group. Returns e.len when there is none.
 */
static size_t find_bare_dot(sluice_str e)
{
	bool in_class = false;
	for (size_t i = 0; i < e.len; i++) {
		char next = i + 1 < e.len ? e.data[i + 1] : '\0';
		if (e.data[i] == '\\')
			i++;
		else if (e.data[i] == '[' || e.data[i] == ']')
			in_class = e.data[i] == '[';
		else if (e.data[i] == '.' && !in_class && sluice_is_alnum(next))
			return i;
	}
	return e.len;
}

static int check_dots(sluice_instance *inst, const char *at, sluice_str e)
{
	size_t dot = find_bare_dot(e);
	if (dot == e.len)
		return 0;
	sluice_str behind = sluice_str_skip(e, dot + 1);
	sluice_conf_error(inst, at,
		"the dot in front of \"%.*s\" stands for any character, so that more origins match "
		"than it seems",
		(int)(behind.len > 16 ? 16 : behind.len), behind.data);
	sluice_conf_hint(inst,
		"write `\\.` or `[.]` for a dot; in \"double quotes\" a backslash is written "
		"twice");
	return -1;
}

/* An expression that takes an origin made up here takes any. */
static bool takes_anything(const struct expression *r)
{
	static const sluice_str origins[] = { { "https://q7x.invalid", 19 },
		{ "http://q7x.invalid", 18 } };
	struct expression_scratch *work = expression_scratch_new();
	bool takes = false;
	for (size_t i = 0; work && i < 2; i++)
		takes |= expression_match(r, work, origins[i], NULL) == EXPRESSION_YES;
	expression_scratch_free(&work);
	return takes;
}

static int check_regex(sluice_instance *inst, const char *at, sluice_str expression, struct cors *c)
{
	char why[256];
	if (check_dots(inst, at, expression) < 0)
		return -1;
	struct expression *r = expression_new(expression, why, sizeof(why));
	if (!r) {
		sluice_conf_error(inst, at, "the expression %s", why);
		return -1;
	}
	c->regexes[c->n_regexes++] = r;
	if (!c->credentials || !takes_anything(r))
		return 0;
	sluice_conf_error(inst, at,
		"the expression takes every origin, so that with `credentials` every page of the "
		"world could act for its visitor");
	sluice_conf_hint(inst, "name the hosts in the expression");
	return -1;
}

static int check_origins(sluice_instance *inst, struct cors *c)
{
	const sluice_str regex = SLUICE_STR("regex:");
	char at[32];
	int rc = 0;
	cors_policy_init(inst, &c->policy, c->origins.n);
	c->regexes = sluice_conf_alloc(inst, c->origins.n * sizeof(*c->regexes));
	for (size_t i = 0; i < c->origins.n; i++) {
		sluice_str text = c->origins.v[i];
		(void)snprintf(at, sizeof(at), "origins[%zu]", i);
		int one = sluice_str_starts(text, regex)
			? check_regex(inst, at, sluice_str_skip(text, regex.len), c)
			: cors_policy_add(inst, at, text, true, &c->policy);
		rc = one < 0 ? -1 : rc;
	}
	if (rc == 0 && c->policy.any && c->origins.n > 1) {
		sluice_conf_error(inst, "origins",
			"\"*\" stands for every origin: the others have no effect");
		sluice_conf_hint(inst, "take out \"*\", or the others");
		rc = -1;
	}
	return rc;
}

/* ---- methods and fields -------------------------------------------------------------------- */

static bool has_star(sluice_strs names)
{
	return sluice_str_find(SLUICE_STR("*"), names.v, names.n) < names.n;
}

/* Whether browsers never send such a method for a page (Fetch 2.2.1). */
static bool is_forbidden(sluice_str method)
{
	static const sluice_str v[] = { { "CONNECT", 7 }, { "TRACE", 5 }, { "TRACK", 5 } };
	return sluice_str_find(method, v, sizeof(v) / sizeof(v[0])) < sizeof(v) / sizeof(v[0]);
}

static int check_method(sluice_instance *inst, const char *at, sluice_str method)
{
	bool lower = false;
	for (size_t i = 0; i < method.len; i++)
		lower |= method.data[i] >= 'a' && method.data[i] <= 'z';
	if (sluice_str_is_token(method) && !lower && !is_forbidden(method))
		return 0;
	if (!sluice_str_is_token(method)) {
		sluice_conf_error(inst, at, "\"%.*s\" is not a method", (int)method.len,
			method.data);
	} else if (lower) {
		sluice_conf_error(inst, at, "methods are compared with regard to case");
		sluice_conf_hint(inst, "write it in capitals");
	} else {
		sluice_conf_error(inst, at, "browsers let no page use %.*s", (int)method.len,
			method.data);
	}
	return -1;
}

static int check_methods(sluice_instance *inst, struct cors *c)
{
	char at[32];
	int rc = 0;
	c->policy.any_method = has_star(c->methods);
	for (size_t i = 0; i < c->methods.n; i++) {
		(void)snprintf(at, sizeof(at), "methods[%zu]", i);
		if (check_method(inst, at, c->methods.v[i]) < 0)
			rc = -1;
	}
	c->policy.methods = c->policy.any_method ? SLUICE_STR("*")
						 : cors_join(inst, SLUICE_STR(""), c->methods);
	return rc;
}

/* "*" has no Authorization in it, so that this has to be said (Fetch 3.2.4). */
static int check_fields(sluice_instance *inst, struct cors *c)
{
	c->policy.any_field = has_star(c->headers);
	c->policy.fields = c->policy.any_field ? SLUICE_STR("*, Authorization")
					       : cors_join(inst, SLUICE_STR(""), c->headers);
	c->expose_all = has_star(c->expose) && c->credentials;
	if (has_star(c->expose))
		c->policy.expose = c->credentials ? SLUICE_STR("") : SLUICE_STR("*");
	else
		c->policy.expose = cors_join(inst, SLUICE_STR(""), c->expose);
	if (cors_check_fields(inst, "headers", c->headers) < 0 ||
		cors_check_fields(inst, "expose", c->expose) < 0)
		return -1;
	return 0;
}

int cors_check(sluice_instance *inst, void *conf)
{
	struct cors *c = conf;
	c->policy.credentials = c->credentials;
	c->policy.private_network = c->private_network;
	c->policy.max_age = cors_seconds(inst, c->max_age);
	int rc = check_origins(inst, c);
	if (check_methods(inst, c) < 0 || check_fields(inst, c) < 0)
		rc = -1;
	return cors_policy_close(inst, &c->policy) < 0 ? -1 : rc;
}

void cors_stop(sluice_instance *inst, void *conf)
{
	struct cors *c = conf;
	(void)inst;
	for (size_t i = 0; i < c->n_regexes; i++)
		expression_free(&c->regexes[i]);
	c->n_regexes = 0;
}
