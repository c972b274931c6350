/* References to snapshots. Only the main thread frees a snapshot. */
#include "app/process.h"

static void snapshot_free_mail(struct worker *w, void *arg)
{
	(void)w;
	snapshot_free(arg);
}

void snapshot_free_on_main(struct snapshot *s)
{
	worker_post(s->main, snapshot_free_mail, s);
}

static bool snapshot_drop(struct snapshot *s)
{
	return atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1;
}

void snapshot_unref_anywhere(struct snapshot *s)
{
	if (snapshot_drop(s))
		snapshot_free_on_main(s);
}

void snapshot_unref(struct snapshot *s)
{
	if (s && snapshot_drop(s))
		snapshot_free(s);
}
