#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

void *mem_zeroed(size_t n, size_t size, const char *what)
{
	void *p = calloc(n ? n : 1, size);
	check(p, "out of memory: %zu of %s, %zu bytes each", n, what, size);
	return p;
}

void *mem_zeroed_at(size_t align, size_t size, const char *what)
{
	size_t bytes = (size + align - 1) & ~(align - 1);
	void *p = aligned_alloc(align, bytes);
	check(p, "out of memory: 1 of %s, %zu bytes", what, size);
	return memset(p, 0, bytes);
}

void *mem_resize(void *p, size_t n, size_t size, const char *what)
{
	check(size == 0 || n <= SIZE_MAX / size, "too many of %s: %zu", what, n);
	size_t bytes = n * size;
	void *q = realloc(p, bytes > 0 ? bytes : 1);
	check(q, "out of memory: %zu of %s, %zu bytes each", n, what, size);
	return q;
}

char *mem_text(const char *s, size_t len)
{
	char *p = mem_zeroed(len + 1, 1, "text");
	if (len)
		memcpy(p, s, len);
	return p;
}
