/* The registry of endpoints, and their health. */
#include "upstream/endpoint.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stat.h"
#include "upstream/rest.h"

/* ---- the worker's part --------------------------------------------------------------------- */

/* Called when every upstream is detached and no connection is in use. */
static void upstream_part_end(void *part)
{
	struct upstream_part *p = part;
	if (p->end_fetches)
		p->end_fetches(p->fetches);
	check(list_is_empty(&p->upstreams), "a worker ends that still uses upstreams");
	check(list_is_empty(&p->groups), "a worker ends with servers in use");
	for (int i = 0; i < ENDPOINT_BUCKETS; i++)
		check(list_is_empty(&p->endpoints[i]), "a worker ends with connections in use");
	free(p);
}

struct upstream_part *upstream_part_of(struct worker *w)
{
	struct upstream_part *p = w->part[PART_UPSTREAM];
	if (p)
		return p;
	p = mem_new(struct upstream_part);
	p->worker = w;
	for (int i = 0; i < ENDPOINT_BUCKETS; i++)
		list_init(&p->endpoints[i]);
	list_init(&p->upstreams);
	list_init(&p->groups);
	random_bytes(&p->random, sizeof(p->random));
	p->random |= 1;
	worker_set_part(w, PART_UPSTREAM, p, upstream_part_end);
	return p;
}

uint32_t upstream_random(struct upstream_part *p, uint32_t n)
{
	/* xorshift64* */
	p->random ^= p->random >> 12;
	p->random ^= p->random << 25;
	p->random ^= p->random >> 27;
	uint64_t high = (p->random * 0x2545f4914f6cdd1dull) >> 32;
	return (uint32_t)((high * n) >> 32);
}

/* ---- the registry -------------------------------------------------------------------------- */

static sluice_str str_copy(sluice_str s)
{
	return str_n(mem_text(s.data, s.len), s.len);
}

static void str_drop(sluice_str s)
{
	free((char *)(uintptr_t)s.data);
}

static bool key_eq(const struct endpoint_key *a, const struct endpoint_key *b)
{
	return addr_eq(&a->addr, &b->addr) && str_eq(a->upstream, b->upstream) &&
		str_eq(a->host, b->host) && a->tls_identity[0] == b->tls_identity[0] &&
		a->tls_identity[1] == b->tls_identity[1];
}

static void endpoint_on_rested(struct timer *t);
static bool endpoint_judge(struct endpoint *e);

static void group_add(struct upstream_part *p, struct endpoint *e)
{
	struct endpoint_group *g = NULL;
	list_each (at, &p->groups) {
		g = container_of(at, struct endpoint_group, at);
		if (str_eq(g->upstream, e->key.upstream))
			break;
		g = NULL;
	}
	if (!g) {
		g = mem_new(struct endpoint_group);
		g->part = p;
		g->upstream = str_copy(e->key.upstream);
		list_init(&g->members);
		timer_init(&g->outliers, NULL); /* upstream/outlier sets what it calls */
		list_push(&p->groups, &g->at);
	}
	e->group = g;
	list_push(&g->members, &e->in_group);
}

static void group_drop(struct endpoint *e)
{
	struct endpoint_group *g = e->group;
	list_del(&e->in_group);
	if (!list_is_empty(&g->members))
		return;
	timer_drop(&g->outliers);
	list_del(&g->at);
	str_drop(g->upstream);
	free(g);
}

static struct endpoint *endpoint_new(struct upstream_part *p, const struct endpoint_key *key)
{
	struct endpoint *e = mem_new(struct endpoint);
	e->part = p;
	e->id = ++p->last_id;
	e->key = *key;
	e->key.upstream = str_copy(key->upstream);
	e->key.host = str_copy(key->host);
	e->address_len = (uint32_t)addr_text(&key->addr, e->address);
	e->known_since_ns = worker_now(p->worker);
	list_init(&e->watches);
	list_init(&e->idle);
	list_init(&e->opening);
	list_init(&e->shared);
	list_init(&e->busy);
	timer_init(&e->timer, endpoint_on_rested);
	timer_init(&e->stall, NULL); /* upstream/stall sets what it calls */
	group_add(p, e);
	e->record = record_get(key->upstream, &key->addr, key->host);
	e->weight = RECORD_NO_WEIGHT;
	endpoint_look(e);
	return e;
}

