/* policy/instance: what becomes of a configured use of a plugin, on the main thread and on the
 * workers. */
#include "policy/instance.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "fakewire.h"
#include "modules/script.h"
#include "policy/host.h"
#include "policy/text.h"
#include "store/store.h"
#include "unit.h"

/* As in a module: the inline functions of the public header call through it. */
const sluice_host *sluice_host_table = &host_table;

static struct script *script; /* of the module */
static char folder[] = "/tmp/sluice-instance-XXXXXX";
static struct worker *all_workers[] = { &fakewire_worker };
static const char *const dirs_v[] = { MODULES_DIR };
static struct policy policy = { .dirs = { dirs_v, 1, &host_table },
	.main = &fakewire_worker,
	.workers = all_workers,
	.n_workers = 1 };

/* ---- a configuration ----------------------------------------------------------------------- */

static struct file {
	struct arena arena;
	struct diag diag;
	struct config config;
	struct bind bind;
	char *report;
} file;

static int no_store(void *ctx, const struct node *n, const sluice_store **out)
{
	(void)ctx;
	if (!str_eq(n->text, STR("local")))
		return diag_error_node(&file.diag, n, "no such store");
	*out = store_local();
	return 0;
}

static int no_upstream(void *ctx, const struct node *n, const sluice_upstream **out)
{
	(void)ctx, (void)out;
	return str_starts(n->text, STR("u")) ? 0
					     : diag_error_node(&file.diag, n, "no such upstream");
}

static void file_begin(const char *text)
{
	memset(&file, 0, sizeof(file));
	arena_init(&file.arena, 0);
	diag_init(&file.diag);
	config_init(&file.config, &file.arena, &file.diag);
	assert_int_equal(config_load_text(&file.config, "t.yaml", folder, str_of(text)), 0);
	bind_init(&file.bind, &file.arena, &file.diag, &file.config);
	file.bind.store = no_store;
	file.bind.upstream = no_upstream;
}

static const char *file_report(void)
{
	size_t n;
	free(file.report);
	FILE *to = open_memstream(&file.report, &n);
	diag_print(&file.diag, to);
	(void)fclose(to);
	return file.report;
}

static void file_end(void)
{
	bind_fini(&file.bind);
	free(file.report);
	diag_fini(&file.diag);
	arena_fini(&file.arena);
}

/* An instance of this text; NULL when a mistake was reported. */
static sluice_instance *make(const char *text)
{
	file_begin(text);
	return instance_new(&policy, STR("me"), file.config.root, &file.bind);
}

static const char *upstream_there = "u";

static bool has_upstream(void *ctx, sluice_str name)
{
	(void)ctx;
	return str_eq(name, str_of(upstream_there));
}

static bool is_same(const sluice_instance *inst, const char *name, const char *text,
	bool with_store)
{
	const sluice_store *stores[] = { store_local() };
	const struct instance_needs there = { .stores = stores,
		.n_stores = with_store,
		.has_upstream = has_upstream };
	file_end();
	file_begin(text);
	return instance_is_same(inst, str_of(name), file.config.root, &there);
}

static void put(const char *name, const char *text)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	(void)fclose(f);
}

static void take_away(const char *name)
{
	char path[256];
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	(void)unlink(path);
}

/* ---- what callbacks see -------------------------------------------------------------------- */

static unsigned checked, started, stopped, worker_started, worker_stopped, refreshed, freed;
static struct script_conf seen;

static int on_check(sluice_instance *inst, void *conf)
{
	struct script_conf *c = conf;
	assert_str(sluice_instance_name(inst), "me");
	checked++;
	seen = *c;
	c->made = sluice_conf_alloc(inst, 10);
	assert_memory_equal(c->made, "\0\0\0\0\0\0\0\0\0", 10);
	return 0;
}

static int on_start(sluice_instance *inst, void *conf)
{
	(void)inst;
	assert_non_null(((struct script_conf *)conf)->made);
	started++;
	return 0;
}

