/* Fuzz target: URLs. What is accepted must come apart into slices that put together say the
 * same. */
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"
#include "upstream/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_within(sluice_str part, sluice_str whole)
{
	return part.len == 0 ||
		(part.data >= whole.data && part.data + part.len <= whole.data + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	sluice_str text = str_n((const char *)data, size);
	struct url u;
	const char *why = url_parse(text, &u);
	if (why) {
		check(strlen(why) > 0, "no reason given");
		return 0;
	}
	check(u.host.len > 0 && u.port > 0, "no host or port");
	check(is_within(u.host, u.authority) && is_within(u.authority, text) &&
			is_within(u.query, text),
		"a part lies outside");
	check(u.path.len > 0 && u.path.data[0] == '/', "a path without slash");
	for (size_t i = 0; i < size; i++)
		check(data[i] > 0x20 && data[i] < 0x7f, "byte %u passed", data[i]);
	size_t scheme = u.https ? 8 : 7;
	size_t path = is_within(u.path, text) ? u.path.len : 0;
	check(scheme + u.authority.len + path + u.has_query + u.query.len == size,
		"bytes are lost");
	return 0;
}
