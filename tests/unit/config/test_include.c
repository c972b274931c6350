/* config/include: files that include others, as one tree. The files are in memory, but for one
 * test. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/bind.h"
#include "config/yaml.h"
#include "unit.h"

struct page {
	const char *name, *text;
};

static const struct page *pages;
static size_t n_pages;

static int pages_match(void *ctx, struct arena *a, const char *pattern, sluice_strs *out)
{
	sluice_str *v = arena_zalloc(a, n_pages * sizeof(*v));
	(void)ctx;
	if (strcmp(pattern, "forbidden/*") == 0)
		return -EACCES;
	*out = (sluice_strs){ .v = v };
	for (size_t i = 0; i < n_pages; i++) {
		if (fnmatch(pattern, pages[i].name, FNM_PATHNAME) == 0)
			v[out->n++] = str_of(pages[i].name);
	}
	return 0;
}

static sluice_str pages_identity(void *ctx, struct arena *a, const char *path)
{
	(void)ctx;
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	return arena_str(a, str_of(path));
}

static int pages_read(void *ctx, struct arena *a, const char *path, size_t max, sluice_str *out)
{
	sluice_str id = pages_identity(ctx, a, path);
	for (size_t i = 0; i < n_pages; i++) {
		if (!str_eq(id, str_of(pages[i].name)))
			continue;
		*out = str_of(pages[i].text);
		return out->len > max ? -EFBIG : 0;
	}
	return -ENOENT;
}

static const struct include_disk memory = { pages_match, pages_identity, pages_read, NULL };

struct inner {
	sluice_str name;
};
struct top {
	sluice_strs include;
	struct inner log;
	sluice_blocks routes, stores;
};
static const sluice_option inner_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct inner, name, .doc = "n"),
	SLUICE_OPTIONS_END,
};
static const sluice_option top_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, struct top, include, .doc = "a"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct top, log, .doc = "b", .sub = inner_options),
	SLUICE_OPTION(SLUICE_T_LIST, struct top, routes, .doc = "c", .sub = inner_options,
		.sub_size = sizeof(struct inner)),
	SLUICE_OPTION(SLUICE_T_MAP, struct top, stores, .doc = "d", .sub = inner_options,
		.sub_size = sizeof(struct inner)),
	SLUICE_OPTIONS_END,
};

static struct arena arena;
static struct diag diag;
static struct config config;
static char said[4096];

/* What was reported: "FILE:LINE:COL text" for each, warnings with a "?". */
static const char *reports(void)
{
	size_t n = 0;
	said[0] = 0;
	for (unsigned i = 0; i < diag.n_items && n < sizeof(said); i++) {
		const struct diag_item *it = diag.items[i];
		n += (size_t)snprintf(said + n, sizeof(said) - n, "%s%s:%u:%u %s\n",
			it->warning ? "?" : "", it->file, it->line, it->col, it->text);
	}
	return said;
}

/* Load pages[0]. The names of all routes, joined. */
static const char *load(const struct page *v, size_t n)
{
	static char names[1024];
	struct top top = { 0 };
	struct bind b;
	pages = v;
	n_pages = n;
	diag_fini(&diag);
	diag_init(&diag);
	config_init(&config, &arena, &diag);
	config.top = top_options;
	config.disk = &memory;
	int rc = config_load_text(&config, v[0].name, "/etc/s", str_of(v[0].text));
	assert_int_equal(rc, diag.n_errors ? -1 : 0);
	names[0] = 0;
	if (!config.root)
		return names;
	bind_init(&b, &arena, &diag, &config);
	int bound = bind_map(&b, config.root, top_options, &top);
	assert_true(bound == 0 || diag.n_errors);
	for (size_t i = 0; i < top.routes.n; i++) {
		sluice_str name = ((const struct inner *)top.routes.v)[i].name;
		size_t at = strlen(names);
		(void)snprintf(names + at, sizeof(names) - at, "%s%.*s", at ? " " : "",
			STR_ARG(name));
	}
	bind_fini(&b);
	return names;
}

#define LOAD(...)                                  \
	load((const struct page[]){ __VA_ARGS__ }, \
		sizeof((const struct page[]){ __VA_ARGS__ }) / sizeof(struct page))

