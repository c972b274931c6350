/* Days of the week and times of the day. Any thread. */
#ifndef ACCESS_HOURS_H
#define ACCESS_HOURS_H

#include <sluice/plugin.h>

enum { MINUTES_OF_DAY = 24 * 60 };

/* A span of a day in minutes: from `from` until before `to`. from > to: over midnight. */
struct hours {
	uint16_t from, to;
};

enum zone { ZONE_UTC, ZONE_LOCAL };

/* A moment as a rule sees it. */
struct moment {
	uint8_t day;     /* 0: Monday */
	uint16_t minute; /* of the day */
};

/* "08:00-18:00", "22:00-06:00" or "00:00-24:00". False: it is not of this form, or empty. */
bool hours_parse(sluice_str text, struct hours *out);
/* Milliseconds since 1970 in a zone. */
struct moment moment_of(uint64_t unix_ms, enum zone zone);
/* Whether a span that begins on one of the days (bit 0: Monday) contains the moment: what lies
 * behind midnight belongs to the day before. */
bool hours_contain(const struct hours *h, uint64_t days, struct moment m);

#endif
