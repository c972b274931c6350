/* base/cidr: what is a range, and who is in a set; against a model that looks at every range bit by
 * bit. */
#include "base/cidr.h"

#include <stdio.h>

#include "base/hash.h"
#include "unit.h"

static struct cidr_set *set_of(const sluice_str *v, size_t n)
{
	size_t bad = 0;
	const char *why = NULL;
	struct cidr_set *s = cidr_set_new((sluice_strs){ v, n }, &bad, &why);
	if (!s)
		fail_msg("\"%.*s\": %s", STR_ARG(v[bad]), why);
	return s;
}

static bool has(const struct cidr_set *s, const char *ip)
{
	struct addr a;
	assert_true(addr_from_ip(str_of(ip), 4711, &a));
	return cidr_set_has(s, &a);
}

TEST(edges)
{
	static const sluice_str v[] = { STR("10.0.0.0/8"), STR("192.0.2.1"), STR("192.0.2.128/25"),
		STR("2001:db8::/32"), STR("::1") };
	static const char *const in[] = { "10.0.0.0", "10.255.255.255", "192.0.2.1", "192.0.2.128",
		"192.0.2.255", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "::1",
		"::ffff:10.1.2.3" };
	static const char *const out[] = { "9.255.255.255", "11.0.0.0", "192.0.2.0", "192.0.2.2",
		"192.0.2.127", "192.0.3.0", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
		"2001:db9::", "::", "::2", "::10.1.2.3", "::ffff:11.0.0.1", "0.0.0.1" };
	struct cidr_set *s = set_of(v, sizeof(v) / sizeof(v[0]));
	for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
		if (!has(s, in[i]))
			fail_msg("%s is not in the set", in[i]);
	}
	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++) {
		if (has(s, out[i]))
			fail_msg("%s is in the set", out[i]);
	}
	cidr_set_unref(&s);
	assert_null(s);
}

