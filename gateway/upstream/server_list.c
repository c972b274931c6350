/* The servers of an upstream on a worker. See server_list.h. */
#include "upstream/server_list.h"

#include <stdlib.h>

#include "base/mem.h"

static struct server *list_new_server(const struct server_setup *setup,
	const struct upstream_server *conf, const struct server *earlier)
{
	struct server *s = mem_new(struct server);
	server_start(s, setup, conf, earlier);
	return s;
}

static void list_end_server(struct server *s)
{
	server_stop(s);
	free(s);
}

static struct upstream_server list_of_file(const void *ctx, size_t i)
{
	const struct upstream_conf *conf = ctx;
	return ((const struct upstream_server *)conf->servers.v)[i];
}

/* What there is before anything was found: the servers of the file, as a set. */
static struct server_set *list_first_set(const struct upstream_conf *conf)
{
	char why[DISCOVERED_WHY];
	struct server_set *s = server_set_new(conf->servers.n, list_of_file, conf, why);
	check(s, "servers of %.*s were not checked: %s", STR_ARG(conf->name), why);
	return s;
}

void server_list_start(struct server_list *l, const struct server_setup *setup,
	struct discovered *discovered, server_earlier_fn earlier, void *ctx)
{
	const struct upstream_server *servers = setup->conf->servers.v;
	*l = (struct server_list){ .n = setup->conf->servers.n };
	if (discovered) {
		l->set = discovered_now(discovered);
		if (!l->set)
			l->set = list_first_set(setup->conf);
		servers = l->set->v;
		l->n = l->set->n;
	}
	l->v = mem_array(struct server *, l->n);
	for (size_t i = 0; i < l->n; i++) {
		struct upstream_address a;
		/* only names have something from before; there may be thousands of addresses */
		bool is_name = upstream_address_parse(servers[i].address, &a) && a.host.len;
		l->v[i] = list_new_server(setup, &servers[i],
			is_name ? earlier(ctx, servers[i].address) : NULL);
	}
}

void server_list_take(struct server_list *l, const struct server_setup *setup,
	struct server_set *set)
{
	if (!l->set || set->number <= l->set->number) {
		server_set_unref(&set);
		return;
	}
	struct server **v = mem_array(struct server *, set->n);
	size_t i = 0, n_gone = 0;
	for (size_t k = 0; k < set->n; k++) {
		const struct upstream_server *s = &set->v[k];
		/* those that are gone gather at the front of the old array */
		while (i < l->n && server_order(l->v[i]->conf->address, s->address) < 0)
			l->v[n_gone++] = l->v[i++];
		if (i < l->n && str_eq(l->v[i]->conf->address, s->address)) {
			v[k] = l->v[i++];
			server_change(v[k], s);
		} else {
			v[k] = list_new_server(setup, s, NULL);
		}
	}
	while (i < l->n)
		l->v[n_gone++] = l->v[i++];
	/* after the new ones are there: an address that is in both by another name stays in use */
	for (i = 0; i < n_gone; i++)
		list_end_server(l->v[i]);
	free(l->v);
	server_set_unref(&l->set);
	*l = (struct server_list){ .v = v, .n = set->n, .set = set };
}

void server_list_stop(struct server_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		list_end_server(l->v[i]);
	free(l->v);
	server_set_unref(&l->set);
	*l = (struct server_list){ 0 };
}

static const struct server *list_search(const struct server_list *l, sluice_str address)
{
	size_t low = 0, high = l->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = server_order(l->v[mid]->conf->address, address);
		if (r == 0)
			return l->v[mid];
		if (r < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct server *server_list_find(const struct server_list *l, sluice_str address)
{
	if (l->set)
		return list_search(l, address);
	for (size_t i = 0; i < l->n; i++) {
		if (str_eq(l->v[i]->conf->address, address))
			return l->v[i];
	}
	return NULL;
}

bool server_list_awaits(const struct server_list *l)
{
	if (l->n == 0)
		return l->set && l->set->number == 0;
	for (size_t i = 0; i < l->n; i++) {
		if (!l->v[i]->asked)
			return true;
	}
	return false;
}

void server_list_count(const struct server_list *l, unsigned n[SERVER_SOURCES])
{
	memset(n, 0, SERVER_SOURCES * sizeof(n[0]));
	for (size_t i = 0; i < l->n; i++) {
		const struct server *s = l->v[i];
		enum server_source from = SERVERS_CONFIG;
		if (l->set && l->set->number)
			from = server_source_of(s->setup->conf);
		else if (s->address.host.len)
			from = SERVERS_DNS;
		n[from] += s->n_candidates;
	}
}