static void on_stop(sluice_instance *inst, void *conf)
{
	(void)inst;
	/* check made it, or there is nothing to release */
	assert_non_null(((struct script_conf *)conf)->made);
	stopped++;
}

static int on_worker_start(sluice_instance *inst, const void *conf, void *state)
{
	static const char zeros[SCRIPT_STATE];
	(void)inst;
	assert_non_null(((const struct script_conf *)conf)->made);
	assert_memory_equal(state, zeros, SCRIPT_STATE);
	memset(state, 'w', SCRIPT_STATE);
	worker_started++;
	return 0;
}

static void on_worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	(void)inst, (void)conf;
	assert_int_equal(*(char *)state, 'w');
	worker_stopped++;
}

static void on_refresh(sluice_instance *inst, const void *conf)
{
	(void)inst, (void)conf;
	refreshed++;
}

static int begin(void **state)
{
	(void)state;
	*script = (struct script){ .check = on_check,
		.start = on_start,
		.stop = on_stop,
		.worker_start = on_worker_start,
		.worker_stop = on_worker_stop,
		.on_refresh = on_refresh };
	checked = started = stopped = worker_started = worker_stopped = refreshed = freed = 0;
	return 0;
}

/* ---- making one ---------------------------------------------------------------------------- */

TEST_WITH(made, begin, NULL)
{
	sluice_instance *inst = make("{ use: script, label: hello, by: 'header:X', store: local }");
	if (!inst)
		fail_msg("%s", file_report());
	assert_int_equal(checked, 1);
	assert_str(seen.label, "hello");
	assert_int_equal(seen.number, 7);
	assert_non_null(seen.by);
	assert_ptr_equal(seen.store, store_local());
	assert_int_equal(started, 0);
	assert_true(instance_start(inst));
	assert_true(instance_start(inst));
	assert_int_equal(started, 1);
	inst->refs++; /* the next snapshot takes it over */
	instance_unref(inst);
	assert_int_equal(stopped, 0);
	instance_unref(inst);
	assert_int_equal(stopped, 1);
	file_end();
}

TEST_WITH(mistakes, begin, NULL)
{
	static const struct {
		const char *text, *says;
	} v[] = {
		{ "{ label: x }", "say which plugin this is" },
		{ "{ use: '' }", "say which plugin this is" },
		{ "{ use: [script] }", "say which plugin this is" },
		{ "{ use: nowhere }", "cannot be loaded" },
		{ "{ use: script, lable: x }", "label" },
		{ "{ use: script, number: 101 }", "100" },
		{ "{ use: script, by: 'header:' }", "a name must follow the colon" },
		{ "{ use: script, store: elsewhere }", "no such store" },
		{ "{ use: script, secret: 'file:nowhere' }", "cannot read the secret" },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		assert_null(make(v[i].text));
		if (!strstr(file_report(), v[i].says))
			fail_msg("%s: %s", v[i].text, file_report());
		assert_int_equal(checked + started, 0);
		assert_int_equal(stopped, 0); /* nothing was made that could be released */
		file_end();
	}
}

static int check_that_reports(sluice_instance *inst, void *conf)
{
	(void)on_check(inst, conf);
	assert_true(sluice_conf_given(inst, "label"));
	assert_false(sluice_conf_given(inst, "number"));
	sluice_conf_error(inst, "label", "%s is no label", "x");
	return 0; /* it may forget that it did */
}

static int check_that_refuses(sluice_instance *inst, void *conf)
{
	(void)on_check(inst, conf);
	return -1; /* without a word */
}

TEST_WITH(check_fails, begin, NULL)
{
	script->check = check_that_reports;
	assert_null(make("{ use: script, label: x }"));
	assert_non_null(strstr(file_report(), "x is no label"));
	assert_int_equal(stopped, 1);
	file_end();
	script->check = check_that_refuses;
	assert_null(make("{ use: script, label: x }"));
	assert_non_null(strstr(file_report(), "refuses its options"));
	assert_int_equal(stopped, 2);
	file_end();
}

/* ---- taken over by the next configuration -------------------------------------------------- */

