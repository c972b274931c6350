/*
 * The consumers of a configuration: who calls, whatever plugin finds it out. A consumer has a name,
 * groups and facts, and is tied to identities, each of which is what one instance of a plugin calls
 * somebody. Immutable: any thread.
 */
#ifndef POLICY_CONSUMER_H
#define POLICY_CONSUMER_H

#include "base/arena.h"

struct consumer {
	sluice_str name;
	sluice_str groups;  /* joined by commas; empty: none */
	sluice_pairs facts; /* names with "consumer:" in front */
	bool is_tied; /* it has identities; else whoever has its name, at any instance, is it */
};

/* A pair of instance and name at that instance. */
struct consumer_identity {
	sluice_str instance, name;
	const struct consumer *is;
};

struct consumers;

/* v and ties are borrowed for as long as the result lives, which is in a. No two consumers have the
 * same name. NULL, and in *twice the place of the second, when two ties are of one identity. */
struct consumers *consumers_new(struct arena *a, const struct consumer *v, size_t n,
	const struct consumer_identity *ties, size_t n_ties, size_t *twice);
/* The consumer that the name is at the instance; NULL: none. */
const struct consumer *consumers_find(const struct consumers *c, sluice_str instance,
	sluice_str name);
/* Whether a consumer has that name. */
bool consumers_have(const struct consumers *c, sluice_str name);

#endif
