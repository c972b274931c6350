/* The running gateway: starting it, its signals, reloading and ending it. Main thread. */
#include "app/process.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/crash.h"
#include "app/fetch_tls.h"
#include "app/notify.h"
#include "app/successor.h"
#include "app/thread.h"
#include "app/warden.h"
#include "app/watch.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stat.h"
#include "net/resolve.h"
#include "policy/host.h"
#include "policy/sink.h"
#include "tls/tickets.h"
#include "upstream/record.h"
#include "upstream/source.h"

enum { MALLOC_KEEP = 32 << 20, LOG_GRACE_MS = 2000 };
#define TICK_NS (10 * NS_PER_S)

/* ---- configuration ------------------------------------------------------------------------- */

static struct snapshot *process_load(struct process *p, struct diag *d)
{
	const struct snapshot_env env = { &p->policy, p->tickets, p->n_workers, p->snap, NULL };
	return snapshot_load(p->options.file, &env, d);
}

/* Warn when a module's file has changed: the loaded code stays until the process is restarted. */
static void process_tell_changed(void *ctx, const struct module *m)
{
	const struct process *p = ctx;
	const char *how = module_changed(&p->policy.dirs, m);
	if (how)
		log_warn("plugin",
			"%s %s since it was loaded: the gateway runs the old code until it is "
			"restarted",
			m->path, how);
}

static void process_settle(struct process *p)
{
	log_set_level((enum log_level)p->snap->conf.log.level);
	stat_set(STAT_RELOADED_AT, p->snap->loaded_ms / 1000);
	stat_set(STAT_WORKERS, p->n_workers);
	control_settle(p);
	limits_settle(p);
	secure_settle(p);
	module_each(process_tell_changed, p);
}

/* How all threads reach others. Before instances start, which may fetch at once. */
static void process_configure(const struct runtime_conf *conf)
{
	resolve_configure(&conf->resolve);
	fetch_proxy_configure(&conf->fetch_proxy);
}

/* Put s in force. On failure everything stays as it was, the access log included. */
static bool process_take_over(struct process *p, struct snapshot *s, struct diag *d)
{
	if (!logs_open(p, s, d))
		return false;
	process_configure(&s->conf.runtime);
	if (apply_snapshot(p, s, d))
		return true;
	process_configure(&p->snap->conf.runtime);
	(void)logs_open(p, p->snap, d);
	return false;
}

/* Load the file again and put it in force. When that fails nothing changes, and d and the log say
 * why. */
static enum admin_reload process_load_again(struct process *p, struct diag *d)
{
	if (p->phase != PROCESS_SERVING)
		return ADMIN_RELOAD_ENDING;
	if (p->applied < p->n_workers || successor_is_starting(p))
		return ADMIN_RELOAD_BUSY;
	notify_send("RELOADING=1");
	fetch_tls_renew(); /* plugins may fetch while they are loaded */
	struct snapshot *s = process_load(p, d);
	if (s && !process_take_over(p, s, d)) {
		snapshot_unref(s);
		s = NULL;
	}
	notify_send("READY=1");
	diag_log(d);
	if (!s) {
		p->reloads_failed++;
		stat_inc(STAT_RELOADS_FAILED);
		log_error("process", "%s was not taken over: the configuration in force stays",
			p->options.file);
		return ADMIN_RELOAD_BAD;
	}
	p->reloads++;
	stat_inc(STAT_RELOADS_OK);
	process_settle(p);
	log_info("process",
		"configuration %llu is in force: %zu route%s, %zu upstream%s, %zu listener%s",
		(unsigned long long)s->id, s->n_routes, str_plural(s->n_routes), s->n_upstreams,
		str_plural(s->n_upstreams), s->n_listeners, str_plural(s->n_listeners));
	return ADMIN_RELOADED;
}

/* The same. When a reload is under way, load once more after it, since the file may have changed
 * since it was read. */
static void process_reload(struct process *p)
{
	struct diag d;
	diag_init(&d);
	p->reload_wanted = process_load_again(p, &d) == ADMIN_RELOAD_BUSY;
	diag_fini(&d);
}

