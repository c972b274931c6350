/* Sets of servers that were found, and the entries that hold them. See discovered.h. */
#include "upstream/discovered.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/worker.h"

enum { ADDRESS_MAX = 300, WEIGHT_MAX = 100 }; /* as in the table of upstream/conf.c */

static struct list all = { &all, &all };
static uint64_t last_id, current; /* current: the configuration in force */

const char *server_source_name(enum server_source s)
{
	static const char *const names[SERVER_SOURCES] = { "config", "dns", "srv", "file",
		"plugin" };
	return names[s];
}

enum server_source server_source_of(const struct upstream_conf *conf)
{
	if (conf->discovery.len)
		return SERVERS_PLUGIN;
	if (conf->discover.srv.len)
		return SERVERS_SRV;
	return conf->discover.file.len ? SERVERS_FILE : SERVERS_CONFIG;
}

/* ---- sets ---------------------------------------------------------------------------------- */

int server_order(sluice_str a, sluice_str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n ? memcmp(a.data, b.data, n) : 0;
	return r ? r : (a.len > b.len) - (a.len < b.len);
}

static int server_compare(const void *a, const void *b)
{
	return server_order(((const struct upstream_server *)a)->address,
		((const struct upstream_server *)b)->address);
}

/* Why this cannot be a server; NULL: it can. */
static const char *server_wrong(const struct upstream_server *s)
{
	struct upstream_address a;
	if (s->address.len == 0 || s->address.len > ADDRESS_MAX ||
		memchr(s->address.data, 0, s->address.len) ||
		!upstream_address_parse(s->address, &a))
		return "is not the address of a server: host:port, ip:port, [ipv6]:port or "
		       "unix:/path";
	return s->weight > WEIGHT_MAX ? "has a weight above 100" : NULL;
}

static bool why_not(char why[DISCOVERED_WHY], const struct upstream_server *s, const char *wrong)
{
	size_t len = s->address.len < 100 ? s->address.len : 100;
	(void)snprintf(why, DISCOVERED_WHY, "\"%.*s\" %s", (int)len, s->address.data, wrong);
	return false;
}

/* Names of hosts are compared without regard to case (RFC 4343); paths are not. */
static sluice_str address_copy(char *to, sluice_str address)
{
	bool is_path = str_starts(address, STR("unix:"));
	for (size_t i = 0; i < address.len; i++)
		to[i] = is_path ? address.data[i] : (char)ascii_lower(address.data[i]);
	to[address.len] = 0;
	return str_n(to, address.len);
}

static bool set_is_sound(const struct server_set *s, char why[DISCOVERED_WHY])
{
	for (size_t i = 1; i < s->n; i++) {
		if (str_eq(s->v[i].address, s->v[i - 1].address))
			return why_not(why, &s->v[i], "is there twice");
	}
	return true;
}

struct server_set *server_set_new(size_t n,
	struct upstream_server (*get)(const void *ctx, size_t i), const void *ctx,
	char why[DISCOVERED_WHY])
{
	size_t bytes = 0;
	for (size_t i = 0; i < n; i++) {
		struct upstream_server s = get(ctx, i);
		const char *wrong = server_wrong(&s);
		if (wrong) {
			(void)why_not(why, &s, wrong);
			return NULL;
		}
		bytes += s.address.len + 1 + s.zone.len;
	}
	struct server_set *set =
		mem_zeroed(1, sizeof(*set) + n * sizeof(struct upstream_server) + bytes, "servers");
	char *at = (char *)(set->v + n);
	atomic_init(&set->refs, 1);
	set->n = n;
	for (size_t i = 0; i < n; i++) {
		set->v[i] = get(ctx, i);
		set->v[i].address = address_copy(at, set->v[i].address);
		at += set->v[i].address.len + 1;
		if (set->v[i].zone.len)
			memcpy(at, set->v[i].zone.data, set->v[i].zone.len);
		set->v[i].zone.data = at;
		at += set->v[i].zone.len;
	}
	if (n)
		qsort(set->v, n, sizeof(set->v[0]), server_compare);
	if (!set_is_sound(set, why))
		server_set_unref(&set);
	return set;
}

static struct upstream_server get_none(const void *ctx, size_t i)
{
	(void)ctx, (void)i;
	return (struct upstream_server){ .weight = 1 };
}

struct server_set *server_set_empty(void)
{
	char why[DISCOVERED_WHY];
	return server_set_new(0, get_none, NULL, why);
}

