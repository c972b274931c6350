/*
 * The server's side of TLS: certificates are chosen by SNI, sessions are resumed by tickets. A
 * tls_server is immutable. The main thread makes it, with a set of contexts for each worker, so
 * that workers share nothing. Connections have references to their contexts, so it may be freed
 * before they end.
 */
#ifndef TLS_SERVER_H
#define TLS_SERVER_H

#include "tls/conf.h"
#include "tls/tickets.h"

struct tls_server;

struct tls_server_args {
	const struct tls_server_conf *conf;
	const char *dir; /* where relative paths start; NULL: the working directory */
	/* for ALPN, best first, NULL-terminated; NULL: ALPN is not answered */
	const char *const *protocols;
	unsigned workers;            /* ids 0 .. workers-1 */
	struct tls_tickets *tickets; /* shared: ref */
	tls_report_fn report;        /* may be NULL */
	void *report_ctx;
};

/* NULL after a mistake, which was passed to report. Reads files: main thread. args are only read
 * during the call. */
must_use struct tls_server *tls_server_new(const struct tls_server_args *args);
void tls_server_free(struct tls_server **srv);

/* Public facts of a server's certificates. Any thread, while srv lives. */
struct tls_certificate_facts {
	const char *path;  /* of its file; borrowed: lives as long as srv */
	int64_t expires_s; /* end of its validity, in seconds since 1970 */
};
size_t tls_server_certificates(const struct tls_server *srv,
	const struct tls_certificate_facts **v);

/* The state of a new connection, for a stream with transport_tls. Thread of that worker. */
must_use void *tls_server_start(struct tls_server *srv, unsigned worker);

#endif
