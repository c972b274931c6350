/*
 * The JSON Schema (2020-12) of a configuration, from its option tables: for editors, and for checks
 * before a file reaches a gateway. It accepts at least what config/bind accepts: a text may also be
 * written as a number or a boolean, every value may be a ${NAME}, and the bounds of durations are
 * not checked. Main thread.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "base/json.h"

/* The meaning of a SLUICE_T_NODE row. */
enum schema_node {
	SCHEMA_ANY = 0,
	SCHEMA_INSTANCE,      /* an instance of a plugin */
	SCHEMA_INSTANCE_MAP,  /* instances, and lists of them, by name */
	SCHEMA_INSTANCE_LIST, /* names of these, or instances written in place */
};

struct schema_plugin {
	const char *name;    /* the value of `use` */
	const char *summary; /* may be NULL */
	const sluice_option *options;
	bool is_bare; /* it has none of the options of every instance */
};

struct schema {
	const char *id, *title;    /* id: a URL, or NULL */
	const sluice_option *root; /* rows of the whole file */
	/* rows that every instance has, `use` included, in addition to the plugin's own */
	const sluice_option *instance;
	const struct schema_plugin *plugins;
	size_t n_plugins;
	/* NULL: such rows take anything */
	enum schema_node (*node)(const sluice_option *row);
};

/* One JSON document. Set o->pretty to have it readable. */
void schema_write(struct json_out *o, const struct schema *s);

#endif
