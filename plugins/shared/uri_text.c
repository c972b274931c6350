/* Texts that become a part of a URI. See the header. */
#include "uri_text.h"

#include <sluice/str.h>

#include "path.h"

/*
 * The gateway escapes values for a URI in templates of Location. In front of a reference that could
 * be taken for another host or scheme it writes "/." or "./": that is for whole references. Two
 * bytes in front, which are cut off again, say that something of the operator stands there.
 */
enum { LEAD = 2 };

const sluice_template *uri_text_compile(sluice_instance *inst, const char *option, sluice_str text)
{
	char *led = sluice_conf_alloc(inst, LEAD + text.len);
	char *end = sluice_str_put(sluice_str_put(led, SLUICE_STR("--")), text);
	return sluice_template_compile(inst, option, SLUICE_REQUEST, SLUICE_STR("Location"),
		sluice_str_n(led, (size_t)(end - led)));
}

bool uri_text_is_fixed(const sluice_template *t, sluice_str *out)
{
	if (!sluice_template_fixed(t, out))
		return false;
	*out = sluice_str_skip(*out, LEAD);
	return true;
}

sluice_template_result uri_text_write(sluice_exchange *x, const sluice_template *t, sluice_str *out)
{
	sluice_template_result r = sluice_template_write(x, t, out);
	*out = r == SLUICE_TEMPLATE_OK ? sluice_str_skip(*out, LEAD) : SLUICE_STR_NONE;
	return r;
}

sluice_str uri_text_sample(sluice_instance *inst, sluice_str text)
{
	char *sample = sluice_conf_alloc(inst, text.len + 1), *at = sample;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		bool is_brace = c == '{' || c == '}';
		if (is_brace && i + 1 < text.len && text.data[i + 1] == c) {
			i++;
		} else if (c == '{') {
			while (i + 1 < text.len && text.data[i] != '}')
				i++;
			c = 'x';
		}
		*at++ = c;
	}
	return sluice_str_n(sample, (size_t)(at - sample));
}

void uri_text_refuse_path(sluice_instance *inst, const char *option, sluice_str text)
{
	sluice_conf_error(inst, option, "\"%.*s\" is no path in its normal form", (int)text.len,
		text.data);
	sluice_conf_hint(inst,
		"it begins with / and has no //, no . or .. segment; bytes that a path cannot have "
		"are escaped, as %%20, in upper case, and no others");
}

static bool has(sluice_str text, const char *what)
{
	return memmem(text.data, text.len, what, strlen(what)) != NULL;
}

const sluice_template *uri_text_compile_path(sluice_instance *inst, const char *option,
	sluice_str text)
{
	const sluice_template *t = uri_text_compile(inst, option, text);
	if (!t)
		return NULL;
	sluice_str sample = uri_text_sample(inst, text);
	if (has(sample, "?") || has(text, "{target}") || has(text, "{query}")) {
		sluice_conf_error(inst, option, "a path has no query");
		sluice_conf_hint(inst,
			"the query of the request is kept without being named here; {path} is its "
			"path");
		return NULL;
	}
	if (path_is_normal(sample))
		return t;
	uri_text_refuse_path(inst, option, text);
	return NULL;
}
