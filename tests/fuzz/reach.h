/*
 * What a corpus is there for. A target marks the states that its seeds must reach; a replay of the
 * corpus fails, and names them, when a mark was never passed: so a target that came to test nothing
 * does not pass in silence. A fuzzer counts as well, and asks for nothing.
 */
#ifndef FUZZ_REACH_H
#define FUZZ_REACH_H

struct reach {
	const char *what;
	unsigned long n;
};

/* The marks of the program: pointers, as the linker puts them side by side without gaps. */
extern struct reach *__start_reach[] __attribute__((weak));
extern struct reach *__stop_reach[] __attribute__((weak));

#define REACH(text)                                                            \
	do {                                                                   \
		static struct reach reach_here = { text, 0 };                  \
		static struct reach *reach_at                                  \
			__attribute__((section("reach"), used)) = &reach_here; \
		reach_here.n++;                                                \
	} while (0)

#define REACH_IF(condition, text)    \
	do {                         \
		if (condition)       \
			REACH(text); \
	} while (0)

#endif