TEST(lists_and_maps_become_one)
{
	assert_string_equal(
		LOAD({ "etc/s.yaml",
			     "include: [r.d/*.yaml, more.yaml]\nroutes: [{ name: own }]\n"
			     "stores: { a: { name: x } }" },
			{ "etc/r.d/1.yaml", "routes: [{ name: one }, { name: uno }]\n" },
			{ "etc/r.d/2.yaml",
				"include: deep/d.yaml\nroutes: [{ name: two }]\nlog: { name: l }" },
			{ "etc/r.d/2.yaml~", "routes: [{ name: backup }]" },
			{ "etc/r.d/deep/d.yaml",
				"routes: [{ name: deep }]\nstores: { b: { name: y } }" },
			{ "etc/more.yaml", "# nothing\n" }),
		"own one uno two deep");
	assert_string_equal(reports(), "");
	const struct node *stores = node_find(config.root, STR("stores")),
			  *b = node_find(stores, STR("b"));
	assert_int_equal(stores->n, 2);
	assert_string_equal(b->file, "etc/r.d/deep/d.yaml");
	/* paths are relative to the file that they stand in */
	assert_string_equal(config_path(&config, NULL, STR("x")), "/etc/s/x");
	assert_string_equal(config_path(&config, node_find(stores, STR("a")), STR("x")),
		"/etc/s/x");
	assert_true(str_ends(str_of(config_path(&config, b, STR("x"))), STR("/etc/r.d/deep/x")));
	assert_true(str_ends(config_address(&config, b, STR("unix:x")), STR("/etc/r.d/deep/x")));
}

/* However many keys nobody knows, in whatever order: each comes out once, where it first stood. */
TEST(many_keys)
{
	enum { KEYS = 20000, TEXT = 24 };
	char *one = calloc(KEYS, TEXT), *two = calloc(KEYS, TEXT);
	size_t n = (size_t)snprintf(one, TEXT, "include: [b]\n"), m = 0;
	assert_true(one && two);
	for (unsigned i = 0; i < KEYS; i++) {
		n += (size_t)snprintf(one + n, TEXT, "k%u: [a]\n", i * 7919u % KEYS);
		m += (size_t)snprintf(two + m, TEXT, "k%u: [b]\n", i + KEYS / 2);
	}
	const struct page v[] = { { "a", one }, { "b", two } };
	load(v, 2);
	free(one);
	free(two);
	const struct node *root = config.root;
	assert_non_null(root);
	assert_int_equal(root->n, 1 + KEYS + KEYS / 2);
	const struct node *twice = node_find(root, STR("k19999")),
			  *once = node_find(root, STR("k0"));
	assert_int_equal(twice->n, 2);
	assert_true(str_eq(twice->v[0]->text, STR("a")) && str_eq(twice->v[1]->text, STR("b")));
	assert_int_equal(once->n, 1);
	/* the first file's come first, in its order */
	assert_true(str_eq(root->v[2]->key, STR("k7919")));
	assert_true(str_eq(root->v[1 + KEYS]->key, STR("k20000")));
}

TEST(mistakes_name_their_file)
{
	(void)LOAD({ "s.yaml", "include: [a.yaml, b.yaml, c.yaml]\nlog: { name: x }\n" },
		{ "a.yaml", "routes:\n  - { nam: one }\nother: 1\n" }, { "b.yaml", "routes: [a\n" },
		{ "c.yaml", "[1, 2]" });
	assert_non_null(strstr(reports(), "a.yaml:2:7 unknown key \"nam\"\n"));
	assert_non_null(strstr(reports(), "a.yaml:3:1 unknown key \"other\"\n"));
	assert_non_null(strstr(reports(), "b.yaml:2:1 not YAML"));
	assert_non_null(strstr(reports(), "c.yaml:1:1 expected a block of options, not a list\n"));
}

TEST(what_stands_twice_shows_both_places)
{
	(void)LOAD({ "s.yaml", "include: [a.yaml, b.yaml]\nstores:\n  x: {}\nlog: { name: x }\n" },
		{ "a.yaml", "log: { name: y }\nstores: { x: {}, y: {} }\n" },
		{ "b.yaml", "stores: { y: {} }\nroutes: {}\n" });
	assert_string_equal(reports(),
		"a.yaml:1:1 \"log\" may stand in one file only; it is at s.yaml:4:1\n"
		"a.yaml:2:11 \"x\" is there already, at s.yaml:3:3\n"
		"b.yaml:1:11 \"y\" is there already, at a.yaml:2:18\n"
		"b.yaml:2:9 expected a list of blocks such as [{ name: NAME }], not a block\n");
	(void)LOAD({ "s.yaml", "include: a.yaml\nroutes: []\nstores:\n" },
		{ "a.yaml", "routes: { a: {} }\nstores: { a: {} }\n" });
	assert_string_equal(reports(),
		"a.yaml:1:1 \"routes\" is a block here, and a list at s.yaml:2:1\n");
	assert_int_equal(node_find(config.root, STR("stores"))->n, 1);
}

