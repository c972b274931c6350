/* Origins as strangers send them, for the plugins cors and grpc-web: an origin that is read is its
 * parts put together, and what a pattern permits is of that domain. */
#include <stdlib.h>

#include "../shared/cors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool ends_with(sluice_str s, const char *end)
{
	size_t n = strlen(end);
	return s.len > n && memcmp(s.data + s.len - n, end, n) == 0;
}

static bool begins_with(sluice_str s, const char *start)
{
	size_t n = strlen(start);
	return s.len >= n && memcmp(s.data, start, n) == 0;
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c && strchr("-_.:[]+/", c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cors_pattern names = { .has_star = true, .subdomains = true },
			    ports = { .has_star = true, .any_port = true };
	names.parts.scheme = ports.parts.scheme = SLUICE_STR("https");
	names.parts.host = SLUICE_STR("a.b");
	ports.parts.host = SLUICE_STR("a.b");
	const struct cors_policy below = { .patterns = &names, .n_patterns = 1 },
				 beside = { .patterns = &ports, .n_patterns = 1 };
	sluice_str s = { size ? (const char *)data : "", size };
	struct cors_origin o;
	if (!cors_origin_read(s, &o)) {
		must(!cors_permits(&below, s) && !cors_permits(&beside, s));
		return 0;
	}
	must(size <= CORS_ORIGIN_MAX);
	for (size_t i = 0; i < size; i++)
		must(is_plain(s.data[i]));
	must(o.scheme.data == s.data && o.host.data == s.data + o.scheme.len + 3);
	must(o.scheme.len + 3 + o.host.len + (o.port.data ? o.port.len + 1 : 0) == size);
	must(!o.port.data || (o.port.len && o.port.data + o.port.len == s.data + size));
	if (cors_permits(&below, s))
		must(begins_with(s, "https://") && ends_with(s, ".a.b") && !o.port.data);
	if (cors_permits(&beside, s))
		must(begins_with(s, "https://a.b") && o.host.len == 3);
	return 0;
}
