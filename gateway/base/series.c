/*
 * Counting by label. Series stand in one table of fixed size that is read without a lock: a slot
 * goes from empty to full once and then stays. Only making a series takes the lock.
 */
#include "base/series.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

/* The table is less than three quarters full when every family is. */
enum {
	TABLE_SIZE = 131072,
	SERIES_MAX = TABLE_SIZE / 4 * 3,
	FIRST_CELL = 64,
	/* series of all families when each is full */
	SERIES_ALL = 0
#define F(name, kind, metric, a, b, most, help) +(most)
#include "base/series.def"
#undef F
};
_Static_assert(SERIES_ALL <= SERIES_MAX, "no family takes the places of another");

struct series {
	struct series *next; /* in its family; under the lock */
	uint64_t hash;
	series_id id;
	uint16_t family;
	uint16_t len[2];
	char text[]; /* the values, one after the other */
};

static const struct family_info rows[FAMILY_COUNT] = {
#define F(name, kind, metric, a, b, most, help) { metric, { a, b }, help, SERIES_##kind, most },
#include "base/series.def"
#undef F
};

#define MS(n) ((n)*1000000ull)
const uint64_t series_bounds_ns[SERIES_BUCKETS] = {
	MS(1) / 2,
	MS(1),
	MS(2),
	MS(5),
	MS(10),
	MS(20),
	MS(50),
	MS(100),
	MS(200),
	MS(500),
	MS(1000),
	MS(2000),
	MS(5000),
	MS(10000),
	MS(15000),
	MS(30000),
	MS(60000),
};

static _Atomic(struct series *) table[TABLE_SIZE];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held while a series is made or listed */
static struct family_list {
	struct series *first, *last, *other;
	unsigned n;
	_Atomic series_id full; /* id of other, once the family is full */
} families[FAMILY_COUNT];
static uint32_t n_cells = FIRST_CELL; /* cells in use; the first ones are those of series_id 0 */
static unsigned n_series;

const struct family_info *family_info(enum family f)
{
	check((unsigned)f < FAMILY_COUNT, "no family %d", (int)f);
	return &rows[f];
}

static unsigned series_width(enum family f)
{
	switch (rows[f].kind) {
	case SERIES_CLASSES:
		return SERIES_CLASS_COUNT;
	case SERIES_HISTOGRAM:
		return SERIES_BUCKETS + 2;
	case SERIES_COUNTER:
	case SERIES_TIME:
	case SERIES_GAUGE:
		break;
	}
	return 1;
}

static uint64_t series_hash(enum family f, sluice_str a, sluice_str b)
{
	return (hash_str(a) * 3 + hash_str(b)) ^ ((uint64_t)f * 0x9e3779b97f4a7c15ull);
}

static bool series_is(const struct series *s, uint64_t hash, enum family f, sluice_str a,
	sluice_str b)
{
	return s->hash == hash && s->family == f && str_eq(str_n(s->text, s->len[0]), a) &&
		str_eq(str_n(s->text + s->len[0], s->len[1]), b);
}

/* The series, or NULL with *slot where it belongs. */
static struct series *series_look(uint64_t hash, enum family f, sluice_str a, sluice_str b,
	unsigned *slot)
{
	for (unsigned i = (unsigned)hash & (TABLE_SIZE - 1);; i = (i + 1) & (TABLE_SIZE - 1)) {
		struct series *s = atomic_load_explicit(&table[i], memory_order_acquire);
		*slot = i;
		if (!s || series_is(s, hash, f, a, b))
			return s;
	}
}

/* Cells for one more series, all in one chunk; 0 when there are no more. The limits in series.def
 * prevent that. */
static series_id series_cells(unsigned width)
{
	uint32_t at = n_cells;
	if ((at & (STAT_CHUNK - 1)) + width > STAT_CHUNK)
		at = (at | (STAT_CHUNK - 1)) + 1;
	if (at + width > STAT_CHUNKS * STAT_CHUNK)
		return 0;
	stat_chunk_add(at >> STAT_CHUNK_SHIFT);
	n_cells = at + width;
	return at;
}

