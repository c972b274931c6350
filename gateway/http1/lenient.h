/*
 * `parsing: lenient` of an upstream: responses that depart from RFC 9112 are accepted where all
 * readers understand them alike. A head is written anew in the standard's form and then parsed like
 * any other. What could be read in two ways is not changed, and is refused: a CR or NUL within a
 * line, folded lines, names that are no tokens, framing that contradicts itself. No I/O. Worker's
 * thread.
 */
#ifndef HTTP1_LENIENT_H
#define HTTP1_LENIENT_H

#include "http1/parse.h"
#include "net/buf.h"

/* After http1_parse_response() refused a head: the same for a copy in which lines that ended with
 * LF alone end with CRLF, and other control bytes are blanks. *head and *len become those of the
 * copy, which lies in a. */
must_use int http1_lenient_parse(struct response_head *h, const char **head, size_t *len,
	struct arena *a, enum method m, const struct http1_limits *lim);

/* Take empty lines, ended by CRLF or LF, off the front of in; *lines counts them, up to the bound.
 * Whether there was one. */
enum { LENIENT_EMPTY_LINES = 4 };
bool http1_lenient_skip(struct buf *in, uint8_t *lines);

/* Drop the last n bytes of in. */
void http1_lenient_cut(struct buf *in, size_t n);

#endif
