/*
 * What happened to one exchange and when, for people: its states, hooks of plugins and how long
 * they took, servers asked and why they failed, what held its lanes, plugins that it waited for.
 * Kept only when it is wanted (log.level: debug), in the exchange's arena and bounded: of a long
 * timeline the first entries are dropped. Its worker's thread.
 */
#ifndef POLICY_TIMELINE_H
#define POLICY_TIMELINE_H

#include "base/arena.h"
#include "base/check.h"
#include "base/clock.h"

enum {
	TIMELINE_MAX = 48, /* entries */
	/* bytes of the whole timeline as text; a line of the log has room for it */
	TIMELINE_TEXT = 1900,
};

struct timeline_entry {
	const char *what; /* borrowed: a constant */
	/* which server, plugin and so on; in the arena or a constant; may be empty */
	sluice_str which;
	const char *more; /* borrowed: a constant; NULL: nothing */
	uint32_t at_us;   /* after the timeline began */
	uint32_t took_us; /* 0: not told */
};

struct timeline {
	uint64_t start_ns;
	uint32_t n; /* number of entries added; the last TIMELINE_MAX are kept */
	struct timeline_entry v[TIMELINE_MAX];
};

/* NULL when the arena's budget is spent. */
struct timeline *timeline_new(struct arena *a);
/* Add an entry for now; at_us is filled in. which must live as long as the arena. */
void timeline_add_entry(struct timeline *t, struct timeline_entry e);
/* t may be NULL; nothing happens then. err: enum err, 0: none. */
void timeline_add_err(struct timeline *t, const char *what, sluice_str which, int err);
static inline void timeline_add(struct timeline *t, const char *what, sluice_str which, int err)
{
	if (unlikely(t))
		timeline_add_err(t, what, which, err);
}
static inline uint32_t timeline_us(uint64_t ns)
{
	uint64_t us = ns / 1000;
	return us == 0 ? 1 : us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}
/* "0.0 ms connect, 0.1 ms asks 10.0.0.1:80, 5.2 ms failed: upstream-reset", cut at the end of an
 * entry where there is no room; returns its length. */
size_t timeline_text(const struct timeline *t, char out[TIMELINE_TEXT]);

#endif
