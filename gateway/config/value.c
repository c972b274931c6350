/* Notations of single values. Any thread. */
#include "config/value.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "B", 1 },
	{ "KiB", 1ull << 10 },
	{ "MiB", 1ull << 20 },
	{ "GiB", 1ull << 30 },
	{ "TiB", 1ull << 40 },
	{ "KB", 1000 },
	{ "MB", 1000000 },
	{ "GB", 1000000000 },
	{ "TB", 1000000000000 },
	{ NULL, 0 },
};

static const struct unit time_units[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60000 },
	{ "h", 3600000 },
	{ "d", 86400000 },
	{ NULL, 0 },
};

static const struct unit period_units[] = {
	{ "s", 1000 },
	{ "min", 60000 },
	{ "h", 3600000 },
	{ "d", 86400000 },
	{ NULL, 0 },
};

static const struct unit *unit_find(const struct unit *u, sluice_str s)
{
	for (; u->name; u++) {
		if (str_eq(str_of(u->name), s))
			return u;
	}
	return NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static sluice_str digits_of(sluice_str s)
{
	size_t n = 0;
	while (n < s.len && is_digit(s.data[n]))
		n++;
	return str_n(s.data, n);
}

enum value_result value_bool(sluice_str s, bool *out)
{
	bool t = str_eq(s, STR("true"));
	if (!t && !str_eq(s, STR("false")))
		return VALUE_MALFORMED;
	*out = t;
	return VALUE_OK;
}

enum value_result value_uint(sluice_str s, uint64_t *out)
{
	sluice_str digits = digits_of(s);
	/* 010 is refused: it may mean eight or ten */
	if (digits.len == 0 || digits.len != s.len || (s.len > 1 && s.data[0] == '0'))
		return VALUE_MALFORMED;
	return str_u64(s, out) ? VALUE_OK : VALUE_TOO_LARGE;
}

enum value_result value_int(sluice_str s, int64_t *out)
{
	uint64_t v = 0;
	bool negative = str_starts(s, STR("-"));
	enum value_result r = value_uint(negative ? str_n(s.data + 1, s.len - 1) : s, &v);
	if (r != VALUE_OK)
		return r;
	if (v > (uint64_t)INT64_MAX + negative)
		return VALUE_TOO_LARGE;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return VALUE_OK;
}

/* A whole number and a unit, without a blank between them. */
static enum value_result value_with_unit(sluice_str s, const struct unit *units, uint64_t *out)
{
	sluice_str digits = digits_of(s);
	uint64_t n = 0;
	const struct unit *u = unit_find(units, str_n(s.data + digits.len, s.len - digits.len));
	enum value_result r = value_uint(digits, &n);

	if (r == VALUE_MALFORMED || (!u && digits.len != s.len))
		return VALUE_MALFORMED;
	if (!u)
		return VALUE_NO_UNIT;
	if (r == VALUE_TOO_LARGE || __builtin_mul_overflow(n, u->factor, &n))
		return VALUE_TOO_LARGE;
	*out = n;
	return VALUE_OK;
}

enum value_result value_size(sluice_str s, uint64_t *out)
{
	enum value_result r = value_with_unit(s, size_units, out);
	return r == VALUE_NO_UNIT ? value_uint(s, out) : r;
}

enum value_result value_duration(sluice_str s, uint64_t *out)
{
	if (str_eq(s, STR("0"))) { /* zero needs no unit */
		*out = 0;
		return VALUE_OK;
	}
	return value_with_unit(s, time_units, out);
}

enum value_result value_rate(sluice_str s, sluice_rate *out)
{
	uint64_t count = 0, period = 0;
	sluice_str digits = digits_of(s), unit;
	enum value_result r = value_uint(digits, &count);
	if (r == VALUE_MALFORMED)
		return r;
	if (digits.len == s.len)
		return VALUE_NO_UNIT;
	if (s.data[digits.len] != '/')
		return VALUE_MALFORMED;
	unit = str_n(s.data + digits.len + 1, s.len - digits.len - 1);
	const struct unit *u = unit_find(period_units, unit);
	if (u) {
		period = u->factor;
	} else {
		enum value_result p = value_with_unit(unit, time_units, &period);
		if (p != VALUE_OK)
			return p == VALUE_TOO_LARGE ? p : VALUE_MALFORMED;
	}
	if (r != VALUE_OK)
		return r;
	if (period == 0)
		return VALUE_MALFORMED;
	*out = (sluice_rate){ .count = count, .period_ms = period };
	return VALUE_OK;
}

enum value_result value_percent(sluice_str s, uint64_t *out)
{
	sluice_str whole = digits_of(s), rest = str_n(s.data + whole.len, s.len - whole.len);
	uint64_t n = 0, part = 0;
	enum value_result r = value_uint(whole, &n);

	if (r != VALUE_OK)
		return r;
	if (str_starts(rest, STR("."))) {
		sluice_str digits = digits_of(str_n(rest.data + 1, rest.len - 1));
		if (digits.len == 0 || digits.len > 2)
			return VALUE_MALFORMED;
		for (size_t i = 0; i < 2; i++)
			part = part * 10 + (i < digits.len ? (uint64_t)(digits.data[i] - '0') : 0);
		rest = str_n(rest.data + 1 + digits.len, rest.len - 1 - digits.len);
	}
	if (!str_eq(rest, STR("%")))
		return rest.len ? VALUE_MALFORMED : VALUE_NO_UNIT;
	if (__builtin_mul_overflow(n, 100, &n) || __builtin_add_overflow(n, part, &n))
		return VALUE_TOO_LARGE;
	*out = n;
	return VALUE_OK;
}

int value_choice(const char *const *choices, sluice_str s)
{
	for (int i = 0; choices && choices[i]; i++) {
		if (str_eq(str_of(choices[i]), s))
			return i;
	}
	return -1;
}

int value_rate_compare(const sluice_rate *a, const sluice_rate *b)
{
	unsigned __int128 x = (unsigned __int128)a->count * b->period_ms;
	unsigned __int128 y = (unsigned __int128)b->count * a->period_ms;
	return x < y ? -1 : x > y;
}

bool value_is_near(sluice_str a, sluice_str b, unsigned *distance)
{
	size_t longer = a.len > b.len ? a.len : b.len;
	unsigned limit = longer <= 3 ? 1 : longer <= 7 ? 2 : 3;
	*distance = str_ieq(a, b) ? 0 : str_distance(a, b, limit);
	return *distance <= limit && *distance < longer;
}

const char *value_nearest(const char *const *choices, sluice_str s)
{
	const char *best = NULL;
	unsigned best_distance = ~0u, distance;
	for (int i = 0; choices && choices[i]; i++) {
		if (value_is_near(str_of(choices[i]), s, &distance) && distance < best_distance) {
			best = choices[i];
			best_distance = distance;
		}
	}
	return best;
}
