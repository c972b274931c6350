/*
 * A table of a memory store: 64-bit cells, shared by all workers. A cell's value is the time until
 * which it matters; one whose time has passed reads as 0, and its place may go to another key. Keys
 * are kept as 128 bits of keyed hash.
 *
 *      a bucket is    +------+------+-------+-------+-------+-------+-------+-------+
 *      a cache line   | lock | turn | key 0 | key 1 | key 2 | val 0 | val 1 | val 2 |
 *                     +------+------+-------+-------+-------+-------+-------+-------+
 *
 * A key belongs to two buckets. Finding a cell and swapping its value take no lock: two lines are
 * read, and one word is compared and swapped. Only who finds no cell for its key takes the lock of
 * the key's first bucket, for a few instructions, so that two workers never make two cells for one
 * key.
 *
 * A newcomer always gets a place. When all six of its two buckets matter, it gets the one whose
 * time ends soonest: of a limit that is the key which has used least, so a flood of new keys pushes
 * out its own and not those that are being held back.
 */
#ifndef STORE_CELLS_H
#define STORE_CELLS_H

#include "base/series.h"
#include "base/str.h"

struct cells;

enum { CELLS_BUCKET = 64, CELLS_IN_BUCKET = 3 };
#define CELLS_BYTES_MIN 4096ull
#define CELLS_BYTES_MAX (1ull << 40)

/* A table of about that many bytes, of which the system gives what is used. NULL when it cannot. */
struct cells *cells_new(uint64_t bytes);
void cells_free(struct cells **c);
/* Cells it holds at most. */
uint64_t cells_capacity(const struct cells *c);
/* Where places that are taken from keys that matter are counted; 0: nowhere. Before the table is
 * used. */
void cells_count_evictions(struct cells *c, series_id counter);

/* Any thread: find or make the key's cell and read it. When it is new and all its places matter at
 * now_ns, another key gives up its own for it. */
void cells_find(struct cells *c, sluice_str key, uint64_t now_ns, sluice_cell *out);
/* Any thread: write desired if the cell still is the key's and holds cell->value; else false, with
 * value read anew, 0 when the cell was lost and made again. A desired time that has passed already
 * empties the cell. */
must_use bool cells_swap(sluice_cell *cell, uint64_t desired);

#endif
