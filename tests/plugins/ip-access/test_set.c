/* Networks as they are written, and what sets of them say of an address. */
#include "set.h"

#include <stdio.h>
#include <stdlib.h>

#include "test.h"

static const struct {
	const char *text, *why; /* NULL: it is right */
} written[] = {
	{ "192.0.2.1", NULL },
	{ "10.0.0.0/8", NULL },
	{ "0.0.0.0/0", NULL },
	{ "192.0.2.1/32", NULL },
	{ "2001:db8::/32", NULL },
	{ "::1", NULL },
	{ "::/0", NULL },
	{ "::ffff:10.0.0.0/104", NULL },
	{ "::ffff:192.0.2.1", NULL },
	{ "unix", NULL },
	{ "all", NULL },
	{ "10.0.0.1/8", "has bits behind the prefix; the network is 10.0.0.0/8" },
	{ "2001:db8::1/32", "has bits behind the prefix; the network is 2001:db8::/32" },
	{ "10.0.0.0/33", "has a wrong prefix: a number from 0 to 32 without leading zeros" },
	{ "10.0.0.0/08", "has a wrong prefix: a number from 0 to 32 without leading zeros" },
	{ "10.0.0.0/", "has a wrong prefix: a number from 0 to 32 without leading zeros" },
	{ "10.0.0.0/+8", "has a wrong prefix: a number from 0 to 32 without leading zeros" },
	{ "::/129", "has a wrong prefix: a number from 0 to 128 without leading zeros" },
	{ "::ffff:0.0.0.0/95", "begins among the mapped IPv4 addresses and is more than these" },
	{ "fe80::1%eth0",
		"has a zone; leave out what begins with '%', since a zone is a name on "
		"this machine alone" },
	{ "", "is empty" },
	{ "10.0.0",
		"is no address (192.0.2.1, 2001:db8::1), network (10.0.0.0/8, 2001:db8::/32), "
		"unix or all" },
	{ "010.0.0.1",
		"is no address (192.0.2.1, 2001:db8::1), network (10.0.0.0/8, "
		"2001:db8::/32), unix or all" },
	{ "example.com",
		"is no address (192.0.2.1, 2001:db8::1), network (10.0.0.0/8, "
		"2001:db8::/32), unix or all" },
};

TEST(entries)
{
	for (size_t i = 0; i < sizeof(written) / sizeof(*written); i++) {
		struct networks l = { .n = 0 };
		char why[NETWORK_WHY] = "";
		bool added = networks_add(&l, sluice_str_of(written[i].text), false, why);
		assert_int_equal(added, !written[i].why);
		if (written[i].why)
			assert_string_equal(why, written[i].why);
		networks_fini(&l);
	}
}

TEST(files)
{
	struct networks l = { .n = 0 };
	char why[NETWORK_WHY];
	size_t line;
	assert_true(networks_read(&l,
		SLUICE_STR("# office\n\n 10.0.0.0/8\t# all\r\n192.0.2.0/24 ; SBL1\n2001:db8::/32"),
		true, &line, why));
	assert_int_equal(l.n, 3);
	assert_true(l.v[0].deny && l.v[1].prefix == 24 && l.v[2].family == FAMILY_V6);
	assert_false(
		networks_read(&l, SLUICE_STR("10.0.0.1\n10.0.0.2 10.0.0.3\n"), true, &line, why));
	assert_int_equal(line, 2);
	networks_fini(&l);
}

TEST(addresses)
{
	static const char *const wrong[] = { "", ".", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5",
		".1.2.3.4", "1..2.3", "256.1.1.1", "1.2.3.256", "1.2.3.00", "01.2.3.4", "1.2.3.4 ",
		"1.2.3.99999999999", "-1.2.3.4", "1.2.3.4%eth0", "::g", "1::2::3", "unix",
		"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000" };
	uint8_t family = 7;
	ip a = 7;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_false(address_read(sluice_str_of(wrong[i]), &family, &a));
		assert_true(family == 7 && a == 7);
	}
	assert_true(address_read(SLUICE_STR("255.0.10.255"), &family, &a));
	assert_true(family == FAMILY_V4 && a == 0xff000aff);
	assert_true(address_read(SLUICE_STR("fe80::1%eth0"), &family, &a));
	assert_true(family == FAMILY_V6 && (uint64_t)a == 1);
}

static enum said ask(const struct set *s, const char *text)
{
	uint8_t family = FAMILY_UNIX;
	ip a = 0;
	assert_true(sluice_str_is(sluice_str_of(text), "unix") ||
		address_read(sluice_str_of(text), &family, &a));
	return set_find(s, family, a);
}

/* A set of entries; '-' in front denies. */
static struct set *set_of(const char *const *entries)
{
	struct networks l = { .n = 0 };
	char why[NETWORK_WHY];
	for (; *entries; entries++) {
		bool deny = **entries == '-';
		assert_true(networks_add(&l, sluice_str_of(*entries + deny), deny, why));
	}
	struct set *s = set_new(&l, 1);
	networks_fini(&l);
	assert_non_null(s);
	return s;
}

