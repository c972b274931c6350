/* Deadlines of exchanges. See the header. */
#include "proxy/deadline.h"

#include "base/stat.h"

enum { LOOKS = 2 }; /* at a silent call before it ends: one in each half of the time */

static void deadline_watch(struct deadline *d)
{
	uint64_t left = deadline_left_ns(d), look = d->idle_ns / LOOKS;
	if (d->due_ns != TIMER_NEVER || d->idle_ns != TIMER_NEVER)
		worker_timer(d->x->px.worker, &d->timer, left < look ? left : look);
}

/* Whether the exchange has done what the deadline is for. */
static bool deadline_is_met(const struct exchange *x)
{
	return x->state == EXCHANGE_SENT || x->state == EXCHANGE_TUNNEL;
}

static void deadline_on_due(struct timer *t)
{
	struct deadline *d = container_of(t, struct deadline, timer);
	struct exchange *x = d->x;
	uint64_t bytes = x->px.client->bytes_in + x->px.client->bytes_out;
	bool quiet = bytes == d->seen && d->idle_ns != TIMER_NEVER;
	int err = 0;

	if (deadline_left_ns(d) == 0) {
		d->due_ns = TIMER_NEVER;
		err = deadline_is_met(x) ? 0 : d->err;
	} else if (quiet && d->quiet) {
		/* who only has to take its answer may not be silent for as long as it likes to
		 * answer PINGs */
		err = ERR_CALL_IDLE;
	}
	d->quiet = quiet && !err;
	d->seen = bytes;
	deadline_watch(d); /* before the exchange hears: also while its client takes the answer */
	if (err == ERR_ROUTE_TIMEOUT)
		stat_inc(STAT_TIMEOUT_ROUTE);
	else if (err == ERR_DEADLINE_EXCEEDED)
		stat_inc(STAT_TIMEOUT_DEADLINE);
	if (err)
		x->events->on_failed(x, err);
}

static struct deadline *deadline_of(struct exchange *x)
{
	struct deadline *d = x->deadline;
	if (d)
		return d;
	d = arena_new(x->px.arena, struct deadline);
	if (!d)
		return NULL;
	d->x = x;
	d->due_ns = d->idle_ns = TIMER_NEVER;
	timer_init(&d->timer, deadline_on_due);
	x->deadline = d;
	return d;
}

int deadline_by(struct exchange *x, uint64_t due_ns, int err)
{
	struct deadline *d = deadline_of(x);
	if (!d)
		return ERR_NO_MEMORY;
	if (due_ns < d->due_ns) {
		d->due_ns = due_ns;
		d->err = err;
		deadline_watch(d);
	}
	return 0;
}

int deadline_watch_silence(struct exchange *x, uint64_t idle_ns)
{
	if (idle_ns == TIMER_NEVER && !x->deadline)
		return 0;
	struct deadline *d = deadline_of(x);
	if (!d)
		return ERR_NO_MEMORY;
	d->idle_ns = idle_ns;
	deadline_watch(d);
	return 0;
}

uint64_t deadline_left_ns(const struct deadline *d)
{
	uint64_t now = worker_now(d->x->px.worker);
	if (d->due_ns == TIMER_NEVER)
		return TIMER_NEVER;
	return d->due_ns > now ? d->due_ns - now : 0;
}

void deadline_fini(struct deadline *d)
{
	timer_drop(&d->timer);
}
