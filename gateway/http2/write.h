/*
 * Response heads and trailers as the library wants them: names in lower case, :status first,
 * nothing that is about a connection (RFC 9113 8.2 and 8.3.2). Any thread.
 */
#ifndef HTTP2_WRITE_H
#define HTTP2_WRITE_H

#include <nghttp2/nghttp2.h>

#include "http/head.h"
#include "net/buf.h"

/* How many pairs a head of n fields becomes at most. */
static inline size_t write_pairs(uint32_t n)
{
	return (size_t)n + 2;
}

/* How the body of a response to a request of method m is framed: BODY_NONE, BODY_LENGTH
 * (h->body_length bytes, or none when h->body is BODY_NONE), or BODY_CHUNKED: until it ends. */
enum body_kind write_framing(const struct response_head *h, enum method m);

/*
 * Fill v with the pairs of a head; *n: how many. Names and values that are not constant are copied
 * into the arena, where they must stay until the frame is sent. ERR_NO_MEMORY.
 */
must_use int write_response(nghttp2_nv *v, size_t *n, const struct response_head *h, enum method m,
	struct arena *a);
/* The same for trailers. */
must_use int write_trailers(nghttp2_nv *v, size_t *n, const struct fields *f, struct arena *a);

/* How many bytes of a body the next DATA frame takes, of max at most: blocks change hands whole, so
 * it ends where a block does, unless it were much too short then. */
size_t write_frame_size(const struct buf *out, size_t max);

#endif
