/*
 * Bump allocation that is freed all at once: one arena for each exchange, one for each snapshot.
 * Not thread-safe. Standard blocks come from a free list of the thread, so that in the steady state
 * no memory is allocated. Where memory is watched (base/sanitize.h) there is no such list, new
 * memory holds a pattern, and allocations have a gap between them.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/sanitize.h"
#include "base/str.h"

enum { ARENA_BLOCK = 4096 }; /* bytes of a standard block, its header included */

struct arena_block;

/* A budget that several arenas of one thread share, in addition to the budget of each. */
struct arena_account {
	size_t used;   /* bytes that all of them have taken, in whole blocks */
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
	/* an allocation exceeded the budget or the account's; stays set */
	bool failed;
};

void arena_init(struct arena *a, size_t budget);
/* Free everything. The arena is then as after arena_init(), without an account. */
void arena_fini(struct arena *a);
/* Aligned for any type, not zeroed; 0 bytes have an address of their own too. NULL when the budget
 * or the account's is spent (never for an arena without a budget). */
void *arena_alloc_slow(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);
/* Copies, NUL-terminated; data is NULL when the budget is spent. */
sluice_str arena_str(struct arena *a, sluice_str s);
/* Memory outside the budget for text that only people read. NULL when there is none; the arena does
 * not fail then. Not zeroed. */
void *arena_spare(struct arena *a, size_t n);
/* A copy in such memory; data is NULL when there is none. */
sluice_str arena_note(struct arena *a, sluice_str s);
__attribute__((format(printf, 2, 3))) sluice_str arena_printf(struct arena *a, const char *fmt,
	...);
/* At program end (leak checkers): free this thread's list of blocks. */
void arena_thread_fini(void);

/* How many bytes of a block an allocation of n takes; 0: n is so large that this overflows. */
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
