/* Tiers and shares. See share.h. */
#include "upstream/share.h"

#include <string.h>

/* Of the local tier and the same one of other zones: how the requests are divided. */
static void plan_zones(struct tier_plan *p, const struct tier_count counts[TIERS],
	enum balance_tier local, uint64_t local_min)
{
	const struct tier_count *here = &counts[local], *there = &counts[local + 1];
	p->entry[local] = p->entry[local + 1] = TIER_OPEN;
	p->factor[local] = p->factor[local + 1] = SHARE_ONE;
	if (!here->n || !here->n_well || !there->n_well)
		return; /* only one of the two can serve */
	/* the part that stays here is well / weight / local_min, at most all of it */
	uint64_t stays = here->well_weight * TIER_WHOLE, all = here->weight * local_min;
	if (stays >= all) {
		p->entry[local + 1] = TIER_BARRED;
		return;
	}
	/* so that there : here, by weight, is all - stays : stays */
	double ratio = (double)(all - stays) * (double)here->well_weight /
		((double)stays * (double)there->well_weight);
	if (ratio <= 1)
		p->factor[local + 1] = (uint16_t)(ratio * SHARE_ONE);
	else
		p->factor[local] = (uint16_t)(SHARE_ONE / ratio);
	for (unsigned t = local; t <= local + 1u; t++)
		p->factor[t] = p->factor[t] ? p->factor[t] : 1;
}

static void plan_set(struct tier_plan *p, enum balance_tier first, enum tier_entry entry)
{
	for (int t = first; t <= (int)first + 1; t++) {
		p->entry[t] = (uint8_t)entry;
		p->factor[t] = SHARE_ONE;
	}
}

static bool is_fewer(uint64_t n_well, uint64_t n, uint64_t part)
{
	return n_well * TIER_WHOLE < n * part;
}

void tier_plan_make(struct tier_plan *p, const struct tier_rules *rules,
	const struct tier_count c[TIERS])
{
	uint64_t n = c[TIER_LOCAL].n + c[TIER_REMOTE].n,
		 n_well = c[TIER_LOCAL].n_well + c[TIER_REMOTE].n_well;
	uint64_t backups = c[TIER_BACKUP].n + c[TIER_REMOTE_BACKUP].n,
		 backups_well = c[TIER_BACKUP].n_well + c[TIER_REMOTE_BACKUP].n_well;
	bool wants_backups = !n_well || is_fewer(n_well, n, rules->panic);
	uint64_t serve = n_well + (wants_backups ? backups_well : 0);

	memset(p, 0, sizeof(*p)); /* plans are compared by their bytes */
	/* a server that is down must get its trial when the others of its tier are down too, so
	 * tiers before the one that serves stay open */
	if (is_fewer(serve, n ? n : backups, rules->panic)) {
		plan_set(p, TIER_LOCAL, TIER_PANICS);
		plan_set(p, TIER_BACKUP, TIER_PANICS);
		return;
	}
	plan_zones(p, c, TIER_LOCAL, rules->local_min);
	if (wants_backups)
		plan_zones(p, c, TIER_BACKUP, rules->local_min);
	else
		plan_set(p, TIER_BACKUP, TIER_BARRED);
}

uint32_t share_ramp(uint64_t since, uint64_t slow)
{
	if (since >= slow)
		return SHARE_ONE;
	/* slow is at most a day, in which the product fits */
	return (uint32_t)(SHARE_SLOWEST + (SHARE_ONE - SHARE_SLOWEST) * since / slow);
}

uint32_t share_of(uint32_t weight, uint32_t tier_factor, uint32_t ramp)
{
	uint64_t share = (uint64_t)weight * tier_factor * ramp / SHARE_ONE;
	return share ? (uint32_t)share : 1;
}
