/*
 * Memory for keys and passwords: pages of their own that are in no core dump and in no forked
 * child, and are wiped before they go back to the system. Any thread; each call makes a system
 * call.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

/* Zeroed. NULL when there is no memory. */
void *secret_alloc(size_t size);
/* Wipe and free; size as it was asked for. NULL is fine. */
void secret_free(void *p, size_t size);

#endif
