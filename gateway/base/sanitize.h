/*
 * Builds whose memory is watched, by a sanitizer or a fuzzer. In them nothing that was given back
 * is kept for reuse, so that whoever still uses it is caught; memory that nobody has written yet
 * holds a pattern; and what lies between two pieces is out of bounds. In other builds all of this
 * is nothing. Any thread.
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

/* Free lists and the like stand aside. */
#if SANITIZE_BOUNDS || defined(__SANITIZE_THREAD__) || SANITIZE_FEATURE(thread_sanitizer) || \
	SANITIZE_FEATURE(memory_sanitizer) || defined(FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
#define MEMORY_IS_WATCHED 1
#else
#define MEMORY_IS_WATCHED 0
#endif

/* New memory is filled. MemorySanitizer knows by itself what was not written. */
#if (MEMORY_IS_WATCHED || defined(SLUICE_DEBUG)) && !SANITIZE_FEATURE(memory_sanitizer)
#define MEMORY_IS_FILLED 1
#else
#define MEMORY_IS_FILLED 0
#endif

enum {
	MEMORY_PATTERN = 0xa5,
	MEMORY_GAP = SANITIZE_BOUNDS, /* bytes, at least, between two pieces of one block */
};

/* n bytes that were never written, for whoever takes them for something. */
static inline void memory_fill(void *at, size_t n)
{
	if (MEMORY_IS_FILLED)
		memset(at, MEMORY_PATTERN, n);
}

/* They are nobody's; and somebody's again. */
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
