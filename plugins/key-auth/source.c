/* The key of a request: see source.h. */
#include "source.h"

/* Visible ASCII: what every source can carry as it is. */
static bool is_key(sluice_str text)
{
	if (text.len == 0 || text.len > KEY_MAX)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c <= 0x20 || c >= 0x7f)
			return false;
	}
	return true;
}

enum source_found source_find(sluice_exchange *x, const struct place *v, size_t n, sluice_str *key,
	size_t *used)
{
	for (*used = 0; *used < n; ++*used) {
		switch (place_read(x, &v[*used], key)) {
		case SLUICE_READ_NONE:
			continue;
		case SLUICE_READ_ONE:
			return is_key(*key) ? SOURCE_KEY : SOURCE_MALFORMED;
		case SLUICE_READ_MANY:
			return SOURCE_MALFORMED;
		case SLUICE_READ_FAIL:
		default:
			return SOURCE_FAIL;
		}
	}
	return SOURCE_NONE;
}
