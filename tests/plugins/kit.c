/* The kit's life: time, instances, and what a test asks about them. */
#include "kit.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "kit_internal.h"
#include "kit_tool.h"
#include "kit_use.h"
#include "policy/background.h"
#include "policy/dependency.h"
#include "policy/module.h"
#include "store/store.h"

struct worker kit_worker;
struct arena kit_arena;

static bool begun;
static char folder[] = "/tmp/sluice-kit-XXXXXX";
static struct kit_use *uses;
static struct worker *all_workers[] = { &kit_worker };

static struct tls_client *no_tls(sluice_str ca_file, const char **why)
{
	(void)ca_file, (void)why;
	return NULL;
}

static struct policy policy = { .main = &kit_worker,
	.workers = all_workers,
	.n_workers = 1,
	.fetch_tls = no_tls };

_Noreturn void kit_die_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	(void)fprintf(stderr, "%s:%d: plugin kit: ", file, line);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
	abort();
}

const char *kit_keep(const char *text)
{
	return arena_str(&kit_arena, str_of(text)).data;
}

/* ---- files --------------------------------------------------------------------------------- */

static int file_remove(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st, (void)flag;
	return at->level ? remove(path) : 0;
}

static void folder_clear(void)
{
	(void)nftw(folder, file_remove, 4, FTW_DEPTH | FTW_PHYS);
}

static void folder_end(void)
{
	folder_clear();
	(void)rmdir(folder);
	worker_fini(&kit_worker);
	arena_fini(&kit_arena);
	arena_thread_fini();
}

