/* Rests of servers. See the header. */
#include "upstream/rest.h"

#include "base/spin.h"

static struct spin door;

void rests_lock(void)
{
	spin_lock(&door);
}

void rests_unlock(void)
{
	spin_unlock(&door);
}

unsigned rest_failed(struct record *r, uint64_t now_ns)
{
	unsigned n = atomic_fetch_add(&r->failures, 1) + 1;
	uint64_t told = atomic_load(&r->doubted_ns);
	if ((!told || now_ns > told + REST_DOUBT_NS) &&
		atomic_compare_exchange_strong(&r->doubted_ns, &told, now_ns))
		record_tell(r);
	return n;
}

uint64_t rest_doubted_until(const struct record *r, uint64_t now_ns)
{
	uint64_t until = atomic_load(&r->doubted_ns);
	if (!until)
		return 0;
	until += 2 * REST_DOUBT_NS;
	return until > now_ns ? until : 0;
}

void rest_break_row(struct record *r)
{
	if (atomic_load_explicit(&r->failures, memory_order_relaxed))
		atomic_store(&r->failures, 0);
}

bool rest_begin(struct record *r, uint64_t of, uint64_t was, uint64_t until_ns)
{
	/* another TLS has an end of its own: the last one to fail decides */
	uint64_t found = atomic_load(&r->rest_of) == of ? was : atomic_load(&r->rest_until_ns);
	if (!atomic_compare_exchange_strong(&r->rest_until_ns, &found, until_ns))
		return false;
	atomic_store(&r->rest_of, of);
	atomic_store(&r->failures, 0);
	atomic_store(&r->trial_by, 0);
	return true;
}

bool rest_end(struct record *r, uint64_t was)
{
	if (!atomic_compare_exchange_strong(&r->rest_until_ns, &was, 0))
		return false;
	atomic_store(&r->failures, 0);
	atomic_store(&r->trial_by, 0);
	record_tell(r);
	return true;
}

uint64_t rest_until(const struct record *r, uint64_t of)
{
	uint64_t until = atomic_load(&r->rest_until_ns);
	return until && atomic_load(&r->rest_of) == of ? until : 0;
}

static uint32_t trial_mark(const struct worker *w)
{
	return w->id + 1;
}

bool rest_take_trial(struct record *r, const struct worker *w)
{
	uint32_t none = 0;
	return atomic_compare_exchange_strong(&r->trial_by, &none, trial_mark(w));
}

void rest_give_trial(struct record *r, const struct worker *w)
{
	uint32_t own = trial_mark(w);
	if (atomic_compare_exchange_strong(&r->trial_by, &own, 0))
		record_tell(r);
}

bool rest_is_tried(const struct record *r)
{
	return atomic_load(&r->trial_by) != 0;
}
