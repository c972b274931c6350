/* How much of a body one DATA frame takes. Any thread. */
#ifndef HTTP2_WRITE_H
#define HTTP2_WRITE_H

#include "net/buf.h"

/* How many bytes of a body the next DATA frame takes, of max at most: blocks change hands whole, so
 * it ends where a block does, unless it were much too short then. */
size_t write_frame_size(const struct buf *out, size_t max);

#endif