static struct series *series_new(enum family f, sluice_str a, sluice_str b, series_id id)
{
	struct series *s = mem_zeroed(1, sizeof(*s) + a.len + b.len, "struct series");
	*s = (struct series){ .id = id,
		.family = (uint16_t)f,
		.len = { (uint16_t)a.len, (uint16_t)b.len } };
	if (a.len)
		memcpy(s->text, a.data, a.len);
	if (b.len)
		memcpy(s->text + a.len, b.data, b.len);
	return s;
}

/* The series that takes the counts beyond the bound. */
static series_id series_other(enum family f)
{
	struct family_list *list = &families[f];
	series_id id = series_cells(series_width(f));
	if (id) {
		list->other = series_new(f, STR("other"),
			rows[f].labels[1][0] ? STR("other") : STR(""), id);
		atomic_store_explicit(&list->full, id, memory_order_release);
	}
	return id;
}

static series_id series_make(enum family f, sluice_str a, sluice_str b, uint64_t hash)
{
	struct family_list *list = &families[f];
	unsigned slot;
	/* another thread may have made it meanwhile */
	struct series *s = series_look(hash, f, a, b, &slot);
	if (s)
		return s->id;
	if (list->other)
		return list->other->id;
	if (list->n >= rows[f].most || n_series >= SERIES_MAX)
		return series_other(f);
	series_id id = series_cells(series_width(f));
	if (!id)
		return series_other(f);
	s = series_new(f, a, b, id);
	s->hash = hash;
	if (list->last)
		list->last->next = s;
	else
		list->first = s;
	list->last = s;
	list->n++;
	n_series++;
	atomic_store_explicit(&table[slot], s, memory_order_release);
	return id;
}

series_id series_find(enum family f, sluice_str a, sluice_str b)
{
	unsigned slot;
	if (!rows[f].labels[1][0])
		b = STR("");
	a.len = a.len < SERIES_LABEL_BYTES ? a.len : SERIES_LABEL_BYTES;
	b.len = b.len < SERIES_LABEL_BYTES ? b.len : SERIES_LABEL_BYTES;
	uint64_t hash = series_hash(f, a, b);
	const struct series *s = series_look(hash, f, a, b, &slot);
	if (likely(s))
		return s->id;
	series_id other = atomic_load_explicit(&families[f].full, memory_order_acquire);
	if (other)
		return other;
	(void)pthread_mutex_lock(&lock);
	series_id id = series_make(f, a, b, hash);
	(void)pthread_mutex_unlock(&lock);
	return id;
}

series_id series_reserve(unsigned width)
{
	static unsigned n_reserved; /* under the lock */
	series_id id = 0;
	check(width && width <= SERIES_RESERVE_MOST, "%u cells at once", width);
	(void)pthread_mutex_lock(&lock);
	if (n_reserved + width <= SERIES_RESERVED)
		id = series_cells(width);
	n_reserved += id ? width : 0;
	(void)pthread_mutex_unlock(&lock);
	return id;
}

void series_observe(series_id id, uint64_t ns)
{
	unsigned bucket = 0;
	if (!id)
		return;
	while (bucket < SERIES_BUCKETS && ns > series_bounds_ns[bucket])
		bucket++;
	series_cell_add(id + bucket, 1);
	series_cell_add(id + SERIES_BUCKETS + 1, ns);
}

static void series_show(const struct series *s, unsigned width,
	void (*fn)(void *ctx, const struct series_view *v), void *ctx)
{
	struct series_view v = { .values = { str_n(s->text, s->len[0]),
					 str_n(s->text + s->len[0], s->len[1]) } };
	for (unsigned i = 0; i < width; i++)
		v.cells[i] = stat_chunk_read(s->id + i);
	fn(ctx, &v);
}

void series_each(enum family f, void (*fn)(void *ctx, const struct series_view *v), void *ctx)
{
	unsigned width = series_width(f);
	(void)pthread_mutex_lock(&lock);
	for (const struct series *s = families[f].first; s; s = s->next)
		series_show(s, width, fn, ctx);
	if (families[f].other)
		series_show(families[f].other, width, fn, ctx);
	(void)pthread_mutex_unlock(&lock);
}
