/*
 * Just enough of RFC 6455 to know where one frame of a WebSocket ends and the next begins, so that
 * a close frame can be put between them. One reader for each direction. No I/O.
 */
#ifndef PROXY_WEBSOCKET_H
#define PROXY_WEBSOCKET_H

#include "net/buf.h"

struct websocket {
	uint64_t left;    /* bytes of the frame in progress, behind its head */
	uint8_t head[14]; /* of the frame, as far as it came */
	uint8_t n_head;
	bool closed; /* a close frame went by: nothing may follow */
};

/* Bytes pass. How many of them belong to whole frames, counted up to the end of the last one that
 * ends among them. */
size_t websocket_pass(struct websocket *w, const struct buf *data);
/* Between two frames, or before the first. */
static inline bool websocket_is_between(const struct websocket *w)
{
	return w->left == 0 && w->n_head == 0;
}
/* A close frame "1001 going away" (5.5.1); masked as a client must (5.3). Returns its length. */
enum { WEBSOCKET_CLOSE_MAX = 8 };
size_t websocket_close(char out[WEBSOCKET_CLOSE_MAX], bool from_client);

#endif
