/* store/cells: one thread's view, then many threads against exact counts. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "store/cells.h"

static sluice_str key_of(char *buf, unsigned n)
{
	return str_n(buf, (size_t)snprintf(buf, 32, "key-%u", n));
}

static void set(struct cells *c, sluice_str key, uint64_t now, uint64_t value)
{
	sluice_cell cell;
	cells_find(c, key, now, &cell);
	assert_true(cells_swap(&cell, value));
}

static uint64_t get(struct cells *c, sluice_str key, uint64_t now)
{
	sluice_cell cell;
	cells_find(c, key, now, &cell);
	return cell.value;
}

static uint64_t evicted;

static void take_evicted(void *ctx, const struct series_view *v)
{
	(void)ctx;
	evicted += v->cells[0];
}

/* ---- one thread ---------------------------------------------------------------------------- */

TEST(values)
{
	struct cells *c = cells_new(1 << 20);
	uint64_t now = 10 * NS_PER_S;
	sluice_cell a, b;
	assert_non_null(c);
	assert_int_equal(cells_capacity(c), (1 << 20) / 64 * 3);
	assert_int_equal(get(c, STR("a"), now), 0);
	set(c, STR("a"), now, now + 100);
	assert_int_equal(get(c, STR("a"), now), now + 100);
	assert_int_equal(get(c, STR("a"), now + 99), now + 100);
	assert_int_equal(get(c, STR("a"), now + 100), 0); /* its time has come */
	assert_int_equal(get(c, STR("b"), now), 0);
	assert_int_equal(get(c, STR_NONE, now), 0);

	/* two hold the cell: the second is told of the first, and decides again */
	cells_find(c, STR("a"), now, &a);
	cells_find(c, STR("a"), now, &b);
	assert_true(cells_swap(&a, now + 200));
	assert_int_equal(a.value, now + 200);
	assert_false(cells_swap(&b, now + 201));
	assert_int_equal(b.value, now + 200);
	assert_true(cells_swap(&b, now + 201));
	assert_true(cells_swap(&b, now + 202)); /* and may go on */
	assert_int_equal(get(c, STR("a"), now), now + 202);

	/* a passed time empties it, whatever it says */
	assert_true(cells_swap(&b, 0));
	assert_int_equal(b.value, 0);
	assert_int_equal(get(c, STR("a"), now), 0);
	set(c, STR("a"), now, UINT64_MAX);
	assert_int_equal(get(c, STR("a"), now), UINT64_MAX - 1);
	cells_free(&c);
	assert_null(c);
}

TEST(sizes)
{
	assert_null(cells_new(0));
	assert_null(cells_new(CELLS_BYTES_MIN - 1));
	assert_null(cells_new(CELLS_BYTES_MAX + 1));
	struct cells *c = cells_new(CELLS_BYTES_MIN);
	assert_non_null(c);
	cells_free(&c);
	cells_free(&c);
}

/* Sixteen times as many keys as there is room for: each gets a place, and it is counted from whom
 * one was taken. */
TEST(a_newcomer_always_gets_a_place)
{
	struct cells *c = cells_new(64 * 64);
	uint64_t now = NS_PER_S * 100, n = 16 * cells_capacity(c);
	char buf[32];
	sluice_cell cell;
	series_id evictions = series_find(FAMILY_STORE_EVICTIONS, STR("here"), STR("full"));
	cells_count_evictions(c, evictions);
	for (unsigned i = 0; i < n; i++) {
		cells_find(c, key_of(buf, i), now, &cell);
		assert_int_equal(cell.value, 0);
		assert_true(cells_swap(&cell, now + 1000 + i));
	}
	uint64_t before = evicted;
	series_each(FAMILY_STORE_EVICTIONS, take_evicted, NULL);
	assert_in_range(evicted - before, n - cells_capacity(c), n - cells_capacity(c) * 8 / 10);
	cells_free(&c);
}

/* Who has used up a limit is held back for long; a flood of new keys that each took little must not
 * set it free. */
TEST(a_flood_of_new_keys_frees_no_used_up_key)
{
	struct cells *c = cells_new(64 * 64);
	uint64_t now = NS_PER_S * 100;
	char buf[32];
	sluice_cell cell;
	set(c, STR("used up"), now, now + 3600 * NS_PER_S);
	for (unsigned i = 0; i < 100000; i++) {
		cells_find(c, key_of(buf, i), now + i, &cell);
		assert_true(cells_swap(&cell, now + i + NS_PER_S));
	}
	assert_int_equal(get(c, STR("used up"), now + 100000), now + 3600 * NS_PER_S);
	cells_free(&c);
}

/* A cell in hand whose place went to another key: the swap must not write there. */
TEST(lost)
{
	struct cells *c = cells_new(CELLS_BYTES_MIN);
	uint64_t now = NS_PER_S * 100;
	char buf[32];
	sluice_cell fresh, old, other;
	assert_non_null(c);
	set(c, STR("old"), now, now + 10);
	cells_find(c, STR("fresh"), now, &fresh);
	cells_find(c, STR("old"), now, &old);
	now += 20;
	for (unsigned i = 0; i < 2000; i++) {
		cells_find(c, key_of(buf, i), now, &other);
		assert_true(cells_swap(&other, now + 1000 + i));
	}
	assert_false(cells_swap(&fresh, now + 5));
	assert_int_equal(fresh.value, 0);
	assert_true(cells_swap(&fresh, now + 5)); /* in the place that it was given anew */
	assert_false(cells_swap(&old, now + 5));
	assert_int_equal(old.value, 0);
	for (unsigned i = 0; i < 2000; i++) {
		cells_find(c, key_of(buf, i), now, &other);
		assert_true(other.value == 0 || other.value == now + 1000 + i);
	}
	cells_free(&c);
}

