/* Questions under way. See the header. */
#include "flight.h"

static void push(struct flight **list, struct flight *f)
{
	f->next = *list;
	f->at = list;
	if (f->next)
		f->next->at = &f->next;
	*list = f;
}

static void drop(struct flight *f)
{
	if (!f->at)
		return;
	*f->at = f->next;
	if (f->next)
		f->next->at = f->at;
	f->next = NULL;
	f->at = NULL;
}

static struct flight **place_of(struct flights *all, const struct siphash *id)
{
	return &all->places[id->lo % FLIGHT_PLACES];
}

struct flight *flight_find(struct flights *all, const struct siphash *id, uint64_t now_ns)
{
	struct flight *f = *place_of(all, id);
	while (f && (f->id.lo != id->lo || f->id.hi != id->hi || f->until_ns <= now_ns))
		f = f->next;
	return f && f->n_followers < FLIGHT_FOLLOWERS ? f : NULL;
}

void flight_lead(struct flights *all, struct flight *f, const struct siphash *id, uint64_t until_ns)
{
	f->id = *id;
	f->until_ns = until_ns;
	f->leads = true;
	push(place_of(all, id), f);
}

void flight_follow(struct flight *leader, struct flight *f)
{
	f->outcome = OUTCOME_NONE;
	leader->n_followers++;
	push(&leader->followers, f);
}

void flight_land(struct flight *f, enum outcome outcome)
{
	if (!f->leads)
		return;
	drop(f);
	f->leads = false;
	while (f->followers) {
		struct flight *follower = f->followers;
		drop(follower);
		follower->outcome = outcome;
		(void)sluice_resume(follower->ticket); /* its time may be up */
	}
}

void flight_leave(struct flight *f)
{
	flight_land(f, OUTCOME_ALONE);
	drop(f);
}
