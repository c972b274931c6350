/* Maps into structs: every type of option, defaults, bounds, and what is said about mistakes. */
#include <stdlib.h>
#include <unistd.h>

#include "config/bind.h"
#include "unit.h"

struct inner {
	sluice_str name;
	uint64_t weight;
	bool backup;
};
struct limits {
	uint64_t idle;
	uint64_t head;
};
struct every {
	struct limits limits;
	struct limits lazy;
	bool on;
	sluice_str text;
	int64_t number;
	uint64_t count;
	uint64_t size;
	uint64_t time;
	sluice_rate rate;
	int32_t mode;
	uint64_t methods;
	sluice_strs hosts;
	sluice_pairs headers;
	const sluice_expr *key;
	sluice_exprs by;
	const sluice_store *store;
	const sluice_upstream *upstream;
	sluice_blocks servers;
	sluice_blocks named;
	const struct node *raw;
	sluice_str secret;
};

static const sluice_option inner_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct inner, name, .doc = "where it is",
		.flags = SLUICE_F_REQUIRED | SLUICE_F_SCALAR, .min = "1"),
	SLUICE_OPTION(SLUICE_T_UINT, struct inner, weight, .doc = "share of requests", .def = "1",
		.min = "0", .max = "100"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct inner, backup, .doc = "only when no other is left"),
	SLUICE_OPTIONS_END,
};
static const sluice_option named_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct inner, name, .doc = "its name", .flags = SLUICE_F_KEY),
	SLUICE_OPTION(SLUICE_T_UINT, struct inner, weight, .doc = "share", .def = "7"),
	SLUICE_OPTIONS_END,
};
static const sluice_option limits_options[] = {
	SLUICE_OPTION(SLUICE_T_DURATION, struct limits, idle, .doc = "between requests",
		.def = "60s", .max = "1h"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct limits, head, .doc = "for a head", .def = "10s"),
	SLUICE_OPTIONS_END,
};
static const char *const modes[] = { "off", "report", "enforce", NULL };
static const char *const methods[] = { "GET", "POST", "PUT", NULL };
static const sluice_option every_options[] = {
	SLUICE_OPTION(SLUICE_T_BLOCK, struct every, limits, .doc = "limits", .sub = limits_options,
		.flags = SLUICE_F_SUBOBJECT),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct every, lazy, .doc = "limits without defaults",
		.sub = limits_options),
	SLUICE_OPTION(SLUICE_T_BOOL, struct every, on, .doc = "switch", .def = "true"),
	SLUICE_OPTION(SLUICE_T_STR, struct every, text, .doc = "text", .def = "hello", .max = "10"),
	SLUICE_OPTION(SLUICE_T_INT, struct every, number, .doc = "number", .def = "-5",
		.min = "-10", .max = "10"),
	SLUICE_OPTION(SLUICE_T_UINT, struct every, count, .doc = "count", .def = "3", .min = "1"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct every, size, .doc = "size", .def = "32KiB",
		.max = "1MiB"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct every, time, .doc = "time", .def = "30s",
		.min = "1s", .max = "1h"),
	SLUICE_OPTION(SLUICE_T_RATE, struct every, rate, .doc = "rate", .def = "100/min",
		.max = "1000/s"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct every, mode, .doc = "mode", .choices = modes,
		.def = "report"),
	SLUICE_OPTION(SLUICE_T_FLAGS, struct every, methods, .doc = "methods", .choices = methods,
		.def = "[GET, PUT]"),
	SLUICE_OPTION(SLUICE_T_STRS, struct every, hosts, .doc = "hosts", .def = "[a, b]",
		.max = "3"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct every, headers, .doc = "headers", .max = "2"),
	SLUICE_OPTION(SLUICE_T_EXPR, struct every, key, .doc = "key", .def = "ip"),
	SLUICE_OPTION(SLUICE_T_EXPRS, struct every, by, .doc = "keys"),
	SLUICE_OPTION(SLUICE_T_STORE, struct every, store, .doc = "store"),
	SLUICE_OPTION(SLUICE_T_UPSTREAM, struct every, upstream, .doc = "upstream"),
	SLUICE_OPTION(SLUICE_T_LIST, struct every, servers, .doc = "servers", .sub = inner_options,
		.sub_size = sizeof(struct inner), .max = "3"),
	SLUICE_OPTION(SLUICE_T_MAP, struct every, named, .doc = "named", .sub = named_options,
		.sub_size = sizeof(struct inner)),
	SLUICE_OPTION(SLUICE_T_NODE, struct every, raw, .doc = "anything"),
	SLUICE_OPTION(SLUICE_T_STR, struct every, secret, .doc = "secret",
		.flags = SLUICE_F_SECRET),
	SLUICE_OPTIONS_END,
};

