/* upstream/conf: what a file says, what is left out, and mistakes that are told at their place. */
#include "upstream/conf.h"

#include <stdio.h>

#include "config/table.h"
#include "config/yaml.h"
#include "unit.h"

static struct arena arena;
static struct diag diag;
static struct config config;
static struct bind bind_state;
static struct upstream_conf conf;

/* The mistakes, as many lines. */
static const char *read_conf(const char *yaml)
{
	static char text[4096];
	size_t at = 0;
	arena_init(&arena, 0);
	diag_init(&diag);
	config_init(&config, &arena, &diag);
	bind_init(&bind_state, &arena, &diag, &config);
	conf = (struct upstream_conf){ 0 };
	if (config_load_text(&config, "f", "/", str_of(yaml)) == 0) {
		const struct node *n = config.root->v[0];
		int bad = bind_map(&bind_state, n, upstream_options, &conf);
		if (!bad)
			bad = upstream_conf_check(&bind_state, &conf);
		assert_int_equal(bad != 0, diag.n_errors != 0);
	}
	text[0] = 0;
	for (unsigned i = 0; i < diag.n_items; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%u:%u %s: %s\n",
			(unsigned)diag.items[i]->line, (unsigned)diag.items[i]->col,
			diag.items[i]->path, diag.items[i]->text);
	return text;
}

static void forget(void)
{
	bind_fini(&bind_state);
	diag_fini(&diag);
	arena_fini(&arena);
}

TEST(table_is_sound)
{
	char why[256] = "";
	if (table_check(upstream_options, sizeof(struct upstream_conf), true, why, sizeof(why)) < 0)
		fail_msg("%s", why);
}

TEST(defaults)
{
	assert_string_equal(read_conf("orders:\n  servers: [10.0.0.5:9000]\n"), "");
	const struct upstream_server *s = conf.servers.v;
	assert_str(conf.name, "orders");
	assert_int_equal(conf.servers.n, 1);
	assert_str(s[0].address, "10.0.0.5:9000");
	assert_int_equal(s[0].weight, 1);
	assert_int_equal(conf.balance.algorithm, BALANCE_ROUND_ROBIN);
	assert_int_equal(conf.timeouts.connect, 1000);
	assert_int_equal(conf.timeouts.response, 15000);
	assert_int_equal(conf.timeouts.idle, 60000);
	assert_int_equal(conf.health.failures, 3);
	assert_int_equal(conf.retries, 2);
	assert_int_equal(conf.max_connections, 0);
	assert_int_equal(conf.max_head, 65536);
	assert_int_equal(conf.resolve_interval, 30000);
	assert_false(conf.use_tls);
	forget();
}

TEST(everything)
{
	assert_string_equal(read_conf("orders:\n"
				      "  servers: [orders.internal:9000, { address: "
				      "'[2001:db8::6]:9000', weight: 2 }, unix:/run/o.sock]\n"
				      "  balance: least-requests\n"
				      "  timeouts: { connect: 250ms, queue: 2s }\n"
				      "  health: { failures: 0 }\n"
				      "  max_connections: 100\n"
				      "  tls: { verify: false }\n"),
		"");
	const struct upstream_server *s = conf.servers.v;
	assert_int_equal(conf.servers.n, 3);
	assert_int_equal(s[1].weight, 2);
	assert_int_equal(conf.balance.algorithm, BALANCE_LEAST_REQUESTS);
	assert_int_equal(conf.timeouts.connect, 250);
	assert_int_equal(conf.timeouts.response, 15000);
	assert_int_equal(conf.timeouts.queue, 2000);
	assert_int_equal(conf.health.failures, 0);
	assert_true(conf.use_tls);
	assert_false(conf.tls.verify);
	forget();
	assert_string_equal(read_conf("orders: { servers: [a:1], tls: {} }\n"), "");
	assert_true(conf.use_tls && conf.tls.verify);
	forget();
}

