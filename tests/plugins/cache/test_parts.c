/* plugins/cache: what reads directives, dates, ranges and validators, keys, entries and flights. */
#include "kit.h"
#include "test.h"

#include <stdlib.h>

#include "date.h"
#include "directives.h"
#include "entry.h"
#include "../shared/flight.h"
#include "key.h"
#include "keep.h"
#include "range.h"
#include "told.h"
#include "validator.h"

extern const sluice_plugin sluice_plugin_record;

static sluice_str str(const char *text)
{
	return sluice_str_of(text);
}

/* ---- directives ---------------------------------------------------------------------------- */

static struct directives read_cc(const char *text)
{
	struct directives d;
	directives_init(&d);
	directives_read(&d, str(text));
	return d;
}

TEST(directives)
{
	struct directives d = read_cc("");
	assert_false(d.any || d.malformed || d.no_store);
	assert_true(d.max_age == DIRECTIVE_NONE);
	d = read_cc("max-age=60, S-MaxAge=\"7\",no-store ,, private,public,must-revalidate,"
		    "proxy-revalidate,must-understand,only-if-cached");
	assert_true(d.max_age == 60 && d.s_maxage == 7 && !d.malformed);
	assert_true(d.no_store && d.is_private && d.is_public && d.must_revalidate &&
		d.proxy_revalidate && d.must_understand && d.only_if_cached);
	d = read_cc("max-stale, min-fresh=5, stale-while-revalidate=8, stale-if-error=9");
	assert_true(d.max_stale_any && d.max_stale == DIRECTIVE_NONE && d.min_fresh == 5);
	assert_true(d.stale_while_revalidate == 8 && d.stale_if_error == 9);
	assert_true(read_cc("max-stale=4").max_stale == 4);
	assert_false(read_cc("max-stale=4").max_stale_any);
}

TEST(numbers_that_are_none)
{
	static const char *const zero[] = { "max-age", "max-age=", "max-age=-1", "max-age=1.5",
		"max-age=1a", "max-age='60'", "max-age =60", "max-age= 60", "max-age=\"60",
		"max-age=60 s", "max-age=60, max-age=61", "max-age=60;s" };
	for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++)
		assert_true(read_cc(zero[i]).max_age == 0);
	assert_true(read_cc("max-age=60, max-age=60").max_age == 60);
	assert_true(read_cc("max-age=99999999999999999999999").max_age == SECONDS_MAX);
	assert_true(read_cc("max-age=4294967297").max_age == SECONDS_MAX);
	assert_true(read_cc("xmax-age=60").max_age == DIRECTIVE_NONE);
}

/* What one directive quotes is no other directive. */
TEST(quoted_strings)
{
	struct directives d = read_cc("ext=\"a, no-store, max-age=1\", max-age=60");
	assert_true(!d.no_store && d.max_age == 60);
	d = read_cc("ext=\"a\\\", no-store\", max-age=60");
	assert_true(!d.no_store && d.max_age == 60);
	d = read_cc("private=\"Set-Cookie, x-a\", no-cache=\"X-B\"");
	assert_false(d.is_private || d.no_cache);
	assert_true(directives_name_field(&d, str("set-cookie")));
	assert_true(directives_name_field(&d, str("X-A")) && directives_name_field(&d, str("x-b")));
	assert_false(directives_name_field(&d, str("x-c")));
	assert_true(read_cc("private=").is_private && read_cc("no-cache=\"").no_cache);
	d = read_cc("private=a, private=b, private=c, private=d, private=e");
	assert_true(d.n_fields == DIRECTIVE_LISTS && d.is_private);
}

TEST(a_value_that_is_too_long_is_not_stored)
{
	char *text = malloc(DIRECTIVE_BYTES + 1);
	struct directives d;
	directives_init(&d);
	memset(text, ',', DIRECTIVE_BYTES + 1);
	directives_read(&d, sluice_str_n(text, DIRECTIVE_BYTES));
	assert_false(d.no_store);
	directives_read(&d, sluice_str_n(text, DIRECTIVE_BYTES + 1));
	assert_true(d.no_store);
	free(text);
}

/* ---- dates --------------------------------------------------------------------------------- */

