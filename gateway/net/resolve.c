/*
 * The names of the process, and the thread that looks them up. It is made for the first question
 * and ends in resolve_fini(). What it shares with the workers, the table of names, lies behind one
 * lock, which nobody holds for longer than it takes to move a few list nodes.
 */
#include "net/resolve.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stat.h"
#include "base/threads.h"
#include "net/look.h"
#include "net/resolve_conf.h"
#include "net/worker.h"

enum {
	NAMES_MAX = 16384, /* that are known or waited for */
	RUNNING_MAX = 256, /* looked up at the same time */
	BUCKETS = 4096,
	DNS_PORT = 53,
};

enum name_state { NAME_RESTING, NAME_QUEUED, NAME_RUNNING };

/* A name, for all who ask for it. Under the lock. */
struct resolve_name {
	struct list at; /* in resolver.resting, the longest unused first; .queue; or .running */
	struct list in_bucket;
	struct list waits;       /* of struct resolve_wait.at_name */
	uint8_t state;           /* enum name_state */
	uint8_t kind;            /* enum resolve_kind */
	bool told;               /* that it has more addresses than are used */
	struct resolved *good;   /* shared: ref; the last answer; NULL: none yet */
	struct resolved *failed; /* shared: ref; why the last look-up gave none; NULL: it did */
	uint64_t good_ns;        /* when `good` came */
	uint64_t whole_ns;       /* when both families were last answered */
	uint64_t looked_ns;      /* when the last look-up ended */
	uint64_t until_ns;       /* when to look again; 0: at once */
	char host[RESOLVE_HOST_MAX + 1];
};

/* A look-up under way. The resolver's thread. */
struct running {
	struct look look;
	struct resolve_name *name; /* stays while it is NAME_RUNNING */
	struct list at;            /* in resolver.looks */
	struct grave grave;
};

/* of a worker */
struct resolve_part {
	struct list all;  /* the worker's thread alone */
	struct list done; /* under the lock: answered, and the worker was told */
};

struct resolve_wait {
	struct list at_part;       /* the worker's thread alone */
	struct list at_name;       /* under the lock: in name.waits, then in part.done */
	struct resolve_call *call; /* borrowed; the worker's thread alone */
	struct worker *worker;
	struct resolve_part *part;
	uint16_t port;
	/* the answer: shared: refs; either may be NULL */
	struct resolved *good, *failed;
	uint64_t until_ns, looked_ns;
};

struct limits {
	uint64_t min_ns, max_ns, negative_ns, stale_ns;
	enum look_family family;
	struct dns_conf dns;
};

static struct {
	pthread_mutex_t lock;
	struct list resting, queue, running; /* of struct resolve_name */
	struct list *buckets;                /* owned */
	unsigned n_names, n_running;
	struct limits limits;
	bool changed; /* the limits, since the thread looked */
	bool has_thread;
	const char *file;
	/* the thread's own */
	struct worker worker;
	struct dns dns;
	struct list looks; /* of struct running */
} resolver = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.resting = { &resolver.resting, &resolver.resting },
	.queue = { &resolver.queue, &resolver.queue },
	.running = { &resolver.running, &resolver.running },
	.looks = { &resolver.looks, &resolver.looks },
	/* the defaults of the options, for who never configures */
	.limits = { .min_ns = NS_PER_S,
		.max_ns = 300 * NS_PER_S,
		.negative_ns = NS_PER_S,
		.stale_ns = 3600 * NS_PER_S,
		.dns = { .timeout_ms = 5000 } },
};

/* ---- answers to workers -------------------------------------------------------------------- */

static void resolve_on_mail(struct worker *w, void *arg);

/* Under the lock, which is also what keeps the worker from going away. */
static void wait_finish(struct resolve_wait *v)
{
	bool told = !list_is_empty(&v->part->done);
	list_push(&v->part->done, &v->at_name);
	if (!told)
		worker_post(v->worker, resolve_on_mail, NULL);
}

