/*
 * Where the HTTP/2 library gets its memory: small pieces come from lists of the thread by size, so
 * that a request costs no malloc in the steady state. The thread's own connections only.
 */
#ifndef HTTP2_MEMORY_H
#define HTTP2_MEMORY_H

#include <nghttp2/nghttp2.h>

/* For nghttp2_session_client_new3(), and for what pages.h has no room for. */
nghttp2_mem *memory_lists(void);
/* Bytes that this thread's connections have taken and not given back. */
size_t memory_in_use(void);
/* Give what the lists hold back to the system. */
void memory_thread_fini(void);

#endif
