/*
 * X-Forwarded-For and Forwarded: whatever stands in a field, what a trusted proxy adds behind it,
 * in the same field or in one more, is what counts. The first byte chooses the field and how it is
 * added.
 */
#include "http/forwarded.h"

static struct client_trust trust_of(enum client_ip_from from)
{
	static const sluice_str proxies[] = { STR("10.0.0.0/8"), STR("2001:db8::/32") };
	size_t bad;
	const char *why;
	return (struct client_trust){ cidr_set_new((sluice_strs){ proxies, 2 }, &bad, &why), from };
}

static void expect(const struct forwarded *got, const char *ip)
{
	char text[ADDR_IP_TEXT];
	text[addr_ip_text(&got->client, text)] = 0;
	check(got->client.len && strcmp(text, ip) == 0, "the client is %s, not %s",
		got->client.len ? text : "unknown", ip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	enum client_ip_from from = data[0] & 1 ? CLIENT_IP_FORWARDED : CLIENT_IP_X_FORWARDED_FOR;
	bool standard = from == CLIENT_IP_FORWARDED;
	sluice_str name = standard ? STR("Forwarded") : STR("X-Forwarded-For"),
		   text = str_n((const char *)data + 1, size - 1);
	if (!str_is_field_value(text))
		return 0;
	struct client_trust trust = trust_of(from);
	struct forwarded got;
	struct fields f = { 0 };
	struct arena a;
	arena_init(&a, 0);
	check(fields_add(&f, &a, name, text) == 0, "no field: %zu bytes", text.len);
	forwarded_read(&f, &trust, &got);
	check(!got.client.len || got.client.sa.sa_family == AF_INET ||
			got.client.sa.sa_family == AF_INET6,
		"family %d", (int)got.client.sa.sa_family);

	/* a proxy that was asked by 203.0.113.7, and another one that was asked by it */
	sluice_str more = standard ? STR("for=203.0.113.7;proto=https, for=\"[2001:db8::9]\"")
				   : STR("203.0.113.7, 2001:db8::9");
	if (data[0] & 2) {
		check(fields_add(&f, &a, name, more) == 0, "no field: %zu bytes", more.len);
	} else {
		sluice_str whole = arena_printf(&a, "%.*s, %.*s", STR_ARG(text), STR_ARG(more));
		f.v[0].value = whole.data;
		f.v[0].value_len = (uint32_t)whole.len;
	}
	forwarded_read(&f, &trust, &got);
	expect(&got, "203.0.113.7");
	check(!standard || str_eq(got.scheme, STR("https")), "the scheme is \"%.*s\"",
		STR_ARG(got.scheme));
	arena_fini(&a);
	cidr_set_unref(&trust.proxies);
	return 0;
}
