/* Requests under way. See the header. */
#include "flight.h"

void flights_init(struct flights *all)
{
	for (unsigned i = 0; i < FLIGHT_BUCKETS; i++)
		pthread_mutex_init(&all->buckets[i].lock, NULL);
}

void flights_fini(struct flights *all)
{
	for (unsigned i = 0; i < FLIGHT_BUCKETS; i++)
		pthread_mutex_destroy(&all->buckets[i].lock);
}

static struct flight_bucket *bucket_of(struct flights *all, sluice_str key)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < key.len; i++)
		h = (h ^ (unsigned char)key.data[i]) * 16777619u;
	return &all->buckets[(h ^ h >> 16) % FLIGHT_BUCKETS];
}

static struct flight *find(const struct flight_bucket *b, sluice_str key)
{
	struct flight *f = b->first;
	while (f && !sluice_str_eq(f->key, key))
		f = f->next;
	return f;
}

static void flight_link(struct flight_bucket *b, struct flight *f, sluice_str key)
{
	*f = (struct flight){ .next = b->first,
		.at = &b->first,
		.bucket = b,
		.begun_ns = sluice_now_ns(),
		.key = key };
	if (f->next)
		f->next->at = &f->next;
	b->first = f;
}

static void flight_unlink(struct flight *f)
{
	*f->at = f->next;
	if (f->next)
		f->next->at = f->at;
	f->at = NULL;
}

static void waiter_link(struct flight *f, struct waiter *w)
{
	w->next = f->waiters;
	w->at = &f->waiters;
	if (w->next)
		w->next->at = &w->next;
	f->waiters = w;
	f->n_waiters++;
}

/* f leads in the place of the other, for those that wait for that as well. */
static void take_over(struct flight_bucket *b, struct flight *f, struct flight *other,
	sluice_str key)
{
	flight_unlink(other);
	flight_link(b, f, key);
	f->waiters = other->waiters;
	f->n_waiters = other->n_waiters;
	if (f->waiters)
		f->waiters->at = &f->waiters;
	other->waiters = NULL;
}

bool flight_lead(struct flights *all, struct flight *f, sluice_str key)
{
	struct flight_bucket *b = bucket_of(all, key);
	pthread_mutex_lock(&b->lock);
	bool leads = !find(b, key);
	if (leads)
		flight_link(b, f, key);
	pthread_mutex_unlock(&b->lock);
	return leads;
}

/* The ticket is written before the flight can be ended by another thread. */
bool flight_wait(struct flights *all, const struct flight_ask *ask, struct flight *f,
	struct waiter *w, sluice_verdict *verdict)
{
	struct flight_bucket *b = bucket_of(all, ask->key);
	pthread_mutex_lock(&b->lock);
	struct flight *under_way = find(b, ask->key);
	bool waits = under_way && under_way->begun_ns >= ask->since_ns;
	if (waits) {
		*w = (struct waiter){ .bucket = b };
		*verdict = sluice_park(ask->x, ask->timeout_ms, &w->ticket, ask->then);
		if (*verdict == SLUICE_WAIT)
			waiter_link(under_way, w);
	} else if (under_way) {
		take_over(b, f, under_way, ask->key);
	} else {
		flight_link(b, f, ask->key);
	}
	pthread_mutex_unlock(&b->lock);
	return waits;
}

unsigned flight_end(struct flight *f, enum flight_result result)
{
	struct flight_bucket *b = f->bucket;
	unsigned waited = 0;
	if (!b)
		return 0;
	pthread_mutex_lock(&b->lock);
	if (f->at) {
		waited = f->n_waiters;
		flight_unlink(f);
	}
	while (f->waiters) {
		struct waiter *w = f->waiters;
		f->waiters = w->next;
		w->at = NULL;
		w->result = result;
		(void)sluice_resume(w->ticket); /* it may be gone */
	}
	pthread_mutex_unlock(&b->lock);
	return waited;
}

void flight_leave(struct waiter *w)
{
	if (!w->bucket)
		return;
	pthread_mutex_lock(&w->bucket->lock);
	if (w->at) {
		*w->at = w->next;
		if (w->next)
			w->next->at = w->at;
		w->at = NULL;
	}
	pthread_mutex_unlock(&w->bucket->lock);
}
