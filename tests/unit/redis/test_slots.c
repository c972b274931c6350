/* redis/slots: slots of keys, the map of a cluster, redirections. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "redis/slots.h"
#include "with_reader.h"

static struct slots_map *map;

static int teardown(void **state)
{
	free(map);
	return reader_teardown(state);
}

/* ---- keys ---------------------------------------------------------------------------------- */

TEST(keys)
{
	assert_int_equal(slots_crc16(STR("123456789")), 0x31c3);
	assert_int_equal(slots_crc16(STR_NONE), 0);
	assert_int_equal(slots_of_key(STR("foo")), 12182); /* as CLUSTER KEYSLOT says */
	assert_int_equal(slots_of_key(STR("bar")), 5061);
	assert_int_equal(slots_of_key(STR("hello")), 866);
	assert_int_equal(slots_of_key(STR_NONE), 0);
	/* the part in braces: the first pair, when something is between them */
	unsigned tag = slots_of_key(STR("user1000"));
	assert_int_equal(slots_of_key(STR("{user1000}.following")), tag);
	assert_int_equal(slots_of_key(STR("a{user1000}b{c}")), tag);
	assert_int_equal(slots_of_key(STR("foo{}{bar}")), slots_crc16(STR("foo{}{bar}")) % SLOTS);
	assert_int_equal(slots_of_key(STR("foo{{bar}}")), slots_of_key(STR("{bar")));
	assert_int_equal(slots_of_key(STR("foo{bar")), slots_crc16(STR("foo{bar")) % SLOTS);
	assert_int_equal(slots_of_key(STR("foo{")), slots_crc16(STR("foo{")) % SLOTS);
}

/* ---- the map ------------------------------------------------------------------------------- */

static const char *read_map(const char *reply)
{
	const sluice_value *v;
	bool is_error;
	resp_reset(&reader);
	assert_int_equal(resp_feed(&reader, str_of(reply)), 0);
	assert_int_equal(resp_next(&reader, &v, &is_error), 1);
	const char *wrong = NULL;
	struct slots_map *m = slots_read(v, STR("10.0.0.9"), &wrong);
	assert_true(!m == !!wrong);
	if (m) {
		free(map);
		map = m;
	}
	return wrong;
}

#define NODE(len, name, port) "*3\r\n$" #len "\r\n" name "\r\n:" #port "\r\n$2\r\nid\r\n"

TEST(map)
{
	assert_null(read_map("*4\r\n*4\r\n:0\r\n:9\r\n" NODE(1, "a", 7000) NODE(1, "r",
		7009) "*3\r\n:10\r\n:19\r\n" NODE(3, "::1", 1) "*3\r\n:100\r\n:100\r\n" NODE(1, "A",
		7000) "*3\r\n:16383\r\n:16383\r\n" NODE(0, "", 65535)));
	assert_int_equal(map->n, 3);
	assert_str(map->nodes[0].host.name, "a");
	assert_int_equal(map->nodes[0].host.port, 7000);
	assert_int_equal(map->nodes[0].host.addr.len, 0);
	assert_str(map->nodes[1].host.name, "::1");
	assert_true(map->nodes[1].host.addr.len > 0);
	assert_str(map->nodes[2].host.name, "10.0.0.9"); /* the one that was asked */
	assert_int_equal(map->owner[0], 0);
	assert_int_equal(map->owner[9], 0);
	assert_int_equal(map->owner[10], 1);
	assert_int_equal(map->owner[19], 1);
	assert_int_equal(map->owner[20], SLOTS_NONE);
	assert_int_equal(map->owner[100], 0);
	assert_int_equal(map->owner[16383], 2);
}

TEST(no_maps)
{
	static const struct {
		const char *reply, *why;
	} bad[] = {
		{ "+OK\r\n", "not a list" },
		{ "*-1\r\n", "not a list" },
		{ "*0\r\n", "no node has slots" },
		{ "*1\r\n:1\r\n", "a range is malformed" },
		{ "*1\r\n*2\r\n:0\r\n:1\r\n", "a range is malformed" },
		{ "*1\r\n*3\r\n$1\r\n0\r\n:1\r\n" NODE(1, "a", 1), "a range is malformed" },
		{ "*1\r\n*3\r\n:-1\r\n:1\r\n" NODE(1, "a", 1), "out of bounds" },
		{ "*1\r\n*3\r\n:2\r\n:1\r\n" NODE(1, "a", 1), "out of bounds" },
		{ "*1\r\n*3\r\n:0\r\n:16384\r\n" NODE(1, "a", 1), "out of bounds" },
		{ "*1\r\n*3\r\n:0\r\n:1\r\n:7\r\n", "no valid address" },
		{ "*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n$1\r\na\r\n", "no valid address" },
		{ "*1\r\n*3\r\n:0\r\n:1\r\n" NODE(1, "a", 0), "no valid address" },
		{ "*1\r\n*3\r\n:0\r\n:1\r\n" NODE(1, "a", 65536), "no valid address" },
		{ "*1\r\n*3\r\n:0\r\n:1\r\n" NODE(1, "a", -1), "no valid address" },
		{ "*1\r\n*3\r\n:0\r\n:1\r\n" NODE(1, "?", 7), "no valid address" },
		{ "*1\r\n*3\r\n:0\r\n:1\r\n" NODE(3, "a b", 7), "no valid address" },
		{ "*2\r\n*3\r\n:0\r\n:1\r\n" NODE(1, "a", 1) "*3\r\n:1\r\n:2\r\n" NODE(1, "b", 1),
			"stands twice" },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = read_map(bad[i].reply);
		if (!why || !strstr(why, bad[i].why))
			fail_msg("%zu: %s, not \"%s\"", i, why ? why : "taken", bad[i].why);
	}
}

