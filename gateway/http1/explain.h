/*
 * Why a response was refused, in words for the access log (`detail`): which line, field or byte.
 * Called only after a refusal, so that reading a valid response costs nothing. Values of fields are
 * never quoted, except those that frame the message: they may be secrets. The texts lie in memory
 * of the thread and hold until the next one is made. No I/O. Any thread.
 */
#ifndef HTTP1_EXPLAIN_H
#define HTTP1_EXPLAIN_H

#include "http1/chunk.h"
#include "http1/parse.h"

enum { EXPLAIN_MAX = 200 }; /* bytes of a text */

/* Why http1_parse_response() refused this head (err: what it returned). Empty: no explanation
 * beyond err. */
sluice_str http1_explain_head(const char *head, size_t len, int err,
	const struct http1_limits *lim);
/* The server closed the connection, or sent too much, before a head was complete: it may speak
 * another protocol. start: the first bytes that it sent. */
sluice_str http1_explain_start(sluice_str start);
/* Why chunk_decode() refused the byte at p; n (may be 0): bytes that are there. */
sluice_str http1_explain_chunk(const struct chunk_decoder *d, const char *p, size_t n);
/* n bytes follow a response that is complete. */
sluice_str http1_explain_surplus(enum body_kind body, uint16_t status, size_t n);
/* The connection ended before the last bytes of a body with a length came. */
sluice_str http1_explain_missing(uint64_t missing);

#endif
