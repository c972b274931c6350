/* upstream/balance_plugin: what a plugin sees of the servers, and what comes of its choice. */
#include <stdio.h>

#include "kit.h"
#include "upstream/balance_ops.h"

enum { MANY = 40 };

static struct balance balance;
static struct endpoint *endpoints[MANY];
static unsigned n_endpoints;

/* The plugin: what it returns, and what it saw. */
static struct {
	int returns;
	unsigned calls, others;
	sluice_choice seen;
	uint64_t tried[UPSTREAM_TRIES_MAX];
	char wanted[64];
} plugin;

static int choose(const struct balance_chooser *c, sluice_exchange *x, sluice_choice *choice)
{
	(void)c, (void)x;
	plugin.calls++;
	plugin.seen = *choice;
	for (uint32_t i = 0; i < choice->n_tried; i++)
		plugin.tried[i] = choice->tried[i];
	plugin.seen.tried = plugin.tried;
	return plugin.returns;
}

static void on_other(const struct balance_chooser *c, sluice_exchange *x,
	const sluice_server *wanted)
{
	(void)c, (void)x;
	plugin.others++;
	(void)snprintf(plugin.wanted, sizeof(plugin.wanted), "%.*s", STR_ARG(wanted->address));
}

static const struct balance_chooser chooser = { .choose = choose };
static const struct balance_chooser reporter = { .choose = choose, .on_other = on_other };

static struct candidate *add(unsigned i, unsigned weight)
{
	struct endpoint_key key = { .upstream = STR("u") };
	struct endpoint_bounds bounds = {
		.health = { .failures = 1, .retry_after = 100, .retry_after_max = 100 }
	};
	assert_true(addr_from_ip(STR("10.0.0.1"), (uint16_t)(i + 1), &key.addr));
	endpoints[i] = endpoint_get(&kit_worker, &key);
	endpoint_set_bounds(endpoints[i], &bounds);
	return balance_add(&balance, endpoints[i], weight);
}

static void make(unsigned n, enum upstream_balance algorithm, const struct balance_chooser *c)
{
	memset(&plugin, 0, sizeof(plugin));
	plugin.returns = BALANCE_NO_CHOICE;
	balance_init(&balance, algorithm, NULL);
	balance_ask_plugin(&balance, STR("u"), c);
	n_endpoints = n;
	for (unsigned i = 0; i < n; i++)
		(void)add(i, 1);
}

static void unmake(void)
{
	balance_fini(&balance);
	for (unsigned i = 0; i < n_endpoints; i++) {
		endpoints[i]->n_links = 0;
		endpoint_unref(&endpoints[i]);
	}
}

static enum balance_result ask(struct candidate **c, const uint64_t *tried, unsigned n)
{
	return balance_choose(&balance, &(struct balance_ask){ .tried = tried, .n_tried = n }, c);
}

/* The index in the plugin's array of the server with that number. */
static uint32_t find(unsigned i)
{
	sluice_str address = endpoint_address(endpoints[i]);
	for (uint32_t k = 0; k < plugin.seen.n_servers; k++) {
		if (str_eq(sluice_server_at(&plugin.seen, k)->address, address))
			return k;
	}
	return UINT32_MAX;
}

TEST(its_choice_is_taken)
{
	struct candidate *c = NULL;
	make(5, BALANCE_ROUND_ROBIN, &chooser);
	for (int i = 0; i < 20; i++) {
		plugin.returns = i % 3;
		assert_int_equal(ask(&c, NULL, 0), BALANCE_CHOSEN);
		assert_int_equal(c->place, i % 3);
	}
	assert_int_equal(plugin.calls, 20);
	unmake();
}

/* Where it chooses none, the algorithm goes on as if it were alone. */
TEST(the_algorithm_chooses_otherwise)
{
	struct candidate *c = NULL;
	unsigned n[4] = { 0 };
	make(4, BALANCE_ROUND_ROBIN, &chooser);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(ask(&c, NULL, 0), BALANCE_CHOSEN);
		n[c->place]++;
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(n[i], 10);
	unmake();
	make(3, BALANCE_LEAST_REQUESTS, &chooser);
	for (unsigned i = 0; i < 3; i++) {
		endpoints[i]->n_links = i == 1 ? 1 : 5;
		endpoint_changed(endpoints[i]);
	}
	assert_int_equal(ask(&c, NULL, 0), BALANCE_CHOSEN);
	assert_ptr_equal(c->endpoint, endpoints[1]);
	unmake();
}

TEST(it_may_fail)
{
	struct candidate *c = NULL;
	make(2, BALANCE_ROUND_ROBIN, &chooser);
	plugin.returns = BALANCE_NO_CHOOSER;
	assert_int_equal(ask(&c, NULL, 0), BALANCE_FAILED);
	assert_null(c);
	unmake();
}

