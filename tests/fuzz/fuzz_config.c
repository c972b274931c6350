/*
 * A configuration of any bytes: YAML to a tree, the tree into structs by a table with every type of
 * option, and all that is said about the mistakes in it. Beside not crashing: what is accepted
 * obeys its bounds, and a refusal is always explained. Lines of "%%%" divide the input into files:
 * f0.yaml, which is loaded, f1.yaml, ..., which it may include. Nothing is read from the disk.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

#include "config/bind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct inner {
	sluice_str name;
	uint64_t weight;
	sluice_blocks inner;
};

struct limits {
	uint64_t idle, head;
};

struct every {
	sluice_strs include;
	struct limits limits, lazy;
	bool on;
	sluice_str text, secret;
	int64_t number;
	uint64_t count, size, time, methods;
	sluice_rate rate;
	int32_t mode;
	sluice_strs hosts;
	sluice_pairs headers;
	const sluice_expr *key;
	sluice_exprs by;
	const sluice_store *store;
	const sluice_upstream *upstream;
	sluice_blocks servers, named;
	const struct node *raw;
};

static const sluice_option inner_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct inner, name, .doc = "a",
		.flags = SLUICE_F_REQUIRED | SLUICE_F_SCALAR, .min = "1"),
	SLUICE_OPTION(SLUICE_T_UINT, struct inner, weight, .doc = "b", .def = "1", .max = "100"),
	SLUICE_OPTION(SLUICE_T_LIST, struct inner, inner, .doc = "c", .sub = inner_options,
		.sub_size = sizeof(struct inner)),
	SLUICE_OPTIONS_END,
};
static const sluice_option named_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct inner, name, .doc = "a", .flags = SLUICE_F_KEY),
	SLUICE_OPTION(SLUICE_T_SIZE, struct inner, weight, .doc = "b", .def = "7"),
	SLUICE_OPTIONS_END,
};
static const sluice_option limits_options[] = {
	SLUICE_OPTION(SLUICE_T_DURATION, struct limits, idle, .doc = "a", .def = "60s",
		.max = "1h"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct limits, head, .doc = "b", .def = "10s"),
	SLUICE_OPTIONS_END,
};
static const char *const modes[] = { "off", "report", "enforce", NULL };
static const char *const methods[] = { "GET", "POST", "PUT", NULL };
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct every, include, .doc = "v"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct every, limits, .doc = "a", .sub = limits_options,
		.flags = SLUICE_F_SUBOBJECT),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct every, lazy, .doc = "b", .sub = limits_options),
	SLUICE_OPTION(SLUICE_T_BOOL, struct every, on, .doc = "c", .def = "true"),
	SLUICE_OPTION(SLUICE_T_STR, struct every, text, .doc = "d", .def = "hello", .max = "10"),
	SLUICE_OPTION(SLUICE_T_STR, struct every, secret, .doc = "e", .flags = SLUICE_F_SECRET),
	SLUICE_OPTION(SLUICE_T_INT, struct every, number, .doc = "f", .def = "-5", .min = "-10",
		.max = "10"),
	SLUICE_OPTION(SLUICE_T_UINT, struct every, count, .doc = "g", .def = "3", .min = "1"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct every, size, .doc = "h", .def = "32KiB", .max = "1MiB"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct every, time, .doc = "i", .def = "30s", .min = "1s",
		.max = "1h"),
	SLUICE_OPTION(SLUICE_T_RATE, struct every, rate, .doc = "j", .def = "100/min",
		.max = "1000/s"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct every, mode, .doc = "k", .choices = modes,
		.def = "report"),
	SLUICE_OPTION(SLUICE_T_FLAGS, struct every, methods, .doc = "l", .choices = methods,
		.def = "[GET, PUT]"),
	SLUICE_OPTION(SLUICE_T_STRS, struct every, hosts, .doc = "m", .def = "[a, b]", .max = "3"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct every, headers, .doc = "n", .max = "2"),
	SLUICE_OPTION(SLUICE_T_EXPR, struct every, key, .doc = "o", .def = "ip"),
	SLUICE_OPTION(SLUICE_T_EXPRS, struct every, by, .doc = "p"),
	SLUICE_OPTION(SLUICE_T_STORE, struct every, store, .doc = "q"),
	SLUICE_OPTION(SLUICE_T_UPSTREAM, struct every, upstream, .doc = "u"),
	SLUICE_OPTION(SLUICE_T_LIST, struct every, servers, .doc = "r", .sub = inner_options,
		.sub_size = sizeof(struct inner), .max = "1000"),
	SLUICE_OPTION(SLUICE_T_MAP, struct every, named, .doc = "s", .sub = named_options,
		.sub_size = sizeof(struct inner)),
	SLUICE_OPTION(SLUICE_T_NODE, struct every, raw, .doc = "t"),
	SLUICE_OPTIONS_END,
};

/* ---- the files ----------------------------------------------------------------------------- */

enum { FILES_MAX = 10 };
struct fuzz_files {
	sluice_str v[FILES_MAX];
	size_t n;
};

static const char *const file_names[FILES_MAX] = { "f0.yaml", "f1.yaml", "f2.yaml", "f3.yaml",
	"f4.yaml", "f5.yaml", "f6.yaml", "f7.yaml", "f8.yaml", "f9.yaml" };

