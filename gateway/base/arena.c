/* Bump allocation. Any thread, one at a time for each arena. */
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

struct arena_block {
	struct arena_block *next;
	size_t size; /* whole block, header included */
} __attribute__((aligned(16)));

enum { SPARE_MAX = 256 };

static __thread struct arena_block *spare;
static __thread unsigned n_spare;

void arena_init(struct arena *a, size_t budget)
{
	*a = (struct arena){ .budget = budget };
}

static void arena_release(struct arena_block *b)
{
	if (b->size == ARENA_BLOCK && n_spare < SPARE_MAX && !MEMORY_IS_WATCHED) {
		b->next = spare;
		spare = b;
		n_spare++;
	} else {
		free(b);
	}
}

void arena_fini(struct arena *a)
{
	struct arena_block *b = a->top;
	if (a->account)
		a->account->used -= a->used;
	while (b) {
		struct arena_block *next = b->next;
		arena_release(b);
		b = next;
	}
	arena_init(a, a->budget);
}

void arena_thread_fini(void)
{
	while (spare) {
		struct arena_block *next = spare->next;
		free(spare);
		spare = next;
	}
	n_spare = 0;
}

static struct arena_block *arena_block_new(size_t size)
{
	struct arena_block *b;
	if (size == ARENA_BLOCK && spare) {
		b = spare;
		spare = b->next;
		n_spare--;
	} else {
		b = malloc(size);
	}
	if (!b)
		return NULL;
	b->size = size;
	memory_fill(b + 1, size - sizeof(*b));
	memory_close(b + 1, size - sizeof(*b));
	return b;
}

static bool fits(size_t size, size_t used, size_t budget)
{
	return size <= budget && used <= budget - size;
}

static bool arena_may_take(const struct arena *a, size_t size)
{
	return !a->budget ||
		(fits(size, a->used, a->budget) &&
			(!a->account || fits(size, a->account->used, a->account->budget)));
}

void *arena_alloc_slow(struct arena *a, size_t n)
{
	size_t head = sizeof(struct arena_block);
	size_t want = arena_round(n);
	bool large = want > (ARENA_BLOCK - head) / 2 && a->top != NULL;
	size_t size = want + head > ARENA_BLOCK || large ? want + head : ARENA_BLOCK;

	if (want < n || size < want || !arena_may_take(a, size)) {
		check(a->budget, "allocation of %zu bytes overflows", n);
		a->failed = true;
		return NULL;
	}
	struct arena_block *b = arena_block_new(size);
	if (!b) {
		check(a->budget, "out of memory: %zu bytes", size);
		a->failed = true;
		return NULL;
	}
	a->used += size;
	memory_open((char *)b + head, n);
	if (a->account)
		a->account->used += size;
	/* the block in use stays on top and is filled further */
	if (size != ARENA_BLOCK && a->top) {
		b->next = a->top->next;
		a->top->next = b;
		return (char *)b + head;
	}
	b->next = a->top;
	a->top = b;
	a->at = (char *)b + head + want;
	a->end = (char *)b + size;
	return (char *)b + head;
}

void *arena_zalloc(struct arena *a, size_t n)
{
	void *p = arena_alloc(a, n);
	return p ? memset(p, 0, n) : NULL;
}

/* s at p, with a NUL; p may be NULL. */
static sluice_str arena_fill(char *p, sluice_str s)
{
	if (!p)
		return STR_NONE;
	if (s.len)
		memcpy(p, s.data, s.len);
	p[s.len] = 0;
	return str_n(p, s.len);
}

sluice_str arena_str(struct arena *a, sluice_str s)
{
	return arena_fill(arena_alloc(a, s.len + 1), s);
}

void *arena_spare(struct arena *a, size_t n)
{
	bool failed = a->failed;
	if (a->budget)
		a->budget += ARENA_BLOCK + n;
	void *p = arena_alloc(a, n);
	a->failed = failed;
	return p;
}

sluice_str arena_note(struct arena *a, sluice_str s)
{
	return arena_fill(arena_spare(a, s.len + 1), s);
}

sluice_str arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	check(n >= 0, "bad format %s", fmt);
	char *p = arena_alloc(a, (size_t)n + 1);
	if (!p)
		return STR_NONE;
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return str_n(p, (size_t)n);
}
