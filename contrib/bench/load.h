/* What the files of the load generator share: what is asked for, one connection, and what is
 * counted. */
#ifndef LOAD_H
#define LOAD_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"

struct text {
	const char *at;
	size_t len;
};

struct lines {
	struct text *v;
	size_t n;
};

/* Why a request got no good answer. */
enum failure {
	FAIL_CONNECT, /* no connection */
	FAIL_TLS,     /* no session on it */
	/* a kept connection ended under it, before any byte of an answer: may be sent again */
	FAIL_RACED,
	FAIL_BROKEN, /* the answer was not whole, or not HTTP */
	FAIL_STATUS, /* the answer was whole, its status not 2xx */
	FAIL_STUCK,  /* no answer within seconds of the end */
	FAILURES,
};

struct plan {
	struct sockaddr_in server;
	struct text host;
	struct text target;   /* of the URL: asked for when there is no list */
	struct lines targets; /* asked for in turn */
	struct lines tokens;  /* sent in turn, as bearer tokens */
	struct lines heads;   /* fields with tabs between them, sent in turn */
	struct text field;    /* one more line of the head, or empty */
	size_t upload;        /* bytes of a request body: POST instead of GET */
	unsigned connections;
	unsigned in_flight; /* most requests at once */
	uint64_t requests;  /* 0: as many as fit into the time */
	double seconds;     /* 0: until the requests are done */
	double rate;        /* requests a second; 0: as soon as the one before is done */
	size_t skip;        /* tokens, heads and targets left out at the beginning of the list */
	bool fresh;         /* a connection for each request */
	bool resume;        /* its session continues an earlier one */
	/* wait for a line on standard input before requests, and before the end */
	bool gate;
	bool until_term;    /* TERM ends the requests, not the program */
	bool verify_length; /* the body must have as many bytes as the target says: /N */
	int status;         /* that a response must have; 0: one of success */
	SSL_CTX *tls;       /* NULL: plain */
};

struct count {
	uint64_t done, failed[FAILURES], bytes, handshakes, resumed, connections;
	struct histogram took;
	char tls[96]; /* version and suite of the last session */
};

enum conn_state { CONN_CLOSED, CONN_CONNECTING, CONN_SHAKING, CONN_IDLE, CONN_BUSY };
enum part {
	PART_HEAD,
	PART_BODY,
	PART_CHUNK,
	PART_CHUNK_DATA,
	PART_CHUNK_END,
	PART_TRAILER,
	PART_CLOSE
};

enum { CONN_HEAD_MAX = 16 * 1024, CONN_OUT_MAX = 8 * 1024 };

struct conn {
	int fd;
	unsigned id;
	enum conn_state state;
	SSL *ssl;
	SSL_SESSION *session;
	bool asked;   /* a request is on its way, or waits for the connection */
	bool used;    /* the connection has carried a response */
	bool close;   /* it ends after this response */
	bool error;   /* set by what goes wrong: the connection is of no more use */
	uint64_t due; /* when the request was to leave, in ns */
	size_t out_len, out_sent, upload_left;
	enum part part;
	int status;
	int right_status; /* that it must be; 0: one of success */
	uint64_t expect;  /* length the body must have, 0: any */
	uint64_t left;    /* of the body, or of a chunk */
	uint64_t got;     /* of the body */
	size_t in_len;
	char in[CONN_HEAD_MAX];
	char out[CONN_OUT_MAX];
	struct conn *next; /* in the queue of those that wait for work */
};

uint64_t now_ns(void);

/* Opens a connection; it is CONN_IDLE or CONN_BUSY some events later. Returns false when that fails
 * at once. */
bool conn_open(struct conn *c, const struct plan *p, int epoll);

void conn_close(struct conn *c);

/* Writes the request into c->out; `serial` chooses target and token. */
void conn_compose(struct conn *c, const struct plan *p, uint64_t serial);

enum conn_event { CONN_NOTHING, CONN_OPENED, CONN_ANSWERED, CONN_FAILED };

/* Something happened on the socket, or a request was given to it: goes as far as the socket lets
 * it. */
enum conn_event conn_work(struct conn *c, const struct plan *p, struct count *n, enum failure *why);

#endif
