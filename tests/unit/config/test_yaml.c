/* What YAML may and may not be here, and what is said about it. */
#include "parsed.h"
#include "unit.h"

/* A mistake beyond which nothing is told. */
static void hopeless(const char *text, const char *expected)
{
	struct parsed p;
	parsed_init(&p, text);
	assert_string_equal(p.report, expected);
	assert_null(p.root);
	parsed_fini(&p);
}

/* A mistake, and still a tree. */
static void refused(const char *text, const char *expected)
{
	struct parsed p;
	parsed_init(&p, text);
	assert_string_equal(p.report, expected);
	assert_non_null(p.root);
	parsed_fini(&p);
}

TEST(empty)
{
	static const char *const texts[] = { "", "\n", "# only a comment\n", "---\n", "--- ~\n",
		"{}", "\xef\xbb\xbf", "\xef\xbb\xbf\n" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct parsed p;
		parsed_init(&p, texts[i]);
		assert_string_equal(p.report, "");
		assert_non_null(p.root);
		assert_int_equal(p.root->kind, NODE_MAP);
		assert_int_equal(p.root->n, 0);
		assert_null(node_find(p.root, STR("a")));
		parsed_fini(&p);
	}
}

TEST(texts)
{
	struct parsed p;
	parsed_init(&p,
		"\xef\xbb\xbf%YAML 1.1\n---\r\na: 'it''s'\r\nb: \"tab\\there\"\r\nc: |\r\n  "
		"two\r\n  lines\r\nd: >-\r\n  one\r\n  line\r\n...\n");
	assert_string_equal(p.report, "");
	assert_int_equal(p.root->n, 4);
	assert_string_equal(p.root->v[0]->text.data, "it's");
	assert_int_equal(p.root->v[0]->line, 3);
	assert_string_equal(p.root->v[1]->text.data, "tab\there");
	assert_string_equal(p.root->v[2]->text.data, "two\nlines\n");
	assert_string_equal(p.root->v[3]->text.data, "one line");
	assert_true(p.root->v[3]->quoted);
	parsed_fini(&p);
}

TEST(duplicates)
{
	struct parsed p;
	parsed_init(&p, "b: 1\na: 2\nb: 3\nc: { x: 1, x: 2, y: 3, x: 4 }\n");
	assert_string_equal(p.report,
		"t.yaml:3:1: error: b: the key \"b\" is given twice\n"
		"    hint: it was first given at t.yaml:1:1\n"
		"t.yaml:4:12: error: c.x: the key \"x\" is given twice\n"
		"    hint: it was first given at t.yaml:4:6\n"
		"t.yaml:4:24: error: c.x: the key \"x\" is given twice\n"
		"    hint: it was first given at t.yaml:4:6\n");
	assert_int_equal(p.root->n, 3);
	assert_string_equal(p.root->v[0]->text.data, "1");
	assert_string_equal(p.root->v[1]->text.data, "2");
	assert_int_equal(p.root->v[2]->n, 2);
	assert_string_equal(p.root->v[2]->v[1]->text.data, "3");
	parsed_fini(&p);
}

TEST(not_supported)
{
	refused("a: &x 1\nb: *x\n",
		"t.yaml:1:4: error: anchors (&name) are not supported\n"
		"    hint: remove it; a text that begins with & needs quotes\n"
		"t.yaml:2:4: error: b: aliases (*name) are not supported\n"
		"    hint: write the value out; a text that begins with * needs quotes: \"*x\"\n");
	hopeless("host: *.example.com\n",
		"t.yaml:1:8: error: not YAML: did not find expected alphabetic or numeric "
		"character while "
		"scanning an alias\n    hint: a text that begins with * needs quotes: "
		"\"*.example.com\"\n");
	hopeless("m: { host: *.example.com, b: 1 }\n",
		"t.yaml:1:13: error: not YAML: did not find expected alphabetic or numeric "
		"character while scanning an alias\n"
		"    hint: a text that begins with * needs quotes: \"*.example.com\"\n");
	refused("a: !!str 1\nb: !x [1]\nc: !y {}\n",
		"t.yaml:1:4: error: tags (!name) are not supported\n"
		"    hint: remove it; a text that begins with ! needs quotes\n"
		"t.yaml:2:4: error: tags (!name) are not supported\n"
		"    hint: remove it; a text that begins with ! needs quotes\n"
		"t.yaml:3:4: error: tags (!name) are not supported\n"
		"    hint: remove it; a text that begins with ! needs quotes\n");
	refused("a: 1\n<<: { b: 2 }\nc: 3\n",
		"t.yaml:2:1: error: merge keys (<<) are not supported: write the keys out\n");
	refused("%TAG ! tag:x,2000:\n---\na: 1\n",
		"t.yaml:1:1: error: tags are not supported: remove the %TAG line\n");
	refused("? [1, 2]\n: 3\nb: 4\n",
		"t.yaml:1:3: error: a key must be a text, not a list or a block\n");
	refused("{ { a: b }: { c: 1, c: 2 }, d: 1 }",
		"t.yaml:1:3: error: a key must be a text, not a list or a block\n");
	refused("${A}: 1\n",
		"t.yaml:1:1: error: the environment can be referred to in values, not in keys\n");
	refused("a: \"x\\0y\"\n\"k\\0\": 1\n",
		"t.yaml:1:4: error: a: the text contains a NUL byte\n"
		"t.yaml:2:1: error: the key contains a NUL byte\n");
	hopeless("a: 1\n---\nb: 2\n",
		"t.yaml:2:1: error: a second document begins here\n"
		"    hint: a configuration is one document: remove the --- line\n");
}

