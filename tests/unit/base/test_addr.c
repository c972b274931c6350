/* base/addr: what is an address, what is not, and its text. */
#include "base/addr.h"

#include "unit.h"

TEST(round_trip)
{
	static const char *const same[] = { "127.0.0.1:80", "255.255.255.255:65535", "[::1]:1",
		"[2001:db8::7]:8443", "unix:/run/sluice/admin.sock" };
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		struct addr a, b;
		char text[ADDR_TEXT];
		assert_true(addr_parse(str_of(same[i]), &a));
		assert_int_equal(addr_text(&a, text), strlen(same[i]));
		assert_string_equal(text, same[i]);
		assert_true(addr_parse(str_of(text), &b));
		assert_true(addr_eq(&a, &b));
	}
}

TEST(refused)
{
	static const char *const bad[] = { "", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",
		"127.0.0.1:65536", "127.0.0.1:080000", "127.0.0.1:-1", "127.0.0.1:+1",
		"127.0.0.1:80 ", " 127.0.0.1:80", "127.1:80", "0x7f.0.0.1:80", "127.0.0.256:80",
		"localhost:80", "::1:80", "[::1]", "[::1]80", "[::1:80", "[127.0.0.1]:80", "[]:80",
		"[::g]:1", "unix:", "unix" };
	char long_path[5 + 108 + 1] = "unix:";
	struct addr a;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (addr_parse(str_of(bad[i]), &a))
			fail_msg("\"%s\" was taken for an address", bad[i]);
	}
	memset(long_path + 5, 'x', 108);
	assert_false(addr_parse(str_n(long_path, 5 + 108), &a));
	assert_true(addr_parse(str_n(long_path, 5 + 107), &a));
	assert_false(addr_parse(str_n("unix:/a\0b", 9), &a));
	assert_false(addr_from_ip(str_n("1.2.3.4\0", 8), 80, &a));
}

TEST(split)
{
	sluice_str host;
	uint16_t port;
	assert_true(addr_split(STR("api.example.com:8080"), 0, &host, &port));
	assert_str(host, "api.example.com");
	assert_int_equal(port, 8080);
	assert_true(addr_split(STR("api.example.com"), 443, &host, &port));
	assert_int_equal(port, 443);
	assert_false(addr_split(STR("api.example.com"), 0, &host, &port));
	assert_false(addr_split(STR("api.example.com:"), 443, &host, &port));
	assert_true(addr_split(STR("[::1]:9"), 0, &host, &port));
	assert_str(host, "::1");
	assert_true(addr_split(STR("[::1]"), 80, &host, &port));
	assert_int_equal(port, 80);
	assert_false(addr_split(STR("[::1]x"), 80, &host, &port));
	assert_false(addr_split(STR(""), 80, &host, &port));
}

TEST(ip_text)
{
	struct addr a;
	char text[ADDR_IP_TEXT];
	assert_true(addr_from_ip(STR("::ffff:10.1.2.3"), 80, &a));
	assert_int_equal(addr_ip_text(&a, text), 8);
	assert_string_equal(text, "10.1.2.3");
	assert_true(addr_from_ip(STR("2001:DB8:0:0::1"), 80, &a));
	(void)addr_ip_text(&a, text);
	assert_string_equal(text, "2001:db8::1");
	assert_int_equal(addr_port(&a), 80);
	assert_true(addr_parse(STR("unix:/x"), &a));
	(void)addr_ip_text(&a, text);
	assert_string_equal(text, "unix");
	assert_int_equal(addr_port(&a), 0);
}

