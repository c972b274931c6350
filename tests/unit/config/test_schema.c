/* The JSON Schema of a table. */
#include "config/schema.h"
#include "unit.h"

static const char *const versions[] = { "1.2", "1.3", "any", NULL };

static const sluice_option server[] = {
	{ .name = "address",
		.type = SLUICE_T_STR,
		.doc = "where",
		.flags = SLUICE_F_REQUIRED | SLUICE_F_SCALAR,
		.min = "1" },
	{ .name = "weight", .type = SLUICE_T_UINT, .doc = "share", .def = "1", .max = "100" },
	SLUICE_OPTIONS_END,
};
static const sluice_option named[] = {
	{ .name = "name", .type = SLUICE_T_STR, .doc = "name", .flags = SLUICE_F_KEY },
	{ .name = "on", .type = SLUICE_T_BOOL, .doc = "switch", .def = "true" },
	SLUICE_OPTIONS_END,
};
static sluice_option self[2];
static const sluice_option instance[] = {
	{ .name = "name", .type = SLUICE_T_STR, .doc = "name", .flags = SLUICE_F_KEY },
	{ .name = "use", .type = SLUICE_T_STR, .doc = "plugin", .flags = SLUICE_F_REQUIRED },
	{ .name = "mode", .type = SLUICE_T_ENUM, .doc = "mode", .choices = versions },
	SLUICE_OPTIONS_END,
};
static const sluice_option quota[] = {
	{ .name = "rate", .type = SLUICE_T_RATE, .doc = "how many", .flags = SLUICE_F_REQUIRED },
	{ .name = "secret",
		.type = SLUICE_T_STR,
		.doc = "key",
		.flags = SLUICE_F_SECRET | SLUICE_F_RESTART },
	SLUICE_OPTIONS_END,
};

static char buf[20000];

static const char *schema_of(const struct schema *s)
{
	struct json_out o;
	json_init(&o, buf, sizeof(buf));
	schema_write(&o, s);
	assert_false(o.full);
	assert_int_equal(o.depth, 0);
	json_raw(&o, str_n("", 1));
	return buf;
}

/* The schema of one row, as it stands in `properties`. */
static void property_is(sluice_option row, const char *expected)
{
	const sluice_option table[] = { row, SLUICE_OPTIONS_END };
	const char *text = schema_of(&(struct schema){ .title = "t", .root = table });
	const char *from = strstr(text, "\"properties\":{"),
		   *to = strstr(text, "},\"additionalProperties\":false,\"$defs\"");
	if (row.flags & SLUICE_F_REQUIRED)
		to = strstr(text, "},\"required\":[\"o\"]");
	assert_non_null(from);
	assert_non_null(to);
	from += strlen("\"properties\":{");
	buf[to - buf] = 0;
	assert_string_equal(from, expected);
}

#define ROW(T, ...) ((sluice_option){ .name = "o", .type = (T), .doc = "what", __VA_ARGS__ })

TEST(scalars)
{
	property_is(ROW(SLUICE_T_BOOL, .def = "false"),
		"\"o\":{\"description\":\"what\",\"default\":false,\"type\":[\"boolean\","
		"\"string\"],"
		"\"pattern\":\"^(true|false)$|\\\\$\\\\{\"}");
	property_is(ROW(SLUICE_T_INT, .def = "-1", .min = "-5", .max = "5"),
		"\"o\":{\"description\":\"what; between -5 and "
		"5\",\"default\":-1,\"type\":[\"integer\",\"string\"],"
		"\"pattern\":\"^-?[0-9]+$|\\\\$\\\\{\",\"minimum\":-5,\"maximum\":5}");
	property_is(ROW(SLUICE_T_UINT, .flags = SLUICE_F_NEW),
		"\"o\":{\"description\":\"what; on reload, a change is in force for new "
		"connections\","
		"\"type\":[\"integer\",\"string\"],\"pattern\":\"^[0-9]+$|\\\\$\\\\{\",\"minimum\":"
		"0}");
	property_is(ROW(SLUICE_T_STR, .flags = SLUICE_F_SECRET, .min = "8"),
		"\"o\":{\"description\":\"what; at least 8 bytes long\",\"writeOnly\":true,"
		"\"type\":[\"string\",\"number\",\"boolean\"],\"minLength\":1}");
	property_is(ROW(SLUICE_T_DURATION, .def = "30s"),
		"\"o\":{\"description\":\"what\",\"default\":\"30s\",\"type\":[\"string\","
		"\"integer\"],"
		"\"pattern\":\"^([0-9]+(ms|s|m|h|d)|0)$|\\\\$\\\\{\",\"minimum\":0,\"maximum\":0}");
	property_is(ROW(SLUICE_T_ENUM, .choices = versions, .def = "1.2"),
		"\"o\":{\"description\":\"what\",\"default\":\"1.2\",\"anyOf\":[{\"enum\":[\"1.2\","
		"1.2,\"1.3\",1.3,\"any\"]},"
		"{\"$ref\":\"#/$defs/environment\"}]}");
}