/* What is refused leaves the rest as it was. */
TEST(dropped)
{
	struct parsed p;
	parsed_init(&p, "? { x: [1, { y: z }] }\n: { v: [2] }\nb: [4]\n<<: [5, { c: 6 }]\nd: 7\n");
	assert_int_equal(p.diag.n_errors, 2);
	assert_int_equal(p.root->n, 2);
	assert_string_equal(p.root->v[0]->v[0]->text.data, "4");
	assert_string_equal(p.root->v[1]->text.data, "7");
	parsed_fini(&p);
	parsed_init(&p, "a: *x\nb: ${NO}\nc: fine\n");
	assert_true(p.root->v[0]->broken);
	assert_true(p.root->v[1]->broken);
	assert_false(p.root->v[2]->broken);
	parsed_fini(&p);
}

TEST(syntax)
{
	struct parsed p;
	parsed_init(&p, "a:\n\tb: 1\n");
	assert_null(p.root);
	assert_non_null(strstr(p.report, "t.yaml:2:1: error: not YAML: "));
	assert_non_null(strstr(p.report, "hint: indent with spaces: YAML does not take tabs\n"));
	parsed_fini(&p);
	parsed_init(&p, "caf\xc3\xa9: @x\n");
	assert_non_null(strstr(p.report, "t.yaml:1:7: error: not YAML: "));
	assert_non_null(strstr(p.report, "hint: a text that begins with @ needs quotes\n"));
	parsed_fini(&p);
	parsed_init(&p, "a: { b: ${X} }\n");
	assert_non_null(strstr(p.report,
		"hint: within { } and [ ] a reference needs quotes: \"${NAME}\"\n"));
	parsed_fini(&p);
	parsed_init(&p, "a:\n  - x\n b: 1\n");
	assert_non_null(strstr(p.report, "compare the indentation"));
	parsed_fini(&p);
	parsed_init(&p, "a: [1, 2\n");
	assert_null(p.root);
	assert_int_equal(p.diag.n_errors, 1);
	parsed_fini(&p);
}

TEST(bytes)
{
	hopeless("a: b\nc: \xc3\xa9\xff\n",
		"t.yaml:2:5: error: the byte 0xff is not UTF-8\n    hint: save the file as "
		"UTF-8\n");
	hopeless("\xff\xfe"
		 "a",
		"t.yaml:1:1: error: the byte 0xff is not UTF-8\n    hint: save the file as "
		"UTF-8\n");
	hopeless("a: b\r\nc: \x1b[1m\n",
		"t.yaml:2:4: error: the control byte 0x1b is not permitted in a configuration\n");
	struct parsed p;
	parsed_init_n(&p, "a\0b", 3);
	assert_string_equal(p.report,
		"t.yaml:1:2: error: the control byte 0x00 is not permitted in a configuration\n");
	parsed_fini(&p);
}

TEST(bounds)
{
	char nested[2 * YAML_DEPTH_MAX + 3];
	struct parsed p;
	memset(nested, '[', YAML_DEPTH_MAX);
	memset(nested + YAML_DEPTH_MAX, ']', YAML_DEPTH_MAX);
	parsed_init_n(&p, nested, 2 * YAML_DEPTH_MAX);
	assert_string_equal(p.report, "");
	parsed_fini(&p);
	memset(nested, '[', YAML_DEPTH_MAX + 1);
	memset(nested + YAML_DEPTH_MAX + 1, ']', YAML_DEPTH_MAX + 1);
	parsed_init_n(&p, nested, 2 * YAML_DEPTH_MAX + 2);
	assert_string_equal(p.report,
		"t.yaml:1:33: error: lists and blocks are nested more than 32 deep\n");
	assert_null(p.root);
	parsed_fini(&p);

	char *large = malloc(YAML_SIZE_MAX + 1);
	memset(large, '#', YAML_SIZE_MAX + 1);
	parsed_init_n(&p, large, YAML_SIZE_MAX + 1);
	assert_string_equal(p.report, "t.yaml: error: the file is larger than 16 MiB\n");
	parsed_fini(&p);

	size_t n = 0;
	for (size_t i = 0; i < YAML_NODES_MAX; i++) {
		memcpy(large + n, "- a\n", 4);
		n += 4;
	}
	parsed_init_n(&p, large, n);
	assert_string_equal(p.report,
		"t.yaml:1000000:3: error: the file has more than 1000000 values\n");
	parsed_fini(&p);

	n = 0; /* few bytes that ask for many */
	memcpy(large, "a: [", 4);
	n = 4;
	for (size_t i = 0; i < 40000; i++)
		n += (size_t)snprintf(large + n, 64, "\"${LONG}\",");
	large[n++] = ']';
	parsed_init_n(&p, large, n);
	assert_non_null(
		strstr(p.report, "the environment's values make the file larger than 16 MiB\n"));
	assert_int_equal(p.diag.n_errors, 1);
	assert_non_null(p.root);
	parsed_fini(&p);
	free(large);
}

TEST(long_key)
{
	char text[YAML_KEY_MAX + 20] = "? ";
	struct parsed p;
	memset(text + 2, 'k', YAML_KEY_MAX + 1);
	memcpy(text + 2 + YAML_KEY_MAX + 1, "\n: 1\n", 6);
	parsed_init(&p, text);
	assert_string_equal(p.report, "t.yaml:1:3: error: the key is too long\n");
	assert_int_equal(p.root->n, 0);
	parsed_fini(&p);
}
