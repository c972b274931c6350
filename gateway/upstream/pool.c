/* Connections to an endpoint. */
#include "upstream/pool.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/stat.h"
#include "tls/transport.h"

static void pool_on_open(struct http1_conn *c);
static void pool_on_free(struct http1_conn *c);
static void pool_on_gone(struct http1_conn *c, int err);

static const struct http1_conn_owner pool_owner = {
	.on_open = pool_on_open,
	.on_free = pool_on_free,
	.on_gone = pool_on_gone,
};

/* The connection is closed, or closes by itself. May be the endpoint's end. */
static void link_free(struct link *l)
{
	struct endpoint *e = l->endpoint;
	if (l->state == LINK_IDLE)
		e->n_idle--;
	e->n_links--;
	stat_dec(STAT_UPSTREAM_CONNECTIONS);
	list_del(&l->at);
	free(l);
	endpoint_changed(e);
	endpoint_unref(&e);
}

static void link_close(struct link *l)
{
	http1_conn_close(l->conn);
	link_free(l);
}

static void link_set_idle(struct link *l)
{
	struct endpoint *e = l->endpoint;
	l->state = LINK_IDLE;
	l->on_done = NULL;
	l->user = NULL;
	list_del(&l->at);
	list_push_front(&e->idle, &l->at);
	e->n_idle++;
	endpoint_ref(e); /* what follows may close the last connection */
	pool_close_idle(e, list_is_empty(&e->slots) ? 0 : e->bounds.max_idle);
	endpoint_changed(e);
	endpoint_unref(&e);
}

/* ---- what connections tell ---------------------------------------------------------------------------------------- */

static void pool_on_open(struct http1_conn *c)
{
	struct link *l = http1_conn_owner_data(c);
	l->endpoint->n_connects++;
	stat_inc(STAT_UPSTREAM_CONNECTS);
	if (!l->on_done) {
		link_set_idle(l);
		return;
	}
	l->state = LINK_BUSY;
	list_del(&l->at);
	l->on_done(l->user, l, 0);
}

static void pool_on_free(struct http1_conn *c)
{
	link_set_idle(http1_conn_owner_data(c));
}

static void pool_on_gone(struct http1_conn *c, int err)
{
	struct link *l = http1_conn_owner_data(c);
	pool_done on_done = NULL;
	void *user = l->user;

	if (l->state == LINK_OPENING) {
		struct endpoint *e = l->endpoint;
		e->n_connect_failures++;
		stat_inc(STAT_UPSTREAM_CONNECT_FAILURES);
		(void)snprintf(e->why, sizeof(e->why), "%s", http1_conn_why(c));
		on_done = l->on_done;
	}
	link_free(l); /* first: it does not count any more when its owner looks for another */
	if (on_done)
		on_done(user, NULL, err);
}

/* ---- what calls ask for ------------------------------------------------------------------------------------------- */

static bool conf_eq(const struct http1_conn_conf *a, const struct http1_conn_conf *b)
{
	return a->connect_ns == b->connect_ns && a->response_ns == b->response_ns && a->idle_ns == b->idle_ns &&
	       a->max_head == b->max_head && a->max_fields == b->max_fields;
}

struct link *pool_take(struct endpoint *e, const struct http1_conn_conf *conf)
{
	list_each_safe(at, &e->idle) {
		struct link *l = container_of(at, struct link, at);
		if (!conf_eq(&l->conf, conf) || http1_conn_is_stale(l->conn)) {
			link_close(l);
			continue;
		}
		list_del(&l->at);
		e->n_idle--;
		e->n_reused++;
		stat_inc(STAT_UPSTREAM_REUSED);
		l->state = LINK_BUSY;
		endpoint_changed(e);
		return l;
	}
	return NULL;
}

int pool_open(struct endpoint *e, const struct http1_conn_conf *conf, struct tls_client *tls,
              pool_done on_done, void *user, struct link **out)
{
	struct worker *w = e->part->worker;
	const struct transport *t = &transport_plain;
	void *session = NULL;
	int err = 0;

	if (tls) {
		t = &transport_tls;
		session = tls_client_start(tls, w->id, e->key.host.data, &e->session);
		if (!session)
			return ERR_UPSTREAM_TLS;
	}
	if (e->bounds.max_links && e->n_links >= e->bounds.max_links && e->n_idle)
		pool_close_idle(e, e->n_idle - 1);
	struct link *l = calloc(1, sizeof(*l));
	check(l, "out of memory: %zu bytes", sizeof(*l));
	l->conn = http1_conn_open(w, &e->key.addr, t, session, conf, &pool_owner, l, &err);
	if (!l->conn) {
		free(l);
		e->n_connect_failures++;
		stat_inc(STAT_UPSTREAM_CONNECT_FAILURES);
		e->why[0] = 0;
		return err;
	}
	l->conf = *conf;
	l->since_ns = worker_now(w);
	l->on_done = on_done;
	l->user = user;
	l->endpoint = e;
	endpoint_ref(e);
	list_push(&e->opening, &l->at);
	e->n_links++;
	stat_inc(STAT_UPSTREAM_CONNECTIONS);
	endpoint_changed(e);
	*out = l;
	return 0;
}

void pool_forsake(struct link *l)
{
	l->on_done = NULL;
	l->user = NULL;
	if (list_is_empty(&l->endpoint->slots))
		link_close(l);
}

void pool_close_idle(struct endpoint *e, uint32_t keep)
{
	endpoint_ref(e);
	while (e->n_idle > keep)
		link_close(container_of(e->idle.prev, struct link, at));
	endpoint_unref(&e);
}

void pool_close_opening(struct endpoint *e)
{
	endpoint_ref(e);
	list_each_safe(at, &e->opening) {
		struct link *l = container_of(at, struct link, at);
		if (!l->on_done)
			link_close(l);
	}
	endpoint_unref(&e);
}
