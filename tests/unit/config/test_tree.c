/* Trees: places, paths, lookup. */
#include "parsed.h"
#include "unit.h"

static const char *path_of(const struct node *n)
{
	static char buf[NODE_PATH];
	return node_path(n, buf);
}

TEST(places)
{
	struct parsed p;
	parsed_init(&p,
		"# a comment\n"
		"routes:\n"
		"  - name: one\n"
		"    match: { path: \"/v1\", caf\xc3\xa9: x }\n"
		"  - [2, three]\n"
		"\"my key\": z\n");
	assert_string_equal(p.report, "");
	const struct node *routes = node_find(p.root, STR("routes"));
	const struct node *first = routes->v[0], *match = node_find(first, STR("match"));
	const struct node *path = node_find(match, STR("path")),
			  *cafe = node_find(match, STR("caf\xc3\xa9"));
	assert_int_equal(routes->kind, NODE_LIST);
	assert_int_equal(routes->n, 2);
	assert_int_equal(routes->key_line, 2);
	assert_int_equal(routes->line, 3);
	assert_int_equal(path->line, 4);
	assert_int_equal(path->col, 20);
	assert_int_equal(path->key_col, 14);
	assert_true(path->quoted);
	assert_false(cafe->quoted);
	assert_int_equal(cafe->key_col, 27);
	assert_int_equal(cafe->col, 33); /* characters, not bytes */
	assert_int_equal(node_key_mark(path).col, 14);
	assert_int_equal(node_mark(path).col, 20);
	assert_int_equal(node_key_mark(first).line, 3);
	assert_string_equal(path_of(p.root), "");
	assert_string_equal(path_of(path), "routes[0].match.path");
	assert_string_equal(path_of(routes->v[1]->v[1]), "routes[1][1]");
	assert_string_equal(path_of(node_find(p.root, STR("my key"))), "[\"my key\"]");
	assert_string_equal(path_of(cafe), "routes[0].match[\"caf\xc3\xa9\"]");
	parsed_fini(&p);
}

TEST(find)
{
	struct parsed p;
	char text[4000];
	size_t at = 0;
	for (int i = 99; i >= 0; i--)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "key%d: %d\n", i, i);
	parsed_init(&p, text);
	assert_int_equal(p.root->n, 100);
	assert_true(str_eq(p.root->v[0]->key, STR("key99"))); /* the order of the file is kept */
	for (int i = 0; i < 100; i++) {
		char key[16];
		const struct node *n = node_find(p.root,
			str_n(key, (size_t)snprintf(key, sizeof(key), "key%d", i)));
		assert_non_null(n);
		assert_int_equal(atoi(n->text.data), i);
	}
	assert_null(node_find(p.root, STR("key")));
	assert_null(node_find(p.root, STR("")));
	assert_null(node_find(p.root->v[0], STR("key1")));
	parsed_fini(&p);
}

TEST(null)
{
	struct parsed p;
	parsed_init(&p, "[ , ~, null, '', \"null\", nil, \"${EMPTY}\", ]");
	/* an empty member in a list is no YAML */
	assert_null(p.root);
	parsed_fini(&p);
	parsed_init(&p,
		"a:\nb: ~\nc: null\nd: ''\ne: \"null\"\nf: nil\ng: ${EMPTY}\nh: ${NULL}\ni: [x]\n");
	assert_string_equal(p.report, "");
	for (size_t i = 0; i < p.root->n; i++)
		assert_int_equal(node_is_null(p.root->v[i]), i < 3);
	assert_string_equal(node_kind_text(p.root->v[0]), "nothing");
	assert_string_equal(node_kind_text(p.root->v[3]), "text");
	assert_string_equal(node_kind_text(p.root->v[8]), "a list");
	assert_string_equal(node_kind_text(p.root), "a block");
	parsed_fini(&p);
}

TEST(long_paths)
{
	struct parsed p;
	char text[4000], key[101] = "";
	memset(key, 'k', 100);
	size_t n = 0;
	for (int i = 0; i < 20; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%*s%s:\n", i, "", key);
	parsed_init(&p, text);
	const struct node *d = p.root;
	while (d->kind == NODE_MAP)
		d = d->v[0];
	const char *path = path_of(d);
	assert_int_equal(strlen(path), NODE_PATH - 1);
	assert_true(strncmp(path, "[\"kkkk", 6) == 0);
	parsed_fini(&p);
}
