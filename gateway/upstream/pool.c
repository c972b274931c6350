/* Connections to an endpoint. */
#include "upstream/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/stat.h"
#include "net/proxy_transport.h"
#include "net/shortage.h"
#include "tls/transport.h"

enum {
	/* requests at a time that a server is taken to allow until it tells its limit (RFC 9113
	 * 6.5.2) */
	STREAMS_EXPECTED = 100,
	/* how many connections of other clients are looked at, to find one of this client */
	LOOK_MAX = 256,
};

static void pool_on_http1_open(struct http1_conn *c);
static void pool_on_http1_free(struct http1_conn *c);
static void pool_on_http1_gone(struct http1_conn *c, int err);
static void pool_on_http2_open(struct http2_conn *c);
static void pool_on_http2_chose_http1(struct http2_conn *c, struct stream *s);
static void pool_on_http2_change(struct http2_conn *c);
static void pool_on_http2_gone(struct http2_conn *c, int err);

static const struct http1_conn_owner http1_owner = {
	.on_open = pool_on_http1_open,
	.on_free = pool_on_http1_free,
	.on_gone = pool_on_http1_gone,
};

static const struct http2_conn_owner http2_owner = {
	.on_open = pool_on_http2_open,
	.on_http1 = pool_on_http2_chose_http1,
	.on_change = pool_on_http2_change,
	.on_gone = pool_on_http2_gone,
};

/* ---- links --------------------------------------------------------------------------------- */

static void link_bury(struct grave *g)
{
	free(container_of(g, struct link, grave));
}

/* Set what the link adds to the endpoint's n_extra and n_room. */
static void link_count(struct link *l, uint32_t extra, uint32_t room)
{
	struct endpoint *e = l->endpoint;
	e->n_extra += extra - l->extra;
	e->n_room += room - l->room;
	l->extra = extra;
	l->room = room;
}

/* The connection is closed, or closes by itself. This may free the endpoint. */
static void link_free(struct link *l)
{
	struct endpoint *e = l->endpoint;
	check(l->n_asks == 0, "a connection goes that %u requests wait for", (unsigned)l->n_asks);
	if (l->state == LINK_IDLE)
		endpoint_count_idle(e, -1);
	e->n_links--;
	stat_dec(STAT_UPSTREAM_CONNECTIONS);
	quota_give(&e->part->worker->shares->quota[SHARE_UPSTREAM]);
	link_count(l, 0, 0);
	list_del(&l->at);
	list_del(&l->hook.link);
	l->h1 = NULL;
	l->h2 = NULL;
	worker_bury(e->part->worker, &l->grave, link_bury);
	endpoint_changed(e);
	endpoint_unref(&e);
}

static void link_close(struct link *l)
{
	if (l->h1)
		http1_conn_close(l->h1);
	else
		http2_conn_close(l->h2);
	link_free(l);
}

static void link_set_idle(struct link *l)
{
	struct endpoint *e = l->endpoint;
	l->state = LINK_IDLE;
	list_del(&l->at);
	list_push_front(&e->idle, &l->at);
	endpoint_count_idle(e, 1);
	uint32_t keep = endpoint_is_wanted(e) ? e->bounds.max_idle : 0;
	if (likely(e->n_idle <= keep)) {
		endpoint_changed(e);
		return;
	}
	endpoint_ref(e); /* keep e: what follows may close its last connection */
	pool_close_idle(e, keep);
	endpoint_changed(e);
	endpoint_unref(&e);
}

/* ---- links that are shared ----------------------------------------------------------------- */

static uint32_t link_load(const struct link *l)
{
	return l->n_asks + (l->h2 ? http2_conn_load(l->h2) : 0);
}

/* How many requests the link is expected to take, until the server tells its limit. */
static uint32_t link_expects(const struct link *l)
{
	const struct endpoint *e = l->endpoint;
	uint32_t n = e->last_limit ? e->last_limit : STREAMS_EXPECTED;
	if (link_is_http1(l->conf.protocol) || (l->conf.protocol == LINK_EITHER && e->chose_http1))
		return 1;
	return n < l->conf.max_streams ? n : l->conf.max_streams;
}

/* The state of an open link. */
static enum link_state link_where(const struct link *l)
{
	uint32_t room = http2_conn_room(l->h2);
	if (room)
		return link_load(l) ? LINK_SHARED : LINK_IDLE;
	return http2_conn_stage(l->h2) == HTTP2_NEW ? LINK_OPENING : LINK_BUSY;
}