TEST(how_servers_are_chosen)
{
	assert_string_equal(
		read_conf("o:\n"
			  "  servers:\n"
			  "  - { address: 'a:80', weight: 2, zone: x, max_connections: 9 }\n"
			  "  - { address: 'b:80', weight: 0, backup: true }\n"
			  "  balance: hash\n"
			  "  hash: { by: 'cookie:sid', balance: 2.5 }\n"
			  "  sticky: { cookie: lb, same_site: strict, ttl: 1h,\n"
			  "            key: [0123456789abcdef, fedcba9876543210] }\n"
			  "  zones: { local_min: 60.5% }\n"
			  "  slow_start: 30s\n"
			  "  health: { panic: 50% }\n"),
		"");
	const struct upstream_server *s = conf.servers.v;
	assert_str(s[0].zone, "x");
	assert_int_equal(s[0].max_connections, 9);
	assert_true(s[1].backup && s[1].weight == 0);
	assert_int_equal(conf.balance.algorithm, BALANCE_HASH);
	assert_int_equal(conf.hash.bound, 250);
	assert_true(conf.sticky.secure && conf.sticky.http_only);
	assert_int_equal(conf.sticky.same_site, SAME_SITE_STRICT);
	assert_int_equal(conf.sticky.key.n, 2);
	assert_int_equal(conf.zones.local_min, 6050);
	assert_int_equal(conf.slow_start, 30000);
	assert_int_equal(conf.health.panic, 5000);
	forget();
	assert_string_equal(read_conf("o: { servers: [a:80] }\n"), "");
	assert_int_equal(conf.sticky.cookie.len, 0);
	assert_int_equal(conf.zones.local_min, 7000);
	assert_int_equal(conf.health.panic, 0);
	forget();
	assert_string_equal(read_conf("o: { servers: [a:80], balance: hash, hash: ip }\n"), "");
	assert_int_equal(conf.hash.bound, 125);
	forget();
	assert_string_equal(
		read_conf(
			"o: { servers: [a:80], balance: hash, hash: { by: ip, balance: off } }\n"),
		"");
	assert_int_equal(conf.hash.bound, 0);
	forget();
}

TEST(health)
{
	assert_string_equal(read_conf("o: { servers: [a:1] }\n"), "");
	assert_int_equal(conf.health.count, HEALTH_COUNT_DEFAULT);
	assert_int_equal(conf.health.max_ejected, 10000);
	assert_int_equal(conf.health.stall, 250);
	assert_int_equal(conf.health.outliers.requests, 0);
	assert_false(conf.health.check.is_on);
	forget();
	assert_string_equal(read_conf("o:\n  servers: [a:1]\n  health:\n"
				      "    count: [connect, 503]\n"
				      "    max_ejected: 50%\n"
				      "    stall: 0s\n"
				      "    outliers: { deviation: 2.25 }\n"
				      "    check: { expect: [204, 300-399], jitter: 0% }\n"),
		"");
	assert_int_equal(conf.health.count, 1u << COUNT_CONNECT | 1u << (COUNT_STATUS + 4));
	assert_int_equal(conf.health.max_ejected, 5000);
	assert_int_equal(conf.health.stall, 0);
	assert_int_equal(conf.health.outliers.requests, 100);
	assert_int_equal(conf.health.outliers.deviation_1000, 2250);
	assert_true(conf.health.check.is_on);
	assert_int_equal(conf.health.check.rise, 2);
	assert_int_equal(conf.health.check.jitter, 0);
	forget();
	assert_string_equal(read_conf("o: { servers: [a:1], health: { check: {} } }\n"), "");
	assert_true(conf.health.check.is_on);
	assert_int_equal(conf.health.check.jitter, 1000);
	forget();
}

