/* Sources of servers. See source.h. */
#include "upstream/source.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/file_watch.h"
#include "net/resolve.h"
#include "net/worker.h"
#include "upstream/servers_file.h"

enum {
	RETRY_FIRST_MS = 500, /* after a look-up that failed; doubles up to resolve_interval */
	WEIGHT_MAX = 100,
	ADDRESS_TEXT = RESOLVE_HOST_MAX + 8,
};
/* Owners that are plugins have ids below. */
#define SOURCE_ID_FIRST (1ull << 63)

struct server_finder {
	struct list at;       /* in sources.all */
	uint64_t id;          /* as an owner */
	struct discovered *d; /* shared: ref */
	char *text;           /* owned: name or path, as the configuration has it */
	bool is_file;
	uint64_t interval_ns; /* an answer is not used for longer */
	struct resolve_call call;
	struct timer timer; /* SRV: to the next look-up */
	unsigned n_failed;  /* in a row */
	struct file_watch watch;
};

static struct {
	struct worker *main;                   /* borrowed */
	const struct discovered_workers *tell; /* borrowed */
	struct list all;
	uint64_t last_id;
} sources = { .all = { &sources.all, &sources.all }, .last_id = SOURCE_ID_FIRST };

static bool source_is_wanted(const struct server_finder *s)
{
	return discovered_is_owner(s->d, s->id);
}

static void source_set(struct server_finder *s, struct server_set *set, uint64_t ttl_ns)
{
	s->d->ttl_ns = ttl_ns;
	discovered_set(s->d, s->id, set, sources.tell);
}

/* Once for each failure of another kind, and when it is over. */
static void source_failed(struct server_finder *s, const char *reason, const char *why)
{
	sluice_str upstream = s->d->name;
	series_add(series_find(FAMILY_UPSTREAM_DISCOVERY_FAILURES, upstream, str_of(reason)), 1);
	if (s->n_failed++ == 0)
		log_warn("upstream", "%.*s: no servers from %s: %s%s", STR_ARG(upstream), s->text,
			why, s->d->set ? "; those known stay in use" : "");
	(void)snprintf(s->d->why, sizeof(s->d->why), "%s", why);
}

static void source_succeeded(struct server_finder *s)
{
	if (s->n_failed)
		log_info("upstream", "%.*s: servers come from %s again", STR_ARG(s->d->name),
			s->text);
	s->n_failed = 0;
	s->d->why[0] = 0;
}

/* ---- services ------------------------------------------------------------------------------ */

struct services {
	struct upstream_server v[RESOLVE_SERVICES_MAX];
	char text[RESOLVE_SERVICES_MAX][ADDRESS_TEXT];
	unsigned n;
};

static struct upstream_server service_get(const void *ctx, size_t i)
{
	return ((const struct services *)ctx)->v[i];
}

static bool services_have(const struct services *s, sluice_str address)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (str_eq(s->v[i].address, address))
			return true;
	}
	return false;
}

/* A weight of DNS (0..65535) as one of a server (1..100). 0 means a very small share (RFC 2782). */
static uint64_t service_weight(uint16_t weight, uint16_t largest, bool some_are_0)
{
	bool scaled = largest > WEIGHT_MAX || (some_are_0 && largest);
	uint64_t w = scaled ? ((uint64_t)weight * WEIGHT_MAX + largest / 2) / largest : weight;
	return w ? w : 1;
}

static void service_add(struct services *s, const struct dns_service *d, uint64_t weight,
	bool is_backup)
{
	char *text = s->text[s->n];
	struct upstream_address a;
	int n = snprintf(text, ADDRESS_TEXT, "%s:%u", d->target, (unsigned)d->port);
	sluice_str address = str_n(text, (size_t)n);
	/* a target is a name, and no address (RFC 2782) */
	if (!upstream_address_parse(address, &a) || !a.host.len || services_have(s, address))
		return;
	s->v[s->n++] = (struct upstream_server){ .address = address,
		.weight = weight,
		.backup = is_backup };
}

/* Those of one priority. The first that gives any server gives those that serve, and the others
 * backups (RFC 2782: a priority is used when none of those before it can be reached). */
static void services_add(struct services *s, const struct dns_service *const *v, unsigned n)
{
	uint16_t largest = 0;
	bool some_are_0 = false, are_backups = s->n > 0;
	for (unsigned i = 0; i < n; i++) {
		largest = v[i]->weight > largest ? v[i]->weight : largest;
		some_are_0 |= v[i]->weight == 0;
	}
	for (unsigned i = 0; i < n && s->n < RESOLVE_SERVICES_MAX; i++)
		service_add(s, v[i], service_weight(v[i]->weight, largest, some_are_0),
			are_backups);
}

static int service_order(const void *a, const void *b)
{
	const struct dns_service *const *x = a, *const *y = b;
	if ((*x)->priority != (*y)->priority)
		return (*x)->priority < (*y)->priority ? -1 : 1;
	return (*x > *y) - (*x < *y); /* else as in the answer */
}

