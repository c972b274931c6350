/* base/str and base/addr on any bytes: lists, addresses, numbers, and that what is parsed reads
 * back as the same. */
#include "base/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_list(sluice_str text)
{
	sluice_str rest = text, item;
	size_t total = 0;
	while (str_list_next(&rest, &item)) {
		check(item.len > 0, "an empty member");
		check(item.data >= text.data && item.data + item.len <= text.data + text.len,
			"a member outside the list");
		check(str_eq(str_trim(item), item), "a member with blanks around it");
		total += item.len;
	}
	check(total <= text.len, "%zu bytes of members in %zu", total, text.len);
}

static void fuzz_addr(sluice_str text)
{
	struct addr a, b;
	char out[ADDR_TEXT];
	if (!addr_parse(text, &a))
		return;
	size_t n = addr_text(&a, out);
	check(n > 0 && n < sizeof(out) && out[n] == 0, "text of %zu bytes", n);
	/* an IPv4 address in IPv6 clothes is shown, and read again, as the former */
	if (a.sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr))
		return;
	check(addr_parse(str_n(out, n), &b) && addr_eq(&a, &b), "%s is not what was parsed", out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sluice_str text = str_n((const char *)data, size);
	uint64_t v;
	fuzz_list(text);
	fuzz_addr(text);
	if (str_u64(text, &v))
		check(size > 0 && (v == 0 || text.data[size - 1] - '0' == (int)(v % 10)),
			"a number that ends otherwise");
	(void)str_list_has(text, STR("chunked"));
	(void)str_distance(text, STR("upstream"), 3);
	check(!str_is_token(text) || str_is_field_value(text), "a token that is no field value");
	return 0;
}
