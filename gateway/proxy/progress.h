/*
 * What an exchange does right now, for people: a copy of all that is worth telling, which another
 * thread may read. Nothing is kept for it while nobody asks. Its worker's thread.
 */
#ifndef PROXY_PROGRESS_H
#define PROXY_PROGRESS_H

#include "proxy/exchange.h"

enum {
	PROGRESS_MAX = 1000,  /* exchanges told of at once, by one worker */
	PROGRESS_PLUGINS = 4, /* parked hooks told of, for each exchange */
	PROGRESS_TEXT = 1024, /* bytes of a text that a client chose */
	PROGRESS_NAME = 256,  /* bytes of a name that is looked for */
};

struct progress_lane {
	const char *way; /* constants, these and the names of holds */
	bool ended;
	unsigned n_holds;
	struct progress_hold {
		const char *name;
		uint64_t ms; /* since it holds */
	} holds[LANE_HOLDS];
};

/* A hook that is parked. */
struct progress_plugin {
	sluice_str instance;
	const char *hook, *waits_for; /* constants */
	uint64_t ms;                  /* since when */
};

/* All strings in the arena that it was gathered into, or constants; empty ones are not known. */
struct progress {
	uint64_t started_ns; /* monotonic */
	sluice_str id, listener, client, method, host, path, query;
	sluice_str route, upstream, server;
	sluice_str waits_for, story;
	const struct exchange_state_info *state;
	uint64_t state_ms;             /* since it is in this state */
	struct progress_lane lanes[2]; /* by enum sluice_side */
	struct progress_plugin plugins[PROGRESS_PLUGINS];
	unsigned n_plugins;
	unsigned tries;                          /* servers asked, the one asked now not counted */
	const struct upstream_failure *failures; /* of those; the newest first */
	uint64_t bytes_in, bytes_out;
	uint16_t status; /* of the head that went to the client; 0: none */
	uint8_t version;
};

/* Which ones: those that meet all that is not empty, the oldest first. */
struct progress_filter {
	unsigned limit; /* at most PROGRESS_MAX */
	char id[PROGRESS_NAME], route[PROGRESS_NAME], client[PROGRESS_NAME];
};

struct progress_list {
	const struct progress *v; /* in the arena */
	size_t n;
	size_t more; /* that meet the filter as well, beyond its limit */
};

/* Into a, which has no budget. */
void progress_gather(const struct proxy *p, const struct progress_filter *f, struct arena *a,
	struct progress_list *out);

#endif
