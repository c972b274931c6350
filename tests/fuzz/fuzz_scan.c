/*
 * The scanners, sixteen bytes at a time and byte by byte, on the same bytes: the same answer
 * wherever they begin and end, so that every byte stands once at every place of a vector, and in
 * the tail behind the last one. Each piece lies in a block of its exact size, in which a sanitizer
 * sees a read past its end.
 */
#include <stdlib.h>
#include <string.h>

#include "http/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHIFTS = 18 }; /* a vector, and what scan_empty_line reads behind it */

#if SCAN_SIMD
#define TWINS(name)                               \
	{                                         \
#name, name##_simd, name##_scalar \
	}
#else
#define TWINS(name)                                 \
	{                                           \
#name, name##_scalar, name##_scalar \
	}
#endif

static const struct {
	const char *name;
	const char *(*fast)(const char *p, const char *end);
	const char *(*slow)(const char *p, const char *end);
} twins[] = {
	TWINS(scan_value),
	TWINS(scan_visible),
	TWINS(scan_name),
	TWINS(scan_path),
	TWINS(scan_empty_line),
};

/* Every answer, not the first alone: the scan goes on behind it. */
static void compare(const char *p, const char *end)
{
	for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {
		for (const char *at = p; at < end;) {
			const char *fast = twins[i].fast(at, end), *slow = twins[i].slow(at, end);
			check(fast == slow, "%s finds byte %td, not %td, of %td", twins[i].name,
				fast ? fast - at : -1, slow ? slow - at : -1, end - at);
			if (!slow)
				break;
			check(slow >= at && slow <= end, "%s leaves its bounds", twins[i].name);
			at = slow + 1;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 4096)
		return 0;
	for (size_t cut = 0; cut < SHIFTS && cut < size; cut++) {
		size_t n = size - cut;
		char *front = malloc(n), *back = malloc(n);
		check(front && back, "out of memory: %zu bytes", n);
		memcpy(front, data, n);
		memcpy(back, data + cut, n);
		compare(front, front + n);
		compare(back, back + n);
		free(front);
		free(back);
	}
	return 0;
}
