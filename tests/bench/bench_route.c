/*
 * What finding a route costs, by number and kind of routes: nanoseconds for one request, the best
 * of several runs. make tests/bench/bench_route && tests/bench/bench_route
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "route/router.h"

enum { ROUNDS = 9, FINDS = 200000, REQUESTS = 1024 };

struct kind {
	const char *name, *host, *path, *asked; /* of route i: %zu is i */
};

static const struct kind kinds[] = {
	{ "exact path, one host", "api.example.com", "/v1/service-%zu/status",
		"/v1/service-%zu/status" },
	{ "prefix, one host", "api.example.com", "/v1/service-%zu/*",
		"/v1/service-%zu/orders/1234" },
	{ "prefix, any host", "", "/v1/service-%zu/*", "/v1/service-%zu/orders/1234" },
	{ "captures, one host", "api.example.com", "/v1/service-%zu/users/{id}/orders/{no}",
		"/v1/service-%zu/users/77/orders/9" },
	{ "prefix, a host each", "tenant-%zu.example.com", "/v1/*", "/v1/orders/1234" },
	{ "prefix, a wildcard each", "*.tenant-%zu.example.com", "/v1/*", "/v1/orders/1234" },
};

static void complain(void *ctx, const struct route_error *e)
{
	(void)ctx;
	(void)fprintf(stderr, "%s\n", e->text);
}

static sluice_str numbered(struct arena *a, const char *format, size_t i)
{
	char text[256];
	const char *at = strstr(format, "%zu");
	if (!at)
		return arena_str(a, str_of(format));
	(void)snprintf(text, sizeof(text), "%.*s%zu%s", (int)(at - format), format, i, at + 3);
	return arena_str(a, str_of(text));
}

static double bench(const struct kind *k, size_t n)
{
	struct arena a;
	struct route_result res;
	double best = 1e9;
	arena_init(&a, 0);
	struct route_spec *specs = arena_zalloc(&a, n * sizeof(*specs));
	sluice_str *texts = arena_zalloc(&a, 2 * n * sizeof(*texts));
	struct request_head *heads = arena_zalloc(&a, REQUESTS * sizeof(*heads));
	for (size_t i = 0; i < n; i++) {
		texts[2 * i] = numbered(&a, k->host, i);
		texts[2 * i + 1] = numbered(&a, k->path, i);
		specs[i] = (struct route_spec){ .name = STR("r"),
			.hosts = { &texts[2 * i], 1 },
			.paths = { &texts[2 * i + 1], 1 } };
	}
	struct router *r = router_new(&a, specs, n, complain, NULL);
	if (!r)
		exit(1);
	for (size_t i = 0; i < REQUESTS; i++) {
		size_t which = i * 7919 % n;
		sluice_str host = k->host[0] ? numbered(&a, k->host, which)
					     : STR("api.example.com");
		if (host.data[0] == '*')
			host = arena_printf(&a, "www%.*s", (int)host.len - 1, host.data + 1);
		heads[i] = (struct request_head){ .method = METHOD_GET,
			.method_text = STR("GET"),
			.host = host,
			.path = numbered(&a, k->asked, which) };
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t from = clock_ns();
		for (size_t i = 0; i < FINDS; i++) {
			const struct route_asked asked = { &heads[i % REQUESTS], STR("public"),
				STR("192.0.2.1"), NULL };
			if (!route_find(r, &asked, &res))
				exit(1);
		}
		double ns = (double)(clock_ns() - from) / FINDS;
		best = ns < best ? ns : best;
	}
	router_free(&r);
	arena_fini(&a);
	return best;
}

int main(void)
{
	static const size_t counts[] = { 1, 10, 100, 1000, 10000 };
	(void)printf("%-26s", "ns for one request");
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
		(void)printf(" %8zu", counts[c]);
	(void)printf(" routes\n");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		(void)printf("%-26s", kinds[i].name);
		for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
			(void)printf(" %8.1f", bench(&kinds[i], counts[c]));
		(void)printf("\n");
	}
	arena_thread_fini();
	return 0;
}
