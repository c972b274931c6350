/*
 * A table of a memory store: 64-bit cells, shared by all workers. A cell's value is a time; the
 * cell is in use until then. After that it reads as 0, and another key may take its place. A key is
 * stored as 128 bits of a keyed hash.
 *
 *      a bucket is    +------+------+-------+-------+-------+-------+-------+-------+
 *      a cache line   | lock | turn | key 0 | key 1 | key 2 | val 0 | val 1 | val 2 |
 *                     +------+------+-------+-------+-------+-------+-------+-------+
 *
 * A key may be in one of two buckets. To find a cell and to swap its value takes no lock: two cache
 * lines are read, and one word is compared and swapped. To make a cell, a worker takes the lock of
 * the key's first bucket for a few instructions, so that two workers never make two cells for one
 * key.
 *
 * A new key always gets a place. When all six places of its two buckets are in use, it takes the
 * one whose time ends soonest. For a limit that is the key that has used least of it. So a flood of
 * new keys evicts its own keys, not those that are being limited.
 */
#ifndef STORE_CELLS_H
#define STORE_CELLS_H

#include "base/series.h"
#include "base/str.h"

struct cells;

enum { CELLS_BUCKET = 64, CELLS_IN_BUCKET = 3 };
#define CELLS_BYTES_MIN 4096ull
#define CELLS_BYTES_MAX (1ull << 40)

/* A table of about that many bytes. The system provides a page when it is first used. NULL when the
 * system refuses. */
struct cells *cells_new(uint64_t bytes);
void cells_free(struct cells **c);
/* The largest number of cells. */
uint64_t cells_capacity(const struct cells *c);
/* Set the counter of evictions, places taken from keys in use; 0: none. To be called before the
 * table is used. */
void cells_count_evictions(struct cells *c, series_id counter);

/* Any thread: find or make the key's cell and read it. When it is new and all its places are in use
 * at now_ns, another key loses its cell. */
void cells_find(struct cells *c, sluice_str key, uint64_t now_ns, sluice_cell *out);
/* Any thread: write desired if the cell still belongs to the key and holds cell->value. Else false,
 * and value is the current one; 0 when the cell was lost and made again. When desired is in the
 * past the cell becomes free. */
must_use bool cells_swap(sluice_cell *cell, uint64_t desired);

#endif
