/* What is told of the servers of an upstream. See census.h. */
#include "upstream/census.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/worker.h"

enum { TELLER = 0 }; /* id of the worker that tells */

void census_init(struct census *c, const struct worker *w, sluice_str upstream)
{
	*c = (struct census){ .upstream = upstream, .tells = w->id == TELLER };
}

static void census_set(const struct census *c, enum family f, const char *label, uint64_t n)
{
	series_set(series_find(f, c->upstream, str_of(label)), n);
}

void census_count(struct census *c, const struct server_list *l)
{
	unsigned n[SERVER_SOURCES];
	if (!c->tells)
		return;
	server_list_count(l, n);
	for (int i = 0; i < SERVER_SOURCES; i++) {
		if (n[i] != c->counted[i])
			census_set(c, FAMILY_UPSTREAM_SERVERS,
				server_source_name((enum server_source)i), n[i]);
		c->counted[i] = n[i];
	}
	census_set(c, FAMILY_UPSTREAM_CHANGED, "", clock_unix_ms() / 1000);
}

void census_changed(const struct census *c, unsigned added, unsigned removed, uint32_t all)
{
	if (c->tells && (added || removed))
		log_info("upstream", "%.*s: %u server%s added, %u removed, %u in all (dns)",
			STR_ARG(c->upstream), added, str_plural(added), removed, all);
}

void census_resolved(const struct census *c, enum resolve_reason r)
{
	if (!c->tells)
		return;
	if (r == RESOLVE_OK)
		census_set(c, FAMILY_UPSTREAM_RESOLVED, "", clock_unix_ms() / 1000);
	else
		series_add(series_find(FAMILY_UPSTREAM_DISCOVERY_FAILURES, c->upstream,
				   str_of(resolve_reason_name(r))),
			1);
}

void census_end(const struct census *c, const struct census *next)
{
	for (int i = 0; i < SERVER_SOURCES; i++) {
		if (c->counted[i] && !(next && next->counted[i]))
			census_set(c, FAMILY_UPSTREAM_SERVERS,
				server_source_name((enum server_source)i), 0);
	}
}
