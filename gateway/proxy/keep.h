/*
 * A request's body that is kept while it is passed on, so that it can be sent once more. Nothing is
 * copied: the queue of a connection borrows the bytes (net/buf.h), and they are freed when nobody
 * has them any more, also after their exchange. Its worker's thread only.
 */
#ifndef PROXY_KEEP_H
#define PROXY_KEEP_H

#include "net/buf.h"

struct kept_body;

/* Room for that many bytes. */
struct kept_body *kept_new(size_t most);
/* data is passed on next: keep it, in place of its bytes data has them lent. When there is no room
 * for it, nothing is kept any more: *k is cleared, and data is as it was. */
void kept_add(struct kept_body **k, struct buf *data);
/* Lend all that is kept. */
void kept_lend(struct kept_body *k, struct buf *to);
/* The owner needs it no more. NULL is allowed. */
void kept_drop(struct kept_body **k);

#endif
