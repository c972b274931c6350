/* The challenges of alternatives. See any_challenge.h. */
#include "policy/any_challenge.h"

#include "http/challenges.h"
#include "policy/edit.h"

enum { CHALLENGES_MAX = 64 }; /* of one exchange; further ones are left out */

struct any_challenge {
	struct any_challenge *next;
	uint32_t by; /* place of its plugin */
	struct challenge_text what;
};

static const sluice_str challenge_name = { "WWW-Authenticate", 16 };

static bool is_challenge(sluice_str name)
{
	return token_find(name.data, name.len) == TOKEN_WWW_AUTHENTICATE;
}

/* RFC 9110 11.1: a scheme is of either case. What has none is known by its text. */
static bool any_is_alike(const struct any_challenge *a, const struct any_challenge *b)
{
	if (a->what.scheme.len || b->what.scheme.len)
		return str_ieq(a->what.scheme, b->what.scheme);
	return str_eq(a->what.text, b->what.text);
}

void any_challenges_init(struct any_challenges *c)
{
	*c = (struct any_challenges){ .end = &c->first };
}

static void any_add_field(sluice_exchange *x, struct any_challenges *c, uint32_t by,
	sluice_str name, sluice_str value)
{
	struct challenge_text what;
	if (!is_challenge(name))
		return;
	while (c->n < CHALLENGES_MAX && challenges_next(&value, &what)) {
		struct any_challenge *one = arena_new(x->arena, struct any_challenge);
		if (!one)
			return; /* the arena remembers: the exchange is refused */
		*one = (struct any_challenge){ .by = by, .what = what };
		*c->end = one;
		c->end = &one->next;
		c->n++;
	}
}

void any_challenges_add(sluice_exchange *x, struct any_challenges *c, uint32_t by,
	const struct run_answer *a, const struct run_edit *edits)
{
	sluice_str name, value;
	/* what stood there before is not part of the response */
	const struct run_edit *from = edit_last_clear(edits, challenge_name);
	for (size_t i = 0; i < a->headers.n && !from; i++)
		any_add_field(x, c, by, a->headers.v[i].name, a->headers.v[i].value);
	from = from ? from : edits;
	while (edit_next(&from, &name, &value))
		any_add_field(x, c, by, name, value);
}

/* Whether this one is told of those that are alike. */
static bool any_is_told(const struct any_challenges *c, const struct any_challenge *this,
	uint32_t by)
{
	const struct any_challenge *first = NULL, *own = NULL;
	for (const struct any_challenge *o = c->first; o; o = o->next) {
		if (!any_is_alike(o, this))
			continue;
		first = first ? first : o;
		own = !own && o->by == by ? o : own;
	}
	return this == (own ? own : first);
}

/* The answer's own challenges are among those that are told. */
static bool any_take_off(sluice_exchange *x)
{
	sluice_pairs *h = &x->answer.headers;
	sluice_pair *v = h->n ? arena_alloc(x->arena, h->n * sizeof(*v)) : NULL;
	size_t n = 0;
	if (!v)
		return h->n == 0;
	for (size_t i = 0; i < h->n; i++) {
		if (!is_challenge(h->v[i].name))
			v[n++] = h->v[i];
	}
	*h = (sluice_pairs){ v, n };
	return true;
}

struct run_edit *any_challenges_tell(sluice_exchange *x, const struct any_challenges *c,
	uint32_t by, struct run_edit *edits)
{
	sluice_field_op op = SLUICE_FIELD_SET;
	if (!any_take_off(x))
		return edits; /* the arena remembers: the exchange is refused */
	for (const struct any_challenge *one = c->first; one; one = one->next) {
		if (!any_is_told(c, one, by))
			continue;
		edit_later(x, by, op, challenge_name, one->what.text);
		op = SLUICE_FIELD_ADD;
	}
	return edit_without(edits, challenge_name);
}
