/*
 * Where keys come from: a URL, a URL found by discovery (OpenID Connect Discovery 1.0, RFC 8414),
 * or a file. The process has one source for each URL, proxy and CA file; each instance that uses it
 * has a subscription. A source lives on the main thread. It fetches in the name of one of its
 * subscribers, tries again with growing pauses, and keeps the last good keys while fetches fail.
 * Each subscriber decides how long it accepts old keys. Functions for workers are marked.
 */
#ifndef OAUTH_SOURCE_H
#define OAUTH_SOURCE_H

#include <stdatomic.h>

#include "../jose/keys.h"
#include "discovery.h"

struct source;

/* How a subscriber wants its source to be kept current. All in ms. */
struct source_terms {
	/* between two fetches that succeed; earlier, but not before min_refresh, where an answer
	 * says that it is current for a shorter time */
	uint64_t refresh, min_refresh;
	uint64_t max_stale; /* how long keys are used that cannot be fetched anew; 0: for ever */
	uint64_t fetch_timeout; /* of one fetch */
};

/* SOURCE_SECRET: shared secrets of the operator, see secret_place.h */
enum source_kind { SOURCE_FILE, SOURCE_SECRET, SOURCE_URL, SOURCE_DISCOVERY };

struct source_id {
	enum source_kind kind;
	sluice_str where;   /* path, URL of the keys, or the issuer whose document is discovered */
	sluice_str issuer;  /* that the document must name; of discoveries alone */
	unsigned ways;      /* DISCOVERY_BIT()s: how it may be discovered */
	sluice_str ca_file; /* empty: the system's authorities */
	/* as in sluice_fetch_request */
	sluice_str proxy, proxy_credentials;
};

#define DISCOVERY_BIT(way) (1u << (way))

enum { SOURCE_WHY = 480 };

/* What is known of a source. Borrowed: until its next round. */
struct source_view {
	sluice_str url;  /* where the keys were fetched from, or the document that leads there */
	const char *why; /* why the last round failed; empty: it did not, or there was none */
	size_t n_keys;
	uint64_t failures; /* rounds that failed, since the process has the source */
};

enum subscription_state { SUBSCRIPTION_NONE, SUBSCRIPTION_MADE, SUBSCRIPTION_IN_FORCE };

/* zeroed before source_join() */
struct subscription {
	struct source *source;            /* shared: ref */
	sluice_instance *inst;            /* borrowed: outlives it */
	const struct source_terms *terms; /* borrowed: outlives it */
	enum subscription_state state;
	const void *owner; /* borrowed: for changed() */
	/* main thread: a round is over. Must not begin one */
	void (*changed)(const struct subscription *);
	struct subscription *next;
};

/* Subscribe to the source of that id, which is made when it does not exist; id is copied. A file is
 * read at once and never shared, since the configuration that is being checked may never come into
 * force. 0, or -1 with why filled: the file cannot be used. */
int source_join(struct subscription *sub, const struct source_id *id, char *why, size_t why_size);
/* From now on, sub's instance may fetch. When the source is due, as a new one is, a round
 * begins. */
void source_start(struct subscription *sub);
/* Unsubscribe. When sub's instance has a fetch under way, another subscriber starts it again. May
 * be called twice. */
void source_leave(struct subscription *sub);

/* Begin a round, unless one is under way. */
void source_begin(struct subscription *sub);
/* Begin a round if the next one is due. */
void source_tick(struct subscription *sub);
/* The keys as last fetched, NULL before the first; borrowed. The caller decides whether they are
 * too old. */
struct keyset *source_keys(const struct source *s);
struct source_view source_view(const struct source *s);

/* Any thread: whether a round is under way. */
bool source_is_busy(const struct source *s);
/* Any thread, in terms of sluice_now_ns(): when the keys were last known to be current, 0: never;
 * and when the next round is planned. */
uint64_t source_current_at(const struct source *s);
uint64_t source_next_at(const struct source *s);
/* Any thread: whether the last round failed; and whether enough time has passed since one began for
 * another. */
bool source_is_failing(const struct source *s);
bool source_may_begin(const struct source *s, uint64_t min_refresh_ms);

#endif
