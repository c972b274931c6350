/*
 * The JSON Schema (2020-12) of a configuration, from its option tables: for editors, and for checks
 * before a file reaches a gateway. It accepts what config/bind accepts, as far as a schema can say
 * it: a text may also stand as a number or a boolean, every value may be a ${NAME}, and durations
 * are not compared with their bounds. Main thread.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "base/json.h"

/* What stands where a table has a SLUICE_T_NODE row. */
enum schema_node {
	SCHEMA_ANY = 0,
	SCHEMA_INSTANCE,      /* an instance of a plugin */
	SCHEMA_INSTANCE_MAP,  /* instances by name */
	SCHEMA_INSTANCE_LIST, /* names of instances, and instances written in place */
};

struct schema_plugin {
	const char *name;    /* what `use` says */
	const char *summary; /* may be NULL */
	const sluice_option *options;
};

struct schema {
	const char *id, *title;    /* id: a URL, or NULL */
	const sluice_option *root; /* rows of the whole file */
	/* rows that every instance has, beside the plugin's own; the row `use` among them */
	const sluice_option *instance;
	const struct schema_plugin *plugins;
	size_t n_plugins;
	/* NULL: every such row takes anything */
	enum schema_node (*node)(const sluice_option *row);
};

/* One JSON document. Set o->pretty to have it readable. */
void schema_write(struct json_out *o, const struct schema *s);

#endif
