/*
 * Lists of free pieces, one for each size class. Before a piece stands its class:
 *
 *    | class, size | what the library sees ... |
 *    0            16
 */
#include "http2/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum {
	CLASSES = 13,       /* 64, 96, 128, 192 ... 3072, 4096 bytes */
	CLASS_SHIFT = 6,
	CLASS_NONE = 0xff,  /* larger ones are the system's */
	SPARE_MAX = 1 << 20 /* bytes all lists of a thread keep */
};

struct piece {
	size_t size; /* of what the library sees */
	uint8_t class;
} __attribute__((aligned(16)));

struct spare {
	struct spare *next;
};

static __thread struct {
	struct spare *free[CLASSES];
	size_t spare_bytes, in_use;
} lists;

static unsigned class_of(size_t size)
{
	if (size <= (size_t)1 << CLASS_SHIFT)
		return 0;
	unsigned half = 63u - (unsigned)__builtin_clzll(size - 1); /* 2^half < size <= 2^(half + 1) */
	unsigned class = 2 * (half - CLASS_SHIFT) + (size <= (size_t)3 << (half - 1) ? 1 : 2);
	return class < CLASSES ? class : CLASS_NONE;
}

static size_t class_size(unsigned class)
{
	return (class % 2 ? (size_t)3 : (size_t)2) << (CLASS_SHIFT - 1 + class / 2);
}

static void *memory_malloc(size_t size, void *user)
{
	unsigned class = class_of(size);
	struct piece *p;
	(void)user;
	if (size > SIZE_MAX / 2)
		return NULL;
	if (class != CLASS_NONE) {
		size = class_size(class);
		struct spare *s = lists.free[class];
		if (s) {
			lists.free[class] = s->next;
			lists.spare_bytes -= size;
			lists.in_use += size;
			return s;
		}
	}
	p = malloc(sizeof(*p) + size);
	if (!p)
		return NULL;
	p->size = size;
	p->class = (uint8_t)class;
	lists.in_use += size;
	return p + 1;
}

static void memory_free(void *at, void *user)
{
	(void)user;
	if (!at)
		return;
	struct piece *p = (struct piece *)at - 1;
	lists.in_use -= p->size;
	if (p->class == CLASS_NONE || lists.spare_bytes + p->size > SPARE_MAX) {
		free(p);
		return;
	}
	struct spare *s = at;
	s->next = lists.free[p->class];
	lists.free[p->class] = s;
	lists.spare_bytes += p->size;
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
	const struct piece *p = (const struct piece *)at - 1;
	if (size <= p->size)
		return at;
	void *grown = memory_malloc(size, user);
	if (!grown)
		return NULL;
	memcpy(grown, at, p->size);
	memory_free(at, user);
	return grown;
}

nghttp2_mem *memory_lists(void)
{
	static nghttp2_mem mem = {
		.malloc = memory_malloc, .free = memory_free, .calloc = memory_calloc, .realloc = memory_realloc
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
			free((struct piece *)(void *)s - 1);
		}
	}
	lists.spare_bytes = 0;
}
