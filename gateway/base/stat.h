/*
 * Counting, the write side: numbers of the process as a whole. Each worker counts in cells of its
 * own, so that a count is one addition without a lock; a reader adds the cells up (obs/metric).
 * Counts of threads that ended are kept.
 */
#ifndef BASE_STAT_H
#define BASE_STAT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/check.h"

enum stat_id {
#define S(name, kind, metric, label, value, help) STAT_##name,
#include "base/stat.def"
#undef S
	STAT_COUNT,
};

enum stat_kind { STAT_COUNTER, STAT_GAUGE, STAT_LEVEL };

struct stat_info {
	const char *name, *label, *value, *help; /* label: "" when there is none */
	enum stat_kind kind;
};
const struct stat_info *stat_info(enum stat_id s);

enum { STAT_CHUNK_SHIFT = 10, STAT_CHUNK = 1 << STAT_CHUNK_SHIFT, STAT_CHUNKS = 512 };

/* One thread's numbers. Written by that thread alone, read by any. */
struct stat_cells {
	_Atomic uint64_t fixed[STAT_COUNT];
	_Atomic(_Atomic uint64_t *) chunk[STAT_CHUNKS]; /* owned; of base/series */
	struct stat_cells *next;                        /* under the lock of stat.c */
};

/* This thread's; NULL on threads that never called stat_thread_init(): their counts go to shared
 * cells, by slower means. */
extern __thread struct stat_cells *stat_self;

/* To be called by a thread that counts much, at its start and at its end. */
void stat_thread_init(void);
void stat_thread_fini(void);

void stat_add_shared(enum stat_id s, uint64_t n);

static inline void stat_bump(_Atomic uint64_t *cell, uint64_t n)
{
	/* one writer: no need to lock the bus */
	atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + n,
		memory_order_relaxed);
}
static inline void stat_add(enum stat_id s, uint64_t n)
{
	if (likely(stat_self))
		stat_bump(&stat_self->fixed[s], n);
	else
		stat_add_shared(s, n);
}
static inline void stat_inc(enum stat_id s)
{
	stat_add(s, 1);
}
/* Gauges. The thread may differ from the one that incremented. */
static inline void stat_dec(enum stat_id s)
{
	stat_add(s, UINT64_MAX);
}
/* Levels; main thread. */
void stat_set(enum stat_id s, uint64_t v);

/* The sum over all threads. A gauge is never below zero, although the part of one thread may be. */
uint64_t stat_read(enum stat_id s);

/* ---- for base/series ----------------------------------------------------------------------- */

/* Make sure that every thread, now and later, has the chunk. */
void stat_chunk_add(unsigned chunk);
/* The sum of a cell over all threads. */
uint64_t stat_chunk_read(uint32_t cell);
void stat_chunk_add_shared(uint32_t cell, uint64_t n);
void stat_chunk_set_shared(uint32_t cell, uint64_t n);

#endif
