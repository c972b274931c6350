/* Records of servers. See the header. */
#include "upstream/record.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/worker.h"

enum { BUCKETS = 256, RECORD_HOSTS = 16 /* names for one address, in one upstream */ };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list buckets[BUCKETS]; /* under the lock; next NULL: not used yet */
static _Atomic unsigned awaited;

/* Written by the main thread while no worker has a server. */
static struct {
	struct worker *main;
	struct worker *const *v;
	unsigned n;
	void (*on_change)(struct worker *w, void *record);
} told;

/* ---- the table ----------------------------------------------------------------------------- */

static struct list *record_bucket(const char *address, size_t len)
{
	struct list *b = &buckets[hash_str(str_n(address, len)) % BUCKETS];
	if (!b->next)
		list_init(b);
	return b;
}

static struct record *record_new(sluice_str upstream, const struct addr *addr, sluice_str host)
{
	struct record *r = mem_new(struct record);
	r->upstream = str_n(mem_text(upstream.data, upstream.len), upstream.len);
	r->host = str_n(mem_text(host.data, host.len), host.len);
	r->addr = *addr;
	(void)addr_text(addr, r->address);
	atomic_init(&r->weight, RECORD_NO_WEIGHT);
	return r;
}

static void record_free(struct record *r)
{
	list_del(&r->at);
	free((char *)(uintptr_t)r->upstream.data);
	free((char *)(uintptr_t)r->host.data);
	free(r);
}

struct record *record_get(sluice_str upstream, const struct addr *addr, sluice_str host)
{
	char text[ADDR_TEXT];
	size_t len = addr_text(addr, text);
	struct record *found = NULL;
	(void)pthread_mutex_lock(&lock);
	struct list *b = record_bucket(text, len);
	list_each (at, b) {
		struct record *r = container_of(at, struct record, at);
		if (addr_eq(&r->addr, addr) && str_eq(r->upstream, upstream) &&
			str_eq(r->host, host)) {
			found = r;
			break;
		}
	}
	if (!found) {
		found = record_new(upstream, addr, host);
		list_push(b, &found->at);
	}
	found->refs++;
	(void)pthread_mutex_unlock(&lock);
	return found;
}

struct record *record_ref(struct record *r)
{
	(void)pthread_mutex_lock(&lock);
	r->refs++;
	(void)pthread_mutex_unlock(&lock);
	return r;
}

void record_unref(struct record **at)
{
	struct record *r = *at;
	*at = NULL;
	if (!r)
		return;
	(void)pthread_mutex_lock(&lock);
	if (--r->refs == 0)
		record_free(r);
	(void)pthread_mutex_unlock(&lock);
}

const char *check_result_name(enum check_result r)
{
	static const char *const names[CHECK_RESULTS] = {
		[CHECK_PASSED] = "passed",
		[CHECK_NO_CONNECTION] = "connect",
		[CHECK_NO_TLS] = "tls",
		[CHECK_TIMEOUT] = "timeout",
		[CHECK_CLOSED] = "closed",
		[CHECK_PROTOCOL] = "protocol",
		[CHECK_STATUS] = "status",
		[CHECK_BODY] = "body",
		[CHECK_NOT_SERVING] = "not-serving",
	};
	return names[r];
}

const char *record_order_name(enum record_order o)
{
	static const char *const names[ORDERS] = { "ready", "drain", "disabled" };
	return names[o];
}

/* ---- telling the workers ------------------------------------------------------------------- */

void records_set_workers(struct worker *main, struct worker *const *v, unsigned n,
	void (*on_change)(struct worker *w, void *record))
{
	told.main = main;
	told.v = v;
	told.n = n;
	told.on_change = on_change;
}

/* The main thread knows which workers there are. Takes over the reference. */
static void record_on_main(struct worker *w, void *arg)
{
	struct record *r = arg;
	(void)w;
	for (unsigned i = 0; i < told.n; i++)
		worker_post(told.v[i], told.on_change, record_ref(r));
	record_unref(&r);
}

void record_tell(struct record *r)
{
	if (!told.main) /* as in tests of one part */
		return;
	if (worker_self == told.main)
		record_on_main(told.main, record_ref(r));
	else
		worker_post(told.main, record_on_main, record_ref(r));
}

