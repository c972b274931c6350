/* net/buf: whatever is done to byte queues, they hold what a flat array would. */
#include "net/buf.h"

#include <stdlib.h>

#include "unit.h"

#include "base/sanitize.h"

enum { QUEUES = 3, FLAT_MAX = 400 * 1024, STEPS = 40000 };

static uint32_t seed = 1;

static uint32_t dice(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(seed >> 8) * n) >> 24);
}

/* Mostly short, now and then about a block, rarely more. */
static size_t any_size(size_t max)
{
	static const size_t edges[] = { 0, 1, 1023, 1024, 1025, 2047, 2048, BUF_BLOCK - 1,
		BUF_BLOCK, BUF_BLOCK + 1, 3 * BUF_BLOCK };
	size_t n;
	switch (dice(4)) {
	case 0:
		n = edges[dice(sizeof(edges) / sizeof(edges[0]))];
		break;
	case 1:
		n = dice(40000);
		break;
	default:
		n = dice(300);
		break;
	}
	return n < max ? n : max;
}

/* A queue, and the array it should be. */
struct model {
	struct buf b;
	char *flat;
	size_t len;
};

static struct model models[QUEUES];
static char fresh[FLAT_MAX];

static const char *fresh_bytes(size_t n)
{
	static uint8_t next;
	for (size_t i = 0; i < n; i++)
		fresh[i] = (char)next++;
	return fresh;
}

static void flat_add(struct model *m, const char *p, size_t n)
{
	memcpy(m->flat + m->len, p, n);
	m->len += n;
}

static void flat_cut(struct model *m, size_t n)
{
	m->len -= n;
	memmove(m->flat, m->flat + n, m->len);
}

static void assert_same(const struct model *m)
{
	size_t at = 0, blocks = 0;
	assert_int_equal(m->b.len, m->len);
	for (const struct block *k = m->b.first; k; k = k->next) {
		size_t n = k->end - k->off;
		assert_true(k->off <= k->end && k->end <= k->cap && at + n <= m->len);
		assert_memory_equal(k->data + k->off, m->flat + at, n);
		at += n;
		blocks++;
		assert_true(k->next || m->b.last == k);
	}
	assert_int_equal(at, m->len);
	if (blocks == 0)
		assert_null(m->b.last);
	if (m->len) /* the front is never an empty run: who peeks would take it for the end */
		assert_true(buf_peek(&m->b).len > 0);
}

/* ---- one operation each -------------------------------------------------------------------- */

static void step_append(struct model *m, size_t room)
{
	size_t n = any_size(room);
	const char *p = fresh_bytes(n);
	buf_append(&m->b, p, n);
	flat_add(m, p, n);
}

static void step_reserve(struct model *m, size_t room)
{
	size_t got, min = any_size(room < 40000 ? room : 40000);
	char *at = buf_reserve(&m->b, min, &got);
	assert_true(got >= min);
	/* not all that was reserved is used */
	size_t n = dice(4) ? dice((uint32_t)(got < room ? got : room) + 1) : 0;
	const char *p = fresh_bytes(n);
	memcpy(at, p, n);
	buf_commit(&m->b, n);
	flat_add(m, p, n);
}

static void step_room(struct model *m, size_t room)
{
	struct buf_room r;
	size_t want = any_size(BUF_ROOM_MAX * BUF_BLOCK), sum = 0;
	buf_room(&m->b, want, &r);
	assert_in_range(r.n, 1, BUF_ROOM_MAX);
	for (int i = 0; i < r.n; i++)
		sum += r.iov[i].iov_len;
	assert_int_equal(sum, r.total);
	assert_true(r.total >= want || r.n == BUF_ROOM_MAX);
	size_t n = dice(3) ? dice((uint32_t)(r.total < room ? r.total : room) + 1) : 0;
	const char *p = fresh_bytes(n);
	size_t put = 0;
	for (int i = 0; i < r.n && put < n; i++) {
		size_t take = r.iov[i].iov_len < n - put ? r.iov[i].iov_len : n - put;
		memcpy(r.iov[i].iov_base, p + put, take);
		put += take;
	}
	buf_room_take(&m->b, &r, n);
	flat_add(m, p, n);
}