static struct fuzz_files files_of(sluice_str rest)
{
	struct fuzz_files f = { .n = 0 };
	while (f.n < FILES_MAX - 1) {
		const char *at = rest.len ? memmem(rest.data, rest.len, "\n%%%\n", 5) : NULL;
		if (!at)
			break;
		f.v[f.n++] = str_n(rest.data, (size_t)(at - rest.data));
		rest = str_n(at + 5, rest.len - f.v[f.n - 1].len - 5);
	}
	f.v[f.n++] = rest;
	return f;
}

static int fuzz_match(void *ctx, struct arena *a, const char *pattern, sluice_strs *out)
{
	const struct fuzz_files *f = ctx;
	sluice_str *v = arena_alloc(a, FILES_MAX * sizeof(*v));
	if (!v)
		return -ENOMEM;
	*out = (sluice_strs){ .v = v };
	for (size_t i = 0; i < f->n; i++) {
		if (fnmatch(pattern, file_names[i], 0) == 0)
			v[out->n++] = str_of(file_names[i]);
	}
	return 0;
}

static sluice_str fuzz_identity(void *ctx, struct arena *a, const char *path)
{
	(void)ctx;
	return arena_str(a, str_of(path));
}

static int fuzz_read(void *ctx, struct arena *a, const char *path, size_t max, sluice_str *out)
{
	const struct fuzz_files *f = ctx;
	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(path, file_names[i]) != 0)
			continue;
		*out = arena_str(a, f->v[i]);
		return f->v[i].len > max ? -EFBIG : 0;
	}
	return -ENOENT;
}

/* ---- values -------------------------------------------------------------------------------- */

static const char *fuzz_get(void *ctx, const char *name)
{
	static char value[3] = "v";
	(void)ctx;
	if (name[0] == 'N')
		return NULL;
	/* also bytes that mean something in YAML */
	value[1] = name[1] ? (char)(name[1] ^ 0x40) : 0;
	return value;
}

static int fuzz_expr(void *ctx, const struct node *n, const sluice_expr **out)
{
	struct diag *d = ctx;
	if (n->text.len && n->text.data[0] == '!')
		return diag_error_node(d, n, "no such expression: %s", n->text.data);
	*out = (const sluice_expr *)(const void *)modes;
	return 0;
}

static int fuzz_store(void *ctx, const struct node *n, const sluice_store **out)
{
	(void)ctx;
	check(n->text.data[n->text.len] == 0, "text of %zu bytes does not end", n->text.len);
	*out = (const sluice_store *)(const void *)methods;
	return 0;
}

static int fuzz_upstream(void *ctx, const struct node *n, const sluice_upstream **out)
{
	struct diag *d = ctx;
	if (n->text.len && n->text.data[0] == '!')
		return diag_error_node(d, n, "no such upstream: %s", n->text.data);
	*out = (const sluice_upstream *)(const void *)methods;
	return 0;
}

static void must_be_bound(const struct every *e)
{
	check(e->count >= 1 && e->size <= 1 << 20 && e->time >= 1000 && e->time <= 3600000,
		"bounds");
	check(e->number >= -10 && e->number <= 10 && e->mode >= 0 && e->mode < 3 && e->methods < 8,
		"bounds");
	check(e->text.len <= 10 && e->text.data[e->text.len] == 0, "text");
	check(e->hosts.n <= 3 && e->headers.n <= 2 && e->servers.n <= 1000 && e->key,
		"collections");
	for (size_t i = 0; i < e->servers.n; i++)
		check(((const struct inner *)e->servers.v)[i].name.len > 0,
			"server %zu has no name", i);
	for (size_t i = 0; i < e->named.n; i++)
		check(((const struct inner *)e->named.v)[i].name.data, "member %zu has no key", i);
}

static void say_all(const struct diag *d)
{
	char *text = NULL;
	size_t n;
	struct json_out o;
	FILE *to = open_memstream(&text, &n);
	check(to, "out of memory");
	diag_print(d, to);
	(void)fclose(to);
	json_init_heap(&o, 16 << 20);
	diag_json(d, &o);
	check(!o.full && o.depth == 0, "the report is cut");
	json_fini(&o);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct env env = { .get = fuzz_get };
	struct arena arena;
	struct diag diag;
	struct config config;
	struct bind bind;
	struct every every = { .on = false };

	arena_init(&arena, 0);
	diag_init(&diag);
	config_init(&config, &arena, &diag);
	struct fuzz_files files = files_of(str_n((const char *)data, size));
	const struct include_disk disk = { fuzz_match, fuzz_identity, fuzz_read, &files };
	config.env = &env;
	config.top = options;
	config.disk = &disk;
	bind_init(&bind, &arena, &diag, &config);
	bind.expr = fuzz_expr;
	bind.store = fuzz_store;
	bind.upstream = fuzz_upstream;
	bind.ctx = &diag;

	int rc = config_load_text(&config, "f0.yaml", "/nonexistent", files.v[0]);
	check(rc == (diag.n_errors ? -1 : 0), "%d with %u errors", rc, diag.n_errors);
	check(config.root || rc < 0, "nothing, and no word why");
	if (config.root) {
		unsigned before = diag.n_errors;
		rc = bind_map(&bind, config.root, options, &every);
		check(rc == 0 || diag.n_errors > 0, "refused without a word");
		check(rc < 0 || diag.n_errors == before, "accepted with a mistake");
		if (rc == 0)
			must_be_bound(&every);
		(void)bind_error(&bind, &every, "time", "shown");
		(void)bind_error(&bind, &every.lazy, "idle", "shown");
		check(diag.n_errors > 0, "a mistake was lost");
	}
	say_all(&diag);
	bind_fini(&bind);
	diag_fini(&diag);
	arena_fini(&arena);
	arena_thread_fini();
	return 0;
}
