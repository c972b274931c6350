/* Alternatives in a chain. See any_of.h. */
#include "policy/any_of.h"

#include "policy/edit.h"
#include "policy/reroute.h"
#include "policy/stage.h"

/* How much a refusal says. The client learns from the one that says most; of equals, the first. */
enum any_rank {
	ANY_NOTHING,   /* there is none */
	ANY_BARRED,    /* no credentials, and none were asked for: the address, say */
	ANY_CHALLENGE, /* no credentials: 401 */
	ANY_ADVICE,    /* no credentials: the way to a login */
	ANY_WRONG,     /* credentials that were judged: 401 */
	ANY_DENIED,    /* the same, but not for want of better credentials: 403, 429, 503 */
	ANY_FAILED     /* a plugin could not do its work: nothing can be said of the client */
};

struct any_challenge {
	struct any_challenge *next;
	uint32_t by; /* place of its plugin */
	sluice_str value;
};

/* Of the group in which the walk is. In the arena. */
struct any_state {
	const struct any_of *of;
	enum any_rank rank;
	uint32_t by;              /* place of the plugin whose refusal is kept */
	struct run_answer answer; /* RUN_REPLY; status 0: none */
	struct run_edit *edits;   /* changes to the coming response by that plugin */
	struct any_challenge *challenges, **challenges_end;
	bool is_put_off; /* the refusal of the plugin that runs is kept already */
};

/* In the place of a plugin that does not run for this exchange. */
static const sluice_plugin any_idle = { .abi = SLUICE_ABI,
	.size = sizeof(sluice_plugin),
	.name = "idle" };

void any_of_copy(struct any_of *to, const struct chain *from, uint32_t place)
{
	for (uint32_t i = 0; i < from->n_any; i++) {
		to[i] = from->any[i];
		to[i].first += place;
		to[i].end += place;
	}
}

/* ---- what belongs to the plugins ----------------------------------------------------------- */

/* No plugin has spoken yet: what stands in these fields is not the gateway's word. */
static void any_remove_words(sluice_exchange *x, const struct any_of *g)
{
	for (uint32_t i = g->first; i < g->end; i++) {
		const struct instance_own *o = x->chain->v[i].inst->owns;
		for (; o; o = o->next) {
			if (o->kind == SLUICE_OWN_WORD)
				edit_take_away(x, o->name);
		}
	}
}

/* Whether a plugin at first to end - 1 reads credentials there. */
static bool any_reads(const sluice_exchange *x, uint32_t first, uint32_t end,
	const struct instance_own *what)
{
	for (uint32_t i = first; i < end; i++) {
		const struct instance_own *o = x->chain->v[i].inst->owns;
		for (; o; o = o->next) {
			if (o->kind == what->kind && str_ieq(o->name, what->name))
				return true;
		}
	}
	return false;
}

/* The request was admitted by the branch at first to end - 1: what else it has of credentials was
 * verified by nobody. */
static void any_remove_credentials(sluice_exchange *x, uint32_t first, uint32_t end)
{
	const struct any_of *g = x->any->of;
	for (uint32_t i = g->first; i < g->end; i++) {
		const struct instance_own *o = i >= first && i < end ? NULL
								     : x->chain->v[i].inst->owns;
		for (; o; o = o->next) {
			if (o->kind == SLUICE_OWN_WORD || any_reads(x, first, end, o))
				continue;
			if (o->kind == SLUICE_OWN_CREDENTIAL_FIELD)
				edit_take_away(x, o->name);
			else
				reroute_take_parameter(x, o->name);
		}
	}
}

/* ---- refusals ------------------------------------------------------------------------------ */

static void any_add_challenge(sluice_exchange *x, uint32_t by, sluice_str name, sluice_str value)
{
	struct any_state *s = x->any;
	if (token_find(name.data, name.len) != TOKEN_WWW_AUTHENTICATE)
		return;
	for (const struct any_challenge *c = s->challenges; c; c = c->next) {
		if (str_eq(c->value, value))
			return;
	}
	struct any_challenge *c = arena_new(x->arena, struct any_challenge);
	if (!c)
		return;
	*c = (struct any_challenge){ .by = by, .value = value };
	*s->challenges_end = c;
	s->challenges_end = &c->next;
}

/* The fields of a 401, which are those of the answer and those that the plugin set beside it. */
static void any_add_challenges(sluice_exchange *x, uint32_t by, const struct run_answer *a,
	const struct run_edit *edits)
{
	sluice_str name, value;
	for (size_t i = 0; i < a->headers.n; i++)
		any_add_challenge(x, by, a->headers.v[i].name, a->headers.v[i].value);
	while (edit_next(&edits, &name, &value))
		any_add_challenge(x, by, name, value);
}

static enum any_rank any_rank_of(const sluice_exchange *x, enum run_result r)
{
	int status = x->answer.status;
	if (r == RUN_FAIL)
		return ANY_FAILED;
	if (!x->credentials_absent)
		return status == 401 ? ANY_WRONG : ANY_DENIED;
	if (status == 401)
		return ANY_CHALLENGE;
	return status < 400 ? ANY_ADVICE : ANY_BARRED;
}

