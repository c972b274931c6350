/* Sets: see set.h. */
#include "set.h"

#include <stdlib.h>

/* From an address on, up to the next change, this is said. The first one is at address 0. */
struct change {
	ip from;
	uint8_t said;
};

struct changes {
	struct change *v; /* owned */
	size_t n;
};

/* IPv4 addresses stand alone, so that many of them are in one line of the cache. */
struct set {
	uint32_t *v4_from; /* owned */
	uint8_t *v4_said;  /* owned */
	size_t v4_n;
	struct changes v6;
	uint8_t unix_said;
};

/* ---- making -------------------------------------------------------------------------------- */

/* By address, wider networks first, and of two equal ones that which denies last. */
static int compare(const void *a, const void *b)
{
	const struct network *x = a, *y = b;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return x->prefix != y->prefix ? (x->prefix > y->prefix) - (x->prefix < y->prefix)
				      : x->deny - y->deny;
}

static ip last_of(const struct network *n)
{
	ip all = n->family == FAMILY_V6 ? ~(ip)0 : (ip)UINT32_MAX;
	return n->first | (n->prefix ? ((ip)1 << (n->family - n->prefix)) - 1 : all);
}

static uint8_t said_by(const struct network *n)
{
	return n->deny ? SAID_DENY : SAID_ALLOW;
}

/* There is room: a network makes two changes at most. */
static void put_change(struct changes *c, ip from, uint8_t said)
{
	if (c->n && c->v[c->n - 1].from == from)
		c->n--;
	if (c->n && c->v[c->n - 1].said == said)
		return;
	c->v[c->n++] = (struct change){ from, said };
}

/* Networks lie within each other or apart, never across. So while going through them in order,
 * those that the present address is in are a stack, and its top decides. A stack has no two
 * networks of the same prefix and kind. */
struct walk {
	const struct network *within[2 * (FAMILY_V6 + 1)];
	size_t depth;
	struct changes *out;
};

/* Leave the networks that end before `next`. */
static void leave(struct walk *w, bool all, ip next)
{
	while (w->depth && (all || last_of(w->within[w->depth - 1]) < next)) {
		const struct network *top = w->within[--w->depth];
		ip behind = last_of(top) + 1;
		bool is_end = behind == 0 || (top->family == FAMILY_V4 && behind > UINT32_MAX);
		if (!is_end)
			put_change(w->out, behind,
				w->depth ? said_by(w->within[w->depth - 1]) : SAID_NOTHING);
	}
}

static bool flatten(struct network *v, size_t n, struct changes *out)
{
	struct walk w = { .out = out };
	out->v = malloc((2 * n + 1) * sizeof(*out->v));
	if (!out->v)
		return false;
	if (n)
		qsort(v, n, sizeof(*v), compare);
	put_change(out, 0, SAID_NOTHING);
	for (size_t i = 0; i < n; i++) {
		if (i && compare(&v[i - 1], &v[i]) == 0)
			continue;
		leave(&w, false, v[i].first);
		put_change(out, v[i].first, said_by(&v[i]));
		w.within[w.depth++] = &v[i];
	}
	leave(&w, true, 0);
	return true;
}

/* The networks of a family, in memory of their own, and their number. */
static struct network *gather(const struct networks *lists, size_t n_lists, uint8_t family,
	size_t *n)
{
	size_t room = 1;
	for (size_t i = 0; i < n_lists; i++)
		room += lists[i].n;
	struct network *v = malloc(room * sizeof(*v));
	*n = 0;
	for (size_t i = 0; v && i < n_lists; i++) {
		for (size_t j = 0; j < lists[i].n; j++) {
			if (lists[i].v[j].family == family)
				v[(*n)++] = lists[i].v[j];
		}
	}
	return v;
}

static bool make(const struct networks *lists, size_t n_lists, uint8_t family, struct changes *out)
{
	size_t n;
	struct network *v = gather(lists, n_lists, family, &n);
	bool made = v && flatten(v, n, out);
	free(v);
	struct change *fitting = made ? realloc(out->v, out->n * sizeof(*out->v)) : NULL;
	out->v = fitting ? fitting : out->v;
	return made;
}

static bool set_v4(struct set *s, const struct changes *c)
{
	s->v4_from = malloc(c->n * sizeof(*s->v4_from));
	s->v4_said = malloc(c->n);
	if (!s->v4_from || !s->v4_said)
		return false;
	for (; s->v4_n < c->n; s->v4_n++) {
		s->v4_from[s->v4_n] = (uint32_t)c->v[s->v4_n].from;
		s->v4_said[s->v4_n] = c->v[s->v4_n].said;
	}
	return true;
}

static uint8_t unix_of(const struct networks *lists, size_t n_lists)
{
	uint8_t said = SAID_NOTHING;
	for (size_t i = 0; i < n_lists; i++) {
		for (size_t j = 0; j < lists[i].n; j++) {
			const struct network *n = &lists[i].v[j];
			if (n->family == FAMILY_UNIX && said != SAID_DENY)
				said = said_by(n);
		}
	}
	return said;
}

struct set *set_new(const struct networks *lists, size_t n)
{
	struct set *s = calloc(1, sizeof(*s));
	struct changes v4 = { NULL, 0 };
	if (!s)
		return NULL;
	bool made = make(lists, n, FAMILY_V4, &v4) && set_v4(s, &v4) &&
		make(lists, n, FAMILY_V6, &s->v6);
	free(v4.v);
	s->unix_said = unix_of(lists, n);
	if (made)
		return s;
	set_free(s);
	return NULL;
}

void set_free(void *set)
{
	struct set *s = set;
	if (!s)
		return;
	free(s->v4_from);
	free(s->v4_said);
	free(s->v6.v);
	free(s);
}

/* ---- finding ------------------------------------------------------------------------------- */

/* The last change that is not behind the address. Both searches halve without a branch that the
 * processor would have to guess. */
static enum said find_v4(const struct set *s, uint32_t address)
{
	size_t at = 0;
	for (size_t n = s->v4_n; n > 1;) {
		size_t half = n / 2;
		at += s->v4_from[at + half] <= address ? half : 0;
		n -= half;
	}
	return s->v4_said[at];
}

static enum said find_v6(const struct changes *c, ip address)
{
	size_t at = 0;
	for (size_t n = c->n; n > 1;) {
		size_t half = n / 2;
		at += c->v[at + half].from <= address ? half : 0;
		n -= half;
	}
	return c->v[at].said;
}

enum said set_find(const struct set *s, uint8_t family, ip address)
{
	if (family == FAMILY_V4)
		return find_v4(s, (uint32_t)address);
	return family == FAMILY_V6 ? find_v6(&s->v6, address) : s->unix_said;
}