void record_view(const struct record *r, struct record_view *v)
{
	*v = (struct record_view){
		.order = (enum record_order)atomic_load(&r->order),
		.weight = atomic_load(&r->weight),
		.verdict = (enum record_verdict)atomic_load(&r->verdict),
		.last_result = (enum check_result)atomic_load(&r->last_result),
		.last_status = atomic_load(&r->last_status),
		.checked_ms = atomic_load(&r->checked_ms),
		.latency_us = atomic_load(&r->latency_us),
	};
	for (int i = 0; i < CHECK_RESULTS; i++)
		v->n_results[i] = atomic_load(&r->n_results[i]);
}

/* ---- silence ------------------------------------------------------------------------------- */

bool record_begin_silence(struct record *r, uint64_t since_ns)
{
	uint64_t none = 0;
	if (!atomic_compare_exchange_strong(&r->silent_ns, &none, since_ns))
		return false;
	record_tell(r);
	return true;
}

void record_end_silence(struct record *r)
{
	if (!atomic_load(&r->silent_ns) || !atomic_exchange(&r->silent_ns, 0))
		return;
	if (atomic_exchange(&r->silence_is_told, false))
		log_info("upstream", "%.*s: server %s is heard again", STR_ARG(r->upstream),
			r->address);
	record_tell(r);
}

/* ---- what operators set -------------------------------------------------------------------- */

/* Under the lock. Whether anything changed. */
static bool record_take(struct record *r, const struct record_change *c)
{
	int order = atomic_load(&r->order), weight = atomic_load(&r->weight);
	int new_order = c->order == RECORD_ORDER_STAYS ? order : c->order;
	int new_weight = c->weight == RECORD_WEIGHT_STAYS ? weight : c->weight;
	atomic_store(&r->order, (uint8_t)new_order);
	atomic_store(&r->weight, new_weight);
	bool keep = new_order != ORDER_READY || new_weight != RECORD_NO_WEIGHT;
	if (keep && !r->is_kept)
		r->refs++;
	bool drop = !keep && r->is_kept;
	r->is_kept = keep;
	if (drop)
		r->refs--; /* not the last: who changes it has one */
	return order != new_order || weight != new_weight;
}

static void record_log(const struct record *r, const char *who)
{
	char weight[16] = "of the file";
	int w = atomic_load(&r->weight);
	if (w != RECORD_NO_WEIGHT)
		(void)snprintf(weight, sizeof(weight), "%d", w);
	log_info("upstream", "%.*s: server %s is set to %s, weight %s, by %s", STR_ARG(r->upstream),
		r->address, record_order_name((enum record_order)atomic_load(&r->order)), weight,
		who);
}

/* The records of that server, each with a reference; their number. */
static unsigned record_collect(const struct record_change *c, struct record *v[RECORD_HOSTS])
{
	unsigned n = 0;
	list_each (at, record_bucket(c->address.data, c->address.len)) {
		struct record *r = container_of(at, struct record, at);
		if (n == RECORD_HOSTS || !str_eq(r->upstream, c->upstream) ||
			!str_eq(str_of(r->address), c->address))
			continue;
		r->refs++;
		v[n++] = r;
	}
	return n;
}

unsigned record_order(const struct record_change *c, const char *who)
{
	struct record *v[RECORD_HOSTS];
	bool changed[RECORD_HOSTS];
	(void)pthread_mutex_lock(&lock);
	unsigned n = record_collect(c, v);
	for (unsigned i = 0; i < n; i++)
		changed[i] = record_take(v[i], c);
	(void)pthread_mutex_unlock(&lock);
	for (unsigned i = 0; i < n; i++) {
		if (changed[i]) {
			record_log(v[i], who);
			record_tell(v[i]);
		}
		record_unref(&v[i]);
	}
	return n;
}

/* ---- the first round of checks ------------------------------------------------------------- */

void records_await(void)
{
	atomic_fetch_add(&awaited, 1);
}

void records_arrive(void)
{
	atomic_fetch_sub(&awaited, 1);
}

unsigned records_awaited(void)
{
	return atomic_load(&awaited);
}
