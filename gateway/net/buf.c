/* Byte queues. Any thread, one at a time for each buf. */
#include "net/buf.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/sanitize.h"

enum {
	SPARE_MAX = 128, /* blocks of each size a thread keeps for reuse: 2 MiB, and 128 KiB */
	TAIL_MIN = 2048, /* with less room than this, a new block is read into */
	PULLUP_MORE = 1 << 20, /* most room that is made behind a large run */
	LEND_MIN = 4096,       /* fewer bytes that are lent are copied when they move */
	LEND_MAX = 1 << 30,    /* most of one block */
};

/* Blocks of one size that a thread keeps for reuse. */
struct spares {
	struct block *first;
	unsigned n;
};

static __thread struct spares standard, small;

static struct block *block_make(size_t cap)
{
	/* not zeroed: it is written before it is read */
	struct block *b = mem_resize(NULL, 1, sizeof(*b) + cap, "struct block");
	check(cap <= UINT32_MAX, "a block of %zu bytes", cap);
	b->data = b->room;
	b->loan = NULL;
	b->cap = (uint32_t)cap;
	return b;
}

/* NULL: there is none. */
static inline struct block *spares_take(struct spares *s)
{
	struct block *b = s->first;
	if (likely(b != NULL)) {
		s->first = b->next;
		s->n--;
	}
	return b;
}

static inline bool spares_give(struct spares *s, struct block *b)
{
	if (unlikely(s->n >= SPARE_MAX || MEMORY_IS_WATCHED))
		return false;
	b->next = s->first;
	s->first = b;
	s->n++;
	return true;
}

static inline struct block *block_clear(struct block *b)
{
	b->next = NULL;
	b->off = b->end = 0;
	return b;
}

/* At least the standard size. */
static struct block *block_new(size_t cap)
{
	struct block *b = likely(cap <= BUF_BLOCK) ? spares_take(&standard) : NULL;
	if (unlikely(!b))
		b = block_make(cap < BUF_BLOCK ? BUF_BLOCK : cap);
	return block_clear(b);
}

static struct block *block_new_small(void)
{
	struct block *b = spares_take(&small);
	return block_clear(b ? b : block_make(BUF_SMALL));
}

static struct block *block_new_lent(struct loan *l, char *p, size_t n)
{
	struct block *b = block_clear(block_make(0));
	b->data = p;
	b->loan = l;
	b->end = b->cap = (uint32_t)n; /* no room: nothing is written there */
	l->refs++;
	return b;
}

__attribute__((noinline)) static void block_give_back(struct block *b)
{
	struct loan *l = b->loan;
	free(b);
	loan_unref(l);
}

static void block_free(struct block *b)
{
	if (unlikely(b->loan)) {
		block_give_back(b);
		return;
	}
	bool kept = likely(b->cap == BUF_BLOCK) ? spares_give(&standard, b)
						: b->cap == BUF_SMALL && spares_give(&small, b);
	if (unlikely(!kept))
		free(b);
}

static void spares_fini(struct spares *s)
{
	while (s->first) {
		struct block *next = s->first->next;
		free(s->first);
		s->first = next;
	}
	s->n = 0;
}

void buf_thread_fini(void)
{
	spares_fini(&standard);
	spares_fini(&small);
}

void buf_free_blocks(struct buf *b)
{
	struct block *at = b->first;
	while (at) {
		struct block *next = at->next;
		block_free(at);
		at = next;
	}
	buf_init(b);
}

static void buf_push(struct buf *b, struct block *at)
{
	if (b->last)
		b->last->next = at;
	else
		b->first = at;
	b->last = at;
}

/* Free blocks at the front that hold no bytes, because they were drained or because reserved room
 * was not used, so that the first run of a queue is empty only when the queue is. */
static void buf_skip_empty(struct buf *b)
{
	while (b->first && b->first->off == b->first->end) {
		struct block *at = b->first;
		b->first = at->next;
		block_free(at);
	}
	if (!b->first)
		b->last = NULL;
}

void buf_drain_blocks(struct buf *b, size_t n)
{
	check(n <= b->len, "draining %zu of %zu bytes", n, b->len);
	b->len -= n;
	while (n) {
		struct block *at = b->first;
		size_t have = at->end - at->off, take = n < have ? n : have;
		at->off += (uint32_t)take;
		n -= take;
		if (take == have)
			buf_skip_empty(b);
	}
}

