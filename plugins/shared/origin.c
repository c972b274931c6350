/* Scheme and authority of http URLs: see origin.h. */
#include "origin.h"

bool origin_split(sluice_str url, sluice_str *scheme, sluice_str *authority, sluice_str *rest)
{
	size_t colon = 0, end;
	while (colon < url.len && url.data[colon] != ':')
		colon++;
	*scheme = sluice_str_n(url.data, colon);
	if (!sluice_str_ieq(*scheme, SLUICE_STR("http")) &&
		!sluice_str_ieq(*scheme, SLUICE_STR("https")))
		return false;
	if (!sluice_str_starts(sluice_str_skip(url, colon), SLUICE_STR("://")))
		return false;
	url = sluice_str_skip(url, colon + 3);
	for (end = 0; end < url.len && !strchr("/?#", url.data[end]);)
		end++;
	*authority = sluice_str_n(url.data, end);
	*rest = sluice_str_skip(url, end);
	/* a user and a password (RFC 3986 3.2.1) are no part of an http URL */
	return end > 0 && !memchr(authority->data, '@', end);
}

sluice_str origin_without_default_port(sluice_str scheme, sluice_str authority)
{
	bool is_tls = sluice_str_ieq(scheme, SLUICE_STR("https"));
	size_t at = authority.len;
	while (at > 0 && sluice_is_digit(authority.data[at - 1]))
		at--;
	if (at == 0 || authority.data[at - 1] != ':')
		return authority;
	sluice_str port = sluice_str_skip(authority, at);
	if (port.len == 0 || sluice_str_is(port, is_tls ? "443" : "80"))
		authority.len = at - 1;
	return authority;
}
