/*
 * sluice reference: the page about the configuration file, as Markdown or as a manual page
 * (sluice.yaml(5)), made from the option tables of the core and of all plugins found. The build
 * calls it for both.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/command.h"
#include "config/reference.h"
#include "policy/fact.h"
#include "policy/instance.h"
#include "policy/module.h"
#include "proxy/conf.h"

#define MANUAL_DATE "2026-11-24" /* of the texts in this file */

/* Text in addition to the tables. */
static const struct part {
	const char *heading; /* NULL: a further paragraph */
	const char *text;
} parts[] = {
	{ "The file",
		"The configuration is one YAML file: plain maps, lists and texts, without "
		"anchors, tags or further documents. An unknown key is a mistake, and so is a "
		"key that is given twice. `sluice check` finds all mistakes at once, each with "
		"its place in the file and, where there is one, the remedy." },
	{ NULL,
		"Paths in the file are relative to the folder of the file, those of unix sockets "
		"too." },
	{ NULL,
		"`include` adds the options of other files, named by paths or by patterns such as "
		"`routes.d/*.yaml`: lists become one list, maps one map, and a block of settings "
		"stands in one file only. Paths in a file are relative to the folder of that "
		"file, those in `include` too. See [Several files](routes.md#several-files)." },
	{ NULL,
		"The most specific route takes a request, whatever the order in the file: an "
		"exact host before a wildcard before none, an exact path before the longest "
		"pattern before an expression, then more conditions before fewer. Two routes of "
		"equal rank that one request can meet are a mistake." },
	{ "Values",
		"Durations have a unit: `250ms`, `30s`, `5m`, `1h`, `7d`, or `0`. Sizes are "
		"bytes, or `16KiB`, `1MiB`, `1MB`. Rates are `100/s`, `100/min`, `5000/h`, `1/d` "
		"or `10/30s`. A percentage is `50%` or `12.5%`. Where a list of texts is expected, "
		"a single text may be given." },
	{ NULL,
		"A fact of a request (type `expression`) is named by one of the words under Facts, "
		"at the end of this page." },
	{ "Environment and secrets",
		"`${NAME}` in a text is replaced by a variable of the environment, "
		"`${NAME:-default}` also when it is empty or not set; `$${` is a literal `${`. "
		"The value of a variable is always a text: it cannot add keys." },
	{ NULL,
		"Options that hold a secret also take `file:PATH`: the text of a file, without the "
		"newline at its "
		"end. Secrets are never logged or shown." },
	{ "Reload",
		"On HUP, `sluice reload` or `POST /reload` the file is read again and checked as "
		"a whole. Only then does it come into force; a file with mistakes changes "
		"nothing. Requests in progress finish with the configuration they began with. "
		"Some options come into force for new connections, a few after a restart: the "
		"tables say so." },
};
enum { N_PARTS = sizeof(parts) / sizeof(parts[0]) };

static const char options_text[] = "The options of the file, block by block. The heading of a "
				   "block or list is its path; NAME stands for a name of your "
				   "choice.";
static const char facts_text[] = "The facts that an expression or a placeholder in braces may "
				 "name. A fact has the same value in routes, plugins, keys and "
				 "texts. A fact that no part of the configuration can provide is "
				 "a mistake; one that a plugin provides only after it is used is "
				 "a warning.";
static const char plugins_text[] =
	"An instance of a plugin has a name in the block `plugins`, "
	"or is written in the `plugins` of a listener or route. It has `use`, the name "
	"of the plugin, and the options of that plugin:";

/* What stands in lists of plugins like one, and is none. */
static const struct group {
	const char *name, *text;
	const sluice_option *options;
} groups[] = {
	{ "any-of",
		"Alternatives: one of its members has to admit the request. It has a name in the "
		"block `plugins`, or is written in place.",
		any_of_options },
	{ "all-of", "All of its members have to admit the request.", all_of_options },
};
enum { N_GROUPS = sizeof(groups) / sizeof(groups[0]) };

/* The fact as it is written, with NAME behind a colon. */
static const char *fact_word(const struct fact_info *f, char buf[64])
{
	(void)snprintf(buf, 64, "%.*s%s", STR_ARG(f->text), f->named == FACT_NAMED ? "NAME" : "");
	return buf;
}

/* ---- Markdown ------------------------------------------------------------------------------ */

static void facts_markdown(FILE *to)
{
	char word[64];
	(void)fprintf(to, "## Facts\n\n%s\n\n| fact | is |\n| --- | --- |\n", facts_text);
	for (unsigned i = 0; i < FACT_COUNT; i++)
		(void)fprintf(to, "| `%s` | %s |\n", fact_word(&fact_table[i], word),
			fact_table[i].help);
}

