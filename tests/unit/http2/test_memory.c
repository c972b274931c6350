/* The library's memory: sizes, reuse, and what is left. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#include "base/sanitize.h"
#include "http2/memory.h"

TEST(sizes)
{
	nghttp2_mem *m = memory_lists();
	for (size_t n = 0; n < 20000; n += n < 300 ? 1 : n / 3) {
		char *p = m->malloc(n, m->mem_user_data);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, 'x', n);
		size_t more = n * 2 + 7;
		p = m->realloc(p, more, m->mem_user_data);
		assert_non_null(p);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 'x');
		memset(p, 'y', more);
		char *z = m->calloc(n + 1, 3, m->mem_user_data);
		for (size_t i = 0; i < 3 * n + 3; i++)
			assert_int_equal(z[i], 0);
		memset(z, 'z', 3 * n + 3);
		m->free(p, m->mem_user_data);
		m->free(z, m->mem_user_data);
	}
	m->free(NULL, m->mem_user_data);
	void *fresh = m->realloc(NULL, 10, m->mem_user_data);
	assert_non_null(fresh);
	m->free(fresh, m->mem_user_data);
	assert_null(m->malloc(SIZE_MAX, m->mem_user_data));
	assert_null(m->calloc(SIZE_MAX / 2, 3, m->mem_user_data));
	assert_int_equal(memory_in_use(), 0);
	memory_thread_fini();
}

TEST(reuse)
{
	nghttp2_mem *m = memory_lists();
	if (MEMORY_IS_WATCHED)
		skip(); /* see test_nothing_is_kept_where_memory_is_watched */
	void *a = m->malloc(100, NULL), *b = m->malloc(100, NULL);
	assert_int_equal(memory_in_use(), 208);
	m->free(a, NULL);
	m->free(b, NULL);
	assert_ptr_equal(m->malloc(104, NULL), b); /* the latest is the warmest */
	assert_ptr_equal(m->malloc(89, NULL), a);
	m->free(a, NULL);
	m->free(b, NULL);
	assert_int_equal(memory_in_use(), 0);
	memory_thread_fini();
}

/* What nobody needs goes back to the system at some point. */
TEST(bound)
{
	nghttp2_mem *m = memory_lists();
	static void *all[1000];
	for (size_t i = 0; i < 1000; i++)
		all[i] = m->malloc(4104, NULL);
	assert_true(memory_in_use() >= 4104 * 1000);
	for (size_t i = 0; i < 1000; i++)
		/* with a leak checker, what is above the bound is seen to be freed */
		m->free(all[i], NULL);
	assert_int_equal(memory_in_use(), 0);
	memory_thread_fini();
}

/* A piece ends where it was asked to, and is gone when it is given back. */
TEST(nothing_is_kept_where_memory_is_watched)
{
#if SANITIZE_BOUNDS
	nghttp2_mem *m = memory_lists();
	for (size_t n = 1; n < 6000; n += n / 3 + 1) {
		char *p = m->malloc(n, NULL);
		assert_true(__asan_address_is_poisoned(p + n));
		char *less = m->realloc(p, n - n / 2, NULL);
		assert_ptr_not_equal(less, p);
		assert_true(__asan_address_is_poisoned(p));
		assert_true(__asan_address_is_poisoned(less + n - n / 2));
		m->free(less, NULL);
		assert_true(__asan_address_is_poisoned(less));
	}
	assert_int_equal(memory_in_use(), 0);
#else
	skip();
#endif
}

/* The library frees what it still uses, or nothing, when it is told that there is no memory
 * (nghttp2 9277c1ab, ce385d3f). So it never is: the process says what is missing, and stops. */
TEST(without_memory_the_process_stops)
{
	int status = 0;
	if (MEMORY_IS_WATCHED) /* needs more address space than there is */
		skip();
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const struct rlimit little = { 1 << 20, 1 << 20 }, no_core = { 0, 0 };
		(void)close(STDERR_FILENO);
		(void)signal(SIGABRT, SIG_DFL);
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)setrlimit(RLIMIT_AS, &little);
		for (size_t n = 1; n; n *= 2) {
			if (!memory_lists()->malloc(n < 100 << 20 ? n : 4000, NULL))
				_exit(3);
		}
		_exit(4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}