char *buf_reserve(struct buf *b, size_t min, size_t *room)
{
	if (!b->last || b->last->cap - b->last->end < min) {
		buf_skip_empty(b);
		/* the head of a frame stands between bytes that are lent */
		bool few = b->last && b->last->loan && min <= BUF_SMALL;
		buf_push(b, few ? block_new_small() : block_new(min));
	}
	*room = b->last->cap - b->last->end;
	return b->last->data + b->last->end;
}

void buf_commit(struct buf *b, size_t n)
{
	check(b->last && n <= b->last->cap - b->last->end,
		"committing %zu bytes more than there is room", n);
	b->last->end += (uint32_t)n;
	b->len += n;
	if (n == 0)
		buf_skip_empty(b);
}

void buf_room(struct buf *b, size_t want, struct buf_room *room)
{
	room->n = 0;
	room->total = 0;
	room->tail = b->last && b->last->cap - b->last->end >= TAIL_MIN;
	do {
		struct block *at = room->n == 0 && room->tail ? b->last : block_new(BUF_BLOCK);
		size_t len = at->cap - at->end;
		room->block[room->n] = at;
		room->iov[room->n++] = (struct iovec){ at->data + at->end, len };
		room->total += len;
	} while (room->total < want && room->n < BUF_ROOM_MAX);
}

void buf_room_take(struct buf *b, struct buf_room *room, size_t got)
{
	check(got <= room->total, "%zu bytes in a room of %zu", got, room->total);
	b->len += got;
	for (int i = 0; i < room->n; i++) {
		struct block *at = room->block[i];
		size_t take = got < room->iov[i].iov_len ? got : room->iov[i].iov_len;
		bool ours = i > 0 || !room->tail;
		at->end += (uint32_t)take;
		got -= take;
		if (ours && take)
			buf_push(b, at);
		else if (ours)
			block_free(at);
	}
	if (b->len == 0)
		buf_skip_empty(b);
}

void buf_append(struct buf *b, const char *p, size_t n)
{
	while (n) {
		size_t room;
		char *at = buf_reserve(b, 1, &room);
		size_t take = n < room ? n : room;
		memcpy(at, p, take);
		buf_commit(b, take);
		p += take;
		n -= take;
	}
}

void buf_keep(struct buf *b, const char *p, size_t n)
{
	if (!b->last && n && n <= BUF_SMALL)
		buf_push(b, block_new_small());
	buf_append(b, p, n);
}

void buf_lend(struct buf *b, struct loan *l, const char *p, size_t n)
{
	while (n) {
		size_t take = n < LEND_MAX ? n : LEND_MAX;
		/* blocks that are lent have no room, so that nobody writes there */
		buf_push(b, block_new_lent(l, (char *)(uintptr_t)p, take));
		b->len += take;
		p += take;
		n -= take;
	}
}

/* A block that two queues read. */
struct shared {
	struct loan loan;
	struct block *block; /* owned */
};

static void shared_over(struct loan *l)
{
	struct shared *s = container_of(l, struct shared, loan);
	block_free(s->block);
	free(s);
}

/* In the place of *at there is a block that is lent; it holds the bytes. */
static struct block *block_share(struct block *at)
{
	struct shared *s = mem_new(struct shared);
	s->loan.over = shared_over;
	s->block = at;
	struct block *lent = block_new_lent(&s->loan, at->data + at->off, at->end - at->off);
	lent->next = at->next;
	at->next = NULL;
	return lent;
}

void buf_share(struct buf *copy, struct buf *src)
{
	struct block **at = &src->first;
	src->last = NULL;
	for (; *at; at = &(*at)->next) {
		uint32_t n = (*at)->end - (*at)->off;
		if (!(*at)->loan && n >= LEND_MIN)
			*at = block_share(*at);
		if ((*at)->loan && n >= LEND_MIN)
			buf_lend(copy, (*at)->loan, (*at)->data + (*at)->off, n);
		else
			buf_append(copy, (*at)->data + (*at)->off, n);
		src->last = *at;
	}
}

void buf_settle(struct buf *b)
{
	struct block *at = b->first;
	if (!at || at != b->last || at->cap == BUF_SMALL || at->loan || b->len > BUF_SMALL)
		return;
	buf_init(b);
	buf_keep(b, at->data + at->off, at->end - at->off);
	block_free(at);
}

bool buf_blocks_hold(const struct buf *b, size_t n)
{
	size_t held = 0;
	for (const struct block *at = b->first; at && held < n; at = at->next)
		held += at->loan ? 0 : at->cap;
	return held >= n;
}