static void step_drain(struct model *m)
{
	size_t n = any_size(m->len);
	buf_drain(&m->b, n);
	flat_cut(m, n);
}

static void step_move(struct model *to, struct model *from)
{
	size_t room = FLAT_MAX - to->len, n = any_size(from->len < room ? from->len : room);
	if (dice(3) == 0 && from->len <= room) {
		n = from->len;
		buf_move_all(&to->b, &from->b);
		assert_null(from->b.first);
	} else {
		buf_move(&to->b, &from->b, n);
	}
	flat_add(to, from->flat, n);
	flat_cut(from, n);
}

static void step_share(struct model *to, struct model *from)
{
	if (to == from || dice(10) || from->len > FLAT_MAX / 8 || from->len > FLAT_MAX - to->len)
		return;
	buf_share(&to->b, &from->b);
	flat_add(to, from->flat, from->len);
}

static void step_look(struct model *m)
{
	size_t n = any_size(m->len), total = 0, sum = 0;
	char *copy = malloc(n ? n : 1);
	buf_copy(&m->b, copy, n);
	assert_memory_equal(copy, m->flat, n);
	free(copy);

	struct iovec iov[BUF_IOV_MAX];
	int max = 1 + (int)dice(BUF_IOV_MAX), runs = buf_iov(&m->b, iov, max, &total);
	assert_in_range(runs, m->len > 0, max);
	for (int i = 0; i < runs; i++) {
		assert_memory_equal(iov[i].iov_base, m->flat + sum, iov[i].iov_len);
		sum += iov[i].iov_len;
	}
	assert_int_equal(sum, total);
	if (runs < max)
		assert_int_equal(total, m->len);
}

static void step_pullup(struct model *m)
{
	size_t n = any_size(m->len);
	sluice_str run = buf_pullup(&m->b, n);
	assert_true(run.len >= n);
	assert_memory_equal(run.data, m->flat, run.len);
}

static void step_empty(struct model *m)
{
	buf_fini(&m->b);
	m->len = 0;
	assert_null(m->b.first);
	assert_int_equal(m->b.len, 0);
}

TEST(model)
{
	for (int i = 0; i < QUEUES; i++) {
		buf_init(&models[i].b);
		models[i].flat = malloc(FLAT_MAX);
		models[i].len = 0;
	}
	for (unsigned i = 0; i < STEPS; i++) {
		struct model *m = &models[dice(QUEUES)], *other = &models[dice(QUEUES)];
		size_t room = FLAT_MAX - m->len;
		switch (dice(17)) {
		case 0:
		case 1:
		case 2:
			step_append(m, room);
			break;
		case 3:
		case 4:
			step_reserve(m, room);
			break;
		case 5:
		case 6:
			step_room(m, room);
			break;
		case 7:
		case 8:
		case 9:
			step_drain(m);
			break;
		case 10:
		case 11:
		case 12:
			if (m != other)
				step_move(m, other);
			break;
		case 13:
			step_look(m);
			break;
		case 16:
			step_share(m, other);
			break;
		case 14:
			step_pullup(m);
			break;
		default:
			if (dice(20) == 0)
				step_empty(m);
			break;
		}
		assert_same(m);
		assert_same(other);
	}
	for (int i = 0; i < QUEUES; i++) {
		buf_fini(&models[i].b);
		free(models[i].flat);
	}
}

/* ---- what the model does not say ----------------------------------------------------------- */

TEST(whole_blocks_change_hands)
{
	struct buf a, b;
	buf_init(&a);
	buf_init(&b);
	buf_append(&a, fresh_bytes(2 * BUF_BLOCK + 5000), 2 * BUF_BLOCK + 5000);
	const struct block *first = a.first, *second = first->next, *third = second->next;
	buf_move(&b, &a, 2 * BUF_BLOCK);
	assert_ptr_equal(b.first, first);
	assert_ptr_equal(b.last, second);
	buf_move_all(&b, &a);
	assert_ptr_equal(b.last, third);
	assert_null(a.first);
	assert_null(a.last);
	buf_fini(&b);
}

