/* Days of the week and times of the day. See the header. */
#include "hours.h"

#include <sluice/str.h>

#include <time.h>

enum { DAYS = 7, SECONDS_OF_DAY = 24 * 60 * 60, SUNDAY = 6 };

static bool digits_read(sluice_str s, unsigned *out)
{
	if (s.len != 2 || !sluice_is_digit(s.data[0]) || !sluice_is_digit(s.data[1]))
		return false;
	*out = (unsigned)(s.data[0] - '0') * 10 + (unsigned)(s.data[1] - '0');
	return true;
}

/* "08:30", and "24:00". */
static bool minute_read(sluice_str s, uint16_t *out)
{
	unsigned hour, minute;
	sluice_str at_hour = sluice_str_cut(&s, ':');
	if (!digits_read(at_hour, &hour) || !digits_read(s, &minute) || minute > 59)
		return false;
	*out = (uint16_t)(hour * 60 + minute);
	return *out <= MINUTES_OF_DAY;
}

bool hours_parse(sluice_str text, struct hours *out)
{
	sluice_str from = sluice_str_cut(&text, '-');
	return minute_read(from, &out->from) && minute_read(text, &out->to) &&
		out->from < MINUTES_OF_DAY && out->to > 0 && out->from != out->to;
}

struct moment moment_of(uint64_t unix_ms, enum zone zone)
{
	time_t now = (time_t)(unix_ms / 1000);
	struct tm tm;
	if (zone == ZONE_LOCAL && localtime_r(&now, &tm))
		return (struct moment){ (uint8_t)(tm.tm_wday ? tm.tm_wday - 1 : SUNDAY),
			(uint16_t)(tm.tm_hour * 60 + tm.tm_min) };
	/* 1 January 1970 was a Thursday */
	return (struct moment){ (uint8_t)((now / SECONDS_OF_DAY + 3) % DAYS),
		(uint16_t)(now % SECONDS_OF_DAY / 60) };
}

static bool day_is_in(uint64_t days, unsigned day)
{
	return (days >> day & 1) != 0;
}

bool hours_contain(const struct hours *h, uint64_t days, struct moment m)
{
	if (h->from < h->to)
		return day_is_in(days, m.day) && m.minute >= h->from && m.minute < h->to;
	return (day_is_in(days, m.day) && m.minute >= h->from) ||
		(day_is_in(days, (m.day + DAYS - 1u) % DAYS) && m.minute < h->to);
}
