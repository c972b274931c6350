/* Priority fields. */
#include "unit.h"

#include "http/priority.h"

static const struct {
	const char *value;
	bool ok;
	unsigned urgency;
	bool incremental;
} rows[] = {
	{ "", true, 3, false },
	{ "u=0", true, 0, false },
	{ "u=7, i", true, 7, true },
	{ "i", true, 3, true },
	{ "i=?1", true, 3, true },
	{ "i=?0,u=5", true, 5, false },
	{ "u=1 , \t i", true, 1, true },
	{ "  u=1", true, 1, false },
	{ "u=1  ", true, 1, false },
	{ "u=2, u=4", true, 4, false }, /* the last counts */
	{ "i, i=?0", true, 3, false },
	{ "u=8", true, 3, false }, /* out of range, of another type: as if it were not there */
	{ "u=-1", true, 3, false },
	{ "u=3.0", true, 3, false },
	{ "u", true, 3, false },
	{ "u=\"1\"", true, 3, false },
	{ "i=1", true, 3, false },
	{ "i=?2", true, 3, false },
	{ "x=1;y=\"a\\\"b,\";z, u=1", true, 1, false },
	{ "x=(1 2 \"a\" tok;q=1);p=?1, u=2", true, 2, false },
	{ "x=();y, u=2;z=9", true, 2, false },
	{ "x=:YWJj:, *k_-.9=a/b, u=6", true, 6, false },
	{ "u=1,", false, 3, false },
	{ ",u=1", false, 3, false },
	{ "u=1 i", false, 3, false },
	{ "U=1", false, 3, false },
	{ "u=", false, 3, false },
	{ "u=1;", false, 3, false },
	{ "x=\"a", false, 3, false },
	{ "x=\"a\\b\"", false, 3, false },
	{ "x=(1", false, 3, false },
	{ "x=(1 ,2)", false, 3, false },
	{ "u=1, =2", false, 3, false },
	{ "u =1", false, 3, false },
	{ "u=1\t", true, 1, false },
};

TEST(rows)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct priority p = { 9, true };
		bool ok = priority_parse(str_of(rows[i].value), &p);
		if (ok != rows[i].ok || p.urgency != rows[i].urgency ||
			p.incremental != rows[i].incremental)
			fail_msg("\"%s\": %d, u=%u, i=%d", rows[i].value, ok, p.urgency,
				p.incremental);
	}
}

TEST(bytes)
{
	for (int c = 0; c < 256; c++) {
		const char with[] = { 'u', '=', '1', (char)c, 'x' };
		struct priority p;
		(void)priority_parse(str_n(with, sizeof(with)), &p);
		const char in[] = { 'x', '=', '"', (char)c, '"' };
		assert_int_equal(priority_parse(str_n(in, sizeof(in)), &p),
			c >= ' ' && c != '"' && c != '\\' && c < 0x7f);
	}
}
