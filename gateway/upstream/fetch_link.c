/* Connections of fetches by URL. See the header. */
#include "upstream/fetch_link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/stat.h"
#include "net/tunnel_transport.h"
#include "tls/client.h"
#include "tls/transport.h"
#include "upstream/endpoint.h"

/* Of a worker, in its upstream_part. */
struct fetch_part {
	struct list idle; /* struct fetch_link, the one used last comes last */
	unsigned n_idle;
};

struct fetch_link {
	struct list at;               /* in fetch_part.idle */
	struct worker *worker;        /* borrowed */
	struct fetch_part *part;      /* borrowed */
	struct http1_conn *conn;      /* owned */
	struct fetch_link_user *user; /* borrowed; NULL: idle, or its fetch is over */
	uint64_t identity[2];         /* of its TLS client; 0, 0: plain */
	uint64_t tunnel[2];           /* of its tunnel; 0, 0: it has none */
	uint16_t port;
	bool keep;
	char host[];
};

static struct fetch_link *link_first(const struct fetch_part *p)
{
	return container_of(p->idle.next, struct fetch_link, at);
}

static void link_close(struct fetch_link *l);

static void link_part_end(struct fetch_part *p)
{
	while (!list_is_empty(&p->idle))
		link_close(link_first(p));
	free(p);
}

static struct fetch_part *link_part(struct worker *w)
{
	struct upstream_part *u = upstream_part_of(w);
	if (!u->fetches) {
		u->fetches = mem_new(struct fetch_part);
		list_init(&u->fetches->idle);
		u->end_fetches = link_part_end;
	}
	return u->fetches;
}

/* Take it off the idle ones. */
static void link_take_off(struct fetch_part *p, struct fetch_link *l)
{
	list_del(&l->at);
	p->n_idle--;
}

static void link_free(struct fetch_link *l)
{
	if (!list_is_empty(&l->at))
		link_take_off(l->part, l);
	quota_give(&l->worker->shares->quota[SHARE_FETCHES]);
	free(l);
}

static void link_close(struct fetch_link *l)
{
	http1_conn_close(l->conn);
	link_free(l);
}

/* ---- events of the connection -------------------------------------------------------------- */

static void link_on_open(struct http1_conn *conn)
{
	struct fetch_link *l = http1_conn_owner_data(conn);
	l->user->on_open(l->user);
}

/* Its request is done, and the fetch has left. */
static void link_on_free(struct http1_conn *conn)
{
	struct fetch_link *l = http1_conn_owner_data(conn);
	if (!l->keep) {
		link_close(l);
		return;
	}
	struct fetch_part *p = l->part;
	if (p->n_idle == FETCH_LINKS_IDLE)
		link_close(link_first(p));
	list_push(&p->idle, &l->at);
	p->n_idle++;
}

static void link_on_gone(struct http1_conn *conn, int err)
{
	struct fetch_link *l = http1_conn_owner_data(conn);
	struct fetch_link_user *user = l->user;
	const char *why = http1_conn_why(conn);
	link_free(l);
	if (user)
		user->on_gone(user, err, why);
}

static const struct http1_conn_owner owner = {
	.on_open = link_on_open,
	.on_free = link_on_free,
	.on_gone = link_on_gone,
};

/* ---- use ----------------------------------------------------------------------------------- */

static void link_identity(const struct fetch_place *p, uint64_t out[2])
{
	out[0] = out[1] = 0;
	if (p->tls)
		tls_client_identity(p->tls, out);
}

/* The proxy and its credentials; what host it leads to is compared elsewhere. */
static void link_tunnel(const struct fetch_place *p, uint64_t out[2])
{
	char via[300];
	out[0] = out[1] = 0;
	if (!p->via)
		return;
	int n = snprintf(via, sizeof(via), "%s:%u", p->via, p->via_port);
	uint64_t proxy[2];
	hash_str128(str_n(via, (size_t)n < sizeof(via) ? (size_t)n : sizeof(via) - 1), proxy);
	hash_str128(p->connect, out);
	out[0] ^= proxy[0];
	out[1] ^= proxy[1];
}

static bool link_leads_to(const struct fetch_link *l, const struct fetch_place *p,
	const uint64_t identity[2], const uint64_t tunnel[2])
{
	return l->port == p->port && l->identity[0] == identity[0] &&
		l->identity[1] == identity[1] && l->tunnel[0] == tunnel[0] &&
		l->tunnel[1] == tunnel[1] && strcmp(l->host, p->host) == 0;
}

struct fetch_link *fetch_link_take(struct worker *w, const struct fetch_place *p,
	struct fetch_link_user *user)
{
	struct fetch_part *part = link_part(w);
	uint64_t identity[2], tunnel[2];
	if (!p->keep)
		return NULL;
	link_identity(p, identity);
	link_tunnel(p, tunnel);
	for (struct list *e = part->idle.prev, *before; e != &part->idle; e = before) {
		struct fetch_link *l = container_of(e, struct fetch_link, at);
		before = e->prev;
		if (!link_leads_to(l, p, identity, tunnel))
			continue;
		if (http1_conn_check_stale(l->conn)) {
			link_close(l);
			continue;
		}
		link_take_off(part, l);
		l->user = user;
		return l;
	}
	return NULL;
}

static bool link_take_quota(struct worker *w)
{
	const struct fetch_part *p = link_part(w);
	struct quota *q = &w->shares->quota[SHARE_FETCHES];
	if (quota_take(q))
		return true;
	if (!list_is_empty(&p->idle)) {
		link_close(link_first(p));
		if (quota_take(q))
			return true;
	}
	stat_inc(STAT_SHORTAGE_FETCHES);
	return false;
}

/* session: NULL for plain; it is given away. */
static struct http1_conn *link_connect(struct fetch_link *l, const struct fetch_place *p,
	const struct addr *to, const struct http1_conn_conf *conf, void *session, int *err)
{
	const struct transport *t = session ? &transport_tls : &transport_plain;
	void *state = session;
	if (p->via) {
		state = tunnel_new(p->connect, t, state);
		t = &transport_tunnel;
	}
	return http1_conn_open(l->worker, to, t, state, conf, &owner, l, err);
}

struct fetch_link *fetch_link_open(struct worker *w, const struct fetch_place *p,
	const struct addr *to, const struct http1_conn_conf *conf, struct fetch_link_user *user,
	int *err)
{
	size_t len = strlen(p->host) + 1;
	*err = ERR_NO_DESCRIPTORS;
	if (!link_take_quota(w))
		return NULL;
	struct fetch_link *l = mem_zeroed(1, sizeof(*l) + len, "struct fetch_link");
	list_init(&l->at);
	l->worker = w;
	l->part = link_part(w);
	l->user = user;
	l->port = p->port;
	l->keep = p->keep;
	link_identity(p, l->identity);
	link_tunnel(p, l->tunnel);
	memcpy(l->host, p->host, len);
	void *session = p->tls ? tls_client_start(p->tls, w->id, p->host, NULL) : NULL;
	*err = ERR_UPSTREAM_TLS;
	if (!p->tls || session)
		l->conn = link_connect(l, p, to, conf, session, err);
	if (l->conn)
		return l;
	link_free(l);
	return NULL;
}

struct origin *fetch_link_begin(struct fetch_link *l, const struct origin_events *events,
	void *user, struct arena *arena)
{
	return http1_conn_begin(l->conn, events, user, arena);
}

void fetch_link_leave(struct fetch_link *l, struct origin *o)
{
	l->user = NULL;
	if (o)
		o->ops->release(o); /* on_free or on_gone comes from within, or later */
	else
		link_close(l);
}
