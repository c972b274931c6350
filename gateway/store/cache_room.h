/* Room for one more object: its bytes are counted, and older objects are given up for it. Any
 * thread. */
#ifndef STORE_CACHE_ROOM_H
#define STORE_CACHE_ROOM_H

#include "store/cache_parts.h"

/* Count n bytes. False: there is no room, and after CACHE_EVICTIONS_MOST evictions there was still
 * none. */
must_use bool cache_room_take(struct sluice_cache *c, uint64_t n);
/* Give up the object that was not read for longest and has no readers. False: there is none. */
bool cache_room_evict(struct sluice_cache *c);
/* Free a few objects that are over, of the shard of a key. */
void cache_room_sweep(struct sluice_cache *c, uint64_t hash, uint64_t now_ns);

#endif
