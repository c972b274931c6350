/* Times in request fields. See the header. */
#include "http/timeout.h"

#include <stdio.h>

#include "base/clock.h"

bool timeout_is_ms(sluice_str name)
{
	return name.len >= 3 && str_ieq(str_n(name.data + name.len - 3, 3), STR("-ms"));
}

/* Up to TIMEOUT_DIGITS digits from *at on. 0: there is none, or too many. */
static size_t timeout_digits(sluice_str text, size_t *at, uint64_t *n)
{
	size_t count = 0;
	*n = 0;
	for (; *at < text.len && text.data[*at] >= '0' && text.data[*at] <= '9'; (*at)++) {
		if (++count > TIMEOUT_DIGITS)
			return 0;
		*n = *n * 10 + (uint64_t)(text.data[*at] - '0');
	}
	return count;
}

bool timeout_parse(sluice_str text, bool is_ms, uint64_t *ns)
{
	uint64_t whole, part = 0;
	size_t at = 0, digits = 0;
	if (!timeout_digits(text, &at, &whole))
		return false;
	if (at < text.len && text.data[at] == '.') {
		at++;
		digits = timeout_digits(text, &at, &part);
		if (!digits)
			return false;
	}
	sluice_str unit = str_n(text.data + at, text.len - at);
	if (str_ieq(unit, STR("s")))
		is_ms = false;
	else if (str_ieq(unit, STR("ms")))
		is_ms = true;
	else if (unit.len)
		return false;
	for (; digits < TIMEOUT_DIGITS; digits++)
		part *= 10;
	/* 10^18 ns at most */
	*ns = is_ms ? whole * NS_PER_MS + part / 1000 : whole * NS_PER_S + part;
	return true;
}

size_t timeout_write(uint64_t ns, bool is_ms, char buf[TIMEOUT_TEXT])
{
	unsigned long long ms = ns / NS_PER_MS;
	int n = is_ms ? snprintf(buf, TIMEOUT_TEXT, "%llu", ms)
		      : snprintf(buf, TIMEOUT_TEXT, "%llu.%03llu", ms / 1000, ms % 1000);
	return (size_t)n;
}
