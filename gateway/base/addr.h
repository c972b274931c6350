/* Socket addresses and their text. No name lookups: those are net/resolve. Any thread. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/str.h"

struct addr {
	socklen_t len; /* 0: none */
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
};

enum {
	ADDR_TEXT = 128,
	ADDR_IP_TEXT = 46,
	ADDR_NETWORK_TEXT = ADDR_IP_TEXT + 4,
	ADDR_NETWORK = 16
};

/* Outputs of all of these are set on success only. */
/* "127.0.0.1:80", "[::1]:80", "unix:/path". false for anything else, names included. */
must_use bool addr_parse(sluice_str text, struct addr *out);
/* Split "host:port" or "[v6]:port": host (brackets taken off) and port 1..65535; port is
 * default_port when left out and default_port is not 0. */
must_use bool addr_split(sluice_str text, uint16_t default_port, sluice_str *host, uint16_t *port);
/* An address from an IP literal without port. */
must_use bool addr_from_ip(sluice_str ip, uint16_t port, struct addr *out);
/* "ip:port", or "unix:/path"; buf of ADDR_TEXT bytes is NUL-terminated; returns the length. */
size_t addr_text(const struct addr *a, char *buf);
/* The IP alone, IPv4-mapped IPv6 as IPv4; "unix" for unix sockets. buf of ADDR_IP_TEXT bytes. */
size_t addr_ip_text(const struct addr *a, char *buf);
/* The network that an address belongs to, for counting clients: the address in network order, its
 * bits behind the prefix (at most 32 and 128) cleared. An IPv4-mapped address is the IPv4 address.
 * out of ADDR_NETWORK bytes; returns how many are set: 4, 16, or 0 for unix sockets. */
size_t addr_network(const struct addr *a, unsigned v4_prefix, unsigned v6_prefix, uint8_t *out);
/* The same as text, "2001:db8:1:2::/64"; buf of ADDR_NETWORK_TEXT bytes. 0: the prefix covers the
 * whole address, or the text is no IP address: use the text as it is. */
size_t addr_network_text(sluice_str ip, unsigned v4_prefix, unsigned v6_prefix, char *buf);
/* The network that counts as one client: an IPv4 address, or a /64 of IPv6, since a client that has
 * one address of a /64 has all of them (RFC 6177). out and result as in addr_network(). */
size_t addr_client(const struct addr *a, uint8_t *out);
bool addr_eq(const struct addr *a, const struct addr *b);
/* Whether only this machine reaches it: a loopback address (RFC 1122 3.2.1.3, RFC 4291 2.5.3) or a
 * unix socket. */
bool addr_is_local(const struct addr *a);
uint16_t addr_port(const struct addr *a); /* 0 for unix sockets */

#endif
