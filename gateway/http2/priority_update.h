/*
 * PRIORITY_UPDATE frames (RFC 9218 7.1): their payload, and the priorities of requests that have
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
	/* bytes of a priority field value; a longer one is ignored, like one that does not parse */
	UPDATE_VALUE_MAX = 256,
	/* number of requests to come whose priorities are kept: HTTP2_STREAMS_MAX */
	UPDATES_MAX = 128,
};

enum update_kind {
	UPDATE_SAYS, /* the priority of a stream */
	/* the frame names a stream, but its value is ignored (as RFC 9218 7.1 allows) */
	UPDATE_SAYS_NONE,
	UPDATE_TOO_SHORT, /* no room for the stream's number: FRAME_SIZE_ERROR */
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
/* Keep the priority for the request on that stream, in place of an earlier one. False: the table is
 * full. */
must_use bool updates_keep(struct updates **u, const struct update *it);
/* How many are kept. */
unsigned updates_kept(const struct updates *u);
/* The request on stream `id` has come: get its priority, if one was kept. The rows of this stream
 * and of all below it, which can no longer be opened (RFC 9113 5.1.1), are dropped. */
bool updates_take(struct updates **u, uint32_t id, struct priority *out);
void updates_free(struct updates **u);

#endif