/* Every worker serves for the first time: a predecessor may go. */
static void process_on_serving(struct process *p)
{
	struct diag d;
	p->serves = true;
	/* a predecessor was ready: readiness goes on without a gap */
	p->checked = successor_has_predecessor();
	diag_init(&d);
	bool ok = control_go_on(p, p->snap, &d);
	diag_log(&d);
	diag_fini(&d);
	inherited_settle();
	if (ok) {
		successor_report();
		return;
	}
	p->exit_code = 1;
	process_quit(p);
}

static void process_on_applied(struct process *p)
{
	if (!p->serves && p->phase == PROCESS_SERVING)
		process_on_serving(p);
	if (p->reload_wanted)
		process_reload(p);
	if (p->successor.wanted && p->applied == p->n_workers)
		(void)successor_start(p);
}

/* ---- signals ------------------------------------------------------------------------------- */

static void process_on_quit(struct worker *w, void *arg)
{
	(void)w;
	process_quit(arg);
}

static void process_on_signal(void *ctx, int sig)
{
	struct process *p = ctx;
	switch (sig) {
	case SIGHUP:
		process_reload(p);
		break;
	case SIGTERM:
	case SIGINT:
		process_drain(p);
		break;
	case SIGUSR1:
		logs_reopen(p);
		break;
	case SIGUSR2:
		(void)successor_start(p);
		break;
	default:
		break;
	}
}

/* ---- orders of the admin address ----------------------------------------------------------- */

static enum admin_reload order_reload(void *ctx, struct diag *d)
{
	return process_load_again(ctx, d);
}

static void order_reopen(void *ctx)
{
	logs_reopen(ctx);
}

static enum admin_upgrade order_upgrade(void *ctx)
{
	return successor_start(ctx);
}

static void order_drain(void *ctx)
{
	struct process *p = ctx;
	if (p->phase == PROCESS_SERVING)
		process_drain(p);
}

static void order_stop(void *ctx)
{
	process_quit(ctx);
}

static const struct admin_env orders = { .reload = order_reload,
	.reopen = order_reopen,
	.upgrade = order_upgrade,
	.drain = order_drain,
	.stop = order_stop };

/* ---- starting ------------------------------------------------------------------------------ */

static void process_on_tick(struct timer *t)
{
	struct process *p = container_of(t, struct process, tick);
	tls_tickets_tick(p->tickets, clock_ns());
	worker_timer(&p->main, &p->tick, TICK_NS);
}

static void process_raise_descriptors(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur == r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) < 0)
		log_warn("process", "the limit of descriptors stays: %s", strerror(errno));
}

static bool process_add_signals(struct process *p)
{
	static const int sigs[PROCESS_SIGNALS] = { SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2 };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	int err = sigaction(SIGPIPE, &ignore, NULL);
	for (int i = 0; i < PROCESS_SIGNALS && err == 0; i++)
		err = signal_watch_start(&p->signals[i], &p->main, sigs[i], process_on_signal, p);
	return err == 0;
}

/* Load the file, start the workers and give them the configuration. */
static bool process_begin(struct process *p, struct diag *d)
{
	struct snapshot *s = process_load(p, d);
	if (!s)
		return false;
	p->n_workers = p->policy.n_workers = s->n_workers;
	fetch_tls_init(p->n_workers);
	bool ok = control_open(p, s, &orders, d) && process_add_signals(p) && workers_start(p);
	if (ok) {
		watch_start(p);
		p->policy.workers = p->worker_list;
		p->tell = (struct discovered_workers){ p->worker_list, p->n_workers,
			upstream_on_set };
		sources_begin(&p->main, &p->tell);
		process_configure(&s->conf.runtime);
		control_workers(p);
		records_set_workers(&p->main, p->worker_list, p->n_workers, upstream_on_record);
		ok = logs_open(p, s, d) && apply_snapshot(p, s, d);
	}
	if (!ok)
		snapshot_unref(s);
	return ok;
}

/* Report mistakes and warnings at the start in the form of `sluice check`. */
static void process_report(const struct diag *d)
{
	size_t n;
	char *text = diag_printed(d, &n);
	log_lines(d->n_errors ? LOG_ERROR : LOG_WARN, str_n(text, n));
	free(text);
}

