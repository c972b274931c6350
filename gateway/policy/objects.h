/* Caches, as plugins use them; the contracts are those of sluice/objects.h. */
#ifndef POLICY_OBJECTS_H
#define POLICY_OBJECTS_H

#include <sluice/plugin.h>

sluice_cache *host_cache_open(sluice_instance *inst, const sluice_cache_desc *d);
bool host_object_put(sluice_cache *c, sluice_str key, const sluice_object_new *n, uint64_t now_ns);
sluice_object *host_object_get(sluice_cache *c, sluice_str key, uint64_t now_ns);
void host_object_release(sluice_object *o);
sluice_str host_object_data(const sluice_object *o);
sluice_str host_object_meta(const sluice_object *o);
uint64_t host_object_age(const sluice_object *o, uint64_t now_ns);
uint64_t host_object_fresh_for(const sluice_object *o, uint64_t now_ns);
bool host_object_remove(sluice_cache *c, sluice_str key);
bool host_object_remove_tag(sluice_cache *c, sluice_str tag);
sluice_object_writer *host_object_begin(sluice_cache *c, sluice_str key, const sluice_object_new *n,
	uint64_t expected);
bool host_object_append(sluice_object_writer *w, sluice_str bytes);
bool host_object_commit(sluice_object_writer *w, uint64_t now_ns);
void host_object_abort(sluice_object_writer *w);

#endif