static void link_move(struct link *l, enum link_state to)
{
	struct endpoint *e = l->endpoint;
	if (l->state == (uint8_t)to)
		return;
	if (l->state == LINK_IDLE)
		endpoint_count_idle(e, -1);
	list_del(&l->at);
	if (to == LINK_SHARED)
		list_push(&e->shared, &l->at);
	else if (to == LINK_OPENING)
		list_push(&e->opening, &l->at);
	else if (to == LINK_BUSY)
		list_push(&e->busy, &l->at);
	l->state = (uint8_t)to;
}

/* What the link carries, what it takes, or who waits for it has changed. A link that carries
 * nothing may be closed by this. */
static void link_update(struct link *l)
{
	enum http2_stage stage = http2_conn_stage(l->h2);
	enum link_state to = stage == HTTP2_CONNECTING ? LINK_OPENING : link_where(l);
	uint32_t load = link_load(l), room = http2_conn_room(l->h2);

	/* the server allows no requests: close it, since it would count as in use */
	if (stage == HTTP2_OPEN && load == 0 && http2_conn_limit(l->h2) == 0) {
		link_close(l);
		return;
	}
	if (to == LINK_IDLE) {
		link_count(l, 0, 0);
		if (l->state != LINK_IDLE)
			link_set_idle(l);
		return;
	}
	if (to == LINK_OPENING)
		room = link_expects(l) > load ? link_expects(l) - load : 0;
	link_move(l, to);
	link_count(l, load ? load - 1 : 0, room);
	endpoint_changed(l->endpoint);
}

/* ---- who waits ----------------------------------------------------------------------------- */

static struct pool_ask *link_pop_ask(struct link *l)
{
	struct pool_ask *a = container_of(list_pop(&l->asks), struct pool_ask, at);
	l->n_asks--;
	a->link = NULL;
	return a;
}

/* Move all asks that wait for the link to the list. */
static void link_take_asks(struct link *l, struct list *out)
{
	list_init(out);
	while (l->n_asks)
		list_push(out, &link_pop_ask(l)->at);
}

/* first: the oldest of the asks is told to count the failure. */
static void asks_answer(struct list *asks, int err, bool first)
{
	struct list *at;
	while ((at = list_pop(asks))) {
		struct pool_ask *a = container_of(at, struct pool_ask, at);
		a->first = first;
		first = false;
		a->on_done(a, NULL, err);
	}
}

/* Answer as many asks as there is room for. Once the server has told its limit, the others look for
 * another connection. */
static void link_serve(struct link *l)
{
	struct list others;
	while (l->n_asks && http2_conn_room(l->h2)) {
		struct pool_ask *a = link_pop_ask(l);
		a->on_done(a, l, 0);
	}
	if (l->n_asks == 0 || http2_conn_stage(l->h2) != HTTP2_OPEN)
		return;
	bool takes_any = http2_conn_limit(l->h2) > 0;
	link_take_asks(l, &others);
	link_update(l);
	asks_answer(&others, takes_any ? 0 : ERR_UPSTREAM_REFUSED, true);
}

static void link_on_turn_end(struct turn_hook *h)
{
	link_serve(container_of(h, struct link, hook));
}

/* The connection was lost, or could not be made. */
static void link_fail(struct link *l, int err)
{
	struct list asks;
	bool first = !l->loss_counted;
	link_take_asks(l, &asks);
	/* before the asks are answered: it must not count when they look for another connection */
	link_free(l);
	asks_answer(&asks, err, first);
}

static void link_count_open(struct link *l)
{
	struct endpoint *e = l->endpoint;
	e->n_connects++;
	e->why[0] = 0;
	stat_inc(STAT_UPSTREAM_CONNECTS);
}

static void link_count_failure(struct link *l, int err, const char *why)
{
	struct endpoint *e = l->endpoint;
	if (shortage_is(err))
		return; /* the gateway's own shortage, not the server's failure */
	e->n_connect_failures++;
	stat_inc(STAT_UPSTREAM_CONNECT_FAILURES);
	(void)snprintf(e->why, sizeof(e->why), "%s", why);
}

/* ---- what connections of HTTP/1.1 tell ----------------------------------------------------- */

