/* Proxies of fetches. */
#include "proxy.h"

#include <stdio.h>

#include "../shared/url.h"

const sluice_option proxy_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct proxy, url, .flags = SLUICE_F_SCALAR,
		.doc = "http://HOST:PORT of the proxy; direct: none; left out: that of "
		       "runtime.fetch_proxy"),
	SLUICE_OPTION(SLUICE_T_STR, struct proxy, credentials, .flags = SLUICE_F_SECRET,
		.doc = "USER:PASSWORD for the proxy, or file:PATH with it"),
	SLUICE_OPTIONS_END,
};

/* http:// and an authority without user information; the gateway reads it more strictly. */
static bool is_proxy(sluice_str url)
{
	if (!url_is_http(url) || url_is_https(url))
		return false;
	sluice_str rest = sluice_str_skip(url, 7);
	sluice_str authority = sluice_str_cut(&rest, '/');
	return authority.len > 0 && rest.len == 0 && !memchr(authority.data, '@', authority.len) &&
		!memchr(authority.data, '?', authority.len);
}

int proxy_check(sluice_instance *inst, const char *option, const struct proxy *p)
{
	char path[64];
	const char *member = NULL, *wrong = NULL;
	bool direct = sluice_str_is(p->url, "direct");
	if (p->url.len && !direct && !is_proxy(p->url)) {
		member = "url";
		wrong = "expected http://HOST:PORT, or direct";
	} else if (p->credentials.len && (!p->url.len || direct)) {
		member = "credentials";
		wrong = "are for no proxy: url is missing";
	} else if (p->credentials.len && !memchr(p->credentials.data, ':', p->credentials.len)) {
		member = "credentials";
		wrong = "expected USER:PASSWORD";
	}
	if (!wrong)
		return 0;
	(void)snprintf(path, sizeof path, "%s.%s", option, member);
	sluice_conf_error(inst, path, "%s", wrong);
	if (member[0] == 'u')
		sluice_conf_hint(inst,
			"user and password go into `credentials`, best as file:PATH; proxies that "
			"are asked over TLS are not supported");
	return -1;
}
