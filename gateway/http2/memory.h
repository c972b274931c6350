/*
 * The allocator of the HTTP/2 library. Small pieces come from lists of the thread, by size, so that
 * requests need no malloc() in the steady state. The thread's own connections only.
 */
#ifndef HTTP2_MEMORY_H
#define HTTP2_MEMORY_H

#include <nghttp2/nghttp2.h>

/* For nghttp2_session_client_new3(), and for allocations that do not fit into pages (pages.h). */
nghttp2_mem *memory_lists(void);
/* Bytes that this thread's connections have taken and not given back. */
size_t memory_in_use(void);
/* Free what the lists hold. */
void memory_thread_fini(void);

#endif
