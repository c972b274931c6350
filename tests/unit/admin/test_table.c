/* admin/table: dispatch, and that the manual says what the table says. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "admin/call.h"
#include "admin/table.h"

static struct arena arena;
static char manual[64 << 10];

static int setup(void **state)
{
	char path[4096];
	const char *root = getenv("SRCDIR");
	(void)state;
	arena_init(&arena, 0);
	(void)snprintf(path, sizeof(path), "%s/docs/reference/admin.md", root ? root : ".");
	FILE *f = fopen(path, "re");
	if (!f)
		return -1;
	size_t n = fread(manual, 1, sizeof(manual) - 1, f);
	manual[n] = 0;
	return fclose(f) == 0 && n > 1000 ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

TEST(found)
{
	bool known;
	for (size_t i = 0; i < admin_table_rows; i++) {
		const struct admin_command *c = &admin_table[i];
		assert_ptr_equal(admin_table_find(c->method, c->path, &known), c);
		assert_true(known);
		if (c->method == METHOD_GET)
			assert_ptr_equal(admin_table_find(METHOD_HEAD, c->path, &known), c);
	}
}

TEST(not_found)
{
	static const char *const paths[] = { "", "/statu", "/status/", "/STATUS", "//",
		"/healthz?" };
	bool known = true;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_null(admin_table_find(METHOD_GET, str_of(paths[i]), &known));
		assert_false(known);
	}
	assert_null(admin_table_find(METHOD_POST, STR("/status"), &known));
	assert_true(known);
	assert_null(admin_table_find(METHOD_HEAD, STR("/stop"), &known));
	assert_true(known);
	assert_null(admin_table_find(METHOD_OTHER, STR("/stop"), &known));
}

TEST(allow)
{
	assert_str(admin_table_allow(STR("/status"), &arena), "GET, HEAD");
	assert_str(admin_table_allow(STR("/stop"), &arena), "POST");
	assert_str(admin_table_allow(STR("/nothing"), &arena), "");
}

/* What a GET can reach changes nothing, so that no link, image or prefetch does. */
TEST(gets_change_nothing)
{
	for (size_t i = 0; i < admin_table_rows; i++) {
		assert_true(admin_table[i].changes == (admin_table[i].method == METHOD_POST));
		assert_non_null(admin_table[i].run);
		assert_true(strlen(admin_table[i].help) > 5);
	}
}

static size_t manual_rows(const char *heading)
{
	const char *at = strstr(manual, heading);
	size_t n = 0;
	if (!at)
		fail_msg("the manual has no part \"%s\"", heading);
	at = strstr(at, "| ---");
	for (at = strchr(at, '\n') + 1; *at == '|'; at = strchr(at, '\n') + 1)
		n++;
	return n;
}

TEST(manual_of_commands)
{
	char row[512];
	for (size_t i = 0; i < admin_table_rows; i++) {
		const struct admin_command *c = &admin_table[i];
		(void)snprintf(row, sizeof(row), "| `%.*s` | `%.*s` | %s | %s |\n",
			STR_ARG(method_name(c->method)), STR_ARG(c->path), c->help,
			c->changes ? "this machine" : "anybody");
		if (!strstr(manual, row))
			fail_msg("docs/reference/admin.md lacks the row %s", row);
	}
	assert_int_equal(manual_rows("## Paths"), admin_table_rows);
}

TEST(manual_of_problems)
{
	char row[512];
	for (int i = 0; i < PROBLEM_COUNT; i++) {
		const struct admin_problem_info *p = admin_problem_info((enum admin_problem)i);
		(void)snprintf(row, sizeof(row), "| `%s` | %d | %s |\n", p->code, p->status,
			p->text);
		if (!strstr(manual, row))
			fail_msg("docs/reference/admin.md lacks the row %s", row);
	}
	assert_int_equal(manual_rows("## Codes"), PROBLEM_COUNT);
}

TEST(list)
{
	sluice_str text = admin_table_text(&arena), line;
	size_t lines = 0;
	while ((line = str_cut(&text, '\n')).len) {
		assert_true(str_starts(line, method_name(admin_table[lines].method)));
		lines++;
	}
	assert_int_equal(lines, admin_table_rows);
}

TEST_GROUP(setup, teardown);
