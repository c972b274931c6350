/*
 * The facts that the plugins of a configuration declare to state (sluice_plugin.provides): what a
 * key expression may name beyond the table of facts. Gathered on the main thread before anything is
 * compiled.
 */
#ifndef POLICY_STATED_H
#define POLICY_STATED_H

#include "base/arena.h"
#include "policy/module.h"

enum { STATED_MAX = 64 };

/* How far the list can be believed. */
enum stated_extent {
	STATED_ALL,  /* what is not in it, nobody states */
	STATED_SOME, /* a plugin was built before plugins declared such things, and may state any */
	STATED_ANY,  /* nothing is known */
};

struct stated {
	/* borrowed: of the modules, which stay; "tenant", or "geo:" for all that begin so */
	sluice_str v[STATED_MAX];
	unsigned n;
	enum stated_extent extent;
};

/* The plugin's names go into the list. */
void stated_add(struct stated *names, const sluice_plugin *p);
/* Whether the plugin declares the fact; one of before such declarations may state any. */
bool plugin_states(const sluice_plugin *p, sluice_str fact);
/* Whether somebody may state it. */
bool stated_have(const struct stated *names, sluice_str fact);
/* The known fact that is most like text: from the table or the list, in a's memory; empty when none
 * is. */
sluice_str stated_nearest(const struct stated *names, struct arena *a, sluice_str text);

#endif
