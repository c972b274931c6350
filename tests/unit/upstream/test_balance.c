/* upstream/balance: who gets how much, and who gets nothing. */
#include "upstream/balance.h"

#include <stdio.h>

#include "kit.h"
#include "upstream/balance_ops.h"

enum { MANY = 1000 };

static const struct balance_ask any;
static struct balance balance;
static struct endpoint *endpoints[MANY];
static unsigned counts[MANY], n_endpoints, n_room;

static void on_room(struct balance *b)
{
	(void)b;
	n_room++;
}

static void make(enum upstream_balance kind, unsigned n, const unsigned *weights)
{
	balance_init(&balance, kind, on_room);
	n_endpoints = n;
	for (unsigned i = 0; i < n; i++) {
		struct endpoint_key key = { .upstream = STR("u") };
		struct endpoint_bounds bounds = {
			.health = { .failures = 1, .retry_after = 100, .retry_after_max = 100 }
		};
		assert_true(addr_from_ip(STR("10.0.0.1"), (uint16_t)(i + 1), &key.addr));
		endpoints[i] = endpoint_get(&kit_worker, &key);
		endpoint_set_bounds(endpoints[i], &bounds);
		(void)balance_add(&balance, endpoints[i], weights ? weights[i] : 1);
	}
}

static void unmake(void)
{
	balance_fini(&balance);
	for (unsigned i = 0; i < n_endpoints; i++) {
		endpoints[i]->n_links = 0; /* as the tests set it */
		endpoint_unref(&endpoints[i]);
	}
}

static unsigned index_of(const struct candidate *s)
{
	return addr_port(&s->endpoint->key.addr) - 1u;
}

static unsigned choose(void)
{
	struct candidate *s = NULL;
	assert_int_equal(balance_choose(&balance, &any, &s), BALANCE_CHOSEN);
	return index_of(s);
}

static void set_load(unsigned i, unsigned load)
{
	endpoints[i]->n_links = load;
	endpoint_changed(endpoints[i]);
}

TEST(round_robin)
{
	make(BALANCE_ROUND_ROBIN, 3, NULL);
	/* any three in a row are all three */
	unsigned last[3] = { choose(), choose(), choose() };
	assert_true(last[0] != last[1] && last[1] != last[2] && last[0] != last[2]);
	for (int i = 0; i < 30; i++)
		assert_int_equal(choose(), last[i % 3]);
	unmake();
}

TEST(weights_are_exact)
{
	static const unsigned weights[] = { 5, 1, 1, 3 };
	unsigned longest = 0, run = 0, last = 99;
	make(BALANCE_ROUND_ROBIN, 4, weights);
	memset(counts, 0, sizeof(counts));
	for (int i = 0; i < 1000; i++) {
		unsigned c = choose();
		counts[c]++;
		run = c == last ? run + 1 : 1;
		last = c;
		longest = run > longest ? run : longest;
	}
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(counts[i], weights[i] * 100 - 1, weights[i] * 100 + 1);
	assert_in_range(longest, 1, 3); /* spread, not in blocks of five */
	unmake();
}

TEST(tried_are_passed_over)
{
	struct candidate *s = NULL;
	uint64_t tried[8];
	make(BALANCE_ROUND_ROBIN, 5, NULL);
	for (unsigned n = 0; n < 5; n++) {
		assert_int_equal(balance_choose(&balance,
					 &(struct balance_ask){ .tried = tried, .n_tried = n }, &s),
			BALANCE_CHOSEN);
		for (unsigned i = 0; i < n; i++)
			assert_true(tried[i] != s->endpoint->id);
		tried[n] = s->endpoint->id;
		assert_int_equal(balance.n_ready, 5);
	}
	assert_false(balance_has_untried(&balance, tried, 5));
	assert_true(balance_has_untried(&balance, tried, 4));
	assert_int_equal(balance_choose(&balance,
				 &(struct balance_ask){ .tried = tried, .n_tried = 5 }, &s),
		BALANCE_NONE);
	unmake();
}