void kit_file(const char *path, const char *content)
{
	char full[512];
	(void)snprintf(full, sizeof(full), "%s/%s", folder, path);
	if (!content) {
		(void)unlink(full);
		return;
	}
	for (char *slash = full + sizeof(folder); (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		(void)mkdir(full, 0700);
	}
	FILE *f = fopen(full, "w");
	if (!f || fputs(content, f) < 0 || fclose(f) != 0)
		kit_die("the file %s cannot be written", full);
}

/* ---- time ---------------------------------------------------------------------------------- */

/* The main thread and the worker are one here: messages come at once. */
static void run_turn_hooks(void)
{
	struct list *e;
	while ((e = list_pop(&kit_worker.hooks))) {
		struct turn_hook *h = container_of(e, struct turn_hook, link);
		h->run(h);
	}
}

/* Threads of the plugin's own may post, and read the clock. */
static bool has_mail(void)
{
	pthread_mutex_lock(&kit_worker.mail_lock);
	bool has = !list_is_empty(&kit_worker.mails);
	pthread_mutex_unlock(&kit_worker.mail_lock);
	return has;
}

static void clock_set(uint64_t ns)
{
	__atomic_store_n(&kit_worker.now_ns, ns, __ATOMIC_RELAXED);
}

void kit_settle(void)
{
	run_turn_hooks();
	while (has_mail()) {
		kit_worker.clock_is_fresh = true;
		(void)event_base_loop(kit_worker.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		run_turn_hooks();
	}
}

static struct timer *timer_sooner(struct timer *first, const struct list *of)
{
	list_each (e, of) {
		struct timer *t = container_of(e, struct timer, link);
		if (t->due_ns != TIMER_NEVER && (!first || t->due_ns < first->due_ns))
			first = t;
	}
	return first;
}

/* The timer that is due first, of those that are armed. */
static struct timer *timer_first(void)
{
	struct timer *first = timer_sooner(NULL, &kit_worker.wheel.soon);
	for (unsigned i = 0; i < TIMER_SLOTS; i++)
		first = timer_sooner(first, &kit_worker.wheel.slots[i]);
	return first;
}

void kit_advance(uint64_t ms)
{
	uint64_t until = kit_worker.now_ns + ms * NS_PER_MS;
	struct timer *t;
	kit_settle();
	while ((t = timer_first()) && t->due_ns <= until) {
		if (t->due_ns > kit_worker.now_ns)
			clock_set(t->due_ns);
		timer_drop(t);
		t->on_due(t);
		kit_settle();
	}
	clock_set(until);
}

bool kit_advance_once(uint64_t at_most_ms)
{
	kit_settle();
	const struct timer *t = timer_first();
	uint64_t in_ns = !t || t->due_ns < kit_worker.now_ns ? 0 : t->due_ns - kit_worker.now_ns;
	if (!t || in_ns > at_most_ms * NS_PER_MS)
		return false;
	kit_advance((in_ns + NS_PER_MS - 1) / NS_PER_MS);
	return true;
}

/* ---- answers that come late ---------------------------------------------------------------- */

static unsigned n_calls, late_call;

void kit_late(unsigned n)
{
	n_calls = 0;
	late_call = n;
}

unsigned kit_calls(void)
{
	return n_calls;
}

uint64_t kit_takes(uint64_t usual_ms, uint64_t timeout_ms)
{
	bool is_late = ++n_calls == late_call;
	return is_late && usual_ms < timeout_ms ? timeout_ms - 1 : usual_ms;
}

static void kit_begin_once(void)
{
	if (begun)
		return;
	begun = true;
	if (worker_init(&kit_worker, 0) < 0 || !mkdtemp(folder))
		kit_die("no worker, or no folder");
	worker_self = &kit_worker;
	log_set_level(LOG_ERROR);
	arena_init(&kit_arena, 0);
	(void)atexit(folder_end);
}

void kit_begin(const sluice_host **host)
{
	kit_begin_once();
	if (uses)
		kit_die("an instance of %s was not stopped", uses->inst->plugin->name);
	kit_store_reset();
	folder_clear();
	arena_fini(&kit_arena);
	clock_set(NS_PER_S);
	kit_worker.clock_is_fresh = true;
	wheel_init(&kit_worker.wheel, kit_worker.now_ns);
	kit_choose_reset();
	kit_discovery_reset();
	kit_fetch_reset();
	kit_table_reset();
	kit_late(0);
	kit_slow(false);
	*host = kit_host;
}

/* ---- a configuration ----------------------------------------------------------------------- */

static int use_store(void *ctx, const struct node *n, const sluice_store **out)
{
	struct diag *d = ctx;
	*out = kit_store_find(n->text);
	return *out ? 0 : diag_error_node(d, n, "there is no such store");
}

/* Every name is one of an upstream. */
static int use_upstream(void *ctx, const struct node *n, const sluice_upstream **out)
{
	(void)ctx, (void)n, (void)out; /* the instance has a handle of its own */
	return 0;
}

/* A value as it stands in the file: a scalar is put in quotes. */
static void write_value(FILE *to, const char *value)
{
	if (*value == '[' || *value == '{') {
		(void)fprintf(to, "%s\n", value);
		return;
	}
	(void)fputc('"', to);
	for (const char *p = value; *p; p++) {
		if (*p == '"' || *p == '\\')
			(void)fprintf(to, "\\%c", *p);
		else if ((unsigned char)*p < ' ')
			(void)fprintf(to, "\\x%02x", (unsigned char)*p);
		else
			(void)fputc(*p, to);
	}
	(void)fprintf(to, "\"\n");
}

/* Whether the option is given once more behind i. */
static bool is_given_again(const char *const *v, size_t i, size_t n)
{
	for (size_t k = i + 2; k < n; k += 2) {
		if (strcmp(v[i], v[k]) == 0)
			return true;
	}
	return false;
}

/* The options of one block, or those of none. */
static void write_block(FILE *to, const char *const *v, size_t n, sluice_str block)
{
	for (size_t i = 0; i < n; i += 2) {
		sluice_str name = str_of(v[i]), first = str_cut(&name, '.');
		if (!str_eq(name.data ? first : STR(""), block) || is_given_again(v, i, n))
			continue;
		(void)fprintf(to, "%s\"%.*s\": ", block.len ? "  " : "",
			STR_ARG(name.data ? name : first));
		write_value(to, v[i + 1]);
	}
}

static bool block_is_new(const char *const *v, size_t i, sluice_str block)
{
	for (size_t k = 0; k < i; k += 2) {
		sluice_str name = str_of(v[k]), first = str_cut(&name, '.');
		if (name.data && str_eq(first, block))
			return false;
	}
	return true;
}

static void use_write(struct kit_use *u, const sluice_plugin *plugin, const char *const *v,
	size_t n)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);
	(void)fprintf(to, "use: %s\n", plugin->name);
	write_block(to, v, n, STR(""));
	for (size_t i = 0; i < n; i += 2) {
		sluice_str name = str_of(v[i]), block = str_cut(&name, '.');
		if (!name.data || !block_is_new(v, i, block))
			continue;
		(void)fprintf(to, "\"%.*s\":\n", STR_ARG(block));
		write_block(to, v, n, block);
	}
	(void)fclose(to);
	sluice_str kept = arena_str(&u->arena, str_n(text, len));
	free(text);
	if (config_load_text(&u->config, "test.yaml", folder, kept) < 0)
		kit_die("the options are no YAML:\n%s", kept.data);
}

static struct kit_use *use_new(void)
{
	struct kit_use *u = mem_new(struct kit_use);
	arena_init(&u->arena, 0);
	diag_init(&u->diag);
	config_init(&u->config, &u->arena, &u->diag);
	u->next = uses;
	uses = u;
	return u;
}

/* Its options are at u->config.root. */
static void use_make(struct kit_use *u, const struct module *m, sluice_str name)
{
	bind_init(&u->bind, &u->arena, &u->diag, &u->config);
	u->bind.store = use_store;
	u->bind.upstream = use_upstream;
	u->bind.ctx = &u->diag;
	u->inst = instance_make(&policy, m, name, u->config.root, &u->bind);
}

sluice_instance *kit_instance_of(const struct module *m, const struct config *c,
	const struct node *n)
{
	struct kit_use *u = use_new();
	u->config.dir = c->dir;
	u->config.root = n;
	use_make(u, m, n->key);
	return u->inst;
}

const struct diag *kit_diag(const sluice_instance *inst)
{
	return &kit_use(inst)->diag;
}

