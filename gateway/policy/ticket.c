/* Tickets, and the lots of workers that they lead to. See ticket.h. */
#include "policy/ticket.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/worker.h"
#include "policy/blame.h"

enum {
	LOTS = 256,       /* as many as a gateway may have workers */
	SLOTS_FIRST = 16, /* slots of a new lot; their number doubles when all are taken */
	/* callbacks for one message; then connections of the worker get their turn */
	WAKE_BATCH = 128,
	NO_SLOT = UINT32_MAX,
};

struct slot {
	uint64_t generation;   /* in which it was taken; 0: the slot is free */
	struct parked *parked; /* borrowed: until it leaves */
	uint32_t next_free;
};

/* Never freed: a ticket may be resumed long after the worker. */
struct lot {
	uint32_t index; /* of lots; never changes */
	pthread_mutex_t lock;
	/* the rest is under lock */
	struct worker *worker; /* borrowed; NULL: it has ended */
	struct slot *slots;    /* owned */
	uint32_t n_slots, first_free;
	uint32_t n_taken;
	uint64_t generation; /* the last one used; the next worker of the lot goes on from it */
	struct list woken;   /* struct parked */
	bool posted;         /* a message to the worker is under way */
};

static _Atomic(struct lot *) lots[LOTS];
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

/* ---- lots ---------------------------------------------------------------------------------- */

static struct lot *lot_new(uint32_t index)
{
	struct lot *l = mem_new(struct lot);
	l->index = index;
	(void)pthread_mutex_init(&l->lock, NULL);
	list_init(&l->woken);
	l->first_free = NO_SLOT;
	return l;
}

/* The worker ends; all its exchanges ended before. */
static void lot_close(void *part)
{
	struct lot *l = part;
	(void)pthread_mutex_lock(&l->lock);
	check(l->n_taken == 0, "%u exchanges are parked on a worker that ends", l->n_taken);
	free(l->slots);
	l->slots = NULL;
	l->n_slots = 0;
	l->first_free = NO_SLOT;
	l->worker = NULL;
	l->posted = false;
	(void)pthread_mutex_unlock(&l->lock);
}

/* False: another worker has the lot. */
static bool lot_open(struct lot *l, struct worker *w)
{
	(void)pthread_mutex_lock(&l->lock);
	bool is_free = !l->worker;
	if (is_free)
		l->worker = w;
	(void)pthread_mutex_unlock(&l->lock);
	return is_free;
}

/* The lot of w, which gets one at its first ticket. */
static struct lot *lot_of(struct worker *w)
{
	struct lot *l = w->part[PART_TICKET];
	if (l)
		return l;
	(void)pthread_mutex_lock(&opening);
	for (uint32_t i = 0; i < LOTS && !w->part[PART_TICKET]; i++) {
		l = atomic_load_explicit(&lots[i], memory_order_relaxed);
		if (!l) {
			l = lot_new(i);
			atomic_store_explicit(&lots[i], l, memory_order_release);
		}
		if (lot_open(l, w))
			worker_set_part(w, PART_TICKET, l, lot_close);
	}
	(void)pthread_mutex_unlock(&opening);
	return w->part[PART_TICKET];
}

/* ---- slots, under the lot's lock ----------------------------------------------------------- */

static void lot_grow(struct lot *l)
{
	uint32_t n = l->n_slots ? 2 * l->n_slots : SLOTS_FIRST;
	struct slot *slots = mem_array(struct slot, n);
	if (l->n_slots)
		memcpy(slots, l->slots, l->n_slots * sizeof(*slots));
	for (uint32_t i = n; i-- > l->n_slots;) {
		slots[i].next_free = l->first_free;
		l->first_free = i;
	}
	free(l->slots);
	l->slots = slots;
	l->n_slots = n;
}

static void slot_take(struct lot *l, struct parked *p)
{
	if (l->first_free == NO_SLOT)
		lot_grow(l);
	p->slot = l->first_free;
	struct slot *s = &l->slots[p->slot];
	l->first_free = s->next_free;
	*s = (struct slot){ .generation = ++l->generation, .parked = p };
	l->n_taken++;
}

static void slot_give(struct lot *l, struct parked *p)
{
	l->slots[p->slot] = (struct slot){ .next_free = l->first_free };
	l->first_free = p->slot;
	l->n_taken--;
	p->lot = NULL;
}

/* ---- waking -------------------------------------------------------------------------------- */

static void lot_on_mail(struct worker *w, void *arg)
{
	struct lot *l = arg;
	struct list batch, *e;
	list_init(&batch);
	(void)pthread_mutex_lock(&l->lock);
	for (int i = 0; i < WAKE_BATCH && (e = list_pop(&l->woken)); i++) {
		slot_give(l, container_of(e, struct parked, link));
		list_push(&batch, e);
	}
	l->posted = !list_is_empty(&l->woken);
	if (l->posted)
		worker_post(w, lot_on_mail, l);
	(void)pthread_mutex_unlock(&l->lock);
	/* an exchange that ends within another's callback leaves the batch */
	while ((e = list_pop(&batch))) {
		struct parked *p = container_of(e, struct parked, link);
		p->on_resumed(p);
	}
}

static bool lot_wake(struct lot *l, struct parked *p)
{
	if (p->is_woken)
		return false;
	p->is_woken = true;
	list_push(&l->woken, &p->link);
	if (!l->posted)
		/* the worker cannot end meanwhile: that takes the lock */
		worker_post(l->worker, lot_on_mail, l);
	l->posted = true;
	return true;
}

/* ---- what waits ---------------------------------------------------------------------------- */

void parked_init(struct parked *p, void (*on_resumed)(struct parked *p))
{
	*p = (struct parked){ .on_resumed = on_resumed };
	list_init(&p->link);
}

bool parked_enter(struct parked *p, struct worker *w, sluice_ticket *out)
{
	struct lot *l = lot_of(w);
	if (!l)
		return false;
	(void)pthread_mutex_lock(&l->lock);
	slot_take(l, p);
	*out = (sluice_ticket){ l->index, p->slot, l->generation };
	(void)pthread_mutex_unlock(&l->lock);
	p->lot = l;
	return true;
}

bool parked_leave(struct parked *p)
{
	struct lot *l = p->lot;
	if (!l) {
		list_del(&p->link);
		return p->is_woken;
	}
	(void)pthread_mutex_lock(&l->lock);
	bool was_woken = p->is_woken;
	list_del(&p->link);
	slot_give(l, p);
	(void)pthread_mutex_unlock(&l->lock);
	return was_woken;
}

bool ticket_resume(sluice_ticket t)
{
	struct lot *l = NULL;
	bool was_given = false, wakes = false;
	if (t.worker < LOTS)
		l = atomic_load_explicit(&lots[t.worker], memory_order_acquire);
	if (l) {
		(void)pthread_mutex_lock(&l->lock);
		was_given = t.generation > 0 && t.generation <= l->generation;
		if (was_given && t.slot < l->n_slots && l->slots[t.slot].generation == t.generation)
			wakes = lot_wake(l, l->slots[t.slot].parked);
		(void)pthread_mutex_unlock(&l->lock);
	}
	if (!was_given)
		blame_misuse("sluice_resume()", "sluice_park() gave no such ticket");
	return wakes;
}
