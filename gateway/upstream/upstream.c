/* Upstreams on a worker: made when a snapshot comes into force, given up when it ends. */
#include "upstream/upstream.h"

#include <stdlib.h>

#include "base/mem.h"
#include "upstream/check.h"
#include "upstream/state.h"

static enum link_protocol upstream_link_protocol(const struct upstream_conf *conf)
{
	switch ((enum upstream_protocol)conf->protocol) {
	case PROTOCOL_H2:
	case PROTOCOL_H2C:
		return LINK_HTTP2;
	case PROTOCOL_AUTO:
		return conf->use_tls ? LINK_EITHER : LINK_HTTP1;
	case PROTOCOL_HTTP1:
		break;
	}
	return LINK_HTTP1;
}

static void upstream_on_room(struct balance *b)
{
	upstream_wake(container_of(b, struct upstream, balance));
}

static bool upstream_is_known(struct worker *w, sluice_str name)
{
	list_each (at, &upstream_part_of(w)->upstreams) {
		if (str_eq(container_of(at, struct upstream, at)->conf->name, name))
			return true;
	}
	return false;
}

static void upstream_init_balance(struct upstream *u)
{
	const struct upstream_conf *conf = u->conf;
	const struct balance_rules rules = {
		.tiers = { .panic = conf->health.panic, .local_min = conf->zones.local_min },
		.hash_bound = conf->hash.bound,
		.slow_ns = conf->slow_start * NS_PER_MS,
	};
	balance_init(&u->balance, (enum upstream_balance)conf->balance.algorithm, upstream_on_room);
	balance_set_rules(&u->balance, &rules);
	if (!conf->sticky.cookie.len)
		return;
	sticky_init(&u->sticky, &conf->sticky, conf->name);
	u->balance.sticky = &u->sticky;
}

static void upstream_on_answer(void *user, const struct server_look *look)
{
	struct upstream *u = user;
	census_resolved(&u->census, look->reason);
	if (look->added || look->removed || look->is_first)
		census_count(&u->census, &u->servers);
	if (!look->is_first)
		census_changed(&u->census, look->added, look->removed, u->balance.n);
	if (look->is_first || look->added)
		upstream_wake(u);
}

/* The youngest upstream of that name on the worker, besides u. */
static struct upstream *upstream_namesake(const struct upstream *u)
{
	list_each (at, &upstream_part_of(u->worker)->upstreams) {
		struct upstream *other = container_of(at, struct upstream, at);
		if (other != u && str_eq(other->conf->name, u->conf->name))
			return other;
	}
	return NULL;
}

/* The server of the same address in an earlier snapshot, if its name is resolved there. */
static const struct server *upstream_find_earlier(void *ctx, sluice_str address)
{
	const struct upstream *u = ctx;
	struct upstream_part *p = upstream_part_of(u->worker);
	list_each (at, &p->upstreams) {
		const struct upstream *other = container_of(at, struct upstream, at);
		if (other == u || !str_eq(other->conf->name, u->conf->name))
			continue;
		const struct server *s = server_list_find(&other->servers, address);
		if (s && s->n_candidates)
			return s;
	}
	return NULL;
}

void upstream_on_set(struct worker *w, void *arg)
{
	struct discovered_mail *m = arg;
	struct upstream_part *p = w->part[PART_UPSTREAM];
	if (p) {
		list_each (at, &p->upstreams) {
			struct upstream *u = container_of(at, struct upstream, at);
			if (u->discovered != m->id)
				continue;
			server_list_take(&u->servers, &u->setup, server_set_ref(m->set));
			census_count(&u->census, &u->servers);
			upstream_wake(u); /* also when there is no server any more */
		}
	}
	server_set_unref(&m->set);
	free(m);
}

/* Connections that carry nothing are closed at once when their server is disabled. Whether it
 * may count otherwise in balances. */
static bool upstream_look(struct upstream_part *p, const struct record *r)
{
	bool weighs_other = false;
	list_each_safe (at, endpoint_bucket(p, str_of(r->address))) {
		struct endpoint *e = container_of(at, struct endpoint, at);
		if (e->record != r)
			continue;
		int32_t weight = e->weight;
		uint8_t order = e->order;
		endpoint_ref(e);
		endpoint_look(e);
		weighs_other |= weight != e->weight || order != e->order;
		if (order == ORDER_DISABLED && e->order != order)
			check_now(e); /* what is known of it is old */
		if (e->order == ORDER_DISABLED)
			pool_close_idle(e, 0);
		endpoint_unref(&e);
	}
	return weighs_other;
}

void upstream_on_record(struct worker *w, void *arg)
{
	struct record *r = arg;
	struct upstream_part *p = w->part[PART_UPSTREAM];
	if (p && upstream_look(p, r)) {
		list_each (at, &p->upstreams) {
			struct upstream *u = container_of(at, struct upstream, at);
			if (!str_eq(u->conf->name, r->upstream))
				continue;
			for (size_t i = 0; i < u->servers.n; i++)
				server_weigh(u->servers.v[i]);
		}
	}
	record_unref(&r);
}

