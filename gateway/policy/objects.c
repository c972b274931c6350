/*
 * Caches, as plugins use them: a cache is opened in check() and belongs to the instance; the rest
 * may be called by any thread. What a cache does is in store/cache.
 */
#include "policy/objects.h"

#include <stdio.h>

#include "policy/guard.h"
#include "policy/host_conf.h"
#include "policy/instance.h"
#include "store/object.h"
#include "store/object_writer.h"

/* The members of d that the module knows of; the rest is zero. */
#define OBJECTS_COPY(to, from) \
	memcpy(&(to), (from), (from)->size < sizeof(to) ? (from)->size : sizeof(to))

/* ---- opening, main thread ------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static sluice_cache *objects_report(sluice_instance *inst,
	const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	host_conf_error(inst, NULL, fmt, ap);
	va_end(ap);
	return NULL;
}

static bool objects_is_name(sluice_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return false;
	}
	return name.len > 0 && name.len <= CACHE_NAME_MAX;
}

static sluice_cache *objects_open(sluice_instance *inst, sluice_str name, uint64_t max_bytes,
	uint64_t max_object)
{
	char text[CACHE_NAME_MAX * 3];
	int n = snprintf(text, sizeof(text), "%s/%.*s", inst->plugin->name, STR_ARG(name));
	sluice_str full = str_n(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	for (unsigned i = 0; i < inst->n_caches; i++) {
		if (cache_is_named(inst->caches[i].cache, full))
			return inst->caches[i].cache;
	}
	if (inst->n_caches == INSTANCE_CACHES)
		return objects_report(inst, "an instance can use %d caches", INSTANCE_CACHES);
	struct cache_user *u = &inst->caches[inst->n_caches++];
	cache_open(u, full, max_bytes, max_object);
	return u->cache;
}

sluice_cache *host_cache_open(sluice_instance *inst, const sluice_cache_desc *desc)
{
	static const char service[] = "sluice_cache_open()";
	if (!guard_main(inst, service) || !guard_given(desc, service, "the description is NULL"))
		return NULL;
	if (!inst->bind) {
		(void)guard_refuse(service, "it is for check()");
		return NULL;
	}
	sluice_cache_desc d = { .size = 0 };
	OBJECTS_COPY(d, desc);
	sluice_str name = d.name.len ? d.name : inst->name;
	uint64_t max_object = d.max_object ? d.max_object : d.max_bytes / CACHE_OBJECT_PART;
	if (d.name.len && !objects_is_name(name))
		return objects_report(inst,
			"\"%.*s\" cannot be the name of a cache: it is not 1 to %d of a-z, 0-9, - "
			"and _",
			STR_ARG(name), CACHE_NAME_MAX);
	if (d.max_bytes < CACHE_BYTES_MIN || d.max_bytes > CACHE_BYTES_MAX)
		return objects_report(inst, "a cache has 64KiB to 1TiB, not %llu bytes",
			(unsigned long long)d.max_bytes);
	if (max_object > d.max_bytes)
		return objects_report(inst,
			"an object of %llu bytes is larger than its cache of %llu",
			(unsigned long long)max_object, (unsigned long long)d.max_bytes);
	return objects_open(inst, name, d.max_bytes, max_object);
}

/* ---- objects, any thread ------------------------------------------------------------------- */

static bool objects_has_cache(const sluice_cache *c, const char *service)
{
	return guard_given(c, service, "the cache is NULL");
}

static struct cache_new objects_new(sluice_str key, const sluice_object_new *given)
{
	sluice_object_new n = { .size = 0 };
	OBJECTS_COPY(n, given);
	return (struct cache_new){ .key = key,
		.data = n.data,
		.meta = n.meta,
		.tags = n.tags.v,
		.n_tags = n.tags.n,
		.ttl_ms = n.ttl_ms,
		.keep_ms = n.keep_ms };
}

bool host_object_put(sluice_cache *c, sluice_str key, const sluice_object_new *n, uint64_t now_ns)
{
	static const char service[] = "sluice_object_put()";
	if (!objects_has_cache(c, service) || !guard_given(n, service, "the object is NULL"))
		return false;
	const struct cache_new made = objects_new(key, n);
	return cache_put(c, &made, now_ns);
}

sluice_object *host_object_get(sluice_cache *c, sluice_str key, uint64_t now_ns)
{
	return objects_has_cache(c, "sluice_object_get()") ? cache_get(c, key, now_ns) : NULL;
}

void host_object_release(sluice_object *o)
{
	if (o)
		object_unref(o);
}

static bool objects_has_object(const sluice_object *o, const char *service)
{
	return guard_given(o, service, "the object is NULL");
}

sluice_str host_object_data(const sluice_object *o)
{
	return objects_has_object(o, "sluice_object_data()") ? o->data : STR_NONE;
}

sluice_str host_object_meta(const sluice_object *o)
{
	return objects_has_object(o, "sluice_object_meta()") ? o->meta : STR_NONE;
}

uint64_t host_object_age(const sluice_object *o, uint64_t now_ns)
{
	if (!objects_has_object(o, "sluice_object_age()") || now_ns < o->stored_ns)
		return 0;
	return (now_ns - o->stored_ns) / NS_PER_MS;
}

uint64_t host_object_fresh_for(const sluice_object *o, uint64_t now_ns)
{
	if (!objects_has_object(o, "sluice_object_fresh_for()") || now_ns >= o->fresh_until_ns)
		return 0;
	return (o->fresh_until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
}

bool host_object_remove(sluice_cache *c, sluice_str key)
{
	return objects_has_cache(c, "sluice_object_remove()") && cache_remove(c, key);
}

bool host_object_remove_tag(sluice_cache *c, sluice_str tag)
{
	return objects_has_cache(c, "sluice_object_remove_tag()") && cache_remove_tag(c, tag);
}

/* ---- writers ------------------------------------------------------------------------------- */

sluice_object_writer *host_object_begin(sluice_cache *c, sluice_str key, const sluice_object_new *n,
	uint64_t expected)
{
	static const char service[] = "sluice_object_begin()";
	if (!objects_has_cache(c, service) || !guard_given(n, service, "the object is NULL"))
		return NULL;
	const struct cache_new made = objects_new(key, n);
	return object_writer_begin(c, &made, expected);
}

bool host_object_append(sluice_object_writer *w, sluice_str bytes)
{
	return guard_given(w, "sluice_object_append()", "the writer is NULL") &&
		object_writer_append(w, bytes);
}

bool host_object_commit(sluice_object_writer *w, uint64_t now_ns)
{
	return guard_given(w, "sluice_object_commit()", "the writer is NULL") &&
		object_writer_commit(w, now_ns);
}

void host_object_abort(sluice_object_writer *w)
{
	if (w)
		object_writer_abort(w);
}
