/*
 * Whatever a name server sends. The first byte is the type that was asked for; the name is that of
 * the question in the message, so that most inputs get beyond it. What is taken obeys its bounds,
 * and nothing is taken of an answer that is refused.
 */
#include <stdint.h>
#include <stdlib.h>

#include "net/dns_answer.h"
#include "reach.h"

enum { HEAD = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct taken {
	unsigned n;
	bool services;
};

static void take(void *ctx, const void *data)
{
	struct taken *t = ctx;
	const struct dns_service *s = data;
	t->n++;
	if (t->services)
		check(s->port && s->target[0] && strlen(s->target) <= DNS_NAME_MAX &&
				!strpbrk(s->target, " /\001"),
			"a service at \"%s\"", s->target);
}

/* The name of the question, if it is plain. */
static size_t name_of(const uint8_t *p, size_t len, char out[DNS_NAME_MAX + 1])
{
	size_t at = HEAD, n = 0;
	while (at < len && p[at] && p[at] < 64 && at + p[at] < len &&
		n + p[at] + 1 < DNS_NAME_MAX) {
		if (n)
			out[n++] = '.';
		memcpy(out + n, p + at + 1, p[at]);
		n += p[at];
		at += 1u + p[at];
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_SRV };
	char name[DNS_NAME_MAX + 1];
	if (size == 0)
		return 0;
	enum dns_type type = types[data[0] % 3];
	struct taken t = { 0, type == DNS_SRV };
	const struct dns_reader to = { take, &t };
	uint32_t ttl = 77;
	uint8_t *copy = malloc(size - 1 + (size == 1)); /* so that an overrun is seen */
	check(copy, "no memory");
	memcpy(copy, data + 1, size - 1);
	enum dns_result r = dns_answer_read(copy, size - 1,
		str_n(name, name_of(copy, size - 1, name)), type, &to, &ttl);
	free(copy);
	check(r == DNS_FOUND || (ttl == 77 && (t.n == 0 || r == DNS_NO_DATA)), "taken from %d", r);
	check(r != DNS_FOUND || (t.n && t.n <= DNS_RECORDS_READ && ttl <= INT32_MAX), "%u taken",
		t.n);
	REACH_IF(r == DNS_FOUND && type == DNS_A, "addresses");
	REACH_IF(r == DNS_FOUND && type == DNS_AAAA, "IPv6 addresses");
	REACH_IF(r == DNS_FOUND && type == DNS_SRV, "services");
	REACH_IF(r == DNS_NO_NAME, "no such name");
	REACH_IF(r == DNS_NO_DATA, "no such records");
	REACH_IF(r == DNS_SERVER_FAILED, "a failure");
	REACH_IF(r == DNS_BAD && size > HEAD + 20, "a broken message");
	return 0;
}
