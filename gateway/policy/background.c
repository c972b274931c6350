/* Fetches and commands of stores that outlive their exchange. See background.h. */
#include "policy/background.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "policy/blame.h"
#include "policy/fetching.h"
#include "policy/guard.h"
#include "policy/running.h"
#include "store/store.h"
#include "upstream/fetch.h"

struct sluice_work {
	struct list link;               /* in background_part.works */
	struct worker *worker;          /* borrowed */
	struct instance_worker *iw;     /* borrowed: the keeper holds it */
	struct instance_keeper *keeper; /* shared: ref */
	const uint32_t *places;         /* borrowed: chain_item.upstreams, of the snapshot */
	int32_t own;                    /* the upstream of the exchange that began it; -1: none */
	struct fetch *fetch;            /* owned; NULL: the callback runs, or has run, or is none */
	sluice_work_fn fn;
	struct redis_call call; /* of a command, which fn_store is for */
	sluice_work_store_fn fn_store;
	const struct sluice_store *store; /* borrowed: the keeper holds it */
	void *user;                       /* borrowed: the plugin's */
	struct grave grave;
};

/* the part of a worker */
struct background_part {
	struct list works;
};

/* ---- the end ------------------------------------------------------------------------------- */

static void work_free(struct sluice_work *k)
{
	k->keeper->unref(k->keeper);
	free(k);
}

static void work_bury(struct grave *g)
{
	work_free(container_of(g, struct sluice_work, grave));
}

/* Take it off the list, and count it no more. */
static void work_leave(struct sluice_work *k)
{
	list_del(&k->link);
	k->iw->n_works--;
	if (k->iw->n_works <= BACKGROUND_MAX / 2)
		k->iw->works_refused = false;
}

static void work_cancel(struct sluice_work *k)
{
	if (k->fetch)
		fetch_cancel(k->fetch);
	else
		redis_cancel(&k->call);
	work_leave(k);
	work_free(k);
}

void background_drop(struct worker *w, const struct instance_worker *iw)
{
	struct background_part *part = w->part[PART_BACKGROUND];
	if (!part)
		return;
	list_each_safe (e, &part->works) {
		struct sluice_work *k = container_of(e, struct sluice_work, link);
		if (k->iw == iw)
			work_cancel(k);
	}
}

static void background_end(void *arg)
{
	struct background_part *part = arg;
	struct list *e;
	while ((e = list_pop(&part->works)))
		work_cancel(container_of(e, struct sluice_work, link));
	free(part);
}

static struct list *background_list(struct worker *w)
{
	struct background_part *part = w->part[PART_BACKGROUND];
	if (!part) {
		part = mem_new(struct background_part);
		list_init(&part->works);
		worker_set_part(w, PART_BACKGROUND, part, background_end);
	}
	return &part->works;
}

/* ---- a fetch ------------------------------------------------------------------------------- */

/* The view is released at the end of the turn, because this is called from within the fetch's
 * connection. */
static void work_on_fetch(void *ctx, const sluice_fetch_response *r)
{
	struct sluice_work *k = ctx;
	sluice_instance *inst = k->iw->inst;
	sluice_fetch_response given = *r;
	given.user = k->user;
	k->fetch = NULL;
	work_leave(k);
	instance_count_fetch(inst, r);
	running_set(k->worker, inst, RUNNING_FETCH, NULL);
	k->fn(k, inst->conf, &given);
	running_clear(k->worker);
	worker_bury(k->worker, &k->grave, work_bury);
}

static struct fetch *work_fetch(struct sluice_work *k, const sluice_fetch_request *r,
	const char **why)
{
	struct arena a;
	arena_init(&a, 0);
	const struct fetching whose = { .worker = k->worker,
		.inst = k->iw->inst,
		.places = k->places,
		.upstreams = k->keeper->upstreams,
		.own = k->own,
		.arena = &a };
	struct fetch *f = fetching_start(&whose, r, work_on_fetch, k, why);
	arena_fini(&a);
	return f;
}

/* ---- a command ------------------------------------------------------------------------------ */

/* The view is released at the end of the turn, because this is called from within the link. */
static void work_on_reply(struct redis_call *c, sluice_status st, const sluice_value *v)
{
	struct sluice_work *k = container_of(c, struct sluice_work, call);
	sluice_instance *inst = k->iw->inst;
	work_leave(k);
	store_count(k->store, st);
	running_set(k->worker, inst, RUNNING_FETCH, NULL);
	k->fn_store(k, inst->conf, k->user, st, v);
	running_clear(k->worker);
	worker_bury(k->worker, &k->grave, work_bury);
}

/* ---- beginning ------------------------------------------------------------------------------ */