/* The same, with the place given back: its value must not read like the one in hand. */
TEST(same_value_again)
{
	struct cells *c = cells_new(CELLS_BYTES_MIN);
	uint64_t now = NS_PER_S * 100;
	char buf[32];
	sluice_cell mine, other;
	assert_non_null(c);
	cells_find(c, STR("mine"), now, &mine);
	assert_true(cells_swap(&mine, now - 5)); /* passed: empties it */
	for (unsigned i = 0; i < 2000; i++) {
		cells_find(c, key_of(buf, i), now, &other);
		assert_true(cells_swap(&other, 0));
	}
	bool done = cells_swap(&mine, now + 77);
	for (unsigned i = 0; i < 2000; i++) {
		cells_find(c, key_of(buf, i), now, &other);
		assert_int_equal(other.value, 0);
	}
	if (done)
		assert_int_equal(get(c, STR("mine"), now), now + 77);
	cells_free(&c);
}

/* ---- many threads -------------------------------------------------------------------------- */

enum { THREADS = 4 };

static struct crowd {
	struct cells *cells;
	uint64_t now;
	unsigned keys, rounds, most;
	_Atomic unsigned ready;
	_Atomic unsigned admitted[512], failed;
} crowd;

/* Each key admits `most`: the cell counts from now + 1 up, as a limiter would. */
static void crowd_take(unsigned k)
{
	char buf[32];
	sluice_cell cell;
	cells_find(crowd.cells, key_of(buf, k), crowd.now, &cell);
	for (;;) {
		uint64_t next = (cell.value ? cell.value : crowd.now) + 1;
		if (next > crowd.now + crowd.most)
			return;
		if (cells_swap(&cell, next))
			break;
		if (!cell.slot) {
			atomic_fetch_add(&crowd.failed, 1);
			return;
		}
	}
	atomic_fetch_add(&crowd.admitted[k], 1);
}

static void *crowd_run(void *arg)
{
	unsigned id = (unsigned)(uintptr_t)arg;
	uint64_t r = 88172645463325252ull + id;
	atomic_fetch_add(&crowd.ready, 1);
	while (atomic_load(&crowd.ready) < THREADS)
		;
	for (unsigned i = 0; i < crowd.rounds; i++) {
		r ^= r << 13, r ^= r >> 7, r ^= r << 17;
		crowd_take((unsigned)(r % crowd.keys));
	}
	return NULL;
}

static void crowd_start(void)
{
	pthread_t threads[THREADS];
	crowd.ready = 0;
	crowd.failed = 0;
	memset(crowd.admitted, 0, sizeof(crowd.admitted));
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, crowd_run, (void *)(uintptr_t)i),
			0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* All make the cells of the same keys at once: one cell for each key, or more would be admitted.
 * The table is so much larger than the keys are many that no hash seed leaves one of them without a
 * place. */
TEST(exact)
{
	for (unsigned round = 0; round < 20; round++) {
		crowd.cells = cells_new((uint64_t)64 * 8192);
		assert_non_null(crowd.cells);
		crowd.now = NS_PER_S * (100 + round);
		crowd.keys = 256;
		crowd.rounds = 20000;
		crowd.most = 100;
		crowd_start();
		for (unsigned k = 0; k < crowd.keys; k++)
			assert_int_equal(crowd.admitted[k], crowd.most);
		assert_int_equal(crowd.failed, 0);
		cells_free(&crowd.cells);
	}
}

/* One key: every thread at one word. */
TEST(one_key)
{
	crowd.cells = cells_new(CELLS_BYTES_MIN);
	assert_non_null(crowd.cells);
	crowd.now = NS_PER_S * 100;
	crowd.keys = 1;
	crowd.rounds = 50000;
	crowd.most = THREADS * crowd.rounds - 7;
	crowd_start();
	assert_int_equal(crowd.admitted[0], crowd.most);
	cells_free(&crowd.cells);
}

/* Cells that expire and change hands all the time, more keys than places: a key's count must never
 * pass what its own time allows, though others' cells come and go in the same places. */
static _Atomic uint64_t churn_now;
static _Atomic unsigned churn_over;

static void *churn_run(void *arg)
{
	unsigned id = (unsigned)(uintptr_t)arg;
	uint64_t r = 0x9e3779b97f4a7c15ull + id;
	char buf[32];
	sluice_cell cell;
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t now = atomic_fetch_add(&churn_now, 3);
		r ^= r << 13, r ^= r >> 7, r ^= r << 17;
		unsigned k = (unsigned)(r % 800);
		cells_find(crowd.cells, key_of(buf, k), now, &cell);
		for (int tries = 0; cell.slot && tries < 100; tries++) {
			/* a key writes only times that leave k when divided by 1024. Another's may
			 * be read, if the place changed hands twice between two looks at its key;
			 * but then it is not there any more, and cannot be built upon */
			bool foreign = cell.value && cell.value % 1024 != k;
			uint64_t next = ((cell.value ? cell.value : now) / 1024 + 1) * 1024 + k;
			if (!cells_swap(&cell, next))
				continue;
			if (foreign)
				atomic_fetch_add(&churn_over, 1);
			break;
		}
	}
	return NULL;
}

TEST(churn)
{
	pthread_t threads[THREADS];
	crowd.cells = cells_new(64 * 64);
	assert_non_null(crowd.cells);
	churn_now = NS_PER_S * 1000;
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn_run, (void *)(uintptr_t)i),
			0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(churn_over, 0);
	cells_free(&crowd.cells);
}

static int setup(void **state)
{
	(void)state;
	hash_seed();
	return 0;
}

TEST_GROUP(setup, NULL);
