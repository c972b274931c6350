/* proxy/build_warn_auth: routes that are open beside routes that are not. An instance of the
 * script plugin reads credentials when it is called so. */
#include "proxy_kit.h"

TEST_GROUP(kit_setup, kit_teardown);

static int own(sluice_instance *inst, void *conf)
{
	const struct script_conf *c = conf;
	if (str_eq(c->label, STR("reads")))
		sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, SLUICE_STR("authorization"));
	else if (str_eq(c->label, STR("writes")))
		sluice_own(inst, SLUICE_OWN_WORD, SLUICE_STR("x-user"));
	return 0;
}

#define REST                                       \
	"plugins:\n"                               \
	"  login: { use: script, label: reads }\n" \
	"  word: { use: script, label: writes }\n" \
	"  guard: { use: script, label: reads }\n" \
	"upstreams: { up: { servers: ['10.0.0.1:1'] } }\n"
#define TWO                                          \
	"runtime: { workers: 1 }\n"                  \
	"listeners:\n"                               \
	"  - { name: in, address: '127.0.0.1:1' }\n" \
	"  - { name: out, address: '127.0.0.1:2', %s }\n" REST "routes:\n" ROUTE("all", "login")

#define ROUTE(name, plugins)                                                                      \
	"  - { name: " name ", match: { path: /" name " }, plugins: [" plugins "], upstream: up " \
	"}\n"

/* What is said about credentials of this second listener and these further routes. */
static const char *said(const char *listener, const char *routes)
{
	static char text[4096], found[4096];
	char conf[4096];
	size_t at = 0;
	script->check = own;
	(void)snprintf(text, sizeof(text), TWO "%s", listener, routes);
	(void)snprintf(conf, sizeof(conf), "%s", text);
	struct snapshot *s = kit_load(conf, NULL);
	script->check = NULL;
	if (!s)
		fail_msg("%s", kit_report);
	snapshot_free(s);
	found[0] = 0;
	for (char *line = strtok(kit_report, "\n"); line; line = strtok(NULL, "\n")) {
		if (strstr(line, "credentials") && strstr(line, "warning: "))
			at += (size_t)snprintf(found + at, sizeof(found) - at, "%s\n",
				strstr(line, "warning: ") + strlen("warning: "));
	}
	return found;
}

#define SAYS(name, index, others)          \
	"routes[" index "]: route \"" name \
	"\" asks for no credentials, beside routes of the same host that do: " others "\n"
#define OPEN(name, more) \
	"  - { name: " name ", match: { path: /" name " }, upstream: up" more " }\n"

TEST(an_open_route_beside_one_that_is_not)
{
	assert_string_equal(said("max_head: 4KiB", OPEN("a", "")),
		SAYS("a", "1", "\"all\" (login)"));
	/* any other plugin is none */
	assert_string_equal(said("max_head: 4KiB", ROUTE("a", "word")),
		SAYS("a", "1", "\"all\" (login)"));
	assert_string_equal(said("max_head: 4KiB", ROUTE("a", "word, guard")), "");
}

TEST(not_more_neighbours_than_one_can_read)
{
	assert_string_equal(said("max_head: 4KiB",
				    ROUTE("b", "guard") ROUTE("c", "login") ROUTE("d", "login")
					    OPEN("a", "")),
		SAYS("a", "4", "\"all\" (login), \"b\" (guard), \"c\" (login) and others"));
}

TEST(it_is_meant)
{
	assert_string_equal(said("max_head: 4KiB", OPEN("a", ", public: true")), "");
	assert_string_equal(said("max_head: 4KiB",
				    "  - { name: a, match: { path: /a, client: "
				    "[10.0.0.0/8] }, upstream: up }\n"),
		"");
	assert_string_equal(said("max_head: 4KiB",
				    "  - { name: a, match: { path: /a }, respond: {} "
				    "}\n"),
		"");
}

TEST(a_public_route_with_a_plugin_that_asks)
{
	static const char says[] = "routes[1].public: route \"a\" is public, and plugin instance "
				   "\"guard\" reads credentials all the same\n";
	assert_string_equal(said("max_head: 4KiB",
				    "  - { name: a, match: { path: /a }, plugins: [guard], "
				    "upstream: up, public: true }\n"),
		says);
	assert_string_equal(said("plugins: [guard]", OPEN("a", ", public: true")), says);
}

TEST(another_host_or_listener)
{
	assert_string_equal(said("max_head: 4KiB",
				    "  - { name: a, match: { host: a.test, path: /a "
				    "}, upstream: up }\n"),
		"");
	assert_string_equal(said("max_head: 4KiB",
				    "  - { name: b, match: { host: [a.test, b.test], listener: "
				    "out, path: /b }, "
				    "plugins: [guard], upstream: up }\n"
				    "  - { name: a, match: { host: [c.test, A.test], path: /a }, "
				    "upstream: up }\n"),
		SAYS("a", "2", "\"b\" (guard)"));
	assert_string_equal(said("max_head: 4KiB",
				    "  - { name: b, match: { host: a.test, listener: out, path: /b "
				    "}, plugins: [guard], "
				    "upstream: up }\n"
				    "  - { name: a, match: { host: a.test, listener: in, path: /a "
				    "}, upstream: up }\n"),
		"");
}

/* Where the listener asks, no route is open. */
TEST(a_listener_that_asks)
{
	assert_string_equal(said("plugins: [guard]",
				    "  - { name: a, match: { path: /a, listener: "
				    "out }, upstream: up }\n"),
		"");
	/* the other one does not */
	assert_string_equal(said("plugins: [guard]", OPEN("a", "")),
		SAYS("a", "1", "\"all\" (login)"));
}
