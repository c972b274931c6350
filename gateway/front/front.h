/*
 * The connections of clients on one worker: accepts on every listener, counts connections, hands
 * each to the codec of its protocol, and on reload keeps the listeners whose address stays. A
 * connection keeps the settings it began with.
 */
#ifndef FRONT_FRONT_H
#define FRONT_FRONT_H

#include "front/conf.h"
#include "http/handler.h"
#include "net/worker.h"

struct cidr_set;
struct conn_gate;
struct counts;
struct front;
struct tls_server;

struct front_listener_args {
	const struct listener_conf *conf; /* copied where connections outlive the call */
	const struct addr *addr;
	/* shared: borrowed until replaced by the next front_apply(); NULL: plain */
	struct tls_server *tls;
	/* peers whose PROXY headers are read; a reference is taken, as below. NULL: none */
	struct cidr_set *balancers;
	struct cidr_set *trusted_proxies; /* NULL: none */
	struct handler handler;
	struct client_bounds client; /* CLIENT_AUTO: as front_bounds.client says */
	/* front/gate.h; a reference is taken. For connections that are accepted from now on. NULL:
	 * there is none */
	struct conn_gate *gate;
	/* listening sockets, the front's from now on, which are closed again where the address is
	 * served already; borrowed array. 0: the address is served already */
	const int *fds;
	unsigned n_fds;
	bool lent; /* the sockets: see acceptor.lent */
};

/* counts: shared by the workers, outlives them; NULL: connections here are not counted among those
 * of clients. */
struct front *front_new(struct worker *w, struct counts *counts);
/* To be called when no connection is left and no listener accepts. Clears *f. */
void front_free(struct front **f);
/* The bounds of the whole gateway. */
struct front_bounds {
	uint64_t connections;        /* of all that count in `counts`; 0: no bound */
	struct client_bounds client; /* what CLIENT_AUTO stands for; 0: no bound */
};
/* Serve on these listeners from now on, and on no others. Connections of listeners that are gone
 * are drained; those that are still there after grace_ns are closed. */
void front_apply(struct front *f, const struct front_listener_args *v, size_t n,
	const struct front_bounds *bounds, uint64_t grace_ns);
/* Accept no new connections until front_go_on(): they wait in the queues of the system, and none is
 * lost. */
void front_pause(struct front *f);
void front_go_on(struct front *f);
/* From now on another process accepts from the same sockets. */
void front_lend(struct front *f);
/* Accept no more; tell clients to go; idle connections close after idle_ns. */
void front_drain(struct front *f, uint64_t idle_ns);
/* Close every connection at once. */
void front_abort(struct front *f);
/* Connections that are open. */
unsigned front_connections(const struct front *f);
/* Called, from the loop, whenever the last connection closed after front_drain(). */
void front_on_empty(struct front *f, void (*fn)(void *ctx), void *ctx);

#endif
