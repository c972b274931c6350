/* Response fields of a limit. */
#include "fields.h"

#include <inttypes.h>
#include <stdio.h>

#define NS_PER_S UINT64_C(1000000000)
#define SF_INTEGER_MAX UINT64_C(999999999999999) /* RFC 9651 3.3.1 */
enum { VALUE_MAX = 256 };

static uint64_t sf_integer(uint64_t v)
{
	return v < SF_INTEGER_MAX ? v : SF_INTEGER_MAX;
}

/* RFC 9651 3.3.3 */
static bool sf_string(sluice_instance *inst, sluice_str s, sluice_str *out)
{
	char *at = sluice_conf_alloc(inst, 2 * s.len + 2);
	out->data = at;
	*at++ = '"';
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < 0x20 || s.data[i] > 0x7e)
			return false;
		if (s.data[i] == '"' || s.data[i] == '\\')
			*at++ = '\\';
		*at++ = s.data[i];
	}
	*at++ = '"';
	out->len = (size_t)(at - out->data);
	return true;
}

bool fields_name(sluice_instance *inst, struct rate_limit *r)
{
	return sf_string(inst, r->name, &r->item);
}

void fields_policy(sluice_instance *inst, const struct rate_limit *r, struct limit *l)
{
	size_t room = r->item.len + 64;
	char *text = sluice_conf_alloc(inst, room);
	int n = snprintf(text, room, "%.*s;q=%" PRIu64, (int)r->item.len, r->item.data,
		sf_integer(l->rate.count));
	/* a window is given only when it is a whole number of seconds */
	if (l->rate.period_ms % 1000 == 0)
		n += snprintf(text + n, room - (size_t)n, ";w=%" PRIu64,
			sf_integer(l->rate.period_ms / 1000));
	l->policy = (sluice_str){ text, (size_t)n };
}

uint64_t fields_retry_after(uint64_t ns)
{
	uint64_t s = ns / NS_PER_S + (ns % NS_PER_S != 0);
	return s ? s : 1;
}

void fields_add(sluice_exchange *x, const struct rate_limit *r, const struct limit *l,
	const struct gcra_take *t)
{
	char text[VALUE_MAX];
	/* the time until all permits are back or, after a refusal, until the request may be tried
	   again */
	uint64_t ns = t->allowed ? t->reset_ns : t->retry_ns;
	int n = snprintf(text, sizeof(text), "%.*s;r=%" PRIu64 ";t=%" PRIu64, (int)r->item.len,
		r->item.data, sf_integer(t->remaining), sf_integer(fields_retry_after(ns)));
	if (n < 0 || (size_t)n >= sizeof(text))
		return; /* check() bounds the name */
	sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("ratelimit-policy"), l->policy);
	sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("ratelimit"),
		(sluice_str){ text, (size_t)n });
}

void fields_set_retry_after(sluice_exchange *x, uint64_t seconds)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64, seconds);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Retry-After"),
		(sluice_str){ text, (size_t)n });
}
