/*
 * How many connections there are from clients, in the whole process: all together, and of each client. Shared by all workers
 * without a lock on the way of those that are known already; a connection that was counted is taken off by whoever closes it,
 * in one atomic step that cannot fail, so no count is ever left behind. Any thread.
 *
 * Clients are told apart by 48 bits of a keyed hash, in a table of fixed size. Should the places of a client be taken, which
 * needs more clients at a time than the table was made for, its connections are not counted.
 */
#ifndef FRONT_COUNT_H
#define FRONT_COUNT_H

#include "base/str.h"

enum { COUNT_MOST = 65535 }; /* that one client can be allowed */

struct counts;

/* clients: that may be counted at a time. Never fails. */
struct counts *counts_new(uint64_t clients);
/* Nothing is counted any more. Clears *c. */
void counts_free(struct counts **c);

/* One more connection, unless there are `most` (0: any number). */
must_use bool counts_enter(struct counts *c, uint64_t most);
void counts_leave(struct counts *c);
uint64_t counts_total(const struct counts *c);

/* Where a client's connection was counted; NULL: nowhere. */
typedef _Atomic uint64_t *count_place;

/* One more of this client, unless it has `most`, 1 to COUNT_MOST. True sets *at, which is given back once. */
must_use bool counts_client_enter(struct counts *c, sluice_str client, unsigned most, count_place *at);
void counts_client_leave(count_place at);

#endif
