/*
 * Memory that must be there. When there is none the process ends, with a line that says how much
 * was wanted for what. For memory that is small, lasts long, and without which no caller could go
 * on. Memory whose size the network decides comes from an arena with a budget instead. Any thread.
 */
#ifndef MEM_H
#define MEM_H

#include <stddef.h>

/* Zeroed memory for one object of type T; released with free(). */
#define mem_new(T) ((T *)mem_zeroed(1, sizeof(T), #T))

/* Zeroed memory for n objects of type T, n may be 0; released with free(). */
#define mem_array(T, n) ((T *)mem_zeroed((n), sizeof(T), #T))

/* As mem_new() and mem_array(), for n objects of size bytes; what: for the message. Never NULL. */
void *mem_zeroed(size_t n, size_t size, const char *what)
	__attribute__((malloc, returns_nonnull, warn_unused_result));

/* As mem_zeroed() for one object, at a multiple of align, which is a power of two. */
void *mem_zeroed_at(size_t align, size_t size, const char *what)
	__attribute__((malloc, returns_nonnull, warn_unused_result));

/* As realloc() to n objects of size bytes; the new part is not zeroed. Never NULL. */
void *mem_resize(void *p, size_t n, size_t size, const char *what)
	__attribute__((returns_nonnull, warn_unused_result));

/* len bytes of s and a NUL behind them; released with free(). s may be NULL when len is 0. */
char *mem_text(const char *s, size_t len) __attribute__((malloc, returns_nonnull));

#endif
