/* Parts of key-auth without a gateway: times, what is known of a key, and files of keys. */
#include <stdio.h>
#include <stdlib.h>

#include "digests.h"
#include "kit.h"
#include "keys.h"
#include "../shared/rfc3339.h"
#include "test.h"

/* ---- times --------------------------------------------------------------------------------- */

TEST(times_of_rfc_3339)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2023-11-14T22:13:20Z", 1700000000000 },
		{ "2023-11-14t22:13:20z", 1700000000000 },
		{ "2023-11-15T00:13:20+02:00", 1700000000000 },
		{ "2023-11-14T16:43:20.5-05:30", 1700000000500 },
		{ "2023-11-14T22:13:20.123999Z", 1700000000123 },
		{ "2024-02-29T00:00:00Z", 1709164800000 },
		{ "2000-03-01T00:00:00Z", 951868800000 },
		{ "2016-12-31T23:59:60Z", 1483228800000 },
		{ "9999-12-31T23:59:59Z", 253402300799000 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int64_t ms = -1;
		if (!rfc3339_read(sluice_str_of(rows[i].text), &ms) || ms != rows[i].ms)
			fail_msg("%s: %lld", rows[i].text, (long long)ms);
	}
}

TEST(what_is_no_time)
{
	static const char *const texts[] = { "", "2026-12-31", "2026-12-31T23:59:59",
		"2026-12-31 23:59:59Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-12-31T24:00:00Z",
		"2026-12-31T23:60:00Z", "2026-12-31T23:59:61Z", "2026-12-31T23:59:59.Z",
		"2026-12-31T23:59:59+2:00", "2026-12-31T23:59:59+0200", "2026-12-31T23:59:59Zx",
		"2026-12-31T23:59:59+24:00", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00+01:00",
		"+026-12-31T23:59:59Z", "2026-1-31T23:59:59Z" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		int64_t ms = 42;
		if (rfc3339_read(sluice_str_of(texts[i]), &ms) || ms != 42)
			fail_msg("%s", texts[i]);
	}
}

/* ---- files --------------------------------------------------------------------------------- */

static struct keys *keys_of(const char *file, struct keys_mistake *m)
{
	return keys_new(NULL, 0, sluice_str_of(file), m);
}

static bool find(const struct keys *k, const char *hex, struct entry *e)
{
	unsigned char digest[KEY_DIGEST];
	assert_true(key_digest_read(sluice_str_of(hex), digest));
	return keys_find(k, digest, e);
}

static bool is(sluice_str s, const char *text)
{
	return sluice_str_is(s, text);
}

TEST(a_file_of_keys)
{
	struct keys_mistake m;
	struct entry e;
	sluice_pair fact;
	struct keys *k = keys_of("# keys\r\n\n  " ALICE " alice\r\n" BOB
				 "   bob\xc3\xb6 expires=2030-01-01T00:00:00Z "
				 "groups=ops,staff plan=gold  region=eu=1",
		&m);
	assert_non_null(k);
	assert_int_equal(keys_count(k), 2);
	assert_true(find(k, ALICE, &e));
	assert_true(is(e.name, "alice") && e.groups.len == 0 && !e.expires && !e.facts.len);
	assert_true(
		find(k, "9B94DC1A51A38769F135EDF04033AD7F2F487B6C25929BE7A861CFC1AB10CF98", &e));
	assert_true(is(e.name, "bob\xc3\xb6") && is(e.groups, "ops,staff"));
	assert_true(e.expires && e.expires_ms == INT64_C(1893456000000));
	sluice_str rest = e.facts;
	assert_true(entry_fact(&rest, &fact) && is(fact.name, "plan") && is(fact.value, "gold"));
	assert_true(entry_fact(&rest, &fact) && is(fact.name, "region") && is(fact.value, "eu=1"));
	assert_false(entry_fact(&rest, &fact));
	assert_false(find(k, OLD, &e));
	keys_free(k);
}

TEST(an_empty_file_is_right)
{
	struct keys_mistake m;
	struct entry e;
	struct keys *k = keys_of("", &m);
	assert_non_null(k);
	assert_int_equal(keys_count(k), 0);
	assert_false(find(k, OLD, &e));
	keys_free(k);
}

TEST(many_keys)
{
	enum { MANY = 5000, LINE = 128 };
	char *text = malloc(MANY * LINE), *at = text;
	struct keys_mistake m;
	struct entry e;
	assert_non_null(text);
	for (unsigned i = 0; i < MANY; i++) /* many begin with the same bytes: one run of slots */
		at += snprintf(at, LINE, "%016x%048x n%u\n", i % 7, i, i);
	struct keys *k = keys_new(NULL, 0, sluice_str_n(text, (size_t)(at - text)), &m);
	assert_non_null(k);
	assert_int_equal(keys_count(k), MANY);
	for (unsigned i = 0; i < MANY; i++) {
		char hex[KEY_HEX + 1], name[16];
		(void)snprintf(hex, sizeof(hex), "%016x%048x", i % 7, i);
		(void)snprintf(name, sizeof(name), "n%u", i);
		assert_true(find(k, hex, &e) && is(e.name, name));
	}
	assert_false(find(k, ALICE, &e));
	keys_free(k);
	free(text);
}

