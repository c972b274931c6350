/*
 * Two streams at the ends of a socket pair, on one worker that runs on the test's thread: a server
 * and a client of TLS that send each other a given number of bytes of a known pattern. And the
 * setting-up of both sides.
 */
#ifndef TEST_PEERS_H
#define TEST_PEERS_H

#include "net/stream.h"
#include "tls/client.h"
#include "tls/info.h"
#include "tls/server.h"
#include "tls/transport.h"

struct pair;

struct peer {
	struct stream s;
	struct pair *pair;
	uint64_t to_send, sent; /* bytes of the pattern */
	uint64_t to_get, got;   /* told to be done when that many came */
	bool close_when_sent;   /* by stream_linger() */
	bool close_on_eof;
	bool is_open, is_done, is_wrong, saw_eof, was_truncated;
	int error; /* of on_fail */
	bool failed;
	char text[256]; /* tls_error_text() of the failure */
};

struct pair {
	struct worker *w;
	struct peer server, client;
	bool timed_out;
	bool until_eof; /* run until both have seen an end or failed, not until both are done */
};

struct complaints_heard {
	unsigned errors, warnings;
	int index; /* of the last */
	char option[32];
	char text[512];
	char warning[512]; /* the last */
};
void hear(void *ctx, bool is_warning, int index, const char *option, const char *text);

/* A server with one certificate (a stem), or with the list in conf. */
struct tls_server *server_of(const char *stem, struct tls_tickets *tickets,
	const char *const *protocols);
struct tls_server *server_with(const struct tls_server_conf *conf, struct tls_tickets *tickets,
	unsigned workers, const char *const *protocols, struct complaints_heard *heard);
/* A client that trusts a certificate (a stem), or does not verify when it is NULL. */
struct tls_client *client_of(const char *trusted, const char *const *protocols);

/* Begin; srv or client NULL: that end's stream is plain. */
void pair_start(struct pair *p, struct worker *w, struct tls_server *srv, struct tls_client *c,
	const char *host, struct tls_session_slot *slot);
/* Run until both sent and got what they should, or one failed; false when that took too long. */
bool pair_run(struct pair *p);
/* Start, exchange a few bytes, and end: whether all of it went well. */
bool pair_greet(struct pair *p, struct worker *w, struct tls_server *srv, struct tls_client *c,
	const char *host, struct tls_session_slot *slot);
void pair_end(struct pair *p);
/* Small buffers of the kernel on both ends. */
void pair_tighten(struct pair *p, int bytes);

#endif
