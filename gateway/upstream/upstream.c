/* Upstreams on a worker: made when a snapshot comes into force, given up when it ends. */
#include "upstream/upstream.h"

#include <stdlib.h>

#include "base/mem.h"
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

static void upstream_on_answer(void *user)
{
	upstream_wake(user);
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
			upstream_wake(u); /* also when there is no server any more */
		}
	}
	server_set_unref(&m->set);
	free(m);
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
		.bounds = { .serial = ++upstream_part_of(w)->last_serial,
			.max_idle = (uint32_t)conf->keepalive,
			.max_links = (uint32_t)((conf->max_connections + workers - 1) / workers),
			.health = conf->health },
		.on_answer = upstream_on_answer,
		.user = u,
	};
	if (tls)
		tls_client_identity(tls, u->setup.tls_identity);
	u->admission = admission_new(conf, plugins ? plugins->breaker : NULL, workers);
	waitlist_init(&u->queue, (enum queue_order)conf->queue_order, (uint32_t)conf->max_queue);
	turn_hook_init(&u->hook, upstream_serve_waiting);
	balance_init(&u->balance, (enum upstream_balance)conf->balance.algorithm, upstream_on_room);
	if (plugins && plugins->chooser)
		balance_ask_plugin(&u->balance, conf->name, plugins->chooser);
	struct discovered *discovered = plugins ? plugins->discovered : NULL;
	u->discovered = discovered ? discovered->id : 0;
	server_list_start(&u->servers, &u->setup, discovered, upstream_find_earlier, u);
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
	server_list_stop(&u->servers);
	balance_fini(&u->balance);
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

void upstream_each_endpoint(struct worker *w, void (*fn)(void *ctx, const struct endpoint_view *v),
	void *ctx)
{
	struct upstream_part *p = upstream_part_of(w);
	struct endpoint_view v;
	for (int i = 0; i < ENDPOINT_BUCKETS; i++) {
		list_each (at, &p->endpoints[i]) {
			endpoint_view(container_of(at, struct endpoint, at), &v);
			fn(ctx, &v);
		}
	}
}
