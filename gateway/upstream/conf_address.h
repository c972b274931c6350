/* Addresses of servers as they are written. Any thread, but for what reports mistakes. */
#ifndef UPSTREAM_CONF_ADDRESS_H
#define UPSTREAM_CONF_ADDRESS_H

#include "base/addr.h"
#include "config/bind.h"

/* The parts of a server's address. A literal address is in addr, and host is empty; otherwise host
 * is a slice of text. */
struct upstream_address {
	struct addr addr;
	sluice_str host;
	uint16_t port;
};
must_use bool upstream_address_parse(sluice_str text, struct upstream_address *out);
/* Whether host may be looked up in DNS: labels of letters, digits, `-` and `_`, and no IP
 * address. */
bool host_can_be_resolved(sluice_str host);
/* Check the option `address` of a bound server; an empty one has been reported. 0, or -1 when a
 * mistake was reported. Main thread. */
must_use int upstream_address_check(struct bind *b, const void *server, sluice_str address);

#endif
