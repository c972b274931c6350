/* front/count: nobody has more than allowed, whatever the threads do, and nothing stays behind. */
#include "front/count.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "../unit.h"

TEST(total)
{
	struct counts *c = counts_new(10);
	for (int i = 0; i < 3; i++)
		assert_true(counts_enter(c, 3));
	assert_false(counts_enter(c, 3));
	assert_int_equal(counts_total(c), 3);
	assert_true(counts_enter(c, 0));
	assert_int_equal(counts_total(c), 4);
	counts_leave(c);
	counts_leave(c);
	assert_true(counts_enter(c, 3));
	assert_false(counts_enter(c, 2));
	for (int i = 0; i < 3; i++)
		counts_leave(c);
	counts_free(&c);
	assert_null(c);
}

TEST(of_a_client)
{
	struct counts *c = counts_new(10);
	count_place a[3], b, none;
	for (int i = 0; i < 3; i++)
		assert_true(counts_client_enter(c, STR("a"), 3, &a[i]));
	assert_false(counts_client_enter(c, STR("a"), 3, &none));
	assert_null(none);
	assert_false(counts_client_enter(c, STR("a"), 1, &none));
	assert_true(counts_client_enter(c, STR("b"), 1, &b));
	assert_ptr_equal(a[0], a[1]);
	assert_ptr_not_equal(a[0], b);
	counts_client_leave(a[1]);
	assert_true(counts_client_enter(c, STR("a"), 3, &a[1]));
	assert_false(counts_client_enter(c, STR("a"), 3, &none));
	/* a bound that was raised or lowered meanwhile */
	assert_true(counts_client_enter(c, STR("a"), 4, &none));
	counts_client_leave(none);
	for (int i = 0; i < 3; i++)
		counts_client_leave(a[i]);
	counts_client_leave(b);
	assert_true(counts_client_enter(c, STR("a"), 1, &a[0]));
	counts_client_leave(a[0]);
	counts_client_leave(NULL);
	counts_free(&c);
}

/* Requests count over all connections of a client, which have one place. */
TEST(requests_of_a_client)
{
	struct counts *c = counts_new(10);
	count_place a[2], b;
	for (int i = 0; i < 2; i++)
		assert_true(counts_client_enter(c, STR("a"), 9, &a[i]));
	assert_true(counts_client_enter(c, STR("b"), 9, &b));
	for (int i = 0; i < 3; i++)
		assert_true(count_request_enter(a[i % 2], 3));
	for (int i = 0; i < 5; i++)
		assert_false(count_request_enter(a[i % 2], 3));
	assert_true(count_request_enter(b, 3));
	assert_true(count_request_enter(a[1], 4)); /* a bound that was raised */
	count_request_leave(a[0]);
	count_request_leave(a[1]);
	assert_true(count_request_enter(a[0], 3));
	for (int i = 0; i < 3; i++)
		count_request_leave(a[0]);
	count_request_leave(b);
	for (int i = 0; i < 2; i++)
		counts_client_leave(a[i]);
	counts_client_leave(b);
	/* the next who has the place begins at nothing */
	assert_true(counts_client_enter(c, STR("a"), 9, &a[0]));
	assert_true(count_request_enter(a[0], 1));
	count_request_leave(a[0]);
	counts_client_leave(a[0]);
	counts_free(&c);
}

TEST(most)
{
	struct counts *c = counts_new(10);
	count_place at;
	for (int i = 0; i < COUNT_MOST; i++)
		assert_true(counts_client_enter(c, STR("a"), COUNT_MOST, &at));
	assert_non_null(at);
	count_place none;
	assert_false(counts_client_enter(c, STR("a"), COUNT_MOST, &none));
	for (int i = 0; i < COUNT_MOST; i++)
		counts_client_leave(at);
	assert_true(counts_client_enter(c, STR("a"), 1, &at));
	counts_client_leave(at);
	counts_free(&c);
}

/* As many clients as it was made for, several times over: each gets a place of its own, and gives
 * it back. */
