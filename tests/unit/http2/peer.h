/*
 * What the tests of HTTP/2 connections stand on: a server connection over a socket pair on a worker
 * that the test turns, a handler that does what the test says, and a client that writes frames byte
 * by byte and keeps what it gets.
 */
#ifndef PEER_H
#define PEER_H

#include <nghttp2/nghttp2.h>

#include "unit.h"

#include "http2/limits.h"
#include "http2/server.h"
#include "finish.h"
#include "net/worker.h"

struct peer;

enum { CALLS_MAX = 4096, REPLIES_MAX = 4096, TEXT_MAX = 65536 };

/* One request, as the handler saw it. */
struct call {
	struct peer *peer;
	struct client *c; /* NULL: the test is done with it */
	struct finish finish;
	char head[2048];   /* "GET /path?query host=h body=N" */
	char fields[4096]; /* "name: value\n" ... */
	char trailers[1024];
	char *body; /* first TEXT_MAX bytes */
	uint64_t body_len;
	uint64_t pushed; /* of the response */
	unsigned ended, drained, sent, gone;
	int bad, gone_err;
	bool can_answer;
	bool take_nothing; /* on_body leaves all where it is */
	bool keep;         /* not finished when its client is lost */
	bool answered;
	bool full;
};

/* What the client got on one stream. */
struct reply {
	uint32_t stream;
	int status;
	unsigned interim; /* 1xx heads */
	char fields[4096], trailers[1024];
	char *body; /* first TEXT_MAX bytes */
	uint64_t body_len;
	unsigned frames; /* DATA frames */
	unsigned n_heads;
	bool ended, reset;
	uint32_t reset_code;
	/* how many DATA bytes the connection had got before, and with the last */
	uint64_t first_data, last_data;
};

struct peer {
	struct worker w;
	struct stream s;
	struct conn_info info;
	struct codec_conf conf;
	struct http2_server *server; /* NULL: closed */
	int fd;                      /* of the client */
	bool eof;
	bool restless; /* peer_run() leaves it to the connection when it rests */
	/* the handler */
	void (*on_request)(struct call *call); /* NULL: "200 ok" */
	void (*on_sent)(struct call *call);    /* NULL: finish */
	struct call calls[CALLS_MAX];
	unsigned n_calls;
	/* the client */
	bool quiet;      /* answers neither SETTINGS nor PING */
	bool no_updates; /* sends no WINDOW_UPDATE for what it gets */
	bool no_read;    /* lets everything lie in the socket */
	nghttp2_hd_inflater *inflater;
	struct buf in;
	struct reply replies[REPLIES_MAX];
	unsigned n_replies;
	uint64_t data;   /* DATA bytes of all streams */
	uint64_t credit; /* that WINDOW_UPDATEs gave to the connection */
	unsigned n_goaway, n_settings, n_settings_acks, n_ping_acks, n_updates;
	uint32_t goaway_code, goaway_last, first_goaway_last;
	uint32_t settings[16]; /* by identifier */
};

/* Set conf to what is usual. */
struct peer *peer_new(void);
/* Open the connection. */
void peer_open(struct peer *p);
/* The same, with preface and SETTINGS exchanged. */
void peer_start(struct peer *p);
void peer_free(struct peer **p);

/* Turn the loop and read, until nothing moves any more. Whenever the connection can rest, it
 * does. */
void peer_run(struct peer *p);
/* Turn the loop for that long, at least. */
void peer_wait(struct peer *p, unsigned ms);
/* Until the connection is closed by the server, at most so long: whether it is. */
bool peer_ends(struct peer *p, unsigned ms);

/* ---- the client's frames ------------------------------------------------------------------- */
void peer_bytes(struct peer *p, const void *bytes, size_t n);
void peer_frame(struct peer *p, unsigned type, unsigned flags, uint32_t stream, const void *payload,
	size_t n);
void peer_preface(struct peer *p);
/* A header block of literals: "name", "value", ..., NULL. Returns its length. */
size_t peer_block(char *to, ...) __attribute__((sentinel));
/* HEADERS with END_HEADERS and these flags. */
void peer_headers(struct peer *p, uint32_t stream, unsigned flags, ...) __attribute__((sentinel));
/* A GET of path, complete. */
void peer_get(struct peer *p, uint32_t stream, const char *path);
void peer_post(struct peer *p, uint32_t stream, const char *path); /* without END_STREAM */
void peer_data(struct peer *p, uint32_t stream, const char *text, bool end);
void peer_reset(struct peer *p, uint32_t stream, uint32_t code);
void peer_update(struct peer *p, uint32_t stream, uint32_t n);
struct reply *peer_reply(struct peer *p, uint32_t stream); /* made when it is not there yet */

/* ---- the handler's answers ----------------------------------------------------------------- */
void call_head(struct call *call, int status, int64_t length); /* length -1: not known */
/* Push n bytes: whether it is full. */
bool call_push(struct call *call, size_t n);
void call_answer(struct call *call, int status, const char *body);
void call_finish(struct call *call);

#endif
