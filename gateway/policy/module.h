/*
 * Loadable modules: finding NAME.so, opening it, and checking its record before it is used. A
 * module stays loaded for the life of the process, because calls in progress may still return into
 * its code. Main thread.
 */
#ifndef POLICY_MODULE_H
#define POLICY_MODULE_H

#include <sys/stat.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/str.h"

struct module {
	struct list link;
	const sluice_plugin *record; /* &own */
	const sluice_plugin
		*source;    /* borrowed: of the shared object, in the layout of its header */
	sluice_plugin own;  /* policy/record.h */
	struct arena arena; /* owned: what own leads to and the shared object has not */
	char *path;         /* owned */
	struct stat loaded; /* the file as it was when it was loaded */
};

struct module_dirs {
	const char *const *v; /* searched in this order */
	size_t n;
	/* borrowed: the services that a loaded module gets; policy/host.h */
	const sluice_host *services;
};

enum { MODULE_WHY = 512 };

/* The module of that name, loaded at its first use. NULL and a sentence in why when it cannot be
 * used. */
struct module *module_get(const struct module_dirs *dirs, sluice_str name, char why[MODULE_WHY]);
/* The module of a record that is part of the program, such as a test. path: where it comes from,
 * for messages. NULL and a sentence in why when the record cannot be used. */
struct module *module_register(const sluice_plugin *record, const char *path, char why[MODULE_WHY]);
/* The plugin's on_attempt; NULL: it has none, or is older than that hook. */
static inline sluice_hook module_on_attempt(const sluice_plugin *p)
{
	return p->size >= offsetof(sluice_plugin, on_attempt) + sizeof(p->on_attempt)
		? p->on_attempt
		: NULL;
}
/* The same for on_choose. */
static inline int (*module_on_choose(const sluice_plugin *p))(sluice_exchange *, const void *,
	const sluice_choice *)
{
	return p->size >= offsetof(sluice_plugin, on_choose) + sizeof(p->on_choose) ? p->on_choose
										    : NULL;
}
/* The same for discover. */
static inline int (*module_discover(const sluice_plugin *p))(sluice_instance *, void *, sluice_str)
{
	return p->size >= offsetof(sluice_plugin, discover) + sizeof(p->discover) ? p->discover
										  : NULL;
}
/* What became of the file since the module was loaded: NULL when nothing did, else a few words such
 * as "was replaced". The code that runs is the old one for the life of the process. */
const char *module_changed(const struct module_dirs *dirs, const struct module *m);
void module_each(void (*fn)(void *ctx, const struct module *m), void *ctx);
/* All names found in the dirs, sorted, each once. Returns how many; *out is the caller's to free,
 * with each name. */
size_t module_names(const struct module_dirs *dirs, char ***out);

#endif