/* Little ones are copied into the room there is: a queue of single bytes must not cost a block for
 * each. */
/* A queue that takes over whole others keeps close to its bytes, whatever was drained of them. */
TEST(joined_queues_stay_close_to_their_bytes)
{
	static char bytes[4 * BUF_BLOCK];
	struct buf from, to;
	buf_init(&from);
	buf_init(&to);
	for (int i = 0; i < 200; i++) {
		buf_append(&from, bytes, 1 + dice(sizeof(bytes)));
		buf_drain(&from, from.len - 1 - dice((uint32_t)from.len));
		size_t want = to.len + from.len;
		buf_move_all(&to, &from);
		assert_null(from.first);
		assert_int_equal(from.len, 0);
		assert_int_equal(to.len, want);
		assert_false(buf_blocks_hold(&to, 2 * to.len + 2 * BUF_BLOCK + 1));
	}
	buf_drain(&to, to.len);
	assert_null(to.first);
}

TEST(small_moves_share_a_block)
{
	struct buf a, b;
	unsigned blocks = 0;
	buf_init(&a);
	buf_init(&b);
	for (int i = 0; i < 1000; i++) {
		buf_append(&a, "x", 1);
		buf_move_all(&b, &a);
	}
	for (const struct block *k = b.first; k; k = k->next)
		blocks++;
	assert_int_equal(b.len, 1000);
	assert_int_equal(blocks, 1);
	assert_null(a.first);
	buf_fini(&b);
}

TEST(an_empty_queue_holds_nothing)
{
	struct buf b;
	struct buf_room r;
	buf_init(&b);
	buf_room(&b, 3 * BUF_BLOCK, &r);
	assert_int_equal(r.n, 3);
	buf_room_take(&b, &r, 0);
	assert_null(b.first);
	buf_append(&b, "abc", 3);
	buf_drain(&b, 3);
	assert_null(b.first);
	assert_null(b.last);
	assert_int_equal(buf_peek(&b).len, 0);
	assert_int_equal(buf_pullup(&b, 0).len, 0);
}

TEST(big_blocks)
{
	struct buf b;
	size_t room, big = 5 * BUF_BLOCK + 17;
	buf_init(&b);
	buf_append(&b, "head", 4);
	char *at = buf_reserve(&b, big, &room);
	assert_true(room >= big);
	memset(at, 'b', big);
	buf_commit(&b, big);
	buf_append(&b, "tail", 4);
	sluice_str run = buf_pullup(&b, big + 8);
	assert_int_equal(run.len, big + 8);
	assert_memory_equal(run.data, "headb", 5);
	assert_memory_equal(run.data + run.len - 5, "btail", 5);
	buf_drain(&b, big + 8);
	assert_null(b.first);
}

/* Blocks are kept for reuse, and go when asked. */
TEST(blocks_are_reused)
{
	if (MEMORY_IS_WATCHED)
		skip();
	struct buf b;
	buf_init(&b);
	buf_append(&b, "a", 1);
	const struct block *was = b.first;
	buf_fini(&b);
	buf_append(&b, "b", 1);
	assert_ptr_equal(b.first, was);
	assert_int_equal(b.first->off, 0);
	assert_int_equal(b.len, 1);
	buf_fini(&b);
	buf_thread_fini();
	buf_thread_fini();
}

static int teardown(void **state)
{
	(void)state;
	buf_thread_fini();
	return 0;
}

/* Memory of the blocks of b. */
static size_t held_by(const struct buf *b)
{
	size_t n = 0;
	for (const struct block *at = b->first; at; at = at->next)
		n += at->cap;
	return n;
}

/* However small the pieces are that come in, each in a block of its own, what waits takes at most
 * twice its bytes and two blocks. */
