/* Targets. See the header. */
#include "target.h"

#include <sluice/str.h>

#include "../shared/url.h"

bool target_is_local(sluice_str target)
{
	if (target.len == 0 || target.len > TARGET_MAX || target.data[0] != '/')
		return false;
	/* Browsers read '\' as '/', and two of them begin a host (WHATWG URL 4.4). */
	if (target.len > 1 && (target.data[1] == '/' || target.data[1] == '\\'))
		return false;
	for (size_t i = 0; i < target.len; i++) {
		unsigned char c = (unsigned char)target.data[i];
		/* tab and line ends are taken out by browsers: "/\t/evil.example" */
		if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '#')
			return false;
	}
	return true;
}

/* Whether a list of media types names that one, whatever its parameters. */
static bool has_type(sluice_str list, sluice_str type)
{
	while (list.len) {
		sluice_str item = sluice_str_trim(sluice_str_cut(&list, ','));
		size_t n = 0;
		while (n < item.len && item.data[n] != ';' && item.data[n] != ' ')
			n++;
		item.len = n;
		if (sluice_str_ieq(item, type))
			return true;
	}
	return false;
}

bool target_is_navigation(sluice_exchange *x)
{
	sluice_str mode = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("sec-fetch-mode")),
		   dest = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("sec-fetch-dest"));
	if (!sluice_str_is(sluice_get(x, SLUICE_I_METHOD), "GET"))
		return false;
	if (sluice_field(x, SLUICE_REQUEST, SLUICE_STR("x-requested-with")).data ||
		sluice_field(x, SLUICE_REQUEST, SLUICE_STR("authorization")).data ||
		sluice_field(x, SLUICE_REQUEST, SLUICE_STR("sec-purpose")).data ||
		sluice_field(x, SLUICE_REQUEST, SLUICE_STR("upgrade")).data)
		return false;
	if (mode.data && !sluice_str_is(mode, "navigate"))
		return false;
	if (dest.data && !sluice_str_is(dest, "document"))
		return false;
	return has_type(sluice_field(x, SLUICE_REQUEST, SLUICE_STR("accept")),
		SLUICE_STR("text/html"));
}

sluice_str target_of(sluice_exchange *x)
{
	sluice_str target = sluice_get(x, SLUICE_I_TARGET);
	return target_is_local(target) ? target : SLUICE_STR("/");
}

sluice_str target_absolute(sluice_exchange *x, sluice_str text)
{
	enum { MAX_URL = 2048 };
	sluice_str scheme = sluice_get(x, SLUICE_I_SCHEME),
		   host = sluice_get(x, SLUICE_I_ASKED_AUTHORITY);
	if (url_is_http(text))
		return text;
	size_t room = scheme.len + host.len + text.len + 3;
	char *out = room < MAX_URL && host.len ? sluice_alloc(x, room) : NULL;
	if (!out)
		return SLUICE_STR_NONE;
	char *at = sluice_str_put(sluice_str_put(out, scheme), SLUICE_STR("://"));
	at = sluice_str_put(sluice_str_put(at, host), text);
	return sluice_str_n(out, (size_t)(at - out));
}
