/*
 * The facts that the plugins of a configuration declare (sluice_plugin.provides): a key expression
 * may name them in addition to the table of facts. Collected on the main thread before expressions
 * are compiled.
 */
#ifndef POLICY_STATED_H
#define POLICY_STATED_H

#include "base/arena.h"
#include "policy/module.h"

enum { STATED_MAX = 64 };

/* How complete the list is. */
enum stated_extent {
	STATED_ALL, /* complete: no plugin states other facts */
	/* a plugin was built before such declarations existed, and may state any fact */
	STATED_SOME,
	STATED_ANY, /* not known: any fact may be stated */
};

struct stated {
	/* borrowed from the modules, which are never unloaded; "tenant", or "geo:" for all with
	   that prefix */
	sluice_str v[STATED_MAX];
	unsigned n;
	enum stated_extent extent;
};

/* Add the plugin's names to the list. */
void stated_add(struct stated *names, const sluice_plugin *p);
/* Whether the plugin may state the fact: it declares it, or was built before such declarations
 * existed. */
bool plugin_states(const sluice_plugin *p, sluice_str fact);
/* The facts that the plugin needs; NULL: none. */
const char *const *plugin_needs(const sluice_plugin *p);
/* Whether some plugin may state it. */
bool stated_have(const struct stated *names, sluice_str fact);
/* The known fact that is most like text: from the table or the list, in a's memory; empty when none
 * is. */
sluice_str stated_nearest(const struct stated *names, struct arena *a, sluice_str text);

#endif