static void link_http1_open(struct link *l)
{
	link_count_open(l);
	if (l->n_asks == 0) {
		link_set_idle(l);
		return;
	}
	l->state = LINK_BUSY;
	list_del(&l->at);
	list_push(&l->endpoint->busy, &l->at);
	struct pool_ask *a = link_pop_ask(l);
	a->on_done(a, l, 0);
}

static void pool_on_http1_open(struct http1_conn *c)
{
	link_http1_open(http1_conn_owner_data(c));
}

static void pool_on_http1_free(struct http1_conn *c)
{
	link_set_idle(http1_conn_owner_data(c));
}

static void pool_on_http1_gone(struct http1_conn *c, int err)
{
	struct link *l = http1_conn_owner_data(c);
	if (l->state == LINK_OPENING)
		link_count_failure(l, err, http1_conn_why(c));
	link_fail(l, err);
}

/* ---- what connections of HTTP/2 tell ------------------------------------------------------- */

static void pool_on_http2_open(struct http2_conn *c)
{
	struct link *l = http2_conn_owner_data(c);
	link_count_open(l);
	l->endpoint->chose_http1 = false;
	if (l->n_asks)
		link_serve(l);
	else
		link_update(l);
}

/* The asks that waited together need one connection each now; the first gets this one. */
static void pool_on_http2_chose_http1(struct http2_conn *c, struct stream *s)
{
	struct link *l = http2_conn_owner_data(c);
	struct list asks, *first;

	l->endpoint->chose_http1 = true;
	link_take_asks(l, &asks);
	link_count(l, 0, 0);
	l->h2 = NULL; /* the HTTP/2 connection frees itself */
	l->h1 = http1_conn_adopt(s, &l->conf.http1, &http1_owner, l);
	if (!l->h1) {
		link_count_failure(l, ERR_CONNECT_FAILED, "");
		link_free(l);
		asks_answer(&asks, ERR_CONNECT_FAILED, true);
		return;
	}
	first = list_pop(&asks);
	if (first) {
		struct pool_ask *a = container_of(first, struct pool_ask, at);
		list_push(&l->asks, &a->at);
		a->link = l;
		l->n_asks = 1;
	}
	link_http1_open(l);
	asks_answer(&asks, 0, false);
}

static void pool_on_http2_change(struct http2_conn *c)
{
	struct link *l = http2_conn_owner_data(c);
	uint32_t limit = http2_conn_limit(c);
	if (limit)
		l->endpoint->last_limit = limit;
	if (l->n_asks) /* not at once: the caller may be an exchange that has just made room */
		worker_at_turn_end(l->endpoint->part->worker, &l->hook);
	link_update(l);
}

static void pool_on_http2_gone(struct http2_conn *c, int err)
{
	struct link *l = http2_conn_owner_data(c);
	if (err)
		link_count_failure(l, err, http2_conn_why(c));
	link_fail(l, err); /* 0: asks that still wait look for another connection */
}

/* ---- what calls ask for -------------------------------------------------------------------- */

static bool conf_eq(const struct link_conf *a, const struct link_conf *b)
{
	return a->http1.connect_ns == b->http1.connect_ns &&
		a->http1.response_ns == b->http1.response_ns &&
		a->http1.idle_ns == b->http1.idle_ns && a->http1.max_head == b->http1.max_head &&
		a->http1.max_fields == b->http1.max_fields &&
		a->http1.lenient == b->http1.lenient && a->protocol == b->protocol &&
		a->max_streams == b->max_streams && a->ping_ns == b->ping_ns;
}

/* 0, 0 for an empty header. */
static void header_hash(sluice_str header, uint64_t out[2])
{
	out[0] = out[1] = 0;
	if (header.len)
		hash_str128(header, out);
}

static bool link_is_stale(struct link *l)
{
	return l->h1 ? http1_conn_check_stale(l->h1) : http2_conn_check_stale(l->h2);
}

/* The first link that has room, so that the others become idle when there are more than needed. */
static struct link *pool_take_shared(struct endpoint *e, const struct link_conf *conf)
{
	list_each_safe (at, &e->shared) {
		struct link *l = container_of(at, struct link, at);
		if (!conf_eq(&l->conf, conf))
			http2_conn_retire(l->h2);
		else if (!http2_conn_check_stale(l->h2))
			return l;
	}
	return NULL;
}

