/* A server of HTTP/2 on a thread of its own, as libnghttp2 makes them. */
#ifndef H2SERVER_H
#define H2SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum h2_mode {
	H2_OK,     /* 200 with its name as the body */
	H2_HOLD,   /* the same, when the mode is H2_OK again */
	H2_REFUSE, /* REFUSED_STREAM for the next `count` requests, then as H2_OK */
	H2_ABORT,  /* RST_STREAM with INTERNAL_ERROR */
	H2_GOAWAY, /* as H2_OK, but each connection ends politely after `count` requests */
	H2_DROP,   /* as H2_OK, but each connection is dropped at its request number `count` */
};

enum { H2_CONNS = 64, H2_PENDING = 512 };

struct h2_server;
struct ssl_ctx_st;
struct ssl_st;
struct nghttp2_session;

struct h2_conn {
	struct h2_server *server;
	int fd; /* -1: none */
	struct ssl_st *ssl;
	struct nghttp2_session *h2;
	unsigned requests, streams;
	int32_t pending[H2_PENDING]; /* requests that wait for an answer */
	unsigned n_pending;
	bool drop, over;
};

struct h2_server {
	pthread_t thread;
	int listen_fd, wake_fd;
	uint16_t port;
	char name[16], address[32];
	uint32_t max_streams;   /* UINT32_MAX: says nothing */
	struct ssl_ctx_st *tls; /* NULL: plain */
	_Atomic int mode;
	_Atomic unsigned count;
	/* connections, answers, connections now, requests */
	_Atomic unsigned accepted, served, open, begun;
	_Atomic unsigned most; /* requests at a time on one connection */
	_Atomic bool stop, drop_all;
	struct h2_conn conns[H2_CONNS];
};

void h2_server_up(struct h2_server *s, const char *name, uint32_t max_streams,
	struct ssl_ctx_st *tls);
void h2_server_down(struct h2_server *s);
void h2_server_mode(struct h2_server *s, enum h2_mode mode, unsigned count);
void h2_server_drop_all(struct h2_server *s); /* returns when done */

#endif
