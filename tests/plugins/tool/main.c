/*
 * sluice-plugin-test: tries a plugin, as it was built, on the real host, without sockets. It is the
 * kit of tests/plugins with scripts in the place of C, and is a program of its own because the kit
 * stands in for the gateway's clients of HTTP and Redis when it is linked: `sluice plugin-test`
 * starts it, and the gateway has no code of it.
 *
 * Each run of a case is a process of its own (child.h): the plain run, whose outcome is judged by
 * the script, and the variations (vary.h), which are judged by the plain run.
 */
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "child.h"
#include "config/reference.h"
#include "judge.h"
#include "kit_internal.h"
#include "vary.h"

enum { DIRS = 16, SAID_LINES = 40 };

static struct {
	const char *only; /* NULL: all cases */
	bool list, verbose;
	unsigned kinds;   /* of variations */
	uint64_t seconds; /* that a run may take */
	const char *dirs[DIRS];
	size_t n_dirs;
} options = { .kinds = VARY_ALL, .seconds = 20 };

struct tally {
	unsigned cases, failed;
};

/* A case while its runs go on. */
struct trial {
	struct play_setting set;
	struct outcome plain;
	unsigned runs, bad_runs[RUN_KINDS];
	bool is_named; /* the line "FAIL" is printed */
};

/* ---- what is printed ----------------------------------------------------------------------- */

static void name_case(struct trial *t)
{
	if (!t->is_named)
		(void)printf("FAIL  %.*s\n", STR_ARG(t->set.of->name));
	t->is_named = true;
}

static void name_run(struct trial *t)
{
	char text[200];
	name_case(t);
	run_describe(&t->set.run, text, sizeof(text));
	(void)printf("    %s\n", text);
}

static bool may_print(char c)
{
	return (unsigned char)c >= ' ' && c != 0x7f;
}

/* On one line, control bytes escaped, cut to a readable length. */
static void print_value(const char *label, sluice_str s)
{
	size_t n = s.len < 400 ? s.len : 400;
	(void)printf("            %-9s ", label);
	for (size_t i = 0; i < n; i++) {
		if (s.data[i] == '\n')
			(void)fputs("\\n", stdout);
		else if (may_print(s.data[i]))
			(void)putchar(s.data[i]);
		else
			(void)printf("\\x%02x", (unsigned char)s.data[i]);
	}
	(void)printf(n < s.len ? " ... (%zu bytes)\n" : "\n", s.len);
}

static void tell(void *ctx, const char *what, sluice_str expected, sluice_str got)
{
	(void)ctx;
	(void)printf("        %s\n", what);
	print_value("expected", expected);
	print_value("got", got);
}

static void print_said(sluice_str said)
{
	int lines = 0;
	while (said.len && lines++ < SAID_LINES) {
		sluice_str line = str_cut(&said, '\n');
		(void)printf("        | %.*s\n", STR_ARG(line));
	}
	if (said.len)
		(void)printf("        | ...\n");
}

static void print_end(const struct child *c)
{
	if (c->end == CHILD_CRASHED)
		(void)printf("        crashes: signal %d (%s)\n", c->status, strsignal(c->status));
	else if (c->end == CHILD_HANGS)
		(void)printf("        hangs: it was killed after %u s\n",
			(unsigned)options.seconds);
	else
		(void)printf("        ends with exit status %d: a sanitizer or a library has ended "
			     "the process\n",
			c->status);
	print_said(c->said);
}

/* ---- runs ---------------------------------------------------------------------------------- */

static void play_one(void *ctx, struct outcome *o)
{
	play(ctx, o);
}

static void ignore(void *ctx, const char *what, sluice_str expected, sluice_str got)
{
	(void)ctx, (void)what, (void)expected, (void)got;
}

/* Whether the outcome of a variation is one that it may have. */
static bool is_fine(const struct trial *t, const struct outcome *o, judge_fn how)
{
	if (t->set.run.kind == RUN_DROP)
		return true; /* it has ended, and nobody hears an answer */
	if (t->set.run.kind == RUN_MEMORY && judge_failed_cleanly(&t->plain, o))
		return true;
	return judge_same(&t->plain, o, how, NULL) == 0;
}

static void on_variation(void *ctx, const struct run *r)
{
	struct trial *t = ctx;
	struct child c;
	t->set.run = *r;
	t->runs++;
	child_run(&c, play_one, &t->set, (unsigned)options.seconds);
	bool ok = c.end == CHILD_DONE && is_fine(t, &c.outcome, ignore);
	t->bad_runs[r->kind] += !ok;
	if (!ok && (t->bad_runs[r->kind] == 1 || options.verbose)) {
		name_run(t);
		if (c.end == CHILD_DONE)
			(void)is_fine(t, &c.outcome, tell);
		else
			print_end(&c);
	}
	child_fini(&c);
}

