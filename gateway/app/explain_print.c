/* What explain found, as text and as JSON. Main thread. */
#include "app/explain.h"

#include <stdio.h>

#include "app/explain_rules.h"
#include "base/json.h"
#include "config/table.h"
#include "policy/any_of.h"
#include "policy/expr.h"
#include "proxy/mirror.h"
#include "proxy/split.h"

enum {
	FEW = 10, /* routes that fail by host or path, without --all */
	HOOKS = 12
};

static const char *const verdicts[] = { [ROUTE_WINS] = "wins",
	[ROUTE_OUTRANKED] = "outranked",
	[ROUTE_FAILS] = "fails",
	[ROUTE_NOT_KNOWN] = "not-known",
	[ROUTE_GIVES_UP] = "gives-up",
	[ROUTE_NOT_REACHED] = "not-reached" };

/* The chains that a request passes: the listener's, then the route's. A malformed one meets no
 * plugin. */
static size_t chains_of(const struct explained *e, const struct chain *out[2])
{
	size_t n = 0;
	if (e->listener->chain.n && e->routes)
		out[n++] = &e->listener->chain;
	if (e->route && e->route->chain.n)
		out[n++] = &e->route->chain;
	return n;
}

static sluice_str balance_of(const struct upstream_conf *c)
{
	const sluice_option *row = table_find(upstream_options, STR("balance"));
	row = row ? table_find(row->sub, STR("algorithm")) : NULL;
	return row ? str_of(row->choices[c->balance.algorithm]) : STR("");
}

static const struct snapshot_upstream *upstream_of(const struct explained *e)
{
	return e->route && e->route->upstream >= 0 && !e->route->split
		? &e->snap->upstreams[e->route->upstream]
		: NULL;
}

/* Hooks of a plugin, by the names of the interface. */
static size_t hooks_of(const sluice_plugin *p, const char *out[HOOKS])
{
	const struct {
		const char *name;
		bool has;
	} hooks[] = { { "on_connect", p->on_connect != NULL },
		{ "on_secured", p->on_secured != NULL }, { "on_request", p->on_request != NULL },
		{ "on_request_body", p->on_request_body != NULL },
		{ "on_attempt", module_on_attempt(p) != NULL },
		{ "on_response", p->on_response != NULL },
		{ "on_response_body", p->on_response_body != NULL },
		{ "on_complete", p->on_complete != NULL },
		{ "on_disconnect", p->on_disconnect != NULL } };
	size_t n = 0;
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		if (hooks[i].has)
			out[n++] = hooks[i].name;
	}
	return n;
}

/* ---- text ---------------------------------------------------------------------------------- */

static void print_listener(const struct explained *e)
{
	const struct listener_conf *c = e->listener->conf;
	(void)printf("listener   %.*s on %.*s%s (%s)\n", STR_ARG(c->name), STR_ARG(c->address),
		e->listener->tls ? ", TLS" : "", e->listener_why);
}

static void print_captures(const struct explained *e)
{
	for (unsigned i = 0; i < e->captures.n; i++)
		(void)printf("           {%.*s} is \"%.*s\"\n", STR_ARG(e->captures.v[i].name),
			STR_ARG(e->captures.v[i].value));
}

/* A host or path of the route, and which of several it is. */
static void print_member(const char *what, const sluice_str *texts, unsigned n, unsigned i)
{
	(void)printf("%s %.*s", what, STR_ARG(texts[i].len ? texts[i] : STR("any")));
	if (n > 1)
		(void)printf(" (%u of %u)", i + 1, n);
}

static void print_route(const struct explained *e)
{
	const struct err_info *err = err_info(e->err);
	if (e->route) {
		(void)printf("route      %.*s: ", STR_ARG(e->route->name));
		print_member("host", e->rule->host_texts, e->rule->n_hosts, e->entry.host);
		print_member(", path", e->rule->path_texts, e->rule->n_paths, e->entry.path);
		(void)printf("%s\n",
			e->is_open ? "; unless one takes it of which not all is known here" : "");
		print_captures(e);
		return;
	}
	if (!e->err) {
		(void)printf(
			"answer     204 by the gateway itself, with the methods that there are: "
			"%.*s\n",
			STR_ARG(e->allow));
		return;
	}
	(void)printf("refused    %d %s: %s\n", err->status, err->code, err->text);
	if (e->allow.data)
		(void)printf("           other routes take %.*s\n", STR_ARG(e->allow));
}

