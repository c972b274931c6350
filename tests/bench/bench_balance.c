/*
 * What choosing a server costs, by algorithm and number of servers: instructions for one choice and
 * the changes of load that come with it, counted by the processor's unit or, where there is none,
 * by callgrind around choose_many():
 *
 *     make tests/bench/bench_balance && tests/bench/bench_balance [ALGORITHM SERVERS]
 *     valgrind --tool=callgrind --toggle-collect=choose_many tests/bench/bench_balance hash 1000
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "upstream/balance.h"

enum { CHOICES = 100000, MOST = 1000 };

static const char *const names[] = { "round-robin", "least-requests", "random-two", "least-latency",
	"hash" };
static struct worker worker;
static struct balance balance;

static struct endpoint *server(unsigned i)
{
	struct endpoint_key key = { .upstream = STR("u") };
	char ip[32];
	(void)snprintf(ip, sizeof(ip), "10.0.%u.%u", i / 250, i % 250 + 1);
	if (!addr_from_ip(str_of(ip), 80, &key.addr))
		exit(1);
	return endpoint_get(&worker, &key);
}

/* A request begins on the server chosen, and ends before the next. */
__attribute__((noinline)) void choose_many(unsigned n);
void choose_many(unsigned n)
{
	struct balance_ask ask = { .n_tried = 0 };
	for (unsigned i = 0; i < n; i++) {
		struct candidate *c = NULL;
		ask.key = i * 0x9e3779b97f4a7c15ull | 1;
		if (balance_choose(&balance, &ask, &c) != BALANCE_CHOSEN)
			exit(1);
		c->endpoint->n_links++;
		endpoint_changed(c->endpoint);
		c->endpoint->n_links--;
		endpoint_changed(c->endpoint);
	}
}

static double measure(enum upstream_balance kind, unsigned servers, unsigned choices)
{
	const struct balance_rules rules = { .hash_bound = 125 };
	struct endpoint *v[MOST];
	struct candidate *c;
	balance_init(&balance, kind, NULL);
	balance_set_rules(&balance, &rules);
	for (unsigned i = 0; i < servers; i++) {
		v[i] = server(i);
		(void)balance_add(&balance, v[i], 1);
		peak_measured(&v[i]->peak, 1000 + i, worker_now(&worker));
	}
	(void)balance_choose(&balance, &(struct balance_ask){ .key = 1 }, &c); /* builds the ring */
	uint64_t since = clock_ns();
	choose_many(choices);
	double ns = (double)(clock_ns() - since) / choices;
	balance_fini(&balance);
	for (unsigned i = 0; i < servers; i++)
		endpoint_unref(&v[i]);
	return ns;
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = { 1, 2, 10, 100, 1000 };
	hash_seed();
	log_set_level(LOG_ERROR);
	if (worker_init(&worker, 0) != 0)
		return 1;
	for (int k = 0; k <= BALANCE_HASH; k++) {
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			bool all = argc < 3;
			if (!all &&
				(strcmp(argv[1], names[k]) != 0 ||
					strtoul(argv[2], NULL, 10) != sizes[i]))
				continue;
			printf("%-16s %5u servers %8.1f ns\n", names[k], sizes[i],
				measure((enum upstream_balance)k, sizes[i], CHOICES));
		}
	}
	worker_fini(&worker);
	return 0;
}
