/*
 * Byte queues made of blocks that change hands instead of being copied.
 *
 *      first                         last
 *     +----+--------+------+   +----+-----------+---------+
 *     |////| bytes  |      |-->|    | bytes     |  room   |
 *     +----+--------+------+   +----+-----------+---------+
 *     0   off      end    cap  0=off           end       cap
 *
 * A block belongs to exactly one buf. An empty buf holds no block, so idle connections cost
 * nothing. Blocks of the standard size, and small ones, come from per-thread lists. A buf has one
 * owner who drains it; pointers into it are not kept across a return to the loop. Not thread-safe;
 * blocks may be freed on another thread than they came from.
 *
 * A block may also stand for bytes that are lent: they are only read, and when the last block of a
 * loan is gone, its owner is told.
 *
 * What waits in a queue takes at most twice its bytes and two blocks, however small the pieces were
 * in which it came: bytes that fit into the room of the last block are copied there.
 */
#ifndef NET_BUF_H
#define NET_BUF_H

#include <sys/uio.h>

#include "base/str.h"

enum {
	BUF_BLOCK = 16384, /* bytes a standard block holds: one TLS record */
	BUF_SMALL = 1024,  /* bytes of a small block, for a few bytes that may wait for long */
	BUF_IOV_MAX = 16,  /* most runs one writev takes */
};

/* Bytes that queues borrow: they are sent from where they lie, and not copied. Embedded in what
 * owns them. */
struct loan {
	/* No queue has bytes of it any more. On the thread that drained or freed the last; it must
	 * not touch that queue. */
	void (*over)(struct loan *l);
	unsigned refs; /* blocks, and whoever else holds it; one thread's */
};

struct block {
	struct block *next;
	char *data;        /* its own room, or bytes that are lent */
	struct loan *loan; /* holds those; NULL: its own */
	uint32_t off, end, cap;
	char room[];
};

struct buf {
	struct block *first, *last; /* owned */
	size_t len;                 /* bytes queued */
};

static inline void buf_init(struct buf *b)
{
	b->first = b->last = NULL;
	b->len = 0;
}
/* Free all blocks; b is then empty and usable. */
void buf_free_blocks(struct buf *b);
static inline void buf_fini(struct buf *b)
{
	if (b->first)
		buf_free_blocks(b);
}

/* The first contiguous run; empty when b is. */
static inline sluice_str buf_peek(const struct buf *b)
{
	return b->first ? str_n(b->first->data + b->first->off, b->first->end - b->first->off)
			: STR_NONE;
}
/* Make the first n bytes contiguous (n at most b->len) and return them. */
sluice_str buf_pullup(struct buf *b, size_t n);
/* Copy the first n bytes (n at most b->len) out, leaving them in. */
void buf_copy(const struct buf *b, char *dst, size_t n);
/* Drop the first n bytes (n at most b->len). */
void buf_drain_blocks(struct buf *b, size_t n);
static inline void buf_drain(struct buf *b, size_t n)
{
	struct block *at = b->first;
	if (at && n < at->end - at->off) { /* within the first block, as a head mostly is */
		at->off += (uint32_t)n;
		b->len -= n;
		return;
	}
	buf_drain_blocks(b, n);
}

/* Contiguous room of at least min bytes at the end (more than BUF_BLOCK is a block of its own);
 * *room tells how much there is. What was written there counts after buf_commit(). */
char *buf_reserve(struct buf *b, size_t min, size_t *room);
/* n bytes of the room were filled. */
void buf_commit(struct buf *b, size_t n);

/* Room for one readv, as up to BUF_ROOM_MAX runs: the rest of the last block, then fresh ones. */
enum { BUF_ROOM_MAX = 4 };
struct buf_room {
	struct iovec iov[BUF_ROOM_MAX];
	/* owned until given back, but for the first when `tail` */
	struct block *block[BUF_ROOM_MAX];
	int n;
	bool tail; /* the first run is the last block's rest */
	size_t total;
};
/* At least want bytes, when BUF_ROOM_MAX blocks can hold them. b must not change until
 * buf_room_take(). */
void buf_room(struct buf *b, size_t want, struct buf_room *room);
/* got bytes of the room were filled: they join b, the blocks not needed are given back. */
void buf_room_take(struct buf *b, struct buf_room *room, size_t got);

void buf_append(struct buf *b, const char *p, size_t n);
static inline void loan_unref(struct loan *l)
{
	if (--l->refs == 0)
		l->over(l);
}
/* Add n bytes at p to the queue without copying them. They must stay as they are until l is over;
 * l gets a reference for each block. */
void buf_lend(struct buf *b, struct loan *l, const char *p, size_t n);
/* Add what src has to copy, which shares the bytes with it: small blocks are copied, the memory of
 * others is freed when neither needs it. src has the same bytes as before. */
void buf_share(struct buf *copy, struct buf *src);
/* buf_append() for bytes that may wait for long, one queue for each of many requests: a few bytes
 * in an empty queue take a small block. */
void buf_keep(struct buf *b, const char *p, size_t n);
/* The bytes of b will wait for long: if they are few, move them from a standard block into a small
 * one. */
void buf_settle(struct buf *b);
/* Whether the blocks of b take at least n bytes of memory. */
bool buf_blocks_hold(const struct buf *b, size_t n);
/* Whether b has n bytes, or takes the memory of more, for flow control. n: at least 64 KiB. */
static inline bool buf_holds(const struct buf *b, size_t n)
{
	/* below three quarters of n, twice the bytes and two blocks are not much more than that */
	return b->len >= n / 4 * 3 && (b->len >= n || buf_blocks_hold(b, n + BUF_BLOCK));
}
/* Move the first n bytes (n at most src->len) to the end of dst: whole blocks change hands; what
 * fits into the room of the last block, and the last part, is copied. Of bytes that are lent only a
 * few are copied, so that they are given back sooner. */
void buf_move(struct buf *dst, struct buf *src, size_t n);
static inline void buf_move_all(struct buf *dst, struct buf *src)
{
	buf_move(dst, src, src->len);
}
/* The queued bytes as runs, from the front: how many runs (at most max), and their bytes in
 * *total. */
int buf_iov(const struct buf *b, struct iovec *iov, int max, size_t *total);

/* At program end, for leak checkers: free this thread's list. */
void buf_thread_fini(void);

#endif
