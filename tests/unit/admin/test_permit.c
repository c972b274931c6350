/* admin/permit: who may look, and who may change something. */
#include "unit.h"
#include "with_arena.h"

#include "admin/permit.h"

static sluice_strs hosts; /* admin.hosts */

/* The verdict for a request with that host from that peer, with one more field unless name is
 * NULL. */
static enum admin_problem ask(bool changes, const char *peer, const char *host, const char *name,
	const char *value)
{
	struct request_head h = { .host = str_of(host) };
	struct conn_info conn = { .peer_ip = peer, .peer_ip_len = (uint8_t)strlen(peer) };
	if (name)
		assert_int_equal(fields_add(&h.fields, &arena, str_of(name), str_of(value)), 0);
	return permit(changes, &h, &conn, &hosts);
}

TEST(hosts_for_looking)
{
	static const char *const good[] = { "127.0.0.1", "10.1.2.3", "[::1]", "[2001:db8::1]",
		"localhost", "a.localhost", "gateway", "" };
	static const char *const bad[] = { "evil.example.com", "localhost.example.com",
		"127.0.0.1.nip.io", "gateway.internal", "[::1].example.com", "127.1.example",
		"1.2.3", "xlocalhost.x" };
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (ask(false, "127.0.0.1", good[i], NULL, NULL) != PROBLEM_COUNT)
			fail_msg("%s is refused", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (ask(false, "127.0.0.1", bad[i], NULL, NULL) != PROBLEM_FOREIGN_HOST)
			fail_msg("%s is taken", bad[i]);
		if (ask(true, "127.0.0.1", bad[i], NULL, NULL) != PROBLEM_FOREIGN_HOST)
			fail_msg("%s is taken for changes", bad[i]);
		if (ask(false, "unix", bad[i], NULL, NULL) != PROBLEM_COUNT)
			fail_msg("%s is refused over a unix socket", bad[i]);
	}
}

TEST(listed_hosts_are_ours)
{
	sluice_str names[] = { STR("Gateway.Example.com"), STR("*.pods.local") };
	hosts = (sluice_strs){ .v = names, .n = 2 };
	assert_int_equal(ask(false, "10.0.0.1", "gateway.example.com", NULL, NULL), PROBLEM_COUNT);
	assert_int_equal(ask(false, "10.0.0.1", "a.pods.local", NULL, NULL), PROBLEM_COUNT);
	assert_int_equal(ask(true, "127.0.0.1", "gateway.example.com", NULL, NULL), PROBLEM_COUNT);
	assert_int_equal(ask(true, "10.0.0.1", "gateway.example.com", NULL, NULL),
		PROBLEM_NOT_LOCAL);
	assert_int_equal(ask(false, "10.0.0.1", ".pods.local", NULL, NULL), PROBLEM_FOREIGN_HOST);
	assert_int_equal(ask(false, "10.0.0.1", "pods.local.evil.example", NULL, NULL),
		PROBLEM_FOREIGN_HOST);
	assert_int_equal(ask(false, "10.0.0.1", "other.example.com", NULL, NULL),
		PROBLEM_FOREIGN_HOST);
	hosts = (sluice_strs){ 0 };
	assert_int_equal(ask(false, "10.0.0.1", "gateway.example.com", NULL, NULL),
		PROBLEM_FOREIGN_HOST);
}

TEST(a_bare_name_changes_nothing)
{
	assert_int_equal(ask(false, "127.0.0.1", "gateway", NULL, NULL), PROBLEM_COUNT);
	assert_int_equal(ask(true, "127.0.0.1", "gateway", NULL, NULL), PROBLEM_FOREIGN_HOST);
}

TEST(peers)
{
	static const char *const near[] = { "127.0.0.1", "127.8.9.10", "::1", "unix" };
	static const char *const far[] = { "10.0.0.1", "192.0.2.1", "::2", "2001:db8::1",
		"12.7.0.1", "1127.0.0.1", "::", "unixx" };
	for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
		if (ask(true, near[i], "127.0.0.1", NULL, NULL) != PROBLEM_COUNT)
			fail_msg("%s is refused", near[i]);
	}
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++) {
		if (ask(true, far[i], "127.0.0.1", NULL, NULL) != PROBLEM_NOT_LOCAL)
			fail_msg("%s is taken", far[i]);
		if (ask(false, far[i], "127.0.0.1", NULL, NULL) != PROBLEM_COUNT)
			fail_msg("%s may not look", far[i]);
	}
}

TEST(fields)
{
	static const struct {
		const char *name, *value;
		enum admin_problem want;
	} v[] = {
		{ "Origin", "http://127.0.0.1", PROBLEM_FROM_BROWSER },
		{ "origin", "null", PROBLEM_FROM_BROWSER },
		{ "Referer", "http://x/", PROBLEM_FROM_BROWSER },
		{ "Sec-Fetch-Site", "none", PROBLEM_FROM_BROWSER },
		{ "Via", "1.1 x", PROBLEM_PASSED_ON },
		{ "X-Forwarded-For", "127.0.0.1", PROBLEM_PASSED_ON },
		{ "Forwarded", "for=127.0.0.1", PROBLEM_PASSED_ON },
		{ "X-Real-IP", "127.0.0.1", PROBLEM_PASSED_ON },
		{ "User-Agent", "curl", PROBLEM_COUNT },
		{ "Content-Type", "text/plain", PROBLEM_COUNT },
	};
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		if (ask(true, "127.0.0.1", "localhost", v[i].name, v[i].value) != v[i].want)
			fail_msg("wrong verdict for %s", v[i].name);
		if (ask(true, "unix", "localhost", v[i].name, v[i].value) != v[i].want)
			fail_msg("wrong verdict for %s over a unix socket", v[i].name);
		if (ask(false, "127.0.0.1", "localhost", v[i].name, v[i].value) != PROBLEM_COUNT)
			fail_msg("%s keeps from looking", v[i].name);
	}
}

TEST_GROUP_WITH_ARENA(0);
