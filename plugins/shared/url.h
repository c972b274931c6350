/* URLs of the configuration that may be fetched. Any thread. */
#ifndef PLUGINS_SHARED_URL_H
#define PLUGINS_SHARED_URL_H

#include <sluice/str.h>

/* Whether s begins with prefix and goes on. */
static inline bool url_begins(sluice_str s, sluice_str prefix)
{
	return s.len > prefix.len && sluice_str_starts(s, prefix);
}

static inline bool url_is_https(sluice_str s)
{
	return url_begins(s, SLUICE_STR("https://"));
}

/* An http:// or https:// URL of at most 2048 visible ASCII characters. */
static inline bool url_is_http(sluice_str s)
{
	enum { URL_MAX = 2048 };
	if (s.len > URL_MAX || (!url_is_https(s) && !url_begins(s, SLUICE_STR("http://"))))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] <= ' ' || s.data[i] >= 0x7f) /* char has a sign or none */
			return false;
	}
	return true;
}

/* What a log or a page may show of where something is fetched: no query, since some servers take a
 * key there. What is no such URL, as the path of a file, is shown whole. */
static inline sluice_str url_shown(sluice_str s)
{
	sluice_str rest = s;
	return url_is_http(s) ? sluice_str_cut(&rest, '?') : s;
}

#endif
