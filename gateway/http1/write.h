/*
 * HTTP/1 heads to bytes (RFC 9112). The caller asks for the size, an upper bound, makes that much
 * room, and writes. No I/O. It cannot fail: a head is checked when it is filled. Any thread.
 *
 * Fields leave in their order, without those marked FIELD_DROP and without Host, Connection,
 * Keep-Alive, Content-Length and Transfer-Encoding, which are the writer's own work. Neighbours
 * that still lie in memory as they arrived (FIELD_LINE) are copied together.
 */
#ifndef HTTP1_WRITE_H
#define HTTP1_WRITE_H

#include "http/head.h"

size_t http1_request_head_size(const struct request_head *h);
/*
 * A request to an upstream, as HTTP/1.1. Target: path and query, "*", or the authority, by h->form;
 * the absolute form is sent as origin form. Host comes first, from h->authority. Framing is by
 * h->body; without a body, POST, PUT and PATCH say `Content-Length: 0` (RFC 9110 8.6).
 * h->te_trailers becomes `TE: trailers`. h->upgrade sends the Upgrade fields even when they are
 * marked as dropped: clear it where no tunnel is wanted. Connection names what of this there is,
 * and `close` when keep_alive is false. Returns the end of what was written.
 */
char *http1_write_request_head(char *at, const struct request_head *h, bool keep_alive);

/*
 * How the body of this response is framed on an HTTP/1 connection whose request had this method and
 * version: the codec's writer of bodies must do the same. BODY_CLOSE and BODY_CHUNKED become
 * chunked for HTTP/1.1 clients and BODY_CLOSE for older ones; BODY_NONE where a body would be
 * allowed is BODY_LENGTH of 0.
 */
enum body_kind http1_response_framing(const struct response_head *h, enum method m,
	unsigned client_version);

size_t http1_response_head_size(const struct response_head *h);
/*
 * A response to a request of method m and version client_version (10 or 11), as HTTP/1.1.
 * `Connection: close` when keep_alive is false or the framing is BODY_CLOSE, `keep-alive` for
 * HTTP/1.0 clients else; 1xx have neither. The reason is h->reason, or the standard phrase where
 * that is empty. A 101 sends its Upgrade fields even when they are marked as dropped, and
 * `Connection: upgrade`. With BODY_NONE, Content-Length is written when has_length is set (HEAD,
 * 304).
 */
char *http1_write_response_head(char *at, const struct response_head *h, enum method m,
	unsigned client_version, bool keep_alive);

/* Field lines alone, without those marked FIELD_DROP: for trailers. */
size_t http1_fields_size(const struct fields *f);
char *http1_write_fields(char *at, const struct fields *f);

/* The phrase of RFC 9110 (and the registry) for a status; empty for others. */
sluice_str http1_reason(int status);

#endif