TEST(dates)
{
	static const struct {
		const char *text;
		int64_t seconds; /* -1: it is no date */
	} v[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 784111777 },
		{ "Sun Nov 16 08:49:37 1994", 784975777 },
		{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
		{ "Thu, 29 Feb 2024 23:59:60 GMT", 1709251200 },
		{ "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
		{ "Wednesday, 01-Jan-70 00:00:00 GMT", 3155760000 }, /* 47 years ahead */
		{ "Tuesday, 01-Jan-74 00:00:00 GMT", 126230400 },
		{ "Monday, 01-Jan-30 00:00:00 GMT", 1893456000 },
		{ "Thu, 29 Feb 2023 00:00:00 GMT", -1 },
		{ "Sun, 06 Nov 1994 08:49:37 EST", -1 },
		{ "Sun, 06 Nov 1994 08:49:37", -1 },
		{ "Sun, 6 Nov 1994 08:49:37 GMT", -1 },
		{ "Sun, 06 nov 1994 08:49:37 GMT", -1 },
		{ "sun, 06 Nov 1994 08:49:37 GMT", -1 },
		{ "Sun, 06 Nov 1994 24:49:37 GMT", -1 },
		{ "Sun, 00 Nov 1994 08:49:37 GMT", -1 },
		{ "Sun, 06 Nov 1994 08:49:37 GMT ", -1 },
		{ "Sun, 06 Nov 94 08:49:37 GMT", -1 },
		{ "0", -1 },
		{ "", -1 },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		int64_t got = -1;
		assert_int_equal(date_read(str(v[i].text), 1700000000, &got), v[i].seconds >= 0);
		assert_true(got == v[i].seconds);
	}
}

TEST(dates_are_written)
{
	char text[DATE_TEXT + 1];
	int64_t back = 0;
	date_write(784111777, text);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	for (int64_t t = 0; t < 253402300799; t += 86400 * 97 + 3671) {
		date_write(t, text);
		assert_true(date_read(str(text), t, &back) && back == t);
	}
}

/* ---- ranges -------------------------------------------------------------------------------- */

TEST(ranges)
{
	static const struct {
		const char *text;
		uint64_t length;
		enum range_kind kind;
		uint64_t first, last;
	} v[] = {
		{ "bytes=0-4", 10, RANGE_ONE, 0, 4 },
		{ "Bytes=9-", 10, RANGE_ONE, 9, 9 },
		{ "bytes=-3", 10, RANGE_ONE, 7, 9 },
		{ "bytes=-30", 10, RANGE_ONE, 0, 9 },
		{ "bytes= 2-3 ", 10, RANGE_ONE, 2, 3 },
		{ "bytes=3-99999999999999999999999999", 10, RANGE_ONE, 3, 9 },
		{ "bytes=99999999999999999999999999-", 10, RANGE_NOT_SATISFIED, 0, 0 },
		{ "bytes=10-", 10, RANGE_NOT_SATISFIED, 0, 0 },
		{ "bytes=-0", 10, RANGE_NOT_SATISFIED, 0, 0 },
		{ "bytes=-1", 0, RANGE_NOT_SATISFIED, 0, 0 },
		{ "bytes=0-", 0, RANGE_NOT_SATISFIED, 0, 0 },
		{ "bytes=4-2", 10, RANGE_NONE, 0, 0 },
		{ "bytes=0-1,3-4", 10, RANGE_NONE, 0, 0 },
		{ "bytes=a-", 10, RANGE_NONE, 0, 0 },
		{ "bytes=1-b", 10, RANGE_NONE, 0, 0 },
		{ "bytes=-", 10, RANGE_NONE, 0, 0 },
		{ "bytes=1", 10, RANGE_NONE, 0, 0 },
		{ "bytes", 10, RANGE_NONE, 0, 0 },
		{ "lines=1-2", 10, RANGE_NONE, 0, 0 },
		{ "", 10, RANGE_NONE, 0, 0 },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		uint64_t first = 0, last = 0;
		assert_int_equal(range_read(str(v[i].text), v[i].length, &first, &last), v[i].kind);
		assert_true(first == v[i].first && last == v[i].last);
	}
}

/* ---- validators ---------------------------------------------------------------------------- */

TEST(entity_tags)
{
	assert_true(etag_is(str("\"\"")) && etag_is(str("W/\"a\"")) && etag_is(str("\"a,b\"")));
	assert_false(etag_is(str("a")) || etag_is(str("\"")) || etag_is(str("w/\"a\"")) ||
		etag_is(str("\"a b\"")) || etag_is(str("\"a\"b\"")) || etag_is(str("")));
	assert_true(etag_equal(str("\"a\""), str("W/\"a\"")));
	assert_false(etag_equal(str("\"a\""), str("\"A\"")) || etag_equal(str("a"), str("a")));
	assert_true(etag_equal_strong(str("\"a\""), str("\"a\"")));
	assert_false(etag_equal_strong(str("W/\"a\""), str("W/\"a\"")));
	assert_true(etag_in_list(str("\"x\", W/\"a,b\" ,\"c\""), str("\"a,b\"")));
	assert_true(etag_in_list(str("\"x\",\"c\""), str("\"c\"")));
	assert_true(etag_in_list(str(" * "), str("\"c\"")) && etag_in_list(str("*"), str("")));
	assert_false(etag_in_list(str("\"x\", \"*\""), str("\"c\"")));
	assert_false(etag_in_list(str("c"), str("\"c\"")) || etag_in_list(str(""), str("\"c\"")));
	assert_false(etag_in_list(str("\"x, \"c\""), str("\"c\"")));
	assert_false(
		etag_in_list(str("W/"), str("\"c\"")) || etag_in_list(str("\""), str("\"c\"")));
}

/* ---- Vary and keys ------------------------------------------------------------------------- */

static const char *vary(const char *a, const char *b)
{
	static char out[KEY_NAMES_MAX + 1];
	const sluice_pair v[] = { { str("Vary"), str(a) }, { str("x"), str("y") },
		{ str("vary"), str(b) } };
	size_t n = 0;
	if (!key_vary(v, 3, out, &n))
		return "none";
	out[n] = 0;
	return out;
}

TEST(names_in_vary)
{
	assert_string_equal(vary("", ""), "");
	assert_string_equal(vary("Foo, accept", "ACCEPT,bar"), "accept,bar,foo");
	assert_string_equal(vary("a", "*"), "none");
	assert_string_equal(vary("a b", ""), "none");
	assert_string_equal(vary("a,b,c,d,e,f,g,h", "i,j,k,l,m,n,o,p"),
		"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p");
	assert_string_equal(vary("a,b,c,d,e,f,g,h", "i,j,k,l,m,n,o,p,q"), "none");
}

static struct key variant(const char *names, const char *name, const char *value)
{
	struct key k;
	const sluice_pair v[] = { { str(name), str(value) } };
	assert_true(key_variant(str("key"), str(names), v, 1, &k));
	return k;
}

static bool same(struct key a, struct key b)
{
	return sluice_str_eq(key_text(&a), key_text(&b));
}

TEST(keys_of_variants)
{
	char longer[3000];
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_true(same(variant("foo", "Foo", "1"), variant("foo", "foo", "1")));
	assert_false(same(variant("foo", "foo", "1"), variant("foo", "foo", "2")));
	assert_false(same(variant("foo", "foo", ""), variant("foo", "bar", "")));
	assert_false(same(variant("foo", "foo", "-"), variant("foo", "bar", "")));
	assert_true(same(variant("accept", "accept", "A , b"), variant("accept", "accept", "a,B")));
	assert_false(same(variant("foo", "foo", "A"), variant("foo", "foo", "a")));
	/* values cannot be taken for those of other fields: they have no line ends */
	assert_false(same(variant("a,b", "a", "x"), variant("a,b", "b", "x")));
	struct key k = variant("foo", "foo", longer);
	assert_true(k.len == 65 && k.text[0] == 'H');
	longer[2990] = 'y';
	assert_false(same(k, variant("foo", "foo", longer)));
}

/* ---- what proxies tell --------------------------------------------------------------------- */

TEST(fields_that_tell_of_the_address)
{
	static const char *const address[] = { "X-Forwarded-Host", "x-forwarded-proto",
		"X-Forwarded-Port", "X-Forwarded-Prefix", "X-Original-URL", "X-Rewrite-URL",
		"Script-Name", "Front-End-Https", "path-info" };
	static const char *const nothing[] = { "X-Forwarded-For", "X-Forwarded-User", "X-Real-IP",
		"X-Forwarded-Hos", "X-Forwarded-Hosts", "x", "x-", "", "from", "forwarded-" };
	for (size_t i = 0; i < sizeof(address) / sizeof(address[0]); i++)
		assert_int_equal(told_by(str(address[i])), TOLD_ADDRESS);
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		assert_int_equal(told_by(str(nothing[i])), TOLD_NOTHING);
	assert_int_equal(told_by(str("forwardeD")), TOLD_FORWARDED);
}

/* The parts of a value of Forwarded, with '|' between them. */
static const char *parts_of(const char *value)
{
	static char out[200];
	sluice_str rest = str(value), part;
	char *at = out;
	while (told_next(&rest, &part)) {
		at = sluice_str_put(at, at == out ? str("") : str("|"));
		at = sluice_str_put(at, part);
	}
	*at = 0;
	return out;
}

TEST(parts_of_forwarded)
{
	static const struct {
		const char *value, *parts;
	} rows[] = {
		{ "", "" },
		{ "for=192.0.2.1", "" },
		{ "For=192.0.2.1; proto=https;by=_x ;host=a.test", "proto=https|host=a.test" },
		{ "for=a;host=b, for=c;host=\"d:1\"", "host=b,|host=\"d:1\"" },
		/* elements are told apart, also where all that they say is left out */
		{ "for=a, host=b", ",|host=b" },
		{ "for=a;host=b", "host=b" },
		{ "host=b,for=a", "host=b," },
		{ ";;,", "," },
		{ "for = a", "" },
		{ "for", "for" },
		/* what hides separators is taken whole, so that nothing can hide in a node */
		{ "for=\"a;host=b\"", "for=\"a;host=b\"" },
		{ "for=\"a", "for=\"a" },
		{ "for=\"\\\"\";host=b", "for=\"\\\"\";host=b" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(parts_of(rows[i].value), rows[i].parts);
}

/* ---- entries ------------------------------------------------------------------------------- */

TEST(fields_after_a_304)
{
	const struct cache c = { .max_ttl = 0 };
	const sluice_pair old[] = { { str("Date"), str("then") }, { str("X-A"), str("1") },
		{ str("X-A"), str("2") }, { str("Content-Type"), str("a/b") },
		{ str("Content-Length"), str("5") }, { str("ETag"), str("\"a\"") } };
	const sluice_pair new[] = { { str("x-a"), str("3") }, { str("Content-Type"), str("c/d") },
		{ str("Content-Encoding"), str("gzip") }, { str("Cache-Control"), str("x") } };
	const struct reply stored = { .status = 200, .v = old, .n = 6 };
	const struct reply r = { .status = 304, .v = new, .n = 4 };
	struct keeping k = { .has_date = true };
	struct entry e;
	sluice_pair v[10];
	size_t n;
	char *meta = entry_new(&c, &stored, &k, &n);
	assert_true(entry_read(sluice_str_n(meta, n), &e));
	assert_int_equal(e.head.n_fields, 5); /* Content-Length is written anew */
	assert_true(keep_is_selected(&e, &r));
	n = keep_merge(&e, &r, v);
	assert_int_equal(n, 4);
	assert_true(sluice_str_is(rule_field(v, n, "x-a"), "3"));
	assert_true(sluice_str_is(rule_field(v, n, "content-type"), "a/b"));
	assert_true(sluice_str_is(rule_field(v, n, "cache-control"), "x"));
	assert_null(rule_field(v, n, "date").data);
	assert_false(entry_read(sluice_str_n(meta, 5), &e));
	free(meta);
}

/* ---- folders of a path --------------------------------------------------------------------- */

static unsigned folders(sluice_str path, sluice_str *last)
{
	unsigned count = 0;
	for (size_t at = 0, n = 0; sluice_tag_folder(path, &at, &n, last);)
		count++;
	return count;
}

TEST(folders_that_have_tags)
{
	char longer[400] = "/";
	sluice_str last = SLUICE_STR("");
	assert_int_equal(folders(SLUICE_STR("/a/b"), &last), 2);
	assert_true(sluice_str_is(last, "/a/"));
	assert_int_equal(folders(SLUICE_STR("/a/b/"), &last), 3);
	assert_int_equal(folders(SLUICE_STR("/"), &last), 1);
	assert_int_equal(folders(SLUICE_STR("*"), &last), 0);
	memset(longer + 1, 'x', 200);
	longer[201] = '/';
	assert_int_equal(folders(sluice_str_n(longer, 202), &last), 1);
	memset(longer, '/', 60);
	assert_int_equal(folders(sluice_str_n(longer, 60), &last), SLUICE_TAG_FOLDERS);
}
