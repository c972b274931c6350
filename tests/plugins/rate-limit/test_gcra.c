/* rate-limit, gcra: bounds, single steps, and a model that knows nothing of the algorithm. */
#include "gcra.h"
#include "test.h"

#define S UINT64_C(1000000000)
#define NOW (UINT64_C(1) << 61) /* 73 years of uptime */

TEST(init)
{
	struct gcra g;
	assert_true(gcra_init(&g, 100, 60 * S, 20, 1));
	assert_int_equal(g.interval, 600000000);
	assert_int_equal(g.depth, 20 * g.interval);
	assert_int_equal(g.cost, g.interval);
	assert_true(gcra_init(&g, 3, S, 3, 2));
	assert_int_equal(g.interval, 333333334); /* rounded up */
	assert_false(gcra_init(&g, 0, S, 1, 1));
	assert_false(gcra_init(&g, 1, 0, 1, 1));
	assert_false(gcra_init(&g, 1, S, 0, 1));
	assert_false(gcra_init(&g, 1, S, 1, 0));
	assert_false(gcra_init(&g, 1, S, 1, 2));
	assert_true(gcra_init(&g, 1, GCRA_DEPTH_MAX, 1, 1));
	assert_false(gcra_init(&g, 1, GCRA_DEPTH_MAX, 2, 1));
	assert_false(gcra_init(&g, 1, GCRA_DEPTH_MAX + 1, 1, 1));
	assert_false(gcra_init(&g, 1, UINT64_MAX, UINT64_MAX, UINT64_MAX));
	assert_true(gcra_init(&g, UINT64_MAX, UINT64_MAX, 5, 5));
	assert_int_equal(g.interval, 1);
}

/* 1/h used up, then 100/s: who asks on is let in as soon as the new limit says so, and not when the
 * old one would have. */
TEST(a_loosened_limit_forgets_the_old_time)
{
	struct gcra strict, loose;
	uint64_t now = NOW;
	assert_true(gcra_init(&strict, 1, 3600 * S, 1, 1));
	assert_true(gcra_init(&loose, 100, S, 100, 1));
	struct gcra_take t = gcra_take(&strict, 0, now);
	assert_true(t.allowed && t.keep);
	assert_false(gcra_take(&strict, t.tat, now).keep); /* a plain refusal changes nothing */
	t = gcra_take(&loose, t.tat, now);
	assert_false(t.allowed);
	assert_true(t.keep);
	assert_int_equal(t.tat, now + S);
	assert_int_equal(t.retry_ns, S / 100);
	now += t.retry_ns;
	t = gcra_take(&loose, t.tat, now);
	assert_true(t.allowed);
	assert_int_equal(gcra_take(&loose, t.tat, now + S).remaining, 99);
}

TEST(burst_then_rate)
{
	struct gcra g;
	uint64_t tat = 0, now = 5 * S;
	assert_true(gcra_init(&g, 10, S, 3, 1));
	for (unsigned i = 0; i < 3; i++) {
		struct gcra_take t = gcra_take(&g, tat, now);
		assert_true(t.allowed);
		assert_int_equal(t.remaining, 2 - i);
		assert_int_equal(t.reset_ns, (i + 1) * S / 10);
		tat = t.tat;
	}
	struct gcra_take t = gcra_take(&g, tat, now);
	assert_false(t.allowed);
	assert_int_equal(t.remaining, 0);
	assert_int_equal(t.retry_ns, S / 10);
	assert_int_equal(t.reset_ns, 3 * S / 10);
	assert_int_equal(t.tat, tat); /* a refusal takes nothing */
	assert_false(gcra_take(&g, tat, now + S / 10 - 1).allowed);
	assert_int_equal(gcra_take(&g, tat, now + S / 10 - 1).retry_ns, 1);
	assert_true(gcra_take(&g, tat, now + S / 10).allowed);
	/* never more than the burst */
	assert_int_equal(gcra_take(&g, tat, now + 60 * S).remaining, 2);
}

TEST(cost)
{
	struct gcra g;
	assert_true(gcra_init(&g, 10, S, 7, 3));
	struct gcra_take t = gcra_take(&g, 0, NOW);
	assert_true(t.allowed);
	assert_int_equal(t.remaining, 4);
	t = gcra_take(&g, t.tat, NOW);
	assert_true(t.allowed);
	assert_int_equal(t.remaining, 1);
	t = gcra_take(&g, t.tat, NOW);
	assert_false(t.allowed);
	assert_int_equal(t.remaining, 1);
	assert_int_equal(t.retry_ns, 2 * S / 10);
}

TEST(extremes)
{
	struct gcra g;
	assert_true(gcra_init(&g, 1, GCRA_DEPTH_MAX, 1, 1));
	struct gcra_take t = gcra_take(&g, 0, NOW);
	assert_true(t.allowed);
	assert_int_equal(t.tat, NOW + GCRA_DEPTH_MAX);
	t = gcra_take(&g, t.tat, NOW + 1);
	assert_false(t.allowed);
	assert_int_equal(t.retry_ns, GCRA_DEPTH_MAX - 1);

	/* further ahead than the burst reaches: as if it were used up, and no longer */
	assert_true(gcra_init(&g, 10, S, 3, 1));
	t = gcra_take(&g, UINT64_MAX - 1, NOW);
	assert_false(t.allowed);
	assert_int_equal(t.retry_ns, S / 10);
	assert_int_equal(t.reset_ns, 3 * S / 10);
}

/*
 * The model: of all that was admitted since any moment, no more than burst and what the time since
 * then is worth. So a request must pass exactly when that stays true for the moment of every
 * admitted request, and for now.
 */
enum { HISTORY = 400 };

struct model {
	uint64_t at[HISTORY];
	unsigned n;
};

static bool model_allows(const struct model *m, const struct gcra *g, uint64_t now)
{
	for (unsigned i = 0; i < m->n; i++) {
		uint64_t since = m->n - i; /* admitted at at[i] or later */
		if ((since + 1) * g->cost > g->depth + (now - m->at[i]))
			return false;
	}
	return g->cost <= g->depth;
}

static uint64_t random_state = 88172645463325252ull;
static uint64_t random_below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

TEST(against_model)
{
	for (unsigned round = 0; round < 300; round++) {
		struct gcra g;
		static struct model m;
		uint64_t burst = 1 + random_below(20), tat = 0, now = 1 + random_below(10 * S);
		assert_true(gcra_init(&g, 1 + random_below(50), 1 + random_below(S), burst,
			1 + random_below(burst)));
		m.n = 0;
		while (m.n < HISTORY) {
			struct gcra_take t = gcra_take(&g, tat, now);
			if (t.allowed != model_allows(&m, &g, now))
				fail_msg("round %u: after %u admitted: %d", round, m.n, t.allowed);
			if (t.allowed) {
				m.at[m.n++] = now;
				tat = t.tat;
			} else {
				/* what it says of later must be true as well, to the nanosecond */
				assert_true(model_allows(&m, &g, now + t.retry_ns));
				assert_false(model_allows(&m, &g, now + t.retry_ns - 1));
			}
			assert_true(t.remaining <= burst && t.reset_ns <= g.depth);
			/* often at once, often just before or at the moment it may, seldom much
			 * later */
			switch (random_below(6)) {
			case 0:
			case 1:
				break;
			case 2:
				now += t.retry_ns;
				break;
			case 3:
				now += t.retry_ns ? t.retry_ns - 1 : 0;
				break;
			case 4:
				now += random_below(2 * g.interval);
				break;
			default:
				now += random_below(g.depth * 2 + 1);
			}
		}
	}
}
