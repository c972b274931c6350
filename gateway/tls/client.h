/*
 * The client's side of TLS: for connections to upstream servers, to Redis, and for fetches. A
 * tls_client is immutable. The main thread makes it, with a context for each worker and one for the
 * main thread. Chain and name are verified unless the configuration says otherwise.
 */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include "tls/conf.h"
#include "tls/session.h"

struct tls_client;

struct tls_client_args {
	const struct tls_client_conf *conf;
	const char *dir; /* where relative paths start; NULL: the working directory */
	/* for ALPN, best first, NULL-terminated; NULL: none is offered */
	const char *const *protocols;
	unsigned workers;     /* ids 0 .. workers-1, and WORKER_MAIN */
	tls_report_fn report; /* may be NULL */
	void *report_ctx;
};

/* NULL after a mistake, which was passed to report. Reads files: main thread. args are only read
 * during the call. */
must_use struct tls_client *tls_client_new(const struct tls_client_args *args);
/* One more owner, who calls tls_client_free() too. c may be NULL. Any thread. */
must_use struct tls_client *tls_client_ref(struct tls_client *c);
/* Connections that were started may go on. Any thread. */
void tls_client_free(struct tls_client **c);
/* A hash of the options and of the contents of their files. When it is equal for two clients, a
 * connection that one has verified is good for the other. */
void tls_client_identity(const struct tls_client *c, uint64_t out[2]);

/* The state of a new connection, for a stream with transport_tls. host: a name or an IP address; it
 * is verified unless server_name is set. IP addresses are not sent as SNI. slot: NULL: no session
 * is resumed or kept. Thread of that worker. */
must_use void *tls_client_start(struct tls_client *c, unsigned worker, const char *host,
	struct tls_session_slot *slot);
/* Offer only HTTP/1.1 by ALPN on this connection. To be called before the stream begins. */
void tls_client_offer_http1(void *state);

#endif