static void print_flags(const sluice_instance *inst)
{
	if (inst->mode == INSTANCE_REPORT)
		(void)printf("; mode: report, it changes nothing");
	if (inst->on_error == INSTANCE_SKIP)
		(void)printf("; on_error: skip");
	for (unsigned i = 0; i < inst->n_upstreams; i++)
		(void)printf("%s%.*s", i ? ", " : "; may send it to ",
			STR_ARG(inst->upstreams[i].name));
}

/* Which alternative of which group of the chain the plugin is part of, from 1; 0: of none. */
static unsigned alternative_of(const struct chain *c, uint32_t place, unsigned *group)
{
	for (uint32_t i = 0; i < c->n_any; i++) {
		const struct any_of *g = &c->any[i];
		unsigned k = 0;
		if (place < g->first || place >= g->end)
			continue;
		*group = i + 1;
		while (place >= g->first + g->branches[k])
			k++;
		return k + 1;
	}
	*group = 0;
	return 0;
}

static void print_item(const struct explained *e, const struct chain *c, uint32_t at,
	unsigned place)
{
	const struct chain_item *item = &c->v[at];
	unsigned group, alternative = alternative_of(c, at, &group);
	const char *hooks[HOOKS];
	size_t n = hooks_of(item->plugin, hooks);
	bool of_listener = place <= e->listener->chain.n;
	(void)printf("%-10s %u %.*s (%s%s): ", place == 1 ? "plugins" : "", place,
		STR_ARG(item->inst->name), item->plugin->name,
		of_listener ? ", of the listener" : "");
	for (size_t i = 0; i < n; i++)
		(void)printf("%s%s", i ? ", " : "", hooks[i]);
	if (!n)
		(void)printf("no hooks");
	print_flags(item->inst);
	if (alternative)
		(void)printf("; alternative %u of any-of %u", alternative, group);
	(void)printf("\n");
}

/* Those that see the response, in their order: the route's and then the listener's, each in
 * reverse. */
static void print_responses(const struct chain *const *chains, size_t n)
{
	bool any = false;
	for (size_t c = n; c-- > 0;) {
		for (uint32_t i = chains[c]->n; i-- > 0;) {
			const struct chain_item *item = &chains[c]->v[i];
			if (!item->plugin->on_response && !item->plugin->on_response_body)
				continue;
			(void)printf("%s%.*s", any ? ", " : "responses  ",
				STR_ARG(item->inst->name));
			any = true;
		}
	}
	if (any)
		(void)printf("\n");
}

static void print_plugins(const struct explained *e)
{
	const struct chain *chains[2];
	size_t n = chains_of(e, chains);
	unsigned place = 0;
	for (size_t c = 0; c < n; c++) {
		for (uint32_t i = 0; i < chains[c]->n; i++)
			print_item(e, chains[c], i, ++place);
	}
	print_responses(chains, n);
}

static void print_server(const struct upstream_server *s)
{
	(void)printf("           %.*s weight %llu", STR_ARG(s->address),
		(unsigned long long)s->weight);
	if (s->zone.len)
		(void)printf(", zone %.*s", STR_ARG(s->zone));
	if (s->max_connections)
		(void)printf(", at most %llu connections", (unsigned long long)s->max_connections);
	(void)printf("%s\n", s->backup ? ", backup" : "");
}

static void print_split(const struct explained *e)
{
	const struct split *s = e->route ? e->route->split : NULL;
	for (size_t i = 0; s && i < s->shares->n; i++) {
		const struct split_share *at = &s->shares->v[i];
		(void)printf("%-10s %.*s weight %u, %.2f %% of the requests", i ? "" : "split",
			STR_ARG(at->name), (unsigned)at->weight,
			100.0 * (double)at->weight / (double)s->shares->total);
		for (size_t k = 0; k < s->n_by; k++)
			(void)printf("%s%.*s", k ? ", else " : ", by ",
				STR_ARG(expr_text(s->by[k])));
		(void)printf("\n");
	}
}

