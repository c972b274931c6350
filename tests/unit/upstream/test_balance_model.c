/*
 * Balances of several workers, which know nothing of each other, before 1,000 servers: how even the
 * load is with each algorithm, where requests of one key go, and how few of them move when servers
 * come and go. The figures are printed; the bounds are what the manual promises.
 */
#include <stdio.h>

#include "balance_kit.h"

enum { SERVERS = 1000, WORKERS = 4, KEYS = 40000, LOAD = 80 };

static struct bench benches[WORKERS];
static struct balance_rules rules = { .tiers = { .local_min = 7000 }, .hash_bound = 125 };

static void start(enum upstream_balance kind, unsigned servers)
{
	for (unsigned w = 0; w < WORKERS; w++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "u%u", w);
		bench_init(&benches[w], name, kind, &rules);
		bench_add_many(&benches[w], servers);
	}
}

static void end(void)
{
	for (unsigned w = 0; w < WORKERS; w++)
		bench_fini(&benches[w]);
}

static uint64_t key_of(unsigned i)
{
	char text[16];
	return balance_hash(str_n(text, (size_t)snprintf(text, sizeof(text), "key-%u", i)));
}

static unsigned random_below(unsigned n)
{
	return upstream_random(upstream_part_of(&kit_worker), n);
}

/* ---- how even ------------------------------------------------------------------------------ */

struct spread {
	double load;      /* the greatest of a server's requests in progress, by the mean */
	double by_worker; /* the same of one worker alone, of which a bound holds */
	double served;    /* the same of all requests */
};

/* Every worker has `LOAD / WORKERS` requests in progress for each server. Then one at random ends
 * and another begins, again and again: so requests take unequal times. popular: keys in a hundred
 * that are one of ten. */
static struct spread run(unsigned popular)
{
	static unsigned load[SERVERS], served[SERVERS], under_way[WORKERS][SERVERS * LOAD];
	enum { EACH = SERVERS * LOAD / WORKERS, ROUNDS = 3 };
	struct spread s = { 0 };
	memset(load, 0, sizeof(load));
	memset(served, 0, sizeof(served));
	for (unsigned i = 0; i < EACH * ROUNDS * WORKERS; i++) {
		unsigned w = i % WORKERS, n = i / WORKERS, at = n;
		if (n >= EACH) {
			at = random_below(EACH);
			bench_load(&benches[w], under_way[w][at], -1);
			load[under_way[w][at]]--;
		}
		unsigned key = random_below(100) < popular ? random_below(10) : random_below(KEYS);
		int c = bench_choose_key(&benches[w], key_of(key));
		assert_true(c >= 0);
		under_way[w][at] = (unsigned)c;
		bench_load(&benches[w], (unsigned)c, 1);
		served[c]++;
		load[c]++;
		double mean = (double)(n < EACH ? n + 1 : EACH) / SERVERS;
		double own = benches[w].endpoints[c]->n_links;
		/* before there is one for each, a whole request is more than the mean */
		if (n >= EACH && own / mean > s.by_worker)
			s.by_worker = own / mean;
		if (n >= EACH && load[c] > s.load * LOAD)
			s.load = (double)load[c] / LOAD;
	}
	for (unsigned i = 0; i < SERVERS; i++) {
		double of_mean = (double)served[i] / (EACH * ROUNDS * WORKERS / SERVERS);
		s.served = of_mean > s.served ? of_mean : s.served;
	}
	return s;
}

static struct spread spread_of(const char *name, enum upstream_balance kind, unsigned popular)
{
	start(kind, SERVERS);
	struct spread s = run(popular);
	end();
	print_message("%-16s greatest load %.2f of the mean (of one worker %.2f), most requests "
		      "%.2f\n",
		name, s.load, s.by_worker, s.served);
	return s;
}

TEST(load_is_even)
{
	assert_true(spread_of("round-robin", BALANCE_ROUND_ROBIN, 0).served < 1.10);
	assert_true(spread_of("least-requests", BALANCE_LEAST_REQUESTS, 0).load < 1.1);
	assert_true(spread_of("random-two", BALANCE_RANDOM_TWO, 0).load < 1.25);
	assert_true(spread_of("least-latency", BALANCE_LEAST_LATENCY, 0).load < 1.25);
	rules.hash_bound = 0;
	assert_true(spread_of("hash, no bound", BALANCE_HASH, 30).load > 5);
	rules.hash_bound = 125;
	/* 30 in 100 requests have one of ten keys; a whole request is 0.05 of a worker's mean */
	struct spread s = spread_of("hash, 1.25", BALANCE_HASH, 30);
	assert_true(s.load <= 1.30);
	assert_true(s.by_worker <= 1.30);
}

