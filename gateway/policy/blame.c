/* What the log says of plugins that misbehave. See blame.h. */
#include "policy/blame.h"

#include <stdio.h>

#include "base/log.h"
#include "policy/running.h"

static const enum log_level levels[BLAMES] = {
	[BLAME_FAILED] = LOG_ERROR,
	[BLAME_MISUSE] = LOG_ERROR,
	[BLAME_CHANGE] = LOG_WARN,
	[BLAME_SLOW] = LOG_WARN,
};

/* For threads on which no instance runs. */
static struct blame_quiet of_nobody[BLAMES];

bool blame_quiet_is_over(struct blame_quiet *q, unsigned seconds, uint64_t *untold)
{
	uint64_t now = clock_ns();
	uint64_t until = atomic_load_explicit(&q->until_ns, memory_order_relaxed);
	if (now < until ||
		!atomic_compare_exchange_strong(&q->until_ns, &until, now + seconds * NS_PER_S)) {
		atomic_fetch_add_explicit(&q->untold, 1, memory_order_relaxed);
		return false;
	}
	*untold = atomic_exchange_explicit(&q->untold, 0, memory_order_relaxed);
	return true;
}

static void blame_write(struct blame_quiet *q, enum blame what, const char *who, const char *fmt,
	va_list ap)
{
	char text[1024], more[48] = "";
	uint64_t untold;
	if (!blame_quiet_is_over(q, BLAME_QUIET_S, &untold))
		return;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	if (untold)
		(void)snprintf(more, sizeof(more), "; %llu more since the last line",
			(unsigned long long)untold);
	log_write(levels[what], "plugin", "%s: %s%s", who, text, more);
}

void blame(sluice_instance *inst, unsigned call, enum blame what, const char *fmt, ...)
{
	char who[RUNNING_TEXT];
	va_list ap;
	running_name(inst, call, who);
	va_start(ap, fmt);
	blame_write(&inst->blamed[what], what, who, fmt, ap);
	va_end(ap);
}

static void blame_thread(enum blame what, const char *fmt, va_list ap)
{
	char who[RUNNING_TEXT];
	sluice_instance *inst = running_here(who);
	blame_write(inst ? &inst->blamed[what] : &of_nobody[what], what, who, fmt, ap);
}

void blame_slow(sluice_instance *inst, unsigned call, uint64_t took_ns, const char *fmt, ...)
{
	char about[512];
	va_list ap;
	if (likely(!inst->budget_ns || took_ns <= inst->budget_ns))
		return;
	series_add(inst->over_budget, 1);
	va_start(ap, fmt);
	(void)vsnprintf(about, sizeof(about), fmt, ap);
	va_end(ap);
	blame(inst, call, BLAME_SLOW, "it took %.1f ms, and its budget is %.0f ms; %s",
		(double)took_ns / NS_PER_MS, (double)inst->budget_ns / NS_PER_MS, about);
}

void blame_caller(enum blame what, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	blame_thread(what, fmt, ap);
	va_end(ap);
}

void blame_misuse(const char *service, const char *why)
{
	blame_caller(BLAME_MISUSE, "%s is refused: %s", service, why);
}
