/* Networks of IP addresses as they are written: one of them, and lists of them in files. */
#ifndef PLUGINS_SHARED_NETWORK_H
#define PLUGINS_SHARED_NETWORK_H

#include <sluice/str.h>

typedef unsigned __int128 ip; /* an address as a number */

/* what kind of address: the number of its bits */
enum { FAMILY_UNIX = 0, FAMILY_V4 = 32, FAMILY_V6 = 128 };

struct network {
	ip first;       /* the address with all bits behind the prefix zero */
	uint8_t family; /* FAMILY_; FAMILY_UNIX is the peer at a unix socket, without an address */
	uint8_t prefix; /* bits of this family, so that 0 is all its addresses */
	bool deny;
};

/* the networks of one file, or of the options themselves */
struct networks {
	struct network *v; /* owned */
	size_t n, room;
};

enum { NETWORK_WHY = 160, NETWORKS_MAX = 1000000 };

/* Read an address. A mapped IPv4 address (RFC 4291 2.5.5.2) is the IPv4 address, and a zone
 * (RFC 4007 11) is left out. False: it is none; "unix" is not, either. */
bool address_read(sluice_str text, uint8_t *family, ip *out);

/* Add what text names: an address, a network, "unix", or "all". False: why says what is wrong with
 * it, as the rest of a sentence. */
bool networks_add(struct networks *l, sluice_str text, bool deny, char why[NETWORK_WHY]);

/* Add what a file says: one on each line; '#' and ';' begin a comment. False: *line is the number
 * of the line that is wrong, and why as above. */
bool networks_read(struct networks *l, sluice_str text, bool deny, size_t *line,
	char why[NETWORK_WHY]);

void networks_fini(struct networks *l);

#endif