TEST_WITH(same_text, begin, NULL)
{
	static const struct {
		const char *text;
		bool same;
	} v[] = {
		{ "{ use: script, label: a, number: 3 }", true },
		{ "{ number: 3, use: script, label: a } # another order", true },
		{ "use: script\nlabel: 'a'\nnumber: 3\n", true },
		{ "{ use: script, label: a, number: 4 }", false },
		{ "{ use: script, label: a }", false },
		{ "{ use: script, label: a3, number: 3 }", false },
		{ "{ use: script, label: a, number: 3, by: ip }", false },
	};
	sluice_instance *inst = make("{ use: script, label: a, number: 3 }");
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		if (is_same(inst, "me", v[i].text, false) != v[i].same)
			fail_msg("%s: %d", v[i].text, !v[i].same);
	}
	assert_false(is_same(inst, "you", v[0].text, false));
	instance_unref(inst);
	file_end();
}

/* Nothing at all is not an empty text: one takes the default, the other does not. */
TEST_WITH(nothing_and_empty, begin, NULL)
{
	static const char *const v[] = { "{ a: }", "{ a: ~ }", "{ a: '' }", "{ a: 'null' }",
		"{ a: {} }", "{ a: [] }" };
	char was[16], is[16];
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		file_begin(v[i]);
		(void)snprintf(is, sizeof(is), "%s", node_text(file.config.root, &file.arena).data);
		if (i > 0 && (strcmp(was, is) == 0) != (i == 1))
			fail_msg("%s: %s", v[i], is);
		memcpy(was, is, sizeof(was));
		file_end();
	}
}

TEST_WITH(same_stores, begin, NULL)
{
	sluice_instance *inst = make("{ use: script, store: local }");
	assert_true(is_same(inst, "me", "{ use: script, store: local }", true));
	/* the new one has another of that name */
	assert_false(is_same(inst, "me", "{ use: script, store: local }", false));
	instance_unref(inst);
	file_end();
}

static char read_at_check[64];
static sluice_str kept;

static int check_that_reads(sluice_instance *inst, void *conf)
{
	sluice_str text;
	(void)on_check(inst, conf);
	read_at_check[0] = 0;
	if (sluice_read_file(inst, SLUICE_STR("keys"), 1000, &text) == 0)
		(void)snprintf(read_at_check, sizeof(read_at_check), "%s", text.data);
	return 0;
}

TEST_WITH(same_files, begin, NULL)
{
	script->check = check_that_reads;
	put("keys", "one");
	sluice_instance *inst = make("{ use: script }");
	assert_string_equal(read_at_check, "one");
	assert_true(is_same(inst, "me", "{ use: script }", false));
	put("keys", "two");
	assert_false(is_same(inst, "me", "{ use: script }", false));
	put("keys", "one");
	assert_true(is_same(inst, "me", "{ use: script }", false));
	take_away("keys");
	assert_false(is_same(inst, "me", "{ use: script }", false));
	instance_unref(inst);
	file_end();
	inst = make("{ use: script }"); /* it was not there */
	assert_string_equal(read_at_check, "");
	assert_true(is_same(inst, "me", "{ use: script }", false));
	put("keys", "one");
	assert_false(is_same(inst, "me", "{ use: script }", false));
	take_away("keys");
	instance_unref(inst);
	file_end();
}

static int check_that_reads_many(sluice_instance *inst, void *conf)
{
	char name[16];
	sluice_str text;
	(void)on_check(inst, conf);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		(void)sluice_read_file(inst, str_of(name), 100, &text);
	}
	return 0;
}

/* More files than are remembered: then it is made anew rather than taken for the same. */
TEST_WITH(many_files, begin, NULL)
{
	script->check = check_that_reads_many;
	sluice_instance *inst = make("{ use: script }");
	put("f19", "changed");
	assert_false(is_same(inst, "me", "{ use: script }", false));
	take_away("f19");
	instance_unref(inst);
	file_end();
}

