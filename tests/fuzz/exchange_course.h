/*
 * What fuzz_exchange knows of one direction of bodies: the bytes that its sender says are a
 * pattern, two plugins may work on them one after the other, and each must see what the one before
 * it let go. So whoever receives can be checked.
 */
#ifndef FUZZ_EXCHANGE_COURSE_H
#define FUZZ_EXCHANGE_COURSE_H

#include <stdlib.h>

#include "base/check.h"
#include "http1/chunk.h"

enum { PLUGINS = 2, COURSE_MAX = 1 << 20 };

struct course {
	struct course_part {
		bool wants, read_only;
		char *out; /* owned: what it let go */
		size_t n, cap;
		uint64_t seen; /* of what came to it, taken */
		bool over;     /* it has seen the end, and will let go no more */
	} parts[PLUGINS];      /* in the order in which bodies pass them */
	/* nobody knows what passes: a body that goes unseen, an answer that is not the sender's */
	bool loose;
	uint64_t received;
};

static inline char course_pattern(uint64_t at)
{
	return (char)('a' + at % 23);
}

/* Who is before place k: NULL, the sender. */
static inline const struct course_part *course_before(const struct course *l, int k)
{
	while (--k >= 0) {
		if (l->parts[k].wants)
			return &l->parts[k];
	}
	return NULL;
}

/* Bytes that reach place k (PLUGINS: the receiver) at this offset of what comes to it. */
static inline void course_check(const struct course *l, int k, uint64_t at, const char *p, size_t n)
{
	const struct course_part *from = course_before(l, k);
	if (l->loose)
		return;
	check(!from || at + n <= from->n, "place %d has %zu bytes at %llu, of %zu", k, n,
		(unsigned long long)at, from ? from->n : 0);
	for (size_t i = 0; i < n; i++) {
		char want = from ? from->out[at + i] : course_pattern(at + i);
		check(p[i] == want, "place %d: byte %llu is 0x%02x, not 0x%02x", k,
			(unsigned long long)(at + i), (unsigned char)p[i], (unsigned char)want);
	}
}

static inline void course_let_go(struct course_part *p, const char *bytes, size_t n)
{
	if (p->n + n > p->cap) {
		p->cap = 2 * (p->n + n);
		p->out = realloc(p->out, p->cap);
		check(p->out, "out of memory: %zu bytes", p->cap);
	}
	if (n)
		memcpy(p->out + p->n, bytes, n);
	p->n += n;
}

/* The same for what came to the receiver in chunks, from the beginning; *at: behind what was read,
 * *got: bytes of data. True: it is whole. */
static inline bool course_check_chunks(const struct course *l, const char **at, const char *end,
	uint64_t *got)
{
	struct chunk_decoder d;
	struct arena a;
	int r;
	*got = 0;
	arena_init(&a, 0);
	chunk_decoder_init(&d, &a, ERR_BAD_CHUNK);
	do {
		size_t skip, data;
		r = chunk_decode(&d, *at, (size_t)(end - *at), &skip, &data);
		check(r >= 0, "a chunk that we sent: %d", r);
		course_check(l, PLUGINS, *got, *at + skip, data);
		*got += data;
		*at += skip + data;
	} while (r == CHUNK_DATA);
	arena_fini(&a);
	return r == CHUNK_DONE;
}

static inline void course_fini(struct course *l)
{
	for (int k = 0; k < PLUGINS; k++)
		free(l->parts[k].out);
	*l = (struct course){ .received = 0 };
}

#endif