struct link *pool_take(struct endpoint *e, const struct link_conf *conf, sluice_str header)
{
	uint64_t own[2];
	unsigned others = 0;
	header_hash(header, own);
	if (!link_is_http1(conf->protocol)) {
		struct link *l = pool_take_shared(e, conf);
		if (l) {
			e->n_reused++;
			stat_inc(STAT_UPSTREAM_REUSED);
			return l;
		}
	}
	list_each_safe (at, &e->idle) {
		struct link *l = container_of(at, struct link, at);
		if (l->header[0] != own[0] || l->header[1] != own[1]) {
			if (++others == LOOK_MAX)
				break;
			continue;
		}
		if (!conf_eq(&l->conf, conf) || link_is_stale(l)) {
			link_close(l);
			continue;
		}
		e->n_reused++;
		stat_inc(STAT_UPSTREAM_REUSED);
		if (l->h2)
			return l;
		list_del(&l->at);
		list_push(&e->busy, &l->at);
		endpoint_count_idle(e, -1);
		l->state = LINK_BUSY;
		endpoint_changed(e);
		return l;
	}
	return NULL;
}

struct origin *pool_begin(struct link *l, const struct origin_events *events, void *user,
	struct arena *arena)
{
	if (likely(l->h1))
		return http1_conn_begin(l->h1, events, user, arena);
	struct origin *o = http2_conn_begin(l->h2, events, user, arena);
	link_update(l);
	return o;
}

/* A connection of HTTP/2 that is being made and will have room for one more request. */
static struct link *pool_join(struct endpoint *e, const struct link_conf *conf)
{
	if (link_is_http1(conf->protocol))
		return NULL;
	list_each (at, &e->opening) {
		struct link *l = container_of(at, struct link, at);
		if (l->h2 && conf_eq(&l->conf, conf) && link_load(l) < link_expects(l))
			return l;
	}
	return NULL;
}

/* A connection of HTTP/1.1 that is being made and that no ask waits for: these stand first in the
 * list. Without this, clients that ask and leave over and over would cause a connection for every
 * request. */
static struct link *pool_adopt(struct endpoint *e, const struct link_conf *conf, sluice_str header)
{
	uint64_t own[2];
	unsigned looked = 0;
	header_hash(header, own);
	list_each (at, &e->opening) {
		struct link *l = container_of(at, struct link, at);
		if (!l->h1 || l->n_asks || ++looked == LOOK_MAX)
			return NULL;
		if (l->header[0] == own[0] && l->header[1] == own[1] && conf_eq(&l->conf, conf)) {
			list_del(&l->at);
			list_push(&e->opening, &l->at);
			return l;
		}
	}
	return NULL;
}

static int link_connect(struct link *l, struct tls_client *tls, sluice_str header)
{
	struct endpoint *e = l->endpoint;
	struct worker *w = e->part->worker;
	const struct http1_conn_conf *conf = &l->conf.http1;
	const struct transport *t = tls ? &transport_tls : &transport_plain;
	void *session = tls ? tls_client_start(tls, w->id, e->key.host.data, &e->session) : NULL;
	int err = 0;

	if (tls && !session)
		return ERR_UPSTREAM_TLS;
	if (tls && l->conf.protocol == LINK_HTTP1_CHOSEN)
		tls_client_offer_http1(session);
	if (header.len) {
		session = proxy_writer_new(header, t, session);
		t = &transport_proxy_writer;
	}
	if (link_is_http1(l->conf.protocol)) {
		l->h1 = http1_conn_open(w, &e->key.addr, t, session, conf, &http1_owner, l, &err);
		return l->h1 ? 0 : err;
	}
	struct http2_conn_conf http2 = {
		.connect_ns = conf->connect_ns,
		.response_ns = conf->response_ns,
		.ping_ns = l->conf.ping_ns,
		.idle_ns = conf->idle_ns,
		.max_head = conf->max_head,
		.max_fields = conf->max_fields,
		.max_requests = l->conf.max_streams,
		/* more than one only where the server told its limit on an earlier connection */
		.early = e->last_limit ? link_expects(l) : 1,
		.lenient = conf->lenient,
		.may_http1 = l->conf.protocol == LINK_EITHER,
	};
	l->h2 = http2_conn_open(w, &e->key.addr, t, session, &http2, &http2_owner, l, &err);
	return l->h2 ? 0 : err;
}

/* ---- room among all connections ------------------------------------------------------------ */

