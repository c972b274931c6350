/*
 * Sets of IP addresses, written as ranges (CIDR: RFC 4632, RFC 4291 2.3), such as trusted proxies
 * and admitted clients. A set is made once, immutable, and shared; looking an address up takes
 * O(log n). Any thread.
 *
 * IPv4 and IPv6 are kept apart: `::/0` is every IPv6 address and no IPv4 one. An IPv4 address that
 * a socket or a text shows as mapped into IPv6 (::ffff:10.0.0.1) is the IPv4 address.
 */
#ifndef BASE_CIDR_H
#define BASE_CIDR_H

#include "base/addr.h"

struct cidr_set;

/* From addresses ("192.0.2.1", "2001:db8::1"), ranges ("10.0.0.0/8") and the word "unix", which
 * stands for peers at unix sockets. NULL when a text is none of these: *bad is its index, *why a
 * sentence about it without a full stop. Never fails otherwise. */
must_use struct cidr_set *cidr_set_new(sluice_strs texts, size_t *bad, const char **why);
struct cidr_set *cidr_set_ref(struct cidr_set *s); /* NULL stays NULL */
void cidr_set_unref(struct cidr_set **s);          /* likewise */

/* Whether the address is in it; the port does not matter. NULL is the empty set. */
bool cidr_set_has(const struct cidr_set *s, const struct addr *a);
/* Whether some address is in both. O(n + m). */
bool cidr_set_overlaps(const struct cidr_set *a, const struct cidr_set *b);
/* Whether every address of b is in a. O(n + m). */
bool cidr_set_covers(const struct cidr_set *a, const struct cidr_set *b);

#endif
