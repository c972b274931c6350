/*
 * Loadable modules: finding NAME.so, opening it, and believing its record only after a look. A module stays loaded for the
 * life of the process: code that a connection may still return into is never unmapped. Main thread.
 */
#ifndef POLICY_MODULE_H
#define POLICY_MODULE_H

#include "base/list.h"
#include "base/str.h"

struct module {
	struct list link;
	const sluice_plugin *record; /* borrowed: of the shared object */
	char *path;                  /* owned */
};

struct module_dirs {
	const char *const *v; /* searched in this order */
	size_t n;
};

enum { MODULE_WHY = 512 };

/* The module of that name, loaded at its first use. NULL and a sentence in why when it cannot be used. */
struct module *module_get(const struct module_dirs *dirs, sluice_str name, char why[MODULE_WHY]);
/* All names found in the dirs, sorted, each once. Returns how many; *out is the caller's to free, with each name. */
size_t module_names(const struct module_dirs *dirs, char ***out);

#endif
