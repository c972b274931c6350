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

/* The first of its turn looks at the clock; somebody may want to know. */
__attribute__((noinline)) static void exchange_note_state(struct exchange *x)
{
	x->since = (uint32_t)(worker_now(x->px.worker) >> 20);
	timeline_add(x->px.timeline, states[x->state].name, STR_NONE, 0);
}

/* Called seven times for a request: what is rare has a function of its own. */
void exchange_set_state(struct exchange *x, enum exchange_state to)
{
	const struct worker *w = x->px.worker;
	check(states[x->state].next & (1u << to), "an exchange goes from %s to %s",
		states[x->state].name, states[to].name);
	x->state = (uint8_t)to;
	if (likely(w->clock_is_fresh && !x->px.timeline))
		x->since = (uint32_t)(w->now_ns >> 20);
	else
		exchange_note_state(x);
}