/*
 * Whether the bytes of a block are copied behind those of dst and the block is not moved: when they
 * fit into the room there, so that bytes which come in small pieces lie close together, or when the
 * block is much larger than its bytes. Many bytes that are lent are not copied.
 */
static bool block_is_emptied(const struct block *at, const struct buf *dst)
{
	size_t have = at->end - at->off;
	if (unlikely(at->loan))
		return have < LEND_MIN;
	return (dst->last && dst->last->cap - dst->last->end >= have) ||
		(at->cap > BUF_BLOCK && have <= BUF_BLOCK);
}

/* Move a block to dst. If it follows other blocks and is at most half full, its bytes are moved to
 * its front, to make room behind them. */
static void block_give(struct buf *dst, struct block *at)
{
	size_t have = at->end - at->off;
	if (unlikely(dst->last && at->off && have <= at->cap / 2 && !at->loan)) {
		memmove(at->data, at->data + at->off, have);
		at->off = 0;
		at->end = (uint32_t)have;
	}
	at->next = NULL;
	buf_push(dst, at);
	dst->len += have;
}

/* Whether all blocks of src can join dst as they are: none of the copies by which dst stays close
 * to its bytes (see block_is_emptied() and block_give()) is due at the first block, and those
 * behind it lie as they would lie in dst. */
static inline bool buf_joins(const struct buf *dst, const struct buf *src)
{
	const struct block *at = src->first;
	size_t have = at->end - at->off;
	if (at->cap > BUF_BLOCK || have == 0)
		return false;
	return !dst->last ||
		(dst->last->cap - dst->last->end < have && (!at->off || have > at->cap / 2));
}

void buf_move(struct buf *dst, struct buf *src, size_t n)
{
	check(n <= src->len, "moving %zu of %zu bytes", n, src->len);
	if (likely(n && n == src->len && buf_joins(dst, src))) {
		buf_push(dst, src->first);
		dst->last = src->last;
		dst->len += n;
		buf_init(src);
		return;
	}
	while (n) {
		buf_skip_empty(src);
		struct block *at = src->first;
		size_t have = at->end - at->off;
		if (n < have || block_is_emptied(at, dst)) {
			size_t take = n < have ? n : have;
			if (unlikely(at->loan && take >= LEND_MIN))
				buf_lend(dst, at->loan, at->data + at->off, take);
			else
				buf_append(dst, at->data + at->off, take);
			buf_drain(src, take);
			n -= take;
			continue;
		}
		src->first = at->next;
		if (!src->first)
			src->last = NULL;
		block_give(dst, at);
		src->len -= have;
		n -= have;
	}
	buf_skip_empty(src);
}

void buf_copy(const struct buf *b, char *dst, size_t n)
{
	check(n <= b->len, "copying %zu of %zu bytes", n, b->len);
	for (const struct block *at = b->first; n; at = at->next) {
		size_t have = at->end - at->off, take = n < have ? n : have;
		memcpy(dst, at->data + at->off, take);
		dst += take;
		n -= take;
	}
}

sluice_str buf_pullup(struct buf *b, size_t n)
{
	check(n <= b->len, "pulling up %zu of %zu bytes", n, b->len);
	sluice_str run = buf_peek(b);
	if (run.len >= n)
		return run;
	struct block *at = b->first;
	if (at->cap - at->end >= n - run.len) { /* behind what is there */
		struct buf rest = { .first = at->next, .last = b->last, .len = b->len - run.len };
		buf_copy(&rest, at->data + at->end, n - run.len);
		buf_drain(&rest, n - run.len);
		at->end += (uint32_t)(n - run.len);
		at->next = rest.first;
		b->last = rest.first ? rest.last : at;
		return buf_peek(b);
	}
	/* with room for more, so that a caller who joins bytes again and again as they come does
	 * not copy them each time */
	struct block *whole = block_new(
		n <= BUF_BLOCK ? n : n + (n < PULLUP_MORE ? n : PULLUP_MORE));
	size_t total = b->len;
	buf_copy(b, whole->data, n);
	whole->end = (uint32_t)n;
	buf_drain(b, n);
	whole->next = b->first;
	b->first = whole;
	if (!b->last)
		b->last = whole;
	b->len = total;
	return buf_peek(b);
}

int buf_iov(const struct buf *b, struct iovec *iov, int max, size_t *total)
{
	int n = 0;
	*total = 0;
	for (struct block *at = b->first; at && n < max; at = at->next) {
		iov[n].iov_base = at->data + at->off;
		iov[n].iov_len = at->end - at->off;
		*total += iov[n++].iov_len;
	}
	return n;
}
