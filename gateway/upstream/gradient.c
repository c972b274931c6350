/* See gradient.h. */
#include "upstream/gradient.h"

#include "base/clock.h"

enum { WINDOW_MS = 100, WINDOW_SAMPLES = 10, WINDOW_MAX_MS = 2000 };

/* How fast the usual latency follows the present one, for each window: at once where requests
 * became faster, over minutes where they became slower. A service that is slower from now on is
 * found out, and an overload of minutes is not taken for usual. */
#define FASTER 0.3
#define SLOWER 0.0005
#define SMOOTH 0.2 /* part of a change of the limit that takes place in one window */

void gradient_init(struct gradient *g, const struct gradient_conf *conf, unsigned workers)
{
	double n = workers ? workers : 1;
	double min = (double)conf->min / n, max = (double)conf->max / n;
	*g = (struct gradient){ .min = min < 1 ? 1 : min, .max = max < 1 ? 1 : max };
	g->tolerance = (double)conf->tolerance / 10000;
	if (g->max < g->min)
		g->max = g->min;
	/* from below: what is measured first is taken for the usual latency */
	g->limit = g->min;
	g->starting = true;
}

/* About half the square root of the limit: a limit needs room to grow, and a queue that short is no
 * harm. */
static double gradient_room(double limit)
{
	double root = limit > 16 ? limit / 8 : 2;
	for (int i = 0; i < 6; i++)
		root = (root + limit / root) / 2;
	return root / 2;
}

/* What the latency of the window says of the limit. */
static double gradient_aim(struct gradient *g, double present)
{
	double by = present < g->usual_ns ? FASTER : SLOWER;
	g->usual_ns = g->usual_ns > 0 ? g->usual_ns + (present - g->usual_ns) * by : present;
	/* all of a window within one look at the clock */
	double slope = present > 0 ? g->tolerance * g->usual_ns / present : 1;
	if (slope < 1)
		g->starting = false;
	slope = slope > 1 ? 1 : slope < 0.5 ? 0.5 : slope;
	double aim = g->limit * slope + gradient_room(g->limit);
	/* a limit that nothing came near says nothing about what the upstream can take */
	return aim > g->limit && (double)g->most < g->limit / 2 ? g->limit : aim;
}

static void gradient_close(struct gradient *g)
{
	double limit = g->limit;
	if (g->n > g->drops) {
		double aim = gradient_aim(g, g->sum_ns / (g->n - g->drops));
		/* until requests get slower for the first time, the limit doubles */
		limit = g->starting && aim > limit ? limit * 2 : limit + (aim - limit) * SMOOTH;
	}
	if (g->drops) {
		g->starting = false;
		limit = limit < g->limit * 0.75 ? limit : g->limit * 0.75;
	}
	g->limit = limit < g->min ? g->min : limit > g->max ? g->max : limit;
}

/* Whether the window was closed. */
static bool gradient_turn(struct gradient *g, uint64_t now_ns)
{
	uint64_t age = now_ns - g->since_ns;
	bool full = g->n >= WINDOW_SAMPLES && age >= WINDOW_MS * NS_PER_MS;
	if (!full && age < WINDOW_MAX_MS * NS_PER_MS)
		return false;
	if (g->since_ns)
		gradient_close(g);
	g->since_ns = now_ns;
	g->sum_ns = 0;
	g->n = g->drops = g->most = 0;
	return true;
}

bool gradient_sample(struct gradient *g, uint64_t now_ns, uint64_t latency_ns, uint32_t in_flight)
{
	bool turned = gradient_turn(g, now_ns);
	g->sum_ns += (double)latency_ns;
	g->n++;
	if (in_flight > g->most)
		g->most = in_flight;
	return turned;
}

bool gradient_drop(struct gradient *g, uint64_t now_ns, uint32_t in_flight)
{
	bool turned = gradient_turn(g, now_ns);
	g->n++;
	g->drops++;
	if (in_flight > g->most)
		g->most = in_flight;
	return turned;
}