TEST(circles_show_the_chain)
{
	(void)LOAD({ "s.yaml", "include: a.yaml" }, { "a.yaml", "include: [b.yaml]" },
		{ "b.yaml", "include:\n  - ./a.yaml\n" });
	assert_string_equal(reports(),
		"b.yaml:2:5 ./a.yaml includes itself: s.yaml > a.yaml > b.yaml > ./a.yaml\n");
	(void)LOAD({ "s.yaml", "include: \"*.yaml\"" }, { "t.yaml", "routes: []" });
	assert_string_equal(reports(), "s.yaml:1:10 s.yaml includes itself: s.yaml > s.yaml\n");
	(void)LOAD({ "s.yaml", "include: [a.yaml, a.yaml]" }, { "a.yaml", "routes: []" });
	assert_string_equal(reports(), "s.yaml:1:19 a.yaml is included already, at s.yaml:1:11\n");
}

TEST(what_is_missing)
{
	(void)LOAD({ "s.yaml",
			   "include: [none.yaml, none/*.yaml, forbidden/*, \"\", [], { a: b }]" },
		{ "a.yaml", "" });
	assert_non_null(strstr(reports(), "s.yaml:1:11 cannot read none.yaml: No such file"));
	assert_non_null(strstr(reports(), "?s.yaml:1:22 no file matches none/*.yaml\n"));
	assert_non_null(strstr(reports(), "s.yaml:1:35 cannot look for forbidden/*: Permission"));
	assert_non_null(strstr(reports(), "s.yaml:1:48 expected the path of a file"));
	assert_int_equal(diag.n_warnings, 1);
}

TEST(depth_and_size_are_bounded)
{
	struct page v[12];
	char names[12][16], texts[12][40];
	for (int i = 0; i < 12; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "%d.yaml", i);
		(void)snprintf(texts[i], sizeof(texts[i]), "include: %d.yaml", i + 1);
		v[i] = (struct page){ names[i], texts[i] };
	}
	(void)load(v, 12);
	assert_string_equal(reports(),
		"8.yaml:1:10 files are included more than 8 deep: 0.yaml > 1.yaml > 2.yaml > "
		"3.yaml "
		"> 4.yaml > 5.yaml > 6.yaml > 7.yaml > 8.yaml > 9.yaml\n");
	size_t half = YAML_SIZE_MAX / 2 + 1;
	char *big = malloc(half + 1);
	memset(big, '\n', half);
	big[0] = '#';
	big[half] = 0;
	(void)LOAD({ "s.yaml", "include: [a.yaml, b.yaml]" }, { "a.yaml", big }, { "b.yaml", big });
	assert_string_equal(reports(),
		"s.yaml:1:19 cannot read b.yaml: all files together are larger than 16 MiB\n");
	free(big);
}

/* A pattern of the disk: sorted, without hidden files; the folder of the first file is no pattern.
 */
TEST(from_the_disk)
{
	char dir[] = "/tmp/test_include[x].XXXXXX", path[128], cwd[256];
	static const struct page files[] = { { "s.yaml", "include: [d/*.yaml]\n" },
		{ "d/b.yaml", "routes: [{ name: b }]\n" },
		{ "d/a.yaml", "routes: [{ name: a }]\n" },
		{ "d/.c.yaml", "routes: [{ name: c }]\n" } };
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/d", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
		FILE *to = fopen(path, "w");
		assert_non_null(to);
		(void)fputs(files[i].text, to);
		(void)fclose(to);
	}
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	(void)snprintf(path, sizeof(path), "%s/s.yaml", dir);
	config_init(&config, &arena, &diag);
	config.top = top_options;
	assert_int_equal(config_load(&config, path), 0);
	const struct node *routes = node_find(config.root, STR("routes"));
	assert_int_equal(routes->n, 2);
	assert_str(node_find(routes->v[0], STR("name"))->text, "a");
	assert_true(str_ends(str_of(routes->v[1]->file), STR("/d/b.yaml")));
	assert_true(str_ends(str_of(config_path(&config, routes->v[1], STR("k"))), STR("/d/k")));
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "%s/d", dir);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	diag_init(&diag);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	diag_fini(&diag);
	arena_fini(&arena);
	arena_thread_fini();
	return 0;
}

TEST_GROUP(setup, teardown);
