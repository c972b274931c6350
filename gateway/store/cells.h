/*
 * The memory store: one table of 64-bit cells, shared by all workers. A cell's value is the time until which it matters;
 * one whose time has passed reads as 0, and its place may go to another key. Keys are kept as 128 bits of keyed hash.
 *
 *	a bucket is a cache line          +------+------+-------+-------+-------+-------+-------+-------+
 *	                                  | lock | turn | key 0 | key 1 | key 2 | val 0 | val 1 | val 2 |
 *	                                  +------+------+-------+-------+-------+-------+-------+-------+
 *
 * A key belongs to two buckets. Finding a cell and swapping its value take no lock: two lines are read, and one word is
 * compared and swapped. Only who finds no cell for its key takes the lock of the key's first bucket, for a few
 * instructions, so that two workers never make two cells for one key.
 */
#ifndef STORE_CELLS_H
#define STORE_CELLS_H

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

/* Any thread: find or make the key's cell and read it; false when both buckets are full of cells that matter at now_ns. */
must_use bool cells_find(struct cells *c, sluice_str key, uint64_t now_ns, sluice_cell *out);
/* Any thread: write desired if the cell still is the key's and holds cell->value; else false, with value read anew, or with
 * cell->slot NULL when it was lost and cannot be made again. A desired time that has passed already empties the cell. */
must_use bool cells_swap(sluice_cell *cell, uint64_t desired);

#endif