/* Close an idle connection of any endpoint, each endpoint in turn. False: this worker has none. */
static bool room_make(struct upstream_part *p)
{
	for (unsigned i = 0; p->n_idle && i < ENDPOINT_BUCKETS; i++) {
		struct list *bucket = &p->endpoints[(p->evict_at + i) % ENDPOINT_BUCKETS];
		list_each (at, bucket) {
			struct endpoint *e = container_of(at, struct endpoint, at);
			if (e->n_idle == 0)
				continue;
			p->evict_at = (p->evict_at + i + 1) % ENDPOINT_BUCKETS;
			stat_inc(STAT_UPSTREAM_EVICTED);
			link_close(container_of(e->idle.prev, struct link, at));
			return true;
		}
	}
	return false;
}

/* Take one more of the connections that all workers together may have. */
static int room_take(struct upstream_part *p)
{
	struct quota *q = &p->worker->shares->quota[SHARE_UPSTREAM];
	if (likely(quota_take(q)) || (room_make(p) && quota_take(q)))
		return 0;
	stat_inc(STAT_SHORTAGE_QUOTA);
	return ERR_NO_DESCRIPTORS;
}

void upstream_close_idle(struct worker *w)
{
	struct upstream_part *p = upstream_part_of(w);
	while (room_make(p))
		;
}

static int pool_connect(struct endpoint *e, const struct link_conf *conf, struct tls_client *tls,
	sluice_str header, struct link **out)
{
	struct link *l = mem_new(struct link);
	l->endpoint = e;
	l->conf = *conf;
	header_hash(header, l->header);
	int err = room_take(e->part), system = 0;
	if (!err) {
		err = link_connect(l, tls, header);
		system = errno;
		/* the process has more open descriptors than the quota counts */
		if (err == ERR_NO_DESCRIPTORS && room_make(e->part)) {
			err = link_connect(l, tls, header);
			system = errno;
		}
		if (err)
			quota_give(&e->part->worker->shares->quota[SHARE_UPSTREAM]);
	}
	if (err) {
		/* connecting to a unix socket fails at once when it is missing or not permitted */
		link_count_failure(l, err, err == ERR_CONNECT_FAILED ? strerror(system) : "");
		free(l);
		return err;
	}
	l->since_ns = worker_now(e->part->worker);
	list_init(&l->asks);
	turn_hook_init(&l->hook, link_on_turn_end);
	endpoint_ref(e);
	list_push(&e->opening, &l->at);
	e->n_links++;
	stat_inc(STAT_UPSTREAM_CONNECTIONS);
	*out = l;
	return 0;
}

bool pool_may_open(const struct endpoint *e)
{
	return e->bounds.max_links == 0 || e->n_links < e->bounds.max_links || e->n_idle;
}

int pool_open(struct endpoint *e, const struct link_conf *conf, struct tls_client *tls,
	sluice_str header, struct pool_ask *ask)
{
	struct link *l = pool_join(e, conf);
	check(!header.len || conf->protocol == LINK_HTTP1,
		"a PROXY header of %zu bytes before HTTP/2", header.len);
	if (!l)
		l = pool_adopt(e, conf, header);
	if (!l) {
		if (e->bounds.max_links && e->n_links >= e->bounds.max_links && e->n_idle)
			pool_close_idle(e, e->n_idle - 1);
		int err = pool_connect(e, conf, tls, header, &l);
		if (err)
			return err;
	}
	list_push(&l->asks, &ask->at);
	l->n_asks++;
	ask->link = l;
	ask->first = false;
	if (l->h2)
		link_update(l);
	else
		endpoint_changed(e);
	return 0;
}

void pool_cancel(struct pool_ask *ask)
{
	struct link *l = ask->link;
	list_del(&ask->at);
	ask->link = NULL;
	if (!l)
		return;
	l->n_asks--;
	if (!endpoint_is_wanted(l->endpoint) && link_load(l) == 0)
		link_close(l);
	else if (l->h2)
		link_update(l);
	else {
		list_del(&l->at);
		list_push_front(&l->endpoint->opening, &l->at);
	}
}

bool pool_report_loss(struct link *l)
{
	if (!l->h2 || http2_conn_stage(l->h2) != HTTP2_LOST)
		return true;
	bool first = !l->loss_counted;
	l->loss_counted = true;
	return first;
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
	list_each_safe (at, &e->opening) {
		struct link *l = container_of(at, struct link, at);
		if (link_load(l) == 0)
			link_close(l);
	}
	endpoint_unref(&e);
}
