/* Dates of HTTP. See the header. */
#include "date.h"

#include <stdio.h>

enum { DAY_S = 86400 };

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
	"Friday", "Saturday" };

struct civil {
	int64_t year;
	unsigned month, day, hour, minute, second; /* month: 1 to 12 */
};

/* ---- days ---------------------------------------------------------------------------------- */

/* Days from 1970-01-01. The year begins in March, so that the leap day is its last. */
static int64_t days_from(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned of_era = (unsigned)(y - era * 400);
	unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	unsigned days_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
	return era * 146097 + (int64_t)days_of_era - 719468;
}

static unsigned days_of_month(int64_t year, unsigned month)
{
	return (unsigned)(days_from(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) -
		days_from(year, month, 1));
}

static bool seconds_of(const struct civil *c, int64_t *out)
{
	/* 60: a leap second */
	if (c->month < 1 || c->day < 1 || c->day > days_of_month(c->year, c->month) ||
		c->hour > 23 || c->minute > 59 || c->second > 60)
		return false;
	*out = days_from(c->year, c->month, c->day) * DAY_S + c->hour * 3600 + c->minute * 60 +
		c->second;
	return true;
}

/* ---- pieces -------------------------------------------------------------------------------- */

static bool take(sluice_str *s, const char *text)
{
	sluice_str t = sluice_str_of(text);
	if (!sluice_str_starts(*s, t))
		return false;
	*s = sluice_str_skip(*s, t.len);
	return true;
}

/* Exactly n digits. */
static bool take_digits(sluice_str *s, unsigned n, unsigned *out)
{
	unsigned v = 0;
	if (s->len < n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (!sluice_is_digit(s->data[i]))
			return false;
		v = v * 10 + (unsigned)(s->data[i] - '0');
	}
	*s = sluice_str_skip(*s, n);
	*out = v;
	return true;
}

static bool take_month(sluice_str *s, unsigned *out)
{
	for (unsigned i = 0; s->len >= 3 && i < 12; i++) {
		if (memcmp(s->data, months + 3 * (size_t)i, 3) == 0) {
			*s = sluice_str_skip(*s, 3);
			*out = i + 1;
			return true;
		}
	}
	return false;
}

static bool take_time(sluice_str *s, struct civil *c)
{
	return take_digits(s, 2, &c->hour) && take(s, ":") && take_digits(s, 2, &c->minute) &&
		take(s, ":") && take_digits(s, 2, &c->second);
}

/* The name of a day, whole or its first three letters. */
static bool take_day_name(sluice_str *s, bool *whole)
{
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		*whole = take(s, days[i]);
		if (*whole)
			return true;
		if (s->len >= 3 && memcmp(s->data, days[i], 3) == 0) {
			*s = sluice_str_skip(*s, 3);
			return true;
		}
	}
	return false;
}

/* ---- the three forms ----------------------------------------------------------------------- */

/* `Sun, 06 Nov 1994 08:49:37 GMT`, behind the name of the day */
static bool read_imf(sluice_str s, struct civil *c)
{
	unsigned year = 0;
	bool is = take(&s, ", ") && take_digits(&s, 2, &c->day) && take(&s, " ") &&
		take_month(&s, &c->month) && take(&s, " ") && take_digits(&s, 4, &year) &&
		take(&s, " ") && take_time(&s, c) && take(&s, " GMT") && s.len == 0;
	c->year = year;
	return is;
}

/* `Sunday, 06-Nov-94 08:49:37 GMT`. A year more than 50 years ahead is in the past. */
static bool read_rfc850(sluice_str s, int64_t now, struct civil *c)
{
	unsigned two = 0;
	int64_t this_year = 1970 + now / (int64_t)(365.2425 * DAY_S);
	bool is = take(&s, ", ") && take_digits(&s, 2, &c->day) && take(&s, "-") &&
		take_month(&s, &c->month) && take(&s, "-") && take_digits(&s, 2, &two) &&
		take(&s, " ") && take_time(&s, c) && take(&s, " GMT") && s.len == 0;
	c->year = this_year - this_year % 100 + (int64_t)two;
	if (c->year > this_year + 50)
		c->year -= 100;
	return is;
}

/* `Sun Nov  6 08:49:37 1994` */
static bool read_asctime(sluice_str s, struct civil *c)
{
	unsigned year = 0;
	bool is = take(&s, " ") && take_month(&s, &c->month) && take(&s, " ") &&
		(take(&s, " ") ? take_digits(&s, 1, &c->day) : take_digits(&s, 2, &c->day)) &&
		take(&s, " ") && take_time(&s, c) && take(&s, " ") && take_digits(&s, 4, &year) &&
		s.len == 0;
	c->year = year;
	return is;
}

bool date_read(sluice_str s, int64_t now, int64_t *out)
{
	struct civil c = { .year = 0 };
	bool whole = false;
	if (!take_day_name(&s, &whole))
		return false;
	bool is = whole                     ? read_rfc850(s, now, &c)
		: s.len && s.data[0] == ',' ? read_imf(s, &c)
					    : read_asctime(s, &c);
	return is && seconds_of(&c, out);
}

/* The other way round: the month is found by going through the year. */
void date_write(int64_t seconds, char out[DATE_TEXT + 1])
{
	int64_t day = seconds / DAY_S, rest = seconds % DAY_S;
	int64_t year = 1970 + day / 366;
	unsigned month = 1;
	while (days_from(year + 1, 1, 1) <= day)
		year++;
	while (month < 12 && days_from(year, month + 1, 1) <= day)
		month++;
	(void)snprintf(out, DATE_TEXT + 1, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
		days[(day + 4) % 7], (unsigned)(day - days_from(year, month, 1) + 1) % 100,
		months + 3 * (size_t)(month - 1), (unsigned)year % 10000,
		(unsigned)(rest / 3600) % 100, (unsigned)(rest / 60 % 60), (unsigned)(rest % 60));
}
