/* Texts of the field Cookie: see cookies.h. */
#include "cookies.h"

static bool has_name(sluice_str cookie, sluice_str name)
{
	return sluice_str_eq(sluice_str_cut(&cookie, '='), name);
}

char *cookies_keep(sluice_str value, sluice_str name, const char *start, char *at, bool *found)
{
	while (value.len) {
		sluice_str cookie = sluice_str_trim(sluice_str_cut(&value, ';'));
		if (has_name(cookie, name)) {
			*found = true;
			continue;
		}
		if (cookie.len && at > start)
			at = sluice_str_put(at, SLUICE_STR("; "));
		at = sluice_str_put(at, cookie);
	}
	return at;
}
