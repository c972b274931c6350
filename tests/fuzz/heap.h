/*
 * Whether an input left anything behind: under AddressSanitizer the heap must be back at the size
 * it had before. What an input makes for good (tables of a library, say) it makes once: one after
 * which the heap is larger runs a second time, and is judged by that. Whoever keeps memory for
 * reuse must give it back at the end of run().
 */
#ifndef FUZZ_HEAP_H
#define FUZZ_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static inline size_t heap_in_use(void)
{
	return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
						       : 0;
}

static inline void heap_watch(void (*run)(const uint8_t *data, size_t size), const uint8_t *data,
	size_t size)
{
	size_t before = heap_in_use(), after;
	run(data, size);
	after = heap_in_use();
	if (after == before)
		return;
	run(data, size);
	check(heap_in_use() == after, "an input leaves %zu bytes on the heap, each time",
		heap_in_use() - after);
}

#endif
