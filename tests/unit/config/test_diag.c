/* Collected mistakes: order, bounds, what is printed. */
#include <stdlib.h>

#include "config/diag.h"
#include "unit.h"

static char *printed(const struct diag *d)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	diag_print(d, to);
	(void)fclose(to);
	return text;
}

TEST(order)
{
	struct diag d;
	struct node root = { .kind = NODE_MAP },
		    n = { .file = "a.yaml", .line = 3, .col = 4, .parent = &root, .key = STR("k") };
	diag_init(&d);
	assert_int_equal(diag_error(&d, &(struct mark){ "a.yaml", 9, 1, NULL }, "late %d", 1), -1);
	diag_hint(&d, "see %s", "there");
	diag_warn(&d, &(struct mark){ "a.yaml", 2, 5, NULL }, "early");
	diag_error_node(&d, &n, "first of two");
	diag_error_node(&d, &n, "second of two");
	diag_warn_node(&d, &n, "third");
	diag_error(&d, &(struct mark){ "a.yaml", 2, 4, NULL }, "earlier");
	diag_error(&d, &(struct mark){ .file = "a.yaml" }, "whole file");
	char *text = printed(&d);
	assert_string_equal(text,
		"a.yaml: error: whole file\n"
		"a.yaml:2:4: error: earlier\n"
		"a.yaml:2:5: warning: early\n"
		"a.yaml:3:4: error: k: first of two\n"
		"a.yaml:3:4: error: k: second of two\n"
		"a.yaml:3:4: warning: k: third\n"
		"a.yaml:9:1: error: late 1\n"
		"    hint: see there\n");
	free(text);
	assert_int_equal(d.n_errors, 5);
	assert_int_equal(d.n_warnings, 2);
	diag_fini(&d);
	arena_thread_fini();
}

TEST(bounded)
{
	struct diag d;
	diag_init(&d);
	for (unsigned i = 0; i < DIAG_KEPT + 5; i++) {
		diag_error(&d, &(struct mark){ "f", i + 1, 1, NULL }, "e");
		diag_hint(&d, "hint %u", i);
	}
	for (unsigned i = 0; i < DIAG_KEPT + 1; i++)
		diag_warn(&d, &(struct mark){ "f", i + 1, 1, NULL }, "w");
	char *text = printed(&d);
	assert_int_equal(d.n_items, 2 * DIAG_KEPT);
	assert_null(strstr(text, "hint 100"));
	assert_non_null(strstr(text, "hint: hint 99\n"));
	assert_non_null(strstr(text, "\nand 5 more errors\nand 1 more warning\n"));
	free(text);
	diag_fini(&d);
	arena_thread_fini();
}

TEST(text_is_safe)
{
	struct diag d;
	char *large = malloc(5001);
	memset(large, 'x', 5000);
	large[5000] = 0;
	diag_init(&d);
	diag_error(&d, &(struct mark){ "f\x1b", 1, 1, NULL },
		"a\nb\tc\x1b[1m \x7f \xff \xc2\x9b caf\xc3\xa9");
	diag_error(&d, &(struct mark){ "g", 1, 1, NULL }, "%s", large);
	assert_string_equal(d.items[0]->text,
		"a\\nb\\tc\\x1b[1m \\x7f \\xff \\xc2\\x9b caf\xc3\xa9");
	assert_string_equal(d.items[0]->file, "f\\x1b");
	assert_int_equal(strlen(d.items[1]->text), 1023);
	assert_string_equal(d.items[1]->text + 1020, "...");
	free(large);
	diag_fini(&d);
	arena_thread_fini();
}

TEST(json)
{
	struct diag d;
	struct json_out o;
	char buf[1000];
	diag_init(&d);
	diag_warn(&d, &(struct mark){ "f", 3, 1, NULL }, "w");
	diag_error(&d, &(struct mark){ .file = "f" }, "say \"%s\"", "x");
	diag_hint(&d, "h");
	json_init(&o, buf, sizeof(buf));
	diag_json(&d, &o);
	json_raw(&o, str_n("", 1));
	assert_string_equal(buf,
		"{\"errors\":1,\"warnings\":1,\"items\":["
		"{\"severity\":\"error\",\"file\":\"f\",\"path\":\"\",\"message\":\"say "
		"\\\"x\\\"\",\"hint\":\"h\"},"
		"{\"severity\":\"warning\",\"file\":\"f\",\"line\":3,\"column\":1,\"path\":\"\","
		"\"message\":\"w\"}]}");
	diag_fini(&d);
	arena_thread_fini();
}

TEST(quoted)
{
	struct quoted q;
	char large[201];
	memset(large, 'y', 200);
	large[200] = 0;
	assert_string_equal(quote_str(&q, STR("abc")), "\"abc\"");
	assert_string_equal(quote_str(&q, STR_NONE), "\"\"");
	assert_int_equal(strlen(quote_str(&q, str_of(large))), 64 + 5);
	struct node n = { .kind = NODE_SCALAR, .text = str_of(large), .raw = large };
	const char *s = quote_node(&q, &n);
	assert_true(strncmp(s, "the value of \"yyy", 17) == 0);
	assert_string_equal(s + strlen(s) - 5, "y...\"");
	struct node list = { .kind = NODE_LIST };
	assert_string_equal(quote_node(&q, &list), "a list");
}
