/* Socket addresses. Any thread. */
#include "base/addr.h"

#include <arpa/inet.h>
#include <stdio.h>

bool addr_split(sluice_str text, uint16_t default_port, sluice_str *host, uint16_t *port)
{
	sluice_str rest = text, name;
	uint64_t v = 0;
	if (rest.len && rest.data[0] == '[') {
		const char *close = memchr(rest.data, ']', rest.len);
		if (!close)
			return false;
		name = str_n(rest.data + 1, (size_t)(close - rest.data - 1));
		size_t used = (size_t)(close + 1 - rest.data);
		rest = str_n(rest.data + used, rest.len - used);
		if (memchr(name.data, ':', name.len) == NULL)
			return false;
	} else {
		const char *colon = rest.len ? memchr(rest.data, ':', rest.len) : NULL;
		size_t n = colon ? (size_t)(colon - rest.data) : rest.len;
		name = str_n(rest.data, n);
		rest = str_n(rest.data + n, rest.len - n);
	}
	if (name.len == 0)
		return false;
	if (rest.len == 0)
		v = default_port;
	else if (rest.data[0] != ':' || rest.len > 6 ||
		!str_u64(str_n(rest.data + 1, rest.len - 1), &v) || v > 65535)
		return false;
	if (v == 0)
		return false;
	*host = name;
	*port = (uint16_t)v;
	return true;
}

bool addr_from_ip(sluice_str ip, uint16_t port, struct addr *out)
{
	char z[INET6_ADDRSTRLEN];
	struct addr a = { 0 };
	if (ip.len == 0 || ip.len >= sizeof(z))
		return false;
	memcpy(z, ip.data, ip.len);
	z[ip.len] = 0;
	if (strlen(z) != ip.len)
		return false;
	if (inet_pton(AF_INET, z, &a.in.sin_addr) == 1) {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
		a.len = sizeof(a.in);
	} else if (inet_pton(AF_INET6, z, &a.in6.sin6_addr) == 1) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
		a.len = sizeof(a.in6);
	} else {
		return false;
	}
	*out = a;
	return true;
}

bool addr_parse(sluice_str text, struct addr *out)
{
	sluice_str host;
	uint16_t port;
	if (str_starts(text, STR("unix:"))) {
		size_t n = text.len - 5;
		if (n == 0 || n >= sizeof(out->un.sun_path) || memchr(text.data + 5, 0, n))
			return false;
		*out = (struct addr){ 0 };
		out->un.sun_family = AF_UNIX;
		memcpy(out->un.sun_path, text.data + 5, n);
		out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
		return true;
	}
	return addr_split(text, 0, &host, &port) && addr_from_ip(host, port, out);
}

/* The 4 bytes of an IPv4 address or of an IPv4-mapped one; NULL for all others. */
static const uint8_t *addr_v4(const struct addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return (const uint8_t *)&a->in.sin_addr;
	if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		return &a->in6.sin6_addr.s6_addr[12];
	return NULL;
}

size_t addr_ip_text(const struct addr *a, char *buf)
{
	const uint8_t *v4 = addr_v4(a);
	const void *ip = v4 ? v4 : a->in6.sin6_addr.s6_addr;
	int family = v4 ? AF_INET : a->sa.sa_family;
	if ((family != AF_INET && family != AF_INET6) || !inet_ntop(family, ip, buf, ADDR_IP_TEXT))
		memcpy(buf, "unix", 5);
	return strlen(buf);
}

size_t addr_text(const struct addr *a, char *buf)
{
	char ip[ADDR_IP_TEXT];
	int n;
	if (a->sa.sa_family == AF_UNIX) {
		n = snprintf(buf, ADDR_TEXT, "unix:%s", a->un.sun_path);
	} else {
		size_t len = addr_ip_text(a, ip);
		bool v6 = memchr(ip, ':', len) != NULL;
		n = snprintf(buf, ADDR_TEXT, v6 ? "[%s]:%u" : "%s:%u", ip, (unsigned)addr_port(a));
	}
	return n < 0 ? 0 : n >= ADDR_TEXT ? ADDR_TEXT - 1 : (size_t)n;
}

/* Clear the bits behind the prefix. */
static void bits_keep(uint8_t *p, unsigned size, unsigned prefix)
{
	for (unsigned i = 0; i < size; i++) {
		unsigned kept = prefix > 8 * i ? prefix - 8 * i : 0;
		if (kept < 8)
			p[i] &= (uint8_t)(0xff00u >> kept);
	}
}

size_t addr_network(const struct addr *a, unsigned v4_prefix, unsigned v6_prefix, uint8_t *out)
{
	const uint8_t *v4 = addr_v4(a);
	if (!v4 && a->sa.sa_family != AF_INET6)
		return 0;
	unsigned size = v4 ? 4 : 16;
	memcpy(out, v4 ? v4 : a->in6.sin6_addr.s6_addr, size);
	bits_keep(out, size, v4 ? v4_prefix : v6_prefix);
	return size;
}

size_t addr_network_text(sluice_str ip, unsigned v4_prefix, unsigned v6_prefix, char *buf)
{
	struct addr a;
	uint8_t network[ADDR_NETWORK];
	bool v6 = ip.len && memchr(ip.data, ':', ip.len);
	unsigned prefix = v6 ? v6_prefix : v4_prefix;
	if (prefix >= (v6 ? 128u : 32u) || !addr_from_ip(ip, 0, &a))
		return 0;
	bool v4 = addr_network(&a, v4_prefix, v6_prefix, network) == 4;
	if (!inet_ntop(v4 ? AF_INET : AF_INET6, network, buf, ADDR_IP_TEXT))
		return 0;
	size_t n = strlen(buf);
	prefix = v4 ? v4_prefix : v6_prefix;
	return n + (size_t)snprintf(buf + n, ADDR_NETWORK_TEXT - n, "/%u", prefix % 1000);
}

size_t addr_client(const struct addr *a, uint8_t *out)
{
	return addr_network(a, 32, 64, out);
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return a->len == b->len && memcmp(&a->sa, &b->sa, a->len) == 0;
}

bool addr_is_local(const struct addr *a)
{
	const uint8_t *v4 = addr_v4(a);
	if (v4)
		return v4[0] == IN_LOOPBACKNET;
	return a->sa.sa_family == AF_UNIX ||
		(a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->in6.sin6_addr));
}

uint16_t addr_port(const struct addr *a)
{
	if (a->sa.sa_family == AF_INET)
		return ntohs(a->in.sin_port);
	return a->sa.sa_family == AF_INET6 ? ntohs(a->in6.sin6_port) : 0;
}