struct server_set *source_of_services(const struct dns_service *v, unsigned n)
{
	char why[DISCOVERED_WHY];
	struct services *s = mem_new(struct services);
	const struct dns_service **sorted = mem_array(const struct dns_service *, n);
	for (unsigned i = 0; i < n; i++)
		sorted[i] = &v[i];
	qsort(sorted, n, sizeof(*sorted), service_order);
	for (unsigned i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && sorted[end]->priority == sorted[i]->priority;)
			end++;
		services_add(s, &sorted[i], end - i);
	}
	struct server_set *set = s->n ? server_set_new(s->n, service_get, s, why) : NULL;
	free(sorted);
	free(s);
	return set;
}

static uint64_t source_next_look(const struct server_finder *s, uint64_t ttl_ns)
{
	uint64_t ns = s->interval_ns;
	if (s->n_failed) {
		uint64_t soon = (uint64_t)RETRY_FIRST_MS * NS_PER_MS
			<< (s->n_failed < 16 ? s->n_failed - 1 : 15);
		return soon < ns ? soon : ns;
	}
	ns = ttl_ns < ns ? ttl_ns : ns;
	return ns > NS_PER_MS ? ns : NS_PER_MS;
}

static void source_on_answer(struct resolve_call *c, const struct resolve_answer *a)
{
	struct server_finder *s = container_of(c, struct server_finder, call);
	const char *why = a->error ? a->error : a->stale;
	struct server_set *set = NULL;
	if (!source_is_wanted(s))
		return;
	if (why) {
		source_failed(s, resolve_reason_name(a->reason), why);
	} else {
		set = source_of_services(a->services, a->n_services);
		if (set) {
			source_succeeded(s);
			source_set(s, set, a->ttl_ns);
		} else {
			source_failed(s, "bad-answer",
				"no service has a name that can be a host's");
		}
	}
	/* the last answer has become too old to be used */
	if (a->error && a->reason != RESOLVE_LIMIT && s->d->set && s->d->owner == s->id)
		source_set(s, server_set_empty(), RESOLVE_NO_TTL);
	worker_timer(sources.main, &s->timer, source_next_look(s, a->ttl_ns));
}

static void source_ask(struct server_finder *s)
{
	s->call.max_age_ns = s->interval_ns;
	resolve_start_services(sources.main, &s->call, str_of(s->text));
}

static void source_on_due(struct timer *t)
{
	source_ask(container_of(t, struct server_finder, timer));
}

/* ---- files --------------------------------------------------------------------------------- */

/* At first mistakes are not logged: who checked the configuration has reported them. */
static void source_read(struct server_finder *s, bool first)
{
	struct diag d;
	diag_init(&d);
	struct server_set *set = servers_file_read(s->text, &d);
	if (set) {
		source_succeeded(s);
		source_set(s, set, RESOLVE_NO_TTL);
	} else {
		bool missing = d.n_items && d.items[0]->line == 0;
		if (!first)
			diag_log(&d);
		source_failed(s, missing ? "unreadable" : "bad-file",
			d.n_items ? d.items[0]->text : "it is not a list of servers");
	}
	diag_fini(&d);
}

static void source_on_change(struct file_watch *f)
{
	struct server_finder *s = container_of(f, struct server_finder, watch);
	if (source_is_wanted(s))
		source_read(s, false);
}

/* ---- their lives --------------------------------------------------------------------------- */

static void source_free(struct server_finder *s)
{
	list_del(&s->at);
	resolve_cancel(&s->call);
	timer_drop(&s->timer);
	if (s->is_file)
		file_watch_stop(&s->watch);
	discovered_unref(&s->d);
	free(s->text);
	free(s);
}

static sluice_str source_text(const struct upstream_conf *conf)
{
	return conf->discover.file.len ? conf->discover.file : conf->discover.srv;
}

static struct server_finder *source_find(const struct discovered *d,
	const struct upstream_conf *conf)
{
	list_each (e, &sources.all) {
		struct server_finder *s = container_of(e, struct server_finder, at);
		if (s->d == d && s->is_file == (conf->discover.file.len > 0) &&
			str_eq(str_of(s->text), source_text(conf)))
			return s;
	}
	return NULL;
}

void source_prepare(struct discovered *d, const struct upstream_conf *conf)
{
	struct server_finder *s = source_find(d, conf);
	uint64_t interval_ns = conf->resolve_interval * NS_PER_MS;
	if (s && !discovered_prepare(d, s->id)) {
		s->interval_ns = interval_ns;
		return;
	}
	if (s)
		source_free(s);
	s = mem_new(struct server_finder);
	s->id = ++sources.last_id;
	s->d = discovered_get(d->name);
	s->text = mem_text(source_text(conf).data, source_text(conf).len);
	s->is_file = conf->discover.file.len > 0;
	s->interval_ns = interval_ns;
	resolve_call_init(&s->call, source_on_answer);
	timer_init(&s->timer, source_on_due);
	list_push(&sources.all, &s->at);
	(void)discovered_prepare(d, s->id);
	if (s->is_file) {
		file_watch_start(&s->watch, sources.main, s->text, source_on_change);
		source_read(s, true);
	} else {
		source_ask(s);
	}
}

void sources_settle(void)
{
	list_each_safe (e, &sources.all) {
		struct server_finder *s = container_of(e, struct server_finder, at);
		if (!source_is_wanted(s))
			source_free(s);
	}
}

void sources_begin(struct worker *main, const struct discovered_workers *tell)
{
	sources.main = main;
	sources.tell = tell;
}

void sources_end(void)
{
	while (!list_is_empty(&sources.all))
		source_free(container_of(sources.all.next, struct server_finder, at));
}
