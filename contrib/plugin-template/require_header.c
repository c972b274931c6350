/*
 * require-header: refuse requests that lack a header field, or whose value is not one of a list;
 * tell the upstream which value it was. A template: copy the folder, rename, and keep the shape.
 *
 *   plugins:
 *     tenant:
 *       use: require-header
 *       header: X-Tenant
 *       values: [blue, green]
 */
#include <sluice/plugin.h>
#include <sluice/str.h>

/* What the options below are bound to: filled by the gateway, read-only while requests run. */
struct require {
	sluice_str header;
	sluice_strs values;
	uint64_t status;
	bool strip;
};

#define R struct require
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, R, header, .flags = SLUICE_F_REQUIRED,
		.doc = "name of the field that must be there"),
	SLUICE_OPTION(SLUICE_T_STRS, R, values,
		.doc = "values that are let through; any, when left out"),
	SLUICE_OPTION(SLUICE_T_UINT, R, status, .def = "403", .min = "400", .max = "499",
		.doc = "status of the refusal"),
	SLUICE_OPTION(SLUICE_T_BOOL, R, strip, .def = "false",
		.doc = "whether to take the field away before the upstream sees it"),
	SLUICE_OPTIONS_END,
};

/* Main thread: what a table cannot say. Mistakes are shown with the place in the file. */
static int require_check(sluice_instance *inst, void *conf)
{
	const struct require *r = conf;
	if (memchr(r->header.data, ':', r->header.len)) {
		sluice_conf_error(inst, "header", "write the name of the field without a colon");
		return -1;
	}
	return 0;
}

static bool is_allowed(const struct require *r, sluice_str value)
{
	const sluice_strs *v = &r->values;
	return v->n == 0 || sluice_str_find(value, v->v, v->n) < v->n;
}

/* Worker thread, once for each request on a route that names this plugin. */
static sluice_verdict require_on_request(sluice_exchange *x, const void *conf)
{
	const struct require *r = conf;
	sluice_str value = sluice_field(x, SLUICE_REQUEST, r->header);

	if (!value.data)
		return sluice_refuse(x, (int)r->status, "header-missing",
			"A header field that this service needs is missing.");
	if (!is_allowed(r, value))
		return sluice_refuse(x, (int)r->status, "header-value",
			"A header field has a value that is not accepted.");
	/* for other plugins: `by: required` in a rate limit */
	sluice_attr_set(x, SLUICE_STR("required"), value);
	if (r->strip)
		sluice_field_remove(x, SLUICE_REQUEST, r->header);
	return SLUICE_NEXT;
}

static const char *const provides[] = { "required", NULL };

SLUICE_PLUGIN("require-header", .version = "1.0",
	.summary = "refuse requests that lack a header field", .options = options,
	.conf_size = sizeof(struct require), .check = require_check,
	.on_request = require_on_request, .provides = provides);
