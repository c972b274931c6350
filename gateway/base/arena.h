/*
 * Bump allocation that is freed all at once: one arena for each exchange, one for each snapshot.
 * Not thread-safe. Standard blocks come from a per-thread free list, so that the steady state
 * allocates nothing. Where memory is watched (base/sanitize.h) there is no such list, fresh memory
 * holds a pattern, and pieces do not touch each other.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/sanitize.h"
#include "base/str.h"

enum { ARENA_BLOCK = 4096 }; /* bytes of a standard block, its header included */

struct arena_block;

/* What several arenas of one thread may take together, beside the budget of each. */
struct arena_account {
	size_t used;   /* bytes all of them have taken, whole blocks */
	size_t budget; /* most that `used` may reach */
};

struct arena {
	struct arena_block *top; /* owned: newest first */
	char *at, *end;          /* free part of top */
	size_t used;             /* bytes taken from the system or the free list */
	/* most that `used` may reach; 0: no bound, and exhaustion aborts */
	size_t budget;
	/* borrowed: outlives it; NULL: none. Set after arena_init(), only with a budget */
	struct arena_account *account;
	/* a request went over the budget, its own or the account's; sticky */
	bool failed;
};

void arena_init(struct arena *a, size_t budget);
/* Give everything back. The arena is then as after arena_init(), without an account. */
void arena_fini(struct arena *a);
/* Aligned for any type, not zeroed; 0 bytes have an address of their own too. NULL when the budget
 * is spent, or that of the account (never for an arena without one). */
void *arena_alloc_slow(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);
/* Copies, NUL-terminated; data is NULL when the budget is spent. */
sluice_str arena_str(struct arena *a, sluice_str s);
/* Memory for what only people read, beside the budget: where there is none, nothing has failed. Not
 * zeroed. */
void *arena_spare(struct arena *a, size_t n);
/* A copy for people, beside the budget: where there is no memory for it, nothing has failed. */
sluice_str arena_note(struct arena *a, sluice_str s);
__attribute__((format(printf, 2, 3))) sluice_str arena_printf(struct arena *a, const char *fmt,
	...);
/* At program end (leak checkers): free this thread's list of blocks. */
void arena_thread_fini(void);

/* What a piece takes of a block; 0: n is so large that it overflows. */
static inline size_t arena_round(size_t n)
{
	return (n + !n + MEMORY_GAP + 15) & ~(size_t)15;
}

static inline void *arena_alloc(struct arena *a, size_t n)
{
	size_t want = arena_round(n);
	if (likely(want - 1 < (size_t)(a->end - a->at))) {
		void *p = a->at;
		a->at += want;
		memory_open(p, n);
		return p;
	}
	return arena_alloc_slow(a, n);
}

#define arena_new(a, type) ((type *)arena_zalloc((a), sizeof(type)))

#endif
