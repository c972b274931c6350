/*
 * Caches: bytes that a plugin keeps by key, in the memory of the process, for all workers. For
 * responses, results of introspection, keys, whatever is dear to make twice. Part of
 * sluice/plugin.h. Any thread, except where a comment says "main thread".
 *
 * An object is immutable. Who gets it gets a reference, and reads its bytes where they lie, without
 * a copy and without a lock, until it gives the reference back by sluice_object_release();
 * meanwhile the object may be replaced, removed or evicted. An object is fresh for ttl_ms and then
 * kept, stale, for keep_ms, so that a plugin can serve it while it asks for a newer one.
 *
 * max_bytes bounds the whole cache: the objects that can be found, those that were given up while
 * somebody still has a reference, and those that are being written; each with its key, meta, tags
 * and some 200 bytes. When there is no room for a new object, those that were not read for longest
 * are given up, except those that somebody reads. Where even that makes not enough room, or more
 * than 4096 objects would have to go, the new one is not kept.
 *
 * No function waits for other threads but for a short lock. Each object should be released soon: a
 * reference that is forgotten takes its bytes from the cache for ever.
 */
#ifndef SLUICE_OBJECTS_H
#define SLUICE_OBJECTS_H

#include <sluice/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Main thread, in check(): the cache of that name, made if need be. It keeps its objects over
 * reloads as long as an instance names it; it is released with the instance. Instances of one
 * plugin that give the same name share the cache; the largest of their limits are in force, so that
 * a limit that a reload lowers is lowered when the older instance ends. NULL when d is wrong, which
 * is reported as a mistake of the configuration: return -1. An instance may have 8 caches. */
static inline sluice_cache *sluice_cache_open(sluice_instance *inst, const sluice_cache_desc *d)
{
	return sluice_host_table->cache_open(inst, d);
}

/* Keep a copy of n's bytes under key, in the place of an older object. key: 1 to 1024 bytes; hash
 * one that may be longer. False: it is not kept, and the older object is removed as well. That is
 * so when it is larger than the cache's max_object (key, meta and data together), there is no room,
 * it has more than 64 tags or one that is not 1 to 128 bytes long, both times are 0, or the cache
 * or n is NULL (a line in the log). */
static inline bool sluice_object_put(sluice_cache *c, sluice_str key, const sluice_object_new *n)
{
	return sluice_host_table->object_put(c, key, n, sluice_host_table->now_ns());
}
/* The object of that key, fresh or stale, with a reference; NULL when there is none. */
static inline sluice_object *sluice_object_get(sluice_cache *c, sluice_str key)
{
	return sluice_host_table->object_get(c, key, sluice_host_table->now_ns());
}
/* Give a reference back; NULL is allowed. It takes a void *, so that it can be the `release` of an
 * answer and the function of a sluice_cleanup(). The instance that opened the cache may be gone. */
static inline void sluice_object_release(void *object)
{
	sluice_host_table->object_release((sluice_object *)object);
}

/* The bytes, and the plugin's own description of them. Valid while the reference is held. */
static inline sluice_str sluice_object_data(const sluice_object *o)
{
	return sluice_host_table->object_data(o);
}
static inline sluice_str sluice_object_meta(const sluice_object *o)
{
	return sluice_host_table->object_meta(o);
}
/* Milliseconds since it was stored. */
static inline uint64_t sluice_object_age(const sluice_object *o)
{
	return sluice_host_table->object_age(o, sluice_host_table->now_ns());
}
/* Milliseconds for which it is still fresh, rounded up; 0: it is stale. */
static inline uint64_t sluice_object_fresh_for(const sluice_object *o)
{
	return sluice_host_table->object_fresh_for(o, sluice_host_table->now_ns());
}

/* Remove the object of that key. True: there was one. One that is being written under the key is
 * not kept either, so that nothing older than this call is found later. */
static inline bool sluice_object_remove(sluice_cache *c, sluice_str key)
{
	return sluice_host_table->object_remove(c, key);
}
/*
 * Tags by which the admin address removes objects (`POST /purge`): of a name that the service
 * gives, "tag:NAME"; of the path of a request, "path:/a/b"; and of each folder that it is in,
 * "prefix:/" and "prefix:/a/". A plugin whose objects stand for requests gives them these. Where a
 * tag of a path would be too long, the operator's purge of that path removes its folder.
 */
enum {
	SLUICE_TAG_MAX = 128,    /* bytes of a tag */
	SLUICE_TAG_FOLDERS = 24, /* folders of a path that have tags */
};
#define SLUICE_TAG_NAME "tag:"
#define SLUICE_TAG_PATH "path:"
#define SLUICE_TAG_PREFIX "prefix:"
/* Walk the folders of a path that have tags, the outermost first. *at and *n start at 0. */
static inline bool sluice_tag_folder(sluice_str path, size_t *at, size_t *n, sluice_str *out)
{
	size_t max = SLUICE_TAG_MAX - (sizeof(SLUICE_TAG_PREFIX) - 1);
	while (*at < path.len && path.data[*at] != '/')
		++*at;
	if (*at >= path.len || *at >= max || *n >= SLUICE_TAG_FOLDERS)
		return false;
	++*at;
	++*n;
	out->data = path.data;
	out->len = *at;
	return true;
}

/* Remove all objects that have the tag, and those that are being written with it. It takes the same
 * short time for any number of them: they are found no more, and their memory is used again for new
 * objects. False: no object has the tag. */
static inline bool sluice_object_remove_tag(sluice_cache *c, sluice_str tag)
{
	return sluice_host_table->object_remove_tag(c, tag);
}

/* Write an object in pieces, while a body passes. Nobody finds it before sluice_object_commit(),
 * and the older object of the key stays until then. n->data is ignored. expected: bytes of data, 0
 * when nobody knows; room for them is taken at once, and more as it is needed. NULL: it would not
 * be kept (see sluice_object_put()); the older object stays. One thread at a time uses a writer,
 * which ends by a commit or an abort. */
static inline sluice_object_writer *sluice_object_begin(sluice_cache *c, sluice_str key,
	const sluice_object_new *n, uint64_t expected)
{
	return sluice_host_table->object_begin(c, key, n, expected);
}
/* Copy bytes to the end. False, now and from now on: it is too large, or there is no room; the
 * writer still has to be ended. */
static inline bool sluice_object_append(sluice_object_writer *w, sluice_str bytes)
{
	return sluice_host_table->object_append(w, bytes);
}
/* Keep what was written; ttl_ms and keep_ms begin now. Ends the writer. False: it is not kept, and
 * the object that is there stays: a piece was not taken, or since it began its key or a tag was
 * removed or its key got another object. */
static inline bool sluice_object_commit(sluice_object_writer *w)
{
	return sluice_host_table->object_commit(w, sluice_host_table->now_ns());
}
/* End the writer and keep nothing; NULL is allowed. Takes a void *, for sluice_cleanup(). */
static inline void sluice_object_abort(void *writer)
{
	sluice_host_table->object_abort((sluice_object_writer *)writer);
}

#ifdef __cplusplus
}
#endif
#endif
