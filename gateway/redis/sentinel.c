/*
 * Asks a sentinel for the primary's address: before each attempt to connect, and once a second
 * while the link is ready. A primary that was replaced may still accept writes, which would be
 * lost. See link.h.
 */
#include "redis/link_internal.h"

#include "base/log.h"

#define LOOK_NS NS_PER_S
enum { SENTINEL_REPLY = 2 }; /* host, port */

/* ---- asking -------------------------------------------------------------------------------- */

static void sentinel_connect(struct redis_link *l, uint64_t most)
{
	struct redis_conf conf = { .connect_timeout_ns = most,
		.timeout_ns = most,
		.quiet = true,
		.tls = l->conf.tls,
		.url = { .tls = l->conf.url.tls,
			.user = l->conf.sentinel_user,
			.password = l->conf.sentinel_password,
			.n_hosts = 1,
			.hosts = { l->conf.url.hosts[l->at_host] } } };
	l->sentinel = redis_link_new(l->worker, &conf);
}

void sentinel_ask(struct redis_link *l)
{
	sluice_str argv[] = { STR("SENTINEL"), STR("get-master-addr-by-name"), l->conf.url.master };
	/* the rest of the time is for the connection to the primary */
	uint64_t most = l->conf.connect_timeout_ns / 2;
	if (l->sentinel && redis_link_state(l->sentinel) != REDIS_READY)
		redis_link_free(&l->sentinel);
	if (!l->sentinel)
		sentinel_connect(l, most);
	sluice_status st = redis_send(l->sentinel, &l->ask, argv, 3, most);
	check(st == SLUICE_OK, "the link to a sentinel refuses a command: %d", st);
}

void sentinel_cancel(struct redis_link *l)
{
	redis_cancel(&l->ask);
	timer_stop(&l->recheck);
}

/* ---- answers ------------------------------------------------------------------------------- */

static bool sentinel_read(const sluice_value *v, struct redis_host *out, char *room)
{
	uint64_t port;
	return v->type == SLUICE_V_LIST && v->n == SENTINEL_REPLY && v->v[0].type == SLUICE_V_STR &&
		v->v[1].type == SLUICE_V_STR && str_u64(v->v[1].s, &port) &&
		redis_host_set(out, room, v->v[0].s, port);
}

static void sentinel_on_first(struct redis_link *l, sluice_status st, const sluice_value *v)
{
	if (st == SLUICE_OK && sentinel_read(v, &l->found, l->found_name))
		link_go_to(l, &l->found);
	else if (st == SLUICE_ERROR)
		link_fail(l, "the sentinel answers: %.*s", STR_ARG(v->s));
	else if (st == SLUICE_OK && v->type == SLUICE_V_NIL)
		link_fail(l, "the sentinel knows no primary of that name");
	else
		link_fail(l,
			st == SLUICE_OK ? "the sentinel's answer is not an address"
					: "the sentinel does not answer");
}

/* The answer to a repeated question. Without one nothing is known about the primary: another
 * sentinel is asked next time. */
static void sentinel_on_look(struct redis_link *l, sluice_status st, const sluice_value *v)
{
	char room[REDIS_HOST_MAX + 1];
	struct redis_host h;
	if (st != SLUICE_OK || !sentinel_read(v, &h, room)) {
		redis_link_free(&l->sentinel);
		l->at_host = (l->at_host + 1) % l->conf.url.n_hosts;
		log_debug("redis", "%s: a sentinel does not answer", l->name);
	} else if (h.port != l->found.port || !str_ieq(h.name, l->found.name)) {
		link_ended(l, "the sentinel names another primary");
	}
}

static void sentinel_on_reply(struct redis_call *c, sluice_status st, const sluice_value *v)
{
	struct redis_link *l = container_of(c, struct redis_link, ask);
	if (l->state == REDIS_READY)
		sentinel_on_look(l, st, v);
	else
		sentinel_on_first(l, st, v);
}

static void sentinel_on_due(struct timer *t)
{
	struct redis_link *l = container_of(t, struct redis_link, recheck);
	if (!l->ask.link)
		sentinel_ask(l);
	worker_timer(l->worker, &l->recheck, LOOK_NS);
}

void sentinel_watch(struct redis_link *l)
{
	worker_timer(l->worker, &l->recheck, LOOK_NS);
}

void sentinel_init(struct redis_link *l)
{
	redis_call_init(&l->ask, sentinel_on_reply);
	timer_init(&l->recheck, sentinel_on_due);
}
