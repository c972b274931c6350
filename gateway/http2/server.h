/*
 * HTTP/2 towards clients: one connection with many requests at a time, each given to the handler
 * like a request of HTTP/1.1. Implements client_ops and codec. libnghttp2 handles the protocol;
 * Sluice has its own rules for messages and limits. Worker's thread only.
 */
#ifndef HTTP2_SERVER_H
#define HTTP2_SERVER_H

#include "http/codec.h"

struct http2_server;

extern const struct codec http2_codec;

/* Take over an open stream: its user and data are the codec's from now on. The client's preface is
 * still to be read, or lies in s->in; in the latter case the caller calls stream_resume(). Never
 * fails. */
struct http2_server *http2_server_new(struct stream *s, struct conn_info *info,
	const struct codec_conf *conf);
/* Drain: tell the client to use another connection (GOAWAY), take the requests that it sent before
 * it knew, finish them, and close. */
void http2_server_drain(struct http2_server *c, uint64_t idle_ns);
/* Close at once; requests in progress get on_gone(ERR_SHUTTING_DOWN, false). on_closed is
 * called. */
void http2_server_abort(struct http2_server *c);

/* Whether a connection begins with HTTP/2 (RFC 9113 3.4), where no protocol was agreed on
 * before. */
enum { HTTP2_PREFACE_LEN = 24 };
enum http2_preface { HTTP2_PREFACE_NO, HTTP2_PREFACE_YES, HTTP2_PREFACE_MORE };
enum http2_preface http2_preface(const char *buf, size_t n);

/* If the connection is idle, save the memory that it needs only while it is active (pages.h). This
 * happens by itself after a while; tests call it at any time. */
void http2_server_rest(struct http2_server *c);

/* At the end of a thread: free the memory that its connections left for reuse. */
void http2_thread_fini(void);

#endif