struct server_set *server_set_ref(struct server_set *s)
{
	if (s)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void server_set_unref(struct server_set **at)
{
	struct server_set *s = *at;
	*at = NULL;
	if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		free(s);
}

/* ---- what a set changes -------------------------------------------------------------------- */

struct difference {
	size_t added, removed, changed;
};

static bool server_differs(const struct upstream_server *a, const struct upstream_server *b)
{
	return a->weight != b->weight || a->backup != b->backup ||
		a->max_connections != b->max_connections || !str_eq(a->zone, b->zone);
}

static struct difference set_difference(const struct server_set *old, const struct server_set *new)
{
	struct difference d = { 0 };
	size_t i = 0, n = old ? old->n : 0;
	for (size_t k = 0; k < new->n; k++) {
		const struct upstream_server *s = &new->v[k];
		while (i < n && server_order(old->v[i].address, s->address) < 0) {
			d.removed++;
			i++;
		}
		if (i == n || !str_eq(old->v[i].address, s->address))
			d.added++;
		else
			d.changed += server_differs(&old->v[i++], s);
	}
	d.removed += n - i;
	return d;
}

static bool set_is_same(const struct server_set *old, const struct server_set *new)
{
	const struct difference d = set_difference(old, new);
	return old && !d.added && !d.removed && !d.changed;
}

/* ---- entries ------------------------------------------------------------------------------- */

struct discovered *discovered_find(sluice_str name)
{
	list_each (e, &all) {
		struct discovered *d = container_of(e, struct discovered, at);
		if (str_eq(d->name, name))
			return d;
	}
	return NULL;
}

struct discovered *discovered_get(sluice_str name)
{
	struct discovered *d = discovered_find(name);
	if (!d) {
		d = mem_new(struct discovered);
		d->name = str_n(mem_text(name.data, name.len), name.len);
		d->id = ++last_id;
		(void)pthread_mutex_init(&d->lock, NULL);
		list_push(&all, &d->at);
	}
	d->refs++;
	return d;
}

/* What the metrics show: 0 takes them back. */
static void discovered_show(struct discovered *d, uint64_t count, uint64_t time_s)
{
	if (!d->count) {
		d->count = series_find(FAMILY_UPSTREAM_DISCOVERED, d->name, STR(""));
		d->time = series_find(FAMILY_UPSTREAM_DISCOVERED_TIME, d->name, STR(""));
	}
	series_add(d->count, count - d->counted);
	series_add(d->time, time_s - d->timed);
	d->counted = count;
	d->timed = time_s;
}

static void text_free(sluice_str *s)
{
	free((char *)(uintptr_t)s->data);
	*s = STR_NONE;
}

void discovered_unref(struct discovered **at)
{
	struct discovered *d = *at;
	*at = NULL;
	if (!d || --d->refs)
		return;
	if (d->count)
		discovered_show(d, 0, 0);
	list_del(&d->at);
	server_set_unref(&d->next);
	server_set_unref(&d->set);
	(void)pthread_mutex_destroy(&d->lock);
	text_free(&d->name);
	text_free(&d->owner_name);
	free(d);
}

/* ---- whose sets count ---------------------------------------------------------------------- */

bool discovered_prepare(struct discovered *d, uint64_t owner)
{
	if (d->owner == owner && d->in_force == current)
		return false;
	d->next_owner = owner;
	return true;
}

void discovered_abandon(struct discovered *d)
{
	d->next_owner = 0;
	server_set_unref(&d->next);
}

bool discovered_is_owner(const struct discovered *d, uint64_t owner)
{
	return d->next_owner == owner || (d->owner == owner && d->in_force == current);
}

static void discovered_tell(const struct discovered *d, const struct difference *diff, size_t n)
{
	char changed[40] = "";
	if (diff->changed)
		(void)snprintf(changed, sizeof(changed), ", %zu changed", diff->changed);
	log_info("upstream", "%.*s: %zu server%s added, %zu removed%s, %zu in all (%.*s)",
		STR_ARG(d->name), diff->added, str_plural(diff->added), diff->removed, changed, n,
		STR_ARG(d->owner_name));
}

/* Put the set in force, and send it to the workers. */
static void discovered_take(struct discovered *d, struct server_set *s,
	const struct discovered_workers *tell)
{
	struct server_set *old = d->set;
	d->set_ms = clock_unix_ms();
	discovered_show(d, s->n, d->set_ms / 1000);
	if (set_is_same(old, s)) {
		server_set_unref(&s);
		return;
	}
	const struct difference diff = set_difference(old, s);
	d->changed_ms = d->set_ms;
	discovered_tell(d, &diff, s->n);
	s->number = ++d->n_sets;
	(void)pthread_mutex_lock(&d->lock);
	d->set = s;
	(void)pthread_mutex_unlock(&d->lock);
	for (unsigned i = 0; tell && i < tell->n; i++) {
		struct discovered_mail *m = mem_new(struct discovered_mail);
		*m = (struct discovered_mail){ d->id, server_set_ref(s) };
		worker_post(tell->v[i], tell->on_set, m);
	}
	server_set_unref(&old);
}

void discovered_set(struct discovered *d, uint64_t owner, struct server_set *s,
	const struct discovered_workers *tell)
{
	if (d->next_owner == owner) {
		server_set_unref(&d->next);
		d->next = s;
		return;
	}
	discovered_take(d, s, tell);
}

void discovered_settle_begin(void)
{
	current++;
}

void discovered_settle(struct discovered *d, sluice_str owner_name,
	const struct discovered_workers *tell)
{
	struct server_set *next = d->next;
	d->next = NULL;
	d->in_force = current;
	if (d->next_owner) {
		d->owner = d->next_owner;
		d->next_owner = 0;
		text_free(&d->owner_name);
		d->owner_name = str_n(mem_text(owner_name.data, owner_name.len), owner_name.len);
	}
	if (next)
		discovered_take(d, next, tell);
}

struct server_set *discovered_now(struct discovered *d)
{
	(void)pthread_mutex_lock(&d->lock);
	struct server_set *s = server_set_ref(d->set);
	(void)pthread_mutex_unlock(&d->lock);
	return s;
}
