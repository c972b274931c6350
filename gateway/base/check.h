/*
 * Assertions about our own code. Input from the network never reaches a check. A failed check is a
 * bug of the gateway: the process says what it found and stops.
 */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

__attribute__((noreturn, cold, format(printf, 4, 5))) void check_failed(const char *file, int line,
	const char *cond, const char *fmt, ...);

/* check(cond, "what is wrong, with %d values", v) */
#define check(cond, ...)                                                      \
	do {                                                                  \
		if (__builtin_expect(!(cond), 0))                             \
			check_failed(__FILE__, __LINE__, #cond, __VA_ARGS__); \
	} while (0)

#define must_use __attribute__((warn_unused_result))
#define likely(c) __builtin_expect(!!(c), 1)
#define unlikely(c) __builtin_expect(!!(c), 0)
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
