/* Opening a connection to Redis: names, addresses, the login. See link.h. */
#include <errno.h>
#include <stdio.h>

#include "base/stat.h"
#include "redis/link_internal.h"
#include "tls/info.h"
#include "tls/transport.h"

/* ---- logging in ---------------------------------------------------------------------------- */

enum { STEPS_AT_ROLE = 2 }; /* replies outstanding when that to ROLE arrives: it and PONG */

/* SUBSCRIBE is the last command of a login: a user who may not do it has no use for the link. */
static unsigned steps_at_role(const struct redis_link *l)
{
	return STEPS_AT_ROLE + (l->conf.channel ? 1 : 0);
}

/* Whether the reply to ROLE permits to use the server. Without the right to ask, a replica is found
 * by the first write (READONLY). */
static bool role_is_usable(const sluice_value *v, bool is_error)
{
	if (is_error)
		return str_starts(v->s, STR("NOPERM"));
	return v->type == SLUICE_V_LIST && v->n && v->v[0].type == SLUICE_V_STR &&
		str_eq(v->v[0].s, STR("master"));
}

/* There are several hosts, or the only server was found to be a replica. */
static bool link_asks_role(const struct redis_link *l)
{
	return l->wants_primary || l->fitness == LINK_UNFIT;
}

void link_on_login(struct redis_link *l, const sluice_value *v, bool is_error)
{
	char text[TROUBLE_TEXT];
	if (link_asks_role(l) && l->steps == steps_at_role(l)) {
		l->steps--;
		if (role_is_usable(v, is_error))
			return;
		if (is_error)
			link_fail(l, "it refused ROLE: %s", trouble_text(l, v->s, text));
		else
			link_fail(l, "it is not a primary");
		return;
	}
	if (is_error) {
		link_fail(l, "it refused the login: %s", trouble_text(l, v->s, text));
		return;
	}
	if (--l->steps == 0 && !l->conf.channel &&
		(l->reader.done != l->reader.fed || l->stream.in.len))
		/* more bytes would be taken for replies to the held commands */
		link_fail(l, "it sent more replies than the login has commands");
	else if (l->steps == 0)
		link_ready(l);
}

/* ---- opening a connection ------------------------------------------------------------------ */

static void link_on_open(struct stream *s)
{
	struct redis_link *l = s->data;
	const struct redis_url *u = &l->conf.url;
	stat_inc(STAT_REDIS_CONNECTS);
	char db[16];
	int n = snprintf(db, sizeof(db), "%u", u->db), bad = 0;
	sluice_str auth[] = { STR("AUTH"), u->user.len ? u->user : u->password, u->password };
	sluice_str select[] = { STR("SELECT"), str_n(db, (size_t)n) };
	sluice_str role[] = { STR("ROLE") };
	sluice_str ping[] = { STR("PING") };

	if (u->password.len) {
		bad |= resp_command(&s->out, auth, u->user.len ? 3 : 2);
		l->steps++;
	}
	if (u->db) {
		bad |= resp_command(&s->out, select, 2);
		l->steps++;
	}
	if (link_asks_role(l)) {
		bad |= resp_command(&s->out, role, 1);
		l->steps++;
	}
	bad |= resp_command(&s->out, ping, 1);
	l->steps++;
	if (l->conf.channel) {
		sluice_str subscribe[] = { STR("SUBSCRIBE"), l->conf.channel->name };
		bad |= resp_command(&s->out, subscribe, 2);
		l->steps++;
	}
	check(bad == 0, "a login of %u commands could not be formatted", l->steps);
	/* a server that failed must answer as fast as a call needs, or it is no use yet */
	if (l->is_down)
		worker_timer(l->worker, &l->timer, l->conf.timeout_ns);
	stream_kick(s);
}

static void link_on_fail(struct stream *s, int error)
{
	struct redis_link *l = s->data;
	if (l->state == REDIS_OPENING && l->steps == 0 && l->at_addr < l->n_addrs) {
		/* the next address is tried after the callback of this stream returned */
		stream_close(s);
		l->has_stream = false;
		worker_at_turn_end(l->worker, &l->at_turn_end);
		return;
	}
	char tls[LINK_REASON];
	const char *why = strerror(error);
	if (error < 0)
		why = tls_error_text(s, tls, sizeof(tls)) ? tls : "TLS failed";
	if (l->state == REDIS_READY)
		link_ended(l, why);
	else
		link_fail(l, "%s", why);
}

static const struct stream_user link_stream = {
	.on_open = link_on_open,
	.on_readable = link_on_readable,
	.on_fail = link_on_fail,
};

void link_connect(struct redis_link *l)
{
	int error = -EADDRNOTAVAIL;
	resp_reset(&l->reader);
	l->steps = 0;
	while (l->at_addr < l->n_addrs) {
		const struct transport *t = l->conf.tls ? &transport_tls : &transport_plain;
		void *tls = NULL;
		if (l->conf.tls)
			tls = tls_client_start(l->conf.tls, l->worker->id, l->to->name.data,
				&l->session);
		error = stream_connect(&l->stream, l->worker, &l->addrs[l->at_addr++], t, tls,
			&link_stream, l);
		if (error == 0) {
			l->has_stream = true;
			return;
		}
	}
	link_fail(l, "%s", strerror(-error));
}

void link_on_address(struct resolve_call *r, const struct resolve_answer *a)
{
	struct redis_link *l = container_of(r, struct redis_link, resolve);
	if (a->error) {
		link_fail(l, "%s", a->error);
		return;
	}
	l->n_addrs = a->n < RESOLVE_TRIED_MAX ? a->n : RESOLVE_TRIED_MAX;
	l->at_addr = 0;
	memcpy(l->addrs, a->addrs, l->n_addrs * sizeof(a->addrs[0]));
	link_connect(l);
}

void link_go_to(struct redis_link *l, const struct redis_host *h)
{
	l->to = h;
	if (h->addr.len == 0) {
		resolve_start(l->worker, &l->resolve, h->name, h->port);
		return;
	}
	l->addrs[0] = h->addr;
	l->n_addrs = 1;
	l->at_addr = 0;
	link_connect(l);
}

void link_begin(struct redis_link *l)
{
	l->begun = true;
	l->steps = 0;
	worker_timer(l->worker, &l->timer, l->conf.connect_timeout_ns);
	if (l->conf.url.kind == REDIS_SENTINEL)
		sentinel_ask(l);
	else
		link_go_to(l, &l->conf.url.hosts[l->at_host]);
}