/* A reply that goes wrong behind its first range gives no map at all; a redirection that is none
 * leaves what was there. */
TEST(outputs_are_set_on_success_only)
{
	const sluice_value *v;
	const char *wrong = "before";
	struct slots_node to = { .name = "before" };
	unsigned slot = 7;
	bool is_error;
	resp_reset(&reader);
	assert_int_equal(resp_feed(&reader,
				 STR("*2\r\n*3\r\n:0\r\n:9\r\n" NODE(1, "a",
					 7000) "*3\r\n:9\r\n:9\r\n" NODE(1, "b", 7000))),
		0);
	assert_int_equal(resp_next(&reader, &v, &is_error), 1);
	assert_null(slots_read(v, STR("10.0.0.9"), &wrong));
	assert_string_equal(wrong, "a slot stands twice");
	resp_reset(&reader);
	assert_int_equal(resp_feed(&reader, STR("*1\r\n*3\r\n:0\r\n:9\r\n" NODE(1, "a", 7000))), 0);
	assert_int_equal(resp_next(&reader, &v, &is_error), 1);
	wrong = "before";
	struct slots_map *m = slots_read(v, STR("10.0.0.9"), &wrong);
	assert_non_null(m);
	assert_string_equal(wrong, "before");
	free(m);
	assert_int_equal(slots_redirect_read(STR("MOVED 5 ?:7"), STR("a"), &slot, &to), SLOTS_STAY);
	assert_int_equal(slot, 7);
	assert_string_equal(to.name, "before");
	assert_int_equal(to.host.port, 0);
}

TEST(many_nodes)
{
	char text[32 * 1024];
	for (unsigned n = SLOTS_NODES_MAX; n <= SLOTS_NODES_MAX + 1; n++) {
		/* the first node has a second range, behind all others */
		size_t len = (size_t)snprintf(text, sizeof(text), "*%u\r\n", n + 1);
		for (unsigned i = 0; i <= n; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
				"*3\r\n:%u\r\n:%u\r\n*2\r\n$1\r\na\r\n:%u\r\n", i, i, i % n + 1);
		const char *why = read_map(text);
		if (n == SLOTS_NODES_MAX) {
			assert_null(why);
			assert_int_equal(map->n, SLOTS_NODES_MAX);
			assert_int_equal(map->owner[n], 0);
		} else {
			assert_non_null(strstr(why, "more than 128"));
		}
	}
}

/* ---- redirections -------------------------------------------------------------------------- */

TEST(redirections)
{
	static const struct {
		const char *error;
		enum slots_redirect kind;
		unsigned slot;
		const char *name;
		unsigned port;
	} all[] = {
		{ "MOVED 3999 127.0.0.1:6381", SLOTS_MOVED, 3999, "127.0.0.1", 6381 },
		{ "ASK 0 ::1:6381", SLOTS_ASK, 0, "::1", 6381 },
		{ "MOVED 16383 node-1.example:1", SLOTS_MOVED, 16383, "node-1.example", 1 },
		{ "MOVED 1 :7", SLOTS_MOVED, 1, "10.0.0.9", 7 },
		{ "MOVED 16384 a:7", SLOTS_STAY, 0, NULL, 0 },
		{ "MOVED -1 a:7", SLOTS_STAY, 0, NULL, 0 },
		{ "MOVED 1 a", SLOTS_STAY, 0, NULL, 0 },
		{ "MOVED 1 a:0", SLOTS_STAY, 0, NULL, 0 },
		{ "MOVED 1 a:65536", SLOTS_STAY, 0, NULL, 0 },
		{ "MOVED 1 a:", SLOTS_STAY, 0, NULL, 0 },
		{ "MOVED 1 a b:7", SLOTS_STAY, 0, NULL, 0 },
		{ "MOVED 1 ?:7", SLOTS_STAY, 0, NULL, 0 },
		{ "MOVED 1", SLOTS_STAY, 0, NULL, 0 },
		{ "MOVED", SLOTS_STAY, 0, NULL, 0 },
		{ "", SLOTS_STAY, 0, NULL, 0 },
		{ "ERR MOVED 1 a:7", SLOTS_STAY, 0, NULL, 0 },
		{ "moved 1 a:7", SLOTS_STAY, 0, NULL, 0 },
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct slots_node to;
		unsigned slot;
		if (slots_redirect_read(str_of(all[i].error), STR("10.0.0.9"), &slot, &to) !=
			all[i].kind)
			fail_msg("%s: taken for something else", all[i].error);
		if (all[i].kind == SLOTS_STAY)
			continue;
		assert_int_equal(slot, all[i].slot);
		assert_str(to.host.name, all[i].name);
		assert_int_equal(to.host.port, all[i].port);
	}
}

TEST_GROUP(reader_setup, teardown);
