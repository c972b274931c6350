/* References to the environment. */
#include "parsed.h"
#include "unit.h"

static void expanded(const char *text, const char *out)
{
	struct arena a;
	struct diag d;
	struct mark at = { .file = "t.yaml", .line = 7, .col = 3 };
	sluice_str s;
	arena_init(&a, 0);
	diag_init(&d);
	assert_int_equal(env_expand(&parsed_env, &a, &d, &at, str_of(text), &s), 0);
	assert_int_equal(s.len, strlen(out));
	assert_memory_equal(s.data, out, s.len);
	assert_int_equal(d.n_items, 0);
	diag_fini(&d);
	arena_fini(&a);
	arena_thread_fini();
}

static void refused(const char *text, const char *message, const char *hint)
{
	struct arena a;
	struct diag d;
	struct mark at = { .file = "t.yaml", .line = 7, .col = 3 };
	sluice_str s;
	arena_init(&a, 0);
	diag_init(&d);
	assert_int_equal(env_expand(&parsed_env, &a, &d, &at, str_of(text), &s), -1);
	assert_int_equal(d.n_items, 1);
	assert_string_equal(d.items[0]->text, message);
	assert_int_equal(d.items[0]->line, 7);
	if (hint)
		assert_string_equal(d.items[0]->hint, hint);
	else
		assert_null(d.items[0]->hint);
	diag_fini(&d);
	arena_fini(&a);
	arena_thread_fini();
}

TEST(replaced)
{
	expanded("", "");
	expanded("$", "$");
	expanded("plain $5 {x} $", "plain $5 {x} $");
	expanded("${A}", "alpha");
	expanded("<${A}|${A}>", "<alpha|alpha>");
	expanded("${N_1}", "1");
	expanded("${EMPTY}", "");
	expanded("a${EMPTY}b", "ab");
	expanded("${EMPTY:-x}", "x");
	expanded("${NONE:-}", "");
	expanded("${NONE:-a:-b c}", "a:-b c");
	expanded("${A:-x}", "alpha");
	expanded("${DEEP}", "{ x: ${A} }"); /* not looked at again */
}

TEST(escaped)
{
	expanded("$${A}", "${A}");
	expanded("$${", "${");
	expanded("x$${A}${A}", "x${A}alpha");
	expanded("$$A", "$$A");
}

TEST(refused)
{
	const char *how =
		"write ${NAME} or ${NAME:-default}, or $${ for these characters themselves";
	refused("${NONE}", "the environment has no variable NONE",
		"set it, or give a default: ${NONE:-default}");
	refused("a ${", "${ is not closed",
		"write ${NAME}, or $${ for these characters themselves");
	refused("${}", "\"\" is not the name of a variable", how);
	refused("${1A}", "\"1A\" is not the name of a variable", how);
	refused("${A B}", "\"A B\" is not the name of a variable", how);
	refused("${A:x}", "\"A:x\" is not the name of a variable", how);
	refused("${A:}", "\"A:\" is not the name of a variable", how);
	refused("${A:-${A}}", "a reference to the environment cannot contain another", NULL);
	refused("${BAD}", "the environment's BAD is not UTF-8", NULL);
}

TEST(too_long)
{
	char *text = malloc(8 * 2000 + 1);
	for (size_t i = 0; i < 2000; i++)
		memcpy(text + 8 * i, "${LONG} ", 9);
	refused(text, "the text is longer than 1048576 bytes", NULL);
	free(text);
}

/* What the environment holds stays a text. */
TEST(in_a_tree)
{
	struct parsed p;
	parsed_init(&p, "a: ${DEEP}\nb: [\"${NULL}\", '${A}']\n");
	assert_string_equal(p.report, "");
	assert_int_equal(p.root->v[0]->kind, NODE_SCALAR);
	assert_string_equal(p.root->v[0]->text.data, "{ x: ${A} }");
	assert_string_equal(p.root->v[0]->raw, "${DEEP}");
	assert_string_equal(p.root->v[1]->v[1]->text.data, "alpha");
	struct quoted q;
	assert_string_equal(quote_node(&q, p.root->v[0]), "the value of \"${DEEP}\"");
	parsed_fini(&p);
}

TEST(process)
{
	assert_int_equal(setenv("SLUICE_TEST_ENV", "here", 1), 0);
	assert_string_equal(env_process.get(env_process.ctx, "SLUICE_TEST_ENV"), "here");
	assert_int_equal(unsetenv("SLUICE_TEST_ENV"), 0);
	assert_null(env_process.get(env_process.ctx, "SLUICE_TEST_ENV"));
}