TEST(kinds_are_apart)
{
	static const sluice_str all4[] = { STR("0.0.0.0/0") }, all6[] = { STR("::/0") },
				mapped[] = { STR("::ffff:0:0/96") },
				mapped10[] = { STR("::ffff:10.0.0.0/104") };
	struct cidr_set *s = set_of(all4, 1);
	assert_true(has(s, "0.0.0.0") && has(s, "255.255.255.255") && has(s, "::ffff:1.2.3.4"));
	assert_false(has(s, "::") || has(s, "ffff::"));
	cidr_set_unref(&s);

	s = set_of(all6, 1);
	assert_true(has(s, "::") && has(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	assert_false(has(s, "1.2.3.4") || has(s, "::ffff:1.2.3.4"));
	cidr_set_unref(&s);

	s = set_of(mapped, 1);
	assert_true(has(s, "1.2.3.4") && !has(s, "::1"));
	cidr_set_unref(&s);

	s = set_of(mapped10, 1);
	assert_true(has(s, "10.9.9.9") && !has(s, "11.0.0.0") && !has(s, "9.255.255.255"));
	cidr_set_unref(&s);
}

TEST(unix_and_none)
{
	static const sluice_str v[] = { STR("unix"), STR("127.0.0.0/8") };
	struct addr path, none = { 0 };
	struct cidr_set *s = set_of(v, 1);
	assert_true(addr_parse(STR("unix:/run/x.sock"), &path));
	assert_true(cidr_set_has(s, &path));
	assert_false(has(s, "127.0.0.1"));
	assert_false(cidr_set_has(s, &none));
	cidr_set_unref(&s);

	/* as the system tells of a peer that is bound to no path */
	struct addr unnamed = { .len = sizeof(sa_family_t) };
	unnamed.sa.sa_family = AF_UNIX;
	s = set_of(v, 2);
	assert_true(cidr_set_has(s, &unnamed));
	cidr_set_unref(&s);
	s = set_of(&v[1], 1);
	assert_false(cidr_set_has(s, &unnamed));
	cidr_set_unref(&s);

	s = set_of(v, 0);
	assert_false(has(s, "0.0.0.0") || has(s, "::") || cidr_set_has(s, &path));
	cidr_set_unref(&s);
	assert_false(cidr_set_has(NULL, &path));
	cidr_set_unref(&s);
	assert_null(cidr_set_ref(NULL));
}

TEST(references)
{
	static const sluice_str v[] = { STR("127.0.0.1") };
	struct cidr_set *s = set_of(v, 1), *other = cidr_set_ref(s);
	cidr_set_unref(&s);
	assert_true(has(other, "127.0.0.1"));
	cidr_set_unref(&other);
}

TEST(refused)
{
	static const char *const bad[] = { "", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08",
		"10.0.0.0/+8", "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0.0/8/8", "10.0.0.1/8", "10/8",
		"10.0.0.0-8", "::/129", "2001:db8::1/32", "::1%lo", "[::1]", "localhost", "all",
		"UNIX", "10.0.0.0:80", "10.0.0.0/0", "::ffff:10.0.0.0/95", "::ffff:10.0.0.1/104",
		"/8", "1.2.3.4/32x" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const sluice_str v[] = { STR("127.0.0.1"), str_of(bad[i]) };
		size_t at = 99;
		const char *why = NULL;
		struct cidr_set *s = cidr_set_new((sluice_strs){ v, 2 }, &at, &why);
		if (s)
			fail_msg("\"%s\" was taken for a range", bad[i]);
		assert_int_equal(at, 1);
		assert_non_null(why);
	}
}

/* Random ranges close to one another, so that they nest, meet and leave gaps. */
TEST(model)
{
	enum { RANGES = 40, PROBES = 400 };
	for (unsigned round = 0; round < 200; round++) {
		char text[RANGES][32];
		sluice_str v[RANGES];
		uint32_t base[RANGES], random[RANGES];
		unsigned prefix[RANGES];
		random_bytes(random, sizeof(random));
		for (int i = 0; i < RANGES; i++) {
			prefix[i] = 20 + random[i] % 13;
			base[i] = 0x0a000000u |
				(((random[i] >> 8) & 0x3fff) &
					~((prefix[i] == 32 ? 0u : (1u << (32 - prefix[i])) - 1)));
			int n = snprintf(text[i], sizeof(text[i]), "%u.%u.%u.%u/%u", base[i] >> 24,
				base[i] >> 16 & 255, base[i] >> 8 & 255, base[i] & 255, prefix[i]);
			v[i] = str_n(text[i], (size_t)n);
		}
		struct cidr_set *s = set_of(v, RANGES);
		for (unsigned p = 0; p < PROBES; p++) {
			struct addr a = { .len = sizeof(a.in) };
			uint32_t ip = 0x0a000000u | (round * 7919u + p * 41u) % 0x4100u;
			bool want = false;
			a.in.sin_family = AF_INET;
			a.in.sin_addr.s_addr = htonl(ip);
			for (int i = 0; i < RANGES; i++)
				want |= (ip ^ base[i]) >> (32 - prefix[i]) == 0 ||
					(prefix[i] == 32 && ip == base[i]);
			if (cidr_set_has(s, &a) != want)
				fail_msg("round %u: %08x is %s the set", round, ip,
					want ? "not in" : "in");
		}
		cidr_set_unref(&s);
	}
}

static struct cidr_set *set_of_words(const char *text)
{
	sluice_str v[8], rest = str_of(text);
	size_t n = 0;
	while (rest.len)
		v[n++] = str_cut(&rest, ' ');
	return set_of(v, n);
}

TEST(sets_are_compared)
{
	static const struct {
		const char *a, *b;
		bool overlaps, covers; /* covers: a has all of b */
	} rows[] = {
		{ "10.0.0.0/8", "10.1.0.0/16", true, true },
		{ "10.1.0.0/16", "10.0.0.0/8", true, false },
		{ "10.0.0.0/8", "11.0.0.0/8", false, false },
		{ "10.0.0.0/9 10.128.0.0/9", "10.0.0.0/8", true, true }, /* side by side */
		{ "10.0.0.0/9 10.160.0.0/11", "10.0.0.0/8", true, false },
		{ "0.0.0.0/0 ::/0", "10.0.0.0/8 2001:db8::/32", true, true },
		{ "::/0", "10.0.0.0/8", false, false },
		{ "0.0.0.0/0", "::ffff:10.0.0.1", true, true },
		{ "unix", "unix", true, true },
		{ "unix", "0.0.0.0/0", false, false },
		{ "unix 10.0.0.0/8", "10.0.0.1 10.0.0.2", true, true },
		{ "10.0.0.0/8", "unix 10.0.0.1", true, false },
		{ "::/0", "ffff::/16", true, true },
		{ "255.255.255.255", "255.255.255.0/24", true, false },
		{ "10.0.0.1 10.0.0.3 10.0.0.5", "10.0.0.2 10.0.0.4", false, false },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cidr_set *a = set_of_words(rows[i].a), *b = set_of_words(rows[i].b);
		if (cidr_set_overlaps(a, b) != rows[i].overlaps ||
			cidr_set_overlaps(b, a) != rows[i].overlaps ||
			cidr_set_covers(a, b) != rows[i].covers)
			fail_msg("%s and %s", rows[i].a, rows[i].b);
		cidr_set_unref(&a);
		cidr_set_unref(&b);
	}
}
