/* Consumers, in two tables: by identity, and by name. See consumer.h. */
#include "policy/consumer.h"

#include "base/hash.h"
#include "base/str.h"

/* Open addressing; at most half of the places are taken. */
struct consumers {
	const struct consumer_identity **ties;
	const struct consumer **names;
	size_t ties_mask, names_mask;
};

static size_t consumers_room(size_t n)
{
	size_t room = 2;
	while (room < 2 * n)
		room *= 2;
	return room;
}

/* The place of the identity, or the empty one where it would be. */
static size_t consumers_tie_at(const struct consumers *c, sluice_str instance, sluice_str name)
{
	size_t at = (size_t)(hash_str(name) ^ hash_str(instance)) & c->ties_mask;
	for (; c->ties[at]; at = (at + 1) & c->ties_mask) {
		if (str_eq(c->ties[at]->name, name) && str_eq(c->ties[at]->instance, instance))
			break;
	}
	return at;
}

static size_t consumers_name_at(const struct consumers *c, sluice_str name)
{
	size_t at = (size_t)hash_str(name) & c->names_mask;
	while (c->names[at] && !str_eq(c->names[at]->name, name))
		at = (at + 1) & c->names_mask;
	return at;
}

struct consumers *consumers_new(struct arena *a, const struct consumer *v, size_t n,
	const struct consumer_identity *ties, size_t n_ties, size_t *twice)
{
	struct consumers *c = arena_new(a, struct consumers);
	size_t n_names = consumers_room(n), room = consumers_room(n_ties);
	c->names = arena_zalloc(a, n_names * sizeof(*c->names));
	c->ties = arena_zalloc(a, room * sizeof(*c->ties));
	c->names_mask = n_names - 1;
	c->ties_mask = room - 1;
	for (size_t i = 0; i < n; i++)
		c->names[consumers_name_at(c, v[i].name)] = &v[i];
	for (size_t i = 0; i < n_ties; i++) {
		size_t at = consumers_tie_at(c, ties[i].instance, ties[i].name);
		*twice = i;
		if (c->ties[at])
			return NULL;
		c->ties[at] = &ties[i];
	}
	return c;
}

const struct consumer *consumers_find(const struct consumers *c, sluice_str instance,
	sluice_str name)
{
	const struct consumer_identity *tie = c->ties[consumers_tie_at(c, instance, name)];
	if (tie)
		return tie->is;
	const struct consumer *named = c->names[consumers_name_at(c, name)];
	return named && !named->is_tied ? named : NULL;
}

bool consumers_have(const struct consumers *c, sluice_str name)
{
	return c->names[consumers_name_at(c, name)] != NULL;
}
