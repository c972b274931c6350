/*
 * Lists of free pieces, one for each size class. A piece has no header: malloc_usable_size() tells
 * its class. So the sizes of the classes are those that glibc provides without waste, 8 above a
 * multiple of 16. Under sanitizers (base/sanitize.h) every piece has the exact size and is freed at
 * once.
 */
#include "http2/memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/sanitize.h"

enum {
	FINE_MIN = 24,
	FINE_STEP = 16,
	FINE = 32, /* 24, 40, 56 ... 520 bytes */
	COARSE = 6,
	CLASSES = FINE + COARSE,
	CLASS_NONE = CLASSES, /* larger pieces go to malloc() and free() */
	SPARE_MAX = 1 << 20,  /* bytes that all lists of a thread keep */
};

static const uint16_t coarse[COARSE] = { 776, 1032, 1544, 2056, 3080, 4104 };

struct spare {
	struct spare *next;
};

static __thread struct {
	struct spare *free[CLASSES];
	size_t spare_bytes, in_use;
} lists;

static size_t class_size(unsigned class)
{
	return class < FINE ? FINE_MIN + (size_t)FINE_STEP * class : coarse[class - FINE];
}

/* The smallest class with pieces of at least this size. */
static unsigned class_of(size_t size)
{
	if (MEMORY_IS_WATCHED)
		return CLASS_NONE;
	if (size <= FINE_MIN)
		return 0;
	if (size <= FINE_MIN + FINE_STEP * (FINE - 1))
		return (unsigned)(size - FINE_MIN + FINE_STEP - 1) / FINE_STEP;
	unsigned class = FINE;
	while (class < CLASSES && coarse[class - FINE] < size)
		class ++;
	return class;
}

/* The largest class for whose pieces this room is enough. */
static unsigned class_for(size_t room)
{
	if (MEMORY_IS_WATCHED)
		return CLASS_NONE;
	if (room < coarse[0])
		return room < FINE_MIN + FINE_STEP * FINE ? (unsigned)(room - FINE_MIN) / FINE_STEP
							  : FINE - 1;
	if (room >= 2u * coarse[COARSE - 1])
		return CLASS_NONE;
	unsigned class = CLASSES - 1;
	while (coarse[class - FINE] > room)
		class --;
	return class;
}

static void *memory_malloc(size_t size, void *user)
{
	(void)user;
	if (size > SIZE_MAX / 2)
		return NULL;
	unsigned class = class_of(size);
	void *at = class < CLASSES ? lists.free[class] : NULL;
	size_t room;
	if (at) {
		room = malloc_usable_size(at);
		lists.free[class] = ((struct spare *)at)->next;
		lists.spare_bytes -= room;
	} else {
		at = malloc(class < CLASSES ? class_size(class) : size);
		/* libnghttp2 misbehaves when an allocation fails */
		check(at, "out of memory: %zu bytes for HTTP/2", size);
		room = malloc_usable_size(at);
	}
	lists.in_use += room;
	return at;
}

static void memory_free(void *at, void *user)
{
	(void)user;
	if (!at)
		return;
	size_t room = malloc_usable_size(at);
	unsigned class = class_for(room);
	lists.in_use -= room;
	if (class == CLASS_NONE || lists.spare_bytes + room > SPARE_MAX) {
		free(at);
		return;
	}
	struct spare *s = at;
	s->next = lists.free[class];
	lists.free[class] = s;
	lists.spare_bytes += room;
}

static void *memory_calloc(size_t n, size_t size, void *user)
{
	size_t total;
	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	void *at = memory_malloc(total, user);
	return at ? memset(at, 0, total) : NULL;
}

static void *memory_realloc(void *at, size_t size, void *user)
{
	if (!at)
		return memory_malloc(size, user);
	size_t room = malloc_usable_size(at);
	if (size <= room && !MEMORY_IS_WATCHED)
		return at;
	void *grown = memory_malloc(size, user);
	if (!grown)
		return NULL;
	memcpy(grown, at, size < room ? size : room);
	memory_free(at, user);
	return grown;
}

nghttp2_mem *memory_lists(void)
{
	static nghttp2_mem mem = {
		.malloc = memory_malloc,
		.free = memory_free,
		.calloc = memory_calloc,
		.realloc = memory_realloc,
	};
	return &mem;
}

size_t memory_in_use(void)
{
	return lists.in_use;
}

void memory_thread_fini(void)
{
	for (unsigned i = 0; i < CLASSES; i++) {
		while (lists.free[i]) {
			struct spare *s = lists.free[i];
			lists.free[i] = s->next;
			free(s);
		}
	}
	lists.spare_bytes = 0;
}
