/* Addresses of servers, literal or looked up. */
#include "upstream/server.h"

#include "base/log.h"
#include "upstream/check.h"
#include "upstream/outlier.h"

/* time to the next look-up after one that failed; doubles up to resolve_interval */
enum { RETRY_FIRST_MS = 500 };

/* Zones matter where the gateway has one, and then a server without a zone is in another one. */
static enum balance_tier server_tier(const struct server *s)
{
	sluice_str zone = s->setup->conf->zone;
	bool remote = zone.len && !str_eq(zone, s->conf->zone);
	if (s->conf->backup)
		return remote ? TIER_REMOTE_BACKUP : TIER_BACKUP;
	return remote ? TIER_REMOTE : TIER_LOCAL;
}

static void server_bound(const struct server *s, struct endpoint *e)
{
	struct endpoint_bounds bounds = s->setup->bounds;
	if (s->conf->max_connections)
		bounds.max_links = upstream_links(s->conf->max_connections, s->setup->workers);
	endpoint_set_bounds(e, &bounds);
}

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
	server_bound(s, e);
	outliers_set(e->group, &setup->bounds.health.outliers, setup->bounds.serial);
	check_set(e, setup->checks, setup->bounds.serial);
	if (s->is_new)
		e->known_since_ns = 0;
	s->candidates[s->n_candidates++] = balance_add_to(setup->balance, server_tier(s), e,
		endpoint_weight(e, (unsigned)s->conf->weight));
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
static void server_take(struct server *s, const struct resolve_answer *a, struct server_look *look)
{
	for (unsigned i = s->n_candidates; i-- > 0;) {
		if (answer_has(a, &s->candidates[i]->endpoint->key.addr))
			continue;
		server_remove(s, i);
		look->removed++;
	}
	for (unsigned i = 0; i < a->n; i++) {
		if (server_has(s, &a->addrs[i]))
			continue;
		server_add(s, &a->addrs[i]);
		look->added++;
	}
}

static uint64_t server_next_look(const struct server *s, const struct resolve_answer *a)
{
	uint64_t ns = s->setup->conf->resolve_interval * NS_PER_MS;
	if (s->n_failed) {
		uint64_t soon = RETRY_FIRST_MS * NS_PER_MS
			<< (s->n_failed < 16 ? s->n_failed - 1 : 15);
		return soon < ns ? soon : ns;
	}
	ns = ns > a->age_ns ? ns - a->age_ns : 0;
	ns = a->ttl_ns < ns ? a->ttl_ns : ns;
	return ns > NS_PER_MS ? ns : NS_PER_MS;
}

/* There is no new answer. a->n: an earlier one may still be used. */
static void server_failed(struct server *s, const struct resolve_answer *a, const char *why)
{
	sluice_str upstream = s->setup->conf->name, host = s->address.host;
	if (s->n_failed++ == 0)
		log_warn("upstream", "%.*s: %.*s cannot be resolved: %s%s", STR_ARG(upstream),
			STR_ARG(host), why,
			s->n_candidates ? "; the addresses known stay in use" : "");
	if (a->error && a->reason != RESOLVE_LIMIT && s->n_candidates)
		log_warn("upstream",
			"%.*s: %.*s could not be resolved for so long that its addresses are not "
			"used any more",
			STR_ARG(upstream), STR_ARG(host));
}

static void server_on_answer(struct resolve_call *c, const struct resolve_answer *a)
{
	struct server *s = container_of(c, struct server, call);
	const char *why = a->error ? a->error : a->stale;
	struct server_look look = { .reason = a->reason,
		.is_first = !s->asked || (s->n_candidates == 0 && !a->error) };

	s->asked = true;
	if (why) {
		server_failed(s, a, why);
	} else {
		if (s->n_failed)
			log_info("upstream", "%.*s: %.*s is resolved",
				STR_ARG(s->setup->conf->name), STR_ARG(s->address.host));
		s->n_failed = 0;
	}
	/* without an answer there is none to use: `stale` is over. But that no question was asked
	 * says nothing about the name */
	if (a->reason != RESOLVE_LIMIT)
		server_take(s, a, &look);
	if (!why)
		s->is_new = false;
	worker_timer(s->setup->worker, &s->timer, server_next_look(s, a));
	s->setup->on_answer(s->setup->user, &look);
}

static void server_ask(struct server *s)
{
	s->call.max_age_ns = s->setup->conf->resolve_interval * NS_PER_MS;
	resolve_start(s->setup->worker, &s->call, s->address.host, s->address.port);
}

static void server_on_due(struct timer *t)
{
	server_ask(container_of(t, struct server, timer));
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
	*s = (struct server){ .setup = setup, .is_new = setup->is_new };
	server_parse(s, conf);
	resolve_call_init(&s->call, server_on_answer);
	timer_init(&s->timer, server_on_due);
	if (s->address.host.len == 0) {
		s->asked = true;
		server_add(s, &s->address.addr);
		s->is_new = false;
		return;
	}
	for (unsigned i = 0; earlier && i < earlier->n_candidates; i++)
		server_add(s, &earlier->candidates[i]->endpoint->key.addr);
	s->asked = s->n_candidates > 0;
	server_ask(s);
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
	bool same = s->conf->max_connections == conf->max_connections;
	server_parse(s, conf);
	for (unsigned i = 0; i < s->n_candidates; i++) {
		balance_set_tier(s->candidates[i], server_tier(s));
		if (!same)
			server_bound(s, s->candidates[i]->endpoint);
	}
	server_weigh(s);
}

void server_weigh(struct server *s)
{
	for (unsigned i = 0; i < s->n_candidates; i++) {
		struct candidate *c = s->candidates[i];
		balance_set_weight(c, endpoint_weight(c->endpoint, (unsigned)s->conf->weight));
	}
}
