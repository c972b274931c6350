/*
 * PRIORITY_UPDATE frames (RFC 9218 7.1): their payload, and what they said of requests that have
 * not come yet. Sluice reads them itself: libnghttp2 before 1.61 opens a stream for such a request,
 * keeps it in two lists, and frees it while one of them still holds it. Here a frame that came
 * early is a row of a small table. Nothing is allocated for a connection whose client sends none.
 * No I/O. Worker's thread only.
 */
#ifndef HTTP2_PRIORITY_UPDATE_H
#define HTTP2_PRIORITY_UPDATE_H

#include <stddef.h>

#include "http/priority.h"

enum {
	UPDATE_ID_LEN = 4, /* bytes of the stream's number, at the front of the payload */
	/* bytes of a priority field value; a longer one says nothing, like one that does not
	 * parse */
	UPDATE_VALUE_MAX = 256,
	/* requests to come that priorities are kept for: HTTP2_STREAMS_MAX */
	UPDATES_MAX = 128,
};

enum update_kind {
	UPDATE_SAYS, /* a priority for a stream */
	/* the stream is named, the value is not to be used (RFC 9218 7.1: it may be ignored) */
	UPDATE_SAYS_NONE,
	UPDATE_TOO_SHORT, /* for the stream's number: FRAME_SIZE_ERROR */
};

struct update {
	uint32_t id; /* 31 bits */
	struct priority priority;
};

struct updates; /* NULL: no frame is coming in, and nothing is kept */

/* n more bytes of a payload. */
void updates_add(struct updates **u, const void *bytes, size_t n);
/* The frame has ended. *out is set but for UPDATE_TOO_SHORT. The next frame begins. */
enum update_kind updates_end(struct updates **u, struct update *out);
/* Keep it for the request on stream out->id, in place of what was said of it before. False: the
 * table is full. */
must_use bool updates_keep(struct updates **u, const struct update *it);
/* How many are kept. */
unsigned updates_kept(const struct updates *u);
/* The request on stream `id` has come: what was said of it, if anything. Rows of it and of all
 * streams below, which nobody can open any more (RFC 9113 5.1.1), are dropped. */
bool updates_take(struct updates **u, uint32_t id, struct priority *out);
void updates_free(struct updates **u);

#endif
