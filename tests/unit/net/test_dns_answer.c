/* net/dns_answer: what is taken of an answer, and what is passed over or refused. */
#include "net/dns_answer.h"

#include <stdio.h>

#include "fakedns.h"
#include "unit.h"

static uint8_t message[65536];
static size_t size;
static unsigned n_taken;
static char taken[16][300];
static uint32_t ttl;

static void take(void *ctx, const void *data)
{
	const enum dns_type *type = ctx;
	const uint8_t *b = data;
	const struct dns_service *s = data;
	char *to = taken[n_taken++ % 16];
	if (*type == DNS_SRV)
		(void)snprintf(to, 300, "%u %u %u %s", s->priority, s->weight, s->port, s->target);
	else
		(void)snprintf(to, 300, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
}

static enum dns_result read_as(const char *name, enum dns_type type)
{
	const struct dns_reader to = { take, &type };
	n_taken = 0;
	ttl = 12345;
	return dns_answer_read(message, size, str_of(name), type, &to, &ttl);
}

static enum dns_result ask(const char *name, enum dns_type type, const struct fake_record *r)
{
	size = fake_message(message, name, type, r);
	return read_as(name, type);
}
#define RECORDS(...) ((const struct fake_record[]){ __VA_ARGS__, { NULL, 0, 0, NULL } })

TEST(addresses)
{
	const struct fake_record *r =
		RECORDS({ "a.test", 1, 30, "192.0.2.1" }, { "a.test", 1, 20, "192.0.2.2" });
	assert_int_equal(ask("a.test", DNS_A, r), DNS_FOUND);
	assert_int_equal(n_taken, 2);
	assert_string_equal(taken[1], "192.0.2.2");
	assert_int_equal(ttl, 20);
	assert_int_equal(read_as("A.Test.", DNS_A), DNS_FOUND);
	assert_int_equal(ask("a.test", DNS_AAAA, r), DNS_NO_DATA);
	assert_int_equal(ttl, 12345);
	assert_int_equal(ask("b.test", DNS_A, r), DNS_NO_NAME);
}

TEST(aliases_lead_to_addresses_in_any_order)
{
	const struct fake_record *r = RECORDS({ "c.test", 1, 300, "192.0.2.3" },
		{ "b.test", 5, 7, "c.test" }, { "a.test", 5, 100, "B.test" });
	assert_int_equal(ask("a.test", DNS_A, r), DNS_FOUND);
	assert_int_equal(n_taken, 1);
	assert_int_equal(ttl, 7); /* the least of the chain */
	r = RECORDS({ "a.test", 5, 100, "gone.test" });
	assert_int_equal(ask("a.test", DNS_A, r), DNS_NO_DATA);
}

TEST(circles_of_aliases_end)
{
	const struct fake_record *r =
		RECORDS({ "a.test", 5, 1, "b.test" }, { "b.test", 5, 1, "a.test" });
	assert_int_equal(ask("a.test", DNS_A, r), DNS_BAD);
	r = RECORDS({ "a.test", 5, 1, "a.test" });
	assert_int_equal(ask("a.test", DNS_A, r), DNS_BAD);
}

TEST(records_of_other_names_are_not_taken)
{
	const struct fake_record *r =
		RECORDS({ "a.test", 1, 9, "192.0.2.1" }, { "bank.test", 1, 9, "192.0.2.66" });
	assert_int_equal(ask("a.test", DNS_A, r), DNS_FOUND);
	assert_int_equal(n_taken, 1);
	/* nor is the answer to another question */
	assert_int_equal(read_as("bank.test", DNS_A), DNS_BAD);
	assert_int_equal(read_as("a.test", DNS_AAAA), DNS_BAD);
	message[2] &= 0x7f; /* nor a question */
	assert_int_equal(read_as("a.test", DNS_A), DNS_BAD);
}

TEST(services)
{
	const struct fake_record *r = RECORDS({ "_h._tcp.test", 33, 5, "1 10 8080 One.test" },
		{ "_h._tcp.test", 33, 5, "2 0 8081 two.test" },
		{ "_h._tcp.test", 33, 5, "0 0 8081 ." },
		{ "_h._tcp.test", 33, 5, "0 0 0 three.test" },
		{ "_h._tcp.test", 33, 5, "0 0 80 sp!ace.test" });
	assert_int_equal(ask("_h._tcp.test", DNS_SRV, r), DNS_FOUND);
	assert_int_equal(n_taken, 2);
	assert_string_equal(taken[0], "1 10 8080 one.test");
	assert_string_equal(taken[1], "2 0 8081 two.test");
	r = RECORDS({ "_h._tcp.test", 33, 5, "0 0 0 ." });
	assert_int_equal(ask("_h._tcp.test", DNS_SRV, r), DNS_NO_DATA);
}

TEST(every_shorter_message_is_refused)
{
	const struct fake_record *r = RECORDS({ "a.test", 5, 9, "b.test" },
		{ "b.test", 1, 9, "192.0.2.1" }, { "b.test", 1, 9, "192.0.2.2" });
	assert_int_equal(ask("a.test", DNS_A, r), DNS_FOUND);
	for (size_t whole = size; size > 0 && whole;) {
		size--;
		assert_int_equal(read_as("a.test", DNS_A), DNS_BAD);
		assert_int_equal(n_taken, 0);
	}
}

TEST(ttl_with_its_first_bit_set_is_0)
{
	assert_int_equal(ask("a.test", DNS_A, RECORDS({ "a.test", 1, 0x80000005, "192.0.2.1" })),
		DNS_FOUND);
	assert_int_equal(ttl, 0);
}

TEST(pointers_lead_backwards_only)
{
	static const uint8_t head[] = { 0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 1, 'a', 0, 0, 1,
		0, 1 };
	static const uint8_t rest[] = { 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1 };
	memcpy(message, head, sizeof(head));
	memcpy(message + sizeof(head) + 2, rest, sizeof(rest));
	size = sizeof(head) + 2 + sizeof(rest);
	message[sizeof(head)] = 0xc0;
	message[sizeof(head) + 1] = 12; /* the name of the question */
	assert_int_equal(read_as("a", DNS_A), DNS_FOUND);
	message[sizeof(head) + 1] = sizeof(head); /* itself */
	assert_int_equal(read_as("a", DNS_A), DNS_BAD);
	message[sizeof(head) + 1] = sizeof(head) + 4; /* forwards */
	assert_int_equal(read_as("a", DNS_A), DNS_BAD);
	message[sizeof(head) + 1] = 12;
	message[12] = 0x41; /* a label of a kind that does not exist */
	assert_int_equal(read_as("a", DNS_A), DNS_BAD);
}

TEST(codes_of_the_server)
{
	static const int codes[] = { 1, 2, 3, 4, 5, 6 };
	static const int results[] = { DNS_BAD, DNS_SERVER_FAILED, DNS_NO_NAME, DNS_REFUSED,
		DNS_REFUSED, DNS_BAD };
	const struct fake_record *r = RECORDS({ "a.test", 1, 9, "192.0.2.1" });
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		size = fake_message(message, "a.test", 1, r);
		message[3] = (uint8_t)(0x80 | codes[i]);
		assert_int_equal(read_as("a.test", DNS_A), results[i]);
		assert_int_equal(n_taken, 0);
	}
}