TEST(down_gets_nothing)
{
	make(BALANCE_ROUND_ROBIN, 3, NULL);
	endpoint_failed(endpoints[1], false, ERR_CONNECT_FAILED);
	assert_int_equal(endpoints[1]->state, ENDPOINT_DOWN);
	memset(counts, 0, sizeof(counts));
	for (int i = 0; i < 100; i++)
		counts[choose()]++;
	assert_int_equal(counts[0], 50);
	assert_int_equal(counts[1], 0);
	/* back, it does not make up for what it missed */
	endpoint_succeeded(endpoints[1]);
	memset(counts, 0, sizeof(counts));
	for (int i = 0; i < 30; i++)
		counts[choose()]++;
	for (int i = 0; i < 3; i++)
		assert_in_range(counts[i], 9, 11);
	unmake();
}

TEST(all_down_take_turns)
{
	make(BALANCE_LEAST_REQUESTS, 4, NULL);
	for (unsigned i = 0; i < 4; i++)
		endpoint_failed(endpoints[i], false, ERR_CONNECT_FAILED);
	assert_int_equal(balance.n_ready, 0);
	memset(counts, 0, sizeof(counts));
	for (int i = 0; i < 40; i++)
		counts[choose()]++;
	for (int i = 0; i < 4; i++)
		assert_int_equal(counts[i], 10);
	unmake();
}

TEST(trial_is_one)
{
	make(BALANCE_ROUND_ROBIN, 2, NULL);
	endpoint_failed(endpoints[0], false, ERR_CONNECT_FAILED);
	for (int i = 0; i < 10; i++)
		assert_int_equal(choose(), 1);
	kit_pass(300);
	assert_int_equal(endpoints[0]->state, ENDPOINT_TRIAL);
	assert_int_equal(choose(), 0); /* due long since: tried at once */
	assert_true(kit_tries(endpoints[0]));
	for (int i = 0; i < 10; i++)
		assert_int_equal(choose(), 1);
	endpoint_end_trial(endpoints[0]);
	memset(counts, 0, sizeof(counts));
	for (int i = 0; i < 10; i++)
		counts[choose()]++;
	assert_int_equal(counts[0], 5);
	unmake();
}

TEST(least_requests)
{
	make(BALANCE_LEAST_REQUESTS, 3, NULL);
	set_load(0, 5);
	set_load(1, 2);
	set_load(2, 4);
	assert_int_equal(choose(), 1);
	set_load(1, 5);
	assert_int_equal(choose(), 2);
	set_load(0, 1);
	assert_int_equal(choose(), 0);
	/* among equals each in turn */
	for (unsigned i = 0; i < 3; i++)
		set_load(i, 7);
	memset(counts, 0, sizeof(counts));
	for (int i = 0; i < 30; i++)
		counts[choose()]++;
	for (int i = 0; i < 3; i++)
		assert_int_equal(counts[i], 10);
	unmake();
}

TEST(least_requests_by_weight)
{
	static const unsigned weights[] = { 3, 1 };
	unsigned load[2] = { 0, 0 };
	make(BALANCE_LEAST_REQUESTS, 2, weights);
	for (int i = 0; i < 40; i++) { /* none of them ends */
		unsigned c = choose();
		set_load(c, ++load[c]);
	}
	assert_in_range(load[0], 29, 31);
	unmake();
}

TEST(full_is_waited_for)
{
	struct candidate *s = NULL;
	make(BALANCE_ROUND_ROBIN, 2, NULL);
	for (unsigned i = 0; i < 2; i++)
		endpoints[i]->bounds.max_links = 4;
	set_load(0, 4);
	for (int i = 0; i < 10; i++)
		assert_int_equal(choose(), 1);
	set_load(1, 4);
	assert_int_equal(balance_choose(&balance, &any, &s), BALANCE_BUSY);
	n_room = 0;
	set_load(0, 3);
	assert_int_equal(n_room, 1);
	assert_int_equal(choose(), 0);
	set_load(0, 4);
	/* one is full, the other down: better to wait than to ask it */
	endpoint_failed(endpoints[1], false, ERR_CONNECT_FAILED);
	set_load(1, 0);
	assert_int_equal(balance_choose(&balance, &any, &s), BALANCE_BUSY);
	unmake();
}

