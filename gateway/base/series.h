/*
 * Counting by label: numbers for each route, upstream, plugin or reason. A series is found by its
 * family and labels once, usually while a snapshot is compiled. Counting by its id then costs no
 * more than base/stat. Series are never removed, so that counts go on across reloads; their number
 * is bounded, and labels beyond the bound count under "other".
 */
#ifndef BASE_SERIES_H
#define BASE_SERIES_H

#include "base/stat.h"
#include "base/str.h"

enum family {
#define F(name, kind, metric, a, b, most, help) FAMILY_##name,
#include "base/series.def"
#undef F
	FAMILY_COUNT,
};

enum series_kind { SERIES_COUNTER, SERIES_TIME, SERIES_GAUGE, SERIES_CLASSES, SERIES_HISTOGRAM };

struct family_info {
	const char *name, *labels[2], *help; /* labels: "" when there is none */
	enum series_kind kind;
	unsigned most;
};
const struct family_info *family_info(enum family f);

enum {
	SERIES_CLASS_COUNT = 6, /* none, 1xx .. 5xx */
	/* bounds of a histogram; the last bucket, one more, has no bound */
	SERIES_BUCKETS = 17,
	SERIES_LABEL_BYTES = 128, /* longer values are cut */
	SERIES_CELLS_MAX = SERIES_BUCKETS + 2,
};
extern const uint64_t series_bounds_ns[SERIES_BUCKETS];

typedef uint32_t series_id; /* 0: counts nothing */

/* The series of these labels; it is made if it does not exist. b is ignored in families of one
 * label. Any thread; takes a lock only to make a series. Values may be of any bytes and are
 * copied. */
series_id series_find(enum family f, sluice_str a, sluice_str b);

/* This thread's part of a cell, for stat_bump(); valid until stat_thread_fini(). NULL: the thread
 * has no cells of its own. */
static inline _Atomic uint64_t *series_cell_here(uint32_t cell)
{
	struct stat_cells *self = stat_self;
	if (unlikely(!self))
		return NULL;
	_Atomic uint64_t *v =
		atomic_load_explicit(&self->chunk[cell >> STAT_CHUNK_SHIFT], memory_order_acquire);
	return likely(v) ? &v[cell & (STAT_CHUNK - 1)] : NULL;
}
static inline void series_cell_add(uint32_t cell, uint64_t n)
{
	_Atomic uint64_t *v = series_cell_here(cell);
	if (likely(v))
		stat_bump(v, n);
	else
		stat_chunk_add_shared(cell, n);
}
/* A gauge alone: this thread's part of it is n. */
static inline void series_set(series_id id, uint64_t n)
{
	if (!id)
		return;
	_Atomic uint64_t *v = series_cell_here(id);
	if (likely(v))
		atomic_store_explicit(v, n, memory_order_relaxed);
	else
		stat_chunk_set_shared(id, n);
}
/* Cells, one behind the other, for what is no family of series.def; to be counted in by
 * series_cell_add(). They are never given back, so their number has a bound of its own:
 * SERIES_RESERVED. 0: there are no more. width: at most SERIES_RESERVE_MOST. Any thread; takes the
 * lock. */
enum { SERIES_RESERVED = 1 << 17, SERIES_RESERVE_MOST = 64 };
series_id series_reserve(unsigned width);

/* COUNTER, GAUGE (n may be "negative"), TIME (nanoseconds). */
static inline void series_add(series_id id, uint64_t n)
{
	series_cell_add(id, n);
}
/* CLASSES; status 0: none. One above 599 counts as 5xx (RFC 9110 15). */
static inline void series_count_status(series_id id, unsigned status)
{
	unsigned class = status / 100;
	series_cell_add(id ? id + (class < SERIES_CLASS_COUNT ? class : SERIES_CLASS_COUNT - 1) : 0,
		1);
}
/* HISTOGRAM. */
void series_observe(series_id id, uint64_t ns);

/* A series as a reader sees it: labels (values[1] is empty in families of one label) and the sum
 * over all threads of each cell. COUNTER, GAUGE and TIME have one cell; CLASSES one for none, 1xx,
 * and so on; HISTOGRAM SERIES_BUCKETS + 1 buckets, not cumulative, and the sum in nanoseconds. */
struct series_view {
	sluice_str values[2];
	uint64_t cells[SERIES_CELLS_MAX];
};
/* Call fn for all series of a family, in the order in which they were made; `other` last, if it was
 * needed. fn must not call series_find(). */
void series_each(enum family f, void (*fn)(void *ctx, const struct series_view *v), void *ctx);

#endif