static bool name_has_good(const struct resolve_name *n, uint64_t now)
{
	return n->good &&
		(!n->failed || now < n->good_ns || now - n->good_ns < resolver.limits.stale_ns);
}

static void wait_answer(struct resolve_wait *v, const struct resolve_name *n, uint64_t now)
{
	v->good = name_has_good(n, now) ? resolved_ref(n->good) : NULL;
	v->failed = resolved_ref(n->failed);
	v->until_ns = n->good && n->good->ttl_ns == RESOLVE_NO_TTL ? RESOLVE_NO_TTL : n->until_ns;
	v->looked_ns = n->looked_ns;
	wait_finish(v);
}

static void wait_refuse(struct resolve_wait *v, const char *error)
{
	v->failed = resolved_failed(RESOLVE_LIMIT, error);
	wait_finish(v);
}

static void wait_free(struct resolve_wait *v)
{
	resolved_unref(&v->good);
	resolved_unref(&v->failed);
	free(v);
}

/* ---- names --------------------------------------------------------------------------------- */

static struct list *bucket_of(sluice_str host)
{
	return &resolver.buckets[hash_str_ci(host) % BUCKETS];
}

static struct resolve_name *name_find(sluice_str host, enum resolve_kind kind)
{
	list_each (e, bucket_of(host)) {
		struct resolve_name *n = container_of(e, struct resolve_name, in_bucket);
		if (n->kind == kind && str_ieq(str_of(n->host), host))
			return n;
	}
	return NULL;
}

static void name_set_state(struct resolve_name *n, enum name_state s)
{
	struct list *const lists[] = { &resolver.resting, &resolver.queue, &resolver.running };
	check(s == NAME_RESTING ? n->state != NAME_QUEUED : s == n->state + 1u,
		"a name goes from %u to %d", n->state, (int)s);
	n->state = (uint8_t)s;
	list_del(&n->at);
	list_push(lists[s], &n->at);
}

static void name_free(struct resolve_name *n)
{
	list_del(&n->at);
	list_del(&n->in_bucket);
	resolved_unref(&n->good);
	resolved_unref(&n->failed);
	free(n);
	resolver.n_names--;
}

/* NULL: too many. */
static struct resolve_name *name_get(sluice_str host, enum resolve_kind kind)
{
	struct resolve_name *n = name_find(host, kind);
	if (n)
		return n;
	if (resolver.n_names == NAMES_MAX) {
		if (list_is_empty(&resolver.resting))
			return NULL;
		name_free(container_of(resolver.resting.next, struct resolve_name, at));
	}
	n = mem_new(struct resolve_name);
	list_init(&n->waits);
	n->kind = (uint8_t)kind;
	memcpy(n->host, host.data, host.len);
	list_push(&resolver.resting, &n->at);
	list_push(bucket_of(host), &n->in_bucket);
	resolver.n_names++;
	return n;
}

static bool name_is_fresh(const struct resolve_name *n, uint64_t now, uint64_t max_age_ns)
{
	if (n->state != NAME_RESTING || now >= n->until_ns)
		return false;
	return !max_age_ns || now < n->looked_ns || now - n->looked_ns < max_age_ns;
}

/* ---- what a look-up gave ------------------------------------------------------------------- */

/* One family was not answered: its addresses known last stay. Takes over r. */
static struct resolved *name_merge(const struct resolve_name *n, struct resolved *r, int missing)
{
	struct resolved_builder b = { 0 };
	for (unsigned i = 0; i < r->n; i++)
		builder_add(&b, &r->addrs[i]);
	for (unsigned i = 0; i < n->good->n; i++) {
		if (n->good->addrs[i].sa.sa_family == missing)
			builder_add(&b, &n->good->addrs[i]);
	}
	uint64_t ttl = r->ttl_ns;
	resolved_unref(&r);
	return builder_finish(&b, ttl);
}

