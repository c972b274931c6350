/* Addresses of servers, literal or looked up. */
#include "upstream/server.h"

#include "base/log.h"
#include "upstream/check.h"
#include "upstream/outlier.h"

/* time to the next look-up after one that failed; doubles up to resolve_interval */
enum { RETRY_FIRST_MS = 500 };

static void server_add(struct server *s, const struct addr *addr)
{
	const struct server_setup *setup = s->setup;
	struct endpoint_key key = { .upstream = setup->conf->name, .addr = *addr };
	char ip[ADDR_IP_TEXT];

	if (setup->conf->use_tls) {
		key.host = s->address.host;
		if (key.host.len == 0 && addr->sa.sa_family != AF_UNIX)
			key.host = str_n(ip, addr_ip_text(addr, ip));
		key.tls_identity[0] = setup->tls_identity[0];
		key.tls_identity[1] = setup->tls_identity[1];
	}
	struct endpoint *e = endpoint_get(setup->worker, &key);
	endpoint_set_bounds(e, &setup->bounds);
	outliers_set(e->group, &setup->bounds.health.outliers, setup->bounds.serial);
	check_set(e, setup->checks, setup->bounds.serial);
	s->candidates[s->n_candidates++] =
		balance_add(setup->balance, e, endpoint_weight(e, (unsigned)s->conf->weight));
	endpoint_unref(&e);
}

static void server_remove(struct server *s, unsigned i)
{
	struct endpoint *e = s->candidates[i]->endpoint;
	endpoint_ref(e);
	balance_remove(s->candidates[i]);
	s->candidates[i] = s->candidates[--s->n_candidates];
	if (!endpoint_is_wanted(e))
		check_stop(e);
	endpoint_unref(&e);
}

static bool answer_has(const struct resolve_answer *a, const struct addr *addr)
{
	for (unsigned i = 0; i < a->n; i++) {
		if (addr_eq(&a->addrs[i], addr))
			return true;
	}
	return false;
}

static bool server_has(const struct server *s, const struct addr *addr)
{
	for (unsigned i = 0; i < s->n_candidates; i++) {
		if (addr_eq(&s->candidates[i]->endpoint->key.addr, addr))
			return true;
	}
	return false;
}

/* Make the candidates those of the answer; addresses that are in both keep theirs. */
static void server_take(struct server *s, const struct resolve_answer *a)
{
	for (unsigned i = s->n_candidates; i-- > 0;) {
		if (!answer_has(a, &s->candidates[i]->endpoint->key.addr))
			server_remove(s, i);
	}
	for (unsigned i = 0; i < a->n; i++) {
		if (!server_has(s, &a->addrs[i]))
			server_add(s, &a->addrs[i]);
	}
}

static uint64_t server_next_look(const struct server *s)
{
	uint64_t ms = s->setup->conf->resolve_interval;
	if (s->n_failed) {
		uint64_t soon = (uint64_t)RETRY_FIRST_MS
			<< (s->n_failed < 16 ? s->n_failed - 1 : 15);
		ms = soon < ms ? soon : ms;
	}
	return ms * NS_PER_MS;
}

static void server_on_answer(struct resolve_call *c, const struct resolve_answer *a)
{
	struct server *s = container_of(c, struct server, call);
	sluice_str upstream = s->setup->conf->name, host = s->address.host;
	bool first = !s->asked || (s->n_candidates == 0 && !a->error);

	s->asked = true;
	if (a->error) {
		if (s->n_failed++ == 0)
			log_warn("upstream", "%.*s: %.*s cannot be resolved: %s%s",
				STR_ARG(upstream), STR_ARG(host), a->error,
				s->n_candidates ? "; the addresses known stay in use" : "");
	} else {
		if (s->n_failed)
			log_info("upstream", "%.*s: %.*s is resolved", STR_ARG(upstream),
				STR_ARG(host));
		s->n_failed = 0;
		server_take(s, a);
	}
	worker_timer(s->setup->worker, &s->timer, server_next_look(s));
	if (first)
		s->setup->on_answer(s->setup->user);
}

static void server_on_due(struct timer *t)
{
	struct server *s = container_of(t, struct server, timer);
	resolve_start(s->setup->worker, &s->call, s->address.host, s->address.port);
}

static void server_parse(struct server *s, const struct upstream_server *conf)
{
	s->conf = conf;
	bool known = upstream_address_parse(conf->address, &s->address);
	check(known, "\"%.*s\" was not checked", STR_ARG(conf->address));
}

void server_start(struct server *s, const struct server_setup *setup,
	const struct upstream_server *conf, const struct server *earlier)
{
	*s = (struct server){ .setup = setup };
	server_parse(s, conf);
	resolve_call_init(&s->call, server_on_answer);
	timer_init(&s->timer, server_on_due);
	if (s->address.host.len == 0) {
		s->asked = true;
		server_add(s, &s->address.addr);
		return;
	}
	for (unsigned i = 0; earlier && i < earlier->n_candidates; i++)
		server_add(s, &earlier->candidates[i]->endpoint->key.addr);
	s->asked = s->n_candidates > 0;
	resolve_start(setup->worker, &s->call, s->address.host, s->address.port);
}

void server_stop(struct server *s)
{
	resolve_cancel(&s->call);
	timer_drop(&s->timer);
	while (s->n_candidates)
		server_remove(s, s->n_candidates - 1);
}

void server_change(struct server *s, const struct upstream_server *conf)
{
	server_parse(s, conf);
	server_weigh(s);
}

void server_weigh(struct server *s)
{
	for (unsigned i = 0; i < s->n_candidates; i++) {
		struct candidate *c = s->candidates[i];
		unsigned weight = endpoint_weight(c->endpoint, (unsigned)s->conf->weight);
		if (weight != c->weight)
			balance_set_weight(c, weight);
	}
}
