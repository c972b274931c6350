/* http/upgrade: the protocol of an Upgrade field, keys and accepts of WebSocket. */
#include "http/upgrade.h"

#include "unit.h"
#include "with_arena.h"

/* Two fields of that name; b may be NULL. */
static struct fields fields_of(const char *name, const char *a, const char *b)
{
	struct fields f = { 0 };
	assert_int_equal(fields_add(&f, &arena, STR("X-Other"), STR("websocket")), 0);
	if (a)
		assert_int_equal(fields_add(&f, &arena, str_of(name), str_of(a)), 0);
	if (b)
		assert_int_equal(fields_add(&f, &arena, str_of(name), str_of(b)), 0);
	return f;
}

TEST(protocol)
{
	static const struct {
		const char *a, *b, *want;
	} rows[] = {
		{ "websocket", NULL, "websocket" },
		{ " WebSocket , ", NULL, "WebSocket" },
		{ "HTTP/2.0", NULL, "HTTP/2.0" },
		{ "a, b", NULL, "" },
		{ "a", "b", "" },
		{ "a", "a", "" },
		{ "", NULL, "" },
		{ ", ,", NULL, "" },
		{ NULL, NULL, "" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fields f = fields_of("Upgrade", rows[i].a, rows[i].b);
		if (!str_eq(upgrade_protocol(&f), str_of(rows[i].want)))
			fail_msg("row %zu: %.*s", i, STR_ARG(upgrade_protocol(&f)));
	}
	struct fields f = fields_of("Upgrade", "websocket", NULL);
	fields_drop_hop_by_hop(&f);
	assert_true(upgrade_is_websocket(upgrade_protocol(&f))); /* all the same */
	assert_true(upgrade_is_websocket(STR("WEBSOCKET")));
	assert_false(upgrade_is_websocket(STR("websocket2")));
	assert_false(upgrade_is_websocket(STR_NONE));
}

TEST(keys)
{
	static const char good[] = "dGhlIHNhbXBsZSBub25jZQ==";
	static const struct {
		const char *a, *b;
		bool good;
	} rows[] = {
		{ good, NULL, true },
		{ "+/09azAZ9876543210ABCg==", NULL, true },
		{ good, good, false },
		{ NULL, NULL, false },
		{ "", NULL, false },
		{ "dGhlIHNhbXBsZSBub25jZQ=", NULL, false },
		{ "dGhlIHNhbXBsZSBub25jZQAA", NULL, false },
		{ "dGhlIHNhbXBsZSBub25j=Q==", NULL, false },
		{ "dGhlIHNhbXBsZSBub25jZQ==AAAA", NULL, false },
		{ "dGhlIHNhbXBsZSBu b25jZ==", NULL, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fields f = fields_of("Sec-WebSocket-Key", rows[i].a, rows[i].b);
		if (!str_eq(upgrade_key(&f), str_of(rows[i].good ? rows[i].a : "")))
			fail_msg("row %zu: %.*s", i, STR_ARG(upgrade_key(&f)));
	}
	struct fields f = fields_of("Sec-WebSocket-Key", good, "+/09azAZ9876543210ABCg==");
	f.v[1].flags |= FIELD_DROP;
	/* what was replaced does not count */
	assert_true(str_eq(upgrade_key(&f), STR("+/09azAZ9876543210ABCg==")));
}

TEST(accept)
{
	char key[2][UPGRADE_KEY_LEN + 1] = { "", "" }, accept[UPGRADE_ACCEPT_LEN];
	upgrade_make_accept(STR("dGhlIHNhbXBsZSBub25jZQ=="), accept); /* RFC 6455 1.3 */
	assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof(accept));
	for (int i = 0; i < 2; i++) {
		upgrade_make_key(key[i]);
		struct fields f = fields_of("Sec-WebSocket-Key", key[i], NULL);
		assert_true(str_eq(upgrade_key(&f), str_of(key[i])));
	}
	assert_string_not_equal(key[0], key[1]);
}

TEST_GROUP_WITH_ARENA(64 * 1024);
