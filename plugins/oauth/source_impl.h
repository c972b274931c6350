/* A source from within: what source.c and source_round.c share. Main thread, but for what is
 * marked. */
#ifndef OAUTH_SOURCE_IMPL_H
#define OAUTH_SOURCE_IMPL_H

#include "source.h"

enum phase { PHASE_IDLE, PHASE_DISCOVERING, PHASE_FETCHING };

struct source {
	struct source_id id;             /* its strings are owned */
	char *documents[DISCOVERY_WAYS]; /* owned; URLs to discover by; NULL: not by this way */
	/* the one that is tried; the one that led to a document last, or the first one */
	enum discovery_way way, worked;
	unsigned tried; /* DISCOVERY_BIT()s, of this round */
	/* owned; the URL of the keys from the last discovery, NULL: none yet */
	char *found_url;
	struct keyset *keys; /* shared: ref; NULL while there are none */
	struct subscription *subs;
	struct subscription *fetcher; /* borrowed; the one whose instance fetches, NULL: none */
	uint64_t n_failures;          /* rounds that failed, all together */
	char why[SOURCE_WHY];         /* of the last round; empty: it did not fail */
	/* Read by workers. */
	_Atomic int phase;
	_Atomic unsigned failures;   /* in a row */
	_Atomic uint64_t begun_ns;   /* when the last round began; 0: none did */
	_Atomic uint64_t next_ns;    /* when the next is planned */
	_Atomic uint64_t current_ns; /* when keys was last known to be current; 0: never */
	struct source *next;
};

static inline uint64_t ms_to_ns(uint64_t ms)
{
	return ms * 1000000;
}

/* ---- source_round.c ------------------------------------------------------------------------ */

/* A random time between percent and 100 % of ms, so that gateways that were started together do not
 * fetch at the same time. */
uint64_t source_jittered(uint64_t ms, unsigned percent);
/* The next round begins in so many milliseconds. */
void source_plan(struct source *s, uint64_t in_ms);

#endif
