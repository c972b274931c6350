/*
 * The memory that the library allocates for a new connection and keeps to its end: session, tables
 * and buffer for frames, about 25 KiB. It lies in pages of the connection's own, which are returned
 * to the system while the connection rests. Nearly all bytes in them are zeros. The few hundred
 * others are saved, and restored at the same addresses before the library is called again.
 * docs/design/http2-memory.md says what this assumes of the library. Worker's thread only.
 */
#ifndef HTTP2_PAGES_H
#define HTTP2_PAGES_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>

struct pages {
	char *at;      /* owned */
	char *packed;  /* owned: their saved content; NULL: they are in use */
	uint32_t used; /* bytes allocated, without the buffer for frames */
	bool shut;     /* no more is allocated from the pages */
};

/* Whether this build uses pages with this version of the library (nghttp2_info.version_num). */
bool pages_suit(int version);
static inline bool pages_are_used(void)
{
	return pages_suit(nghttp2_version(0)->version_num);
}
/* An allocator for nghttp2_session_server_new3(), which copies it. It allocates from the pages
 * until pages_shut(), then from memory_lists(). p must outlive the session. */
nghttp2_mem pages_open(struct pages *p);
void pages_shut(struct pages *p);
/* Save the content of the pages, except the buffer for frames, and return them to the system. To be
 * called between two frames; the library must not be called before pages_wake(). False: there is
 * too much content, or the system does not take the pages. */
bool pages_rest(struct pages *p);
static inline bool pages_are_resting(const struct pages *p)
{
	return p->packed != NULL;
}
/* Does nothing when they are not resting. */
void pages_wake(struct pages *p);
/* To be called after the session was freed. */
void pages_free(struct pages *p);
/* At the end of a thread, when all its connections have ended. */
void pages_thread_fini(void);

#endif
