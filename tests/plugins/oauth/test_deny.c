/* oauth/deny_member, oauth/deny_table, oauth/deny_ids: members, messages, and where tokens are
 * found.
 */
#include <sluice/str.h>

#include <stdio.h>
#include <stdlib.h>

#include "deny_ids.h"
#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static const uint64_t key[2] = { 7, 9 };

static void expect(const char *text, enum deny_kind kind, const char *issuer, const char *value,
	uint32_t before)
{
	struct deny_entry e;
	assert_true(deny_member_read(sluice_str_of(text), &e));
	assert_int_equal(e.kind, kind);
	assert_true(sluice_str_is(e.issuer, issuer));
	assert_true(sluice_str_is(e.value, value));
	assert_int_equal(e.before, before);
}

TEST(members)
{
	expect("jti:4f2", DENY_JTI, "", "4f2", DENY_ALL_TIMES);
	expect("sub:auth0|sub:1", DENY_SUB, "", "auth0|sub:1", DENY_ALL_TIMES);
	expect("sid@1767225600:s 1", DENY_SID, "", "s 1", 1767225600);
	expect("https://idp.example/|sub:alice@example.com", DENY_SUB, "https://idp.example/",
		"alice@example.com", DENY_ALL_TIMES);
	expect("a|b|sub@5:x", DENY_SUB, "a|b", "x", 5);
}

TEST(texts_that_are_no_members)
{
	static const char *const wrong[] = { "", "alice", "sub:", "sub", "sub@:x", "sub@1x:y",
		"|sub:x", "SUB:x", "iss:x", "a|sub:", "sub@5" };
	struct deny_entry e;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(deny_member_read(sluice_str_of(wrong[i]), &e));
	char *text = malloc(DENY_TEXTS_MAX + 8);
	memset(text, 'x', DENY_TEXTS_MAX + 8);
	memcpy(text, "sub:", 4);
	assert_true(deny_member_read(sluice_str_n(text, DENY_TEXTS_MAX + 4), &e));
	assert_false(deny_member_read(sluice_str_n(text, DENY_TEXTS_MAX + 5), &e));
	free(text);
}

TEST(scores_as_redis_writes_them)
{
	static const struct {
		const char *text;
		uint32_t until;
	} good[] = { { "1767225600", 1767225600 }, { "1767225600.75", 1767225600 }, { "0", 0 },
		{ "-1", 0 }, { "-inf", 0 }, { "inf", DENY_FOREVER }, { "+inf", DENY_FOREVER },
		{ "1767225600000", DENY_FOREVER }, { "1.7976931348623157e+308", DENY_FOREVER },
		{ "1.0000000000000001e-05", 0 } };
	static const char *const wrong[] = { "", "x", "1x", "1.5.5", "e+5", "1e", " 1", "nan" };
	uint32_t until;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(deny_until_read(sluice_str_of(good[i].text), &until));
		assert_int_equal(until, good[i].until);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(deny_until_read(sluice_str_of(wrong[i]), &until));
}

TEST(messages)
{
	struct deny_entry e;
	assert_true(deny_message_read(SLUICE_STR("sid:a b 12"), &e));
	assert_true(sluice_str_is(e.value, "a b"));
	assert_int_equal(e.until, 12);
	assert_false(deny_message_read(SLUICE_STR("sid:a"), &e));
	assert_false(deny_message_read(SLUICE_STR("sid:a "), &e));
	assert_false(deny_message_read(SLUICE_STR(" 12"), &e));
}

static struct deny_row row_of(const char *member, uint32_t until)
{
	struct deny_entry e;
	struct deny_row row = { .until = until };
	assert_true(deny_member_read(sluice_str_of(member), &e));
	assert_true(deny_fingerprint(key, e.kind, e.issuer, e.value, &row.print));
	row.before = e.before;
	return row;
}

TEST(issuer_and_value_do_not_run_together)
{
	struct deny_row a = row_of("ab|sub:c", 1), b = row_of("a|sub:bc", 1),
			c = row_of("sub:c", 1), d = row_of("sid:c", 1);
	assert_memory_not_equal(&a.print, &b.print, sizeof a.print);
	assert_memory_not_equal(&a.print, &c.print, sizeof a.print);
	assert_memory_not_equal(&c.print, &d.print, sizeof a.print);
}

