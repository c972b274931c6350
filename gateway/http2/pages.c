/*
 * Sets of pages of one size, cut from large mappings that live as long as the thread.
 *
 *      | session | tables | ...     | buffer for frames      |
 *      0                            used                  set_size
 *
 * When pages_are_used() is false there are no sets: all memory comes from memory_lists(), and
 * pages_rest() does nothing.
 *
 * Free sets are cold, their pages returned to the system. A few are kept warm for the next
 * connections.
 */
#include "http2/pages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sanitize.h"
#include "http2/memory.h"

enum {
	SET = 28 * 1024,
	CHUNK = 64, /* sets cut from one mapping */
	WARM = 32,
	ALIGN = 16,
	FRAMES_MIN = 16 * 1024, /* a piece of at least this size is the buffer for frames */
	PACKED_MAX = 4 * 1024,
	RUN_MAX = UINT8_MAX,
	/* releases of the library in which, as is known, the buffer for frames is the last piece of
	 * a new session, and is empty between frames */
	VERSION_MIN = 0x013400, /* 1.52 */
	VERSION_END = 0x013500, /* 1.53 */
};

static __thread struct {
	size_t set_size;  /* SET rounded up to whole pages of the system; 0: not computed yet */
	char **chunks;    /* owned */
	char **cold;      /* owned; there is room for every set */
	char *warm[WARM]; /* all zeros, except the buffer for frames */
	unsigned n_chunks, n_cold, n_warm;
} store;

/* ---- sets ---------------------------------------------------------------------------------- */

static void store_grow(void)
{
	if (!store.set_size) {
		size_t page = (size_t)sysconf(_SC_PAGESIZE);
		store.set_size = (SET + page - 1) / page * page;
	}
	size_t size = CHUNK * store.set_size;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(at != MAP_FAILED, "out of memory: %zu bytes for HTTP/2", size);
	/* with huge pages, one set in use would keep the memory of all */
	(void)madvise(at, size, MADV_NOHUGEPAGE);
	unsigned n = store.n_chunks + 1;
	store.chunks = mem_resize(store.chunks, n, sizeof(char *), "pieces of pages");
	store.cold = mem_resize(store.cold, (size_t)n * CHUNK, sizeof(char *), "sets of pages");
	store.chunks[store.n_chunks++] = at;
	for (int i = CHUNK; i > 0; i--)
		store.cold[store.n_cold++] = at + (size_t)(i - 1) * store.set_size;
}

static char *set_take(void)
{
	if (store.n_warm)
		return store.warm[--store.n_warm];
	if (!store.n_cold)
		store_grow();
	return store.cold[--store.n_cold];
}

static void set_give(char *at, size_t used)
{
	if (store.n_warm < WARM || madvise(at, store.set_size, MADV_DONTNEED) != 0) {
		memset(at, 0, used);
		if (store.n_warm < WARM) {
			store.warm[store.n_warm++] = at;
			return;
		}
	}
	store.cold[store.n_cold++] = at;
}

void pages_thread_fini(void)
{
	check(store.n_cold + store.n_warm == CHUNK * store.n_chunks,
		"%u of %u sets of pages came back", store.n_cold + store.n_warm,
		CHUNK * store.n_chunks);
	for (unsigned i = 0; i < store.n_chunks; i++)
		(void)munmap(store.chunks[i], CHUNK * store.set_size);
	free(store.chunks);
	free(store.cold);
	memset(&store, 0, sizeof(store));
}

/* ---- what the library asks for ------------------------------------------------------------- */

static bool pages_have(const struct pages *p, const void *at)
{
	return p->at && (uintptr_t)at - (uintptr_t)p->at < store.set_size;
}

/* Memory from the set, all zeros. NULL: it does not fit. */
static void *pages_take(struct pages *p, size_t size)
{
	if (p->shut || size > store.set_size - p->used)
		return NULL;
	char *at = p->at + p->used;
	/* the buffer for frames is not saved, so it must be the last piece */
	if (size >= FRAMES_MIN)
		p->shut = true;
	else
		p->used += (uint32_t)((size + ALIGN - 1) / ALIGN * ALIGN);
	return at;
}

