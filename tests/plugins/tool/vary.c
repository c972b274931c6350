/* Variations. See vary.h. */
#include "vary.h"

static const char *const words[] = { "splits", "delays", "drops", "memory", "slow" };
enum { N_WORDS = sizeof(words) / sizeof(words[0]) };

unsigned vary_read(const char *list)
{
	unsigned kinds = 0;
	sluice_str rest = str_of(list);
	while (rest.data) {
		sluice_str word = str_trim(str_cut(&rest, ','));
		unsigned i = 0;
		while (i < N_WORDS && !str_eq(word, str_of(words[i])))
			i++;
		if (i == N_WORDS)
			return 0;
		kinds |= 1u << i;
	}
	return kinds;
}

struct vary {
	void (*fn)(void *ctx, const struct run *r);
	void *ctx;
};

static void run(const struct vary *v, enum run_kind kind, sluice_side side, size_t n)
{
	const struct run r = { .kind = kind, .side = side, .n = n };
	v->fn(v->ctx, &r);
}

/* A body of n bytes is split before each of its bytes, or before one in `step`. */
static void splits(const struct vary *v, sluice_side side, size_t n)
{
	size_t step = n / VARY_SPLIT_MAX + 1;
	for (size_t at = 1; at < n; at += step)
		run(v, RUN_SPLIT, side, at);
}

/* used: bytes that the plain run takes. Memory is taken in steps of 16. */
static void memory(const struct vary *v, size_t used)
{
	size_t step = (used / 16 / VARY_MEMORY_MAX + 1) * 16;
	for (size_t n = 0; n < used; n += step)
		run(v, RUN_MEMORY, SLUICE_REQUEST, n);
}

void vary_each(const struct script_case *c, const struct outcome *plain, unsigned kinds,
	void (*fn)(void *ctx, const struct run *r), void *ctx)
{
	const struct vary v = { fn, ctx };
	size_t waits = outcome_number(plain, "waits"), calls = outcome_number(plain, "calls");
	size_t request = c->request.body.len, response = c->upstream.body.len;
	if (kinds & VARY_SPLITS && request + response) {
		splits(&v, SLUICE_REQUEST, request);
		splits(&v, SLUICE_RESPONSE, response);
		run(&v, RUN_BYTES, SLUICE_REQUEST, 0);
	}
	bool is_streamed = outcome_find(plain, STR("streamed")).data != NULL;
	if (kinds & VARY_SLOW && (request + response || is_streamed))
		run(&v, RUN_SLOW, SLUICE_REQUEST, 0);
	for (size_t n = 1; kinds & VARY_DELAYS && n <= calls && n <= VARY_WAITS_MAX; n++)
		run(&v, RUN_LATE, SLUICE_REQUEST, n);
	for (size_t n = 1; kinds & VARY_DROPS && n <= waits && n <= VARY_WAITS_MAX; n++)
		run(&v, RUN_DROP, SLUICE_REQUEST, n);
	if (kinds & VARY_MEMORY)
		memory(&v, outcome_number(plain, "memory"));
}
