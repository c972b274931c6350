/* Limits counted in Redis. */
#include "script.h"

#include <inttypes.h>
#include <stdio.h>

/*
 * Times are microseconds since 2024, as doubles, which are exact to 1/16 of a microsecond for
 * decades. The interval is a multiple of that, rounded up, so that sums are exact and no more
 * requests pass than the rate permits. A time that is further ahead than a burst can reach (the
 * clock was set back, or the limit changed) counts as a burst used up now, and is written as such.
 */
const char script_source[] =
	"local t = redis.call('TIME')\n"
	"local now = (t[1] - 1704067200) * 1000000 + t[2]\n"
	"local interval, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])\n"
	"local depth = interval * burst\n"
	"local tat = tonumber(redis.call('GET', KEYS[1])) or now\n"
	"local keep = tat > now + depth\n"
	"if keep then tat = now + depth elseif not (tat >= now) then tat = now end\n"
	"local after = tat + interval * cost\n"
	"local allowed, retry = 0, math.ceil((after - depth - now) / 1000)\n"
	"if after - now <= depth then allowed, retry, tat, keep = 1, 0, after, true end\n"
	"if keep then\n"
	"  redis.call('SET', KEYS[1], string.format('%.4f', tat), 'PX', math.ceil((tat - now) / "
	"1000))\n"
	"end\n"
	"return {allowed, math.floor((depth - (tat - now)) / interval), retry, math.ceil((tat - "
	"now) / 1000)}\n";

static sluice_str script_text(sluice_instance *inst, const char *text, int n)
{
	char *copy = sluice_conf_alloc(inst, (size_t)n + 1);
	memcpy(copy, text, (size_t)n);
	return (sluice_str){ copy, (size_t)n };
}

void script_args(sluice_instance *inst, const struct rate_limit *r, struct limit *l)
{
	char text[64];
	/* in 1/16 us, which is 62.5 ns */
	uint64_t sixteenths = l->gcra.interval / 125 * 2 + (l->gcra.interval % 125 * 2 + 124) / 125;
	int n = snprintf(text, sizeof(text), "%" PRIu64 ".%04" PRIu64, sixteenths / 16,
		sixteenths % 16 * 625);
	l->args[0] = script_text(inst, text, n);
	n = snprintf(text, sizeof(text), "%" PRIu64, l->burst);
	l->args[1] = script_text(inst, text, n);
	n = snprintf(text, sizeof(text), "%" PRIu64, r->cost);
	l->args[2] = script_text(inst, text, n);
}

bool script_reply(const struct limit *l, const sluice_value *v, struct gcra_take *out)
{
	uint64_t n[4];
	if (!v || v->type != SLUICE_V_LIST || v->n != 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		if (v->v[i].type != SLUICE_V_INT || v->v[i].i < 0 ||
			v->v[i].i > INT64_MAX / 1000000)
			return false;
		n[i] = (uint64_t)v->v[i].i;
	}
	if (n[0] > 1 || n[1] > l->burst)
		return false;
	*out = (struct gcra_take){ .allowed = n[0] == 1,
		.remaining = n[1],
		.retry_ns = n[2] * 1000000,
		.reset_ns = n[3] * 1000000 };
	return true;
}