TEST(collections)
{
	property_is(ROW(SLUICE_T_STRS, .def = "[a, b]", .min = "1", .max = "3"),
		"\"o\":{\"description\":\"what; between 1 and 3 "
		"members\",\"default\":[\"a\",\"b\"],\"anyOf\":["
		"{\"type\":[\"string\",\"number\",\"boolean\"]},{\"type\":\"array\",\"items\":{"
		"\"type\":[\"string\",\"number\","
		"\"boolean\"]},\"minItems\":1,\"maxItems\":3}]}");
	property_is(ROW(SLUICE_T_PAIRS),
		"\"o\":{\"description\":\"what\",\"type\":\"object\",\"additionalProperties\":{"
		"\"type\":[\"string\","
		"\"number\",\"boolean\"]}}");
	property_is(ROW(SLUICE_T_LIST, .sub = server, .flags = SLUICE_F_REQUIRED),
		"\"o\":{\"description\":\"what\",\"type\":[\"array\",\"null\"],\"items\":{"
		"\"anyOf\":[{\"type\":[\"string\","
		"\"number\",\"boolean\"],\"minLength\":1},{\"type\":\"object\",\"properties\":{"
		"\"address\":{\"description\":\"where; at least 1 "
		"byte "
		"long\",\"type\":[\"string\",\"number\",\"boolean\"],\"minLength\":1},\"weight\":{"
		"\"description\":\"share; "
		"at most "
		"100\",\"default\":1,\"type\":[\"integer\",\"string\"],\"pattern\":\"^[0-9]+$|\\\\$"
		"\\\\{\","
		"\"minimum\":0,\"maximum\":100}},\"required\":[\"address\"],"
		"\"additionalProperties\":false}]}}");
	property_is(ROW(SLUICE_T_MAP, .sub = named, .min = "1"),
		"\"o\":{\"description\":\"what; at least 1 "
		"member\",\"type\":\"object\",\"additionalProperties\":{\"type\":"
		"[\"object\",\"null\"],\"properties\":{\"on\":{\"description\":\"switch\","
		"\"default\":true,\"type\":[\"boolean\","
		"\"string\"],\"pattern\":\"^(true|false)$|\\\\$\\\\{\"}},\"additionalProperties\":"
		"false},\"minProperties\":1}");
}

TEST(recursive)
{
	self[0] = ROW(SLUICE_T_LIST, .sub = self, .sub_size = 16);
	const char *text = schema_of(&(struct schema){ .title = "t", .root = self });
	unsigned n = 0;
	for (const char *p = text; (p = strstr(p, "\"o\":")); p++)
		n++;
	assert_int_equal(n, 8);
}

static enum schema_node node_kind(const sluice_option *row)
{
	return strcmp(row->name, "plugins") == 0 ? SCHEMA_INSTANCE_MAP : SCHEMA_ANY;
}

TEST(plugins)
{
	static const sluice_option root[] = {
		{ .name = "plugins", .type = SLUICE_T_NODE, .doc = "instances" },
		{ .name = "other", .type = SLUICE_T_NODE, .doc = "anything" },
		SLUICE_OPTIONS_END,
	};
	static const struct schema_plugin plugins[] = {
		{ .name = "quota", .summary = "requests", .options = quota }, { .name = "empty" }
	};
	const char *text = schema_of(&(struct schema){ .id = "https://x/y",
		.title = "t",
		.root = root,
		.instance = instance,
		.plugins = plugins,
		.n_plugins = 2,
		.node = node_kind });
	assert_non_null(strstr(text,
		"{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"$id\":\"https://x/"
		"y\","
		"\"title\":\"t\",\"type\":[\"object\",\"null\"],"));
	assert_non_null(strstr(text,
		"\"plugins\":{\"description\":\"instances\",\"$ref\":\"#/$defs/"
		"instances_by_name\"},"
		"\"other\":{\"description\":\"anything\"}}"));
	assert_non_null(strstr(text,
		"{\"description\":\"requests\",\"type\":\"object\",\"properties\":{\"use\":{"
		"\"const\":"
		"\"quota\"},\"mode\":{"));
	assert_non_null(
		strstr(text, "\"required\":[\"use\",\"rate\"],\"additionalProperties\":false}"));
	assert_non_null(strstr(text,
		"{\"type\":\"object\",\"properties\":{\"use\":{\"const\":\"empty\"},\"mode\":{"));
	assert_non_null(strstr(text,
		"\"secret\":{\"description\":\"key; on reload, a change is in force after a "
		"restart\","
		"\"writeOnly\":true,"));
	assert_null(strstr(text, "\"name\":{"));
}
