/*
 * What is sent in HEADERS frames, as pairs of name and value for the library: request heads to
 * upstream servers, response heads to clients, and the trailers of both. Pseudo-fields come first,
 * and fields about an HTTP/1.1 connection are left out (RFC 9113 8.2 and 8.3). Any thread.
 */
#ifndef HTTP2_PAIRS_H
#define HTTP2_PAIRS_H

#include <nghttp2/nghttp2.h>

#include "http/head.h"

struct pairs {
	nghttp2_nv *v; /* borrowed: memory of the caller or of the arena */
	size_t n;
	size_t room; /* how many v has room for; where that is too few, the arena has more */
};

/* Pairs that the library copies at once can lie on the stack. */
enum { PAIRS_ON_STACK = 64 };
#define PAIRS_IN(array) ((struct pairs){ .v = (array), .room = sizeof(array) / sizeof((array)[0]) })

/* A request head; p is filled. The library copies what the pairs point to when it gets them. A
 * request for another protocol becomes an extended CONNECT (RFC 8441). ERR_NO_MEMORY. */
must_use int pairs_of_request(struct pairs *p, const struct request_head *h, bool https,
	struct arena *a);
/* The trailers of a request. Their text is copied into the arena; the library copies it once more,
 * when it gets them. ERR_NO_MEMORY. */
must_use int pairs_of_request_trailers(struct pairs *p, const struct fields *f, struct arena *a);

/* A response head, or the trailers of a response. What is not constant is copied into the arena
 * and must stay there until the frame is sent: the library does not copy it. ERR_NO_MEMORY. */
must_use int pairs_of_response(struct pairs *p, const struct response_head *h, enum method m,
	struct arena *a);
must_use int pairs_of_response_trailers(struct pairs *p, const struct fields *f, struct arena *a);

/* How the body of a response to a request of method m is framed: BODY_NONE, BODY_LENGTH
 * (h->body_length bytes, or none when h->body is BODY_NONE), or BODY_CHUNKED: until END_STREAM. */
enum body_kind response_body_kind(const struct response_head *h, enum method m);

#endif