/* ---- keys ---------------------------------------------------------------------------------- */

TEST(workers_agree_whatever_the_order)
{
	start(BALANCE_HASH, 0);
	for (unsigned i = 0; i < SERVERS; i++) {
		bench_add(&benches[0], i, TIER_LOCAL, 1 + i % 3);
		bench_add(&benches[1], SERVERS - 1 - i, TIER_LOCAL, 1 + (SERVERS - 1 - i) % 3);
		bench_add(&benches[2], i * 7 % SERVERS, TIER_LOCAL, 1 + i * 7 % SERVERS % 3);
	}
	for (unsigned i = 0; i < KEYS; i++) {
		int first = bench_choose_key(&benches[0], key_of(i));
		assert_int_equal(bench_choose_key(&benches[1], key_of(i)), first);
		assert_int_equal(bench_choose_key(&benches[2], key_of(i)), first);
	}
	end();
}

static void owners(struct bench *b, int out[KEYS])
{
	for (unsigned i = 0; i < KEYS; i++)
		out[i] = bench_choose_key(b, key_of(i));
}

/* Only keys of the server may move. */
static unsigned moved(const int before[KEYS], const int after[KEYS], int server)
{
	unsigned n = 0;
	for (unsigned i = 0; i < KEYS; i++) {
		n += before[i] != after[i];
		assert_true(before[i] == after[i] || before[i] == server || after[i] == server);
	}
	return n;
}

TEST(few_keys_move)
{
	static int all[KEYS], fewer[KEYS], now[KEYS];
	struct bench *b = &benches[0];
	unsigned n = 0, most = 0;
	enum { TIMES = 20 };
	start(BALANCE_HASH, SERVERS);
	owners(b, all);
	for (unsigned i = 0; i < TIMES; i++) {
		unsigned server = i * 47;
		bench_down(b, server);
		owners(b, fewer);
		unsigned of_one = moved(all, fewer, (int)server);
		n += of_one;
		most = of_one > most ? of_one : most;
		bench_up(b, server);
		bench_remove(b, server);
		owners(b, now); /* the same as when it was down */
		assert_memory_equal(fewer, now, sizeof(now));
		bench_add(b, server, TIER_LOCAL, 1);
		owners(b, now);
		assert_memory_equal(all, now, sizeof(now));
	}
	print_message(
		"one of %u servers goes and comes: %.2f / n of the keys move, at most %.2f / n\n",
		(unsigned)SERVERS, (double)n / TIMES * SERVERS / KEYS,
		(double)most * SERVERS / KEYS);
	assert_true((double)n / TIMES * SERVERS / KEYS <= 1.2);
	assert_true((double)most * SERVERS / KEYS <= 1.5);
	end();
}

TEST(retries_take_the_next_on_the_ring)
{
	struct bench *b = &benches[0];
	start(BALANCE_HASH, 20);
	for (unsigned i = 0; i < 1000; i++) {
		int first = bench_choose_key(b, key_of(i));
		uint64_t tried = b->endpoints[first]->id;
		int next = bench_ask(b,
			&(struct balance_ask){ .key = key_of(i), .tried = &tried, .n_tried = 1 });
		assert_int_not_equal(first, next);
		bench_down(b, (unsigned)first);
		assert_int_equal(bench_choose_key(b, key_of(i)), next);
		bench_up(b, (unsigned)first);
	}
	end();
}

TEST(without_a_key_chance_decides)
{
	static unsigned counts[BENCH_MOST];
	start(BALANCE_HASH, 10);
	bench_count(&benches[0], 1000, counts);
	for (unsigned i = 0; i < 10; i++)
		assert_in_range(counts[i], 50, 170);
	end();
}

/* ---- latency ------------------------------------------------------------------------------- */

enum { SLOTS = 1024, FEW = 100, A_MS = 1000000 };

/* Requests by the millisecond in which they end. */
struct model {
	struct bench *b;
	uint16_t ends[SLOTS][512];
	unsigned n_ends[SLOTS], counts[FEW];
	unsigned now;
};

/* What a server takes, in ms: every tenth is slow. */
static unsigned takes(unsigned server, unsigned slow)
{
	return server % 10 ? 10 : slow;
}

