/* Names of facts that plugins state, and the most similar one to a misspelled name. Main thread. */
#include "policy/stated.h"

#include "policy/fact.h"

/* The declarations of a plugin; NULL and *known false when it was built before they existed. */
static const char *const *plugin_provides(const sluice_plugin *p, bool *known)
{
	*known = p->size >= offsetof(sluice_plugin, provides) + sizeof(p->provides);
	return *known ? p->provides : NULL;
}

static bool name_covers(sluice_str name, sluice_str fact)
{
	return str_eq(name, fact) || (str_ends(name, STR(":")) && str_starts(fact, name));
}

void stated_add(struct stated *names, const sluice_plugin *p)
{
	bool known;
	const char *const *v = plugin_provides(p, &known);
	if (!known && names->extent == STATED_ALL)
		names->extent = STATED_SOME;
	for (; v && *v; v++) {
		unsigned i = 0;
		while (i < names->n && !str_eq(names->v[i], str_of(*v)))
			i++;
		if (i == STATED_MAX)
			names->extent = STATED_ANY;
		else if (i == names->n)
			names->v[names->n++] = str_of(*v);
	}
}

bool plugin_states(const sluice_plugin *p, sluice_str fact)
{
	bool known;
	const char *const *v = plugin_provides(p, &known);
	for (; v && *v; v++) {
		if (name_covers(str_of(*v), fact))
			return true;
	}
	return !known;
}

const char *const *plugin_needs(const sluice_plugin *p)
{
	return p->size >= offsetof(sluice_plugin, needs) + sizeof(p->needs) ? p->needs : NULL;
}

bool stated_have(const struct stated *names, sluice_str fact)
{
	for (unsigned i = 0; i < names->n; i++) {
		if (name_covers(names->v[i], fact))
			return true;
	}
	return names->extent != STATED_ALL;
}

/* ---- which one was meant ------------------------------------------------------------------- */

/* The best of the candidates seen so far. */
struct nearest {
	sluice_str text; /* of a text with a colon, the part before it */
	unsigned distance;
};

static sluice_str name_start(sluice_str s)
{
	const char *colon = s.len ? memchr(s.data, ':', s.len) : NULL;
	return colon ? str_n(s.data, (size_t)(colon - s.data) + 1) : s;
}

/* A text with a colon is compared only with candidates that have one, and one without only with
 * those without. */
static void nearest_try(struct nearest *best, sluice_str text, sluice_str candidate)
{
	if (str_ends(candidate, STR(":")) != str_ends(text, STR(":")))
		return;
	unsigned limit = text.len < 4 ? 1 : 2;
	unsigned d = str_distance(text, candidate, limit);
	bool part = candidate.len >= 2 && text.len > candidate.len &&
		(str_ends(text, candidate) || str_starts(text, candidate));
	if (d > limit)
		d = part ? limit + 1 : limit + 2;
	if (d < best->distance && d <= limit + 1) {
		best->distance = d;
		best->text = candidate;
	}
}

/* Claims that are often written by their name alone (RFC 7519 4.1, RFC 8693 4, RFC 9068 2.2). */
static bool is_claim(sluice_str text)
{
	static const sluice_str claims[] = { { "sub", 3 }, { "iss", 3 }, { "aud", 3 }, { "azp", 3 },
		{ "scope", 5 }, { "client_id", 9 }, { "email", 5 }, { "jti", 3 } };
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		if (str_eq(text, claims[i]))
			return true;
	}
	return false;
}

sluice_str stated_nearest(const struct stated *names, struct arena *a, sluice_str text)
{
	sluice_str start = name_start(text),
		   name = str_n(text.data + start.len, text.len - start.len);
	struct nearest best = { .text = STR_NONE, .distance = UINT32_MAX };
	if (is_claim(text))
		return arena_printf(a, "claim:%.*s", STR_ARG(text));
	for (unsigned f = 0; f < FACT_COUNT; f++)
		nearest_try(&best, start, fact_table[f].text);
	for (unsigned i = 0; names && i < names->n; i++)
		nearest_try(&best, start, names->v[i]);
	return best.text.len ? arena_printf(a, "%.*s%.*s", STR_ARG(best.text), STR_ARG(name))
			     : STR("");
}