static uint64_t limit_ttl(uint64_t ttl_ns)
{
	const struct limits *l = &resolver.limits;
	if (ttl_ns == RESOLVE_NO_TTL || ttl_ns < l->min_ns)
		return l->min_ns;
	return ttl_ns < l->max_ns ? ttl_ns : l->max_ns;
}

static void name_tell_bound(struct resolve_name *n, const struct resolved *r)
{
	unsigned most = n->kind == RESOLVE_SRV ? RESOLVE_SERVICES_MAX : RESOLVE_ADDRS_MAX;
	bool more = r->n == most && r->n_all > r->n;
	if (more && !n->told)
		log_warn("resolve", "%s has %u %s, of which %u are used", n->host, r->n_all,
			n->kind == RESOLVE_SRV ? "services" : "addresses", r->n);
	n->told = more;
}

static void count_failure(enum resolve_reason r)
{
	static const enum stat_id stats[RESOLVE_REASONS] = {
		[RESOLVE_NO_NAME] = STAT_RESOLVE_NO_NAME,
		[RESOLVE_NO_DATA] = STAT_RESOLVE_NO_DATA,
		[RESOLVE_TIMEOUT] = STAT_RESOLVE_TIMEOUT,
		[RESOLVE_NO_SERVER] = STAT_RESOLVE_NO_SERVER,
		[RESOLVE_BAD] = STAT_RESOLVE_BAD,
		[RESOLVE_LIMIT] = STAT_RESOLVE_LIMIT,
	};
	stat_inc(STAT_RESOLVE_FAILURES);
	stat_inc(stats[r]);
}

/* Under the lock. Takes over r. missing: AF_INET or AF_INET6 where that family was not answered. */
static void name_take(struct resolve_name *n, struct resolved *r, int missing, uint64_t now)
{
	n->looked_ns = now;
	resolved_unref(&n->failed);
	if (r->reason != RESOLVE_OK) {
		count_failure((enum resolve_reason)r->reason);
		n->failed = r;
		n->until_ns = now + resolver.limits.negative_ns;
		return;
	}
	if (missing && n->good && now - n->whole_ns < resolver.limits.stale_ns)
		r = name_merge(n, r, missing);
	n->until_ns = now + limit_ttl(missing ? 0 : r->ttl_ns);
	n->good_ns = now;
	if (!missing)
		n->whole_ns = now;
	resolved_unref(&n->good);
	n->good = r;
	name_tell_bound(n, r);
}

/* ---- the thread ---------------------------------------------------------------------------- */

static void resolver_work(void);

static void running_free(struct grave *g)
{
	free(container_of(g, struct running, grave));
}

static void running_on_end(struct look *l, struct resolved *r)
{
	struct running *run = container_of(l, struct running, look);
	struct resolve_name *n = run->name;
	uint64_t now = worker_now(&resolver.worker);
	int missing = look_family_missing(l);
	struct list *e;

	look_drop(l);
	list_del(&run->at);
	worker_bury(&resolver.worker, &run->grave, running_free);
	pthread_mutex_lock(&resolver.lock);
	name_take(n, r, missing, now);
	while ((e = list_pop(&n->waits)))
		wait_answer(container_of(e, struct resolve_wait, at_name), n, now);
	name_set_state(n, NAME_RESTING);
	resolver.n_running--;
	pthread_mutex_unlock(&resolver.lock);
	resolver_work();
}

static void resolver_look(struct resolve_name *n, enum look_family family)
{
	struct running *run = mem_new(struct running);
	run->name = n;
	run->look.on_end = running_on_end;
	list_push(&resolver.looks, &run->at);
	look_start(&run->look, &resolver.dns, (enum resolve_kind)n->kind, family, str_of(n->host));
}