/* How much memory the plain run takes goes into its outcome. */
static void measure_memory(struct trial *t)
{
	struct child c;
	t->set.run = (struct run){ .kind = RUN_MEMORY, .n = RUN_ROOM };
	child_run(&c, play_one, &t->set, (unsigned)options.seconds);
	if (c.end == CHILD_DONE)
		outcome_add_number(&t->plain, "memory", outcome_number(&c.outcome, "memory"));
	child_fini(&c);
}

static void print_outcome(const struct outcome *o, sluice_str said)
{
	for (size_t i = 0; i < o->n; i++)
		print_value(o->v[i].name.data, o->v[i].value);
	print_said(said);
}

/* The plain run. False: it is not as the script expects, so that there is nothing to vary. */
static bool trial_plain(struct trial *t)
{
	struct child c;
	t->runs++;
	child_run(&c, play_one, &t->set, (unsigned)options.seconds);
	bool ok = c.end == CHILD_DONE;
	if (!ok) {
		name_run(t);
		print_end(&c);
	} else if (judge_expected(&t->set.of->expect, &c.outcome, ignore, NULL)) {
		ok = false;
		name_case(t);
		(void)judge_expected(&t->set.of->expect, &c.outcome, tell, NULL);
		print_said(c.said);
	}
	if (c.end == CHILD_DONE && options.verbose)
		print_outcome(&c.outcome, ok ? c.said : STR_NONE);
	for (size_t i = 0; i < c.outcome.n; i++)
		outcome_add(&t->plain, c.outcome.v[i].name.data, c.outcome.v[i].value);
	child_fini(&c);
	return ok;
}

static void trial(const struct play_setting *set, struct tally *tally)
{
	struct trial t = { .set = *set };
	outcome_init(&t.plain);
	bool ok = trial_plain(&t);
	if (ok && options.kinds) {
		if (options.kinds & VARY_MEMORY)
			measure_memory(&t);
		vary_each(t.set.of, &t.plain, options.kinds, on_variation, &t);
	}
	unsigned bad = 0, untold = 0;
	for (int i = 0; i < RUN_KINDS; i++) {
		bad += t.bad_runs[i];
		untold += t.bad_runs[i] > 1 ? t.bad_runs[i] - 1 : 0;
	}
	if (untold && !options.verbose)
		(void)printf("    and %u run%s like these; --verbose tells all\n", untold,
			str_plural(untold));
	ok = ok && !bad;
	if (ok)
		(void)printf("ok    %.*s (%u run%s)\n", STR_ARG(t.set.of->name), t.runs,
			str_plural(t.runs));
	tally->cases++;
	tally->failed += !ok;
	outcome_fini(&t.plain);
}

/* ---- scripts ------------------------------------------------------------------------------- */

static bool modules_are_there(struct script *s, const struct module_dirs *dirs)
{
	char why[MODULE_WHY];
	for (uint32_t i = 0; i < s->plugins->n; i++) {
		const struct node *n = s->plugins->v[i], *use = node_find(n, STR("use"));
		if (n->kind != NODE_MAP || !use || use->kind != NODE_SCALAR)
			(void)diag_error_node(&s->diag, n,
				"an instance is a block with `use`, the name of its plugin");
		else if (!module_get(dirs, use->text, why))
			(void)diag_error_node(&s->diag, use, "%s", why);
	}
	return s->diag.n_errors == 0;
}

static void check_one(void *ctx, struct outcome *o)
{
	const struct play_setting *set = ctx;
	outcome_add(o, "good", play_check(set->script, set->dirs) ? STR("yes") : STR("no"));
}

/* The instances take their options: done in a process of its own, like everything of a plugin. */
static bool options_are_good(const struct play_setting *set)
{
	struct child c;
	struct play_setting copy = *set;
	child_run(&c, check_one, &copy, (unsigned)options.seconds);
	bool ok = c.end == CHILD_DONE && str_eq(outcome_find(&c.outcome, STR("good")), STR("yes"));
	if (!ok && c.end != CHILD_DONE) {
		(void)printf("FAIL  the check of the options\n");
		print_end(&c);
	} else {
		(void)fprintf(stderr, "%.*s", STR_ARG(c.said));
	}
	child_fini(&c);
	return ok;
}

