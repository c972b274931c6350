/*
 * Cells shared by all threads.
 *
 * Words of a place and who writes them:
 *   value  is written by swaps, and by a claim (a place given to another key), always by
 *          compare-and-swap from the value read: when a swap and a claim meet, one fails and reads
 *          again.
 *   key    is written by a claim alone, between value = BUSY and the value that publishes the
 *          claim. A reader that finds its key sees BUSY or a later value (the key is written with
 *          release, read with acquire). When it then reads a value and after that still its key,
 *          the value belongs to that key.
 *
 * A swap must never write into a place that went to another key since it was read. Its
 * compare-and-swap fails when the value has changed, so no place may show the same value for two
 * keys. There are two kinds of values:
 *   turns  are published by claims, and replace the value in a swap to a time in the past. Each
 *          bucket counts its turns, so they do not repeat. They are small numbers, hence times long
 *          past, and read as 0.
 *   times  in the future, to the nanosecond. Between a find and its swap, which are a few
 *          instructions, another key would have to get the same place and the same nanosecond. Then
 *          one request would be counted for the wrong key.
 *
 * Whoever makes a cell for a key holds the lock of the key's first bucket, so a key is never made
 * twice. Makers of different keys may still want the same place in a second bucket; there the
 * compare-and-swap decides.
 */
#include "store/cells.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/spin.h"

#define BUSY UINT64_MAX /* value of a place that is being claimed */

struct bucket {
	struct spin lock;
	_Atomic uint32_t turn;
	_Atomic uint64_t key[CELLS_IN_BUCKET]; /* 0: none yet */
	_Atomic uint64_t value[CELLS_IN_BUCKET];
	uint64_t unused;
};
_Static_assert(sizeof(struct bucket) == CELLS_BUCKET, "a bucket is a cache line");

struct cells {
	struct bucket *buckets; /* owned: mapped */
	uint64_t n;
	series_id evictions;
};

/* The meaning of sluice_cell.host[]. */
enum { H_CELLS, H_BUCKETS, H_KEY, H_RAW, H_NOW };

struct cells *cells_new(uint64_t bytes)
{
	if (bytes < CELLS_BYTES_MIN || bytes > CELLS_BYTES_MAX)
		return NULL;
	struct cells *c = mem_new(struct cells);
	c->n = bytes / CELLS_BUCKET;
	void *p = mmap(NULL, c->n * CELLS_BUCKET, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		free(c);
		return NULL;
	}
	c->buckets = p;
	return c;
}

void cells_free(struct cells **cells)
{
	struct cells *c = *cells;
	*cells = NULL;
	if (!c)
		return;
	(void)munmap(c->buckets, c->n * CELLS_BUCKET);
	free(c);
}

uint64_t cells_capacity(const struct cells *c)
{
	return c->n * CELLS_IN_BUCKET;
}

void cells_count_evictions(struct cells *c, series_id counter)
{
	c->evictions = counter;
}

/* ---- finding ------------------------------------------------------------------------------- */

static struct bucket *cells_bucket(const struct cells *c, uint64_t hash)
{
	return &c->buckets[(uint64_t)((unsigned __int128)hash * c->n >> 64)];
}

/* The key's two buckets: one from the hash, one from the hash with its halves exchanged. */
static void cells_buckets(const sluice_cell *cell, struct bucket *out[2])
{
	const struct cells *c = (const struct cells *)(uintptr_t)cell->host[H_CELLS];
	uint64_t hash = cell->host[H_BUCKETS];
	out[0] = cells_bucket(c, hash);
	out[1] = cells_bucket(c, hash << 32 | hash >> 32);
}

static void cell_is_at(sluice_cell *cell, _Atomic uint64_t *slot, uint64_t raw)
{
	cell->slot = slot;
	cell->host[H_RAW] = raw;
	cell->value = raw > cell->host[H_NOW] ? raw : 0;
}

/* Find the key's cell. False when it has none. */
static bool cells_lookup(sluice_cell *cell)
{
	struct bucket *two[2];
	uint64_t key = cell->host[H_KEY];
	cells_buckets(cell, two);
	for (int b = 0; b < 2; b++) {
		for (int i = 0; i < CELLS_IN_BUCKET; i++) {
			_Atomic uint64_t *slot = &two[b]->value[i];
			unsigned spins = 0;
			/* a place that is being claimed shows its old key, or the new one without a
			 * value: read again */
			while (atomic_load_explicit(&two[b]->key[i], memory_order_acquire) == key) {
				uint64_t raw = atomic_load_explicit(slot, memory_order_acquire);
				if (raw == BUSY) {
					spin_pause(&spins);
				} else if (atomic_load_explicit(&two[b]->key[i],
						   memory_order_relaxed) == key) {
					cell_is_at(cell, slot, raw);
					return true;
				}
			}
		}
	}
	return false;
}