struct list *endpoint_bucket(struct upstream_part *p, sluice_str address)
{
	return &p->endpoints[hash_str(address) % ENDPOINT_BUCKETS];
}

struct endpoint *endpoint_get(struct worker *w, const struct endpoint_key *key)
{
	struct upstream_part *p = upstream_part_of(w);
	char text[ADDR_TEXT];
	size_t len = addr_text(&key->addr, text);
	struct list *bucket = endpoint_bucket(p, str_n(text, len));
	struct endpoint *e;

	list_each (at, bucket) {
		e = container_of(at, struct endpoint, at);
		if (key_eq(&e->key, key)) {
			e->refs++;
			return e;
		}
	}
	e = endpoint_new(p, key);
	e->refs = 1;
	list_push(bucket, &e->at);
	return e;
}

void endpoint_ref(struct endpoint *e)
{
	e->refs++;
}

void endpoint_unref(struct endpoint **at)
{
	struct endpoint *e = *at;
	*at = NULL;
	if (!e || --e->refs)
		return;
	timer_drop(&e->timer);
	timer_drop(&e->stall);
	group_drop(e);
	record_unref(&e->record);
	tls_session_slot_fini(&e->session);
	list_del(&e->at);
	str_drop(e->key.upstream);
	str_drop(e->key.host);
	free(e);
}

sluice_str endpoint_address(const struct endpoint *e)
{
	return str_n(e->address, e->address_len);
}

void endpoint_set_bounds(struct endpoint *e, const struct endpoint_bounds *b)
{
	if (b->serial < e->bounds.serial)
		return;
	e->bounds = *b;
	endpoint_changed(e);
}

void endpoint_changed(struct endpoint *e)
{
	list_each (at, &e->watches) {
		struct endpoint_watch *w = container_of(at, struct endpoint_watch, at);
		w->on_change(w);
	}
}

/* ---- health -------------------------------------------------------------------------------- */

/* Whether that changed anything. */
static bool endpoint_judge(struct endpoint *e)
{
	bool took = e->takes;
	bool healthy = e->state == ENDPOINT_UP || (e->state == ENDPOINT_TRIAL && !e->trial_out);
	e->takes = healthy && e->verdict != CHECKED_DOWN && !endpoint_is_barred(e);
	return e->takes != took;
}

static void endpoint_set_state(struct endpoint *e, enum endpoint_state state)
{
	e->state = (uint8_t)state;
	e->trial_out = state == ENDPOINT_TRIAL && rest_is_tried(e->record);
	e->doubted |= state != ENDPOINT_UP;
	(void)endpoint_judge(e);
	endpoint_changed(e);
}

static void endpoint_on_rested(struct timer *t)
{
	struct endpoint *e = container_of(t, struct endpoint, timer);
	if (e->state == ENDPOINT_DOWN || e->state == ENDPOINT_SUSPECT)
		endpoint_set_state(e, ENDPOINT_TRIAL);
}

/* Successes are looked at until then. */
static void endpoint_doubt(struct endpoint *e, uint64_t until_ns)
{
	if (until_ns <= e->doubt_until_ns)
		return;
	e->doubt_until_ns = until_ns;
	e->doubted = true;
}

static void endpoint_set_trial_out(struct endpoint *e, bool out)
{
	if (e->trial_out == out)
		return;
	e->trial_out = out;
	(void)endpoint_judge(e);
	endpoint_changed(e);
}

enum { SHARE_ALL = 10000 }; /* hundredths of a percent */

