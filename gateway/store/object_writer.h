/*
 * An object that is written in pieces, as a body passes. Its bytes are counted as it grows, so that
 * writers are part of the cache's bound. Until it is committed nobody finds it, and the older
 * object of its key stays. One thread at a time uses a writer.
 */
#ifndef STORE_OBJECT_WRITER_H
#define STORE_OBJECT_WRITER_H

#include "store/cache.h"

/* Objects of tags that are removed from now on include this one. expected: bytes of data, 0 when
 * nobody knows; room for them is taken at once. n->data is ignored. NULL: it would not be kept. */
struct sluice_object_writer *object_writer_begin(struct sluice_cache *c, const struct cache_new *n,
	uint64_t expected);
/* False, now and from now on: it is too large, or there is no room. */
bool object_writer_append(struct sluice_object_writer *w, sluice_str bytes);
/* Keep what was written, from now_ns on for as long as was said, and end the writer. False: it is
 * not kept: a piece was not taken, or its key or tag was removed, or its key got another object,
 * meanwhile. */
bool object_writer_commit(struct sluice_object_writer *w, uint64_t now_ns);
/* End the writer; nothing is kept. */
void object_writer_abort(struct sluice_object_writer *w);

#endif