TEST(statuses)
{
	struct status_set s = { 0 };
	assert_true(status_set_add(&s, STR("200-299")));
	assert_true(status_set_add(&s, STR("404")));
	assert_true(status_set_has(&s, 200) && status_set_has(&s, 299) && status_set_has(&s, 404));
	assert_false(status_set_has(&s, 199) || status_set_has(&s, 300) || status_set_has(&s, 0));
	assert_false(status_set_has(&s, 600));
	static const char *const wrong[] = { "", "20", "2000", "abc", "299-200", "099", "100-600",
		"-", "200-", "-200", "200-299-300" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(status_set_add(&s, str_of(wrong[i])));
}

TEST(mistakes)
{
	static const struct {
		const char *yaml, *said;
	} cases[] = {
		{ "o: {}\n", "servers" },
		{ "o: { servers: [a:1], health: { max_ejected: 0% } }\n", "max_ejected" },
		{ "o: { servers: [a:1], health: { max_ejected: half } }\n", "max_ejected" },
		{ "o: { servers: [a:1], health: { count: [connect, 404] } }\n", "404" },
		{ "o: { servers: [a:1], health: { outliers: { deviation: 1. } } }\n",
			"deviation: \"1.\" is not a number" },
		{ "o: { servers: [a:1], health: { check: { expect: [2xx] } } }\n",
			"expect: \"2xx\" is not a status" },
		{ "o: { servers: [a:1], health: { check: { path: health } } }\n",
			"path: \"health\" is not a path" },
		{ "o: { servers: [a:1], health: { check: { body: 'regex:(' } } }\n",
			"the expression is malformed" },
		{ "o: { servers: [a:1], health: { check: { kind: tcp, path: /x } } }\n",
			"only a check of kind http has this" },
		{ "o: { servers: [a:1], health: { check: { service: x } } }\n",
			"only a check of kind grpc has this" },
		{ "o: { servers: [a:1], health: { check: { kind: tls } } }\n",
			"the upstream has no TLS to check" },
		{ "o: { servers: [a:1], health: { check: { kind: grpc } } }\n",
			"gRPC needs HTTP/2" },
		{ "o: { servers: [a:1], protocol: auto, health: { check: { kind: grpc } } }\n",
			"which auto chooses over TLS only" },
		{ "o:\n  servers: []\n", "2:12 o.servers: " },
		{ "o:\n  servers: [localhost]\n", "2:13 o.servers[0]: the server has no port\n" },
		{ "o:\n  servers: [10.0.0.1]\n", "2:13 o.servers[0]: the server has no port\n" },
		{ "o:\n  servers: ['http://a:80']\n", "a server is host:port, without a scheme" },
		{ "o:\n  servers: ['a:0']\n", "not the address of a server" },
		{ "o:\n  servers: ['a:70000']\n", "not the address of a server" },
		{ "o:\n  servers: ['a b:80']\n", "not the address of a server" },
		{ "o:\n  servers: ['10.0.0.256:80']\n", "not the address of a server" },
		{ "o:\n  servers: ['[::g]:80']\n", "not the address of a server" },
		{ "o:\n  servers: ['unix:']\n", "not the address of a server" },
		{ "o:\n  servers:\n  - a:80\n  - b:80\n  - { address: 'A:80' }\n",
			"5:16 o.servers[2].address: this server stands" },
		{ "o:\n  servers: [{ address: 'a:80', weight: 101 }]\n",
			"2:40 o.servers[0].weight" },
		{ "o:\n  servers: [{ address: 'a:80', weight: 0 }]\n",
			"2:12 o.servers: all servers have weight 0" },
		{ "o:\n  servers: [a:80]\n  balance: hash\n",
			"3:12 o.balance: hash needs to know what of a request decides" },
		{ "o:\n  servers: [a:80]\n  hash: ip\n",
			"3:9 o.hash: without `balance: hash` this does nothing" },
		{ "o:\n  servers: [a:80]\n  balance: hash\n  hash: { by: ip, balance: 1.04 }\n",
			"4:28 o.hash.balance: \"1.04\" is no multiple of the mean load" },
		{ "o:\n  servers: [a:80]\n  balance: hash\n  hash: { by: ip, balance: 1.255 }\n",
			"o.hash.balance" },
		{ "o:\n  servers: [a:80]\n  balance: hash\n  hash: { by: ip, balance: 1.x }\n",
			"o.hash.balance" },
		{ "o:\n  servers: [a:80]\n  zones: { local_min: 101% }\n", "o.zones.local_min" },
		{ "o:\n  servers: [a:80]\n  zones: { local_min: 70 }\n", "3:23 o.zones.local_min" },
		{ "o:\n  servers: [a:80]\n  health: { panic: 101% }\n", "3:20 o.health.panic" },
		{ "o:\n  servers: [a:80]\n  sticky: { secure: true }\n", "cookie" },
		{ "o:\n  servers: [a:80]\n  sticky: 'a b'\n", "is no name of a cookie" },
		{ "o:\n  servers: [a:80]\n  sticky: { cookie: a, path: 'x' }\n",
			"3:30 o.sticky.path: \"x\" is no path of a cookie" },
		{ "o:\n  servers: [a:80]\n  sticky: { cookie: a, path: '/;x' }\n",
			"o.sticky.path" },
		{ "o:\n  servers: [a:80]\n  sticky: { cookie: a, key: secret }\n",
			"a key of 6 bytes is too short" },
		{ "o:\n  servers: [a:80]\n  sticky: { cookie: a, secure: false, same_site: none "
		  "}\n",
			"browsers refuse it without `secure`" },
		{ "o:\n  servers: [a:80]\n  sticky: { cookie: __Host-a, path: /x }\n",
			"unless it has secure: true and path: /" },
		{ "o:\n  servers: [a:80]\n  sticky: { cookie: __Secure-a, secure: false }\n",
			"unless it has secure: true" },
		{ "o:\n  servers: [a:80]\n  retries: 8\n", "3:12 o.retries" },
		{ "o:\n  servers: [a:80]\n  balance: random\n", "3:12 o.balance" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *said = read_conf(cases[i].yaml);
		if (!strstr(said, cases[i].said))
			fail_msg("%s says \"%s\", not \"%s\"", cases[i].yaml, said, cases[i].said);
		forget();
	}
}

TEST(addresses)
{
	struct upstream_address a;
	assert_true(upstream_address_parse(STR("10.0.0.1:80"), &a));
	assert_int_equal(a.host.len, 0);
	assert_int_equal(addr_port(&a.addr), 80);
	assert_true(upstream_address_parse(STR("orders-2.internal_net.example.:8080"), &a));
	assert_str(a.host, "orders-2.internal_net.example.");
	assert_int_equal(a.port, 8080);
	assert_int_equal(a.addr.len, 0);
	assert_true(upstream_address_parse(STR("unix:/run/x"), &a));
	assert_int_equal(a.addr.sa.sa_family, AF_UNIX);
	assert_true(upstream_address_parse(STR("1a:80"), &a));
	assert_false(upstream_address_parse(STR("1.2.3:80"), &a));
	assert_false(upstream_address_parse(STR("a..b:80"), &a));
	assert_false(upstream_address_parse(STR(".:80"), &a));
	assert_false(upstream_address_parse(STR("[a]:80"), &a));
}

TEST(ways_to_find_servers)
{
	assert_string_equal(read_conf("o:\n  discover: { srv: _http._tcp.o.test }\n"), "");
	assert_str(conf.discover.srv, "_http._tcp.o.test");
	assert_int_equal(conf.discovery.len, 0);
	forget();
	assert_string_equal(read_conf("o:\n  discover: { plugin: finder }\n"), "");
	assert_str(conf.discovery, "finder");
	forget();
	assert_string_equal(read_conf("o:\n  discover: { srv: a.test, plugin: finder }\n"),
		"2:3 o.discover: servers are found in one way only\n");
	forget();
	assert_string_equal(read_conf("o:\n  discover: {}\n"),
		"2:3 o.discover: nothing says how servers are found\n");
	forget();
	assert_string_equal(read_conf("o:\n  discovery: x\n  discover: { srv: a.test }\n"),
		"2:14 o.discovery: servers are found in one way only\n");
	forget();
	assert_string_equal(read_conf("o:\n  discover: { srv: 'a.test:80' }\n"),
		"2:20 o.discover.srv: not the name of a service\n");
	forget();
	/* another program may write the file later */
	const char *text = read_conf("o:\n  discover: { file: no/such.json }\n");
	assert_non_null(strstr(text, "0:0 : cannot be read"));
	assert_int_equal(diag.n_warnings, 1);
	assert_str(conf.discover.file, "/no/such.json");
	forget();
}
