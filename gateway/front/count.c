/*
 * Counting connections. A bucket of the table is two cache lines; each of its places begins with
 * one word:
 *
 *       63                         16 15        0
 *      +-----------------------------+-----------+
 *      | which client (hash)         | how many  |        how many 0: the place is free, whatever
 * stands before it
 *      +-----------------------------+-----------+
 *
 * A client may stand in two buckets. Its count goes up by compare-and-swap where it stands, never
 * from 0, and down by one subtraction. From 0 it goes up under the lock of the client's first
 * bucket alone, after another look, so that one client never has two places. Two clients that want
 * the same free place meet in a compare-and-swap.
 */
#include "front/count.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/spin.h"

enum {
	PLACES = 7,
	COUNT_BITS = 16,
};
#define CLIENTS_MIN 1024ull
#define CLIENTS_MAX (1ull << 24)

struct bucket {
	struct spin lock;
	uint32_t unused[3];
	struct count_client place[PLACES];
};
_Static_assert(sizeof(struct bucket) == 128, "a bucket is two cache lines");

struct counts {
	_Atomic uint64_t total;
	struct bucket *buckets; /* owned: mapped */
	uint64_t n;
};

struct counts *counts_new(uint64_t clients)
{
	struct counts *c = mem_new(struct counts);
	clients = clients < CLIENTS_MIN ? CLIENTS_MIN
		: clients > CLIENTS_MAX ? CLIENTS_MAX
					: clients;
	c->n = clients * 2 / PLACES; /* half full: then hardly ever are both buckets of a client */
	void *p = mmap(NULL, c->n * sizeof(struct bucket), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(p != MAP_FAILED, "out of memory: a table of %llu clients",
		(unsigned long long)clients);
	c->buckets = p;
	return c;
}

void counts_free(struct counts **at)
{
	struct counts *c = *at;
	*at = NULL;
	if (!c)
		return;
	check(counts_total(c) == 0, "%llu connections are counted and gone",
		(unsigned long long)counts_total(c));
	(void)munmap(c->buckets, c->n * sizeof(struct bucket));
	free(c);
}

/* ---- all together -------------------------------------------------------------------------- */

bool counts_enter(struct counts *c, uint64_t most)
{
	uint64_t n = atomic_fetch_add_explicit(&c->total, 1, memory_order_relaxed);
	if (most == 0 || n < most)
		return true;
	counts_leave(c);
	return false;
}

void counts_leave(struct counts *c)
{
	(void)atomic_fetch_sub_explicit(&c->total, 1, memory_order_relaxed);
}

uint64_t counts_total(const struct counts *c)
{
	return atomic_load_explicit(&c->total, memory_order_relaxed);
}

/* ---- of each client ------------------------------------------------------------------------ */

static unsigned word_count(uint64_t word)
{
	return (unsigned)(word & ((1u << COUNT_BITS) - 1));
}

static count_place bucket_find(struct bucket *b, uint64_t who)
{
	for (int i = 0; i < PLACES; i++) {
		uint64_t word = atomic_load_explicit(&b->place[i].word, memory_order_relaxed);
		if (word >> COUNT_BITS == who && word_count(word))
			return &b->place[i];
	}
	return NULL;
}

static count_place bucket_claim(struct bucket *b, uint64_t who)
{
	for (int i = 0; i < PLACES; i++) {
		uint64_t word = atomic_load_explicit(&b->place[i].word, memory_order_relaxed);
		if (word_count(word) == 0 &&
			atomic_compare_exchange_strong_explicit(&b->place[i].word, &word,
				who << COUNT_BITS | 1, memory_order_acquire, memory_order_relaxed))
			return &b->place[i];
	}
	return NULL;
}

enum raised { RAISED, RAISED_NOT, RAISED_LOST };

/* Count one more at the place where the client was found before. */
static enum raised place_raise(count_place at, uint64_t who, unsigned most)
{
	uint64_t word = atomic_load_explicit(&at->word, memory_order_relaxed);
	do {
		if (word >> COUNT_BITS != who || word_count(word) == 0)
			return RAISED_LOST;
		if (word_count(word) >= most)
			return RAISED_NOT;
	} while (!atomic_compare_exchange_weak_explicit(&at->word, &word, word + 1,
		memory_order_acquire, memory_order_relaxed));
	return RAISED;
}

bool counts_client_enter(struct counts *c, sluice_str client, unsigned most, count_place *at)
{
	uint64_t hash[2];
	check(most >= 1 && most <= COUNT_MOST, "%u connections of a client", most);
	hash_str128(client, hash);
	struct bucket *first = &c->buckets[(uint64_t)((unsigned __int128)hash[0] * c->n >> 64)];
	struct bucket *other = &c->buckets[(
		uint64_t)((unsigned __int128)(hash[0] << 32 | hash[0] >> 32) * c->n >> 64)];
	uint64_t who = hash[1] >> COUNT_BITS;

	for (bool locked = false;; locked = true) {
		*at = bucket_find(first, who);
		if (!*at)
			*at = bucket_find(other, who);
		enum raised r = *at ? place_raise(*at, who, most) : RAISED_LOST;
		/* look again under the lock: no other thread makes a place meanwhile */
		if (r == RAISED_LOST && !locked) {
			spin_lock(&first->lock);
			continue;
		}
		if (r == RAISED_LOST) {
			*at = bucket_claim(first, who);
			if (!*at)
				*at = bucket_claim(other, who);
		}
		if (locked)
			spin_unlock(&first->lock);
		if (r == RAISED_NOT)
			*at = NULL;
		return r != RAISED_NOT;
	}
}

void counts_client_leave(count_place at)
{
	if (at)
		(void)atomic_fetch_sub_explicit(&at->word, 1, memory_order_release);
}
