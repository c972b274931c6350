/* Bodies that plugins lend. See lent.h. */
#include "policy/lent.h"

#include <stdlib.h>

#include "base/mem.h"
#include "policy/run.h"
#include "policy/running.h"

struct lent {
	struct loan loan;
	const sluice_instance *inst;    /* borrowed: the keeper holds it */
	struct instance_keeper *keeper; /* shared: ref */
	struct worker *worker;          /* borrowed */
	void (*release)(void *arg);
	void *arg;
	struct grave grave;
};

static void lent_free(struct grave *g)
{
	struct lent *l = container_of(g, struct lent, grave);
	l->keeper->unref(l->keeper);
	free(l);
}

/* Called when bytes leave a queue, or from within a hook that gives another answer: the view is
 * released at the end of the turn. */
static void lent_over(struct loan *loan)
{
	struct lent *l = container_of(loan, struct lent, loan);
	struct running_call_before was = running_begin(l->worker, l->inst, RUNNING_CLEANUP);
	l->release(l->arg);
	running_end(l->worker, was);
	worker_bury(l->worker, &l->grave, lent_free);
}

struct lent *lent_new(sluice_exchange *x, void (*release)(void *arg), void *arg)
{
	struct lent *l = mem_new(struct lent);
	l->loan = (struct loan){ .over = lent_over, .refs = 1 };
	l->inst = run_item(x)->inst;
	l->keeper = x->keeper;
	l->keeper->ref(l->keeper);
	l->worker = x->worker;
	l->release = release;
	l->arg = arg;
	return l;
}

void lent_drop(struct lent **l)
{
	struct lent *was = *l;
	*l = NULL;
	if (was)
		loan_unref(&was->loan);
}

void lent_move(struct lent **l, struct buf *to, sluice_str bytes)
{
	buf_lend(to, &(*l)->loan, bytes.data, bytes.len);
	lent_drop(l);
}