static uint64_t bucket_turn(struct bucket *b)
{
	/* wraps after 2^32. To be misled, a thread would have to hold a cell while all of them
	 * pass. */
	return (uint64_t)atomic_fetch_add_explicit(&b->turn, 1, memory_order_relaxed) + 1;
}

static unsigned bucket_free(const struct bucket *b, uint64_t now_ns)
{
	unsigned n = 0;
	for (int i = 0; i < CELLS_IN_BUCKET; i++)
		n += atomic_load_explicit(&b->value[i], memory_order_relaxed) <= now_ns;
	return n;
}

/* Take the place if its value still is raw. */
static bool place_claim(struct bucket *b, int i, uint64_t raw, sluice_cell *cell)
{
	_Atomic uint64_t *slot = &b->value[i];
	if (!atomic_compare_exchange_strong_explicit(slot, &raw, BUSY, memory_order_acq_rel,
		    memory_order_relaxed))
		return false;
	uint64_t turn = bucket_turn(b);
	atomic_store_explicit(&b->key[i], cell->host[H_KEY], memory_order_release);
	atomic_store_explicit(slot, turn, memory_order_release);
	cell_is_at(cell, slot, turn);
	cell->value = 0;
	return true;
}

/* Take a place that is not in use. */
static bool bucket_claim(struct bucket *b, sluice_cell *cell)
{
	for (int i = 0; i < CELLS_IN_BUCKET; i++) {
		uint64_t raw = atomic_load_explicit(&b->value[i], memory_order_relaxed);
		if (raw <= cell->host[H_NOW] && place_claim(b, i, raw, cell))
			return true;
	}
	return false;
}

/* The caller holds the lock of the first bucket. A cell in the first bucket is found faster. But
 * the last free place of the first bucket is taken only when the second has no more, or too many
 * keys would find both buckets full while others are empty. */
static bool cells_claim(sluice_cell *cell, struct bucket *two[2])
{
	unsigned first = bucket_free(two[0], cell->host[H_NOW]);
	bool other = first < 2 && first < bucket_free(two[1], cell->host[H_NOW]);
	return bucket_claim(two[other], cell) || bucket_claim(two[!other], cell);
}

/* All places are in use: take the one whose time ends soonest. False when another thread changed it
 * first. */
static bool cells_evict(sluice_cell *cell, struct bucket *two[2])
{
	struct bucket *from = NULL;
	uint64_t soonest = BUSY;
	int at = 0;
	for (int i = 0; i < 2 * CELLS_IN_BUCKET; i++) {
		struct bucket *b = two[i / CELLS_IN_BUCKET];
		uint64_t raw =
			atomic_load_explicit(&b->value[i % CELLS_IN_BUCKET], memory_order_relaxed);
		if (raw >= soonest)
			continue;
		soonest = raw;
		from = b;
		at = i % CELLS_IN_BUCKET;
	}
	return from && place_claim(from, at, soonest, cell);
}

/* Make a cell for a key that has none. */
static void cells_make(sluice_cell *cell)
{
	struct bucket *two[2];
	unsigned spins = 0;
	bool evicted = false;
	cells_buckets(cell, two);
	spin_lock(&two[0]->lock);
	while (!cells_lookup(cell) && !cells_claim(cell, two) &&
		!(evicted = cells_evict(cell, two)))
		/* lock-free: when this fails, another thread has succeeded */
		spin_pause(&spins);
	spin_unlock(&two[0]->lock);
	if (evicted)
		series_add(((const struct cells *)(uintptr_t)cell->host[H_CELLS])->evictions, 1);
}

static void cells_lookup_or_make(sluice_cell *cell)
{
	if (unlikely(!cells_lookup(cell)))
		cells_make(cell);
}

void cells_find(struct cells *c, sluice_str key, uint64_t now_ns, sluice_cell *out)
{
	uint64_t hash[2];
	hash_str128(key, hash);
	out->value = 0;
	out->host[H_CELLS] = (uint64_t)(uintptr_t)c;
	out->host[H_BUCKETS] = hash[0];
	out->host[H_KEY] = hash[1] ? hash[1] : 1;
	out->host[H_NOW] = now_ns;
	cells_lookup_or_make(out);
}

bool cells_swap(sluice_cell *cell, uint64_t desired)
{
	_Atomic uint64_t *slot = cell->slot;
	uint64_t raw = cell->host[H_RAW];
	if (slot) {
		if (desired == BUSY)
			desired--;
		/* a bucket is one aligned cache line, so its start follows from the address of the
		 * slot */
		if (desired <= cell->host[H_NOW])
			desired = bucket_turn((
				struct bucket *)((uintptr_t)slot & ~(uintptr_t)(CELLS_BUCKET - 1)));
		if (atomic_compare_exchange_strong_explicit(slot, &raw, desired,
			    memory_order_acq_rel, memory_order_relaxed)) {
			cell->host[H_RAW] = desired;
			cell->value = desired > cell->host[H_NOW] ? desired : 0;
			return true;
		}
	}
	cells_lookup_or_make(cell);
	return false;
}
