/*
 * Which servers of an upstream serve, and how much each counts. Servers stand in tiers: those of
 * the gateway's own zone, those of other zones, and the backups of both. A plan says which tiers
 * serve, by how many servers of each are well. It is made anew when that number changes, never for
 * a request. Plain functions of numbers: they know no server.
 */
#ifndef UPSTREAM_SHARE_H
#define UPSTREAM_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* A share of weight 1; shares are weights in this unit, so that a part of one can be told. */
enum { SHARE_ONE = 1024, SHARE_SLOWEST = SHARE_ONE / 10 };

/* All, in hundredths of a percent. */
enum { TIER_WHOLE = 10000 };

enum balance_tier { TIER_LOCAL, TIER_REMOTE, TIER_BACKUP, TIER_REMOTE_BACKUP, TIERS };

/* The servers of one tier, those of weight 0 left out. */
struct tier_count {
	uint32_t n, n_well;
	uint64_t weight, well_weight;
};

/* In hundredths of a percent. */
struct tier_rules {
	uint64_t panic; /* of the servers: with fewer that are well, all serve; 0: never */
	/* of the local weight: with less that is well, other zones take a part */
	uint64_t local_min;
};

/* What holds for all servers of a tier. */
enum tier_entry {
	TIER_OPEN,   /* those that are ready serve */
	TIER_PANICS, /* all serve, whatever their health */
	TIER_BARRED, /* none serves */
};

struct tier_plan {
	uint8_t entry[TIERS];   /* enum tier_entry */
	uint16_t factor[TIERS]; /* of SHARE_ONE: what the weights of the tier count here */
};

void tier_plan_make(struct tier_plan *p, const struct tier_rules *rules,
	const struct tier_count counts[TIERS]);

/* What a server counts, of SHARE_ONE, so long after it came up: from a tenth to all of it, in equal
 * steps over `slow`. Nanoseconds. */
uint32_t share_ramp(uint64_t since, uint64_t slow);
/* At least 1, so that a server in a tier that serves is never left out. */
uint32_t share_of(uint32_t weight, uint32_t tier_factor, uint32_t ramp);

#endif
