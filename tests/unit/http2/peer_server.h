/*
 * A peer that is a server: a client connection under test connects to it, and probes send requests
 * over that connection.
 */
#ifndef PEER_SERVER_H
#define PEER_SERVER_H

#include "peer.h"

/* conn_conf has the usual values. */
struct peer *peer_server_new(void);
/* Let the client connect; the server has sent nothing yet. */
void peer_server_open(struct peer *p);
/* The same, with the SETTINGS of the server: most requests at a time. */
void peer_server_start(struct peer *p, uint32_t max_requests);

/* ---- requests ------------------------------------------------------------------------------ */
struct probe *probe_begin(struct peer *p);
/* Begin, and send a head; of a call, where content-type says so. body_length -1: none; -2: of
 * unknown length. The fields: "name", "value", ..., NULL. */
struct probe *probe_send(struct peer *p, const char *method, const char *path, int64_t body_length,
	...) __attribute__((sentinel));
/* A GET, complete. */
struct probe *probe_get(struct peer *p, const char *path);
/* Push n bytes, which are known by their position: whether it is full. */
bool probe_push(struct probe *v, size_t n);
bool probe_push_text(struct probe *v, const char *text);
void probe_end(struct probe *v);
void probe_release(struct probe *v);

#endif