/* One configuration, bound; the report as printed. */
struct fixture {
	struct arena arena;
	struct diag diag;
	struct config config;
	struct bind bind;
	struct every every;
	char *report;
	int rc;
};

static int expr_of(void *ctx, const struct node *n, const sluice_expr **out)
{
	struct fixture *f = ctx;
	if (str_eq(n->text, STR("bad")))
		return diag_error_node(&f->diag, n, "no such expression");
	*out = (const sluice_expr *)(const void *)arena_str(&f->arena, n->text).data;
	return 0;
}

static int store_of(void *ctx, const struct node *n, const sluice_store **out)
{
	struct fixture *f = ctx;
	*out = (const sluice_store *)(const void *)arena_str(&f->arena, n->text).data;
	return 0;
}

static int upstream_of(void *ctx, const struct node *n, const sluice_upstream **out)
{
	struct fixture *f = ctx;
	if (str_eq(n->text, STR("bad")))
		return diag_error_node(&f->diag, n, "no such upstream");
	*out = (const sluice_upstream *)(const void *)arena_str(&f->arena, n->text).data;
	return 0;
}

static void report(struct fixture *f)
{
	size_t n;
	free(f->report);
	FILE *to = open_memstream(&f->report, &n);
	diag_print(&f->diag, to);
	(void)fclose(to);
}

static struct fixture *fixture_new(const char *text)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	arena_init(&f->arena, 0);
	diag_init(&f->diag);
	config_init(&f->config, &f->arena, &f->diag);
	bind_init(&f->bind, &f->arena, &f->diag, &f->config);
	f->bind.expr = expr_of;
	f->bind.store = store_of;
	f->bind.upstream = upstream_of;
	f->bind.ctx = f;
	f->rc = config_load_text(&f->config, "t.yaml", "/tmp", str_of(text));
	return f;
}

static struct fixture *bound(const char *text)
{
	struct fixture *f = fixture_new(text);
	assert_non_null(f->config.root);
	if (bind_map(&f->bind, f->config.root, every_options, &f->every) < 0)
		f->rc = -1;
	report(f);
	return f;
}

static void fixture_free(struct fixture *f)
{
	free(f->report);
	bind_fini(&f->bind);
	diag_fini(&f->diag);
	arena_fini(&f->arena);
	arena_thread_fini();
	free(f);
}

static void refused(const char *text, const char *expected)
{
	struct fixture *f = bound(text);
	assert_string_equal(f->report, expected);
	assert_int_equal(f->rc, -1);
	fixture_free(f);
}

TEST(defaults)
{
	struct fixture *f = bound("");
	assert_string_equal(f->report, "");
	assert_int_equal(f->rc, 0);
	assert_int_equal(f->every.limits.idle, 60000);
	assert_int_equal(f->every.limits.head, 10000);
	assert_int_equal(f->every.lazy.idle, 0);
	assert_true(f->every.on);
	assert_str(f->every.text, "hello");
	assert_int_equal(f->every.number, -5);
	assert_int_equal(f->every.count, 3);
	assert_int_equal(f->every.size, 32768);
	assert_int_equal(f->every.time, 30000);
	assert_int_equal(f->every.rate.count, 100);
	assert_int_equal(f->every.rate.period_ms, 60000);
	assert_int_equal(f->every.mode, 1);
	assert_int_equal(f->every.methods, 5);
	assert_int_equal(f->every.hosts.n, 2);
	assert_str(f->every.hosts.v[1], "b");
	assert_string_equal((const char *)f->every.key, "ip");
	assert_null(f->every.store);
	assert_null(f->every.upstream);
	assert_null(f->every.raw);
	assert_int_equal(f->every.servers.n, 0);
	assert_false(bind_given(&f->bind, &f->every, "on"));
	assert_false(bind_given(&f->bind, &f->every.limits, "idle"));
	fixture_free(f);
}