/* 0, or 2: the script has mistakes. */
static int run_script(const char *file, const struct module_dirs *dirs, struct tally *tally)
{
	struct script s;
	bool ok = script_load(&s, file) && modules_are_there(&s, dirs);
	struct play_setting set = { .script = &s, .dirs = dirs };
	diag_print(&s.diag, stderr);
	ok = ok && (options.list || options_are_good(&set));
	for (size_t i = 0; ok && i < s.cases.n; i++) {
		set.of = script_case(&s, i);
		if (options.only && !str_eq(set.of->name, str_of(options.only)))
			continue;
		if (options.list)
			(void)printf("%.*s\n", STR_ARG(set.of->name));
		else
			trial(&set, tally);
		(void)fflush(stdout);
	}
	script_fini(&s);
	return ok ? 0 : 2;
}

/* ---- the command line ---------------------------------------------------------------------- */

static int usage(void)
{
	(void)fprintf(stderr,
		"usage: sluice plugin-test FILE.so SCRIPT.yaml... [--list] [--only NAME] "
		"[--verbose]\n"
		"           [--no-variations | --variations splits,delays,drops,memory,slow] "
		"[--seconds N] [--plugin-dir DIR]...\n");
	return 2;
}

static bool read_options(int argc, char **argv)
{
	static const struct option longs[] = { { "list", no_argument, NULL, 'l' },
		{ "only", required_argument, NULL, 'o' }, { "verbose", no_argument, NULL, 'v' },
		{ "no-variations", no_argument, NULL, 'n' },
		{ "variations", required_argument, NULL, 'w' },
		{ "seconds", required_argument, NULL, 's' },
		{ "plugin-dir", required_argument, NULL, 'p' }, { NULL, 0, NULL, 0 } };
	int opt;
	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (opt == 'l')
			options.list = true;
		else if (opt == 'o')
			options.only = optarg;
		else if (opt == 'v')
			options.verbose = true;
		else if (opt == 'n')
			options.kinds = 0;
		else if (opt == 'w' && vary_read(optarg))
			options.kinds = vary_read(optarg);
		else if (opt == 's' && str_u64(str_of(optarg), &options.seconds) &&
			options.seconds > 0 && options.seconds < 86400)
			continue;
		else if (opt == 'p' && options.n_dirs < DIRS - 2)
			options.dirs[options.n_dirs++] = optarg;
		else
			return false;
	}
	return argc - optind >= 2;
}

/* The folder of the module, in which it must be found by its name. NULL: it is no module. */
static char *module_folder(const char *file, const struct module_dirs *dirs)
{
	char why[MODULE_WHY];
	char *copy = strdup(file), *again = strdup(file);
	char *folder = copy ? strdup(dirname(copy)) : NULL;
	sluice_str name = again ? str_of(basename(again)) : STR_NONE;
	options.dirs[options.n_dirs++] = folder;
	options.dirs[options.n_dirs++] = SLUICE_PLUGIN_DIR;
	bool ok = folder && str_ends(name, STR(".so"));
	const struct module_dirs all = { options.dirs, options.n_dirs, dirs->services };
	if (ok)
		name.len -= 3;
	if (!ok)
		(void)fprintf(stderr, "sluice plugin-test: %s: a plugin is a file NAME.so\n", file);
	else if (!module_get(&all, name, why))
		(void)fprintf(stderr, "sluice plugin-test: %s: %s\n", file, why), ok = false;
	free(copy);
	free(again);
	if (!ok)
		free(folder), folder = NULL;
	return folder;
}

/* The page about scripts, from their option tables. */
static int reference(void)
{
	(void)printf("# Scripts of plugin-test\n\nMade from the option tables of "
		     "sluice-plugin-test; [testing.md](testing.md) explains them. The heading of a "
		     "block or list is its path.\n\n");
	reference_markdown(stdout, script_options, NULL, "", 2);
	return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct tally tally = { 0, 0 };
	int code = 0;
	if (argc == 2 && strcmp(argv[1], "--reference") == 0)
		return reference();
	if (!read_options(argc, argv))
		return usage();
	hash_seed();
	kit_table_reset();
	log_set_level(LOG_ERROR);
	struct module_dirs dirs = { options.dirs, 0, kit_host };
	char *folder = module_folder(argv[optind], &dirs);
	if (!folder)
		return 2;
	dirs.n = options.n_dirs;
	for (int i = optind + 1; i < argc; i++) {
		int rc = run_script(argv[i], &dirs, &tally);
		code = rc > code ? rc : code;
	}
	free(folder);
	if (options.list || code)
		return code;
	if (!tally.cases) {
		(void)fprintf(stderr, "sluice plugin-test: there is no case of that name\n");
		return 2;
	}
	(void)printf("%u case%s, %u failed\n", tally.cases, str_plural(tally.cases), tally.failed);
	return tally.failed ? 1 : 0;
}
