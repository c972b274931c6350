/*
 * Instances of plugins. The main thread makes, starts and stops them. Workers find their own side
 * of an instance by its id, so that a message about an instance that is gone finds nothing.
 */
#include "policy/instance.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "obs/access_log.h"
#include "policy/dependency.h"
#include "policy/expr.h"
#include "policy/instance_fact.h"
#include "policy/running.h"
#include "policy/stated.h"
#include "policy/text.h"
#include "policy/when.h"
#include "store/store.h"
#include "upstream/fetch.h"

/* of a worker */
struct policy_part {
	struct list instances;
};

static uint64_t next_id;                    /* main thread, like the next */
static struct list live = { &live, &live }; /* all instances */

/* ---- published values ---------------------------------------------------------------------- */

static struct published *published_ref(struct published *p)
{
	if (p)
		atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void instance_published_drop(struct published **slot)
{
	struct published *p = *slot;
	*slot = NULL;
	if (p && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1) {
		if (p->free_value)
			p->free_value(p->value);
		free(p);
	}
}

struct published *instance_published_take(sluice_instance *inst)
{
	pthread_mutex_lock(&inst->lock);
	struct published *p = published_ref(inst->published);
	pthread_mutex_unlock(&inst->lock);
	return p;
}

/* ---- files ------------------------------------------------------------------------------------
 */

const char *instance_path(const sluice_instance *inst, struct arena *a, sluice_str path)
{
	if (path.len && path.data[0] == '/')
		return arena_str(a, path).data;
	return arena_printf(a, "%s/%.*s", inst->dir, STR_ARG(path)).data;
}

sluice_str instance_ca_file(const sluice_instance *inst, struct arena *a, sluice_str file)
{
	return file.len ? str_of(instance_path(inst, a, file)) : STR("");
}

/* ---- making one ---------------------------------------------------------------------------- */

static int instance_expr(void *ctx, const struct node *n, const sluice_expr **out)
{
	sluice_instance *inst = ctx;
	struct expr_wrong wrong = { .why = NULL };
	*out = expr_compile(&inst->arena, n->text, inst->policy->names, &wrong);
	if (*out) {
		instance_fact_add(inst, *out, SLUICE_REQUEST);
		return 0;
	}
	(void)diag_error_node(inst->outer->diag, n, "%s", wrong.why);
	if (wrong.hint.len)
		diag_hint(inst->outer->diag, "did you mean %.*s?", STR_ARG(wrong.hint));
	return -1;
}

static int instance_store(void *ctx, const struct node *n, const sluice_store **out)
{
	sluice_instance *inst = ctx;
	int err = inst->outer->store(inst->outer->ctx, n, out);
	if (!err && inst->n_stores == INSTANCE_STORES)
		return diag_error_node(inst->outer->diag, n, "an instance can use %d stores",
			INSTANCE_STORES);
	if (!err)
		inst->stores[inst->n_stores++] = *out;
	return err;
}

/* The instance's upstream of that name. NULL: it names too many. */
static const sluice_upstream *instance_add_upstream(sluice_instance *inst, sluice_str name)
{
	struct sluice_upstream *v = inst->upstreams;
	unsigned i = 0;
	while (i < inst->n_upstreams && !str_eq(v[i].name, name))
		i++;
	if (i < inst->n_upstreams)
		return &v[i];
	if (i == INSTANCE_UPSTREAMS)
		return NULL;
	if (!v)
		inst->upstreams = v = arena_zalloc(&inst->arena, INSTANCE_UPSTREAMS * sizeof(*v));
	v[i] = (struct sluice_upstream){ inst, arena_str(&inst->arena, name), i };
	inst->n_upstreams++;
	return &v[i];
}

static int instance_upstream(void *ctx, const struct node *n, const sluice_upstream **out)
{
	sluice_instance *inst = ctx;
	const sluice_upstream *found = NULL;
	int err = inst->outer->upstream(inst->outer->ctx, n, &found);
	if (err)
		return err;
	found = instance_add_upstream(inst, n->text);
	if (!found)
		return diag_error_node(inst->outer->diag, n, "an instance can name %d upstreams",
			INSTANCE_UPSTREAMS);
	*out = found;
	return 0;
}

void instance_add_file(sluice_instance *inst, const char *path, int err, sluice_str bytes)
{
	if (inst->n_files < INSTANCE_FILES) {
		struct instance_file *f = &inst->files[inst->n_files];
		f->path = path;
		if (err == 0)
			hash_str128(bytes, f->hash);
	}
	if (inst->n_files <= INSTANCE_FILES)
		inst->n_files++;
}

static void instance_secret(void *ctx, const char *path, sluice_str bytes)
{
	instance_add_file(ctx, path, 0, bytes);
}

/* The metric belongs to the instance's name. An instance that publishes takes it over from the one
 * it replaced. at_s 0: there is no value any more. */
static void instance_count_published(sluice_instance *inst, uint64_t at_s)
{
	list_each (e, &live) {
		sluice_instance *other = container_of(e, sluice_instance, live);
		if (at_s == 0 || other == inst || !other->published_s ||
			!str_eq(other->name, inst->name))
			continue;
		inst->published_s += other->published_s;
		other->published_s = 0;
	}
	if (inst->published_s != at_s)
		series_add(series_find(FAMILY_PLUGIN_PUBLISHED, inst->name, STR("")),
			at_s - inst->published_s);
	inst->published_s = at_s;
}

void instance_rest(sluice_instance *inst)
{
	if (inst->policy->main)
		timer_drop(&inst->timer);
	for (int i = 0; i < INSTANCE_FETCHES; i++) {
		if (inst->fetches[i].fetch)
			fetch_cancel(inst->fetches[i].fetch);
		inst->fetches[i].fetch = NULL;
	}
	while (!list_is_empty(&inst->tasks)) {
		struct instance_task *t = container_of(inst->tasks.next, struct instance_task, at);
		t->end(t);
	}
}

static void instance_free(sluice_instance *inst)
{
	list_del(&inst->live);
	if (inst->plugin->stop && inst->conf) {
		running_set_main(inst, RUNNING_STOP);
		inst->plugin->stop(inst, inst->conf);
		running_clear_main(inst);
	}
	instance_rest(inst);
	instance_published_drop(&inst->published);
	instance_count_published(inst, 0);
	for (unsigned i = 0; i < inst->n_tables; i++)
		store_table_free(&inst->tables[i].table);
	while (inst->n_caches)
		cache_close(&inst->caches[--inst->n_caches]);
	when_free(inst->conditions);
	dependencies_free(&inst->dependencies);
	pthread_mutex_destroy(&inst->lock);
	arena_fini(&inst->arena);
	arena_fini(&inst->scratch);
	free(inst);
}

void instance_count_fetch(const sluice_instance *inst, const sluice_fetch_response *r)
{
	bool ok = r->status == SLUICE_OK && r->code >= 200 && r->code < 300;
	series_add(series_find(FAMILY_PLUGIN_FETCHES, inst->name, ok ? STR("ok") : STR("failed")),
		1);
}

void instance_returned(sluice_instance *inst)
{
	arena_fini(&inst->scratch);
}

static void instance_on_due(struct timer *t)
{
	sluice_instance *inst = container_of(t, sluice_instance, timer);
	running_set_main(inst, RUNNING_TIMER);
	inst->on_timer(inst, inst->conf);
	running_clear_main(inst);
	instance_returned(inst);
}

static const struct module *instance_module(struct policy *p, const struct node *n, struct bind *b)
{
	char why[MODULE_WHY];
	const struct node *use = node_find(n, STR("use"));
	if (!use || use->kind != NODE_SCALAR || use->text.len == 0) {
		(void)diag_error_node(b->diag, use ? use : n,
			"say which plugin this is: use: NAME");
		return NULL;
	}
	const struct module *m = module_get(&p->dirs, use->text, why);
	if (!m) {
		(void)diag_error_node(b->diag, use, "plugin \"%.*s\" cannot be loaded: %s",
			STR_ARG(use->text), why);
		diag_hint(b->diag,
			"`sluice plugins` lists what is installed; --plugin-dir DIR adds a place "
			"to look");
	}
	return m;
}

static bool instance_check(sluice_instance *inst)
{
	if (!inst->plugin->check)
		return true;
	running_set_main(inst, RUNNING_CHECK);
	int err = (inst->plugin->check)(inst, inst->conf);
	running_clear_main(inst);
	return err >= 0 && !inst->failed;
}

sluice_instance *instance_make(struct policy *p, const struct module *m, sluice_str name,
	const struct node *n, const struct bind *b)
{
	/* its address leaves bits for the kind of a call: see running.h */
	sluice_instance *inst = mem_zeroed_at(RUNNING_ALIGN, sizeof(*inst), "sluice_instance");
	inst->policy = p;
	inst->module = m;
	inst->plugin = m->record;
	inst->id = ++next_id;
	inst->refs = 1;
	inst->sample_mask = INSTANCE_SAMPLE_EVERY - 1;
	list_push(&live, &inst->live);
	list_init(&inst->tasks);
	pthread_mutex_init(&inst->lock, NULL);
	timer_init(&inst->timer, instance_on_due);
	arena_init(&inst->arena, 0);
	arena_init(&inst->scratch, 0);
	inst->name = arena_str(&inst->arena, name);
	inst->text = node_text(n, &inst->arena);
	inst->dir = arena_str(&inst->arena, str_of(config_dir(b->config, n))).data;
	return inst;
}

/* Fill conf from the map, and let the plugin check it. */
static bool instance_bind(sluice_instance *inst, const struct node *n, struct bind *own)
{
	struct instance_common common = { 0 };
	size_t size = inst->plugin->conf_size ? inst->plugin->conf_size : 1;
	void *conf = arena_zalloc(&inst->arena, size);
	const sluice_option *const tables[] = { instance_options, inst->plugin->options };
	void *const dsts[] = { &common, conf };
	if (bind_map_multi(own, n, tables, dsts, 2) < 0)
		return false; /* without conf the plugin's check() and stop() are not called */
	inst->conf = conf;
	inst->on_error = (uint8_t)common.on_error;
	inst->mode = (uint8_t)common.mode;
	inst->budget_ns = common.budget * NS_PER_MS;
	inst->sample_mask = inst->budget_ns ? 0 : INSTANCE_SAMPLE_EVERY - 1;
	instance_fact_needs(inst);
	if (instance_check(inst))
		return true;
	if (!inst->failed)
		(void)diag_error_node(own->diag, n, "plugin \"%s\" refuses its options",
			inst->plugin->name);
	return false;
}

bool instance_configure(sluice_instance *inst, const struct node *n, struct bind *b)
{
	struct bind own;
	bind_init(&own, &inst->arena, b->diag, b->config);
	own.expr = instance_expr;
	own.store = b->store ? instance_store : NULL;
	own.upstream = b->upstream ? instance_upstream : NULL;
	own.when = when_compile;
	own.secret = instance_secret;
	own.ctx = inst;
	inst->bind = &own;
	inst->outer = b;
	bool ok = instance_bind(inst, n, &own);
	inst->bind = NULL;
	inst->outer = NULL;
	bind_fini(&own);
	return ok;
}

sluice_instance *instance_new(struct policy *p, sluice_str name, const struct node *n,
	struct bind *b)
{
	const struct module *m = instance_module(p, n, b);
	sluice_instance *inst = m ? instance_make(p, m, name, n, b) : NULL;
	if (inst && !instance_configure(inst, n, b))
		instance_unref(inst), inst = NULL;
	return inst;
}

static bool instance_files_are_same(const sluice_instance *old)
{
	if (old->n_files > INSTANCE_FILES)
		return false;
	for (unsigned i = 0; i < old->n_files; i++) {
		struct arena a;
		sluice_str text;
		uint64_t hash[2] = { 0, 0 };
		arena_init(&a, 64 << 20);
		if (file_read(&a, old->files[i].path, 32 << 20, &text) == 0)
			hash_str128(text, hash);
		arena_fini(&a);
		if (memcmp(hash, old->files[i].hash, sizeof(hash)) != 0)
			return false;
	}
	return true;
}

static bool instance_needs_are_there(const sluice_instance *old, const struct instance_needs *there)
{
	for (unsigned i = 0; i < old->n_stores; i++) {
		size_t at = 0;
		while (at < there->n_stores && there->stores[at] != old->stores[i])
			at++;
		if (at == there->n_stores)
			return false;
	}
	for (unsigned i = 0; i < old->n_upstreams; i++) {
		if (!there->has_upstream(there->ctx, old->upstreams[i].name))
			return false;
	}
	return true;
}

bool instance_is_same(const sluice_instance *old, sluice_str name, const struct node *n,
	const struct instance_needs *there)
{
	struct arena a;
	arena_init(&a, 0);
	bool same = str_eq(old->name, name) && str_eq(old->text, node_text(n, &a)) &&
		(!there->dir || strcmp(old->dir, there->dir) == 0) &&
		instance_needs_are_there(old, there) && instance_files_are_same(old);
	arena_fini(&a);
	return same;
}

bool instance_start(sluice_instance *inst)
{
	if (inst->state != INSTANCE_NEW)
		return inst->state == INSTANCE_STARTED;
	inst->state = INSTANCE_STARTING;
	running_set_main(inst, RUNNING_START);
	bool ok = !inst->plugin->start || inst->plugin->start(inst, inst->conf) >= 0;
	running_clear_main(inst);
	inst->state = ok ? INSTANCE_STARTED : INSTANCE_FAILED;
	return ok;
}

void instance_unref(sluice_instance *inst)
{
	check(inst->refs > 0, "instance %.*s is let go of once too often", STR_ARG(inst->name));
	if (--inst->refs)
		return;
	if (inst->on_unused)
		inst->on_unused(inst);
	else
		instance_free(inst);
}

/* ---- on a worker --------------------------------------------------------------------------- */

static struct list *instance_list(struct worker *w)
{
	struct policy_part *part = w->part[PART_POLICY];
	if (!part) {
		part = mem_new(struct policy_part);
		list_init(&part->instances);
		w->part[PART_POLICY] = part;
	}
	return &part->instances;
}

static struct instance_worker *instance_find(struct worker *w, uint64_t id)
{
	if (!w->part[PART_POLICY])
		/* the part is freed with the last instance, and a message must not make it again */
		return NULL;
	list_each (e, instance_list(w)) {
		struct instance_worker *iw = container_of(e, struct instance_worker, link);
		if (iw->id == id)
			return iw;
	}
	return NULL;
}

static bool instance_worker_start(struct worker *w, struct instance_worker *iw)
{
	sluice_instance *inst = iw->inst;
	if (!inst->plugin->worker_start)
		return true;
	running_set(w, inst, RUNNING_WORKER_START, NULL);
	int err = inst->plugin->worker_start(inst, inst->conf, iw->state);
	running_clear(w);
	return err >= 0;
}

static void instance_worker_free(struct instance_worker *iw)
{
	instance_published_drop(&iw->published);
	free(iw->state);
	free(iw);
}

void instance_worker_init(struct instance_worker *iw, sluice_instance *inst)
{
	_Atomic uint64_t *cell = series_cell_here(inst->calls);
	iw->inst = inst;
	iw->id = inst->id;
	iw->refs = 1;
	iw->calls = cell ? cell : &iw->own_calls;
	list_init(&iw->waiters);
}

struct instance_worker *instance_attach(struct worker *w, sluice_instance *inst)
{
	struct instance_worker *iw = instance_find(w, inst->id);
	if (iw) {
		iw->refs++;
		return iw;
	}
	iw = mem_new(struct instance_worker);
	instance_worker_init(iw, inst);
	if (inst->plugin->worker_size)
		iw->state = mem_zeroed(1, inst->plugin->worker_size, inst->plugin->name);
	iw->published = instance_published_take(inst);
	if (!instance_worker_start(w, iw)) {
		instance_worker_free(iw);
		return NULL;
	}
	list_push(instance_list(w), &iw->link);
	return iw;
}

void instance_detach(struct worker *w, struct instance_worker *iw)
{
	if (--iw->refs)
		return;
	check(list_is_empty(&iw->waiters), "an instance goes with exchanges waiting for it");
	list_del(&iw->link);
	access_log_free(&iw->records);
	if (iw->inst->plugin->worker_stop) {
		running_set(w, iw->inst, RUNNING_WORKER_STOP, NULL);
		iw->inst->plugin->worker_stop(iw->inst, iw->inst->conf, iw->state);
		running_clear(w);
	}
	instance_worker_free(iw);
	if (list_is_empty(instance_list(w))) {
		free(w->part[PART_POLICY]);
		w->part[PART_POLICY] = NULL;
	}
}

struct publish_mail {
	uint64_t id;
	struct published *published; /* owned: a ref */
};

void instance_wake(struct instance_worker *iw)
{
	struct list batch, *e;
	list_init(&batch);
	while ((e = list_pop(&iw->waiters)))
		list_push(&batch, e);
	while ((e = list_pop(&batch))) {
		struct instance_waiter *waiter = container_of(e, struct instance_waiter, link);
		waiter->on_publish(waiter);
	}
}

static void instance_on_publish(struct worker *w, void *arg)
{
	struct publish_mail *m = arg;
	struct instance_worker *iw = instance_find(w, m->id);
	bool news = iw && (!iw->published || iw->published->n < m->published->n);
	/* an instance that attached after the message was sent may have a later value */
	if (news) {
		instance_published_drop(&iw->published);
		iw->published = m->published;
		instance_wake(iw);
	} else {
		instance_published_drop(&m->published);
	}
	free(m);
}

void instance_publish(sluice_instance *inst, void *value, void (*free_value)(void *))
{
	struct published *p = mem_new(struct published), *old;
	atomic_init(&p->refs, 1);
	p->n = ++inst->n_published;
	p->value = value;
	p->free_value = free_value;
	instance_count_published(inst, clock_unix_ms() / 1000);
	pthread_mutex_lock(&inst->lock);
	old = inst->published;
	inst->published = p;
	pthread_mutex_unlock(&inst->lock);
	instance_published_drop(&old);
	if (inst->state == INSTANCE_NEW)
		return; /* no worker has the instance yet; each takes the value when it attaches */
	for (unsigned i = 0; i < inst->policy->n_workers; i++) {
		struct publish_mail *m = mem_new(struct publish_mail);
		m->id = inst->id;
		m->published = published_ref(p);
		worker_post(inst->policy->workers[i], instance_on_publish, m);
	}
}

/* ---- asking for a refresh ------------------------------------------------------------------ */

/* When the message arrives, a reload may have released the instance: so look its id up among the
 * live ones. */
static void instance_on_refresh(struct worker *w, void *arg)
{
	uint64_t *id = arg;
	(void)w;
	list_each (e, &live) {
		sluice_instance *inst = container_of(e, sluice_instance, live);
		if (inst->id != *id)
			continue;
		atomic_store(&inst->refresh_asked, false);
		if (inst->plugin->on_refresh) {
			running_set_main(inst, RUNNING_REFRESH);
			inst->plugin->on_refresh(inst, inst->conf);
			running_clear_main(inst);
		}
		instance_returned(inst);
		break;
	}
	free(id);
}

void instance_refresh(struct instance_worker *iw)
{
	if (atomic_exchange(&iw->inst->refresh_asked, true))
		return;
	uint64_t *id = mem_new(uint64_t);
	*id = iw->id;
	worker_post(iw->inst->policy->main, instance_on_refresh, id);
}