static uint64_t endpoint_tls(const struct endpoint *e)
{
	return e->key.tls_identity[0];
}

/* How many of the servers in use rest or are down. It is in *in_use how many are in use. */
static uint64_t endpoint_count_out(const struct endpoint *e, uint64_t *in_use)
{
	uint64_t out = 0;
	*in_use = 0;
	list_each (at, &e->group->members) {
		const struct endpoint *m = container_of(at, struct endpoint, in_group);
		if (!endpoint_is_wanted(m) || endpoint_is_barred(m))
			continue;
		(*in_use)++;
		/* what other workers have decided may not have been told yet */
		out += rest_until(m->record, endpoint_tls(m)) || m->verdict == CHECKED_DOWN;
	}
	return out;
}

/* Whether one more server of the upstream may rest: `max_ejected` of those in use. Other workers
 * may let servers rest at the same moment, unless the caller has rests_lock(). */
static bool endpoint_may_rest(const struct endpoint *e)
{
	uint64_t share = e->bounds.health.max_ejected, n;
	if (share == 0 || share >= SHARE_ALL || e->state == ENDPOINT_TRIAL)
		return true;
	uint64_t out = endpoint_count_out(e, &n);
	return out + 1 <= n * share / SHARE_ALL;
}

/* The rest-th rest in a row. */
static uint64_t rest_length(struct endpoint *e, uint32_t rest)
{
	uint64_t ms = e->bounds.health.retry_after, max = e->bounds.health.retry_after_max;
	for (uint32_t i = 1; i < rest && ms < max; i++)
		ms *= 2;
	if (ms > max && max >= e->bounds.health.retry_after)
		ms = max;
	uint64_t ns = ms * NS_PER_MS;
	return ns - ns / 8 + ns / 4 * upstream_random(e->part, 1024) / 1024;
}

/* What the record says about a rest, which this worker or another has begun or ended. */
static void endpoint_look_at_rest(struct endpoint *e)
{
	struct worker *w = e->part->worker;
	uint64_t until = rest_until(e->record, endpoint_tls(e)), now = worker_now(w);
	if (until == e->rest_until_ns) {
		if (e->state == ENDPOINT_TRIAL)
			endpoint_set_trial_out(e, rest_is_tried(e->record));
		return;
	}
	e->rest_until_ns = until;
	timer_stop(&e->timer);
	e->suspect_ns = 0;
	if (!until) {
		e->up_since_ns = now;
		endpoint_set_state(e, ENDPOINT_UP);
	} else if (until > now) {
		worker_timer(w, &e->timer, until - now);
		endpoint_set_state(e, ENDPOINT_DOWN);
	} else {
		endpoint_set_state(e, ENDPOINT_TRIAL);
	}
}

/* Under rests_lock(): whether it rests now by what this worker says. */
static bool endpoint_begin_rest(struct endpoint *e)
{
	struct record *r = e->record;
	uint64_t now = worker_now(e->part->worker);
	/* a server that fails again so soon after it was UP has not recovered: the rest doubles */
	bool again = e->state == ENDPOINT_TRIAL || now - e->up_since_ns < atomic_load(&r->rest_ns);
	uint32_t rests = again ? atomic_load(&r->rests) + 1 : 1;
	uint64_t ns = rest_length(e, rests);
	if (!rest_begin(r, endpoint_tls(e), e->rest_until_ns, now + ns))
		return false;
	atomic_store(&r->rests, rests);
	atomic_store(&r->rest_ns, ns);
	return true;
}

/* Let it rest, for all workers, unless another one has just decided, or too many would rest. */
static bool endpoint_claim_rest(struct endpoint *e)
{
	rests_lock();
	bool begun = endpoint_may_rest(e) && endpoint_begin_rest(e);
	rests_unlock();
	if (begun)
		record_tell(e->record);
	return begun;
}

