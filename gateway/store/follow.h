/*
 * Channels of Redis stores that are followed. All followers of one channel of a store share a
 * connection, so that one that comes when another goes misses nothing. Main thread.
 */
#ifndef STORE_FOLLOW_H
#define STORE_FOLLOW_H

#include "store/store.h"

struct store_channel;

/* The caller embeds it. The functions may add followers, and must not remove any. */
struct store_follower {
	struct list at;
	struct store_channel *channel; /* NULL: it follows nothing */
	bool is_told;                  /* that the channel is connected */
	void (*on_message)(struct store_follower *f, sluice_str message);
	void (*on_state)(struct store_follower *f, bool is_connected);
};

/* As sluice_store_follow(): 1, 0, or -1 when the store has no channels. */
must_use int store_follow(struct worker *main, const sluice_store *s, sluice_str name,
	struct store_follower *f);
/* Does nothing when it follows nothing. */
void store_unfollow(struct store_follower *f);

#endif
