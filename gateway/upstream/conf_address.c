/* What the address of a server may be. See conf_address.h. */
#include "upstream/conf_address.h"

#include "upstream/conf.h"

bool host_can_be_resolved(sluice_str host)
{
	char last = '.';
	bool digits = true; /* the last label has digits alone: host is an IP address */

	if (host.len == 0 || host.len > 253)
		return false;
	for (size_t i = 0; i < host.len; i++) {
		char c = host.data[i];
		bool digit = c >= '0' && c <= '9';
		if (!digit && !(ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') && c != '-' &&
			c != '_' && c != '.')
			return false;
		if (c == '.' && last == '.')
			return false;
		if (last == '.')
			digits = true;
		digits = digits && (digit || c == '.');
		last = c;
	}
	return !digits;
}

bool upstream_address_parse(sluice_str text, struct upstream_address *out)
{
	*out = (struct upstream_address){ .host = STR_NONE };
	if (addr_parse(text, &out->addr))
		return true;
	if (str_starts(text, STR("unix:")) || (text.len && text.data[0] == '['))
		return false;
	return addr_split(text, 0, &out->host, &out->port) && host_can_be_resolved(out->host);
}

int upstream_address_check(struct bind *b, const void *s, sluice_str address)
{
	struct upstream_address a;
	sluice_str host;
	uint16_t port;

	if (address.len == 0 || upstream_address_parse(address, &a))
		return 0; /* an empty one has been reported */
	if (str_starts(address, STR("http:")) || str_starts(address, STR("https:"))) {
		(void)bind_error(b, s, "address", "a server is host:port, without a scheme");
		diag_hint(b->diag, "TLS to the servers is the upstream's block: tls: {}");
	} else if (addr_split(address, 1, &host, &port) && port == 1 &&
		host.data + host.len >= address.data + address.len - 1) {
		(void)bind_error(b, s, "address", "the server has no port");
		diag_hint(b->diag, "write host:port");
	} else {
		(void)bind_error(b, s, "address", "not the address of a server");
		diag_hint(b->diag, "write host:port, ip:port, [ipv6]:port or unix:/path");
	}
	return -1;
}