TEST(every_type)
{
	struct fixture *f = bound("limits: { idle: 5s }\n"
				  "lazy: { head: 1ms }\n"
				  "on: false\n"
				  "text: 'a: b'\n"
				  "number: 10\n"
				  "count: 18446744073709551615\n"
				  "size: 1MiB\n"
				  "time: 1h\n"
				  "rate: 10/30s\n"
				  "mode: off\n"
				  "methods: POST\n"
				  "hosts: [x, y, \"\"]\n"
				  "headers: { Z-First: 1, A-Second: two }\n"
				  "key: header:x\n"
				  "by: [ip, route]\n"
				  "store: shared\n"
				  "upstream: orders\n"
				  "servers: [10.0.0.1:80, { name: b, weight: 5, backup: true }]\n"
				  "named: { one: {}, two: { weight: 9 }, three: }\n"
				  "raw: [1, [2]]\n"
				  "secret: hush\n");
	assert_string_equal(f->report, "");
	assert_int_equal(f->rc, 0);
	const struct every *e = &f->every;
	assert_int_equal(e->limits.idle, 5000);
	assert_int_equal(e->limits.head, 10000);
	assert_int_equal(e->lazy.head, 1);
	assert_int_equal(e->lazy.idle, 60000);
	assert_false(e->on);
	assert_str(e->text, "a: b");
	assert_int_equal(e->number, 10);
	assert_true(e->count == UINT64_MAX);
	assert_int_equal(e->size, 1 << 20);
	assert_int_equal(e->time, 3600000);
	assert_int_equal(e->rate.count, 10);
	assert_int_equal(e->rate.period_ms, 30000);
	assert_int_equal(e->mode, 0);
	assert_int_equal(e->methods, 2);
	assert_int_equal(e->hosts.n, 3);
	assert_str(e->hosts.v[2], "");
	assert_int_equal(e->headers.n, 2);
	assert_str(e->headers.v[0].name, "Z-First");
	assert_str(e->headers.v[1].value, "two");
	assert_string_equal((const char *)e->key, "header:x");
	assert_int_equal(e->by.n, 2);
	assert_string_equal((const char *)e->by.v[1], "route");
	assert_string_equal((const char *)e->store, "shared");
	assert_string_equal((const char *)e->upstream, "orders");
	const struct inner *s = e->servers.v;
	assert_int_equal(e->servers.n, 2);
	assert_str(s[0].name, "10.0.0.1:80");
	assert_int_equal(s[0].weight, 1);
	assert_int_equal(s[1].weight, 5);
	assert_true(s[1].backup);
	const struct inner *m = e->named.v;
	assert_int_equal(e->named.n, 3);
	assert_str(m[1].name, "two");
	assert_int_equal(m[1].weight, 9);
	assert_int_equal(m[2].weight, 7);
	assert_int_equal(e->raw->n, 2);
	assert_str(e->secret, "hush");
	assert_int_equal(bind_node(&f->bind, &s[1])->line, 18);
	assert_int_equal(bind_node(&f->bind, &s[1])->col, 24);
	assert_true(bind_given(&f->bind, &s[1], "weight"));
	assert_false(bind_given(&f->bind, &s[0], "weight"));
	assert_true(bind_given(&f->bind, &s[0], "name"));
	fixture_free(f);
}

