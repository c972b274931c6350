/*
 * Counts and times of the servers of an upstream, for the metrics and the log. One worker alone
 * tells them, since all see the same; and of several configurations the youngest. Its worker's
 * thread only.
 */
#ifndef UPSTREAM_CENSUS_H
#define UPSTREAM_CENSUS_H

#include "upstream/server_list.h"

struct census {
	sluice_str upstream;              /* borrowed: lives as long */
	unsigned counted[SERVER_SOURCES]; /* as the metrics have it */
	bool tells;
};

void census_init(struct census *c, const struct worker *w, sluice_str upstream);
/* The servers are these now. */
void census_count(struct census *c, const struct server_list *l);
/* A look-up of a name changed the addresses of a server. all: of the upstream, now. */
void census_changed(const struct census *c, unsigned added, unsigned removed, uint32_t all);
/* A look-up of a name of the upstream has ended; RESOLVE_OK: with an answer. */
void census_resolved(const struct census *c, enum resolve_reason r);
/* A younger configuration has taken over. */
static inline void census_hand_over(struct census *c)
{
	c->tells = false;
}
/* The upstream ends. next: of the youngest that is left; NULL: there is none. */
void census_end(const struct census *c, const struct census *next);

#endif
