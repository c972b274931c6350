/* rate-limit, gcra on the gateway's cells: many threads at one limit admit what the limit says, not
 * one more or less. */
#include "../../unit/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"
#include "gcra.h"
#include "store/cells.h"

enum { THREADS = 4, KEYS = 16, STEPS = 40000 };

static struct cells *cells;
static struct gcra gcra;
static _Atomic uint64_t now_ns;
static _Atomic unsigned admitted[KEYS];

static void *thread_run(void *arg)
{
	char text[16];
	(void)arg;
	for (unsigned i = 0; i < STEPS; i++) {
		unsigned k = i % KEYS;
		sluice_str key = str_n(text, (size_t)snprintf(text, sizeof(text), "k%u", k));
		uint64_t now = atomic_fetch_add(&now_ns, 10);
		sluice_cell cell;
		struct gcra_take t;
		cells_find(cells, key, now, &cell);
		do
			t = gcra_take(&gcra, cell.value, now);
		while (t.allowed && !cells_swap(&cell, t.tat));
		if (t.allowed)
			atomic_fetch_add(&admitted[k], 1);
	}
	return NULL;
}

TEST(exact)
{
	pthread_t threads[THREADS];
	uint64_t begin = 100 * NS_PER_S;
	hash_seed();
	cells = cells_new(1 << 16);
	assert_non_null(cells);
	/* one permit each 5000 ns; each key is asked for every 160 ns, by all threads: far too
	 * often */
	assert_true(gcra_init(&gcra, 200000, NS_PER_S, 50, 1));
	now_ns = begin;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_run, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	uint64_t most = 50 + (now_ns - begin) / gcra.interval;
	for (unsigned k = 0; k < KEYS; k++) {
		/* a thread may be held up with the clock it read, so that the last permits are not
		 * asked for in time */
		assert_in_range(admitted[k], most - most / 10, most);
	}
	cells_free(&cells);
}
