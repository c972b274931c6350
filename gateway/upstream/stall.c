/* Servers that stand still. See the header. */
#include "upstream/stall.h"

#include "base/log.h"
#include "base/stat.h"
#include "upstream/pool.h"

enum {
	STALL_TIMES = 8,      /* how much longer than usual is too long */
	STALL_MIN_MS = 20,    /* between two looks */
	SUSPECT_LOOK_MS = 50, /* the same while it is suspect */
};
#define TELL_NS (10 * NS_PER_S) /* between two lines of the log about one server */

/* What there is to see at one moment. */
struct stall_view {
	uint64_t waits_ns; /* the oldest request without a byte of its response; 0: there is none */
	bool heard;        /* bytes came since the last look */
};

static void stall_see_link(struct stall_view *v, struct link *l)
{
	uint64_t since = 0, received = l->received;
	if (l->state == LINK_OPENING && l->n_asks)
		since = l->since_ns;
	if (l->h1) {
		if (l->state == LINK_BUSY)
			since = http1_conn_waits_since(l->h1);
		received = http1_conn_received(l->h1);
	} else if (l->h2) {
		if (l->state != LINK_OPENING)
			since = http2_conn_waits_since(l->h2);
		received = http2_conn_received(l->h2);
	}
	v->heard |= received != l->received;
	l->received = received;
	if (since && (!v->waits_ns || since < v->waits_ns))
		v->waits_ns = since;
}

static struct stall_view stall_see(struct endpoint *e)
{
	struct list *const lists[] = { &e->busy, &e->shared, &e->opening };
	struct stall_view v = { 0 };
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		list_each (at, lists[i])
			stall_see_link(&v, container_of(at, struct link, at));
	}
	return v;
}

static uint64_t stall_bound(const struct endpoint *e)
{
	uint64_t least = e->bounds.health.stall * NS_PER_MS, usual = STALL_TIMES * e->latency_ns;
	return usual > least ? usual : least;
}

/* Since when a request has waited, and nothing was heard. */
static uint64_t stall_since(const struct endpoint *e, const struct stall_view *v)
{
	return v->waits_ns > e->heard_ns ? v->waits_ns : e->heard_ns;
}

static void stall_tell(struct endpoint *e, uint64_t now)
{
	struct record *r = e->record;
	if ((e->stall_told_ns && now - e->stall_told_ns < TELL_NS) ||
		atomic_exchange(&r->silence_is_told, true))
		return;
	e->stall_told_ns = now;
	log_warn("upstream",
		"%.*s: server %s is silent for %llu ms, usual are %llu ms: others get its requests",
		STR_ARG(e->key.upstream), e->address,
		(unsigned long long)((now - e->suspect_ns) / NS_PER_MS),
		(unsigned long long)(e->latency_ns / NS_PER_MS));
}

static void stall_judge(struct endpoint *e, const struct stall_view *v, uint64_t now)
{
	if (v->heard)
		e->heard_ns = now;
	if (e->suspect_ns) {
		if (e->heard_ns > e->suspect_ns) {
			record_end_silence(e->record);
			endpoint_clear(e);
		} else if (e->state == ENDPOINT_SUSPECT) {
			stall_tell(e, now);
		}
		return;
	}
	if (e->state != ENDPOINT_UP || !v->waits_ns)
		return;
	uint64_t since = stall_since(e, v);
	if (since > now || now - since < stall_bound(e))
		return;
	if (record_begin_silence(e->record, since))
		stat_inc(STAT_UPSTREAM_STALLS);
	endpoint_suspect(e, since);
}

/* Look again when it may have been silent for too long. */
static void stall_arm(struct endpoint *e, uint64_t since_ns)
{
	uint64_t now = worker_now(e->part->worker), due = since_ns + stall_bound(e);
	uint64_t first = now + STALL_MIN_MS * NS_PER_MS;
	if (e->suspect_ns)
		due = now + SUSPECT_LOOK_MS * NS_PER_MS;
	timer_set(&e->part->worker->wheel, &e->stall, due > first ? due : first);
}

static void stall_on_due(struct timer *t)
{
	struct endpoint *e = container_of(t, struct endpoint, stall);
	const struct stall_view v = stall_see(e);
	if (!e->bounds.health.stall)
		return;
	uint64_t now = worker_now(e->part->worker);
	stall_judge(e, &v, now);
	if (endpoint_load(e))
		stall_arm(e, v.waits_ns ? stall_since(e, &v) : now);
}

void stall_begin(struct endpoint *e)
{
	e->stall.on_due = stall_on_due;
	stall_arm(e, worker_now(e->part->worker));
}
