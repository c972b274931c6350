/* The pages of a connection: what is given out, what is put aside and comes back, and that they are
 * used again. */
#include "unit.h"

#include "base/sanitize.h"
#include "http2/memory.h"
#include "http2/pages.h"

enum { PIECE = 3000, FRAMES = 16394, SETS = 300 };

/* What a session looks like: few bytes among zeros, single and in runs, longer than one pair of
 * counts can say. */
static void fill(char *at, unsigned seed)
{
	memset(at, 0, PIECE);
	for (unsigned i = 0; i < PIECE; i += 1 + (i * 7 + seed) % 90)
		at[i] = (char)(1 + (i + seed) % 255);
	memset(at + 1000, (int)(1 + seed % 255), 600);
	at[PIECE - 1] = (char)(seed % 2);
}

static void expect_fill(const char *at, unsigned seed)
{
	char want[PIECE];
	fill(want, seed);
	assert_memory_equal(at, want, PIECE);
}

TEST(rest)
{
	struct pages p;
	if (!pages_are_used())
		skip();
	nghttp2_mem m = pages_open(&p);
	char *first = m.calloc(1, PIECE, m.mem_user_data),
	     *second = m.malloc(PIECE, m.mem_user_data);
	char *frames = m.realloc(NULL, FRAMES, m.mem_user_data);
	assert_int_equal((uintptr_t)second % 16, 0);
	assert_true(first >= p.at && second > first && frames > second); /* all in one place */
	fill(first, 0);
	fill(second, 1);
	memset(frames, 'f', FRAMES);
	for (int i = 0; i < 3; i++) {
		assert_true(pages_rest(&p));
		assert_true(pages_are_resting(&p));
		for (size_t k = 0; k < PIECE; k++)
			assert_int_equal(first[k] | second[k] | frames[k], 0); /* gone */
		pages_wake(&p);
		assert_false(pages_are_resting(&p));
		expect_fill(first, 0);
		expect_fill(second, 1);
		pages_wake(&p); /* does nothing */
		expect_fill(first, 0);
	}
	m.free(first, m.mem_user_data);
	m.free(frames, m.mem_user_data);
	assert_true(pages_rest(&p));
	pages_free(&p); /* while it rests */
	pages_thread_fini();
}

/* All zeros, and nothing at all. */
TEST(rest_of_nothing)
{
	struct pages p;
	if (!pages_are_used())
		skip();
	nghttp2_mem m = pages_open(&p);
	(void)pages_rest(&p);
	pages_wake(&p);
	char *at = m.calloc(3, 1000, m.mem_user_data);
	assert_true(pages_rest(&p));
	pages_wake(&p);
	for (size_t i = 0; i < 3000; i++)
		assert_int_equal(at[i], 0);
	pages_free(&p);
	pages_thread_fini();
}

/* What is dense stays where it is. */
TEST(too_much)
{
	struct pages p;
	if (!pages_are_used())
		skip();
	nghttp2_mem m = pages_open(&p);
	char *at = m.malloc(8000, m.mem_user_data);
	memset(at, 'x', 8000);
	assert_false(pages_rest(&p));
	assert_false(pages_are_resting(&p));
	for (size_t i = 0; i < 8000; i++)
		assert_int_equal(at[i], 'x');
	pages_free(&p);
	pages_thread_fini();
}

/* What comes later, or has no room, comes from the lists; what grows moves there. */
TEST(elsewhere)
{
	struct pages p;
	if (!pages_are_used())
		skip();
	nghttp2_mem m = pages_open(&p);
	char *grows = m.malloc(100, m.mem_user_data);
	memset(grows, 'g', 100);
	assert_int_equal(memory_in_use(), 0);
	char *big = m.malloc(100000, m.mem_user_data);
	assert_true(memory_in_use() >= 100000);
	m.free(big, m.mem_user_data);
	assert_int_equal(memory_in_use(), 0);
	assert_null(m.calloc(SIZE_MAX / 2, 3, m.mem_user_data));
	pages_shut(&p);
	char *late = m.calloc(1, 200, m.mem_user_data);
	assert_true(memory_in_use() >= 200);
	memset(late, 'l', 200);
	late = m.realloc(late, 5000, m.mem_user_data);
	char *grown = m.realloc(grows, 300, m.mem_user_data);
	assert_ptr_not_equal(grown, grows);
	assert_true(pages_rest(&p));
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(grown[i], 'g');
		assert_int_equal(late[i], 'l');
	}
	m.free(late, m.mem_user_data);
	m.free(grown, m.mem_user_data);
	pages_free(&p);
	assert_int_equal(memory_in_use(), 0);
	pages_thread_fini();
	memory_thread_fini();
}

/* More than one piece of the system's memory, used twice: they are as good as new. */
TEST(again)
{
	static struct pages all[SETS];
	static char *at[SETS];
	if (!pages_are_used())
		skip();
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < SETS; i++) {
			nghttp2_mem m = pages_open(&all[i]);
			at[i] = m.malloc(PIECE, m.mem_user_data);
			char *frames = m.calloc(1, FRAMES, m.mem_user_data);
			for (size_t k = 0; k < PIECE; k++)
				assert_int_equal(at[i][k] | frames[k], 0);
			fill(at[i], i);
			memset(frames, 'f', FRAMES);
			if (i % 3 == 0)
				assert_true(pages_rest(&all[i]));
		}
		for (unsigned i = 0; i < SETS; i++) {
			pages_wake(&all[i]);
			expect_fill(at[i], i);
		}
		for (unsigned i = 0; i < SETS; i++) {
			if (i % 2)
				assert_true(pages_rest(&all[i]));
			pages_free(&all[i]);
		}
	}
	pages_thread_fini();
}

/* Where there are no pages every piece stands alone. */
TEST(no_pages)
{
	struct pages p;
	if (pages_are_used())
		skip();
	nghttp2_mem m = pages_open(&p);
	char *at = m.calloc(1, PIECE, m.mem_user_data), *frames = m.malloc(FRAMES, m.mem_user_data);
	assert_true(memory_in_use() >= PIECE + FRAMES);
	assert_false(pages_rest(&p));
	assert_false(pages_are_resting(&p));
	pages_wake(&p);
	m.free(at, m.mem_user_data);
	m.free(frames, m.mem_user_data);
	pages_free(&p);
	assert_int_equal(memory_in_use(), 0);
	pages_thread_fini();
}

/* Fails when the library is raised beyond what was read: docs/design/http2-memory.md says what to
 * do. */
TEST(the_library_is_known)
{
#ifdef HTTP2_WITHOUT_PAGES
	skip();
#endif
	if (MEMORY_IS_WATCHED)
		skip();
	assert_true(pages_are_used());
	assert_true(pages_suit(0x013400));
	assert_false(pages_suit(0x013300));
	assert_false(pages_suit(0x013500));
	assert_false(pages_suit(0x020000));
}
