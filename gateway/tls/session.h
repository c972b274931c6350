/*
 * Keeps the last session with a server, which the next connection to it resumes. Thread of the
 * slot's worker.
 */
#ifndef TLS_SESSION_H
#define TLS_SESSION_H

#include <stdint.h>

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

/* One for each server and worker, zeroed at first; must outlive the streams started with it. */
struct tls_session_slot {
	struct ssl_session_st *session; /* owned */
	/* id of the tls_client that verified it; others do not resume it */
	uint64_t client;
};
void tls_session_slot_fini(struct tls_session_slot *slot);

/* Connections of this context keep their sessions in the slot that tls_session_begin() names. */
void tls_session_keep(struct ssl_ctx_st *ctx);
/* Before the handshake of the tls_client with this id: resume the session in the slot, if that
 * client verified it. slot: NULL: no session is resumed or kept. */
void tls_session_begin(struct tls_session_slot *slot, struct ssl_st *ssl, uint64_t client);
/* To be called after the handshake. */
void tls_session_opened(struct tls_session_slot *slot, struct ssl_st *ssl);

#endif
