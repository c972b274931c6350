/* Alternatives in a chain. See any_of.h. */
#include "policy/any_of.h"

#include "policy/any_challenge.h"
#include "policy/attr.h"
#include "policy/edit.h"
#include "policy/guard.h"
#include "policy/reroute.h"
#include "policy/running.h"
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

/* The request as it was when a branch began: what the branch does with it counts only if it admits.
 */
struct any_before {
	struct fields fields; /* a copy */
	sluice_str path, sent_path, query, authority;
	const struct run_asked *asked;
	sluice_str asked_authority, upstream_name;
	struct run_name *edited;
	struct run_attr *attrs; /* a copy */
	struct run_namespace *namespaces;
	int32_t upstream;
	uint8_t form;
	bool has_query, te_trailers;
};

/* Where the credentials were by which a plugin admits. */
struct any_used {
	struct any_used *next;
	uint32_t by; /* place of the plugin */
	struct instance_own what;
};

/* Of the group in which the walk is. In the arena. */
struct any_state {
	const struct any_of *of;
	struct any_before before;
	enum any_rank rank;
	uint32_t by;              /* place of the plugin whose refusal is kept */
	struct run_answer answer; /* RUN_REPLY; status 0: none */
	struct run_edit *edits;   /* changes to the coming response by that plugin */
	struct any_challenges challenges;
	/* bit i: the plugin at first + i has refused credentials that the request has; a group has
	 * 64 plugins at most */
	uint64_t judged;
	struct any_used *used; /* said by plugins of the branch */
	bool is_put_off;       /* the refusal of the plugin that runs is kept already */
};

/* In the place of a plugin that does not run for this exchange at all. */
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

static bool any_is_same(const struct instance_own *a, const struct instance_own *b)
{
	if (a->kind != b->kind)
		return false;
	/* names of parameters and cookies are told apart by case */
	return a->kind == SLUICE_OWN_CREDENTIAL_PARAMETER || a->kind == SLUICE_OWN_CREDENTIAL_COOKIE
		? str_eq(a->name, b->name)
		: str_ieq(a->name, b->name);
}

/* Whether the plugin at that place reads credentials there. */
static bool any_reads(const sluice_exchange *x, uint32_t place, const struct instance_own *what)
{
	const struct instance_own *o = x->chain->v[place].inst->owns;
	while (o && !any_is_same(o, what))
		o = o->next;
	return o != NULL;
}

/* Whether the plugin, which reads there, has admitted by what is there. One that did not say by
 * what it admits may have. */
static bool any_may_have_used(const sluice_exchange *x, uint32_t place,
	const struct instance_own *what)
{
	bool has_said = false;
	for (const struct any_used *u = x->any->used; u; u = u->next) {
		if (u->by != place)
			continue;
		if (any_is_same(&u->what, what))
			return true;
		has_said = true;
	}
	return !has_said;
}

/* Whether what is there is an affair of the plugins at first to end - 1, which have admitted. */
static bool any_is_theirs(const sluice_exchange *x, uint32_t first, uint32_t end,
	const struct instance_own *what)
{
	for (uint32_t i = first; i < end; i++) {
		if (any_reads(x, i, what) && any_may_have_used(x, i, what))
			return true;
	}
	return false;
}

/* Whether the plugin has refused credentials that the request has. */
static bool any_has_judged(const sluice_exchange *x, uint32_t place)
{
	return (x->any->judged & (uint64_t)1 << (place - x->any->of->first)) != 0;
}

/* The request was admitted by the branch at first to end - 1: what else it has of credentials was
 * verified by nobody. What the branch was admitted by is the branch's own affair, unless another
 * plugin has judged it, and found it wrong. */
