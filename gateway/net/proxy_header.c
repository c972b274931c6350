/* The header of the PROXY protocol. Sections are those of its specification, which is named in the
 * header file. */
#include "net/proxy_header.h"

#include <arpa/inet.h>
#include <stdio.h>

enum {
	V1_MAX = 107, /* 2.1: the longest line, CRLF included */
	V2_SIGNATURE = 12,
	V2_FIXED = 16, /* up to and with the length */
	V2_INET = 12,
	V2_INET6 = 36,
	V2_UNIX = 216, /* 2.2: bytes of both addresses and ports */
	TLV_HEAD = 3,
	TLV_CRC32C = 0x03,
	CRC32C_SIZE = 4,
};

static const char v1_word[] = "PROXY ";
static const char v2_signature[V2_SIGNATURE + 1] = "\r\n\r\n\0\r\nQUIT\n";

static int refuse(const char **why, const char *text)
{
	*why = text;
	return -1;
}

/* ---- version 1: a line --------------------------------------------------------------------- */

/* "192.0.2.1 198.51.100.7 56324 443": one space between, no other form of the same number. */
static bool v1_port(sluice_str text, uint16_t *out)
{
	uint64_t v;
	if (text.len == 0 || (text.len > 1 && text.data[0] == '0') || !str_u64(text, &v) ||
		v > 65535)
		return false;
	*out = (uint16_t)v;
	return true;
}

static bool v1_addresses(sluice_str rest, int family, struct proxy_header *h)
{
	sluice_str source = str_cut(&rest, ' '), target = str_cut(&rest, ' '),
		   source_port = str_cut(&rest, ' ');
	uint16_t from, to;
	return rest.data && v1_port(source_port, &from) && v1_port(rest, &to) &&
		addr_from_ip(source, from, &h->source) && addr_from_ip(target, to, &h->target) &&
		h->source.sa.sa_family == family && h->target.sa.sa_family == family;
}

static int v1_parse(const char *p, size_t n, struct proxy_header *h, const char **why)
{
	size_t look = n < V1_MAX ? n : V1_MAX;
	const char *end = memchr(p, '\n', look);
	if (!end)
		return look == V1_MAX ? refuse(why, "the line has no end") : 0;
	size_t len = (size_t)(end - p) + 1;
	if (memchr(p, '\r', len) != end - 1 || memchr(p, 0, len))
		return refuse(why, "the line does not end with CRLF");
	sluice_str rest = str_n(p + sizeof(v1_word) - 1, len - 2 - (sizeof(v1_word) - 1)),
		   family = str_cut(&rest, ' ');
	h->version = 1;
	if (str_eq(family, STR("UNKNOWN"))) /* 2.1: whatever follows is to be ignored */
		return (int)len;
	h->is_named = true;
	if (str_eq(family, STR("TCP4"))
			? v1_addresses(rest, AF_INET, h)
			: str_eq(family, STR("TCP6")) && v1_addresses(rest, AF_INET6, h))
		return (int)len;
	return refuse(why, "the line is malformed");
}

