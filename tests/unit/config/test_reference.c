/* Tables for people. */
#include <stdlib.h>

#include "config/reference.h"
#include "unit.h"

static const char *const modes[] = { "off", "on", NULL };
static const sluice_option server[] = {
	{ .name = "address",
		.type = SLUICE_T_STR,
		.doc = "where",
		.flags = SLUICE_F_REQUIRED | SLUICE_F_SCALAR },
	SLUICE_OPTIONS_END,
};
static const sluice_option named[] = {
	{ .name = "name",
		.type = SLUICE_T_STR,
		.doc = "what routes call it",
		.flags = SLUICE_F_KEY },
	{ .name = "servers",
		.type = SLUICE_T_LIST,
		.doc = "its servers",
		.sub = server,
		.sub_size = 16,
		.min = "1" },
	SLUICE_OPTIONS_END,
};
static const sluice_option table[] = {
	{ .name = "mode",
		.type = SLUICE_T_FLAGS,
		.doc = "a|b of <x>",
		.choices = modes,
		.def = "[off]",
		.flags = SLUICE_F_NEW },
	{ .name = "key",
		.type = SLUICE_T_STR,
		.doc = "the key",
		.def = "",
		.flags = SLUICE_F_SECRET },
	{ .name = "upstreams",
		.type = SLUICE_T_MAP,
		.doc = "groups of servers",
		.sub = named,
		.sub_size = 32 },
	SLUICE_OPTIONS_END,
};

TEST(markdown)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	reference_markdown(to, table, "Options", "", 1);
	(void)fclose(to);
	assert_string_equal(text,
		"# Options\n\n"
		"| option | type | default | what it is | a change is in force "
		"|\n|---|---|---|---|---|\n"
		"| `mode` | list of off, on | `[off]` | a\\|b of \\<x\\> | for new connections |\n"
		"| `key` | text | `\"\"` | the key; a secret: file:PATH reads it from a file | at "
		"once |\n"
		"| `upstreams` | map of blocks |  | groups of servers | at once |\n\n"
		"## upstreams.NAME\n\nGroups of servers.\n\nNAME: what routes call it\n\n"
		"| option | type | default | what it is | a change is in force "
		"|\n|---|---|---|---|---|\n"
		"| `servers` | list of blocks |  | its servers; at least 1 member; a member may be "
		"written as its address"
		" alone | at once |\n\n"
		"## upstreams.NAME.servers[]\n\nIts servers.\n\n"
		"| option | type | default | what it is | a change is in force "
		"|\n|---|---|---|---|---|\n"
		"| `address` | text | required | where | at once |\n\n");
	free(text);
}

TEST(text)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	reference_text(to, table, 40);
	(void)fclose(to);
	assert_string_equal(text,
		"  mode  (list of off, on, default [off])\n"
		"      a|b of <x>; a change is in force\n"
		"      for new connections\n"
		"  key  (text, default \"\")\n"
		"      the key; a secret: file:PATH reads\n"
		"      it from a file\n"
		"  upstreams  (map of blocks)\n"
		"      groups of servers\n"
		"  upstreams.NAME.servers  (list of blocks)\n"
		"      its servers; at least 1 member; a\n"
		"      member may be written as its\n"
		"      address alone\n"
		"  upstreams.NAME.servers[].address  (text, required)\n"
		"      where\n");
	free(text);
}

TEST(man)
{
	char *text = NULL;
	size_t n;
	FILE *to = open_memstream(&text, &n);
	reference_man(to, table, "");
	(void)fclose(to);
	assert_string_equal(text,
		".TP\n\\fBmode\\fP (\\fIlist of off, on\\fP, default [off])\n"
		"a|b of <x>; a change is in force for new connections.\n"
		".TP\n\\fBkey\\fP (\\fItext\\fP, default \\(dq\\(dq)\n"
		"the key; a secret: file:PATH reads it from a file.\n"
		".TP\n\\fBupstreams\\fP (\\fImap of blocks\\fP)\ngroups of servers.\n"
		".SS \"upstreams.NAME\"\nNAME: what routes call it.\n"
		".TP\n\\fBservers\\fP (\\fIlist of blocks\\fP)\n"
		"its servers; at least 1 member; a member may be written as its address alone.\n"
		".SS \"upstreams.NAME.servers[]\"\n"
		".TP\n\\fBaddress\\fP (\\fItext\\fP, required)\nwhere.\n");
	free(text);
}

/* Nothing in a text is taken for markup. */
TEST(man_text)
{
	static const struct {
		const char *in, *out;
	} v[] = {
		{ ".TH x", "\\&.TH x" },
		{ "a\n.b\n'c", "a\n\\&.b\n\\&\\(aqc" },
		{ "a.b -c", "a.b \\-c" },
		{ "back\\slash", "back\\eslash" },
		{ "say `--x` or `y`", "say \\fB\\-\\-x\\fP or \\fBy\\fP" },
		{ "~^\"", "\\(ti\\(ha\\(dq" },
		{ "", "" },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		char *text = NULL;
		size_t n;
		FILE *to = open_memstream(&text, &n);
		reference_man_text(to, v[i].in);
		(void)fclose(to);
		assert_string_equal(text, v[i].out);
		free(text);
	}
}
