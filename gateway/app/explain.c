/* explain: how a configuration takes a request. See explain.h. Main thread. */
#include "app/explain.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "app/command_config.h"
#include "base/mem.h"
#include "http1/parse.h"
#include "proxy/options.h"

enum { FIELDS_MAX = 100, HTTP_PORT = 80, HTTPS_PORT = 443 };

/* What the command line says. */
struct asked {
	const char *method, *url, *listener, *client;
	const char *fields[FIELDS_MAX];
	size_t n_fields;
	bool all;
	/* of the URL */
	bool is_https, has_scheme;
	sluice_str authority, target;
	uint16_t port; /* 0: not known */
};

static int explain_usage(const char *why, const char *what)
{
	(void)fprintf(stderr, "sluice explain: %s%s; try `sluice help explain`\n", why, what);
	return 2;
}

/* ---- the command line ---------------------------------------------------------------------- */

static int explain_arguments(struct command *c, struct asked *a)
{
	static const struct option longs[] = { { "config", required_argument, NULL, 'c' },
		{ "plugin-dir", required_argument, NULL, 'p' },
		{ "header", required_argument, NULL, 'H' },
		{ "listener", required_argument, NULL, 'l' },
		{ "client", required_argument, NULL, 'i' }, { "all", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' }, { NULL, 0, NULL, 0 } };
	int opt;
	optind = 1;
	while ((opt = getopt_long(c->argc, c->argv, "c:H:", longs, NULL)) != -1) {
		if (opt == 'c')
			c->file = optarg;
		else if (opt == 'p' && c->n_plugin_dirs < COMMAND_DIRS - 1)
			c->plugin_dirs[c->n_plugin_dirs++] = optarg;
		else if (opt == 'H' && a->n_fields < FIELDS_MAX)
			a->fields[a->n_fields++] = optarg;
		else if (opt == 'l')
			a->listener = optarg;
		else if (opt == 'i')
			a->client = optarg;
		else if (opt == 'a')
			a->all = true;
		else if (opt == 'j')
			c->json = true;
		else
			return explain_usage("wrong usage", "");
	}
	c->plugin_dirs[c->n_plugin_dirs++] = SLUICE_PLUGIN_DIR;
	if (!c->file)
		return explain_usage("which file? Give -c FILE", "");
	if (c->argc - optind != 2)
		return explain_usage("give a method and a URL", "");
	struct addr client;
	if (a->client && strcmp(a->client, "unix") != 0 &&
		!addr_from_ip(str_of(a->client), 0, &client))
		return explain_usage("--client takes an address such as 192.0.2.1, or unix, not ",
			a->client);
	a->method = c->argv[optind];
	a->url = c->argv[optind + 1];
	return 0;
}

static bool explain_is_host(const char *field)
{
	return strncasecmp(field, "host:", 5) == 0;
}

/* The port behind the host; 0: there is none. */
static uint16_t explain_port(sluice_str authority)
{
	uint64_t port = 0;
	size_t at = authority.len;
	while (at && authority.data[at - 1] >= '0' && authority.data[at - 1] <= '9')
		at--;
	if (!at || authority.data[at - 1] != ':' ||
		!str_u64(str_n(authority.data + at, authority.len - at), &port))
		return 0;
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* "https://host:port/path?query", or "/path" with a Host field. */
static int explain_url(struct asked *a)
{
	sluice_str url = str_of(a->url);
	url = str_cut(&url, '#'); /* a client keeps the fragment to itself */
	a->target = url;
	bool has_host = false;
	for (size_t i = 0; i < a->n_fields; i++)
		has_host |= explain_is_host(a->fields[i]);
	a->is_https = str_starts(url, STR("https://"));
	a->has_scheme = a->is_https || str_starts(url, STR("http://"));
	if (!a->has_scheme) {
		if (url.len && (url.data[0] == '/' || str_eq(url, STR("*"))) && has_host)
			return 0;
		return explain_usage("give a whole URL, https://HOST/PATH, or /PATH and -H "
				     "'Host: HOST'",
			"");
	}
	size_t from = a->is_https ? 8 : 7, at = from;
	while (at < url.len && url.data[at] != '/' && url.data[at] != '?')
		at++;
	a->authority = str_n(url.data + from, at - from);
	a->target = str_n(url.data + at, url.len - at);
	a->port = explain_port(a->authority);
	if (!a->port)
		a->port = a->is_https ? HTTPS_PORT : HTTP_PORT;
	return a->authority.len ? 0 : explain_usage("the URL has no host: ", a->url);
}

/* ---- the listener -------------------------------------------------------------------------- */

static bool listener_speaks(const struct snapshot_listener *l, const struct asked *a)
{
	return !a->has_scheme || (l->tls != NULL) == a->is_https;
}

/* The listener that is named, or the one that the URL leads to; where none has its port, as behind
 * a load balancer, the first one for its scheme. */
static bool explain_listener(struct explained *e, const struct asked *a)
{
	const struct snapshot *s = e->snap;
	for (size_t i = 0; i < s->n_listeners; i++) {
		const struct snapshot_listener *l = &s->listeners[i];
		bool named = a->listener && str_eq(l->conf->name, str_of(a->listener));
		if (named ||
			(!a->listener && a->port && listener_speaks(l, a) && l->addr.len &&
				addr_port(&l->addr) == a->port)) {
			e->listener = l;
			e->listener_why = named ? "as asked" : "it has the URL's port";
			return true;
		}
	}
	if (a->listener)
		return false;
	for (size_t i = 0; i < s->n_listeners && !e->listener; i++) {
		if (listener_speaks(&s->listeners[i], a))
			e->listener = &s->listeners[i];
	}
	e->listener_why = a->has_scheme
		? "none has the URL's port; this is the first one for its scheme"
		: "the first one; --listener NAME chooses another";
	if (!e->listener && s->n_listeners) {
		e->listener = &s->listeners[0];
		e->listener_why = "none has the URL's port, and none is for its scheme; this is "
				  "the first one";
	}
	return e->listener != NULL;
}

/* ---- the request --------------------------------------------------------------------------- */

static bool explain_is_line(const char *text)
{
	return !strpbrk(text, "\r\n");
}

/* The head as a client would send it, parsed as the gateway does. */
static int explain_head(struct explained *e, const struct asked *a, struct arena *arena)
{
	const struct listener_conf *c = e->listener->conf;
	const struct http1_limits limits = { .max_fields = (uint32_t)c->max_fields,
		.max_target = (uint32_t)c->max_target,
		.path_rules = listener_path_rules(c) };
	bool has_host = false;
	sluice_str head, fields = STR("");
	for (size_t i = 0; i < a->n_fields; i++) {
		if (!strchr(a->fields[i], ':') || !explain_is_line(a->fields[i]))
			return explain_usage("no header field, `Name: value`: ", a->fields[i]);
		has_host |= explain_is_host(a->fields[i]);
		fields = arena_printf(arena, "%.*s%s\r\n", STR_ARG(fields), a->fields[i]);
	}
	if (!explain_is_line(a->method) || !explain_is_line(a->url))
		return explain_usage("a method or URL with a line break", "");
	if (!has_host)
		fields = arena_printf(arena, "Host: %.*s\r\n%.*s", STR_ARG(a->authority),
			STR_ARG(fields));
	head = arena_printf(arena, "%s %s%.*s HTTP/1.1\r\n%.*s\r\n", a->method,
		a->target.len && a->target.data[0] != '?' ? "" : "/", STR_ARG(a->target),
		STR_ARG(fields));
	e->err = http1_parse_request(&e->head, head.data, head.len, arena, &limits);
	return 0;
}

/* ---- routes and plugins -------------------------------------------------------------------- */

static void explain_on_route(void *ctx, const struct route_explanation *x)
{
	struct explained *e = ctx;
	struct explain_route *r = &e->routes[e->n_routes++];
	r->route = x->rule->data;
	r->verdict = x->verdict;
	r->part = x->part;
	e->is_open |= x->is_open;
	(void)route_explanation_text(x, r->why, sizeof(r->why));
}

static void explain_routes(struct explained *e, const struct asked *a, struct arena *arena)
{
	struct route_result res;
	const struct router *router = e->snap->router;
	e->routes = mem_array(struct explain_route, router_count(router) + 1);
	const struct route_asked asked = { .head = &e->head,
		.listener = e->listener->conf->name,
		.client = a->client ? str_of(a->client) : STR_NONE };
	e->rule = route_explain(router, &asked, &res, explain_on_route, e);
	e->entry = res.entry;
	e->err = e->rule ? 0 : res.err;
	e->route = e->rule ? e->rule->data : NULL;
	e->captures = res.captures;
	if (e->head.method == METHOD_OPTIONS && options_is_ours(&e->head, &res)) {
		e->err = options_allow(router, &asked, arena, &e->allow);
		e->route = NULL;
		return;
	}
	if (res.err == ERR_METHOD_NOT_ALLOWED)
		e->allow = route_allow(router, &res, arena);
}

/* ---- the command --------------------------------------------------------------------------- */

static int explain_with(struct command *c, const struct asked *a, const struct snapshot *s)
{
	struct explained e = { .snap = s };
	struct arena arena;
	if (!explain_listener(&e, a))
		return a->listener ? explain_usage("there is no listener ", a->listener)
				   : explain_usage("the configuration has no listener", "");
	arena_init(&arena, 0);
	int code = explain_head(&e, a, &arena);
	if (code == 0) {
		if (!e.err)
			explain_routes(&e, a, &arena);
		if (c->json)
			explain_print_json(&e);
		else
			explain_print(&e, a->all);
		code = e.err ? 1 : 0;
	}
	free(e.routes);
	arena_fini(&arena);
	return code;
}

int command_explain(struct command *c)
{
	struct asked a = { 0 };
	struct command_config l;
	int code = explain_arguments(c, &a);
	if (!code)
		code = explain_url(&a);
	if (code)
		return code;
	command_load(c, &l);
	if (l.snap) {
		code = explain_with(c, &a, l.snap);
	} else {
		diag_print(&l.diag, stderr);
		code = 2;
	}
	command_unload(&l);
	return code;
}
