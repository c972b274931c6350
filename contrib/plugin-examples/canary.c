/*
 * canary: send a share of the requests to another upstream, and the same caller always to the same
 * one. Shows an upstream as an option, and sending a request elsewhere than its route says.
 */
#include <sluice/plugin.h>

enum { SHARES = 10000 };

struct canary {
	const sluice_upstream *to;
	const sluice_expr *by;
	uint64_t percent;
	sluice_str salt; /* the instance's name: canaries are not all the same callers */
};

#define C struct canary
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_UPSTREAM, C, to, .flags = SLUICE_F_REQUIRED,
		.doc = "upstream that gets the share"),
	SLUICE_OPTION(SLUICE_T_UINT, C, percent, .flags = SLUICE_F_REQUIRED, .max = "100",
		.doc = "how many of a hundred callers it gets"),
	SLUICE_OPTION(SLUICE_T_EXPR, C, by, .def = "ip",
		.doc = "what makes a caller: ip, cookie:session, consumer ..."),
	SLUICE_OPTIONS_END,
};

static int canary_check(sluice_instance *inst, void *conf)
{
	struct canary *c = conf;
	sluice_str name = sluice_instance_name(inst);
	char *copy = sluice_conf_alloc(inst, name.len);
	c->salt = (sluice_str){ memcpy(copy, name.data, name.len), name.len };
	return 0;
}

/* FNV-1a */
static uint64_t hash(uint64_t h, sluice_str s)
{
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.data[i]) * 0x100000001b3;
	return h;
}

/* Where a caller stands, from 0 to SHARES - 1: in every worker and every gateway the same. Whoever
 * is among the first ten percent is among the first twenty: a canary that grows keeps its callers.
 */
static uint64_t place_of(const struct canary *c, sluice_str who)
{
	uint64_t h = hash(hash(0xcbf29ce484222325, c->salt), who);
	h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
	return (h ^ h >> 33) % SHARES;
}

static sluice_verdict canary_on_request(sluice_exchange *x, const void *conf)
{
	const struct canary *c = conf;
	sluice_str who;
	sluice_reading r = sluice_expr_read(x, c->by, &who);
	if (r == SLUICE_READ_FAIL)
		return SLUICE_FAIL;
	if (r == SLUICE_READ_NONE || place_of(c, who) >= c->percent * (SHARES / 100))
		return SLUICE_NEXT;
	if (!sluice_upstream_set(x, c->to))
		return SLUICE_FAIL;
	/* for the access log and the metrics; the log's `upstream` says where it went, too */
	sluice_note(x, "canary");
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("canary", .version = "1.0", .summary = "send a share of the callers elsewhere",
	.options = options, .conf_size = sizeof(struct canary), .check = canary_check,
	.on_request = canary_on_request);
