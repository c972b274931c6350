/* Option tables: words, and what makes a table unsound. */
#include "config/table.h"
#include "unit.h"

struct thing {
	struct {
		sluice_str name;
		uint64_t time;
	} first;
	sluice_str text;
	uint64_t time;
	sluice_blocks list;
};

static char why[256];

/* A table of one row, changed in one respect. */
static int check_row(sluice_option row)
{
	const sluice_option table[] = { row, SLUICE_OPTIONS_END };
	return table_check(table, sizeof(struct thing), true, why, sizeof(why));
}

#define ROW(T, field, ...)                               \
	((sluice_option){ .name = #field,                \
		.type = (T),                             \
		.offset = offsetof(struct thing, field), \
		.doc = "what",                           \
		__VA_ARGS__ })

static void unsound(sluice_option row, const char *expected)
{
	assert_int_equal(check_row(row), -1);
	assert_string_equal(why, expected);
}

static const char *const choices[] = { "a", "b", "c", NULL };
static const sluice_option inner[] = {
	{ .name = "name", .type = SLUICE_T_STR, .doc = "name", .flags = SLUICE_F_KEY },
	{ .name = "time",
		.type = SLUICE_T_DURATION,
		.offset = 16,
		.doc = "time",
		.flags = SLUICE_F_REQUIRED },
	{ .name = "weight", .type = SLUICE_T_DURATION, .offset = 16, .doc = "time" },
	SLUICE_OPTIONS_END,
};

TEST(sound)
{
	assert_int_equal(table_check(NULL, 0, false, why, sizeof(why)), 0);
	assert_int_equal(check_row(ROW(SLUICE_T_DURATION, time, .def = "30s", .min = "1s",
				 .max = "1h")),
		0);
	assert_int_equal(check_row(ROW(SLUICE_T_INT, time, .def = "-3", .min = "-5", .max = "0")),
		0);
	assert_int_equal(check_row(ROW(SLUICE_T_RATE, text, .def = "60/min", .min = "1/s",
				 .max = "1/s")),
		0);
	assert_int_equal(check_row(ROW(SLUICE_T_FLAGS, time, .choices = choices, .def = "[a, c]",
				 .min = "2")),
		0);
	assert_int_equal(check_row(ROW(SLUICE_T_STRS, text, .def = "[]", .max = "0")), 0);
	assert_int_equal(check_row(ROW(SLUICE_T_MAP, list, .sub = inner, .sub_size = 24)), 0);
	assert_int_equal(check_row(ROW(SLUICE_T_NODE, time)), 0);
}

TEST(unsound)
{
	sluice_option o = ROW(SLUICE_T_BOOL, time);
	o.name = "Time";
	unsound(o, "option Time: names are lower case letters, digits and underscores");
	o.name = "";
	unsound(o, "option : names are lower case letters, digits and underscores");
	o = ROW(SLUICE_T_BOOL, time);
	o.doc = NULL;
	unsound(o, "option time: it has no sentence of documentation");
	o = ROW(SLUICE_T_STR, time);
	o.offset = sizeof(struct thing) - 8;
	unsound(o, "option time: its field lies outside the struct of 64 bytes");
	o.offset = SIZE_MAX;
	unsound(o, "option time: its field lies outside the struct of 64 bytes");
	unsound(ROW(SLUICE_T_PERCENT + 1, time), "option time: unknown type 22");
	unsound(ROW(SLUICE_T_ENUM, time), "option time: 0 choices");
	unsound(ROW(SLUICE_T_LIST, list), "option list: no table for its block");
	unsound(ROW(SLUICE_T_LIST, list, .sub = inner),
		"option list: the size of its struct is not given");
	unsound(ROW(SLUICE_T_LIST, list, .sub = inner, .sub_size = 23),
		"option time: its field lies outside the struct of 23 bytes");
	unsound(ROW(SLUICE_T_MAP, list, .sub = inner + 1, .sub_size = 24),
		"option list: no row of its table takes the key");
	unsound(ROW(SLUICE_T_INT, time, .flags = SLUICE_F_KEY),
		"option time: a key must be a text");
	unsound(ROW(SLUICE_T_LIST, list, .sub = inner, .sub_size = 24, .flags = SLUICE_F_SCALAR),
		"option list: a scalar cannot be a list of blocks");
	unsound(ROW(SLUICE_T_STR, text, .def = "x", .flags = SLUICE_F_REQUIRED),
		"option text: it is required, so it cannot have a default");
	unsound(ROW(SLUICE_T_DURATION, time, .def = "30"),
		"option time: the default 30 cannot be read");
	unsound(ROW(SLUICE_T_DURATION, time, .min = "x"), "option time: min x cannot be read");
	unsound(ROW(SLUICE_T_DURATION, time, .max = ""), "option time: max  cannot be read");
	unsound(ROW(SLUICE_T_DURATION, time, .min = "1h", .max = "1m"),
		"option time: min 1h is more than max 1m");
	unsound(ROW(SLUICE_T_INT, time, .min = "-5", .max = "-6"),
		"option time: min -5 is more than max -6");
	unsound(ROW(SLUICE_T_DURATION, time, .def = "1s", .min = "2s"),
		"option time: the default 1s is out of bounds");
	unsound(ROW(SLUICE_T_STR, text, .def = "", .min = "1"),
		"option text: the default  is out of bounds");
	unsound(ROW(SLUICE_T_FLAGS, time, .choices = choices, .def = "[a, d]"),
		"option time: the default [a, d] cannot be read");
	unsound(ROW(SLUICE_T_PAIRS, text, .def = "{}"),
		"option text: the default {} cannot be read");
	unsound(ROW(SLUICE_T_BOOL, time, .max = "1"), "option time: a boolean has no bounds");
	const sluice_option twice[] = { ROW(SLUICE_T_STR, text), ROW(SLUICE_T_STR, text),
		SLUICE_OPTIONS_END };
	assert_int_equal(table_check(twice, sizeof(struct thing), true, why, sizeof(why)), -1);
	assert_string_equal(why, "option text: declared twice");
	const sluice_option same[] = { ROW(SLUICE_T_BLOCK, first, .sub = inner + 1),
		ROW(SLUICE_T_UINT, time), SLUICE_OPTIONS_END };
	assert_int_equal(table_check(same, sizeof(struct thing), true, why, sizeof(why)), -1);
	assert_string_equal(why, "option first: its struct comes first and has a field time too");
	const sluice_option node[] = { ROW(SLUICE_T_NODE, time), SLUICE_OPTIONS_END };
	assert_int_equal(table_check(node, sizeof(struct thing), false, why, sizeof(why)), -1);
	assert_string_equal(why, "option time: unknown type 18");
}

