/* Choosing a server by a plugin. See choose.h. */
#include "policy/choose.h"

#include "base/clock.h"
#include "base/list.h"
#include "policy/blame.h"
#include "policy/running.h"

static const char report_code[] = "server";

/* Why what on_choose returned is a failure; NULL: it is a choice, or none. */
static const char *choose_wrong(const sluice_choice *choice, int i)
{
	if (i == SLUICE_CHOOSE_NONE)
		return NULL;
	if (i == SLUICE_CHOOSE_FAIL)
		return "it returned SLUICE_CHOOSE_FAIL";
	if (i < 0 || (uint32_t)i >= choice->n_servers)
		return "it returned a number that is no server's";
	return sluice_may_choose(choice, (uint32_t)i)
		? NULL
		: "it chose a server that is down, is full or was tried";
}

/* ---- for an exchange ----------------------------------------------------------------------- */

/* Where the plugin's request hook has run, its memory is that of its place in the chain. */
static const struct chain_item *choose_item(const struct choose *c, const sluice_exchange *x)
{
	for (uint32_t i = 0; i < x->reached; i++) {
		/* one that does not run for this exchange has another plugin in its place */
		if (x->chain->v[i].inst == c->item->inst &&
			x->chain->v[i].plugin == c->item->plugin)
			return &x->chain->v[i];
	}
	return c->item;
}

static int choose_for_exchange(const struct choose *c, sluice_exchange *x,
	const sluice_choice *choice)
{
	struct frame f = { .item = choose_item(c, x), .call = RUNNING_CHOOSE };
	frame_enter(x, &f);
	int i = module_on_choose(f.item->plugin)(x, f.item->conf, choice);
	(void)frame_leave(x, SLUICE_NEXT); /* it can have given no answer */
	const char *wrong = choose_wrong(choice, i);
	if (likely(!wrong))
		return i;
	return frame_failed(x, &f, wrong) == RUN_FAIL ? BALANCE_NO_CHOOSER : BALANCE_NO_CHOICE;
}

/* ---- for a fetch --------------------------------------------------------------------------- */

static int choose_failed_alone(sluice_instance *inst, const sluice_choice *choice,
	const char *wrong)
{
	bool goes_on = inst->mode == INSTANCE_REPORT || inst->on_error == INSTANCE_SKIP;
	series_add(inst->failures, 1);
	if (goes_on && inst->mode != INSTANCE_REPORT)
		series_add(inst->skipped, 1);
	blame(inst, RUNNING_CHOOSE, BLAME_FAILED, "%s; a fetch over upstream %.*s%s", wrong,
		STR_ARG(choice->upstream), goes_on ? ", which goes on" : "");
	return goes_on ? BALANCE_NO_CHOICE : BALANCE_NO_CHOOSER;
}

static int choose_alone(const struct choose *c, const sluice_choice *choice)
{
	const sluice_instance *inst = c->iw->inst;
	struct running_call_before was = running_begin(c->worker, inst, RUNNING_CHOOSE);
	uint64_t since = instance_count_call(c->iw) ? clock_ns() : 0;
	int i = module_on_choose(inst->plugin)(NULL, inst->conf, choice);
	if (since) {
		uint64_t took = clock_ns() - since;
		instance_count_time(c->iw, took);
		blame_slow(c->iw->inst, RUNNING_CHOOSE, took, "a fetch over upstream %.*s",
			STR_ARG(choice->upstream));
	}
	running_end(c->worker, was);
	const char *wrong = choose_wrong(choice, i);
	return likely(!wrong) ? i : choose_failed_alone(c->iw->inst, choice, wrong);
}

/* ---- for the balance ----------------------------------------------------------------------- */

static int choose_server(const struct balance_chooser *chooser, sluice_exchange *x,
	sluice_choice *choice)
{
	const struct choose *c = container_of(chooser, const struct choose, chooser);
	choice->state = c->iw->state;
	choice->published = c->iw->published ? c->iw->published->value : NULL;
	return x ? choose_for_exchange(c, x, choice) : choose_alone(c, choice);
}

/* mode: report */
static void choose_on_other(const struct balance_chooser *chooser, sluice_exchange *x,
	const sluice_server *wanted)
{
	const struct choose *c = container_of(chooser, const struct choose, chooser);
	if (!x) {
		series_add(series_find(FAMILY_PLUGIN_REPORTS, c->iw->inst->name,
				   str_of(report_code)),
			1);
		return;
	}
	frame_report(x, choose_item(c, x), report_code);
	if (unlikely(x->timeline))
		timeline_add(x->timeline, "a plugin that only reports would ask",
			arena_note(x->arena, wanted->address), 0);
}

void choose_init(struct choose *c, struct worker *w, const struct chain_item *item,
	struct instance_worker *iw)
{
	bool reports = item->inst->mode == INSTANCE_REPORT;
	*c = (struct choose){
		.chooser = { .choose = choose_server,
			.on_other = reports ? choose_on_other : NULL },
		.item = item,
		.iw = iw,
		.worker = w,
	};
}
