/* Watching the workers. See watch.h. */
#include "app/watch.h"

#include <stdio.h>

#include "app/notify.h"
#include "app/process.h"
#include "base/log.h"
#include "policy/running.h"
#include "policy/sink.h"

#define WATCH_TICK_NS NS_PER_S
#define WATCH_SILENT_NS (3 * NS_PER_S)
#define WATCH_BEAT_MIN_NS (10 * NS_PER_MS)

static void watch_on_worker(struct worker *w, void *arg)
{
	struct gateway_worker *g = arg;
	(void)w;
	atomic_store(&g->watch.answered_ns, clock_ns());
}

/* The worker records when it answered: a main thread that was busy itself must not take the delay
 * for the worker's. */
static bool watch_is_waiting(const struct gateway_worker *g)
{
	return g->watch.asked_ns > atomic_load(&g->watch.answered_ns);
}

bool watch_is_silent(const struct process *p, unsigned worker)
{
	const struct gateway_worker *g = &p->workers[worker];
	return watch_is_waiting(g) && clock_ns() - g->watch.asked_ns >= WATCH_SILENT_NS;
}

void watch_text(const struct process *p, unsigned worker, char out[WATCH_TEXT])
{
	const struct gateway_worker *g = &p->workers[worker];
	char what[WATCH_TEXT - 80];
	bool plugin = running_text(&g->w, what, sizeof(what));
	uint64_t s = watch_is_waiting(g) ? (clock_ns() - g->watch.asked_ns) / NS_PER_S : 0;
	(void)snprintf(out, WATCH_TEXT, "worker %u has not answered for %llu s%s%s", worker,
		(unsigned long long)s, plugin ? ": " : "", what);
}

static void watch_on_tick(struct timer *t)
{
	struct process *p = container_of(t, struct process, watch);
	char text[WATCH_TEXT];
	for (unsigned i = 0; i < p->n_workers; i++) {
		struct gateway_worker *g = &p->workers[i];
		if (!watch_is_waiting(g)) {
			if (g->watch.told)
				log_warn("process", "worker %u answers again", i);
			g->watch.told = false;
			g->watch.asked_ns = clock_ns();
			worker_post(&g->w, watch_on_worker, g);
		} else if (watch_is_silent(p, i) && !g->watch.told) {
			g->watch.told = true;
			watch_text(p, i, text);
			log_error("process", "%s", text);
		}
	}
	sinks_look();
	worker_timer(&p->main, &p->watch, WATCH_TICK_NS);
}

/* ---- the service manager's watchdog -------------------------------------------------------- */

static bool watch_all_turn(const struct process *p)
{
	for (unsigned i = 0; i < p->n_workers; i++) {
		if (watch_is_silent(p, i))
			return false;
	}
	return true;
}

/* The main thread turns, or this would not run. */
static void watch_on_beat(struct timer *t)
{
	struct process *p = container_of(t, struct process, beat);
	if (watch_all_turn(p))
		notify_send("WATCHDOG=1");
	worker_timer(&p->main, &p->beat, p->beat_ns);
}

static void watch_start_beat(struct process *p)
{
	uint64_t limit = notify_watchdog_ns();
	if (!limit)
		return;
	/* the manager advises half of its time, sd_watchdog_enabled(3) */
	p->beat_ns = limit / 2 > WATCH_BEAT_MIN_NS ? limit / 2 : WATCH_BEAT_MIN_NS;
	timer_init(&p->beat, watch_on_beat);
	worker_timer(&p->main, &p->beat, p->beat_ns);
}

/* ---- from beginning to end ----------------------------------------------------------------- */

void watch_start(struct process *p)
{
	watch_start_beat(p);
	timer_init(&p->watch, watch_on_tick);
	worker_timer(&p->main, &p->watch, WATCH_TICK_NS);
}

void watch_stop(struct process *p)
{
	if (p->watch.on_due)
		timer_drop(&p->watch);
	if (p->beat.on_due)
		timer_drop(&p->beat);
}
