/* The field Range. See the header. */
#include "range.h"

/* Digits alone; a number of more than 64 bits is the greatest one. */
static bool read_number(sluice_str s, uint64_t *out)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!sluice_is_digit(s.data[i]))
			return false;
	}
	if (s.len && !sluice_str_u64(s, out))
		*out = UINT64_MAX;
	return s.len > 0;
}

/* `-N`: the last N bytes */
static enum range_kind read_suffix(sluice_str s, uint64_t length, uint64_t *first, uint64_t *last)
{
	uint64_t n;
	if (!read_number(s, &n))
		return RANGE_NONE;
	if (n == 0 || length == 0)
		return RANGE_NOT_SATISFIED;
	*first = n < length ? length - n : 0;
	*last = length - 1;
	return RANGE_ONE;
}

enum range_kind range_read(sluice_str value, uint64_t length, uint64_t *first, uint64_t *last)
{
	uint64_t from, to = UINT64_MAX;
	sluice_str rest = value, unit = sluice_str_cut(&rest, '=');
	if (!rest.data || !sluice_str_ieq(unit, SLUICE_STR("bytes")))
		return RANGE_NONE;
	rest = sluice_str_trim(rest);
	sluice_str begin = sluice_str_cut(&rest, '-');
	if (!rest.data)
		return RANGE_NONE;
	if (begin.len == 0)
		return read_suffix(rest, length, first, last);
	if (!read_number(begin, &from) || (rest.len && !read_number(rest, &to)) || to < from)
		return RANGE_NONE;
	if (from >= length)
		return RANGE_NOT_SATISFIED;
	*first = from;
	*last = to < length ? to : length - 1;
	return RANGE_ONE;
}
