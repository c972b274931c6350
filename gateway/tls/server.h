/*
 * The server's side of TLS: certificates chosen by the name the client asks for, sessions resumed
 * by tickets. A tls_server is immutable, made by the main thread with a set of contexts for each
 * worker, so that workers share nothing; connections keep their part of it alive, and it may be
 * freed while they last.
 */
#ifndef TLS_SERVER_H
#define TLS_SERVER_H

#include "tls/conf.h"
#include "tls/tickets.h"

struct tls_server;

struct tls_server_args {
	const struct tls_server_conf *conf;
	const char *dir; /* where relative paths start; NULL: the working directory */
	/* for ALPN, best first, NULL-terminated; NULL: ALPN is left alone */
	const char *const *protocols;
	unsigned workers;            /* ids 0 .. workers-1 */
	struct tls_tickets *tickets; /* shared: ref */
	tls_report_fn report;        /* may be NULL */
	void *report_ctx;
};

/* NULL when something is wrong, which report has then heard. Reads files: main thread. args are
 * read before it returns. */
must_use struct tls_server *tls_server_new(const struct tls_server_args *args);
void tls_server_free(struct tls_server **srv);

/* What there is to know of a server's certificates, without their keys. Any thread, while srv
 * lives. */
struct tls_certificate_facts {
	const char *path;  /* borrowed: lives as long as srv; of its file */
	int64_t expires_s; /* seconds since 1970 at which it is valid no more */
};
size_t tls_server_certificates(const struct tls_server *srv,
	const struct tls_certificate_facts **v);

/* The state of one more connection, for a stream with transport_tls. Thread of that worker. */
must_use void *tls_server_start(struct tls_server *srv, unsigned worker);

#endif