/* ---- version 2: binary --------------------------------------------------------------------- */

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* CRC-32C (RFC 9260 A), the four bytes at `zero` taken for 0. */
static uint32_t crc32c(const uint8_t *p, size_t n, const uint8_t *zero)
{
	uint32_t crc = UINT32_MAX;
	for (size_t i = 0; i < n; i++) {
		crc ^= p + i >= zero && p + i < zero + CRC32C_SIZE ? 0 : p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

/* 2.2: extensions, each with a type and a length, from `at` to the end of the header. None is of
 * use to us but the checksum, which is to be verified where it is. */
static int v2_extensions(const uint8_t *p, size_t at, size_t len, const char **why)
{
	bool sealed = false;
	while (at < len) {
		if (len - at < TLV_HEAD || len - at - TLV_HEAD < get16(p + at + 1))
			return refuse(why, "an extension does not fit");
		const uint8_t *value = p + at + TLV_HEAD;
		size_t size = get16(p + at + 1);
		if (p[at] == TLV_CRC32C) {
			if (size != CRC32C_SIZE || sealed)
				return refuse(why, "the checksum is malformed");
			if (crc32c(p, len, value) !=
				((uint32_t)get16(value) << 16 | get16(value + 2)))
				return refuse(why, "the checksum is wrong");
			sealed = true;
		}
		at += TLV_HEAD + size;
	}
	return 0;
}

static void v2_inet(struct addr *a, const uint8_t *ip, const uint8_t *port)
{
	*a = (struct addr){ .len = sizeof(a->in) };
	a->in.sin_family = AF_INET;
	memcpy(&a->in.sin_addr, ip, 4);
	memcpy(&a->in.sin_port, port, 2);
}

static void v2_inet6(struct addr *a, const uint8_t *ip, const uint8_t *port)
{
	*a = (struct addr){ .len = sizeof(a->in6) };
	a->in6.sin6_family = AF_INET6;
	memcpy(&a->in6.sin6_addr, ip, 16);
	memcpy(&a->in6.sin6_port, port, 2);
}

/* A header that is complete, len bytes of it. */
static int v2_content(const uint8_t *p, size_t len, struct proxy_header *h, const char **why)
{
	const uint8_t *at = p + V2_FIXED;
	size_t have = len - V2_FIXED, need;

	h->version = 2;
	if ((p[12] & 15) == 0) /* LOCAL: the rest is to be ignored */
		return 0;
	switch (p[13]) { /* what is valid and no TCP is taken as unspecified */
	case 0x00:
		return 0;
	case 0x11:
	case 0x12:
		need = V2_INET;
		break;
	case 0x21:
	case 0x22:
		need = V2_INET6;
		break;
	case 0x31:
	case 0x32:
		need = V2_UNIX;
		break;
	default:
		return refuse(why, "the address family or the transport is unknown");
	}
	if (have < need)
		return refuse(why, "the addresses do not fit");
	h->is_named = p[13] == 0x11 || p[13] == 0x21;
	if (p[13] == 0x11) {
		v2_inet(&h->source, at, at + 8);
		v2_inet(&h->target, at + 4, at + 10);
	} else if (p[13] == 0x21) {
		v2_inet6(&h->source, at, at + 32);
		v2_inet6(&h->target, at + 16, at + 34);
	}
	return v2_extensions(p, V2_FIXED + need, len, why);
}

static int v2_parse(const uint8_t *p, size_t n, struct proxy_header *h, const char **why)
{
	if (n > 12 && (p[12] >> 4 != 2 || (p[12] & 15) > 1))
		return refuse(why, "the version or the command is unknown");
	if (n < V2_FIXED)
		return 0;
	size_t len = V2_FIXED + get16(p + 14);
	if (len > PROXY_HEADER_MAX)
		return refuse(why, "the header is too long");
	if (n < len)
		return 0;
	return v2_content(p, len, h, why) < 0 ? -1 : (int)len;
}

/* ---- either -------------------------------------------------------------------------------- */

static bool begins(const char *p, size_t n, const char *with, size_t len)
{
	return memcmp(p, with, n < len ? n : len) == 0;
}

int proxy_header_parse(const char *p, size_t n, struct proxy_header *out, const char **why)
{
	struct proxy_header h = { 0 };
	int used;
	if (n == 0)
		return 0;
	if (begins(p, n, v1_word, sizeof(v1_word) - 1))
		used = v1_parse(p, n, &h, why);
	else if (begins(p, n, v2_signature, V2_SIGNATURE))
		used = v2_parse((const uint8_t *)p, n, &h, why);
	else
		used = refuse(why, "the connection does not begin with a PROXY header");
	if (used > 0)
		*out = h;
	return used;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Both addresses as they are written: of one family. False: there is nothing to tell. */
static bool written_pair(const struct addr *source, const struct addr *target, sluice_str *ips,
	uint8_t raw[2][16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, 0xff };
	const struct addr *pair[2] = { source, target };
	bool v6[2], known[2];
	for (int i = 0; i < 2; i++) {
		int family = pair[i]->len ? pair[i]->sa.sa_family : AF_UNSPEC;
		known[i] = family == AF_INET || family == AF_INET6;
		v6[i] = family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&pair[i]->in6.sin6_addr);
		memset(raw[i], 0, 16);
		if (known[i] || i == 0 || !v6[0])
			memcpy(raw[i], mapped, sizeof(mapped));
		if (family == AF_INET)
			memcpy(raw[i] + 12, &pair[i]->in.sin_addr, 4);
		else if (family == AF_INET6)
			memcpy(raw[i], &pair[i]->in6.sin6_addr, 16);
	}
	bool all6 = v6[0] || v6[1];
	for (int i = 0; i < 2; i++)
		ips[i] = all6 ? str_n((const char *)raw[i], 16)
			      : str_n((const char *)raw[i] + 12, 4);
	return known[0];
}

static size_t v1_write(const sluice_str *ips, uint16_t from, uint16_t to, char *buf)
{
	char text[2][ADDR_IP_TEXT], line[PROXY_HEADER_WRITTEN + 1];
	int n;
	for (int i = 0; i < 2; i++)
		check(inet_ntop(ips[i].len == 4 ? AF_INET : AF_INET6, ips[i].data, text[i],
			      ADDR_IP_TEXT),
			"no text for %zu bytes", ips[i].len);
	n = snprintf(line, sizeof(line), "PROXY %s %s %s %u %u\r\n",
		ips[0].len == 4 ? "TCP4" : "TCP6", text[0], text[1], (unsigned)from, (unsigned)to);
	check(n > 0 && n < (int)sizeof(line), "a PROXY header of %d bytes", n);
	memcpy(buf, line, (size_t)n);
	return (size_t)n;
}

static size_t v2_write(const sluice_str *ips, uint16_t from, uint16_t to, char *buf)
{
	size_t addresses = 2 * ips[0].len + 4;
	const char head[] = { 0x21, ips[0].len == 4 ? 0x11 : 0x21, 0, (char)addresses };
	const char ports[] = { (char)(from >> 8), (char)from, (char)(to >> 8), (char)to };
	char *at = mempcpy(buf, v2_signature, V2_SIGNATURE);
	at = mempcpy(at, head, sizeof(head));
	at = mempcpy(at, ips[0].data, ips[0].len);
	at = mempcpy(at, ips[1].data, ips[1].len);
	at = mempcpy(at, ports, sizeof(ports));
	return (size_t)(at - buf);
}

size_t proxy_header_write(int version, const struct addr *source, const struct addr *target,
	char *buf)
{
	static const char v1_unknown[] = "PROXY UNKNOWN\r\n",
			  v2_unspecified[] = { 0x21, 0x00, 0, 0 };
	sluice_str ips[2];
	uint8_t raw[2][16];
	bool known = written_pair(source, target, ips, raw);
	uint16_t from = addr_port(source), to = addr_port(target);

	if (known)
		return version == 1 ? v1_write(ips, from, to, buf) : v2_write(ips, from, to, buf);
	if (version == 1)
		return (size_t)((char *)mempcpy(buf, v1_unknown, sizeof(v1_unknown) - 1) - buf);
	return (size_t)((char *)mempcpy(mempcpy(buf, v2_signature, V2_SIGNATURE), v2_unspecified,
				sizeof(v2_unspecified)) -
		buf);
}