static void model_step(struct model *m, unsigned arrivals, unsigned slow)
{
	unsigned slot = m->now % SLOTS;
	bench_pass(A_MS);
	for (unsigned i = 0; i < m->n_ends[slot]; i++) {
		unsigned s = m->ends[slot][i];
		bench_load(m->b, s, -1);
		balance_measured(&m->b->balance, m->b->endpoints[s],
			takes(s, slow) * (uint64_t)A_MS);
	}
	m->n_ends[slot] = 0;
	for (unsigned i = 0; i < arrivals; i++) {
		unsigned s = (unsigned)bench_choose(m->b);
		unsigned at = (m->now + takes(s, slow)) % SLOTS;
		assert_in_range(m->n_ends[at], 0, 511);
		m->ends[at][m->n_ends[at]++] = (uint16_t)s;
		bench_load(m->b, s, 1);
		m->counts[s]++;
	}
	m->now++;
}

static unsigned model_slow_share(struct model *m, unsigned ms, unsigned arrivals, unsigned slow)
{
	unsigned all = 0, of_slow = 0;
	memset(m->counts, 0, sizeof(m->counts));
	for (unsigned i = 0; i < ms; i++)
		model_step(m, arrivals, slow);
	for (unsigned i = 0; i < FEW; i++) {
		all += m->counts[i];
		of_slow += i % 10 ? 0 : m->counts[i];
	}
	return of_slow * 10000 / all;
}

TEST(slow_servers_get_less_and_recover)
{
	static struct model m;
	start(BALANCE_LEAST_LATENCY, FEW);
	m = (struct model){ .b = &benches[0] };
	unsigned before = model_slow_share(&m, 2000, 20, 10);
	unsigned slow = model_slow_share(&m, 2000, 20, 500);
	(void)model_slow_share(&m, 40000, 4, 10);
	unsigned after = model_slow_share(&m, 2000, 20, 10);
	print_message("least-latency: ten of 100 servers get %u.%02u %% of the requests; 50 times "
		      "slower %u.%02u %%; 40 s after that %u.%02u %%\n",
		before / 100, before % 100, slow / 100, slow % 100, after / 100, after % 100);
	assert_in_range(before, 800, 1200);
	assert_in_range(slow, 1, 250);
	assert_in_range(after, 600, 1200);
	end();
}

TEST(a_new_server_gets_a_fair_start)
{
	static struct model m;
	start(BALANCE_LEAST_LATENCY, FEW - 1);
	m = (struct model){ .b = &benches[0] };
	(void)model_slow_share(&m, 1000, 20, 10);
	bench_add(&benches[0], FEW - 1, TIER_LOCAL, 1);
	memset(m.counts, 0, sizeof(m.counts));
	for (int i = 0; i < 10; i++) /* before it has answered once */
		model_step(&m, 20, 10);
	assert_in_range(m.counts[FEW - 1], 1, 8);
	for (int i = 0; i < 1000; i++)
		model_step(&m, 20, 10);
	assert_in_range(m.counts[FEW - 1], 100, 320); /* 202 */
	end();
}

TEST(who_fails_fast_draws_no_requests)
{
	static struct model m;
	start(BALANCE_LEAST_LATENCY, FEW);
	m = (struct model){ .b = &benches[0] };
	(void)model_slow_share(&m, 1000, 20, 10);
	memset(m.counts, 0, sizeof(m.counts));
	for (int i = 0; i < 1000; i++) {
		balance_missed(&benches[0].balance, benches[0].endpoints[5], 1000);
		model_step(&m, 20, 10);
	}
	assert_in_range(m.counts[5], 0, 20); /* of 200 */
	end();
}

/* A server that was fast lets a request wait: others are asked before it has answered or failed. */
TEST(who_lets_requests_wait_gets_no_more)
{
	static struct model m;
	start(BALANCE_LEAST_LATENCY, FEW);
	m = (struct model){ .b = &benches[0] };
	(void)model_slow_share(&m, 1000, 20, 10);
	struct endpoint *e = benches[0].endpoints[5];
	bench_load(&benches[0], 5, 2);
	e->heard_ns = worker_now(&kit_worker);
	bench_pass(NS_PER_MS);
	balance_asked(e);
	bench_pass(200 * NS_PER_MS);
	balance_asked(e); /* those that come later do not make it younger */
	memset(m.counts, 0, sizeof(m.counts));
	for (int i = 0; i < 1000; i++)
		m.counts[bench_choose(&benches[0])]++;
	assert_in_range(m.counts[5], 0, 2);
	/* once it is heard, only its load counts */
	e->heard_ns = worker_now(&kit_worker);
	bench_load(&benches[0], 5, -(int)endpoint_load(e));
	for (int i = 0; i < 1000; i++)
		m.counts[bench_choose(&benches[0])]++;
	assert_in_range(m.counts[5], 5, 60); /* 20: it is the better one whenever it is drawn */
	end();
}

TEST_GROUP(kit_setup, kit_teardown);