TEST(small_pieces_do_not_hold_a_block_each)
{
	static const size_t pieces[] = { 1, 100, 1023, 1024, 1025, 2000, 5000, 8191, 8192, 8193,
		12000, 16383, 16384 };
	static char bytes[BUF_BLOCK];
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct buf queue, piece;
		buf_init(&queue);
		for (int n = 0; n < 200; n++) {
			buf_init(&piece);
			/* half of the time behind a head, which was used up */
			buf_append(&piece, bytes, n % 2 ? BUF_BLOCK - pieces[i] : 0);
			buf_append(&piece, bytes, pieces[i]);
			buf_drain(&piece, n % 2 ? BUF_BLOCK - pieces[i] : 0);
			buf_move_all(&queue, &piece);
			assert_true(held_by(&queue) <= 2 * queue.len + 2 * BUF_BLOCK);
		}
		assert_int_equal(queue.len, 200 * pieces[i]);
		buf_fini(&queue);
	}
}

/* A block that was made large for something else is not held by the few bytes behind that. */
TEST(a_large_block_is_not_held_by_a_few_bytes)
{
	static char bytes[200000];
	struct buf in, queue;
	size_t room;
	buf_init(&in);
	buf_init(&queue);
	memset(buf_reserve(&in, sizeof(bytes), &room), 'x', sizeof(bytes));
	buf_commit(&in, sizeof(bytes));
	buf_drain(&in, sizeof(bytes) - 10);
	buf_move_all(&queue, &in);
	assert_int_equal(queue.len, 10);
	assert_int_equal(held_by(&queue), BUF_BLOCK);
	buf_fini(&queue);
}

TEST(a_little_that_waits_takes_a_small_block)
{
	struct buf b;
	buf_init(&b);
	buf_keep(&b, "1", 1);
	assert_int_equal(held_by(&b), BUF_SMALL);
	for (int i = 0; i < 5000; i++)
		buf_keep(&b, "2345", 4);
	assert_int_equal(b.len, 20001);
	assert_true(held_by(&b) <= 2 * BUF_BLOCK + BUF_SMALL);
	buf_fini(&b);
	buf_append(&b, "head", 4);
	assert_int_equal(held_by(&b), BUF_BLOCK);
	buf_drain(&b, 1);
	buf_settle(&b);
	assert_int_equal(held_by(&b), BUF_SMALL);
	assert_str(buf_peek(&b), "ead");
	buf_settle(&b);
	for (int i = 0; i < 500; i++)
		buf_append(&b, "more", 4);
	buf_settle(&b); /* no longer a little */
	assert_int_equal(b.len, 2003);
	buf_fini(&b);
	buf_settle(&b);
	assert_null(b.first);
}

/* Flow control goes by the memory, where that is more than the bytes. */
TEST(what_is_held_counts)
{
	static char bytes[BUF_BLOCK];
	struct buf b, piece;
	buf_init(&b);
	buf_append(&b, bytes, BUF_BLOCK);
	assert_false(buf_holds(&b, 65536));
	for (int i = 0; i < 3; i++)
		buf_append(&b, bytes, BUF_BLOCK);
	assert_true(buf_holds(&b, 65536));
	buf_fini(&b);
	for (int i = 0; i < 6; i++) { /* little more than half of each block */
		buf_init(&piece);
		buf_append(&piece, bytes, BUF_BLOCK / 2 + 1);
		buf_move_all(&b, &piece);
		assert_int_equal(buf_holds(&b, 65536), i == 5);
	}
	assert_true(b.len < 65536);
	buf_fini(&b);
}

/* ---- bytes that are lent ------------------------------------------------------------------- */

static unsigned overs;

static void loan_over(struct loan *l)
{
	(void)l;
	overs++;
}

