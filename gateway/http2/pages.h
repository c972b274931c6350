/*
 * What the library takes when a connection begins and keeps to its end: its session, its tables,
 * its buffer for frames, about 25 KiB. All of that lies in pages of the connection's own, so that
 * they can go back to the system while the connection rests. What is in them is nearly all zeros;
 * the few hundred bytes that are not are put aside, and put back at the same addresses before the
 * library is called again. docs/design/http2-memory.md says what that assumes of the library.
 * Worker's thread only.
 */
#ifndef HTTP2_PAGES_H
#define HTTP2_PAGES_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdint.h>

struct pages {
	char *at;      /* owned */
	char *packed;  /* owned: what was in them; NULL: they are in use */
	uint32_t used; /* bytes that were given out and are kept */
	bool shut;     /* nothing more is given out */
};

/* Whether connections have pages in this build, with this version of the library
 * (nghttp2_info.version_num). */
bool pages_suit(int version);
static inline bool pages_are_used(void)
{
	return pages_suit(nghttp2_version(0)->version_num);
}
/* For nghttp2_session_server_new3(), which copies it: what is asked for comes from the pages until
 * pages_shut(), and from memory_lists() afterwards. p must outlive the session. */
nghttp2_mem pages_open(struct pages *p);
void pages_shut(struct pages *p);
/* Put all aside but the buffer for frames: to be called between two frames, and then nothing of the
 * library before pages_wake(). False: there is too much to be worth it, or the system does not take
 * pages back. */
bool pages_rest(struct pages *p);
static inline bool pages_are_resting(const struct pages *p)
{
	return p->packed != NULL;
}
/* Nothing, when they are not resting. */
void pages_wake(struct pages *p);
/* After the session. */
void pages_free(struct pages *p);
/* At the end of a thread, when all its connections have ended. */
void pages_thread_fini(void);

#endif
