/*
 * HTTP/2 towards clients: one connection with many requests at a time, each given to the handler as
 * HTTP/1.1 ones are. Implements client_ops and codec. The protocol machine is libnghttp2; rules
 * about messages and limits are our own. Worker's thread only.
 */
#ifndef HTTP2_SERVER_H
#define HTTP2_SERVER_H

#include "http/codec.h"

struct http2_server;

extern const struct codec http2_codec;

/* Take over an open stream: its user and data are the codec's from now on. The client's preface is
 * still to be read, or lies in s->in: then the caller resumes it. Never fails. */
struct http2_server *http2_server_new(struct stream *s, struct conn_info *info,
	const struct codec_conf *conf);
/* From now on: tell the client to go elsewhere (GOAWAY), take what it sent before it knew, finish
 * that, and close. */
void http2_server_drain(struct http2_server *c, uint64_t idle_ns);
/* Close at once; requests in progress hear on_gone(ERR_SHUTTING_DOWN, false). on_closed is
 * called. */
void http2_server_abort(struct http2_server *c);

/* Whether a connection begins with HTTP/2 (RFC 9113 3.4), for those that agree on nothing
 * beforehand. */
enum { HTTP2_PREFACE_LEN = 24 };
enum http2_preface { HTTP2_PREFACE_NO, HTTP2_PREFACE_YES, HTTP2_PREFACE_MORE };
enum http2_preface http2_preface(const char *buf, size_t n);

/* Put away the memory that it needs only while something happens, if nothing does. It does so by
 * itself after a while; tests ask for it at any time. */
void http2_server_rest(struct http2_server *c);

/* At the end of a thread: memory that its connections left for others to use. */
void http2_thread_fini(void);

#endif