/* A table that contains itself is walked to an end. */
TEST(recursive)
{
	static sluice_option table[2];
	table[0] = ROW(SLUICE_T_LIST, list, .sub = table, .sub_size = sizeof(struct thing));
	assert_int_equal(table_check(table, sizeof(struct thing), true, why, sizeof(why)), 0);
	char buf[OPTION_TEXT];
	assert_string_equal(option_example(&table[0], buf),
		"[{ list: [{ list: [{ list: [{ list: ... }] }] }] }]");
}

static void expected(sluice_option row, const char *text)
{
	char buf[OPTION_TEXT];
	assert_string_equal(option_expected(&row, buf), text);
}

static void range(sluice_option row, const char *text)
{
	char buf[OPTION_TEXT];
	assert_string_equal(option_range(&row, buf), text);
}

TEST(words)
{
	expected(ROW(SLUICE_T_BOOL, time), "true or false");
	expected(ROW(SLUICE_T_STR, text), "a text");
	expected(ROW(SLUICE_T_UINT, time), "a whole number such as 10");
	expected(ROW(SLUICE_T_UINT, time, .max = "5"), "a whole number such as 5");
	expected(ROW(SLUICE_T_DURATION, time, .min = "2m"), "a duration such as 2m");
	expected(ROW(SLUICE_T_SIZE, time, .def = "1MiB", .min = "1"), "a size such as 1MiB");
	expected(ROW(SLUICE_T_ENUM, time, .choices = choices), "one of a, b or c");
	expected(ROW(SLUICE_T_FLAGS, time, .choices = choices + 2), "c, or a list of them");
	expected(ROW(SLUICE_T_BLOCK, first, .sub = inner), "a block such as { time: 30s }");
	expected(ROW(SLUICE_T_MAP, list, .sub = inner),
		"a map of blocks such as { name: { time: 30s } }");
	expected(ROW(SLUICE_T_LIST, list, .sub = inner),
		"a list of blocks such as [{ time: 30s }]");
	expected(ROW(SLUICE_T_STRS, text, .flags = SLUICE_F_SECRET),
		"a text or a list of texts such as file:text.secret");
	range(ROW(SLUICE_T_UINT, time), "");
	range(ROW(SLUICE_T_UINT, time, .min = "1"), "at least 1");
	range(ROW(SLUICE_T_UINT, time, .min = "1", .max = "9"), "between 1 and 9");
	range(ROW(SLUICE_T_UINT, time, .min = "9", .max = "9"), "exactly 9");
	range(ROW(SLUICE_T_STR, text, .max = "9"), "at most 9 bytes long");
	range(ROW(SLUICE_T_STRS, text, .min = "1"), "at least 1 member");
	range(ROW(SLUICE_T_LIST, list, .min = "1", .max = "8"), "between 1 and 8 members");
	sluice_option o = ROW(SLUICE_T_BOOL, time, .flags = SLUICE_F_NEW);
	assert_string_equal(option_reload(&o), "for new connections");
	o.flags = SLUICE_F_RESTART;
	assert_string_equal(option_reload(&o), "after a restart");
	o.flags = 0;
	assert_string_equal(option_reload(&o), "at once");
	assert_string_equal(option_type(&o), "boolean");
}

TEST(rows)
{
	assert_int_equal(table_rows(inner), 3);
	assert_int_equal(table_rows(NULL), 0);
	assert_ptr_equal(table_find(inner, STR("weight")), &inner[2]);
	assert_null(table_find(inner, STR("name"))); /* the key is no option */
	assert_ptr_equal(table_flagged(inner, SLUICE_F_KEY), &inner[0]);
	assert_null(table_flagged(inner, SLUICE_F_SCALAR));
	sluice_str rest = STR("[a , b,c]"), item;
	char seen[16] = "";
	size_t n = 0;
	while (option_def_next(&rest, &item)) {
		memcpy(seen + n, item.data, item.len);
		n += item.len;
	}
	assert_string_equal(seen, "abc");
	rest = STR("[]");
	assert_false(option_def_next(&rest, &item));
	rest = STR("one");
	assert_true(option_def_next(&rest, &item));
	assert_int_equal(item.len, 3);
	assert_false(option_def_next(&rest, &item));
}