/* Begin with the names that wait, as far as the bound allows. */
static void resolver_work(void)
{
	pthread_mutex_lock(&resolver.lock);
	if (resolver.changed) {
		resolver.changed = false;
		dns_configure(&resolver.dns, &resolver.limits.dns);
	}
	while (resolver.n_running < RUNNING_MAX && !list_is_empty(&resolver.queue)) {
		struct resolve_name *n = container_of(resolver.queue.next, struct resolve_name, at);
		enum look_family family = resolver.limits.family;
		name_set_state(n, NAME_RUNNING);
		resolver.n_running++;
		pthread_mutex_unlock(&resolver.lock);
		resolver_look(n, family); /* n stays while it is running */
		pthread_mutex_lock(&resolver.lock);
	}
	pthread_mutex_unlock(&resolver.lock);
}

static void resolver_on_work(struct worker *w, void *arg)
{
	(void)w, (void)arg;
	resolver_work();
}

static void *resolver_run(void *arg)
{
	struct list *e;
	(void)arg;
	stat_thread_init();
	worker_run(&resolver.worker);
	while ((e = list_pop(&resolver.looks))) {
		struct running *run = container_of(e, struct running, at);
		look_drop(&run->look);
		free(run);
	}
	dns_fini(&resolver.dns);
	stat_thread_fini();
	return NULL;
}

/* Under the lock. Whether there is a thread. */
static bool resolver_start(void)
{
	sigset_t before;
	if (resolver.has_thread)
		return true;
	if (!resolver.buckets) {
		resolver.buckets = mem_array(struct list, BUCKETS);
		for (int i = 0; i < BUCKETS; i++)
			list_init(&resolver.buckets[i]);
	}
	if (worker_init(&resolver.worker, WORKER_RESOLVER) < 0)
		return false;
	dns_init(&resolver.dns, &resolver.worker, &resolver.limits.dns, resolver.file);
	threads_begin(&before);
	int err = pthread_create(&resolver.worker.thread, NULL, resolver_run, NULL);
	threads_end(&before);
	if (err) {
		worker_fini(&resolver.worker);
		return false;
	}
	resolver.changed = false;
	resolver.has_thread = true;
	return true;
}

/* ---- the workers' side --------------------------------------------------------------------- */

static void addr_set_port(struct addr *a, uint16_t port)
{
	if (a->sa.sa_family == AF_INET6)
		a->in6.sin6_port = htons(port);
	else
		a->in.sin_port = htons(port);
}

static void wait_tell(struct resolve_wait *v)
{
	static const char none[] = "not resolved";
	struct resolve_answer a = { .ttl_ns = RESOLVE_NO_TTL };
	uint64_t now = worker_now(v->worker);
	const char *why = v->failed ? v->failed->error : NULL;

	if (v->looked_ns && now > v->looked_ns)
		a.age_ns = now - v->looked_ns;
	if (v->failed)
		a.reason = (enum resolve_reason)v->failed->reason;
	if (!v->good) {
		a.error = why ? why : none;
	} else {
		a.stale = why;
		a.n = v->good->addrs ? v->good->n : 0;
		for (unsigned i = 0; i < a.n; i++) {
			a.addrs[i] = v->good->addrs[i];
			addr_set_port(&a.addrs[i], v->port);
		}
		a.services = v->good->services;
		a.n_services = a.services ? v->good->n : 0;
		if (v->until_ns != RESOLVE_NO_TTL)
			a.ttl_ns = v->until_ns > now ? v->until_ns - now : 0;
	}
	v->call->on_answer(v->call, &a);
}

static void resolve_on_mail(struct worker *w, void *arg)
{
	struct resolve_part *p = w->part[PART_RESOLVE];
	struct list done, *e;
	(void)arg;
	if (!p)
		return;
	list_init(&done);
	pthread_mutex_lock(&resolver.lock);
	while ((e = list_pop(&p->done)))
		list_push(&done, e);
	pthread_mutex_unlock(&resolver.lock);
	/* an answer may cancel others of this batch: they leave the list */
	while ((e = list_pop(&done))) {
		struct resolve_wait *v = container_of(e, struct resolve_wait, at_name);
		list_del(&v->at_part);
		v->call->wait = NULL;
		wait_tell(v);
		wait_free(v);
	}
}