static bool process_start(struct process *p)
{
	struct diag d;
	p->started_ns = clock_ns();
	/* keep freed memory: connections open and close all the time, and each would request it
	 * from the system again */
	(void)mallopt(M_TRIM_THRESHOLD, MALLOC_KEEP);
	hash_seed();
	process_raise_descriptors();
	int err = worker_init(&p->main, WORKER_MAIN);
	if (err) {
		log_error("process", "the event loop cannot start: %s", strerror(-err));
		return false;
	}
	worker_self = &p->main;
	if (!warden_start(&p->main, process_on_quit, p)) {
		log_error("process", "a thread cannot start: %s", strerror(errno));
		return false;
	}
	p->on_applied = process_on_applied;
	p->on_succeeded = process_hand_over;
	p->on_drained = process_on_drained;
	timer_init(&p->ending, process_on_ending);
	timer_init(&p->tick, process_on_tick);
	p->tickets = tls_tickets_new();
	p->counts = counts_new(COUNTS_CLIENTS);
	p->policy = (struct policy){ .dirs = { p->options.plugin_dirs, p->options.n_plugin_dirs,
					     &host_table },
		.main = &p->main,
		.fetch_tls = fetch_tls,
		.thread_init = thread_init,
		.thread_fini = thread_fini };
	diag_init(&d);
	bool ok = process_begin(p, &d);
	process_report(&d);
	diag_fini(&d);
	if (!ok)
		return false;
	const struct snapshot *s = p->snap;
	process_settle(p);
	process_set_phase(p, PROCESS_SERVING);
	overload_start(p);
	worker_timer(&p->main, &p->tick, TICK_NS);
	for (size_t i = 0; i < s->n_listeners; i++)
		log_info("listener", "%.*s on %.*s%s", STR_ARG(s->listeners[i].conf->name),
			STR_ARG(s->listeners[i].conf->address),
			s->listeners[i].tls ? " (TLS)" : "");
	log_info("process", "sluice %s, %u worker%s, %zu route%s", SLUICE_VERSION, p->n_workers,
		str_plural(p->n_workers), s->n_routes, str_plural(s->n_routes));
	/* of a successor the manager hears by its predecessor: until then it takes no word from it
	 */
	if (!successor_has_predecessor())
		notify_send("READY=1");
	return true;
}

/* Block the signals until the end: a further one must not change the exit status of a gateway that
 * is ending well. */
static void process_stop_signals(struct process *p)
{
	sigset_t all;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, NULL);
	for (int i = 0; i < PROCESS_SIGNALS; i++)
		signal_watch_stop(&p->signals[i]);
}

static void process_fini(struct process *p)
{
	overload_stop(p);
	control_close(p);
	watch_stop(p);
	sources_end();
	workers_abort(p);
	bool ended = workers_stop(p);
	p->policy.n_workers = 0; /* nothing can be posted to them */
	records_set_workers(&p->main, NULL, 0, NULL);
	logs_close(p);
	bool delivered = sinks_end();
	sockets_end(p);
	inherited_fini();
	if (!ended)
		/* a worker is still running, so its memory cannot be freed */
		warden_end(WARDEN_FORCED);
	if (!delivered)
		/* a plugin's code is still running, on a thread that cannot be ended */
		warden_end(p->exit_code);
	snapshot_unref(p->snap);
	p->snap = NULL;
	if (p->main.base)
		worker_turn(&p->main); /* frees the snapshots that the workers dropped */
	sinks_look();                  /* frees the instances of sinks */
	control_free(p);
	process_stop_signals(p);
	fetch_tls_fini();
	tls_tickets_unref(&p->tickets);
	counts_free(&p->counts);
	warden_stop();
	worker_fini(&p->main);
	resolve_fini();
	free(p->workers);
	free(p->worker_list);
}

int process_run(const struct process_options *o)
{
	/* aligned: the struct has members on cache lines of their own */
	struct process *p = mem_zeroed_at(_Alignof(struct process), sizeof(*p), "struct process");
	secure_start();
	crash_init();
	inherited_init(successor_init());
	log_start();
	p->options = *o;
	if (process_start(p))
		worker_run(&p->main);
	else
		p->exit_code = 1;
	process_fini(p);
	int code = p->exit_code;
	free(p);
	log_stop(LOG_GRACE_MS);
	thread_fini();
	return code;
}