TEST(the_longest_prefix_decides)
{
	struct set *s = set_of((const char *const[]){ "10.0.0.0/8", "-10.1.0.0/16", "10.1.2.0/24",
		"-10.1.2.3", "-10.255.255.255", "255.255.255.255", "-255.0.0.0/8", NULL });
	assert_int_equal(ask(s, "9.255.255.255"), SAID_NOTHING);
	assert_int_equal(ask(s, "10.0.0.0"), SAID_ALLOW);
	assert_int_equal(ask(s, "10.1.0.0"), SAID_DENY);
	assert_int_equal(ask(s, "10.1.2.2"), SAID_ALLOW);
	assert_int_equal(ask(s, "10.1.2.3"), SAID_DENY);
	assert_int_equal(ask(s, "10.1.2.4"), SAID_ALLOW);
	assert_int_equal(ask(s, "10.1.3.0"), SAID_DENY);
	assert_int_equal(ask(s, "10.2.0.0"), SAID_ALLOW);
	assert_int_equal(ask(s, "10.255.255.254"), SAID_ALLOW);
	assert_int_equal(ask(s, "10.255.255.255"), SAID_DENY);
	assert_int_equal(ask(s, "11.0.0.0"), SAID_NOTHING);
	assert_int_equal(ask(s, "255.255.255.254"), SAID_DENY);
	assert_int_equal(ask(s, "255.255.255.255"), SAID_ALLOW);
	assert_int_equal(ask(s, "::"), SAID_NOTHING);
	set_free(s);
}

TEST(of_two_equal_networks_the_denied_one_counts)
{
	struct set *s = set_of((const char *const[]){ "-10.0.0.0/8", "10.0.0.0/8", "unix", "-unix",
		"::/0", "::1", "-::1", "::1", NULL });
	assert_int_equal(ask(s, "10.9.9.9"), SAID_DENY);
	assert_int_equal(ask(s, "unix"), SAID_DENY);
	assert_int_equal(ask(s, "::1"), SAID_DENY);
	assert_int_equal(ask(s, "::2"), SAID_ALLOW);
	assert_int_equal(ask(s, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), SAID_ALLOW);
	set_free(s);
}

TEST(mapped_addresses_and_zones)
{
	struct set *s = set_of(
		(const char *const[]){ "::/0", "-::ffff:10.0.0.0/104", "-fe80::/10", NULL });
	assert_int_equal(ask(s, "10.1.1.1"), SAID_DENY);
	assert_int_equal(ask(s, "::ffff:10.1.1.1"), SAID_DENY);
	assert_int_equal(ask(s, "::FFFF:0b01:0101"), SAID_NOTHING); /* IPv4, which ::/0 has not */
	assert_int_equal(ask(s, "fe80::1%eth0"), SAID_DENY);
	assert_int_equal(ask(s, "2001:db8::1"), SAID_ALLOW);
	set_free(s);
	s = set_of((const char *const[]){ "all", NULL });
	assert_int_equal(ask(s, "10.1.1.1"), SAID_ALLOW);
	assert_int_equal(ask(s, "::1"), SAID_ALLOW);
	assert_int_equal(ask(s, "unix"), SAID_ALLOW);
	set_free(s);
}

TEST(nothing)
{
	struct set *s = set_new(NULL, 0);
	assert_int_equal(ask(s, "0.0.0.0"), SAID_NOTHING);
	assert_int_equal(ask(s, "255.255.255.255"), SAID_NOTHING);
	assert_int_equal(ask(s, "::"), SAID_NOTHING);
	assert_int_equal(ask(s, "unix"), SAID_NOTHING);
	set_free(s);
}

/* What the rule says, the slow way. */
static enum said by_hand(const struct networks *l, uint8_t family, ip address)
{
	const struct network *best = NULL;
	for (size_t i = 0; i < l->n; i++) {
		const struct network *n = &l->v[i];
		if (n->family != family ||
			(n->prefix && (address ^ n->first) >> (family - n->prefix) != 0))
			continue;
		if (!best || n->prefix > best->prefix || (n->prefix == best->prefix && n->deny))
			best = n;
	}
	return !best ? SAID_NOTHING : best->deny ? SAID_DENY : SAID_ALLOW;
}

/* Addresses of few bits that differ, so that networks overlap a lot. */
static struct network random_network(uint8_t family)
{
	struct network n = { .family = family, .deny = rand() & 1 };
	ip spread = (ip)(unsigned)(rand() & 0xff) << (family - 8) | (ip)(unsigned)(rand() & 0xf);
	n.prefix = (uint8_t)(rand() & 1 ? rand() % 9 : family - rand() % 5);
	ip wild = n.prefix ? ((ip)1 << (family - n.prefix)) - 1 : ~(ip)0;
	n.first = spread & ~wild;
	return n;
}

TEST(sets_say_what_the_rule_says)
{
	srand(1);
	for (unsigned round = 0; round < 300; round++) {
		uint8_t family = round & 1 ? FAMILY_V4 : FAMILY_V6;
		struct network v[24];
		struct networks l = { .v = v, .n = (size_t)(rand() % 25) };
		for (size_t i = 0; i < l.n; i++)
			v[i] = random_network(family);
		struct set *s = set_new(&l, 1);
		for (unsigned i = 0; i < 2000; i++) {
			ip a = (ip)(i & 0xff) << (family - 8) | (ip)(i >> 8);
			assert_int_equal(set_find(s, family, a), by_hand(&l, family, a));
		}
		set_free(s);
	}
}

TEST(a_hundred_thousand_networks)
{
	struct networks l = { .n = 0 };
	char why[NETWORK_WHY], text[32];
	for (unsigned i = 0; i < 100000; i++) {
		(void)snprintf(text, sizeof(text), "%u.%u.%u.0/24", 1 + i / 65536, i / 256 % 256,
			i % 256);
		assert_true(networks_add(&l, sluice_str_of(text), i % 2, why));
	}
	struct set *s = set_new(&l, 1);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(set_find(s, FAMILY_V4, ((ip)1 << 24) + i * 256 + 7),
			i % 2 ? SAID_DENY : SAID_ALLOW);
	set_free(s);
	networks_fini(&l);
}