struct upstream *upstream_attach(struct worker *w, const struct upstream_conf *conf,
	struct tls_client *tls, unsigned workers, const struct upstream_plugins *plugins)
{
	struct upstream *u = mem_new(struct upstream);

	check(conf->use_tls == (tls != NULL), "TLS is %s", tls ? "not wanted" : "wanted");
	check(conf->retries <= UPSTREAM_RETRIES_MAX, "%llu retries",
		(unsigned long long)conf->retries);
	u->worker = w;
	u->conf = conf;
	u->tls = tls;
	u->link_conf = (struct link_conf){
		.http1 = { .connect_ns = conf->timeouts.connect * NS_PER_MS,
			.response_ns = conf->timeouts.response * NS_PER_MS,
			.idle_ns = conf->timeouts.idle * NS_PER_MS,
			.max_head = conf->max_head,
			.max_fields = (uint32_t)conf->max_fields,
			.lenient = conf->parsing == PARSING_LENIENT },
		.protocol = upstream_link_protocol(conf),
		.max_streams = (uint32_t)conf->max_streams,
		.ping_ns = conf->timeouts.ping * NS_PER_MS,
	};
	u->setup = (struct server_setup){
		.worker = w,
		.balance = &u->balance,
		.conf = conf,
		.workers = workers,
		.is_new = !upstream_is_known(w, conf->name),
		.bounds = { .serial = ++upstream_part_of(w)->last_serial,
			.max_idle = (uint32_t)conf->keepalive,
			.max_links = upstream_links(conf->max_connections, workers),
			.health = conf->health },
		.on_answer = upstream_on_answer,
		.user = u,
	};
	u->setup.checks = check_plan_new(conf, tls, workers);
	if (tls)
		tls_client_identity(tls, u->setup.tls_identity);
	u->admission = admission_new(conf, plugins ? plugins->breaker : NULL, workers);
	waitlist_init(&u->queue, (enum queue_order)conf->queue_order, (uint32_t)conf->max_queue);
	turn_hook_init(&u->hook, upstream_serve_waiting);
	u->budget = budget_get(conf->name, workers);
	u->asked = budget_cell_of(u->budget, w->id);
	upstream_init_balance(u);
	if (plugins && plugins->chooser)
		balance_ask_plugin(&u->balance, conf->name, plugins->chooser);
	struct discovered *discovered = plugins ? plugins->discovered : NULL;
	u->discovered = discovered ? discovered->id : 0;
	u->goes_by_answers = u->admission || u->balance.by_latency;
	census_init(&u->census, w, conf->name);
	server_list_start(&u->servers, &u->setup, discovered, upstream_find_earlier, u);
	struct upstream *older = upstream_namesake(u);
	if (older)
		census_hand_over(&older->census);
	census_count(&u->census, &u->servers);
	u->setup.is_new = false; /* servers that come later */
	balance_tells(&u->balance);
	list_push_front(&upstream_part_of(w)->upstreams, &u->at);
	return u;
}

static void upstream_free(struct grave *g)
{
	struct upstream *u = container_of(g, struct upstream, grave);
	free(u->admission);
	free(u);
}

void upstream_detach(struct upstream **at)
{
	struct upstream *u = *at;
	*at = NULL;
	if (!u)
		return;
	check(u->n_calls == 0, "%.*s is given up with %u calls", STR_ARG(u->conf->name),
		(unsigned)u->n_calls);
	list_del(&u->at);
	list_del(&u->hook.link);
	struct upstream *next = upstream_namesake(u);
	census_end(&u->census, next ? &next->census : NULL);
	server_list_stop(&u->servers);
	balance_fini(&u->balance);
	sticky_fini(&u->sticky);
	check_plan_unref(&u->setup.checks);
	budget_unref(&u->budget);
	worker_bury(u->worker, &u->grave, upstream_free);
}

unsigned upstream_retry_after(const struct upstream *u)
{
	const struct admission *a = u->admission;
	uint64_t ms = a && a->breaker ? breaker_open_for_ms(a->breaker, worker_now(u->worker)) : 0;
	return ms > 1000 ? (unsigned)((ms + 999) / 1000) : 1;
}

const struct upstream_conf *upstream_conf_of(const struct upstream *u)
{
	return u->conf;
}

static void upstream_view_share(const struct endpoint *e, struct endpoint_view *v)
{
	const struct candidate *c = balance_find(NULL, e);
	v->weight = UINT32_MAX;
	if (!c)
		return;
	v->weight = c->weight;
	v->share = c->share;
	v->tier = c->tier;
	v->entry = c->entry;
}

void upstream_each_endpoint(struct worker *w, void (*fn)(void *ctx, const struct endpoint_view *v),
	void *ctx)
{
	struct upstream_part *p = upstream_part_of(w);
	struct endpoint_view v;
	for (int i = 0; i < ENDPOINT_BUCKETS; i++) {
		list_each (at, &p->endpoints[i]) {
			const struct endpoint *e = container_of(at, struct endpoint, at);
			endpoint_view(e, &v);
			upstream_view_share(e, &v);
			fn(ctx, &v);
		}
	}
}
