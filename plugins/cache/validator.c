/* Validators. See the header. */
#include "validator.h"

static sluice_str opaque(sluice_str s)
{
	return sluice_str_starts(s, SLUICE_STR("W/")) ? sluice_str_skip(s, 2) : s;
}

/* RFC 9110 8.8.3: etagc has no quote, no blank, no control byte. */
bool etag_is(sluice_str s)
{
	sluice_str o = opaque(s);
	if (o.len < 2 || o.data[0] != '"' || o.data[o.len - 1] != '"')
		return false;
	for (size_t i = 1; i + 1 < o.len; i++) {
		unsigned char c = (unsigned char)o.data[i];
		if (c <= 0x20 || c == '"' || c == 0x7f)
			return false;
	}
	return true;
}

bool etag_equal(sluice_str a, sluice_str b)
{
	return etag_is(a) && etag_is(b) && sluice_str_eq(opaque(a), opaque(b));
}

bool etag_equal_strong(sluice_str a, sluice_str b)
{
	return etag_is(a) && a.data[0] == '"' && sluice_str_eq(a, b);
}

/* A comma may stand within a tag, so that the list is not cut at commas. */
bool etag_in_list(sluice_str list, sluice_str etag)
{
	if (sluice_str_is(sluice_str_trim(list), "*"))
		return true;
	while (list.len) {
		if (list.data[0] == ' ' || list.data[0] == '\t' || list.data[0] == ',') {
			list = sluice_str_skip(list, 1);
			continue;
		}
		size_t open = sluice_str_starts(list, SLUICE_STR("W/")) ? 3 : 1;
		sluice_str inner = list.len > open ? sluice_str_skip(list, open) : SLUICE_STR("");
		const char *end = inner.len ? memchr(inner.data, '"', inner.len) : NULL;
		size_t n = end ? (size_t)(end - list.data) + 1 : list.len;
		if (etag_equal(sluice_str_n(list.data, n), etag))
			return true;
		if (!end || list.data[open - 1] != '"')
			return false; /* malformed from here on */
		list = sluice_str_skip(list, n);
	}
	return false;
}
