/* status, reload, reopen, upgrade, drain, stop and server: find the gateway, ask it, and choose the
 * exit code. */
#include "app/ctl.h"

#include "app/command.h"
#include "config/file.h"
#include "proxy/conf.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NOBODY = 3 };

static const struct ctl_action actions[] = {
	{ "status", "GET", "/status", ctl_print_status },
	{ "reload", "POST", "/reload", ctl_print_done },
	{ "reopen", "POST", "/reopen", ctl_print_done },
	{ "upgrade", "POST", "/upgrade", ctl_print_done },
	{ "drain", "POST", "/drain", ctl_print_done },
	{ "stop", "POST", "/stop", ctl_print_done },
};

static const struct ctl_action *ctl_action(const char *name)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	}
	check(false, "the command %s asks nothing of a gateway", name);
}

/* The admin address in a file. The file may have mistakes, since `sluice reload` is about to report
 * them. */
static sluice_str ctl_address_in(struct arena *a, const char *file)
{
	struct diag d;
	struct config c;
	sluice_str text = STR_NONE;
	diag_init(&d);
	config_init(&c, a, &d);
	c.top = gateway_options;
	bool ok = config_load(&c, file) == 0;
	const struct node *n = c.root ? node_find(c.root, STR("admin")) : NULL;
	if (n && n->kind == NODE_MAP)
		n = node_find(n, STR("address"));
	if (n && n->kind == NODE_SCALAR && !n->broken && !node_is_null(n))
		text = config_address(&c, n, n->text);
	if (text.len == 0 && !ok)
		diag_print(&d, stderr);
	else if (text.len == 0)
		(void)fprintf(stderr,
			"sluice: %s has no admin address; add: admin: { address: 127.0.0.1:9180 "
			"}\n",
			file);
	diag_fini(&d);
	return text;
}

/* Replace the wildcard address of a gateway by the loopback address. */
static void ctl_from_here(struct addr *a)
{
	if (a->sa.sa_family == AF_INET && a->in.sin_addr.s_addr == htonl(INADDR_ANY))
		a->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr))
		a->in6.sin6_addr = in6addr_loopback;
}

static int ctl_show(const struct ctl_action *action, const struct ctl_reply *r, bool json)
{
	bool done = r->status >= 200 && r->status < 300;
	if (json) {
		(void)printf("%.*s%s", STR_ARG(r->body), str_ends(r->body, STR("\n")) ? "" : "\n");
		return done ? 0 : EXIT_REFUSED;
	}
	if (done && action->print(stdout, r->body))
		return 0;
	if (done)
		(void)fprintf(stderr,
			"sluice: what answers there is not a gateway's admin address\n");
	else
		ctl_print_problem(stderr, r->body);
	return done ? EXIT_NOBODY : EXIT_REFUSED;
}

static int ctl_run(struct arena *a, const struct command *c, const struct ctl_action *action)
{
	sluice_str text = c->admin ? str_of(c->admin) : ctl_address_in(a, c->file);
	struct addr to;
	struct ctl_reply reply;
	char why[CTL_WHY];
	if (text.len == 0)
		return EXIT_REFUSED;
	if (!addr_parse(text, &to)) {
		(void)fprintf(stderr,
			"sluice: \"%.*s\" is not an address; write 127.0.0.1:9180 or unix:PATH\n",
			STR_ARG(text));
		return c->admin ? EXIT_USAGE : EXIT_REFUSED;
	}
	ctl_from_here(&to);
	if (!ctl_ask(a, &to, action->method, action->path, &reply, why)) {
		(void)fprintf(stderr, "sluice: no gateway at %.*s: %s\n", STR_ARG(text), why);
		return EXIT_NOBODY;
	}
	return ctl_show(action, &reply, c->json);
}

static int ctl_find_and_run(const struct command *c, const struct ctl_action *action)
{
	struct arena a;
	if (!c->file == !c->admin) {
		(void)fprintf(stderr, "sluice %s: which gateway? Say -c FILE, or --admin ADDRESS\n",
			c->argv[0]);
		return EXIT_USAGE;
	}
	arena_init(&a, 0);
	int code = ctl_run(&a, c, action);
	arena_fini(&a);
	return code;
}

int command_ctl(struct command *c)
{
	if (!command_options(c, false))
		return EXIT_USAGE;
	if (c->first < c->argc) {
		(void)fprintf(stderr, "sluice %s: \"%s\" is one argument too many\n", c->argv[0],
			c->argv[c->first]);
		return EXIT_USAGE;
	}
	return ctl_find_and_run(c, ctl_action(c->argv[0]));
}

int command_server(struct command *c)
{
	char path[CTL_PATH_MAX];
	struct ctl_action action;
	if (!command_options(c, false) ||
		!ctl_server(c->argv + c->first, c->argc - c->first, path, &action))
		return EXIT_USAGE;
	return ctl_find_and_run(c, &action);
}