TEST(values_refused)
{
	refused("on: yes\n",
		"t.yaml:1:5: error: on: expected true or false, not \"yes\"\n    hint: write "
		"true\n");
	refused("time: 30\n",
		"t.yaml:1:7: error: time: expected a duration such as 30s, not \"30\"\n"
		"    hint: a duration needs its unit: write 30s or 30ms\n");
	refused("time: 2h\n", "t.yaml:1:7: error: time: must be between 1s and 1h, not \"2h\"\n");
	refused("size: 2MiB\n", "t.yaml:1:7: error: size: must be at most 1MiB, not \"2MiB\"\n");
	refused("count: 0\n", "t.yaml:1:8: error: count: must be at least 1, not \"0\"\n");
	refused("count: [1]\n",
		"t.yaml:1:8: error: count: expected a whole number such as 3, not a list\n");
	refused("count: 18446744073709551616\n",
		"t.yaml:1:8: error: count: \"18446744073709551616\" is more than can be counted\n");
	refused("rate: 1001/s\n",
		"t.yaml:1:7: error: rate: must be at most 1000/s, not \"1001/s\"\n");
	refused("mode: reprot\n",
		"t.yaml:1:7: error: mode: expected one of off, report or enforce, not \"reprot\"\n"
		"    hint: did you mean report?\n");
	refused("methods: [GET, get]\n",
		"t.yaml:1:16: error: methods[1]: expected one of GET, POST or PUT, or a list of "
		"them, not \"get\"\n"
		"    hint: did you mean GET?\n");
	refused("hosts: [a, b, c, d]\n",
		"t.yaml:1:8: error: hosts: must have at most 3 members, not 4\n");
	refused("hosts:\n",
		"t.yaml:1:7: error: hosts: expected a text or a list of texts such as [a, b], not "
		"nothing\n"
		"    hint: write [] for none, or leave the key out to have the default\n");
	refused("text:\n",
		"t.yaml:1:6: error: text: expected a text such as hello, not nothing\n"
		"    hint: write \"\" for an empty text, or leave the key out\n");
	refused("text: much too long\n",
		"t.yaml:1:7: error: text: must be at most 10 bytes long, not \"much too long\"\n");
	refused("headers: [a]\n",
		"t.yaml:1:10: error: headers: expected a block of texts such as { name: text }, "
		"not a list\n");
	refused("servers: { a: b }\n",
		"t.yaml:1:10: error: servers: expected a list of blocks such as [NAME], not a "
		"block\n");
	refused("limits: [1]\n",
		"t.yaml:1:9: error: limits: expected a block such as { idle: 60s }, not a list\n");
	refused("servers:\n  - weight: 3\n  - ''\n",
		"t.yaml:2:5: error: servers[0]: name is required: where it is\n"
		"t.yaml:3:5: error: servers[1]: must not be empty\n");
	refused("key: bad\n", "t.yaml:1:6: error: key: no such expression\n");
	refused("secret: [hush]\n", "t.yaml:1:9: error: secret: expected a text, not a list\n");
}

TEST(unknown_keys)
{
	refused("cuont: 1\n",
		"t.yaml:1:1: error: unknown key \"cuont\"\n    hint: did you mean count?\n");
	refused("limits:\n  idel: 5s\n",
		"t.yaml:2:3: error: limits: unknown key \"idel\"\n    hint: did you mean idle?\n");
	refused("limit: 5s\n",
		"t.yaml:1:1: error: unknown key \"limit\"\n    hint: did you mean limits?\n");
	refused("head: 5s\n",
		"t.yaml:1:1: error: unknown key \"head\"\n    hint: it belongs inside the block "
		"limits\n");
	refused("limits: { connections: 1 }\n",
		"t.yaml:1:11: error: limits: unknown key \"connections\"\n    hint: known keys are "
		"idle, head\n");
	refused("named: { one: { name: x } }\n",
		"t.yaml:1:17: error: named.one: unknown key \"name\"\n    hint: known keys are "
		"weight\n");
}

/* What is refused has its default, and later checks of it stay quiet. */
TEST(refused_is_quiet)
{
	struct fixture *f = bound("time: soon\ncount: 5\nhosts: [\"${NOT_THERE_AT_ALL}\"]\n");
	assert_int_equal(f->every.time, 30000);
	assert_int_equal(f->diag.n_errors, 2);
	assert_int_equal(bind_error(&f->bind, &f->every, "time", "must be even"), -1);
	diag_hint(&f->diag, "not to be shown with another mistake");
	assert_int_equal(f->diag.n_errors, 2);
	bind_error(&f->bind, &f->every, "count", "must be even");
	bind_error(&f->bind, &f->every, "size", "must be odd");
	bind_error(&f->bind, &f->every.limits, "idle", "too short");
	bind_error(&f->bind, &f->every.lazy, "idle", "missing");
	bind_warn(&f->bind, &f->every, NULL, "all of it");
	report(f);
	assert_string_equal(f->report,
		"t.yaml:1:1: error: must be odd\n"
		"t.yaml:1:1: error: limits: too short\n"
		"t.yaml:1:1: error: missing\n"
		"t.yaml:1:1: warning: all of it\n"
		"t.yaml:1:7: error: time: expected a duration such as 30s, not \"soon\"\n"
		"    hint: a whole number and one of the units ms, s, m, h, d, without a blank\n"
		"t.yaml:2:8: error: count: must be even\n"
		"t.yaml:3:9: error: hosts[0]: the environment has no variable NOT_THERE_AT_ALL\n"
		"    hint: set it, or give a default: ${NOT_THERE_AT_ALL:-default}\n");
	assert_null(bind_node(&f->bind, f));
	fixture_free(f);
}

