/*
 * sticky: requests that agree in a fact (the cookie of a session, a tenant, a path) go to the same
 * server while it is up. Shows a balancer: weighted rendezvous hashing, with which a server that
 * goes takes its own values along and moves no others, on all workers and gateways alike.
 */
#include <sluice/plugin.h>

struct sticky {
	const sluice_expr *by;
};

static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_EXPR, struct sticky, by, .flags = SLUICE_F_REQUIRED,
		.doc = "fact by whose value a server is chosen, such as cookie:session"),
	SLUICE_OPTIONS_END,
};

static uint64_t mix(uint64_t h)
{
	h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdull;
	h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
	return h ^ (h >> 33);
}

static uint64_t hash(sluice_str s)
{
	uint64_t h = 0xcbf29ce484222325ull;
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.data[i]) * 0x100000001b3ull;
	return mix(h);
}

/* A server bids once for each unit of its weight. */
static uint64_t highest_bid(const sluice_server *s, uint64_t value)
{
	uint64_t highest = 0;
	for (uint32_t i = 0; i < s->weight; i++) {
		uint64_t bid = mix(value ^ mix(s->key + i));
		highest = bid > highest ? bid : highest;
	}
	return highest;
}

static int sticky_on_choose(sluice_exchange *x, const void *conf, const sluice_choice *c)
{
	const struct sticky *s = conf;
	if (!x)
		return SLUICE_CHOOSE_NONE; /* a fetch: there is no request to look at */
	sluice_str text = sluice_expr_value(x, s->by);
	if (!text.len)
		return SLUICE_CHOOSE_NONE; /* nothing to stick to: each server in turn */
	int best = SLUICE_CHOOSE_NONE;
	uint64_t value = hash(text), highest = 0;
	for (uint32_t i = 0; i < c->n_servers; i++) {
		if (!sluice_may_choose(c, i))
			continue;
		uint64_t bid = highest_bid(sluice_server_at(c, i), value);
		if (best < 0 || bid > highest) {
			best = (int)i;
			highest = bid;
		}
	}
	return best;
}

SLUICE_PLUGIN("sticky", .version = "1.0", .summary = "same value, same server", .options = options,
	.conf_size = sizeof(struct sticky), .on_choose = sticky_on_choose);
