/*
 * Memory for keys and passwords: pages of their own that no core dump has and that no forked child
 * sees, wiped before they go back to the system. Any thread; each call is a call of the system.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

/* Zeroed. NULL when there is no memory. */
void *secret_alloc(size_t size);
/* Wipe and free; size as it was asked for. NULL is fine. */
void secret_free(void *p, size_t size);

#endif
