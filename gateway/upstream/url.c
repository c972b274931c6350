/* URLs of services. */
#include "upstream/url.h"

#include "base/addr.h"

enum { HOST_MAX = 253 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

static bool is_hex(char c)
{
	return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

/* What may stand in a path or a query (RFC 3986 3.3, 3.4). */
static bool target_is_valid(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		if (is_digit(c) || is_alpha(c))
			continue;
		if (c == '%') {
			if (s.len - i < 3 || !is_hex(s.data[i + 1]) || !is_hex(s.data[i + 2]))
				return false;
			i += 2;
			continue;
		}
		if (c == 0 || !strchr("-._~!$&'()*+,;=:@/?", c))
			return false;
	}
	return true;
}

/* Whether a URL may have this host: a name, an IPv4 address, or in brackets one of IPv6. */
static bool url_host_is_valid(sluice_str host, bool bracketed)
{
	struct addr a;
	char before = '.';
	if (bracketed)
		return addr_from_ip(host, 1, &a);
	if (host.len > HOST_MAX)
		return false;
	for (size_t i = 0; i < host.len; i++) {
		char c = host.data[i];
		if (!is_digit(c) && !is_alpha(c) && c != '-' && c != '_' && c != '.')
			return false;
		if (c == '.' && before == '.')
			return false;
		before = c;
	}
	return true;
}

/* out may be filled in part when something is wrong. */
static const char *url_read(sluice_str text, struct url *out)
{
	sluice_str rest = text;
	size_t n = 0;

	if (text.len > URL_MAX)
		return "the URL is too long";
	if (text.len >= 8 && str_ieq(str_n(text.data, 8), STR("https://"))) {
		out->https = true;
		rest = str_n(text.data + 8, text.len - 8);
	} else if (text.len >= 7 && str_ieq(str_n(text.data, 7), STR("http://"))) {
		rest = str_n(text.data + 7, text.len - 7);
	} else {
		return "the URL must begin with https:// or http://";
	}
	while (n < rest.len && rest.data[n] != '/' && rest.data[n] != '?' && rest.data[n] != '#')
		n++;
	out->authority = str_n(rest.data, n);
	rest = str_n(rest.data + n, rest.len - n);
	if (out->authority.len && memchr(out->authority.data, '@', out->authority.len))
		return "the URL must not carry a user or a password";
	if (!addr_split(out->authority, out->https ? 443 : 80, &out->host, &out->port) ||
		!url_host_is_valid(out->host, out->authority.data[0] == '['))
		return "the URL names no host, or a malformed one";
	if (rest.len && memchr(rest.data, '#', rest.len))
		return "the URL must not have a fragment";
	if (!target_is_valid(rest))
		return "the URL has bytes that must be escaped, or a malformed escape";
	out->has_query = rest.len && memchr(rest.data, '?', rest.len);
	sluice_str path = str_cut(&rest, '?');
	if (path.len)
		out->path = path;
	if (out->has_query)
		out->query = rest;
	return NULL;
}

const char *url_parse(sluice_str text, struct url *out)
{
	struct url u = { .path = STR("/") };
	const char *wrong = url_read(text, &u);
	if (!wrong)
		*out = u;
	return wrong;
}
