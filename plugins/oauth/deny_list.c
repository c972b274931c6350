/* What is known of a deny list, and the tables that are made of it. */
#include <stdlib.h>

#include "deny_impl.h"

#define TABLE_PAUSE_NS MS_TO_NS(50) /* between two tables, and */
enum { TABLE_SHARE = 20 };          /* so many times as long as making one takes */

struct deny_sub *deny_leader(const struct deny_list *l)
{
	struct deny_sub *sub = l->subs;
	while (sub && sub->use != DENY_IN_FORCE)
		sub = sub->next;
	return sub;
}

uint64_t deny_max_entries(const struct deny_list *l)
{
	uint64_t max = 0;
	for (const struct deny_sub *sub = l->subs; sub; sub = sub->next)
		max = sub->use == DENY_IN_FORCE && sub->terms->max_entries > max
			? sub->terms->max_entries
			: max;
	return max;
}

uint64_t deny_leeway(const struct deny_list *l)
{
	uint64_t leeway = 0;
	for (const struct deny_sub *sub = l->subs; sub; sub = sub->next)
		leeway = sub->use == DENY_IN_FORCE && sub->terms->leeway > leeway
			? sub->terms->leeway
			: leeway;
	return leeway;
}

uint32_t deny_over_s(const struct deny_list *l)
{
	return deny_over_at(deny_leeway(l));
}

/* ---- rows ---------------------------------------------------------------------------------- */

/* Times are whole seconds: a second look in the same one would find nothing more. */
static void purge(struct deny_list *l, uint32_t over_s)
{
	if (l->purged_s == over_s)
		return;
	l->purged_s = over_s;
	deny_map_purge(&l->map, over_s);
}

void deny_put_row(struct deny_list *l, const struct deny_row *row)
{
	uint64_t max = deny_max_entries(l);
	uint32_t over_s = deny_over_s(l);
	l->is_dirty = true;
	if (l->reading.is_under_way && deny_map_put(&l->reading.news, row, max) != DENY_PUT)
		l->reading.again = true; /* what it finds will be too old */
	if (row->until <= over_s) {
		deny_map_remove(&l->map, row);
		return;
	}
	if (l->map.n >= max)
		purge(l, over_s);
	if (deny_map_put(&l->map, row, max) != DENY_PUT && row->until > l->full_until)
		l->full_until = row->until;
}

/* ---- tables -------------------------------------------------------------------------------- */

uint64_t deny_table_due(const struct deny_list *l)
{
	uint64_t pause = l->making_ns * TABLE_SHARE;
	if (!l->is_dirty)
		return UINT64_MAX;
	return l->made_ns ? l->made_ns + (pause > TABLE_PAUSE_NS ? pause : TABLE_PAUSE_NS) : 0;
}

bool deny_replace_table(struct deny_list *l)
{
	struct deny_table *made;
	uint64_t begun = sluice_now_ns();
	l->made_ns = begun;
	if (!deny_table_make(&l->map, deny_over_s(l), &made))
		return false; /* it stays dirty, and is tried again */
	l->making_ns = sluice_now_ns() - begun;
	l->is_dirty = false;
	deny_table_unref(l->table);
	l->table = made;
	return true;
}

void deny_make_table(struct deny_list *l)
{
	if (deny_table_due(l) <= sluice_now_ns() && deny_replace_table(l))
		deny_tell_subs(l, true);
}

/* ---- its state ----------------------------------------------------------------------------- */

enum deny_state deny_state_of(const struct deny_list *l, const struct deny_terms *terms)
{
	if (l->full_until > deny_over_s(l))
		return DENY_LOST;
	if (l->is_current)
		return DENY_CURRENT;
	if (!l->was_read)
		return DENY_AWAITED;
	if (terms->max_stale && sluice_now_ns() - l->current_ns >= MS_TO_NS(terms->max_stale))
		return DENY_LOST;
	return DENY_STALE;
}

void deny_tell_subs(struct deny_list *l, bool has_news)
{
	for (struct deny_sub *sub = l->subs; sub; sub = sub->next)
		sub->changed(sub, has_news || sub->told != deny_state_of(l, sub->terms));
}

void deny_set_not_current(struct deny_list *l)
{
	if (l->is_current)
		l->current_ns = sluice_now_ns();
	l->is_current = false;
}