TEST(many_clients)
{
	enum { CLIENTS = 4000, ROUNDS = 3 };
	static count_place at[CLIENTS];
	struct counts *c = counts_new(CLIENTS);
	for (int round = 0; round < ROUNDS; round++) {
		int left_out = 0;
		for (int i = 0; i < CLIENTS; i++) {
			char key[32];
			int n = snprintf(key, sizeof(key), "%d/%d", round, i);
			assert_true(counts_client_enter(c, str_n(key, (size_t)n), 1, &at[i]));
			left_out += at[i] == NULL;
		}
		assert_true(left_out <= CLIENTS / 100);
		for (int i = 0; i < CLIENTS; i++) {
			char key[32];
			count_place more;
			int n = snprintf(key, sizeof(key), "%d/%d", round, i);
			if (at[i])
				assert_false(
					counts_client_enter(c, str_n(key, (size_t)n), 1, &more));
		}
		for (int i = 0; i < CLIENTS; i++)
			counts_client_leave(at[i]);
	}
	counts_free(&c);
}

/* More than the table was made for: who finds no place is let in without one. */
TEST(crowd)
{
	enum { CLIENTS = 20000 };
	static count_place at[CLIENTS];
	struct counts *c = counts_new(10);
	int counted = 0;
	for (int i = 0; i < CLIENTS; i++) {
		assert_true(counts_client_enter(c, str_n((const char *)&i, sizeof(i)), 1, &at[i]));
		counted += at[i] != NULL;
	}
	assert_true(counted >= 1024 && counted < CLIENTS);
	for (int i = 0; i < CLIENTS; i++)
		counts_client_leave(at[i]);
	for (int i = 0; i < CLIENTS; i += CLIENTS / 100) {
		assert_true(counts_client_enter(c, str_n((const char *)&i, sizeof(i)), 1, &at[0]));
		assert_non_null(at[0]);
		counts_client_leave(at[0]);
	}
	counts_free(&c);
}

/* ---- threads ------------------------------------------------------------------------------- */

enum { THREADS = 4, KEYS = 8, MOST = 3, STEPS = 60000 };

static struct counts *shared;
static _Atomic int held[KEYS];
static _Atomic int too_many, refused;

static void *come_and_go(void *arg)
{
	struct {
		count_place at;
		int key;
	} mine[6] = { 0 };
	unsigned random = (unsigned)(uintptr_t)arg * 2654435761u + 1;
	for (int i = 0; i < STEPS; i++) {
		random = random * 1664525u + 1013904223u;
		unsigned slot = (random >> 8) % 6;
		if (mine[slot].at) {
			atomic_fetch_sub(&held[mine[slot].key], 1);
			counts_client_leave(mine[slot].at);
			counts_leave(shared);
			mine[slot].at = NULL;
			continue;
		}
		int key = (int)((random >> 16) % KEYS);
		if (!counts_enter(shared, 0))
			break;
		if (!counts_client_enter(shared, str_n((const char *)&key, sizeof(key)), MOST,
			    &mine[slot].at)) {
			atomic_fetch_add(&refused, 1);
			counts_leave(shared);
			continue;
		}
		mine[slot].key = key;
		if (atomic_fetch_add(&held[key], 1) >= MOST)
			atomic_fetch_add(&too_many, 1);
	}
	for (int slot = 0; slot < 6; slot++) {
		if (mine[slot].at) {
			atomic_fetch_sub(&held[mine[slot].key], 1);
			counts_client_leave(mine[slot].at);
			counts_leave(shared);
		}
	}
	return NULL;
}

TEST(threads)
{
	pthread_t threads[THREADS];
	count_place at[MOST], none;
	shared = counts_new(10);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go,
					 (void *)(uintptr_t)(i + 1)),
			0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(too_many, 0);
	assert_true(refused > 0);
	assert_int_equal(counts_total(shared), 0);
	for (int key = 0; key < KEYS; key++) { /* all is as in the beginning */
		sluice_str name = str_n((const char *)&key, sizeof(key));
		for (int i = 0; i < MOST; i++)
			assert_true(counts_client_enter(shared, name, MOST, &at[i]));
		assert_false(counts_client_enter(shared, name, MOST, &none));
		for (int i = 0; i < MOST; i++)
			counts_client_leave(at[i]);
	}
	counts_free(&shared);
}
