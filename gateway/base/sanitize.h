/*
 * Builds whose memory is watched by a sanitizer or a fuzzer. In them freed memory is not kept for
 * reuse, so that a use after free is found; memory that was not written yet holds a pattern; and
 * the gap between two allocations is out of bounds. In other builds the functions do nothing. Any
 * thread.
 */
#ifndef BASE_SANITIZE_H
#define BASE_SANITIZE_H

#include <stddef.h>
#include <string.h>

#if defined(__has_feature)
#define SANITIZE_FEATURE(f) __has_feature(f)
#else
#define SANITIZE_FEATURE(f) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || SANITIZE_FEATURE(address_sanitizer)
#define SANITIZE_BOUNDS 1 /* single bytes can be out of bounds */
#include <sanitizer/asan_interface.h>
#else
#define SANITIZE_BOUNDS 0
#endif

/* 1: free lists and the like are not used. */
#if SANITIZE_BOUNDS || defined(__SANITIZE_THREAD__) || SANITIZE_FEATURE(thread_sanitizer) || \
	SANITIZE_FEATURE(memory_sanitizer) || defined(FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
#define MEMORY_IS_WATCHED 1
#else
#define MEMORY_IS_WATCHED 0
#endif

/* 1: new memory is filled with a pattern. MemorySanitizer knows by itself what was not written. */
#if (MEMORY_IS_WATCHED || defined(SLUICE_DEBUG)) && !SANITIZE_FEATURE(memory_sanitizer)
#define MEMORY_IS_FILLED 1
#else
#define MEMORY_IS_FILLED 0
#endif

enum {
	MEMORY_PATTERN = 0xa5,
	MEMORY_GAP = SANITIZE_BOUNDS, /* bytes, at least, between two allocations of one block */
};

/* Fill n bytes that are not written yet, so that code which reads them fails visibly. */
static inline void memory_fill(void *at, size_t n)
{
	if (MEMORY_IS_FILLED)
		memset(at, MEMORY_PATTERN, n);
}

/* Nobody may use these bytes (close); they may be used again (open). */
static inline void memory_close(const void *at, size_t n)
{
#if SANITIZE_BOUNDS
	__asan_poison_memory_region(at, n);
#else
	(void)at, (void)n;
#endif
}

static inline void memory_open(const void *at, size_t n)
{
#if SANITIZE_BOUNDS
	__asan_unpoison_memory_region(at, n);
#else
	(void)at, (void)n;
#endif
}

#endif
