/* run, check, schema, plugins and version. */
#include "app/command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/command_config.h"
#include "app/process.h"
#include "base/hash.h"
#include "base/mem.h"
#include "config/reference.h"
#include "config/schema.h"
#include "policy/host.h"
#include "tls/tickets.h"

bool command_options(struct command *c, bool needs_file)
{
	static const struct option longs[] = { { "config", required_argument, NULL, 'c' },
		{ "plugin-dir", required_argument, NULL, 'p' },
		{ "admin", required_argument, NULL, 'a' }, { "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 } };
	int opt;
	optind = 1;
	while ((opt = getopt_long(c->argc, c->argv, "c:", longs, NULL)) != -1) {
		if (opt == 'c')
			c->file = optarg;
		else if (opt == 'a')
			c->admin = optarg;
		else if (opt == 'j')
			c->json = true;
		else if (opt == 'p' && c->n_plugin_dirs < COMMAND_DIRS - 1)
			c->plugin_dirs[c->n_plugin_dirs++] = optarg;
		else
			return false;
	}
	c->plugin_dirs[c->n_plugin_dirs++] = SLUICE_PLUGIN_DIR;
	c->first = optind;
	if (needs_file && !c->file) {
		(void)fprintf(stderr, "sluice %s: which file? Give -c FILE\n", c->argv[0]);
		return false;
	}
	return true;
}

int command_run(struct command *c)
{
	if (!command_options(c, true))
		return 2;
	const struct process_options o = { c->whole, c->file, c->plugin_dirs, c->n_plugin_dirs };
	return process_run(&o);
}

void command_load(const struct command *c, struct command_config *l)
{
	hash_seed();
	*l = (struct command_config){ .policy = { .dirs = { c->plugin_dirs, c->n_plugin_dirs,
							  &host_table } },
		.tickets = tls_tickets_new() };
	const struct snapshot_env env = { &l->policy, l->tickets, 0, NULL, NULL };
	diag_init(&l->diag);
	l->snap = snapshot_load(c->file, &env, &l->diag);
}

void command_unload(struct command_config *l)
{
	if (l->snap)
		snapshot_free(l->snap);
	diag_fini(&l->diag);
	tls_tickets_unref(&l->tickets);
}

int command_check(struct command *c)
{
	struct command_config l;
	if (!command_options(c, true))
		return 2;
	command_load(c, &l);
	const struct snapshot *s = l.snap;
	if (c->json) {
		struct json_out o;
		json_init_heap(&o, 16 << 20);
		diag_json(&l.diag, &o);
		(void)printf("%.*s\n", STR_ARG(json_text(&o)));
		json_fini(&o);
	} else {
		diag_print(&l.diag, stderr);
		if (s)
			(void)printf("%s: %zu route%s, %zu upstream%s, %zu listener%s, %zu plugin "
				     "instance%s: good\n",
				c->file, s->n_routes, str_plural(s->n_routes), s->n_upstreams,
				str_plural(s->n_upstreams), s->n_listeners,
				str_plural(s->n_listeners), s->n_instances,
				str_plural(s->n_instances));
	}
	int code = s ? 0 : 1;
	command_unload(&l);
	return code;
}

size_t command_modules(struct command *c, const struct module ***out)
{
	const struct module_dirs dirs = { c->plugin_dirs, c->n_plugin_dirs, &host_table };
	char why[MODULE_WHY], **names;
	size_t n = module_names(&dirs, &names), kept = 0;
	const struct module **v = mem_array(const struct module *, n);
	for (size_t i = 0; i < n; i++) {
		const struct module *m = module_get(&dirs, str_of(names[i]), why);
		if (m)
			v[kept++] = m;
		else
			(void)fprintf(stderr, "sluice: plugin %s cannot be loaded: %s\n", names[i],
				why);
		free(names[i]);
	}
	free(names);
	*out = v;
	return kept;
}

/* At the top of the file `plugins` is a map of instances, elsewhere a list. */
static enum schema_node command_schema_node(const sluice_option *row)
{
	if (row->type == SLUICE_T_NODE && strcmp(row->name, "of") == 0)
		return SCHEMA_INSTANCE_LIST; /* of any-of and all-of */
	if (row->sub || strcmp(row->name, "plugins") != 0 || (row->flags & SLUICE_F_SCALAR))
		return SCHEMA_ANY;
	for (const sluice_option *top = gateway_options; top->name; top++) {
		if (top == row)
			return SCHEMA_INSTANCE_MAP;
	}
	return SCHEMA_INSTANCE_LIST;
}

int command_schema(struct command *c)
{
	const struct module **modules;
	if (!command_options(c, false))
		return 2;
	size_t n = command_modules(c, &modules);
	struct schema_plugin *plugins = mem_array(struct schema_plugin, n + 2);
	for (size_t i = 0; i < n; i++)
		plugins[i] = (struct schema_plugin){ modules[i]->record->name,
			modules[i]->record->summary, modules[i]->record->options, false };
	plugins[n++] = (struct schema_plugin){ "any-of",
		"admits a request that one of its members admits", any_of_options, true };
	plugins[n++] = (struct schema_plugin){ "all-of",
		"admits a request that all of its members admit", all_of_options, true };
	const struct schema s = { .id = "urn:sluice:schema:gateway",
		.title = "Configuration of Sluice " SLUICE_VERSION,
		.root = gateway_options,
		.instance = instance_options,
		.plugins = plugins,
		.n_plugins = n,
		.node = command_schema_node };
	struct json_out o;
	json_init_heap(&o, 16 << 20);
	o.pretty = true;
	schema_write(&o, &s);
	(void)printf("%.*s\n", STR_ARG(json_text(&o)));
	json_fini(&o);
	free(plugins);
	free(modules);
	return 0;
}

int command_plugins(struct command *c)
{
	const struct module **modules;
	if (!command_options(c, false))
		return 2;
	const char *name = c->first < c->argc ? c->argv[c->first] : NULL;
	if (name) {
		const struct module_dirs dirs = { c->plugin_dirs, c->n_plugin_dirs, &host_table };
		char why[MODULE_WHY];
		const struct module *m = module_get(&dirs, str_of(name), why);
		if (!m) {
			(void)fprintf(stderr, "sluice: plugin %s cannot be loaded: %s\n", name,
				why);
			return 1;
		}
		(void)printf("%s %s: %s\n%s\n\n", m->record->name,
			m->record->version ? m->record->version : "",
			m->record->summary ? m->record->summary : "", m->path);
		if (m->record->options)
			reference_text(stdout, m->record->options, 100);
		return 0;
	}
	size_t n = command_modules(c, &modules);
	for (size_t i = 0; i < n; i++)
		(void)printf("%-16s %-8s %s\n", modules[i]->record->name,
			modules[i]->record->version ? modules[i]->record->version : "",
			modules[i]->record->summary ? modules[i]->record->summary : "");
	free(modules);
	return 0;
}

int command_version(struct command *c)
{
	(void)c;
	(void)printf("sluice %s (plugin ABI %u)\n", SLUICE_VERSION, SLUICE_ABI);
	return 0;
}
