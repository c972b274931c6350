/*
 * Questions that are under way on one worker, so that requests with the same question at the same
 * time do not ask it again. The request that asks leads; those that follow are parked, and are told
 * what came of it. All of it lies in the memory of the exchanges, and belongs to one worker.
 */
#ifndef PLUGINS_EXT_AUTH_FLIGHT_H
#define PLUGINS_EXT_AUTH_FLIGHT_H

#include <sluice/str.h>

#include "../shared/siphash.h"

/* What a follower is told. */
enum outcome {
	OUTCOME_NONE = 0,   /* nothing yet */
	OUTCOME_REMEMBERED, /* the verdict is in the cache */
	OUTCOME_ALONE,      /* there is none that others may use: each asks for itself */
	OUTCOME_FAILED      /* the service did not answer */
};

struct flight {
	/* a list: of a place of the table, or of the leader's followers */
	struct flight *next, **at; /* at NULL: in no list */
	struct flight *followers;
	size_t n_followers;
	struct siphash id;
	uint64_t until_ns;    /* a leader has its answer then, or none */
	sluice_ticket ticket; /* of a follower */
	enum outcome outcome;
	bool leads;
	bool has_left;
};

enum { FLIGHT_PLACES = 64, FLIGHT_FOLLOWERS = 1000 };

/* of a worker */
struct flights {
	struct flight *places[FLIGHT_PLACES];
};

/* The flight that asks this question now and takes one more follower, or NULL. */
struct flight *flight_find(struct flights *all, const struct siphash *id, uint64_t now_ns);
void flight_lead(struct flights *all, struct flight *f, const struct siphash *id,
	uint64_t until_ns);
/* f->ticket is that of a parked exchange. */
void flight_follow(struct flight *leader, struct flight *f);

/* The question of a leader has been answered: tell its followers. Nothing for others. */
void flight_land(struct flight *f, enum outcome outcome);
/* Take f, leader or follower, out of its list; followers of a leader then ask for themselves. */
void flight_leave(struct flight *f);

#endif
