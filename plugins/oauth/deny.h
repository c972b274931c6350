/*
 * Deny lists: tokens that were revoked before they expire, by jti, sub or sid. The list of a Redis
 * store is a sorted set (score: until when a member matters) and a channel of the same name, on
 * which each change is told. The process has one list for each store and key, on the main thread,
 * which all instances that name it share, so that a reload finds it as it is. Workers read tables
 * that the instances publish; no request asks Redis.
 *
 * A list without a store is that of the process alone: what deny_tell() says is lost with it.
 *
 * How an instance uses it: deny_join() in check(), deny_start() in start(), deny_leave() in stop();
 * its timer calls deny_tick() and rings at deny_next_at(); changed() publishes what deny_view()
 * gives, and sets the timer anew.
 */
#ifndef OAUTH_DENY_H
#define OAUTH_DENY_H

#include <sluice/plugin.h>

#include "deny_ids.h"

struct deny_list;

struct deny_terms {
	uint64_t refresh;     /* ms: how often the whole set is read */
	uint64_t max_stale;   /* ms: how long it is used when Redis is away; 0: for ever */
	uint64_t max_entries; /* of all who share the list the largest is in force */
	uint64_t ready_wait;  /* ms: as of a dependency */
};

enum deny_state {
	DENY_AWAITED, /* it was never read */
	DENY_CURRENT,
	DENY_STALE, /* away, but not for too long */
	DENY_LOST,  /* away for too long, or it has more members than it may */
};

enum deny_use { DENY_UNUSED, DENY_JOINED, DENY_IN_FORCE };

/* zeroed before deny_join() */
struct deny_sub {
	struct deny_list *list;         /* shared: ref; NULL: it has not joined */
	sluice_instance *inst;          /* borrowed: outlives it */
	const struct deny_terms *terms; /* borrowed: outlives it */
	void *owner;                    /* borrowed: for changed() */
	/* Main thread: the timer may have to ring earlier; has_news: there is a new view. */
	void (*changed)(struct deny_sub *sub, bool has_news);
	enum deny_use use;
	enum deny_state told; /* of the last view */
	bool is_connected;
	const sluice_script *script; /* NULL: the list is of the process alone */
	struct deny_sub *next;
};

/* In check(): store NULL: a list of the process alone, by that name. False, and a sentence in *why:
 * the list cannot be used. sub has inst, terms and changed. */
bool deny_join(struct deny_sub *sub, const sluice_store *store, sluice_str key, const char **why);
/* From now on the instance may read and follow. */
void deny_start(struct deny_sub *sub);
/* May be called twice, and without deny_join(). */
void deny_leave(struct deny_sub *sub);
/* In terms of sluice_now_ns(); UINT64_MAX: nothing is due. */
uint64_t deny_next_at(const struct deny_sub *sub);
void deny_tick(struct deny_sub *sub);

/* What is published for workers. */
struct deny_view {
	struct deny_table *table; /* owned: a reference; NULL: nothing is denied */
	enum deny_state state;
	bool is_coming; /* the first reading is not over, well or badly */
};
/* Main thread. Tells the operator of the list, too (sluice_dependency_set()). */
struct deny_view deny_view(struct deny_sub *sub);
/* The same, and nobody is told. */
struct deny_view deny_peek(const struct deny_sub *sub);
void deny_view_drop(struct deny_view *v);

/*
 * Worker: put an entry on the list, for all gateways that follow it. until: seconds since 1970.
 * With a store the exchange waits, and `then` is called with SLUICE_OK or with why not; a longer
 * time that is there already stays. Without one, *is_noted says whether the entry was taken (no:
 * too many at once), it is in force within a moment, and `then` is not called. SLUICE_FAIL: it has
 * no value, or its texts are too long, or there is no memory.
 */
sluice_verdict deny_tell(sluice_exchange *x, struct deny_sub *sub, const struct deny_entry *e,
	uint64_t timeout_ms, sluice_store_fn then, bool *is_noted);
/* on_refresh(): take in what deny_tell() noted. */
void deny_collect(struct deny_sub *sub);

#endif