TEST(times_of_issue_and_of_the_end)
{
	struct deny_map m = { .n = 0 };
	struct deny_table *t;
	struct deny_row old = row_of("sub@50:a", 200), all = row_of("sub:a", 120);
	assert_int_equal(deny_map_put(&m, &old, 10), DENY_PUT);
	assert_int_equal(deny_map_put(&m, &all, 10), DENY_PUT);
	assert_int_equal(m.n, 2);
	assert_true(deny_table_make(&m, 100, &t));
	assert_true(deny_table_has(t, &old.print, 60, 119)); /* by the one without a time */
	assert_false(deny_table_has(t, &old.print, 60, 120));
	assert_true(deny_table_has(t, &old.print, 50, 120));
	assert_false(deny_table_has(t, &old.print, 51, 120));
	assert_true(deny_table_has(t, &old.print, 0, 199)); /* a token without iat */
	assert_false(deny_table_has(t, &old.print, 0, 200));
	deny_table_unref(t);
	deny_map_purge(&m, 150);
	assert_int_equal(m.n, 1);
	assert_true(deny_table_make(&m, 200, &t));
	assert_null(t);
	deny_map_free(&m);
}

enum { ROWS = 100000 };

/* Every row is found, also after others of its neighbourhood went; the bound holds. */
TEST(a_hundred_thousand_rows)
{
	struct deny_map m = { .n = 0 };
	struct deny_table *t;
	char name[32];
	for (unsigned i = 0; i < ROWS; i++) {
		(void)snprintf(name, sizeof name, "jti:%u", i);
		struct deny_row row = row_of(name, 100);
		assert_int_equal(deny_map_put(&m, &row, ROWS), DENY_PUT);
	}
	struct deny_row more = row_of("jti:more", 100);
	assert_int_equal(deny_map_put(&m, &more, ROWS), DENY_PUT_FULL);
	for (unsigned i = 0; i < ROWS; i += 3) {
		(void)snprintf(name, sizeof name, "jti:%u", i);
		struct deny_row row = row_of(name, 0);
		deny_map_remove(&m, &row);
	}
	assert_int_equal(m.n, ROWS - (ROWS + 2) / 3);
	assert_true(deny_table_make(&m, 1, &t));
	assert_int_equal(t->n, m.n);
	for (unsigned i = 0; i < ROWS; i++) {
		(void)snprintf(name, sizeof name, "jti:%u", i);
		struct deny_row row = row_of(name, 0);
		assert_int_equal(deny_table_has(t, &row.print, 0, 1), i % 3 != 0);
	}
	assert_in_range(t->room * sizeof t->rows[0], t->n * 24, t->n * 33);
	deny_table_unref(t);
	deny_map_free(&m);
}

static bool is_denied(const char *member, const char *claims, unsigned by)
{
	struct deny_map m = { .n = 0 };
	struct deny_table *t;
	struct deny_entry e;
	struct deny_row row;
	json_t *json = json_loads(claims, 0, NULL);
	assert_true(deny_member_read(sluice_str_of(member), &e));
	e.until = 100;
	assert_true(deny_row_of(&e, &row));
	assert_int_equal(deny_map_put(&m, &row, 1), DENY_PUT);
	assert_true(deny_table_make(&m, 1, &t));
	struct deny_ids *ids = deny_ids_of(json, by);
	bool denied = deny_ids_are_on(ids, t, 1);
	assert_false(deny_ids_are_on(ids, NULL, 1));
	free(ids);
	json_decref(json);
	deny_table_unref(t);
	deny_map_free(&m);
	return denied;
}

TEST(claims_of_tokens)
{
	const char *token = "{\"iss\":\"https://a/\",\"sub\":\"alice\",\"jti\":7,\"iat\":50.5}";
	unsigned all = DENY_BIT(DENY_JTI) | DENY_BIT(DENY_SUB) | DENY_BIT(DENY_SID);
	assert_true(deny_ids_init());
	assert_true(is_denied("sub:alice", token, all));
	assert_true(is_denied("https://a/|sub:alice", token, all));
	assert_false(is_denied("https://b/|sub:alice", token, all));
	assert_false(is_denied("sub:alice", token, DENY_BIT(DENY_JTI)));
	assert_true(is_denied("jti:7", token, all));
	assert_true(is_denied("sub@50:alice", token, all));
	assert_false(is_denied("sub@49:alice", token, all));
	assert_false(is_denied("sid:alice", token, all));
	assert_true(is_denied("sub@0:a", "{\"sub\":\"a\"}", all));
	assert_false(is_denied("sub:x", "{\"sub\":null,\"jti\":{},\"sid\":[\"x\"]}", all));
}