static void *pages_malloc(size_t size, void *user)
{
	void *at = pages_take(user, size);
	return at ? at : memory_lists()->malloc(size, NULL);
}

static void *pages_calloc(size_t n, size_t size, void *user)
{
	size_t total;
	void *at = __builtin_mul_overflow(n, size, &total) ? NULL : pages_take(user, total);
	if (!at)
		return memory_lists()->calloc(n, size, NULL);
	return total >= FRAMES_MIN ? memset(at, 0, total) : at;
}

static void pages_release(void *at, void *user)
{
	if (!pages_have(user, at))
		memory_lists()->free(at, NULL);
}

static void *pages_realloc(void *at, size_t size, void *user)
{
	struct pages *p = user;
	if (!at)
		return pages_malloc(size, user);
	if (!pages_have(p, at))
		return memory_lists()->realloc(at, size, NULL);
	void *grown = memory_lists()->malloc(size, NULL);
	/* an upper bound of its old size */
	size_t most = (size_t)(p->at + store.set_size - (char *)at);
	return grown ? memcpy(grown, at, size < most ? size : most) : NULL;
}

bool pages_suit(int version)
{
#ifdef HTTP2_WITHOUT_PAGES
	(void)version;
	return false;
#else
	return !MEMORY_IS_WATCHED && version >= VERSION_MIN && version < VERSION_END;
#endif
}

nghttp2_mem pages_open(struct pages *p)
{
	bool suits = pages_are_used();
	*p = (struct pages){ .shut = !suits };
	if (suits)
		p->at = set_take();
	return (nghttp2_mem){ .mem_user_data = p,
		.malloc = pages_malloc,
		.free = pages_release,
		.calloc = pages_calloc,
		.realloc = pages_realloc };
}

void pages_shut(struct pages *p)
{
	p->shut = true;
}

void pages_free(struct pages *p)
{
	pages_wake(p);
	if (p->at)
		set_give(p->at, p->used);
	p->at = NULL;
}

/* ---- resting ------------------------------------------------------------------------------- */

/* The number of zeros at the front, at most `most`. */
static size_t count_zeros(const char *at, size_t most)
{
	size_t n = 0;
	uint64_t word;
	while (n + sizeof(word) <= most && (memcpy(&word, at + n, sizeof(word)), word == 0))
		n += sizeof(word);
	while (n < most && at[n] == 0)
		n++;
	return n;
}

/* Compress to runs: a number of zeros, a number of bytes, then the bytes. Returns the length; 0: it
 * does not fit. */
static size_t pack(const char *from, size_t n, char to[PACKED_MAX])
{
	const char *end = from + n;
	size_t out = 0;
	while (from < end) {
		size_t zeros = count_zeros(from,
			       end - from < RUN_MAX ? (size_t)(end - from) : RUN_MAX),
		       bytes = 0;
		from += zeros;
		size_t most = end - from < RUN_MAX ? (size_t)(end - from) : RUN_MAX;
		while (bytes < most && from[bytes] != 0)
			bytes++;
		if (out + 2 + bytes > PACKED_MAX)
			return 0;
		to[out++] = (char)zeros;
		to[out++] = (char)bytes;
		memcpy(to + out, from, bytes);
		out += bytes;
		from += bytes;
	}
	return out;
}

/* The reverse. `to` must be all zeros. */
static void unpack(const char *from, char *to, size_t n)
{
	const char *end = to + n;
	while (to < end) {
		size_t bytes = (uint8_t)from[1];
		to += (uint8_t)from[0];
		memcpy(to, from + 2, bytes);
		to += bytes;
		from += 2 + bytes;
	}
}

bool pages_rest(struct pages *p)
{
	char buf[PACKED_MAX];
	size_t n = p->at ? pack(p->at, p->used, buf) : 0;
	if (n == 0)
		return false;
	char *packed = mem_array(char, n);
	memcpy(packed, buf, n);
	/* fails when the pages are locked into memory, for example */
	if (madvise(p->at, store.set_size, MADV_DONTNEED) != 0) {
		free(packed);
		return false;
	}
	p->packed = packed;
	return true;
}

void pages_wake(struct pages *p)
{
	if (!p->packed)
		return;
	unpack(p->packed, p->at, p->used);
	free(p->packed);
	p->packed = NULL;
}
