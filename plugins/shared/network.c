/* Reading networks and lists of them. */
#include "network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* ---- addresses ----------------------------------------------------------------------------- */

static ip number_of(const unsigned char *bytes, size_t n)
{
	ip v = 0;
	for (size_t i = 0; i < n; i++)
		v = v << 8 | bytes[i];
	return v;
}

/* Four numbers up to 255 without leading zeros. By hand, because this is done for each request. */
static bool v4_read(sluice_str text, ip *out)
{
	uint32_t address = 0, n = 0;
	unsigned digits = 0, dots = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c == '.' && digits && dots < 3) {
			address = address << 8 | n;
			n = digits = 0;
			dots++;
			continue;
		}
		if (!sluice_is_digit(c) || (digits && n == 0))
			return false;
		n = n * 10 + (unsigned)(c - '0');
		digits++;
		if (n > 255)
			return false;
	}
	if (dots != 3 || !digits)
		return false;
	*out = address << 8 | n;
	return true;
}

static bool v6_read(sluice_str text, unsigned char bytes[16])
{
	char z[INET6_ADDRSTRLEN];
	text = sluice_str_cut(&text, '%');
	if (text.len == 0 || text.len >= sizeof(z))
		return false;
	*sluice_str_put(z, text) = '\0';
	return inet_pton(AF_INET6, z, bytes) == 1;
}

bool address_read(sluice_str text, uint8_t *family, ip *out)
{
	unsigned char bytes[16];
	if (v4_read(text, out)) {
		*family = FAMILY_V4;
		return true;
	}
	if (!v6_read(text, bytes))
		return false;
	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		*family = FAMILY_V4;
		*out = number_of(bytes + sizeof(mapped), 4);
	} else {
		*family = FAMILY_V6;
		*out = number_of(bytes, sizeof(bytes));
	}
	return true;
}

/* ---- networks ------------------------------------------------------------------------------ */

static ip bits_behind(uint8_t family, uint8_t prefix)
{
	ip all = family == FAMILY_V6 ? ~(ip)0 : (ip)UINT32_MAX;
	return prefix == 0 ? all : ((ip)1 << (family - prefix)) - 1;
}

/* "10.0.0.0/8", for a mistake. */
static void write_network(const struct network *n, char out[INET6_ADDRSTRLEN + 4])
{
	unsigned char bytes[16];
	char text[INET6_ADDRSTRLEN] = "";
	size_t len = n->family / 8u;
	for (size_t i = 0; i < len; i++)
		bytes[len - 1 - i] = (unsigned char)(n->first >> (8 * i));
	(void)inet_ntop(n->family == FAMILY_V6 ? AF_INET6 : AF_INET, bytes, text, sizeof(text));
	(void)snprintf(out, INET6_ADDRSTRLEN + 4, "%s/%u", text, n->prefix);
}

static bool wrong(char why[NETWORK_WHY], const char *text)
{
	(void)snprintf(why, NETWORK_WHY, "%s", text);
	return false;
}

/* Read a prefix of at most `most` bits. */
static bool prefix_read(sluice_str text, uint8_t most, uint8_t *out)
{
	uint64_t n;
	if (text.len > 3 || (text.len > 1 && text.data[0] == '0') || !sluice_str_u64(text, &n) ||
		n > most)
		return false;
	*out = (uint8_t)n;
	return true;
}

static bool network_read(sluice_str text, struct network *out, char why[NETWORK_WHY])
{
	sluice_str prefix = text, address = sluice_str_cut(&prefix, '/');
	uint8_t written = memchr(address.data, ':', address.len) ? FAMILY_V6 : FAMILY_V4;
	out->prefix = written;
	if (memchr(address.data, '%', address.len))
		return wrong(why,
			"has a zone; leave out what begins with '%', since a zone is a "
			"name on this machine alone");
	if (!address_read(address, &out->family, &out->first))
		return wrong(why,
			"is no address (192.0.2.1, 2001:db8::1), network (10.0.0.0/8, "
			"2001:db8::/32), unix or all");
	if (prefix.data && !prefix_read(prefix, written, &out->prefix))
		return wrong(why,
			written == FAMILY_V4
				? "has a wrong prefix: a number from 0 to 32 without leading zeros"
				: "has a wrong prefix: a number from 0 to 128 without leading "
				  "zeros");
	if (out->family != written) { /* mapped: the prefix is that of the IPv4 address */
		if (out->prefix < 96)
			return wrong(why,
				"begins among the mapped IPv4 addresses and is more than "
				"these");
		out->prefix -= 96;
	}
	ip wild = bits_behind(out->family, out->prefix);
	if (out->first & wild) {
		char right[INET6_ADDRSTRLEN + 4];
		out->first &= ~wild;
		write_network(out, right);
		(void)snprintf(why, NETWORK_WHY, "has bits behind the prefix; the network is %s",
			right);
		return false;
	}
	return true;
}

/* ---- lists --------------------------------------------------------------------------------- */

static bool append(struct networks *l, const struct network *n, char why[NETWORK_WHY])
{
	if (l->n == NETWORKS_MAX)
		return wrong(why, "is one more than the million networks that a list may have");
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 16;
		struct network *v = realloc(l->v, room * sizeof(*v));
		if (!v)
			return wrong(why, "finds no memory");
		l->v = v;
		l->room = room;
	}
	l->v[l->n++] = *n;
	return true;
}

bool networks_add(struct networks *l, sluice_str text, bool deny, char why[NETWORK_WHY])
{
	struct network n = { .family = FAMILY_UNIX, .deny = deny };
	if (sluice_str_is(text, "unix"))
		return append(l, &n, why);
	if (sluice_str_is(text, "all")) {
		static const uint8_t families[] = { FAMILY_UNIX, FAMILY_V4, FAMILY_V6 };
		bool added = true;
		for (size_t i = 0; i < sizeof(families) && added; i++) {
			n.family = families[i];
			added = append(l, &n, why);
		}
		return added;
	}
	if (text.len == 0)
		return wrong(why, "is empty");
	return network_read(text, &n, why) && append(l, &n, why);
}

/* A line without its comment and the blanks around. */
static sluice_str content_of(sluice_str line)
{
	size_t n = 0;
	while (n < line.len && line.data[n] != '#' && line.data[n] != ';')
		n++;
	line.len = n;
	while (line.len && line.data[line.len - 1] == '\r')
		line.len--;
	return sluice_str_trim(line);
}

bool networks_read(struct networks *l, sluice_str text, bool deny, size_t *line,
	char why[NETWORK_WHY])
{
	for (*line = 1; text.len; ++*line) {
		sluice_str entry = content_of(sluice_str_cut(&text, '\n'));
		if (entry.len && !networks_add(l, entry, deny, why))
			return false;
	}
	return true;
}

void networks_fini(struct networks *l)
{
	free(l->v);
	*l = (struct networks){ .n = 0 };
}