/* Logged once until there is room again, because every request may ask for one too many. */
static bool work_has_room(struct instance_worker *iw)
{
	if (iw->n_works < BACKGROUND_MAX)
		return true;
	if (!iw->works_refused)
		log_warn("plugin",
			"%.*s: more than %d fetches in the background of a worker: some are "
			"refused",
			STR_ARG(iw->inst->name), BACKGROUND_MAX);
	iw->works_refused = true;
	return false;
}

/* whose: gives worker, iw, keeper and places. */
static int work_begin(const struct sluice_work *whose, const sluice_fetch_request *r,
	sluice_work_fn fn)
{
	const char *why;
	if (!work_has_room(whose->iw))
		return -1;
	struct sluice_work *k = mem_new(struct sluice_work);
	*k = *whose;
	k->fn = fn;
	redis_call_init(&k->call, work_on_reply);
	if (r->size >= offsetof(sluice_fetch_request, user) + sizeof(r->user))
		k->user = r->user;
	k->fetch = work_fetch(k, r, &why);
	if (!k->fetch) {
		log_error("plugin", "%.*s: cannot fetch %.*s: %s", STR_ARG(k->iw->inst->name),
			STR_ARG(r->url), why);
		free(k);
		return -1;
	}
	k->keeper->ref(k->keeper);
	k->iw->n_works++;
	list_push(background_list(k->worker), &k->link);
	return 0;
}

/* The command is begun, or whose is freed. */
static sluice_status work_send(struct sluice_work *k, const sluice_str *argv, size_t argc,
	uint64_t timeout_ms)
{
	redis_call_init(&k->call, work_on_reply);
	sluice_status st = store_command(k->worker, k->store, &k->call, argv, argc, timeout_ms);
	if (st != SLUICE_OK) {
		store_count(k->store, st);
		free(k);
		return st;
	}
	k->keeper->ref(k->keeper);
	k->iw->n_works++;
	list_push(background_list(k->worker), &k->link);
	return SLUICE_OK;
}

/* ---- for the host table -------------------------------------------------------------------- */

int host_background(sluice_exchange *x, const sluice_fetch_request *r, sluice_work_fn fn)
{
	static const char service[] = "sluice_background()";
	if (!guard_hook(x, service) || !guard_given(r, service, "the request is NULL") ||
		!guard_callback(fn, service))
		return -1;
	const struct sluice_work whose = { .worker = x->worker,
		.iw = x->slots[run_item(x)->slot],
		.keeper = x->keeper,
		.places = run_item(x)->upstreams,
		.own = x->upstream };
	return work_begin(&whose, r, fn);
}

/* Whether k may be used: it is for the thread of its worker. */
static bool work_may(const sluice_work *k, const char *service)
{
	if (!guard_given(k, service, "the fetch in the background is NULL"))
		return false;
	if (worker_self == k->worker)
		return true;
	blame_misuse(service, "it is for the thread of that worker");
	return false;
}

int host_work_fetch(sluice_work *k, const sluice_fetch_request *r, sluice_work_fn fn)
{
	static const char service[] = "sluice_work_fetch()";
	if (!work_may(k, service) || !guard_given(r, service, "the request is NULL") ||
		!guard_callback(fn, service))
		return -1;
	const struct sluice_work whose = { .worker = k->worker,
		.iw = k->iw,
		.keeper = k->keeper,
		.places = k->places,
		.own = k->own };
	return work_begin(&whose, r, fn);
}

sluice_status host_work_command(sluice_work *k, const struct sluice_store *s,
	const sluice_str *argv, size_t argc, uint64_t timeout_ms, void *user,
	sluice_work_store_fn fn)
{
	static const char service[] = "sluice_work_command()";
	if (!work_may(k, service) || !guard_given(s, service, "the store is NULL") ||
		!guard_given(argc ? argv : NULL, service, "the command is empty") ||
		!guard_callback(fn, service) || !work_has_room(k->iw))
		return SLUICE_ERROR;
	struct sluice_work *next = mem_new(struct sluice_work);
	*next = (struct sluice_work){ .worker = k->worker,
		.iw = k->iw,
		.keeper = k->keeper,
		.places = k->places,
		.own = k->own,
		.fn_store = fn,
		.store = s,
		.user = user };
	return work_send(next, argv, argc, timeout_ms);
}

sluice_instance *host_work_instance(const sluice_work *k)
{
	return work_may(k, "sluice_work_instance()") ? k->iw->inst : NULL;
}

void *host_work_state(const sluice_work *k)
{
	return work_may(k, "sluice_work_state()") ? k->iw->state : NULL;
}

const void *host_work_published(const sluice_work *k)
{
	if (!work_may(k, "sluice_work_published()"))
		return NULL;
	return k->iw->published ? k->iw->published->value : NULL;
}
