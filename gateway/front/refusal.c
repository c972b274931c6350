/* Connections that are refused. See refusal.h. */
#include "front/refusal.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

static const struct {
	const char *code; /* name in the metric; "": the detail has another one for the log */
	enum stat_id stat;
	unsigned quiet_s; /* seconds between two lines, on one worker */
} reasons[REFUSALS] = {
	[REFUSAL_MAX_CONNECTIONS] = { "max-connections", STAT_REFUSED_MAX_CONNECTIONS, 10 },
	[REFUSAL_MAX_PER_CLIENT] = { "max-connections-per-client", STAT_REFUSED_MAX_PER_CLIENT,
		10 },
	[REFUSAL_PROXY_HEADER] = { "bad-proxy-header", STAT_REFUSED_PROXY_HEADER, 10 },
	[REFUSAL_TLS] = { "tls-handshake", STAT_REFUSED_TLS, 1 },
	[REFUSAL_PLAIN_HTTP] = { "plain-http", STAT_REFUSED_PLAIN_HTTP, 1 },
	[REFUSAL_GATE] = { "", STAT_REFUSED_PLUGIN, 10 },
};

void refusal_tell(struct refusals *r, enum refusal why, uint64_t now_ns, sluice_str listener,
	sluice_str peer, const char *detail)
{
	char more[48] = "";
	stat_inc(reasons[why].stat);
	if (now_ns < r->v[why].next_ns) {
		r->v[why].untold++;
		return;
	}
	if (r->v[why].untold)
		(void)snprintf(more, sizeof(more), "; %llu more since the last line",
			(unsigned long long)r->v[why].untold);
	log_warn("listener", "%.*s: a connection from %.*s is refused: %s%s%s%s", STR_ARG(listener),
		STR_ARG(peer), reasons[why].code, *detail && *reasons[why].code ? ": " : "", detail,
		more);
	r->v[why].next_ns = now_ns + reasons[why].quiet_s * NS_PER_S;
	r->v[why].untold = 0;
}
