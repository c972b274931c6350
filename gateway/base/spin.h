/*
 * A lock of four bytes for a bucket of a table, held for a few instructions and hardly ever
 * contended. A thread that waits pauses the processor, and after SPIN_PAUSES tries yields it, since
 * the holder may have been interrupted. Any thread.
 */
#ifndef SPIN_H
#define SPIN_H

#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

struct spin {
	_Atomic uint32_t taken; /* 0: free */
};

enum { SPIN_PAUSES = 200 };

/* The lock was taken: wait a little. *n counts the tries, from 0. */
static inline void spin_pause(unsigned *n)
{
	if (++*n < SPIN_PAUSES) {
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#endif
		return;
	}
	(void)sched_yield();
}

static inline void spin_lock(struct spin *s)
{
	unsigned n = 0;
	while (atomic_exchange_explicit(&s->taken, 1, memory_order_acquire))
		spin_pause(&n);
}

static inline void spin_unlock(struct spin *s)
{
	atomic_store_explicit(&s->taken, 0, memory_order_release);
}

#endif
