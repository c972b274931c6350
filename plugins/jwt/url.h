/* What may be fetched. */
#ifndef JWT_URL_H
#define JWT_URL_H

#include <sluice/plugin.h>

/* Whether s begins with prefix and goes on. */
static inline bool str_begins(sluice_str s, const char *prefix)
{
	size_t n = strlen(prefix);
	return s.len > n && memcmp(s.data, prefix, n) == 0;
}

static inline bool url_is_https(sluice_str s)
{
	return str_begins(s, "https://");
}

/* An http:// or https:// URL of at most 2048 bytes without blanks and control characters. */
static inline bool url_is_http(sluice_str s)
{
	enum { URL_MAX = 2048 };
	if (s.len > URL_MAX || (!url_is_https(s) && !str_begins(s, "http://")))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] <= ' ' || s.data[i] == 0x7f)
			return false;
	}
	return true;
}

#endif
