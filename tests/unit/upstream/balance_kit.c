/* Balances for tests. See balance_kit.h. */
#include "balance_kit.h"

#include <stdio.h>

static void bench_on_room(struct balance *balance)
{
	container_of(balance, struct bench, balance)->n_room++;
}

void bench_init(struct bench *b, const char *name, enum upstream_balance kind,
	const struct balance_rules *rules)
{
	memset(b, 0, sizeof(*b));
	(void)snprintf(b->name, sizeof(b->name), "%s", name);
	balance_init(&b->balance, kind, bench_on_room);
	if (rules)
		balance_set_rules(&b->balance, rules);
}

void bench_fini(struct bench *b)
{
	balance_fini(&b->balance);
	for (unsigned i = 0; i < b->n; i++) {
		if (!b->endpoints[i])
			continue;
		b->endpoints[i]->n_links = 0;
		endpoint_unref(&b->endpoints[i]);
	}
}

void bench_add(struct bench *b, unsigned i, enum balance_tier tier, unsigned weight)
{
	struct endpoint_key key = { .upstream = str_of(b->name) };
	struct endpoint_bounds bounds = {
		.health = { .failures = 1, .retry_after = 60000, .retry_after_max = 60000 }
	};
	char ip[32];
	(void)snprintf(ip, sizeof(ip), "10.0.%u.%u", i / 250, i % 250 + 1);
	assert_true(addr_from_ip(str_of(ip), 80, &key.addr));
	b->endpoints[i] = endpoint_get(&kit_worker, &key);
	endpoint_set_bounds(b->endpoints[i], &bounds);
	b->candidates[i] = balance_add_to(&b->balance, tier, b->endpoints[i], weight);
	b->n = i + 1 > b->n ? i + 1 : b->n;
}

void bench_add_many(struct bench *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		bench_add(b, i, TIER_LOCAL, 1);
}

void bench_remove(struct bench *b, unsigned i)
{
	balance_remove(b->candidates[i]);
	b->endpoints[i]->n_links = 0;
	endpoint_unref(&b->endpoints[i]);
}

static unsigned number_of(const struct candidate *c)
{
	unsigned a, b, third, fourth;
	sluice_str address = endpoint_address(c->endpoint);
	assert_int_equal(sscanf(address.data, "%u.%u.%u.%u", &a, &b, &third, &fourth), 4);
	return third * 250 + fourth - 1;
}

int bench_ask(struct bench *b, const struct balance_ask *ask)
{
	struct candidate *c = NULL;
	if (balance_choose(&b->balance, ask, &c) != BALANCE_CHOSEN)
		return -1;
	return (int)number_of(c);
}

int bench_choose(struct bench *b)
{
	return bench_ask(b, &(struct balance_ask){ .key = 0 });
}

int bench_choose_key(struct bench *b, uint64_t key)
{
	return bench_ask(b, &(struct balance_ask){ .key = key });
}

void bench_load(struct bench *b, unsigned i, int change)
{
	b->endpoints[i]->n_links += (uint32_t)change;
	endpoint_changed(b->endpoints[i]);
}

void bench_down(struct bench *b, unsigned i)
{
	endpoint_failed(b->endpoints[i], false, ERR_CONNECT_FAILED);
	assert_int_equal(b->endpoints[i]->state, ENDPOINT_DOWN);
}

void bench_up(struct bench *b, unsigned i)
{
	endpoint_succeeded(b->endpoints[i]);
}

void bench_count(struct bench *b, unsigned n, unsigned counts[BENCH_MOST])
{
	memset(counts, 0, BENCH_MOST * sizeof(*counts));
	for (unsigned i = 0; i < n; i++) {
		int c = bench_choose(b);
		assert_true(c >= 0);
		counts[c]++;
	}
}

void bench_pass(uint64_t ns)
{
	kit_worker.now_ns = worker_now(&kit_worker) + ns;
	kit_worker.clock_is_fresh = true;
	wheel_advance(&kit_worker.wheel, kit_worker.now_ns);
}
