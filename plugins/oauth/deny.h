/*
 * Deny lists: tokens that were revoked before they expire, by jti, sub or sid. The list of a Redis
 * store is a sorted set (score: until when a member matters; an instance that accepts tokens for a
 * while after they expired adds that time) and a channel of the same name, on which each change is
 * told; operators and other programs write both. The process has one list for each store and key,
 * on the main thread, which all instances that name it share, so that a reload finds it as it is.
 * Workers read tables that the instances publish; no request asks Redis.
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
	uint64_t leeway;      /* ms: how long tokens are accepted after they expired */
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
	struct deny_sub *next;
};

/* In check(). False, and a sentence in *why: the list cannot be used. sub has inst, terms and
 * changed. */
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

/* Any thread: members that end by then, in seconds since 1970, matter no more to an instance with
 * that leeway (ms). One second more, as the fraction of a score is cut off. */
static inline uint32_t deny_over_at(uint64_t leeway)
{
	uint64_t now = sluice_unix_ms(), late = leeway + 1000;
	return now > late ? (uint32_t)((now - late) / 1000) : 0;
}

#endif