static void resolve_part_end(void *part)
{
	struct resolve_part *p = part;
	while (!list_is_empty(&p->all))
		resolve_cancel(container_of(p->all.next, struct resolve_wait, at_part)->call);
	free(p);
}

static struct resolve_part *resolve_part_of(struct worker *w)
{
	struct resolve_part *p = w->part[PART_RESOLVE];
	if (p)
		return p;
	p = mem_new(struct resolve_part);
	list_init(&p->all);
	list_init(&p->done);
	worker_set_part(w, PART_RESOLVE, p, resolve_part_end);
	return p;
}

static void wait_start(struct resolve_wait *v, sluice_str host, enum resolve_kind kind)
{
	struct addr addr;
	uint64_t now = worker_now(v->worker);

	if (host.len == 0 || host.len > RESOLVE_HOST_MAX || memchr(host.data, 0, host.len) ||
		str_eq(host, STR("."))) {
		wait_refuse(v, "not a name");
		return;
	}
	if (kind == RESOLVE_ADDRS && addr_from_ip(host, 0, &addr)) {
		struct resolved_builder b = { 0 };
		builder_add(&b, &addr);
		v->good = builder_finish(&b, RESOLVE_NO_TTL);
		v->until_ns = RESOLVE_NO_TTL;
		wait_finish(v);
		return;
	}
	if (!resolver_start()) {
		wait_refuse(v, "no thread could be made for look-ups");
		return;
	}
	struct resolve_name *n = name_get(host, kind);
	if (!n) {
		count_failure(RESOLVE_LIMIT);
		wait_refuse(v, "too many look-ups are waiting");
		return;
	}
	if (name_is_fresh(n, now, v->call->max_age_ns)) {
		wait_answer(v, n, now);
		name_set_state(n, NAME_RESTING); /* the last used one is the last to be dropped */
		return;
	}
	list_push(&n->waits, &v->at_name);
	if (n->state != NAME_RESTING)
		return;
	name_set_state(n, NAME_QUEUED);
	if (resolver.queue.next == &n->at) /* else the thread has been told */
		worker_post(&resolver.worker, resolver_on_work, NULL);
}

static void resolve_ask(struct worker *w, struct resolve_call *c, sluice_str name, uint16_t port,
	enum resolve_kind kind)
{
	struct resolve_wait *v = mem_new(struct resolve_wait);
	check(!c->wait, "a call is started that still waits");
	v->part = resolve_part_of(w);
	v->worker = w;
	v->call = c;
	v->port = port;
	c->wait = v;
	list_push(&v->part->all, &v->at_part);
	pthread_mutex_lock(&resolver.lock);
	wait_start(v, name, kind);
	pthread_mutex_unlock(&resolver.lock);
}

void resolve_start(struct worker *w, struct resolve_call *c, sluice_str host, uint16_t port)
{
	resolve_ask(w, c, host, port, RESOLVE_ADDRS);
}

void resolve_start_services(struct worker *w, struct resolve_call *c, sluice_str name)
{
	resolve_ask(w, c, name, 0, RESOLVE_SRV);
}

void resolve_cancel(struct resolve_call *c)
{
	struct resolve_wait *v = c->wait;
	if (!v)
		return;
	pthread_mutex_lock(&resolver.lock);
	/* take it off its list; a look-up that runs goes on, even without callers */
	list_del(&v->at_name);
	pthread_mutex_unlock(&resolver.lock);
	list_del(&v->at_part);
	c->wait = NULL;
	wait_free(v);
}

/* ---- options, status, end ------------------------------------------------------------------ */

/* With a port, as c-ares reads it. The text was checked: resolve_conf_check(). */
static size_t server_text(sluice_str text, char out[ADDR_TEXT])
{
	struct addr a = { 0 };
	sluice_str host;
	uint16_t port;
	if (!addr_from_ip(text, DNS_PORT, &a) &&
		(!addr_split(text, DNS_PORT, &host, &port) || !addr_from_ip(host, port, &a)))
		return 0;
	return addr_text(&a, out);
}