static void page_markdown(FILE *to, const struct module *const *modules, size_t n)
{
	(void)fputs("# The configuration file\n\nMade from the option tables of the program and "
		    "its plugins.\n",
		to);
	for (int i = 0; i < N_PARTS; i++) {
		if (parts[i].heading)
			(void)fprintf(to, "\n## %s\n", parts[i].heading);
		(void)fprintf(to, "\n%s\n", parts[i].text);
	}
	(void)fprintf(to, "\n## Options\n\n%s\n\n", options_text);
	reference_markdown(to, gateway_options, NULL, "", 2);
	(void)fprintf(to, "## Plugins\n\n%s\n\n", plugins_text);
	reference_markdown(to, instance_options, NULL, "plugins.NAME", 3);
	for (int i = 0; i < N_GROUPS; i++) {
		(void)fprintf(to, "### %s\n\n%s\n\n", groups[i].name, groups[i].text);
		reference_markdown(to, groups[i].options, NULL, "", 3);
	}
	for (size_t i = 0; i < n; i++) {
		const sluice_plugin *p = modules[i]->record;
		(void)fprintf(to, "### %s\n\n%s.\n\n", p->name, p->summary ? p->summary : "");
		if (p->options)
			reference_markdown(to, p->options, NULL, "", 3);
	}
	facts_markdown(to);
}

/* ---- a manual page ------------------------------------------------------------------------- */

static void man_heading(FILE *to, const char *macro, const char *text)
{
	(void)fprintf(to, "%s \"", macro);
	for (; *text; text++)
		(void)fputc(strcmp(macro, ".SH") == 0 && *text >= 'a' && *text <= 'z'
				? *text - 'a' + 'A'
				: *text,
			to);
	(void)fputs("\"\n", to);
}

static void man_paragraph(FILE *to, const char *text)
{
	reference_man_text(to, text);
	(void)fputc('\n', to);
}

static void facts_man(FILE *to)
{
	char word[64];
	man_heading(to, ".SH", "Facts");
	man_paragraph(to, facts_text);
	for (unsigned i = 0; i < FACT_COUNT; i++) {
		(void)fprintf(to, ".TP\n.B %s\n", fact_word(&fact_table[i], word));
		man_paragraph(to, fact_table[i].help);
	}
}

static void page_man(FILE *to, const struct module *const *modules, size_t n)
{
	(void)fputs(".\\\" Made by `sluice reference --man` from the option tables.\n"
		    ".TH SLUICE.YAML 5 " MANUAL_DATE " \"sluice " SLUICE_VERSION
		    "\" \"Sluice manual\"\n"
		    ".SH NAME\nsluice.yaml \\- the configuration of the API gateway Sluice\n",
		to);
	for (int i = 0; i < N_PARTS; i++) {
		if (parts[i].heading)
			man_heading(to, ".SH", parts[i].heading);
		else
			(void)fputs(".PP\n", to);
		man_paragraph(to, parts[i].text);
	}
	man_heading(to, ".SH", "Options");
	man_paragraph(to, options_text);
	reference_man(to, gateway_options, "");
	man_heading(to, ".SH", "Plugins");
	man_paragraph(to, plugins_text);
	reference_man(to, instance_options, "plugins.NAME");
	for (int i = 0; i < N_GROUPS; i++) {
		man_heading(to, ".SH", groups[i].name);
		man_paragraph(to, groups[i].text);
		reference_man(to, groups[i].options, "");
	}
	for (size_t i = 0; i < n; i++) {
		const sluice_plugin *p = modules[i]->record;
		man_heading(to, ".SH", p->name);
		man_paragraph(to, p->summary ? p->summary : "");
		if (p->options)
			reference_man(to, p->options, "");
	}
	facts_man(to);
	(void)fputs(".SH \"SEE ALSO\"\n.BR sluice (1)\n", to);
}

int command_reference(struct command *c)
{
	const struct module **modules;
	bool man = c->argc > 1 && strcmp(c->argv[1], "--man") == 0;
	if (c->argc < 2 || (!man && strcmp(c->argv[1], "--markdown") != 0)) {
		(void)fprintf(stderr, "sluice reference: give --man or --markdown first\n");
		return 2;
	}
	c->argv++;
	c->argc--;
	if (!command_options(c, false))
		return 2;
	/* only plugins of the given folders, not those that are installed on this machine */
	if (c->n_plugin_dirs > 1)
		c->n_plugin_dirs--;
	size_t n = command_modules(c, &modules);
	if (man)
		page_man(stdout, modules, n);
	else
		page_markdown(stdout, modules, n);
	free(modules);
	return fflush(stdout) == 0 ? 0 : 1;
}