static void print_upstream(const struct explained *e, const struct snapshot_upstream *u)
{
	if (!u) {
		if (e->route)
			(void)printf("answer     %llu by %s%.*s%s\n",
				(unsigned long long)e->route->conf->respond.status,
				e->route->document_of ? "the document of plugin instance \""
						      : "the route itself",
				STR_ARG(e->route->document_of ? e->route->document_of->name
							      : STR("")),
				e->route->document_of ? "\"" : "");
		return;
	}
	const struct upstream_server *v = u->conf->servers.v;
	(void)printf("upstream   %.*s%s, %.*s over %zu server%s", STR_ARG(u->conf->name),
		u->client ? " by TLS" : "", STR_ARG(balance_of(u->conf)), u->conf->servers.n,
		str_plural(u->conf->servers.n));
	if (u->conf->balance.plugin.len)
		(void)printf(", chosen by plugin instance \"%.*s\"",
			STR_ARG(u->conf->balance.plugin));
	if (u->conf->discovery.len)
		(void)printf(", and those that plugin instance \"%.*s\" finds",
			STR_ARG(u->conf->discovery));
	if (u->conf->discover.srv.len)
		(void)printf(", and those of the SRV records of %.*s",
			STR_ARG(u->conf->discover.srv));
	if (u->conf->discover.file.len)
		(void)printf(", and those in %.*s", STR_ARG(u->conf->discover.file));
	(void)printf("\n");
	if (u->hash_by)
		(void)printf("           by %.*s\n", STR_ARG(u->conf->hash.by));
	if (u->conf->sticky.cookie.len)
		(void)printf("           clients stay by cookie %.*s\n",
			STR_ARG(u->conf->sticky.cookie));
	for (size_t i = 0; i < u->conf->servers.n; i++)
		print_server(&v[i]);
	explain_print_rules(e, u);
}

static void print_mirror(const struct explained *e)
{
	const struct route_mirror *m = e->route ? e->route->mirror : NULL;
	if (m)
		(void)printf("mirror     copies of %.2f %% of the requests to %.*s\n",
			m->share / 100.0, STR_ARG(e->snap->upstreams[m->upstream].conf->name));
}

static void print_upstreams(const struct explained *e)
{
	const struct split *s = e->route ? e->route->split : NULL;
	print_split(e);
	if (!s)
		print_upstream(e, upstream_of(e));
	for (size_t i = 0; s && i < s->shares->n; i++)
		print_upstream(e, &e->snap->upstreams[s->shares->v[i].upstream]);
	print_mirror(e);
}

static bool is_far_off(const struct explain_route *r)
{
	return r->verdict == ROUTE_FAILS && (r->part == ROUTE_HOST || r->part == ROUTE_PATH);
}

/* Those that came near first: by host and path they match. */
static void print_others(const struct explained *e, bool all)
{
	size_t left = 0, told = 0, any = 0;
	for (int far = 0; far < 2; far++) {
		for (size_t i = 0; i < e->n_routes; i++) {
			const struct explain_route *r = &e->routes[i];
			if (r->verdict == ROUTE_WINS || is_far_off(r) != (far == 1))
				continue;
			if (far && !all && told++ >= FEW) {
				left++;
				continue;
			}
			(void)printf("%-10s %.*s: %s\n", any++ ? "" : "not taken",
				STR_ARG(r->route->name), r->why);
		}
	}
	if (left)
		(void)printf("           and %zu more of another host or path; --all shows them\n",
			left);
}