static void limits_read(struct limits *l, const struct resolve_conf *conf)
{
	char text[ADDR_TEXT];
	*l = (struct limits){ .min_ns = conf->min_ttl * NS_PER_MS,
		.max_ns = conf->max_ttl * NS_PER_MS,
		.negative_ns = conf->negative_ttl * NS_PER_MS,
		.stale_ns = conf->stale * NS_PER_MS,
		.family = (enum look_family)conf->family,
		.dns = { .timeout_ms = conf->timeout } };
	char *to = l->dns.servers;
	for (size_t i = 0; i < conf->servers.n && i < DNS_SERVERS_MAX; i++) {
		size_t n = server_text(conf->servers.v[i], text);
		if (n == 0 || n + 1 >= DNS_SERVER_TEXT)
			continue;
		if (to != l->dns.servers)
			*to++ = ',';
		memcpy(to, text, n + 1);
		to += n;
	}
}

void resolve_configure(const struct resolve_conf *conf)
{
	struct limits l;
	limits_read(&l, conf);
	pthread_mutex_lock(&resolver.lock);
	bool other = strcmp(l.dns.servers, resolver.limits.dns.servers) != 0 ||
		l.family != resolver.limits.family;
	resolver.limits = l;
	resolver.changed = true;
	list_each (e, &resolver.resting) {
		if (other) /* other servers may give other answers */
			container_of(e, struct resolve_name, at)->until_ns = 0;
	}
	if (resolver.has_thread)
		worker_post(&resolver.worker, resolver_on_work, NULL);
	pthread_mutex_unlock(&resolver.lock);
}

void resolve_set_file(const char *resolv_conf)
{
	resolver.file = resolv_conf;
}

static void name_view(const struct resolve_name *n, uint64_t now, struct resolve_view *v)
{
	bool good = name_has_good(n, now);
	*v = (struct resolve_view){ .name = str_of(n->host),
		.kind = (enum resolve_kind)n->kind,
		.n = good ? n->good->n : 0,
		.is_waiting = n->state != NAME_RESTING,
		.has_ttl = good && n->good->ttl_ns != RESOLVE_NO_TTL,
		.is_stale = good && n->failed,
		.reason = n->failed ? (enum resolve_reason)n->failed->reason : RESOLVE_OK,
		.age_ns = !n->good         ? UINT64_MAX
			: now > n->good_ns ? now - n->good_ns
					   : 0,
		.ttl_ns = n->until_ns > now ? n->until_ns - now : 0 };
}

void resolve_each(void (*fn)(void *ctx, const struct resolve_view *v), void *ctx, unsigned most)
{
	const struct list *const lists[] = { &resolver.queue, &resolver.running,
		&resolver.resting };
	struct resolve_view v;
	unsigned n = 0;
	uint64_t now = clock_ns();
	pthread_mutex_lock(&resolver.lock);
	for (unsigned i = 0; i < 3; i++) {
		for (const struct list *e = lists[i]->prev; e != lists[i] && n < most;
			e = e->prev, n++) {
			name_view(container_of(e, struct resolve_name, at), now, &v);
			fn(ctx, &v);
		}
	}
	pthread_mutex_unlock(&resolver.lock);
}

static void names_free(struct list *l)
{
	while (!list_is_empty(l))
		name_free(container_of(l->next, struct resolve_name, at));
}

void resolve_fini(void)
{
	if (resolver.has_thread) {
		worker_stop(&resolver.worker);
		(void)pthread_join(resolver.worker.thread, NULL);
		worker_fini(&resolver.worker);
		resolver.has_thread = false;
	}
	names_free(&resolver.queue);
	names_free(&resolver.running);
	names_free(&resolver.resting);
	resolver.n_running = 0;
	free(resolver.buckets);
	resolver.buckets = NULL;
}
