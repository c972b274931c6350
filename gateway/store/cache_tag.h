/*
 * Tags of a cache's objects. A tag exists while an object has it, and counts how often its objects
 * were removed: removing them takes one addition, however many there are. Any thread.
 */
#ifndef STORE_CACHE_TAG_H
#define STORE_CACHE_TAG_H

#include "store/cache_parts.h"

/* Fill the mark of a new object with its tag; false: there is no memory. */
must_use bool cache_tag_mark(struct sluice_cache *c, sluice_str text, struct cache_mark *mark);
/* An object with that tag is freed. */
void cache_tag_unref(struct sluice_cache *c, struct cache_tag *tag);
/* All objects that have the tag now are over. False: none has it. */
bool cache_tag_remove(struct sluice_cache *c, sluice_str text);

#endif
