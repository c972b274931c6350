/* balancer-probe: choose the server that X-Server names, or do what the options say. */
#include <sluice/plugin.h>
#include <sluice/str.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct probe {
	const sluice_expr *by;
	int32_t does;
	bool loud;
	sluice_instance *inst;
};

enum { CHOOSE, FAIL, WRONG, TRIED, ANSWER, CRASH, SLOW };
static const char *const does[] = { "choose", "fail", "wrong", "tried", "answer", "crash", "slow",
	NULL };

#define P struct probe
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_EXPR, P, by, .def = "header:x-server", .doc = "address"),
	SLUICE_OPTION(SLUICE_T_ENUM, P, does, .choices = does, .def = "choose", .doc = "deed"),
	SLUICE_OPTION(SLUICE_T_BOOL, P, loud, .def = "false", .doc = "log every choice"),
	SLUICE_OPTIONS_END,
};

/* of a worker */
struct state {
	uint64_t generation;
	unsigned sets;
};

static int check(sluice_instance *inst, void *conf)
{
	struct probe *p = conf;
	p->inst = inst;
	return 0;
}

static int find(const sluice_choice *c, sluice_str address)
{
	for (uint32_t i = 0; i < c->n_servers; i++) {
		if (sluice_str_eq(sluice_server_at(c, i)->address, address))
			return (int)i;
	}
	return SLUICE_CHOOSE_NONE;
}

static int misbehave(sluice_exchange *x, const struct probe *p, const sluice_choice *c)
{
	const struct timespec t = { .tv_nsec = 20000000 };
	switch (p->does) {
	case FAIL:
		return SLUICE_CHOOSE_FAIL;
	case WRONG:
		return (int)c->n_servers;
	case TRIED: /* the same one again and again */
		return 0;
	case ANSWER:
		(void)sluice_refuse(x, 403, "too-late", "");
		break;
	case CRASH:
		memset((void *)(uintptr_t)(c->n_tried + 8), 1, 8);
		break;
	default:
		nanosleep(&t, NULL);
		break;
	}
	return SLUICE_CHOOSE_NONE;
}

static int on_choose(sluice_exchange *x, const void *conf, const sluice_choice *c)
{
	const struct probe *p = conf;
	struct state *s = c->state;
	if (s->generation != c->generation) {
		s->generation = c->generation;
		s->sets++;
	}
	if (p->loud)
		sluice_log(p->inst, SLUICE_LOG_INFO, "%s of %u, set %u, tried %u",
			x ? "one" : "one for a fetch", (unsigned)c->n_servers, s->sets,
			(unsigned)c->n_tried);
	if (!x)
		return SLUICE_CHOOSE_NONE;
	unsigned *n = sluice_state(x, sizeof(*n));
	if (n)
		++*n;
	if (p->does != CHOOSE)
		return misbehave(x, p, c);
	int i = find(c, sluice_expr_value(x, p->by));
	return i >= 0 && sluice_may_choose(c, (uint32_t)i) ? i : SLUICE_CHOOSE_NONE;
}

/* Where the instance stands in the chain too: how often it chose, and which server it was. */
static sluice_verdict on_response(sluice_exchange *x, const void *conf)
{
	unsigned *n = sluice_state(x, sizeof(*n));
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n ? *n : 0);
	(void)conf;
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Choices"),
		(sluice_str){ text, (size_t)len });
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Chosen"),
		sluice_get(x, SLUICE_I_SERVER));
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("balancer-probe", .summary = "chooses servers", .options = options,
	.conf_size = sizeof(struct probe), .check = check, .worker_size = sizeof(struct state),
	.on_response = on_response, .on_choose = on_choose);