sluice_instance *kit_instance(const sluice_plugin *plugin, ...)
{
	const char *v[128];
	size_t n = 0;
	char why[MODULE_WHY];
	va_list ap;
	va_start(ap, plugin);
	for (const char *s; n < 126 && (s = va_arg(ap, const char *)); n++)
		v[n] = s;
	va_end(ap);
	if (n == 126 || n % 2)
		kit_die("%zu words are no list of options and their values", n);
	struct kit_use *u = use_new();
	use_write(u, plugin, v, n);
	const struct module *m = module_register(plugin, "linked with the test", why);
	if (!m)
		kit_die("the record of %s: %s", plugin->name, why);
	use_make(u, m, STR("instance"));
	return u->inst;
}

struct kit_use *kit_use(const sluice_instance *inst)
{
	struct kit_use *u = uses;
	while (u && u->inst != inst)
		u = u->next;
	if (!u)
		kit_die("an instance that kit_instance() did not make");
	return u;
}

int kit_check(sluice_instance *inst)
{
	struct kit_use *u = kit_use(inst);
	u->checked = true;
	bool ok = instance_configure(inst, u->config.root, &u->bind);
	if (ok && u->diag.n_errors)
		kit_die("check() complained but returned 0: %s", kit_errors(inst));
	return ok ? 0 : -1;
}

const char *kit_errors(sluice_instance *inst)
{
	struct kit_use *u = kit_use(inst);
	sluice_str text = STR("");
	for (unsigned i = 0; i < u->diag.n_items; i++) {
		const struct diag_item *d = u->diag.items[i];
		if (!d->warning)
			text = arena_printf(&u->arena, "%.*s%s: %s\n", STR_ARG(text),
				*d->path ? d->path : "-", d->text);
	}
	return arena_str(&u->arena, text).data;
}

/* There are no views: an instance is kept until kit_stop(). */
static void use_keep(struct instance_keeper *k)
{
	(void)k;
}

void kit_start(sluice_instance *inst)
{
	struct kit_use *u = kit_use(inst);
	if (!u->checked && kit_check(inst) != 0)
		kit_die("check: %s", kit_errors(inst));
	store_settle();
	if (!instance_start(inst))
		kit_die("start() failed");
	u->slot = instance_attach(&kit_worker, inst);
	if (!u->slot)
		kit_die("worker_start() failed");
	/* never looked into: fetches are scripted */
	static struct upstream *const one[] = { (struct upstream *)&kit_worker };
	u->keeper =
		(struct instance_keeper){ .ref = use_keep, .unref = use_keep, .upstreams = one };
	static const uint32_t upstreams[INSTANCE_UPSTREAMS]; /* all are one to the kit */
	u->item = (struct chain_item){ .plugin = inst->plugin,
		.conf = inst->conf,
		.inst = inst,
		.upstreams = upstreams };
	u->chain =
		(struct chain){ .v = &u->item, .n = 1, .has_response = true, .has_complete = true };
	u->slots = &u->slot;
	kit_settle();
}

void kit_chain(sluice_instance *const *v, size_t n)
{
	struct kit_use *first = kit_use(v[0]);
	struct chain_item *items = arena_alloc(&first->arena, n * sizeof(*items));
	struct instance_worker **slots =
		arena_alloc(&first->arena, n * sizeof(struct instance_worker *));
	for (size_t i = 0; i < n; i++) {
		items[i] = kit_use(v[i])->item;
		items[i].slot = items[i].place = (uint32_t)i;
		slots[i] = kit_use(v[i])->slot;
	}
	first->chain = (struct chain){ .v = items,
		.n = (uint32_t)n,
		.has_response = true,
		.has_complete = true };
	first->slots = slots;
}

void kit_stop(sluice_instance *inst)
{
	struct kit_use *u = kit_use(inst), **at = &uses;
	if (u->exchanges)
		kit_die("%u exchanges of the instance are still there", u->exchanges);
	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	kit_settle();
	if (!list_is_empty(&kit_worker.graves))
		worker_turn(&kit_worker); /* work that is over holds u until then */
	if (u->slot)
		background_drop(&kit_worker, u->slot);
	if (u->slot)
		instance_detach(&kit_worker, u->slot);
	instance_unref(inst);
	bind_fini(&u->bind);
	diag_fini(&u->diag);
	arena_fini(&u->arena);
	free(u);
}

void *kit_conf(sluice_instance *inst)
{
	return inst->conf;
}

void *kit_state(sluice_instance *inst)
{
	return kit_use(inst)->slot->state;
}

const void *kit_published(sluice_instance *inst)
{
	kit_settle();
	return inst->published ? inst->published->value : NULL;
}

bool kit_dependency(sluice_instance *inst, const char *name, sluice_dependency *out)
{
	for (const struct dependency *d = inst->dependencies; d; d = d->next) {
		if (!str_eq(d->told.name, str_of(name)))
			continue;
		*out = d->told;
		return true;
	}
	return false;
}

bool kit_timer(sluice_instance *inst, uint64_t *in_ms)
{
	bool set = inst->timer.due_ns != TIMER_NEVER;
	if (set && in_ms)
		*in_ms = (inst->timer.due_ns - kit_worker.now_ns) / NS_PER_MS;
	return set;
}
