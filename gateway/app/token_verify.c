/*
 * sluice token verify: how the plugins of a route judge a token. The configuration is loaded as for
 * `sluice check`; of its plugins only those that judge the token are started, with an event loop,
 * so that they can fetch their keys as in a gateway. Nothing listens. Main thread.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "app/command_config.h"
#include "app/fetch_tls.h"
#include "app/thread.h"
#include "app/token_judge.h"
#include "base/hash.h"
#include "base/load.h"
#include "base/log.h"
#include "net/resolve.h"
#include "policy/host.h"
#include "proxy/snapshot.h"
#include "tls/tickets.h"
#include "upstream/url.h"

enum { KEYS_BYTES = 1 << 20 };
#define WAIT_NS (10 * NS_PER_S) /* for keys */
#define ASK_NS (20 * NS_PER_MS) /* how often plugins are asked meanwhile */

struct verification {
	struct worker main;
	struct timer ask;
	struct token_judgement judgement;
	sluice_question question;
	uint64_t until_ns;
};

static int token_verify_usage(const char *why)
{
	(void)fprintf(stderr,
		"sluice token: %s\n"
		"usage: sluice token verify -c FILE [--jwks FILE] [--json] [--plugin-dir DIR]...\n"
		"                           [--proof PROOF --url URL [--method METHOD]] ROUTE "
		"[TOKEN|-]\n",
		why);
	return TOKEN_USAGE;
}

/* ---- asking, while keys come --------------------------------------------------------------- */

static void on_ask(struct timer *t)
{
	struct verification *v = container_of(t, struct verification, ask);
	v->question.last = clock_ns() >= v->until_ns;
	if (token_judgement_ask(&v->judgement, &v->question) || v->question.last)
		atomic_store(&v->main.stop, true);
	else
		worker_timer(&v->main, &v->ask, ASK_NS);
}

/* With keys in a file nothing is fetched, and no plugin need start. */
static bool verification_start(struct verification *v)
{
	for (size_t i = 0; !v->question.keys.data && i < v->judgement.n; i++) {
		sluice_instance *inst = v->judgement.v[i].inst;
		if (instance_start(inst))
			continue;
		(void)fprintf(stderr, "sluice token: plugin instance %.*s could not start\n",
			STR_ARG(inst->name));
		return false;
	}
	return true;
}

static int verification_run(struct verification *v, const struct command *c,
	const struct snapshot *s, const char *route)
{
	int code = TOKEN_UNKNOWN;
	if (!token_judgement_init(&v->judgement, s, route)) {
		(void)fprintf(stderr, "sluice token: there is no route %s\n", route);
		code = TOKEN_USAGE;
	} else if (v->judgement.n == 0) {
		(void)fprintf(stderr,
			"sluice token: no plugin of route %s, or of a listener, judges tokens\n",
			route);
	} else if (verification_start(v)) {
		v->until_ns = clock_ns() + WAIT_NS;
		timer_init(&v->ask, on_ask);
		on_ask(&v->ask);
		worker_run(&v->main);
		code = (int)token_judgement_sum(&v->judgement);
		if (c->json)
			token_judgement_print_json(&v->judgement);
		else
			token_judgement_print(&v->judgement);
	}
	timer_stop(&v->ask);
	token_judgement_fini(&v->judgement);
	return code;
}

/* ---- the configuration --------------------------------------------------------------------- */

static int verification_with(struct verification *v, struct command *c, const char *route)
{
	struct command_config l = { .policy = { .dirs = { c->plugin_dirs, c->n_plugin_dirs,
							&host_table },
					    .main = &v->main,
					    .fetch_tls = fetch_tls },
		.tickets = tls_tickets_new() };
	const struct snapshot_env env = { &l.policy, l.tickets, 0, NULL, NULL };
	/* it stands for the workers: who publishes keys has somebody to tell */
	struct worker *const workers[] = { &v->main };
	int code = TOKEN_USAGE;
	diag_init(&l.diag);
	l.snap = snapshot_load(c->file, &env, &l.diag);
	if (l.snap) {
		l.snap->main = &v->main;
		l.policy.workers = workers;
		l.policy.n_workers = 1;
		resolve_configure(&l.snap->conf.runtime.resolve);
		code = verification_run(v, c, l.snap, route);
		l.policy.n_workers = 0;
		worker_turn(&v->main); /* what was told meanwhile */
	} else {
		diag_print(&l.diag, stderr);
	}
	command_unload(&l);
	return code;
}