static void endpoint_rest(struct endpoint *e, const char *when)
{
	bool first = endpoint_claim_rest(e);
	if (first) {
		e->n_ejected++;
		stat_inc(STAT_UPSTREAM_EJECTED);
		log_warn("upstream", "%.*s: server %s %s, and is tried again in %llu ms: %s%s%s",
			STR_ARG(e->key.upstream), e->address, when,
			(unsigned long long)(atomic_load(&e->record->rest_ns) / NS_PER_MS),
			err_info(e->last_err)->text, e->why[0] ? " " : "", e->why);
	}
	endpoint_look_at_rest(e);
}

bool endpoint_begin_trial(struct endpoint *e, bool *trial)
{
	*trial = false;
	if (e->state != ENDPOINT_TRIAL || e->trial_out)
		return true;
	*trial = rest_take_trial(e->record, e->part->worker);
	endpoint_set_trial_out(e, true);
	return *trial;
}

void endpoint_end_trial(struct endpoint *e)
{
	rest_give_trial(e->record, e->part->worker);
	if (e->state == ENDPOINT_TRIAL)
		endpoint_set_trial_out(e, rest_is_tried(e->record));
}

/* It succeeded while it was not UP. */
static void endpoint_recover(struct endpoint *e)
{
	record_end_silence(e->record);
	if (e->rest_until_ns) {
		if (rest_end(e->record, e->rest_until_ns))
			log_info("upstream", "%.*s: server %s is back", STR_ARG(e->key.upstream),
				e->address);
		endpoint_look_at_rest(e);
	} else {
		endpoint_clear(e);
	}
}

void endpoint_dispel(struct endpoint *e)
{
	rest_break_row(e->record);
	if (e->state != ENDPOINT_UP)
		endpoint_recover(e);
	rest_give_trial(e->record, e->part->worker);
	e->doubted = e->state != ENDPOINT_UP || worker_now(e->part->worker) < e->doubt_until_ns;
}

/* The access log has the error's code; only this line has what the system or TLS said. At most one
 * line a second, so that a server that comes and goes does not fill the log. */
static void endpoint_tell(struct endpoint *e)
{
	uint64_t now = worker_now(e->part->worker);
	if (!e->why[0] || (e->told_ns && now - e->told_ns < NS_PER_S))
		return;
	e->told_ns = now;
	log_warn("upstream", "%.*s: server %s: %s %s", STR_ARG(e->key.upstream), e->address,
		err_info(e->last_err)->text, e->why);
}

/* It counts: one more in a row. */
static void endpoint_count_failure(struct endpoint *e)
{
	uint64_t now = worker_now(e->part->worker);
	unsigned n = rest_failed(e->record, now);
	endpoint_doubt(e, now + 2 * REST_DOUBT_NS);
	if (n < e->bounds.health.failures || !endpoint_may_rest(e))
		endpoint_tell(e);
	else
		endpoint_rest(e, "failed too often in a row");
}

void endpoint_failed(struct endpoint *e, bool trial, int err)
{
	e->n_failures++;
	e->last_err = err;
	if (err != ERR_CONNECT_FAILED && err != ERR_UPSTREAM_TLS && err != ERR_UPSTREAM_PROTOCOL)
		e->why[0] = 0;
	if (e->bounds.health.failures == 0 || !health_counts(&e->bounds.health, err)) {
		endpoint_tell(e);
	} else if (e->state == ENDPOINT_UP || e->state == ENDPOINT_SUSPECT) {
		endpoint_count_failure(e);
	} else if (e->state == ENDPOINT_TRIAL && trial) {
		endpoint_rest(e, "failed when tried again");
	}
	/* else: an older request to a server that is DOWN already; that changes nothing */
	if (trial)
		endpoint_end_trial(e);
}

void endpoint_eject(struct endpoint *e, const char *when)
{
	if (e->state == ENDPOINT_UP && endpoint_may_rest(e))
		endpoint_rest(e, when);
}

