/* Servers that stand still. See the header. */
#include "upstream/stall.h"

#include "base/log.h"
#include "base/stat.h"
#include "upstream/pool.h"

enum {
	STALL_TIMES = 8,      /* how much longer than usual is too long */
	STALL_TRIES = 3,      /* requests that were given up say something */
	STALL_MIN_MS = 20,    /* between two looks */
	SUSPECT_LOOK_MS = 50, /* the same while it is suspect */
};
#define TELL_NS (10 * NS_PER_S) /* between two lines of the log about one server */

/* What there is to see at one moment. */
struct stall_view {
	uint64_t waits_ns; /* the oldest request without a byte of its response; 0: there is none */
	bool heard;        /* bytes came since the last look */
};

/* Since when its oldest request, or who asks for the connection, waits for the server; 0: none
 * does. */
static uint64_t link_waits_since(const struct link *l)
{
	if (l->state == LINK_OPENING)
		return l->n_asks ? l->since_ns : 0;
	if (l->h1)
		return l->state == LINK_BUSY ? http1_conn_waits_since(l->h1) : 0;
	return l->h2 ? http2_conn_waits_since(l->h2) : 0;
}

static uint64_t link_received(const struct link *l)
{
	return l->h1    ? http1_conn_received(l->h1)
		: l->h2 ? http2_conn_received(l->h2)
			: l->received;
}

static void stall_see_link(struct stall_view *v, struct link *l)
{
	uint64_t since = link_waits_since(l), received = link_received(l);
	/* what came over HTTP/1.1 came before the request that waits for its first byte */
	v->heard |= received != l->received && !(l->h1 && since);
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

/* A time in which requests waited, and nothing was heard. */
struct silence {
	uint64_t since_ns, until_ns;
};

/* Whether a request that waits since then goes on with the waiting of those that were given up. */
static bool silence_goes_on(const struct endpoint *e, uint64_t since_ns)
{
	return e->unheard_ns > e->heard_ns && since_ns <= e->unheard_until_ns + stall_bound(e);
}

static struct silence silence_of(const struct endpoint *e, const struct stall_view *v, uint64_t now)
{
	struct silence s = { v->waits_ns ? v->waits_ns : now,
		v->waits_ns ? now : e->unheard_until_ns };
	if (e->n_unheard >= STALL_TRIES && e->unheard_ns < s.since_ns &&
		silence_goes_on(e, s.since_ns))
		s.since_ns = e->unheard_ns;
	if (s.since_ns < e->heard_ns)
		s.since_ns = e->heard_ns;
	return s;
}

static bool silence_is_long(const struct endpoint *e, const struct silence *s)
{
	return s->until_ns > s->since_ns && s->until_ns - s->since_ns >= stall_bound(e);
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
	const struct silence s = silence_of(e, v, now);
	if (e->state != ENDPOINT_UP || !silence_is_long(e, &s))
		return;
	if (record_begin_silence(e->record, s.since_ns))
		stat_inc(STAT_UPSTREAM_STALLS);
	endpoint_suspect(e, s.since_ns);
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
		stall_arm(e, silence_of(e, &v, now).since_ns);
}

void stall_given_up(struct link *l)
{
	struct endpoint *e = l->endpoint;
	uint64_t since = link_waits_since(l), now = worker_now(e->part->worker);
	if (!since || !e->bounds.health.stall)
		return;
	if (!silence_goes_on(e, since)) {
		e->unheard_ns = since;
		e->n_unheard = 0;
	}
	e->n_unheard++;
	e->unheard_until_ns = now;
	const struct stall_view v = stall_see(e);
	stall_judge(e, &v, now);
}

void stall_begin(struct endpoint *e)
{
	e->stall.on_due = stall_on_due;
	stall_arm(e, worker_now(e->part->worker));
}