/* A secret that stands in a file is part of the configuration, like one that stands in it. */
TEST_WITH(same_secret, begin, NULL)
{
	put("secret", "old\n");
	sluice_instance *inst = make("{ use: script, secret: 'file:secret' }");
	assert_str(seen.secret, "old");
	assert_true(is_same(inst, "me", "{ use: script, secret: 'file:secret' }", false));
	put("secret", "new\n");
	assert_false(is_same(inst, "me", "{ use: script, secret: 'file:secret' }", false));
	take_away("secret");
	instance_unref(inst);
	file_end();
}

/* ---- files read later ---------------------------------------------------------------------- */

static int start_that_reads(sluice_instance *inst, void *conf)
{
	(void)on_start(inst, conf);
	assert_int_equal(sluice_read_file(inst, SLUICE_STR("keys"), 1000, &kept), 0);
	return 0;
}

static void timer_that_reads(sluice_instance *inst, void *conf)
{
	sluice_str text;
	(void)conf;
	for (int i = 0; i < 10; i++)
		assert_int_equal(sluice_read_file(inst, SLUICE_STR("keys"), 1000, &text), 0);
	assert_str(text, "later");
	assert_true(inst->scratch.used > 0);
}

TEST_WITH(read_at_start, begin, NULL)
{
	script->start = start_that_reads;
	put("keys", "now");
	sluice_instance *inst = make("{ use: script }");
	assert_true(instance_start(inst));
	put("keys", "later");
	size_t used = inst->arena.used;
	for (int i = 0; i < 5; i++) {
		sluice_timer(inst, 1000, timer_that_reads);
		fakewire_pass(2 * NS_PER_S);
	}
	assert_int_equal(inst->scratch.used, 0); /* what is read again and again does not pile up */
	assert_int_equal(inst->arena.used, used);
	assert_str(kept, "now"); /* what start() read lives as long as the instance */
	take_away("keys");
	instance_unref(inst);
	file_end();
}

static unsigned timers;

static void on_timer(sluice_instance *inst, void *conf)
{
	(void)inst, (void)conf;
	timers++;
}

TEST_WITH(timer, begin, NULL)
{
	timers = 0;
	sluice_instance *inst = make("{ use: script }");
	sluice_timer(inst, 500, on_timer);
	sluice_timer(inst, 1000, on_timer); /* replaces it */
	fakewire_pass(900 * NS_PER_MS);
	assert_int_equal(timers, 0);
	fakewire_pass(200 * NS_PER_MS);
	assert_int_equal(timers, 1);
	sluice_timer(inst, UINT64_MAX, on_timer); /* as good as never, not now */
	fakewire_pass(NS_PER_S);
	assert_int_equal(timers, 1);
	sluice_timer(inst, 500, on_timer);
	instance_unref(inst);
	fakewire_pass(NS_PER_S);
	assert_int_equal(timers, 1); /* dropped with it */
	file_end();
}

/* ---- on a worker --------------------------------------------------------------------------- */

static void free_value(void *v)
{
	freed++;
	free(v);
}

static void *value(const char *text)
{
	char *v = strdup(text);
	assert_non_null(v);
	return v;
}