static void any_remove_credentials(sluice_exchange *x, uint32_t first, uint32_t end)
{
	const struct any_of *g = x->any->of;
	for (uint32_t i = g->first; i < g->end; i++) {
		const struct instance_own *o = i >= first && i < end ? NULL
								     : x->chain->v[i].inst->owns;
		for (; o; o = o->next) {
			if (o->kind == SLUICE_OWN_WORD ||
				(!any_has_judged(x, i) && any_is_theirs(x, first, end, o)))
				continue;
			if (o->kind == SLUICE_OWN_CREDENTIAL_FIELD)
				edit_take_away(x, o->name);
			else if (o->kind == SLUICE_OWN_CREDENTIAL_COOKIE)
				edit_take_cookie(x, o->name);
			else
				reroute_take_parameter(x, o->name);
		}
	}
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

/* ---- the request before a branch ----------------------------------------------------------- */

static void any_remember(sluice_exchange *x)
{
	struct any_before *b = &x->any->before;
	const struct request_head *h = x->request;
	b->path = h->path;
	b->sent_path = h->sent_path;
	b->query = h->query;
	b->has_query = h->has_query;
	b->form = h->form;
	b->authority = h->authority;
	b->asked = x->asked;
	b->asked_authority = x->asked_authority;
	b->upstream_name = x->upstream_name;
	b->edited = x->edited;
	b->namespaces = x->namespaces;
	b->upstream = x->upstream;
	b->te_trailers = x->te_trailers;
	b->attrs = attr_copy(x);
	if (fields_copy(&b->fields, &h->fields, x->arena))
		x->arena->failed = true; /* the exchange is refused */
}

/* A branch has refused: nothing of what its plugins did with the request stays. */
static void any_restore(sluice_exchange *x)
{
	const struct any_before *b = &x->any->before;
	struct request_head *h = x->request;
	h->path = b->path;
	h->sent_path = b->sent_path;
	h->query = b->query;
	h->has_query = b->has_query;
	h->form = b->form;
	h->authority = b->authority;
	h->fields = b->fields;
	x->asked = b->asked;
	x->asked_authority = b->asked_authority;
	x->upstream_name = b->upstream_name;
	x->edited = b->edited;
	x->namespaces = b->namespaces;
	x->upstream = b->upstream;
	x->te_trailers = b->te_trailers;
	x->attrs = b->attrs;
	any_remember(x); /* what is in force now is no copy any more */
}

/* ---- refusals ------------------------------------------------------------------------------ */

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
	uint32_t first = 0, end = 0;
	any_branch(x, &first, &end);
	for (uint32_t i = first; i < x->at; i++)
		(void)edit_withdraw(x, i);
	if (r != RUN_FAIL && !x->credentials_absent)
		s->judged |= (uint64_t)1 << (x->at - s->of->first);
	if (x->answer.status == 401)
		any_challenges_add(x, &s->challenges, x->at, &x->answer, edits);
	stages_abandon(x, first, x->at);
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
	if (x->answer.status == 401)
		s->edits = any_challenges_tell(x, &s->challenges, s->by, s->edits);
	edit_return(x, s->edits);
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

/* A plugin that has run and does not count: of its hooks only that on the end is left. */
static const sluice_plugin *any_silent(sluice_exchange *x, const sluice_plugin *was)
{
	sluice_plugin *p = arena_alloc(x->arena, sizeof(*p));
	if (!p)
		return NULL;
	*p = any_idle;
	p->name = was->name;
	p->on_complete = was->on_complete;
	return p;
}

/* For the plugins at first to end - 1 no more hooks run, but the last one for those that have run.
 * Places stay. */
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
	for (uint32_t i = first; i < end; i++) {
		v[i].plugin = i <= x->at ? any_silent(x, v[i].plugin) : &any_idle;
		if (!v[i].plugin)
			return false;
	}
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
	any_challenges_init(&s->challenges);
	x->any = s;
	x->put_off = any_put_off;
	any_remove_words(x, g);
	any_remember(x);
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
	if (refused) {
		any_restore(x);
		s->used = NULL;
	}
	if (!any_skip(x, refused ? first : x->at + 1, *next))
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

void any_of_credentials_used(sluice_exchange *x, int kind, sluice_str name)
{
	if (!guard_hook(x, "sluice_credentials_used()") || !x->any)
		return;
	struct any_used *u = arena_new(x->arena, struct any_used);
	sluice_str copy = arena_str(x->arena, name);
	if (!u || !copy.data)
		return; /* the arena remembers: the exchange is refused */
	*u = (struct any_used){ .next = x->any->used,
		.by = run_item(x)->place,
		.what = { .name = copy, .kind = kind } };
	x->any->used = u;
}

void any_of_drop(sluice_exchange *x)
{
	struct any_state *s = x->any;
	if (s->answer.status && s->answer.lent)
		lent_drop(&s->answer.lent);
	x->any = NULL;
	x->put_off = NULL;
}