#define FACTS8(x) " " x "1=1 " x "2=1 " x "3=1 " x "4=1 " x "5=1 " x "6=1 " x "7=1 " x "8=1"

TEST(mistakes_in_a_file)
{
	static const struct {
		const char *text;
		size_t line;
		const char *why;
	} rows[] = {
		{ "alice-key alice\n", 1, "does not begin with the SHA-256" },
		{ ALICE " alice\n\n" ALICE "0 x", 3, "does not begin with the SHA-256" },
		{ ALICE "\talice", 1, "does not begin with the SHA-256" },
		{ "x" ALICE " alice", 1, "does not begin with the SHA-256" },
		{ ALICE, 1, "no name" },
		{ ALICE " ", 1, "no name" },
		{ ALICE " a\tb", 1, "control character" },
		{ ALICE " alice extra", 1, "is not KEY=VALUE" },
		{ ALICE " alice expires=2026-12-31", 1, "no time as in RFC 3339" },
		{ ALICE " alice expires=2026-12-31T00:00:00Z expires=2026-12-31T00:00:00Z", 1,
			"two times" },
		{ ALICE " alice groups=", 1, "has a group" },
		{ ALICE " alice groups=a,,b", 1, "has a group" },
		{ ALICE " alice groups=a groups=b", 1, "groups twice" },
		{ ALICE " alice name=bob", 1, "two names" },
		{ ALICE " alice =gold", 1, "has a fact whose name" },
		{ ALICE " alice pl:an=gold", 1, "has a fact whose name" },
		{ ALICE " alice plan=a plan=b", 1, "has a fact twice" },
		{ ALICE " alice plan=a\x01", 1, "control character" },
		{ ALICE " alice" FACTS8("a") FACTS8("b") " c=1", 1, "more than 16" },
		{ ALICE " alice\n#\n" ALICE " bob\n", 3, "there twice" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct keys_mistake m;
		if (keys_of(rows[i].text, &m))
			fail_msg("accepted: %s", rows[i].text);
		if (m.line != rows[i].line || !strstr(m.why, rows[i].why))
			fail_msg("%s: line %zu: %s", rows[i].text, m.line, m.why);
	}
	struct keys_mistake m;
	struct keys *k = keys_of(ALICE " alice" FACTS8("a") FACTS8("b"), &m);
	assert_non_null(k);
	keys_free(k);
}

TEST(bounds_of_texts)
{
	char name[ENTRY_NAME_MAX + 2], fact[ENTRY_FACT_MAX + 2], groups[ENTRY_GROUPS_MAX + 2];
	struct draft d = { 0 };
	memset(name, 'n', sizeof(name));
	memset(fact, 'f', sizeof(fact));
	assert_non_null(draft_add(&d, SLUICE_STR("name"), sluice_str_n(name, ENTRY_NAME_MAX + 1)));
	assert_null(draft_add(&d, SLUICE_STR("name"), sluice_str_n(name, ENTRY_NAME_MAX)));
	assert_non_null(draft_add(&d, SLUICE_STR("a"), sluice_str_n(fact, ENTRY_FACT_MAX + 1)));
	assert_null(draft_add(&d, SLUICE_STR("a"), sluice_str_n(fact, ENTRY_FACT_MAX)));
	assert_null(draft_add(&d, SLUICE_STR("b"), SLUICE_STR("")));
	assert_non_null(draft_add(&d, sluice_str_n(name, ENTRY_FACT_NAME_MAX + 1), SLUICE_STR("")));
	for (size_t i = 0; i < sizeof(groups); i++)
		groups[i] = i % 2 ? ',' : 'g';
	assert_non_null(
		draft_add(&d, SLUICE_STR("groups"), sluice_str_n(groups, ENTRY_GROUPS_MAX + 1)));
	d.groups = SLUICE_STR_NONE;
	assert_null(
		draft_add(&d, SLUICE_STR("groups"), sluice_str_n(groups, ENTRY_GROUPS_MAX - 1)));
	size_t n = draft_size(&d);
	char *packed = malloc(n);
	struct entry e;
	draft_pack(&d, packed);
	assert_true(entry_unpack(sluice_str_n(packed, n), &e));
	assert_true(sluice_str_eq(e.name, d.name) && sluice_str_eq(e.groups, d.groups));
	for (size_t i = 0; i < n; i++) /* what was cut off is no entry, or one with less */
		(void)entry_unpack(sluice_str_n(packed, i), &e);
	assert_false(entry_unpack(SLUICE_STR("abc"), &e));
	free(packed);
}

TEST(when_an_entry_is_expired)
{
	struct entry e = { .expires = true, .expires_ms = 1000 };
	assert_false(entry_is_expired(&e, 999));
	assert_true(entry_is_expired(&e, 1000));
	e.expires = false;
	assert_false(entry_is_expired(&e, 5000));
}
