/*
 * What all lists together say of each address. Immutable; read by any thread.
 *
 * Of the networks that an address is in, the longest prefix decides, and among two of the same
 * length, deny. That is worked out when the set is made: what remains is a row of places at which
 * the answer changes, in the order of the addresses, so that a lookup is one binary search, however
 * many networks there are and however they overlap.
 */
#ifndef PLUGINS_IP_ACCESS_SET_H
#define PLUGINS_IP_ACCESS_SET_H

#include "../shared/network.h"

enum said { SAID_NOTHING = 0, SAID_ALLOW, SAID_DENY };

struct set;

/* The set of n lists. NULL: there is no memory. */
struct set *set_new(const struct networks *lists, size_t n);
void set_free(void *set);

enum said set_find(const struct set *s, uint8_t family, ip address);

#endif
