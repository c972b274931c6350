/* What fields tell of the address that the client called. See the header. */
#include "told.h"

static bool is_one_of(sluice_str name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (sluice_str_ieq(name, sluice_str_of(names[i])))
			return true;
	}
	return false;
}
#define ONE_OF(name, names) is_one_of(name, names, sizeof(names) / sizeof((names)[0]))

enum told told_by(sluice_str name)
{
	static const char *const of_x[] = { "x-forwarded-host", "x-forwarded-port",
		"x-forwarded-proto", "x-forwarded-protocol", "x-forwarded-scheme",
		"x-forwarded-ssl", "x-forwarded-prefix", "x-forwarded-path", "x-forwarded-uri",
		"x-forwarded-server", "x-original-host", "x-original-path", "x-original-prefix",
		"x-original-proto", "x-original-scheme", "x-original-uri", "x-original-url",
		"x-rewrite-url", "x-rewrite-uri", "x-envoy-original-host", "x-envoy-original-path",
		"x-scheme", "x-url-scheme", "x-arr-ssl", "x-http-host-override", "x-script-name" };
	static const char *const others[] = { "front-end-https", "script-name", "path-info" };
	bool is_x = name.len > 1 && (name.data[0] | 0x20) == 'x' && name.data[1] == '-';
	if (is_x ? ONE_OF(name, of_x) : ONE_OF(name, others))
		return TOLD_ADDRESS;
	return !is_x && sluice_str_ieq(name, SLUICE_STR("forwarded")) ? TOLD_FORWARDED
								      : TOLD_NOTHING;
}

/* Whether each ',' and ';' separates. */
static bool is_plain(sluice_str value)
{
	bool quoted = false;
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];
		if (c == '\\' || (quoted && (c == ',' || c == ';')))
			return false;
		quoted ^= c == '"';
	}
	return !quoted;
}

static bool is_node(sluice_str pair)
{
	sluice_str name = sluice_str_trim(sluice_str_cut(&pair, '='));
	return pair.data &&
		(sluice_str_ieq(name, SLUICE_STR("for")) || sluice_str_ieq(name, SLUICE_STR("by")));
}

bool told_next(sluice_str *rest, sluice_str *part)
{
	if (rest->len && !is_plain(*rest)) {
		*part = *rest;
		*rest = SLUICE_STR_NONE;
		return true;
	}
	while (rest->len) {
		size_t n = 0;
		while (n < rest->len && rest->data[n] != ',' && rest->data[n] != ';')
			n++;
		bool ends = n < rest->len && rest->data[n] == ',';
		const char *end = rest->data + n;
		*part = sluice_str_trim(sluice_str_n(rest->data, n));
		if (!part->len || is_node(*part))
			*part = sluice_str_n(end, 0);
		part->len = (size_t)(end - part->data) + ends;
		*rest = sluice_str_skip(*rest, n < rest->len ? n + 1 : n);
		if (part->len)
			return true;
	}
	return false;
}