TEST(it_sees_what_servers_are)
{
	struct candidate *c = NULL;
	make(3, BALANCE_ROUND_ROBIN, &chooser);
	endpoints[0]->n_links = 7;
	endpoint_changed(endpoints[0]);
	endpoint_failed(endpoints[1], false, ERR_CONNECT_FAILED);
	endpoints[2]->bounds.max_links = 2;
	endpoints[2]->n_links = 2;
	endpoint_changed(endpoints[2]);
	assert_int_equal(ask(&c, NULL, 0), BALANCE_CHOSEN);
	assert_str(plugin.seen.upstream, "u");
	assert_int_equal(plugin.seen.n_servers, 3);
	const sluice_server *s = sluice_server_at(&plugin.seen, find(0));
	assert_int_equal(s->in_flight, 7);
	assert_int_equal(s->weight, 1);
	assert_true(s->ready);
	assert_false(sluice_server_at(&plugin.seen, find(1))->ready); /* it is down */
	assert_false(sluice_server_at(&plugin.seen, find(2))->ready); /* it is full */
	assert_true(sluice_may_choose(&plugin.seen, find(0)));
	assert_false(sluice_may_choose(&plugin.seen, find(1)));
	unmake();
}

TEST(it_is_told_what_was_tried)
{
	struct candidate *c = NULL;
	uint64_t tried[3];
	make(3, BALANCE_ROUND_ROBIN, &chooser);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(ask(&c, tried, i), BALANCE_CHOSEN);
		assert_int_equal(plugin.seen.n_tried, i);
		for (unsigned k = 0; k < 3; k++) {
			bool was = false;
			for (unsigned t = 0; t < i; t++)
				was |= tried[t] == endpoints[k]->id;
			assert_int_equal(sluice_may_choose(&plugin.seen, find(k)), !was);
		}
		tried[i] = c->endpoint->id;
	}
	/* nothing is left to choose from: it is not asked */
	assert_int_equal(ask(&c, tried, 3), BALANCE_NONE);
	assert_int_equal(plugin.calls, 3);
	unmake();
}

TEST(with_all_down_it_is_not_asked)
{
	struct candidate *c = NULL;
	make(2, BALANCE_ROUND_ROBIN, &chooser);
	endpoint_failed(endpoints[0], false, ERR_CONNECT_FAILED);
	endpoint_failed(endpoints[1], false, ERR_CONNECT_FAILED);
	assert_int_equal(ask(&c, NULL, 0), BALANCE_CHOSEN); /* one that is down, in turn */
	assert_int_equal(plugin.calls, 0);
	unmake();
}

static uint64_t generation(void)
{
	struct candidate *c = NULL;
	assert_int_equal(ask(&c, NULL, 0), BALANCE_CHOSEN);
	return plugin.seen.generation;
}

TEST(a_generation_is_of_one_set)
{
	make(MANY / 2, BALANCE_ROUND_ROBIN, &chooser);
	uint64_t first = generation();
	assert_int_equal(generation(), first);
	endpoint_failed(endpoints[0], false, ERR_CONNECT_FAILED);
	assert_int_equal(generation(), first); /* who is down is still of the set */
	for (unsigned i = MANY / 2; i < MANY; i++)
		(void)add(i, 3);
	n_endpoints = MANY;
	uint64_t second = generation();
	assert_int_not_equal(second, first);
	/* taken out of the middle: the rest stands where sluice_choice says */
	for (unsigned i = 0; i < 10; i++)
		balance_remove(balance.all[i]);
	assert_int_not_equal(generation(), second);
	assert_int_equal(plugin.seen.n_servers, MANY - 10);
	for (uint32_t i = 0; i < plugin.seen.n_servers; i++) {
		const struct endpoint *e = balance.all[i]->endpoint;
		const sluice_server *s = sluice_server_at(&plugin.seen, i);
		assert_true(str_eq(s->address, endpoint_address(e)));
		assert_int_equal(s->key, balance_server_key(s->address, STR_NONE));
		assert_int_equal(s->weight, balance.all[i]->weight);
		assert_int_equal(s->ready, balance.all[i]->ready);
	}
	unmake();
	/* another set of the same servers on the same worker */
	make(MANY / 2, BALANCE_ROUND_ROBIN, &chooser);
	assert_int_not_equal(generation(), first);
	unmake();
}

TEST(keys_are_the_same_everywhere)
{
	assert_int_equal(balance_server_key(STR("10.0.0.5:9000"), STR_NONE),
		UINT64_C(0x5fffc67d767bf005));
	assert_int_equal(balance_server_key(STR("10.0.0.5:9000"), STR("app.internal")),
		UINT64_C(0x90826631a66a8fca));
}

TEST(one_that_only_reports)
{
	struct candidate *c = NULL;
	make(3, BALANCE_ROUND_ROBIN, &reporter);
	plugin.returns = 1;
	for (int i = 0; i < 30; i++)
		assert_int_equal(ask(&c, NULL, 0), BALANCE_CHOSEN);
	assert_int_equal(plugin.calls, 30);
	assert_int_equal(plugin.others, 20); /* of three turns, one is what it wanted */
	assert_str(endpoint_address(balance.all[1]->endpoint), plugin.wanted);
	unmake();
}

TEST_GROUP(kit_setup, kit_teardown);