TEST(many)
{
	for (int kind = BALANCE_ROUND_ROBIN; kind <= BALANCE_LEAST_REQUESTS; kind++) {
		make((enum upstream_balance)kind, MANY, NULL);
		for (unsigned i = 0; i < MANY; i += 10)
			endpoint_failed(endpoints[i], false, ERR_CONNECT_FAILED);
		memset(counts, 0, sizeof(counts));
		for (int i = 0; i < MANY * 9; i++)
			counts[choose()]++;
		for (unsigned i = 0; i < MANY; i++)
			assert_in_range(counts[i], i % 10 ? 9 : 0, i % 10 ? 11 : 0);
		/* taken out of the middle, the order holds */
		for (unsigned i = 0; i < MANY / 2; i++)
			balance_remove(balance.all[i]);
		memset(counts, 0, sizeof(counts));
		for (unsigned i = 0; i < balance.n_ready * 9; i++)
			counts[choose()]++;
		for (unsigned i = 0; i < balance.n; i++) {
			unsigned at = index_of(balance.all[i]);
			assert_in_range(counts[at], at % 10 ? 8 : 0, at % 10 ? 10 : 0);
		}
		unmake();
	}
}

/* ---- what the interface permits ------------------------------------------------------------- */

static void ring_init(struct balance *b)
{
	(void)b;
}

static void ring_change(struct balance *b, struct candidate *c)
{
	(void)b, (void)c;
}

static void ring_update(struct balance *b, struct candidate *c, bool was_ready)
{
	(void)b, (void)c, (void)was_ready;
}

/* The key says where to begin, and who is not ready or was tried is passed over. */
static enum balance_result ring_choose(struct balance *b, const struct balance_ask *ask,
	struct candidate **out)
{
	for (uint64_t i = 0; i < b->n; i++) {
		struct candidate *c = b->all[(ask->key + i) % b->n];
		if (!c->ready || candidate_was_tried(c, ask->tried, ask->n_tried))
			continue;
		candidate_take_turn(c);
		*out = c;
		return BALANCE_CHOSEN;
	}
	return BALANCE_NONE;
}

static const struct balance_ops ring = { .init = ring_init,
	.fini = ring_init,
	.add = ring_change,
	.remove = ring_change,
	.update = ring_update,
	.choose = ring_choose };

TEST(an_algorithm_may_look_at_the_request)
{
	struct balance_ask ask = { .key = 5 };
	struct candidate *c = NULL;
	uint64_t tried[4];
	make(BALANCE_ROUND_ROBIN, 4, NULL);
	const struct balance_ops *before = balance.ops;
	balance.ops = &ring;
	for (int i = 0; i < 3; i++) { /* the same for the same request */
		assert_int_equal(balance_choose(&balance, &ask, &c), BALANCE_CHOSEN);
		assert_int_equal(index_of(c), 1);
	}
	endpoint_failed(endpoints[2], false, ERR_CONNECT_FAILED);
	tried[0] = endpoints[1]->id;
	ask.tried = tried;
	ask.n_tried = 1;
	assert_int_equal(balance_choose(&balance, &ask, &c), BALANCE_CHOSEN);
	assert_int_equal(index_of(c), 3);
	balance.ops = before;
	unmake();
}

TEST(one_server_can_be_aimed_at)
{
	struct candidate *c = NULL;
	make(BALANCE_LEAST_REQUESTS, 3, NULL);
	struct balance_ask ask = { .only = endpoints[1]->id };
	set_load(1, 9); /* whatever its load and health */
	endpoint_failed(endpoints[1], false, ERR_CONNECT_FAILED);
	assert_int_equal(balance_choose(&balance, &ask, &c), BALANCE_CHOSEN);
	assert_int_equal(index_of(c), 1);
	endpoints[1]->bounds.max_links = 9;
	assert_int_equal(balance_choose(&balance, &ask, &c), BALANCE_BUSY);
	ask.only = 1u << 30;
	assert_int_equal(balance_choose(&balance, &ask, &c), BALANCE_NONE);
	unmake();
}

TEST_GROUP(kit_setup, kit_teardown);