static void turn(void) /* for messages the loop must turn, without its time going on */
{
	(void)event_base_loop(fakewire_worker.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	fakewire_settle();
}

TEST_WITH(attach, begin, NULL)
{
	sluice_instance *a = make("{ use: script, label: a }");
	file_end();
	sluice_instance *b = make("{ use: script, label: b }");
	struct instance_worker *first = instance_attach(&fakewire_worker, a),
			       *other = instance_attach(&fakewire_worker, b);
	assert_ptr_equal(instance_attach(&fakewire_worker, a), first); /* by the next view */
	assert_ptr_not_equal(first, other);
	assert_ptr_not_equal(first->state, other->state);
	assert_int_equal(worker_started, 2);
	instance_detach(&fakewire_worker, first);
	assert_int_equal(worker_stopped, 0);
	instance_detach(&fakewire_worker, first);
	assert_int_equal(worker_stopped, 1);
	instance_detach(&fakewire_worker, other);
	assert_int_equal(worker_stopped, 2);
	assert_null(fakewire_worker.part[PART_POLICY]);
	instance_unref(a);
	instance_unref(b);
	assert_int_equal(stopped, 2);
	file_end();
}

TEST_WITH(publish, begin, NULL)
{
	sluice_instance *inst = make("{ use: script }");
	sluice_publish(inst, value("early"), free_value); /* as in check() */
	struct instance_worker *iw = instance_attach(&fakewire_worker, inst);
	assert_string_equal(iw->published->value, "early"); /* there from the first request */
	assert_true(instance_start(inst));
	sluice_publish(inst, value("second"), free_value);
	assert_string_equal(iw->published->value, "early"); /* until the worker hears of it */
	assert_int_equal(freed, 0);
	turn();
	assert_string_equal(iw->published->value, "second");
	assert_int_equal(freed, 1);
	sluice_publish(inst, value("third"), free_value);
	sluice_publish(inst, NULL, NULL); /* nothing is a value too */
	turn();
	assert_null(iw->published->value);
	assert_int_equal(freed, 3);
	sluice_publish(inst, value("last"), free_value);
	instance_detach(&fakewire_worker, iw);
	instance_unref(inst);
	turn(); /* the message finds nobody, and takes its value with it */
	assert_int_equal(freed, 4);
	file_end();
}

TEST_WITH(refresh, begin, NULL)
{
	sluice_instance *inst = make("{ use: script }");
	struct instance_worker *iw = instance_attach(&fakewire_worker, inst);
	assert_true(instance_start(inst));
	for (int i = 0; i < 5; i++)
		instance_refresh(iw);
	assert_int_equal(refreshed, 0);
	turn();
	assert_int_equal(refreshed, 1); /* together */
	instance_refresh(iw);
	turn();
	assert_int_equal(refreshed, 2);
	instance_refresh(iw);
	instance_detach(&fakewire_worker, iw);
	instance_unref(inst);
	turn();
	assert_int_equal(refreshed, 2); /* nobody is there to be asked */
	file_end();
}

static int setup(void **state)
{
	(void)state;
	char why[MODULE_WHY];
	hash_seed();
	log_set_level(LOG_ERROR);
	fakewire_start();
	struct module *m = module_get(&policy.dirs, STR("script"), why);
	if (!m)
		fail_msg("%s", why);
	void *so = dlopen(m->path, RTLD_NOW | RTLD_NOLOAD);
	script = so ? dlsym(so, "script") : NULL;
	if (so)
		(void)dlclose(so);
	return script && mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	fakewire_end();
	return rmdir(folder);
}

/* It names upstreams by handles of its own, one for each name, and is kept as long as they are
 * there.
 */
TEST_WITH(upstreams, begin, NULL)
{
	static const char text[] = "use: script\nupstream: u\nother: u\n";
	sluice_instance *inst = make(text);
	if (!inst)
		fail_msg("%s", file_report());
	const struct script_conf *c = inst->conf;
	assert_int_equal(inst->n_upstreams, 1);
	assert_ptr_equal(c->upstream, &inst->upstreams[0]);
	assert_ptr_equal(c->other, c->upstream);
	assert_str(c->upstream->name, "u");
	assert_true(is_same(inst, "me", text, false));
	upstream_there = "other";
	assert_false(is_same(inst, "me", text, false));
	upstream_there = "u";
	file_end();
	instance_unref(inst);
	inst = make("use: script\nupstream: u\nother: u2\n");
	c = inst->conf;
	assert_int_equal(inst->n_upstreams, 2);
	assert_int_equal(c->upstream->at, 0);
	assert_int_equal(c->other->at, 1);
	file_end();
	instance_unref(inst);
	inst = make("use: script\n");
	assert_null(((const struct script_conf *)inst->conf)->upstream);
	assert_int_equal(inst->n_upstreams, 0);
	file_end();
	instance_unref(inst);
	assert_null(make("use: script\nupstream: x\n"));
	assert_non_null(strstr(file_report(), "no such upstream"));
	file_end();
}

TEST_GROUP(setup, teardown);
