/* Counting. Any thread. */
#include "base/stat.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

static const struct stat_info rows[STAT_COUNT] = {
#define S(name, kind, metric, label, value, help) { metric, label, value, help, STAT_##kind },
#include "base/stat.def"
#undef S
};

__thread struct stat_cells *stat_self;

/* Counts of threads without cells of their own, and of threads that ended. Many writers. */
static struct stat_cells shared;

/* guards the list of threads and their chunks, not the numbers */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct stat_cells *threads;
static unsigned n_chunks; /* every thread has the chunks 0 .. n_chunks - 1 */

const struct stat_info *stat_info(enum stat_id s)
{
	check((unsigned)s < STAT_COUNT, "no number %d", (int)s);
	return &rows[s];
}

/* Aligned and filled up to whole cache lines, so that no two threads write to one. */
static void *stat_alloc(size_t size)
{
	return mem_zeroed_at(64, size, "counters");
}

static void stat_chunk_give(struct stat_cells *c, unsigned chunk)
{
	if (!atomic_load_explicit(&c->chunk[chunk], memory_order_relaxed))
		atomic_store_explicit(&c->chunk[chunk],
			stat_alloc(STAT_CHUNK * sizeof(_Atomic uint64_t)), memory_order_release);
}

void stat_thread_init(void)
{
	check(!stat_self, "a thread counts already");
	struct stat_cells *c = stat_alloc(sizeof(*c));
	(void)pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < n_chunks; i++)
		stat_chunk_give(c, i);
	c->next = threads;
	threads = c;
	(void)pthread_mutex_unlock(&lock);
	stat_self = c;
}

/* Add the thread's numbers to the shared cells. */
void stat_thread_fini(void)
{
	struct stat_cells *c = stat_self;
	if (!c)
		return;
	stat_self = NULL;
	(void)pthread_mutex_lock(&lock);
	struct stat_cells **at = &threads;
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	for (unsigned i = 0; i < STAT_COUNT; i++)
		stat_add_shared((enum stat_id)i,
			atomic_load_explicit(&c->fixed[i], memory_order_relaxed));
	for (unsigned i = 0; i < n_chunks; i++) {
		_Atomic uint64_t *v = c->chunk[i];
		for (unsigned k = 0; k < STAT_CHUNK; k++)
			stat_chunk_add_shared(i << STAT_CHUNK_SHIFT | k,
				atomic_load_explicit(&v[k], memory_order_relaxed));
		free((void *)v);
	}
	(void)pthread_mutex_unlock(&lock);
	free(c);
}

void stat_add_shared(enum stat_id s, uint64_t n)
{
	if (n)
		(void)atomic_fetch_add_explicit(&shared.fixed[s], n, memory_order_relaxed);
}

void stat_set(enum stat_id s, uint64_t v)
{
	atomic_store_explicit(&shared.fixed[s], v, memory_order_relaxed);
}

uint64_t stat_read(enum stat_id s)
{
	(void)pthread_mutex_lock(&lock);
	uint64_t sum = atomic_load_explicit(&shared.fixed[s], memory_order_relaxed);
	for (const struct stat_cells *c = threads; c; c = c->next)
		sum += atomic_load_explicit(&c->fixed[s], memory_order_relaxed);
	(void)pthread_mutex_unlock(&lock);
	/* a decrement may be seen before its increment */
	return rows[s].kind == STAT_GAUGE && (int64_t)sum < 0 ? 0 : sum;
}

void stat_chunk_add(unsigned chunk)
{
	check(chunk < STAT_CHUNKS, "no chunk %u", chunk);
	(void)pthread_mutex_lock(&lock);
	for (; n_chunks <= chunk; n_chunks++) {
		stat_chunk_give(&shared, n_chunks);
		for (struct stat_cells *c = threads; c; c = c->next)
			stat_chunk_give(c, n_chunks);
	}
	(void)pthread_mutex_unlock(&lock);
}

static uint64_t stat_chunk_cell(const struct stat_cells *c, uint32_t cell)
{
	_Atomic uint64_t *v =
		atomic_load_explicit(&c->chunk[cell >> STAT_CHUNK_SHIFT], memory_order_acquire);
	return atomic_load_explicit(&v[cell & (STAT_CHUNK - 1)], memory_order_relaxed);
}

uint64_t stat_chunk_read(uint32_t cell)
{
	(void)pthread_mutex_lock(&lock);
	uint64_t sum = stat_chunk_cell(&shared, cell);
	for (const struct stat_cells *c = threads; c; c = c->next)
		sum += stat_chunk_cell(c, cell);
	(void)pthread_mutex_unlock(&lock);
	return sum;
}

void stat_chunk_add_shared(uint32_t cell, uint64_t n)
{
	_Atomic uint64_t *v =
		atomic_load_explicit(&shared.chunk[cell >> STAT_CHUNK_SHIFT], memory_order_acquire);
	if (v && n)
		(void)atomic_fetch_add_explicit(&v[cell & (STAT_CHUNK - 1)], n,
			memory_order_relaxed);
}

void stat_chunk_set_shared(uint32_t cell, uint64_t n)
{
	_Atomic uint64_t *v =
		atomic_load_explicit(&shared.chunk[cell >> STAT_CHUNK_SHIFT], memory_order_acquire);
	if (v)
		atomic_store_explicit(&v[cell & (STAT_CHUNK - 1)], n, memory_order_relaxed);
}
