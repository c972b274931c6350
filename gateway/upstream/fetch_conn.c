/* From a host to an open connection. */
#include "upstream/fetch_conn.h"

#include <stdio.h>

#include "base/stat.h"
#include "tls/transport.h"

enum {
	HEAD_MAX = 64 * 1024, /* of a response */
	FIELDS_MAX = 200,
};

/* A connection counts against the quota of fetches as long as it is there. */
static void fetch_conn_give_quota(struct fetch_conn *c)
{
	quota_give(&c->worker->shares->quota[SHARE_FETCHES]);
}

static void fetch_conn_on_open(struct http1_conn *conn)
{
	struct fetch_conn *c = http1_conn_owner_data(conn);
	c->origin = http1_conn_begin(conn, c->events, c->user, c->arena);
	c->why[0] = 0;
	c->on_ready(c);
}

static void fetch_conn_on_free(struct http1_conn *conn)
{
	http1_conn_close(conn);
}

static void fetch_conn_try(struct fetch_conn *c, int err);

static void fetch_conn_on_gone(struct http1_conn *conn, int err)
{
	struct fetch_conn *c = http1_conn_owner_data(conn);
	if (c->conn != conn)
		return; /* it was closed by fetch_conn_close() */
	c->conn = NULL;
	fetch_conn_give_quota(c);
	(void)snprintf(c->why, sizeof(c->why), "%s", http1_conn_why(conn));
	fetch_conn_try(c, err);
}

static const struct http1_conn_owner owner = {
	.on_open = fetch_conn_on_open,
	.on_free = fetch_conn_on_free,
	.on_gone = fetch_conn_on_gone,
};

/* Go on to the next address; each gets its share of the time that is left. err: of the address
 * before. */
static void fetch_conn_try(struct fetch_conn *c, int err)
{
	uint64_t now = worker_now(c->worker), left = c->due_ns > now ? c->due_ns - now : 1;

	c->stage = "a connection";
	if (!quota_take(&c->worker->shares->quota[SHARE_FETCHES])) {
		stat_inc(STAT_SHORTAGE_FETCHES);
		c->why[0] = 0;
		c->on_fail(c, ERR_NO_DESCRIPTORS);
		return;
	}
	while (c->at < c->n_addrs) {
		const struct http1_conn_conf conf = {
			.connect_ns = left / (c->n_addrs - c->at),
			.response_ns = left,
			.idle_ns = left,
			.max_head = HEAD_MAX,
			.max_fields = FIELDS_MAX,
		};
		const struct addr *to = &c->addrs[c->at++];
		void *session = c->tls ? tls_client_start(c->tls, c->worker->id, c->host, NULL)
				       : NULL;
		if (c->tls && !session) {
			err = ERR_UPSTREAM_TLS; /* drop what was said about the address before */
			c->why[0] = 0;
			break;
		}
		c->conn = http1_conn_open(c->worker, to,
			session ? &transport_tls : &transport_plain, session, &conf, &owner, c,
			&err);
		if (c->conn)
			return;
	}
	fetch_conn_give_quota(c);
	c->on_fail(c, err);
}

static void fetch_conn_on_answer(struct resolve_call *r, const struct resolve_answer *a)
{
	struct fetch_conn *c = container_of(r, struct fetch_conn, resolve);
	if (a->error) {
		(void)snprintf(c->why, sizeof(c->why), "%s", a->error);
		c->on_fail(c, ERR_NOT_RESOLVED);
		return;
	}
	memcpy(c->addrs, a->addrs, a->n * sizeof(a->addrs[0]));
	c->n_addrs = a->n;
	fetch_conn_try(c, 0);
}

void fetch_conn_init(struct fetch_conn *c, void (*on_ready)(struct fetch_conn *c),
	void (*on_fail)(struct fetch_conn *c, int err))
{
	*c = (struct fetch_conn){ .on_ready = on_ready, .on_fail = on_fail };
	resolve_call_init(&c->resolve, fetch_conn_on_answer);
}

void fetch_conn_open(struct fetch_conn *c, struct worker *w, const struct fetch_target *t,
	const struct origin_events *events, void *user, struct arena *arena)
{
	c->worker = w;
	c->host = t->host;
	c->tls = t->tls;
	c->due_ns = t->due_ns;
	c->events = events;
	c->user = user;
	c->arena = arena;
	c->stage = "the look-up of the name";
	resolve_start(w, &c->resolve, str_of(t->host), t->port);
}

void fetch_conn_close(struct fetch_conn *c)
{
	struct http1_conn *conn = c->conn;
	struct origin *o = c->origin;

	resolve_cancel(&c->resolve);
	c->conn = NULL;
	c->origin = NULL;
	if (conn)
		fetch_conn_give_quota(c);
	if (o)
		/* on_free or on_gone is called from within release(), and only closes the
		 * connection */
		o->ops->release(o);
	else if (conn)
		http1_conn_close(conn);
}