/* The plugin at x->at has refused. Nothing of that is the exchange's answer for now. */
static void any_keep(sluice_exchange *x, enum run_result r)
{
	struct any_state *s = x->any;
	enum any_rank rank = any_rank_of(x, r);
	struct run_edit *edits = edit_withdraw(x, x->at);
	if (x->answer.status == 401)
		any_add_challenges(x, x->at, &x->answer, edits);
	stages_abandon(x, x->at);
	if (rank > s->rank) {
		struct run_answer answer = x->answer;
		x->answer = s->answer;
		s->answer = answer;
		s->rank = rank;
		s->by = x->at;
		s->edits = edits;
	}
	run_drop_answer(x);
	x->acted = x->frame && x->frame->wait;
}

/* Nobody has admitted the request. */
static enum run_result any_refuse(sluice_exchange *x)
{
	struct any_state *s = x->any;
	x->decided_by = s->by;
	x->any = NULL;
	x->put_off = NULL;
	if (s->rank == ANY_FAILED)
		return RUN_FAIL;
	x->answer = s->answer;
	x->acted = 1;
	edit_return(x, s->edits);
	for (const struct any_challenge *c = s->challenges; c && x->answer.status == 401;
		c = c->next) {
		if (c->by != s->by)
			edit_add_later(x, s->by, STR("WWW-Authenticate"), c->value);
	}
	return RUN_REPLY;
}

/* The same under mode: report. */
static enum run_result any_report(sluice_exchange *x)
{
	struct any_state *s = x->any;
	const char *code = s->answer.code ? s->answer.code : "reply";
	frame_report(x, &x->chain->v[s->by], s->rank == ANY_FAILED ? "plugin-failed" : code);
	any_of_drop(x);
	return RUN_NEXT;
}

/* ---- the walk ------------------------------------------------------------------------------ */

/* The plugins at first to end - 1 do not run: neither now nor for the response. Places stay. */
static bool any_skip(sluice_exchange *x, uint32_t first, uint32_t end)
{
	const struct chain *was = x->chain;
	if (first == end)
		return true;
	struct chain *c = arena_new(x->arena, struct chain);
	struct chain_item *v = arena_alloc(x->arena, was->n * sizeof(*v));
	if (!c || !v)
		return false;
	memcpy(v, was->v, was->n * sizeof(*v));
	for (uint32_t i = first; i < end; i++)
		v[i].plugin = &any_idle;
	*c = *was;
	c->v = v;
	x->chain = c;
	return true;
}

/* x->put_off */
static void any_put_off(sluice_exchange *x, enum run_result r)
{
	any_keep(x, r);
	x->any->is_put_off = true;
}

void any_of_enter(sluice_exchange *x, uint32_t place)
{
	const struct any_of *g = NULL;
	for (uint32_t i = 0; i < x->chain->n_any; i++) {
		if (x->chain->any[i].first == place)
			g = &x->chain->any[i];
	}
	x->credentials_absent = false;
	if (!g)
		return;
	struct any_state *s = arena_zalloc(x->arena, sizeof(*s));
	if (!s)
		return; /* the arena remembers: the exchange is refused */
	s->of = g;
	s->challenges_end = &s->challenges;
	x->any = s;
	x->put_off = any_put_off;
	if (!g->reports)
		any_remove_words(x, g);
}

/* The branch of the plugin at x->at: where it begins and ends. */
static void any_branch(const sluice_exchange *x, uint32_t *first, uint32_t *end)
{
	const struct any_of *g = x->any->of;
	*end = g->first;
	for (uint32_t i = 0; i < g->n_branches && *end <= x->at; i++) {
		*first = *end;
		*end = g->first + g->branches[i];
	}
}

enum run_result any_of_judge(sluice_exchange *x, enum run_result r, uint32_t *next)
{
	struct any_state *s = x->any;
	const struct any_of *g = s->of;
	uint32_t first = 0, end = 0;
	bool refused = s->is_put_off || r != RUN_NEXT;
	any_branch(x, &first, &end);
	if (refused && !s->is_put_off)
		any_keep(x, r);
	s->is_put_off = false;
	x->credentials_absent = false;
	*next = x->at + 1;
	if (!refused && *next < end)
		return RUN_NEXT;
	*next = refused ? end : g->end;
	if (!any_skip(x, x->at + 1, *next))
		return RUN_FAIL; /* the exchange says that its memory is spent */
	if (!refused) {
		any_remove_credentials(x, first, end);
		any_of_drop(x);
		return RUN_NEXT;
	}
	if (end < g->end)
		return RUN_NEXT;
	return g->reports ? any_report(x) : any_refuse(x);
}

void any_of_drop(sluice_exchange *x)
{
	struct any_state *s = x->any;
	if (s->answer.status && s->answer.lent)
		lent_drop(&s->answer.lent);
	x->any = NULL;
	x->put_off = NULL;
}
