/*
 * The overload manager: measures memory and descriptors once a second, and has the workers refuse
 * new work while they are short. net/overload decides. Workers read one number (net/shares) to
 * refuse new requests, and get a message to stop accepting. Main thread.
 */
#include "app/process.h"

#include <malloc.h>

#include "base/log.h"
#include "base/stat.h"

#define LOOK_NS NS_PER_S
#define TRIM_NS (10 * NS_PER_S) /* between two calls of malloc_trim() */

static const struct {
	const char *name;
	int err;
} resources[RESOURCES] = {
	[RESOURCE_MEMORY] = { "memory", ERR_LOW_MEMORY },
	[RESOURCE_DESCRIPTORS] = { "descriptors", ERR_LOW_DESCRIPTORS },
};

void overload_facts(const struct process *p, struct admin_overload *f)
{
	static const char *const levels[] = { "normal", "refusing-requests",
		"refusing-connections" };
	f->state = levels[p->overload.level];
	for (int r = 0; r < RESOURCES; r++) {
		const struct overload_seen *s = &p->overload.seen[r];
		f->resources[r] = (struct admin_resource){ resources[r].name, s->usage.used,
			s->usage.limit, s->first, s->level != OVERLOAD_NONE };
	}
}

/* ---- measuring ----------------------------------------------------------------------------- */

static uint64_t overload_quota(const struct process *p, enum share s)
{
	return atomic_load_explicit(&p->shares.quota[s].used, memory_order_relaxed);
}

static void overload_measure(struct process *p)
{
	struct overload *o = &p->overload;
	uint64_t known = o->own_descriptors + counts_total(p->counts) +
		overload_quota(p, SHARE_UPSTREAM) + 2 * overload_quota(p, SHARE_PIPES) +
		overload_quota(p, SHARE_FETCHES);
	o->seen[RESOURCE_MEMORY].usage = usage_memory(&o->memory);
	o->seen[RESOURCE_DESCRIPTORS].usage = usage_descriptors(known);
	stat_set(STAT_MEMORY_USED, o->seen[RESOURCE_MEMORY].usage.used);
	stat_set(STAT_MEMORY_LIMIT, o->seen[RESOURCE_MEMORY].usage.limit);
	stat_set(STAT_DESCRIPTORS_USED, o->seen[RESOURCE_DESCRIPTORS].usage.used);
	stat_set(STAT_DESCRIPTORS_LIMIT, o->seen[RESOURCE_DESCRIPTORS].usage.limit);
}

/* ---- acting -------------------------------------------------------------------------------- */

static void overload_pause(struct worker *w, void *arg)
{
	(void)w;
	front_pause(((struct gateway_worker *)arg)->front);
}

static void overload_go_on(struct worker *w, void *arg)
{
	(void)w;
	front_go_on(((struct gateway_worker *)arg)->front);
}

static void overload_close_idle(struct worker *w, void *arg)
{
	(void)arg;
	upstream_close_idle(w);
}

static void overload_tell_workers(struct process *p, void (*fn)(struct worker *w, void *arg))
{
	for (unsigned i = 0; i < p->n_workers; i++)
		worker_post(&p->workers[i].w, fn, &p->workers[i]);
}

static void overload_log(const struct overload_seen *s, enum resource r, enum overload_level level)
{
	unsigned long long used = s->usage.used, limit = s->usage.limit;
	static const char *const what[] = { "new requests are taken on again",
		"new requests are refused", "new requests are refused, and new connections wait" };
	if (level == OVERLOAD_NONE)
		log_info("overload", "%s: %llu of %llu in use: %s", resources[r].name, used, limit,
			what[level]);
	else
		log_warn("overload", "%s: %llu of %llu in use: %s", resources[r].name, used, limit,
			what[level]);
}

/* Act on the worst level of all resources; the first resource with that level is the reason. */
static void overload_act(struct process *p)
{
	struct overload *o = &p->overload;
	enum overload_level level = OVERLOAD_NONE;
	int err = 0;
	for (int r = 0; r < RESOURCES; r++) {
		if (o->seen[r].level > level) {
			level = o->seen[r].level;
			err = resources[r].err;
		}
	}
	atomic_store_explicit(&p->shares.overload, err, memory_order_relaxed);
	if (level == OVERLOAD_CONNECTIONS && o->level != OVERLOAD_CONNECTIONS) {
		stat_inc(STAT_OVERLOAD_PAUSES);
		overload_tell_workers(p, overload_pause);
	} else if (level != OVERLOAD_CONNECTIONS && o->level == OVERLOAD_CONNECTIONS) {
		overload_tell_workers(p, overload_go_on);
	}
	if (level != OVERLOAD_NONE && o->level == OVERLOAD_NONE)
		overload_tell_workers(p, overload_close_idle);
	stat_set(STAT_OVERLOAD_STATE, level);
	o->level = level;
}

/* A worker was refused a connection to an upstream, while another may have idle ones: have them
 * closed. */
static void overload_rebalance_idle(struct process *p)
{
	uint64_t denied =
		atomic_load_explicit(&p->shares.quota[SHARE_UPSTREAM].denied, memory_order_relaxed);
	if (denied != p->overload.denied)
		overload_tell_workers(p, overload_close_idle);
	p->overload.denied = denied;
}

/* Return freed memory to the system. The allocator keeps it otherwise, and memory could stay above
 * its mark after the load has gone. */
static void overload_trim(struct overload *o, uint64_t now_ns)
{
	if (o->seen[RESOURCE_MEMORY].level == OVERLOAD_NONE || now_ns < o->trim_ns)
		return;
	(void)malloc_trim(0);
	o->trim_ns = now_ns + TRIM_NS;
}

static void overload_look(struct timer *t)
{
	struct overload *o = container_of(t, struct overload, timer);
	struct process *p = container_of(o, struct process, overload);
	const struct overload_mark *marks[RESOURCES] = { [RESOURCE_MEMORY] = &p->snap->memory,
		[RESOURCE_DESCRIPTORS] = &p->snap->descriptors };
	overload_measure(p);
	for (enum resource r = 0; r < RESOURCES; r++) {
		struct overload_seen *s = &o->seen[r];
		enum overload_level level =
			overload_level(s->level, s->usage.used, s->usage.limit, marks[r]);
		s->first = overload_first(s->usage.limit, marks[r]);
		if (level != s->level)
			overload_log(s, r, level);
		s->level = level;
	}
	overload_act(p);
	overload_rebalance_idle(p);
	overload_trim(o, worker_now(&p->main));
	worker_timer(&p->main, &o->timer, LOOK_NS);
}

/* ---- beginning and ending ------------------------------------------------------------------ */

void overload_start(struct process *p)
{
	struct overload *o = &p->overload;
	usage_memory_init(&o->memory, "");
	o->own_descriptors = usage_count_descriptors();
	timer_init(&o->timer, overload_look);
	overload_look(&o->timer);
}

void overload_stop(struct process *p)
{
	if (p->overload.timer.on_due) /* it was started */
		timer_drop(&p->overload.timer);
}
