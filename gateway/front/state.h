/*
 * What the files of front/ share: the listeners and connections of one worker, and the settings of
 * a listener. Only for front/. Its worker's thread.
 */
#ifndef FRONT_STATE_H
#define FRONT_STATE_H

#include "base/series.h"
#include "front/count.h"
#include "front/front.h"
#include "front/gate.h"
#include "front/refusal.h"
#include "http/codec.h"
#include "net/listener.h"
#include "net/stream.h"

struct front;

/* The address of a listener, shared by all settings it ever had. Once the listener is gone its
 * connections are drained. */
struct front_place {
	unsigned refs;
	struct front *front; /* borrowed */
	/* once the listener is gone: when its last connections are closed */
	struct timer timer;
	uint64_t drain_idle_ns; /* 0: the listener is there */
};

/* The settings a connection began with; a reload makes new ones, and these stay while a connection
 * has them. */
struct front_settings {
	unsigned refs;
	struct front *front;       /* borrowed: outlives its connections */
	struct front_place *place; /* shared: ref */
	struct codec_conf codec;
	uint64_t protocols; /* enum front_protocol */
	/* shared: ref; peers whose connections begin with a PROXY header; NULL: none */
	struct cidr_set *balancers;
	struct conn_listener shared; /* its trusted proxies: shared: ref */
	/* borrowed: the listener has it while these are its settings, and so has each connection
	 * that is open; NULL: there is none */
	struct conn_gate *gate;
	uint64_t proxy_header_ns;
	unsigned max_per_client; /* connections; 0: no bound */
	bool match_host;         /* of TLS connections */
	/* its clients are counted for this listener, not for all that say auto */
	bool counts_alone;
	struct addr addr;
	series_id accepted; /* its metric */
	char name[64 + 1];
};

struct front_listener {
	struct list link; /* front.listeners */
	struct front *front;
	struct acceptor *acceptors; /* owned: one for each of its sockets */
	unsigned n_acceptors;
	struct front_settings *settings; /* shared: ref */
	struct front_place *place;       /* shared: ref */
	struct tls_server *tls;          /* borrowed: of the snapshot in force */
	bool marked;                     /* front_apply: the listener stays */
};

struct front {
	struct worker *worker;
	/* borrowed; NULL: connections here are not counted among those of clients */
	struct counts *counts;
	struct list listeners, conns;
	unsigned n_conns;           /* of this worker */
	struct front_bounds bounds; /* connections: of the process; without counts, of this front */
	uint64_t next_id;
	struct refusals refusals;
	bool draining, paused;
	uint64_t drain_idle_ns;
	void (*on_empty)(void *ctx);
	void *on_empty_ctx;
};

struct front_conn;

/* settings.c */
/* codec.on_closed, shared.stream and shared.plugged are for the caller to set. */
struct front_settings *front_settings_new(struct front *f, const struct front_listener_args *a,
	struct front_place *place);
struct front_settings *front_settings_ref(struct front_settings *s);
void front_settings_unref(struct front_settings **s);

/* place.c */
/* on_due: the grace is over. */
struct front_place *front_place_new(struct front *f, void (*on_due)(struct timer *t));
struct front_place *front_place_ref(struct front_place *p);
void front_place_unref(struct front_place **p);
/* Its listener is gone: drain its connections, and close them when the grace is over. */
void front_place_remove(struct front_place *p, uint64_t idle_ns, uint64_t grace_ns);
static inline bool front_place_is_removed(const struct front_place *p)
{
	return p->drain_idle_ns != 0;
}

/* conn.c: of the list front.conns */
void front_conn_on_accept(struct acceptor *a, int fd, const struct addr *peer);
void front_conn_on_closed(struct conn_info *info);
struct front_conn *front_conn_of(struct list *link);
void front_conn_drain(struct front_conn *c, uint64_t idle_ns);
const struct front_place *front_conn_place(const struct front_conn *c);
void front_conn_abort(struct front_conn *c);
/* of conn_listener */
const struct stream *front_conn_stream(const struct conn_info *info);
struct sluice_conn *front_conn_plugged(const struct conn_info *info);

#endif