TEST(a_client_of_ipv6_is_its_slash_64)
{
	static const struct {
		const char *ip;
		unsigned v4, v6;
		const char *want;
	} rows[] = {
		{ "2001:db8:1:2:3:4:5:6", 32, 64, "2001:db8:1:2::/64" },
		{ "2001:db8:1:2::", 32, 64, "2001:db8:1:2::/64" },
		{ "2001:db8:1:2:3:4:5:6", 32, 61, "2001:db8:1::/61" },
		{ "2001:db8:1:2:3:4:5:6", 32, 128, NULL },
		{ "ffff::1", 32, 1, "8000::/1" },
		{ "::1", 32, 64, "::/64" },
		{ "192.0.2.77", 32, 64, NULL },
		{ "192.0.2.77", 24, 64, "192.0.2.0/24" },
		{ "192.0.2.77", 1, 64, "128.0.0.0/1" },
		{ "::ffff:192.0.2.77", 24, 64, "192.0.2.0/24" },
		{ "unix", 24, 64, NULL },
		{ "", 24, 64, NULL },
		{ "no:address", 24, 64, NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[ADDR_NETWORK_TEXT];
		size_t n = addr_network_text(str_of(rows[i].ip), rows[i].v4, rows[i].v6, text);
		if (!rows[i].want && n)
			fail_msg("%s is %.*s", rows[i].ip, (int)n, text);
		if (rows[i].want && !str_eq(str_n(text, n), str_of(rows[i].want)))
			fail_msg("%s is %.*s, not %s", rows[i].ip, (int)n, text, rows[i].want);
	}
}

TEST(eq)
{
	struct addr a, b;
	assert_true(addr_from_ip(STR("10.0.0.1"), 80, &a));
	assert_true(addr_from_ip(STR("10.0.0.1"), 81, &b));
	assert_false(addr_eq(&a, &b));
	assert_true(addr_from_ip(STR("10.0.0.1"), 80, &b));
	assert_true(addr_eq(&a, &b));
	assert_true(addr_parse(STR("unix:/a"), &a));
	assert_true(addr_parse(STR("unix:/b"), &b));
	assert_false(addr_eq(&a, &b));
}

/* What failed leaves what was there: half an address, or one of zeros, must not pass for one. */
TEST(outputs_are_set_on_success_only)
{
	static const char *const bad[] = { "", "127.0.0.256:80", "localhost:80", "unix:", "[::g]:1",
		"127.0.0.1:0" };
	struct addr before, a;
	assert_true(addr_parse(STR("192.0.2.1:7"), &before));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		a = before;
		assert_false(addr_parse(str_of(bad[i]), &a));
		assert_true(addr_eq(&a, &before));
	}
	assert_false(addr_from_ip(STR("1.2.3"), 1, &a));
	assert_true(addr_eq(&a, &before));
	sluice_str host = STR("before");
	uint16_t port = 7;
	assert_false(addr_split(STR("name:0"), 0, &host, &port));
	assert_false(addr_split(STR("[::1]:x"), 0, &host, &port));
	assert_false(addr_split(STR("name"), 0, &host, &port));
	assert_true(str_eq(host, STR("before")) && port == 7);
}

/* An IPv4 address however it is written; a /64 of IPv6; nothing for unix sockets. */
TEST(what_is_one_client)
{
	static const char *const rows[][2] = { { "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.1", "::ffff:192.0.2.1" },
		{ "2001:db8:0:1::1", "2001:db8:0:1:ffff::2" } };
	uint8_t x[ADDR_NETWORK], y[ADDR_NETWORK];
	struct addr a, b;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(addr_from_ip(str_of(rows[i][0]), 1, &a) &&
			addr_from_ip(str_of(rows[i][1]), 2, &b));
		size_t n = addr_client(&a, x);
		assert_int_equal(addr_client(&b, y), n);
		assert_int_equal(n, i < 2 ? 4 : 16);
		assert_memory_equal(x, y, n);
	}
	assert_true(addr_from_ip(STR("2001:db8:0:2::1"), 1, &b));
	assert_int_equal(addr_client(&b, y), 16);
	assert_memory_not_equal(x, y, 16);
	/* the same rule, as text */
	char text[ADDR_NETWORK_TEXT];
	size_t n = addr_network_text(STR("2001:db8:0:2::1"), 32, 64, text);
	assert_str(str_n(text, n), "2001:db8:0:2::/64");
	assert_true(addr_parse(STR("unix:/a"), &a));
	assert_int_equal(addr_client(&a, x), 0);
}

TEST(what_only_this_machine_reaches)
{
	static const struct {
		const char *text;
		bool is_local;
	} rows[] = { { "127.0.0.1:80", true }, { "127.8.0.1:80", true }, { "[::1]:80", true },
		{ "[::ffff:127.0.0.1]:80", true }, { "unix:/run/a", true }, { "0.0.0.0:80", false },
		{ "[::]:80", false }, { "10.0.0.1:80", false }, { "[::ffff:10.0.0.1]:80", false } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct addr a;
		assert_true(addr_parse(str_of(rows[i].text), &a));
		if (addr_is_local(&a) != rows[i].is_local)
			fail_msg("%s", rows[i].text);
	}
}