TEST(multi)
{
	struct fixture *f = fixture_new("weight: 4\nidle: 1s\nnmae: x\n");
	struct inner in = { 0 };
	struct limits li = { 0 };
	const sluice_option *tables[] = { inner_options, limits_options, NULL };
	void *dsts[] = { &in, &li, NULL };
	assert_int_equal(bind_map_multi(&f->bind, f->config.root, tables, dsts, 3), -1);
	report(f);
	assert_string_equal(f->report,
		"t.yaml:1:1: error: name is required: where it is\n"
		"t.yaml:3:1: error: unknown key \"nmae\"\n    hint: did you mean name?\n");
	assert_int_equal(in.weight, 4);
	assert_int_equal(li.idle, 1000);
	assert_int_equal(li.head, 10000);
	assert_true(bind_given(&f->bind, &li, "idle"));
	assert_false(bind_given(&f->bind, &li, "head"));
	fixture_free(f);
}

/* The instance of a plugin, written in a map: its key is its name. */
TEST(key_of_single_map)
{
	struct fixture *f = fixture_new("plugins: { login: { weight: 2 } }\n");
	const struct node *n = node_find(node_find(f->config.root, STR("plugins")), STR("login"));
	struct inner in = { 0 };
	assert_int_equal(bind_map(&f->bind, n, named_options, &in), 0);
	assert_str(in.name, "login");
	assert_int_equal(in.weight, 2);
	fixture_free(f);
}

static void secret_write(const char *path, const void *p, size_t n)
{
	FILE *to = fopen(path, "wb");
	assert_non_null(to);
	assert_int_equal(fwrite(p, 1, n, to), n);
	(void)fclose(to);
}

static struct fixture *secret_bound(const char *dir, const char *text)
{
	struct fixture *f = fixture_new("");
	if (config_load_text(&f->config, "t.yaml", dir, str_of(text)) == 0)
		f->rc = bind_map(&f->bind, f->config.root, every_options, &f->every);
	report(f);
	return f;
}

TEST(secrets)
{
	char dir[] = "/tmp/test_bind.XXXXXX", path[64], want[256];
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/key", dir);

	secret_write(path, "s3cret\n", 7);
	struct fixture *f = secret_bound(dir, "secret: file:key\ntext: file:key\n");
	assert_string_equal(f->report, "");
	assert_str(f->every.secret, "s3cret");
	assert_str(f->every.text, "file:key"); /* only a secret is read from a file */
	fixture_free(f);

	secret_write(path, "s3cret\r\n", 8);
	f = secret_bound("/nowhere", "secret: ${NOT_THERE_AT_ALL:-file:./key}\n");
	(void)snprintf(want, sizeof(want),
		"t.yaml:1:9: error: secret: cannot read the secret from /nowhere/key: No such file "
		"or directory\n");
	assert_string_equal(f->report, want);
	fixture_free(f);

	secret_write(path, "\n", 1);
	f = secret_bound(dir, "secret: file:key\n");
	(void)snprintf(want, sizeof(want), "t.yaml:1:9: error: secret: the secret in %s is empty\n",
		path);
	assert_string_equal(f->report, want);
	fixture_free(f);

	secret_write(path, "a\0b", 3);
	f = secret_bound(dir, "secret: file:key\n");
	(void)snprintf(want, sizeof(want),
		"t.yaml:1:9: error: secret: the secret in %s contains a NUL byte\n", path);
	assert_string_equal(f->report, want);
	fixture_free(f);

	char *large = calloc(1, BIND_SECRET_MAX + 1);
	memset(large, 'x', BIND_SECRET_MAX + 1);
	secret_write(path, large, BIND_SECRET_MAX + 1);
	free(large);
	f = secret_bound(dir, "secret: file:key\n");
	(void)snprintf(want, sizeof(want),
		"t.yaml:1:9: error: secret: cannot read the secret from %s: it is too large\n",
		path);
	assert_string_equal(f->report, want);
	fixture_free(f);

	(void)unlink(path);
	(void)rmdir(dir);
}
