/*
 * A peer that is a client: it talks over a socket pair to a server connection, whose handler does
 * what the test says.
 */
#ifndef PEER_CLIENT_H
#define PEER_CLIENT_H

#include "peer.h"

/* conf has the usual values. */
struct peer *peer_client_new(void);
/* Open the connection. */
void peer_client_open(struct peer *p);
/* The same, with preface and SETTINGS exchanged. */
void peer_client_start(struct peer *p);
/* Turn the loop until the server has closed the connection, at most so long: whether it has. */
bool peer_ends(struct peer *p, unsigned ms);

/* ---- requests ------------------------------------------------------------------------------ */
void peer_preface(struct peer *p);
/* A GET of path, complete. */
void peer_get(struct peer *p, uint32_t stream, const char *path);
void peer_post(struct peer *p, uint32_t stream, const char *path); /* without END_STREAM */

/* ---- answers of the handler ---------------------------------------------------------------- */
void call_head(struct call *call, int status, int64_t length); /* length -1: not known */
/* Push n bytes: whether it is full. */
bool call_push(struct call *call, size_t n);
void call_answer(struct call *call, int status, const char *body);
void call_finish(struct call *call);

#endif