void explain_print(const struct explained *e, bool all)
{
	print_listener(e);
	print_route(e);
	print_plugins(e);
	print_upstreams(e);
	print_others(e, all);
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void put_listener(struct json_out *o, const struct explained *e)
{
	json_key(o, STR("listener"));
	json_open(o, '{');
	json_put_str(o, "name", e->listener->conf->name);
	json_put_str(o, "address", e->listener->conf->address);
	json_key(o, STR("tls"));
	json_bool(o, e->listener->tls != NULL);
	json_put_str(o, "why", str_of(e->listener_why));
	json_close(o, '}');
}

static void put_request(struct json_out *o, const struct explained *e)
{
	json_key(o, STR("request"));
	json_open(o, '{');
	json_put_str(o, "method", e->head.method_text);
	json_put_str(o, "host", e->head.host);
	json_put_str(o, "path", e->head.path);
	json_key(o, STR("captures"));
	json_open(o, '{');
	for (unsigned i = 0; i < e->captures.n; i++) {
		json_key(o, e->captures.v[i].name);
		json_str(o, e->captures.v[i].value);
	}
	json_close(o, '}');
	json_close(o, '}');
}

static void put_refusal(struct json_out *o, const struct explained *e)
{
	const struct err_info *err = err_info(e->err);
	json_key(o, STR("refused"));
	if (!e->err) {
		json_null(o);
		return;
	}
	json_open(o, '{');
	json_key(o, STR("status"));
	json_int(o, err->status);
	json_put_str(o, "code", str_of(err->code));
	if (e->allow.data)
		json_put_str(o, "allow", e->allow);
	json_close(o, '}');
}

static void put_item(struct json_out *o, const struct chain *c, uint32_t at, bool of_listener)
{
	const struct chain_item *item = &c->v[at];
	unsigned group, alternative = alternative_of(c, at, &group);
	const sluice_instance *inst = item->inst;
	const char *hooks[HOOKS];
	size_t n = hooks_of(item->plugin, hooks);
	json_open(o, '{');
	json_put_str(o, "instance", inst->name);
	json_put_str(o, "plugin", str_of(item->plugin->name));
	json_put_str(o, "of", of_listener ? STR("listener") : STR("route"));
	json_put_str(o, "mode", inst->mode == INSTANCE_REPORT ? STR("report") : STR("enforce"));
	json_put_str(o, "on_error", inst->on_error == INSTANCE_SKIP ? STR("skip") : STR("deny"));
	json_key(o, STR("any_of"));
	if (alternative) {
		json_open(o, '{');
		json_key(o, STR("group"));
		json_int(o, group);
		json_key(o, STR("alternative"));
		json_int(o, alternative);
		json_close(o, '}');
	} else {
		json_null(o);
	}
	json_key(o, STR("hooks"));
	json_open(o, '[');
	for (size_t i = 0; i < n; i++)
		json_str(o, str_of(hooks[i]));
	json_close(o, ']');
	json_key(o, STR("upstreams"));
	json_open(o, '[');
	for (unsigned i = 0; i < inst->n_upstreams; i++)
		json_str(o, inst->upstreams[i].name);
	json_close(o, ']');
	json_close(o, '}');
}

static void put_plugins(struct json_out *o, const struct explained *e)
{
	const struct chain *chains[2];
	size_t n = chains_of(e, chains);
	json_key(o, STR("plugins"));
	json_open(o, '[');
	for (size_t c = 0; c < n; c++) {
		for (uint32_t i = 0; i < chains[c]->n; i++)
			put_item(o, chains[c], i, chains[c] == &e->listener->chain);
	}
	json_close(o, ']');
	json_key(o, STR("responses"));
	json_open(o, '[');
	for (size_t c = n; c-- > 0;) {
		for (uint32_t i = chains[c]->n; i-- > 0;) {
			const sluice_plugin *p = chains[c]->v[i].plugin;
			if (p->on_response || p->on_response_body)
				json_str(o, chains[c]->v[i].inst->name);
		}
	}
	json_close(o, ']');
}

static void put_upstream(struct json_out *o, const struct explained *e,
	const struct snapshot_upstream *u)
{
	if (!u) {
		json_null(o);
		return;
	}
	const struct upstream_server *v = u->conf->servers.v;
	json_open(o, '{');
	json_put_str(o, "name", u->conf->name);
	json_put_str(o, "balance", balance_of(u->conf));
	if (u->conf->balance.plugin.len)
		json_put_str(o, "balance_plugin", u->conf->balance.plugin);
	if (u->conf->discovery.len)
		json_put_str(o, "discovery", u->conf->discovery);
	if (u->conf->discover.srv.len)
		json_put_str(o, "srv", u->conf->discover.srv);
	if (u->conf->discover.file.len)
		json_put_str(o, "file", u->conf->discover.file);
	if (u->hash_by)
		json_put_str(o, "hash_by", u->conf->hash.by);
	if (u->conf->sticky.cookie.len)
		json_put_str(o, "sticky_cookie", u->conf->sticky.cookie);
	json_key(o, STR("tls"));
	json_bool(o, u->client != NULL);
	json_key(o, STR("servers"));
	json_open(o, '[');
	for (size_t i = 0; i < u->conf->servers.n; i++) {
		json_open(o, '{');
		json_put_str(o, "address", v[i].address);
		json_key(o, STR("weight"));
		json_uint(o, v[i].weight);
		if (v[i].backup) {
			json_key(o, STR("backup"));
			json_bool(o, true);
		}
		if (v[i].zone.len)
			json_put_str(o, "zone", v[i].zone);
		json_close(o, '}');
	}
	json_close(o, ']');
	explain_put_rules(o, e, u);
	json_close(o, '}');
}

/* What each gets, in percent. */
static void put_split(struct json_out *o, const struct explained *e)
{
	const struct split *s = e->route ? e->route->split : NULL;
	json_key(o, STR("split"));
	if (!s) {
		json_null(o);
		return;
	}
	json_open(o, '[');
	for (size_t i = 0; i < s->shares->n; i++) {
		const struct split_share *at = &s->shares->v[i];
		json_open(o, '{');
		json_key(o, STR("weight"));
		json_uint(o, at->weight);
		json_key(o, STR("percent"));
		json_strf(o, "%.2f", 100.0 * (double)at->weight / (double)s->shares->total);
		json_key(o, STR("upstream"));
		put_upstream(o, e, &e->snap->upstreams[at->upstream]);
		json_close(o, '}');
	}
	json_close(o, ']');
}

static void put_mirror(struct json_out *o, const struct explained *e)
{
	const struct route_mirror *m = e->route ? e->route->mirror : NULL;
	json_key(o, STR("mirror"));
	if (!m) {
		json_null(o);
		return;
	}
	json_open(o, '{');
	json_put_str(o, "to", e->snap->upstreams[m->upstream].conf->name);
	json_key(o, STR("percent"));
	json_strf(o, "%.2f", m->share / 100.0);
	json_close(o, '}');
}

static void put_upstreams(struct json_out *o, const struct explained *e)
{
	json_key(o, STR("upstream"));
	put_upstream(o, e, upstream_of(e));
	put_split(o, e);
	put_mirror(o, e);
}

static void put_route(struct json_out *o, const struct explain_route *r)
{
	json_open(o, '{');
	json_put_str(o, "route", r->route->name);
	json_put_str(o, "verdict", str_of(verdicts[r->verdict]));
	if (r->verdict != ROUTE_WINS && r->verdict != ROUTE_NOT_REACHED)
		json_put_str(o, "part", str_of(route_part_name(r->part)));
	json_put_str(o, "why", str_of(r->why));
	json_close(o, '}');
}

void explain_print_json(const struct explained *e)
{
	struct json_out o;
	json_init_heap(&o, 64 << 20);
	o.pretty = true;
	json_open(&o, '{');
	put_listener(&o, e);
	put_request(&o, e);
	put_refusal(&o, e);
	json_key(&o, STR("route"));
	if (e->route)
		json_str(&o, e->route->name);
	else
		json_null(&o);
	if (e->route && e->route->document_of)
		json_put_str(&o, "document_of", e->route->document_of->name);
	if (e->route) {
		json_key(&o, STR("matched"));
		json_open(&o, '{');
		json_put_str(&o, "host", e->rule->host_texts[e->entry.host]);
		json_put_str(&o, "path", e->rule->path_texts[e->entry.path]);
		json_close(&o, '}');
	}
	json_key(&o, STR("open"));
	json_bool(&o, e->is_open);
	put_plugins(&o, e);
	put_upstreams(&o, e);
	json_key(&o, STR("status"));
	if (e->route && e->route->upstream < 0)
		json_uint(&o, e->route->conf->respond.status);
	else if (!e->route && !e->err)
		json_uint(&o, 204);
	else
		json_null(&o);
	json_key(&o, STR("routes"));
	json_open(&o, '[');
	for (size_t i = 0; i < e->n_routes; i++)
		put_route(&o, &e->routes[i]);
	json_close(&o, ']');
	json_close(&o, '}');
	(void)printf("%.*s\n", STR_ARG(json_text(&o)));
	json_fini(&o);
}
