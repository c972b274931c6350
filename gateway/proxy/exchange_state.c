/* The states of an exchange, and the one door between them. */
#include "proxy/exchange.h"

static const struct exchange_state_info states[EXCHANGE_STATES] = {
#define TO(name) (1u << EXCHANGE_##name)
#define S(name, text, next, who, wait, bound) { text, next, who, wait, bound },
#include "proxy/exchange_state.def"
#undef S
#undef TO
};

const struct exchange_state_info *exchange_state_info(enum exchange_state s)
{
	return &states[s];
}

void exchange_set_state(struct exchange *x, enum exchange_state to)
{
	check(states[x->state].next & (1u << to), "an exchange goes from %s to %s",
		states[x->state].name, states[to].name);
	x->state = (uint8_t)to;
	timeline_add(x->px.timeline, states[to].name, STR_NONE, 0);
}
