/* Lifetimes of answers. See the header. */
#include "lifetime.h"

/* The next member of a list (RFC 9110 5.6.1). A comma within quotes separates nothing. */
static sluice_str next_member(sluice_str *rest)
{
	bool is_quoted = false;
	size_t i = 0;
	for (; i < rest->len && (is_quoted || rest->data[i] != ','); i++) {
		if (rest->data[i] == '"')
			is_quoted = !is_quoted;
		else if (rest->data[i] == '\\' && is_quoted && i + 1 < rest->len)
			i++;
	}
	sluice_str member = sluice_str_n(rest->data, i);
	*rest = i < rest->len ? sluice_str_skip(*rest, i + 1) : SLUICE_STR_NONE;
	return sluice_str_trim(member);
}

/* A number of seconds; RFC 9111 5.2 lets senders put it into quotes. What is no number counts
 * as 0. */
static uint64_t seconds_of(sluice_str s)
{
	uint64_t n;
	if (s.len >= 2 && s.data[0] == '"' && s.data[s.len - 1] == '"')
		s = sluice_str_n(s.data + 1, s.len - 2);
	if (sluice_str_u64(s, &n))
		return n < UINT32_MAX ? n : UINT32_MAX;
	return 0;
}

static uint64_t shorter(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t lifetime_read(sluice_str rest)
{
	uint64_t life = LIFETIME_UNSAID;
	while (rest.len) {
		sluice_str value = next_member(&rest),
			   name = sluice_str_trim(sluice_str_cut(&value, '='));
		value = sluice_str_trim(value);
		if (sluice_str_ieq(name, SLUICE_STR("no-store")) ||
			sluice_str_ieq(name, SLUICE_STR("no-cache")))
			life = 0;
		else if (sluice_str_ieq(name, SLUICE_STR("max-age")) ||
			sluice_str_ieq(name, SLUICE_STR("s-maxage")))
			life = shorter(life, seconds_of(value));
	}
	return life;
}

uint64_t lifetime_of(const sluice_pair *fields, size_t n)
{
	uint64_t life = LIFETIME_UNSAID, age = 0;
	for (size_t i = 0; i < n; i++) {
		if (sluice_str_ieq(fields[i].name, SLUICE_STR("cache-control")))
			life = shorter(life, lifetime_read(fields[i].value));
		else if (sluice_str_ieq(fields[i].name, SLUICE_STR("age")) &&
			!sluice_str_u64(fields[i].value, &age))
			life = 0;
	}
	if (life == LIFETIME_UNSAID)
		return life;
	return life > age ? life - age : 0;
}