static int token_verify_with(struct command *c, const char *route, const sluice_question *q)
{
	struct verification v = { .question = *q };
	hash_seed();
	log_set_level(LOG_WARN);
	int err = worker_init(&v.main, WORKER_MAIN);
	if (err) {
		(void)fprintf(stderr, "sluice token: the event loop cannot start: %s\n",
			strerror(-err));
		return TOKEN_UNKNOWN;
	}
	worker_self = &v.main;
	fetch_tls_init(0);
	int code = verification_with(&v, c, route);
	worker_turn(&v.main); /* what was buried */
	fetch_tls_fini();
	worker_fini(&v.main);
	resolve_fini();
	thread_fini();
	return code;
}

/* ---- the command line ---------------------------------------------------------------------- */

/* False: an option is not known. */
static bool read_options(struct command *c, int argc, char **argv, sluice_question *q,
	const char **jwks)
{
	static const struct option longs[] = { { "config", 1, NULL, 'c' },
		{ "plugin-dir", 1, NULL, 'p' }, { "jwks", 1, NULL, 'k' }, { "json", 0, NULL, 'j' },
		{ "proof", 1, NULL, 'P' }, { "method", 1, NULL, 'm' }, { "url", 1, NULL, 'u' },
		{ NULL, 0, NULL, 0 } };
	int opt;
	optind = 1;
	while ((opt = getopt_long(argc, argv, "c:", longs, NULL)) != -1) {
		if (opt == 'c')
			c->file = optarg;
		else if (opt == 'p' && c->n_plugin_dirs < COMMAND_DIRS - 1)
			c->plugin_dirs[c->n_plugin_dirs++] = optarg;
		else if (opt == 'k')
			*jwks = optarg;
		else if (opt == 'j')
			c->json = true;
		else if (opt == 'P')
			q->proof = str_of(optarg);
		else if (opt == 'm')
			q->method = str_of(optarg);
		else if (opt == 'u')
			q->url = str_of(optarg);
		else
			return false;
	}
	c->plugin_dirs[c->n_plugin_dirs++] = SLUICE_PLUGIN_DIR;
	return true;
}

/* What is missing or wrong; NULL: nothing. */
static const char *options_wrong(const struct command *c, int n_words, const sluice_question *q)
{
	struct url u;
	if (!c->file)
		return "which file? Give -c FILE";
	if (n_words < 1 || n_words > 2)
		return "which route? Give its name";
	if (q->proof.data && !q->url.data)
		return "of which request is the proof? Give --url URL, and --method if it is not "
		       "GET";
	if (!q->proof.data && (q->url.data || q->method.data))
		return "--url and --method are those of a proof: give --proof PROOF";
	return q->url.data && url_parse(q->url, &u) ? "--url is no http:// or https:// URL" : NULL;
}

int token_verify(struct command *c, int argc, char **argv)
{
	const char *jwks = NULL;
	struct loaded keys = { 0 };
	sluice_question q = { .size = sizeof(q) };
	if (!read_options(c, argc, argv, &q, &jwks))
		return token_verify_usage("wrong usage");
	const char *wrong = options_wrong(c, argc - optind, &q);
	if (wrong)
		return token_verify_usage(wrong);
	if (q.proof.data && !q.method.data)
		q.method = STR("GET");
	int err = jwks ? load_file(&keys, jwks, LOAD_OR_PIPE, KEYS_BYTES) : 0;
	if (err) {
		(void)fprintf(stderr, "sluice token: %s cannot be read: %s\n", jwks,
			load_error(err));
		return TOKEN_USAGE;
	}
	const char *route = argv[optind];
	q.credential = token_given(argv[optind + 1]);
	q.keys = jwks ? str_n(keys.data, keys.len) : STR_NONE;
	int code = q.credential.data ? token_verify_with(c, route, &q) : TOKEN_USAGE;
	if (jwks)
		load_free(&keys);
	return code;
}