/* Parts of them go their ways without a copy; the owner is told once, after the last. */
TEST(lent_bytes_are_not_copied)
{
	static char bytes[5 * BUF_BLOCK];
	struct loan l = { .over = loan_over, .refs = 1 };
	struct buf b, c;
	buf_init(&b);
	buf_init(&c);
	overs = 0;
	buf_append(&b, "head", 4);
	buf_lend(&b, &l, bytes, sizeof(bytes));
	loan_unref(&l);
	assert_int_equal(b.len, 4 + sizeof(bytes));
	buf_move(&c, &b, 4);
	assert_ptr_equal(buf_peek(&b).data, bytes);
	for (unsigned i = 0; i < 5; i++) { /* as frames do */
		buf_append(&c, "frame", 5);
		buf_move(&c, &b, BUF_BLOCK);
	}
	assert_int_equal(b.len, 0);
	assert_int_equal(overs, 0);
	assert_false(buf_blocks_hold(&c, BUF_BLOCK + 5 * BUF_SMALL + 1));
	buf_drain(&c, 4 + 5);
	for (unsigned i = 0; i < 5; i++) {
		assert_ptr_equal(buf_peek(&c).data, bytes + i * BUF_BLOCK);
		assert_int_equal(buf_peek(&c).len, BUF_BLOCK);
		assert_int_equal(overs, 0);
		buf_drain(&c, i < 4 ? BUF_BLOCK + 5 : BUF_BLOCK);
	}
	assert_int_equal(overs, 1);
	assert_null(c.first);
}

/* Nothing is written where they lie. */
TEST(lent_bytes_are_only_read)
{
	static char bytes[3 * BUF_BLOCK];
	struct loan l = { .over = loan_over, .refs = 1 };
	struct buf b, c;
	buf_init(&b);
	buf_init(&c);
	overs = 0;
	memset(bytes, 'x', sizeof(bytes));
	buf_lend(&b, &l, bytes, sizeof(bytes) / 2);
	buf_append(&b, "behind", 6);
	buf_settle(&b);
	buf_drain(&b, sizeof(bytes) / 2 - 5000);
	buf_append(&c, "before", 6);
	buf_move_all(&c, &b); /* a block at most half full, behind another */
	buf_append(&c, "end", 3);
	sluice_str all = buf_pullup(&c, c.len);
	assert_int_equal(all.len, 6 + 5000 + 6 + 3);
	assert_memory_equal(all.data, "beforexxx", 9);
	assert_memory_equal(all.data + all.len - 10, "xbehindend", 10);
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 'x');
	buf_lend(&b, &l, bytes, BUF_BLOCK); /* of a block's size, and not kept for reuse */
	buf_fini(&b);
	assert_int_equal(overs, 0);
	loan_unref(&l);
	assert_int_equal(overs, 1);
	buf_fini(&c);
}

/* A few bytes are copied, so that the loan is over sooner. */
TEST(a_few_lent_bytes_are_copied)
{
	struct loan l = { .over = loan_over };
	struct buf b, c;
	buf_init(&b);
	buf_init(&c);
	overs = 0;
	buf_lend(&b, &l, "few", 3);
	buf_append(&c, "a ", 2);
	buf_move_all(&c, &b);
	assert_int_equal(overs, 1);
	assert_str(buf_peek(&c), "a few");
	buf_fini(&c);
}

/* Large blocks are not copied, and live as long as one of the two needs them. */
TEST(two_queues_share_blocks)
{
	for (int first = 0; first < 2; first++) {
		struct buf v[2], more;
		buf_init(&v[0]);
		buf_init(&v[1]);
		buf_init(&more);
		buf_append(&v[0], fresh_bytes(2 * BUF_BLOCK + 100), 2 * BUF_BLOCK + 100);
		const char *at = v[0].first->data;
		buf_share(&v[1], &v[0]);
		buf_share(&more, &v[1]);
		assert_ptr_equal(v[0].first->data, at);
		assert_ptr_equal(v[1].first->data, at);
		assert_ptr_equal(more.first->data, at);
		assert_int_equal(v[1].len, 2 * BUF_BLOCK + 100);
		buf_append(&v[0], "more", 4); /* behind the bytes that are shared */
		buf_fini(&v[first]);
		buf_fini(&more);
		struct buf *left = &v[!first];
		size_t n = 2 * BUF_BLOCK + 100;
		char *copy = malloc(n);
		buf_copy(left, copy, n);
		assert_memory_equal(copy, fresh, n);
		free(copy);
		buf_fini(left);
	}
}

TEST_GROUP(NULL, teardown);
