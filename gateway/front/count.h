/*
 * Counts the connections of clients in the whole process, in all and of each client, and the
 * requests of each client that are in progress. All workers share the counts. A lock is taken only
 * for the first connection of a client; a count goes down by one atomic subtraction, which cannot
 * fail, so none is ever left behind. A request costs two additions. Any thread.
 *
 * The table has a fixed size and tells clients apart by 48 bits of a keyed hash. Where both buckets
 * of a client are full, which needs more clients at a time than the table was made for, its
 * connections are not counted.
 */
#ifndef FRONT_COUNT_H
#define FRONT_COUNT_H

#include <stdatomic.h>

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

/* A client's place, while one of its connections is counted. */
struct count_client {
	_Atomic uint64_t word;     /* who it is, and how many connections */
	_Atomic uint32_t requests; /* in progress */
	uint32_t unused;
};
/* Where a client's connection was counted; NULL: nowhere. */
typedef struct count_client *count_place;

/* One more of this client, unless it has `most`, 1 to COUNT_MOST. True sets *at, which is given
 * back once. */
must_use bool counts_client_enter(struct counts *c, sluice_str client, unsigned most,
	count_place *at);
void counts_client_leave(count_place at);

/* One more request of the client, unless it has `most`. True: it is given back once, before the
 * connection is. */
static inline must_use bool count_request_enter(count_place at, uint32_t most)
{
	if (likely(atomic_fetch_add_explicit(&at->requests, 1, memory_order_relaxed) < most))
		return true;
	(void)atomic_fetch_sub_explicit(&at->requests, 1, memory_order_relaxed);
	return false;
}
static inline void count_request_leave(count_place at)
{
	(void)atomic_fetch_sub_explicit(&at->requests, 1, memory_order_relaxed);
}

#endif