/* ---- silence ------------------------------------------------------------------------------- */

void endpoint_suspect(struct endpoint *e, uint64_t since_ns)
{
	struct worker *w = e->part->worker;
	if (e->state != ENDPOINT_UP)
		return;
	e->suspect_ns = since_ns;
	worker_timer(w, &e->timer, e->bounds.health.retry_after * NS_PER_MS);
	endpoint_set_state(e, ENDPOINT_SUSPECT);
}

void endpoint_clear(struct endpoint *e)
{
	if (!e->suspect_ns)
		return;
	e->suspect_ns = 0;
	/* so that a request that waits on alone does not make it suspect again at once */
	e->heard_ns = worker_now(e->part->worker);
	timer_stop(&e->timer);
	endpoint_set_state(e, ENDPOINT_UP);
}

/* Another worker found it silent: it is so for this one too, unless this one heard of it since. */
static void endpoint_look_at_silence(struct endpoint *e)
{
	uint64_t silent = atomic_load(&e->record->silent_ns);
	if (!silent) {
		endpoint_clear(e);
		return;
	}
	if (e->state != ENDPOINT_UP)
		return;
	if (e->heard_ns > silent)
		record_end_silence(e->record);
	else if (e->bounds.health.stall)
		endpoint_suspect(e, silent);
}

/* ---- what the process knows ---------------------------------------------------------------- */

/* Checks that pass again say more than what was judged before. */
static void endpoint_take_verdict(struct endpoint *e)
{
	uint8_t verdict = atomic_load(&e->record->verdict);
	bool rose = e->verdict == CHECKED_DOWN && verdict == CHECKED_UP;
	e->verdict = verdict;
	if (!rose)
		return;
	rest_break_row(e->record);
	record_end_silence(e->record);
	if (e->rest_until_ns) {
		(void)rest_end(e->record, e->rest_until_ns);
		endpoint_look_at_rest(e);
		return;
	}
	e->suspect_ns = 0;
	e->up_since_ns = worker_now(e->part->worker);
	timer_stop(&e->timer);
	if (e->state != ENDPOINT_UP)
		endpoint_set_state(e, ENDPOINT_UP);
}

void endpoint_look_at_verdict(struct endpoint *e)
{
	endpoint_take_verdict(e);
	if (endpoint_judge(e))
		endpoint_changed(e);
}

void endpoint_look(struct endpoint *e)
{
	e->order = atomic_load(&e->record->order);
	e->weight = atomic_load(&e->record->weight);
	endpoint_doubt(e, rest_doubted_until(e->record, worker_now(e->part->worker)));
	endpoint_take_verdict(e);
	endpoint_look_at_rest(e);
	endpoint_look_at_silence(e);
	if (endpoint_judge(e))
		endpoint_changed(e);
}

const char *endpoint_why(const struct endpoint *e)
{
	return e->why;
}

void endpoint_view(const struct endpoint *e, struct endpoint_view *v)
{
	uint64_t now = worker_now(e->part->worker);
	*v = (struct endpoint_view){
		.id = e->id,
		.upstream = e->key.upstream,
		.address = endpoint_address(e),
		.host = e->key.host,
		.state = (enum endpoint_state)e->state,
		.connections = e->n_links,
		.idle = e->n_idle,
		.in_flight = endpoint_load(e),
		.requests = e->n_requests,
		.failures = e->n_failures,
		.last_err = e->last_err,
		.why = e->why,
		.connects = e->n_connects,
		.connect_failures = e->n_connect_failures,
		.reused = e->n_reused,
		.ejected = e->n_ejected,
		.latency_ns = e->latency_ns,
	};
	record_view(e->record, &v->record);
	if (e->state == ENDPOINT_DOWN && e->timer.due_ns != TIMER_NEVER && e->timer.due_ns > now)
		v->down_for_ns = e->timer.due_ns - now;
}
