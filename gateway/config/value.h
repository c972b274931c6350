/*
 * Parses single values: numbers, sizes, durations, rates. Bounds are checked and mistakes reported
 * in config/bind. Any thread.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "base/str.h"

enum value_result {
	VALUE_OK = 0,
	VALUE_MALFORMED, /* not in this notation */
	VALUE_NO_UNIT,   /* a number alone where a unit is needed */
	VALUE_TOO_LARGE, /* does not fit the type */
};

must_use enum value_result value_bool(sluice_str s, bool *out); /* true, false */
/* decimal, no leading zeros */
must_use enum value_result value_int(sluice_str s, int64_t *out);
must_use enum value_result value_uint(sluice_str s, uint64_t *out);
/* 4096, 16KiB, 1MB: bytes */
must_use enum value_result value_size(sluice_str s, uint64_t *out);
/* 250ms, 30s, 5m, 1h, 7d, 0: milliseconds */
must_use enum value_result value_duration(sluice_str s, uint64_t *out);
/* 100/s, 100/min, 5000/h, 1/d, 10/30s */
must_use enum value_result value_rate(sluice_str s, sluice_rate *out);
/* 50%, 12.5%: hundredths of a percent */
must_use enum value_result value_percent(sluice_str s, uint64_t *out);
/* Index of s among the choices, or -1. */
int value_choice(const char *const *choices, sluice_str s);
/* Compares two rates in events per time: -1, 0 or 1. */
int value_rate_compare(const sluice_rate *a, const sluice_rate *b);
/* Whether two names differ so little that one may be a misspelling of the other. */
bool value_is_near(sluice_str a, sluice_str b, unsigned *distance);
/* The choice that is nearest to s, or NULL when none is near. */
const char *value_nearest(const char *const *choices, sluice_str s);

#endif
