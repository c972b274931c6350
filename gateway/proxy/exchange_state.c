/* The states of an exchange, and the one door between them. */
#include "proxy/exchange.h"

static const struct {
	const char *name;
	unsigned next;
} states[EXCHANGE_STATES] = {
#define TO(name) (1u << EXCHANGE_##name)
#define S(name, text, next) { text, next },
#include "proxy/exchange_state.def"
#undef S
#undef TO
};

const char *exchange_state_name(enum exchange_state s)
{
	return states[s].name;
}

void exchange_set_state(struct exchange *x, enum exchange_state to)
{
	check(states[x->state].next & (1u << to), "an exchange goes from %s to %s",
		states[x->state].name, states[to].name);
	x->state = (uint8_t)to;
}
