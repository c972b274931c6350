/* Times of RFC 3339: see rfc3339.h. */
#include "rfc3339.h"

enum { YEAR_MIN = 1970, MINUTE = 60, HOUR = 3600, DAY = 86400, MS = 1000 };

struct date_time {
	int year, month, day, hour, minute, second;
};

/* Take n digits off the front. */
static bool take_number(sluice_str *rest, size_t n, int *out)
{
	int value = 0;
	if (rest->len < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!sluice_is_digit(rest->data[i]))
			return false;
		value = value * 10 + (rest->data[i] - '0');
	}
	*rest = sluice_str_skip(*rest, n);
	*out = value;
	return true;
}

static bool take_char(sluice_str *rest, char c)
{
	if (!rest->len || sluice_lower(rest->data[0]) != c)
		return false;
	*rest = sluice_str_skip(*rest, 1);
	return true;
}

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	return days[month - 1] + (month == 2 && is_leap(year));
}

/* 5.7 has the bounds. */
static bool is_possible(const struct date_time *t)
{
	return t->year >= YEAR_MIN && t->month >= 1 && t->month <= 12 && t->day >= 1 &&
		t->day <= days_of(t->year, t->month) && t->hour < 24 && t->minute < 60 &&
		t->second <= 60;
}

static int64_t seconds_since_1970(const struct date_time *t)
{
	int years = t->year - 1, since = YEAR_MIN - 1;
	int64_t days = 365 * (int64_t)(years - since) + (years / 4 - since / 4) -
		(years / 100 - since / 100) + (years / 400 - since / 400);
	for (int month = 1; month < t->month; month++)
		days += days_of(t->year, month);
	days += t->day - 1;
	return days * DAY + t->hour * (int64_t)HOUR + t->minute * (int64_t)MINUTE + t->second;
}

/* ".123", as milliseconds; further digits are left out. */
static bool take_fraction(sluice_str *rest, int *ms)
{
	int place = MS / 10, digit;
	*ms = 0;
	if (!take_char(rest, '.'))
		return true;
	if (!take_number(rest, 1, &digit))
		return false;
	do {
		*ms += digit * place;
		place /= 10;
	} while (take_number(rest, 1, &digit));
	return true;
}

/* "Z" or "+01:30", as seconds. */
static bool take_offset(sluice_str *rest, int64_t *out)
{
	int hour, minute, sign = 1;
	*out = 0;
	if (take_char(rest, 'z'))
		return true;
	if (take_char(rest, '-'))
		sign = -1;
	else if (!take_char(rest, '+'))
		return false;
	if (!take_number(rest, 2, &hour) || !take_char(rest, ':') ||
		!take_number(rest, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*out = sign * (hour * (int64_t)HOUR + minute * (int64_t)MINUTE);
	return true;
}

bool rfc3339_read(sluice_str text, int64_t *unix_ms)
{
	struct date_time t = { 0 };
	int64_t offset;
	int ms;
	bool is_read = take_number(&text, 4, &t.year) && take_char(&text, '-') &&
		take_number(&text, 2, &t.month) && take_char(&text, '-') &&
		take_number(&text, 2, &t.day) && take_char(&text, 't') &&
		take_number(&text, 2, &t.hour) && take_char(&text, ':') &&
		take_number(&text, 2, &t.minute) && take_char(&text, ':') &&
		take_number(&text, 2, &t.second) && take_fraction(&text, &ms) &&
		take_offset(&text, &offset);
	if (!is_read || text.len || !is_possible(&t))
		return false;
	int64_t at = (seconds_since_1970(&t) - offset) * MS + ms;
	if (at < 0)
		return false;
	*unix_ms = at;
	return true;
}
