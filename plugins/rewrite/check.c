/* The check of the options of rewrite. See the header. */
#include "check.h"

#include <stdio.h>

#include <sluice/str.h>

#include "../shared/path.h"
#include "../shared/uri_text.h"
#include "replace.h"

/* ---- paths --------------------------------------------------------------------------------- */

static int check_prefix(sluice_instance *inst, size_t i, sluice_str text, sluice_str *out)
{
	char option[64];
	(void)snprintf(option, sizeof(option), "strip_prefix[%zu]", i);
	*out = path_trim_end(text);
	if (text.len && !out->len) {
		sluice_conf_error(inst, option, "\"/\" takes nothing away");
		return -1;
	}
	if (memchr(text.data, '{', text.len) || memchr(text.data, '*', text.len)) {
		sluice_conf_error(inst, option, "\"%.*s\" is no prefix: it is compared as it is",
			(int)text.len, text.data);
		sluice_conf_hint(inst,
			"write /api for /api and all below it; where a segment may be anything, "
			"use "
			"regex: [{ match: \"/[^/]+(/.*)\", replace: \"$1\" }]");
		return -1;
	}
	if (path_is_normal(*out))
		return 0;
	uri_text_refuse_path(inst, option, text);
	return -1;
}

static int check_strip(sluice_instance *inst, struct rewrite *r)
{
	int rc = 0;
	r->strip = sluice_conf_alloc(inst, r->strip_prefix.n * sizeof(*r->strip));
	for (size_t i = 0; i < r->strip_prefix.n; i++) {
		if (check_prefix(inst, i, r->strip_prefix.v[i], &r->strip[i]) < 0)
			rc = -1;
	}
	return rc;
}

static int check_rules(sluice_instance *inst, struct rewrite *r)
{
	int rc = 0;
	struct rule *rules = r->regex.v;
	for (size_t i = 0; i < r->regex.n; i++) {
		if (replace_compile(inst, &rules[i], i) < 0)
			rc = -1;
	}
	return rc;
}

static int check_path(sluice_instance *inst, const char *option, sluice_str text,
	const sluice_template **out)
{
	if (!text.len)
		return 0;
	*out = uri_text_compile_path(inst, option, text);
	return *out ? 0 : -1;
}

static int check_paths(sluice_instance *inst, struct rewrite *r)
{
	sluice_str fixed;
	int rc = check_strip(inst, r);
	if (check_rules(inst, r) < 0 || check_path(inst, "path", r->path, &r->path_text) < 0 ||
		check_path(inst, "add_prefix", path_trim_end(r->add_prefix), &r->add_text) < 0)
		rc = -1;
	r->is_sure = !r->regex.n && !r->path_text &&
		(!r->add_text || uri_text_is_fixed(r->add_text, &fixed));
	return rc;
}

/* ---- query and host ------------------------------------------------------------------------ */

static int refuse_name(sluice_instance *inst, const char *option)
{
	sluice_conf_error(inst, option, "the name of a parameter is empty");
	return -1;
}

static int check_query(sluice_instance *inst, struct query *q)
{
	char option[320];
	int rc = 0;
	for (size_t i = 0; i < q->remove.n; i++) {
		(void)snprintf(option, sizeof(option), "query.remove[%zu]", i);
		if (!q->remove.v[i].len)
			rc = refuse_name(inst, option);
	}
	q->values = sluice_conf_alloc(inst, q->set.n * sizeof(*q->values));
	for (size_t i = 0; i < q->set.n; i++) {
		sluice_str name = q->set.v[i].name;
		(void)snprintf(option, sizeof(option), "query.set.%.*s",
			name.len < 256 ? (int)name.len : 256, name.data);
		if (!name.len)
			rc = refuse_name(inst, option);
		/* any field that is not one of URIs: values are escaped when they are set */
		q->values[i] = sluice_template_compile(inst, option, SLUICE_REQUEST,
			SLUICE_STR("X-Parameter"), q->set.v[i].value);
		if (!q->values[i])
			rc = -1;
	}
	return rc;
}

static int check_host(sluice_instance *inst, struct rewrite *r)
{
	sluice_str fixed;
	if (!r->host.len)
		return 0;
	r->host_text =
		sluice_template_compile(inst, "host", SLUICE_REQUEST, SLUICE_STR("Host"), r->host);
	if (!r->host_text)
		return -1;
	if (!sluice_template_fixed(r->host_text, &fixed))
		return 0;
	const char *wrong =
		sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_SET, SLUICE_STR("Host"), fixed);
	if (!wrong)
		return 0;
	sluice_conf_error(inst, "host", "\"%.*s\" %s", (int)fixed.len, fixed.data, wrong);
	sluice_conf_hint(inst,
		"write a name or an address, with a port if it has one: app.internal:8080");
	return -1;
}

/* ---- options together ---------------------------------------------------------------------- */

static int check_together(sluice_instance *inst, const struct rewrite *r)
{
	bool has_parts = r->strip_prefix.n || r->add_prefix.len;
	if (!has_parts && !r->regex.n && !r->path.len && !r->host.len && !r->query.set.n &&
		!r->query.remove.n) {
		sluice_conf_error(inst, NULL, "nothing is rewritten");
		sluice_conf_hint(inst,
			"give one of strip_prefix, add_prefix, path, regex, query, host");
		return -1;
	}
	if (r->path.len && (has_parts || r->regex.n)) {
		sluice_conf_error(inst, "path",
			"is the whole new path: strip_prefix, regex and add_prefix do not go with "
			"it");
		sluice_conf_hint(inst, "write what they do into path, or leave it out");
		return -1;
	}
	if (r->responses == RESPONSES_REWRITE && !has_parts && !r->host.len) {
		sluice_conf_error(inst, "responses",
			"rewrite needs strip_prefix, add_prefix or host, which can be turned "
			"round");
		sluice_conf_hint(inst,
			"instead of `path: \"/v2/{path:rest}\"` write strip_prefix and add_prefix: "
			"/v2");
		return -1;
	}
	if (r->responses == RESPONSES_REWRITE && (r->regex.n || r->path.len)) {
		sluice_conf_error(inst, "responses", "rewrite cannot turn round what %s does",
			r->regex.n ? "regex" : "path");
		sluice_conf_hint(inst, "use strip_prefix and add_prefix alone, or responses: keep");
		return -1;
	}
	return 0;
}

int rewrite_check(sluice_instance *inst, void *conf)
{
	struct rewrite *r = conf;
	int rc = check_together(inst, r);
	if (check_paths(inst, r) < 0)
		rc = -1;
	if (check_query(inst, &r->query) < 0)
		rc = -1;
	return check_host(inst, r) < 0 ? -1 : rc;
}

void rewrite_stop(sluice_instance *inst, void *conf)
{
	struct rewrite *r = conf;
	struct rule *rules = r->regex.v;
	(void)inst;
	for (size_t i = 0; i < r->regex.n; i++)
		expression_free(&rules[i].regex);
}
