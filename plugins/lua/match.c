/* Matching of Lua's patterns (Lua 5.1 manual, 5.4.1): see pattern.h. */
#include "match.h"

#include <ctype.h>

enum {
	ESCAPE = '%',
	DEPTH_MAX = 200,
	STEPS = 1024,      /* that are charged at once */
	STEPS_CHARGE = 128 /* instructions that they count for */
};

void match_init(struct match *m, lua_State *L, sluice_str text, sluice_str pattern)
{
	m->L = L;
	m->text = text.data;
	m->text_end = text.data + text.len;
	m->pattern_end = pattern.data + pattern.len;
	m->depth = m->steps = 0;
	m->n_captures = 0;
}

static void step(struct match *m)
{
	if (++m->steps < STEPS)
		return;
	m->steps = 0;
	vm_spend(m->L, STEPS_CHARGE);
}

/* ---- single characters --------------------------------------------------------------------- */

/* The end of the item for a single character that begins at p: a character, an escape or a set. */
static const char *item_end(const struct match *m, const char *p)
{
	if (*p == ESCAPE) {
		if (p + 1 == m->pattern_end)
			luaL_error(m->L, "malformed pattern (ends with '%%')");
		return p + 2;
	}
	if (*p++ != '[')
		return p;
	if (p < m->pattern_end && *p == '^')
		p++;
	do { /* a ']' in the first place stands for itself */
		if (p == m->pattern_end)
			luaL_error(m->L, "malformed pattern (missing ']')");
		if (*p++ == ESCAPE && p < m->pattern_end)
			p++;
	} while (p == m->pattern_end || *p != ']');
	return p + 1;
}

static bool is_of_class(unsigned char c, unsigned char class)
{
	bool is;
	switch (tolower(class)) {
	case 'a':
		is = isalpha(c);
		break;
	case 'c':
		is = iscntrl(c);
		break;
	case 'd':
		is = isdigit(c);
		break;
	case 'g':
		is = isgraph(c);
		break;
	case 'l':
		is = islower(c);
		break;
	case 'p':
		is = ispunct(c);
		break;
	case 's':
		is = isspace(c);
		break;
	case 'u':
		is = isupper(c);
		break;
	case 'w':
		is = isalnum(c);
		break;
	case 'x':
		is = isxdigit(c);
		break;
	case 'z':
		is = c == 0;
		break;
	default:
		return class == c;
	}
	return isupper(class) ? !is : is;
}

/* p: at '['; end: its ']' */
static bool is_in_set(unsigned char c, const char *p, const char *end)
{
	bool is_wanted = true;
	if (p[1] == '^') {
		is_wanted = false;
		p++;
	}
	while (++p < end) {
		unsigned char first = (unsigned char)*p;
		if (first == ESCAPE) {
			p++;
			if (is_of_class(c, (unsigned char)*p))
				return is_wanted;
		} else if (p[1] == '-' && p + 2 < end) {
			p += 2;
			if (first <= c && c <= (unsigned char)*p)
				return is_wanted;
		} else if (first == c) {
			return is_wanted;
		}
	}
	return !is_wanted;
}

/* Whether the item from p to end takes the character at s. */
static bool takes(struct match *m, const char *s, const char *p, const char *end)
{
	step(m);
	if (s >= m->text_end)
		return false;
	unsigned char c = (unsigned char)*s;
	switch (*p) {
	case '.':
		return true;
	case ESCAPE:
		return is_of_class(c, (unsigned char)p[1]);
	case '[':
		return is_in_set(c, p, end - 1);
	default:
		return (unsigned char)*p == c;
	}
}

/* ---- items --------------------------------------------------------------------------------- */

/* %bxy: p is at x */
static const char *balanced(struct match *m, const char *s, const char *p)
{
	unsigned depth = 1;
	if (p + 1 >= m->pattern_end)
		luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
	if (s >= m->text_end || *s != p[0])
		return NULL;
	while (++s < m->text_end) {
		step(m);
		if (*s == p[1]) {
			if (--depth == 0)
				return s + 1;
		} else if (*s == p[0]) {
			depth++;
		}
	}
	return NULL;
}

/* `*` and `+`: as many as there are, then fewer */
static const char *longest(struct match *m, const char *s, const char *p, const char *end)
{
	ptrdiff_t n = 0;
	while (takes(m, s + n, p, end))
		n++;
	for (; n >= 0; n--) {
		const char *r = match_at(m, s + n, end + 1);
		if (r)
			return r;
	}
	return NULL;
}

/* `-`: as few as possible, then more */
static const char *shortest(struct match *m, const char *s, const char *p, const char *end)
{
	for (;; s++) {
		const char *r = match_at(m, s, end + 1);
		if (r)
			return r;
		if (!takes(m, s, p, end))
			return NULL;
	}
}

static const char *open_capture(struct match *m, const char *s, const char *p, ptrdiff_t kind)
{
	if (m->n_captures == CAPTURES_MAX)
		luaL_error(m->L, "too many captures");
	m->captures[m->n_captures].at = s;
	m->captures[m->n_captures].len = kind;
	m->n_captures++;
	const char *r = match_at(m, s, p);
	if (!r)
		m->n_captures--;
	return r;
}

static const char *close_capture(struct match *m, const char *s, const char *p)
{
	int i = m->n_captures;
	while (--i >= 0 && m->captures[i].len != CAPTURE_OPEN)
		;
	if (i < 0)
		luaL_error(m->L, "invalid pattern capture");
	m->captures[i].len = s - m->captures[i].at;
	const char *r = match_at(m, s, p);
	if (!r)
		m->captures[i].len = CAPTURE_OPEN;
	return r;
}

/* %1: what a capture matched, again */
static const char *repeated(struct match *m, const char *s, char digit)
{
	int i = digit - '1';
	if (i < 0 || i >= m->n_captures || m->captures[i].len == CAPTURE_OPEN)
		luaL_error(m->L, "invalid capture index %%%d", i + 1);
	ptrdiff_t len = m->captures[i].len;
	if (len < 0) /* a position is no text */
		return NULL;
	vm_spend(m->L, len / 64);
	bool is_there = m->text_end - s >= len && memcmp(m->captures[i].at, s, (size_t)len) == 0;
	return is_there ? s + len : NULL;
}

/* %f[set]: a place where the set begins; p is at '[' */
static bool is_frontier(struct match *m, const char *s, const char *p, const char *end)
{
	unsigned char before = s == m->text ? 0 : (unsigned char)s[-1],
		      here = s == m->text_end ? 0 : (unsigned char)*s;
	step(m);
	return !is_in_set(before, p, end - 1) && is_in_set(here, p, end - 1);
}

/* An item for a single character, with what may stand behind it. True: *s and *p go on. False:
 * *s is the result. */
static bool match_item(struct match *m, const char **s, const char **p)
{
	const char *end = item_end(m, *p);
	char suffix = end < m->pattern_end ? *end : '\0';
	if (suffix == '*' || (suffix == '+' && takes(m, *s, *p, end))) {
		*s = longest(m, *s + (suffix == '+'), *p, end);
		return false;
	}
	if (suffix == '-') {
		*s = shortest(m, *s, *p, end);
		return false;
	}
	bool is_taken = suffix != '+' && takes(m, *s, *p, end);
	if (suffix == '?') {
		const char *r = is_taken ? match_at(m, *s + 1, end + 1) : NULL;
		*p = end + 1;
		*s = r ? r : *s;
		return r == NULL;
	}
	*s = is_taken ? *s + 1 : NULL;
	*p = end;
	return is_taken;
}

/* %b, %f and %1. False: *s is the result, NULL. is_special: whether it was one of them. */
static bool match_special(struct match *m, const char **s, const char **p, bool *is_special)
{
	char what = *p + 1 < m->pattern_end ? (*p)[1] : '\0';
	*is_special = what == 'b' || what == 'f' || sluice_is_digit(what);
	if (what == 'b') {
		*s = balanced(m, *s, *p + 2);
		*p += 4;
	} else if (what == 'f') {
		const char *set = *p + 2;
		if (set >= m->pattern_end || *set != '[')
			luaL_error(m->L, "missing '[' after '%%f' in pattern");
		*p = item_end(m, set);
		*s = is_frontier(m, *s, set, *p) ? *s : NULL;
	} else if (*is_special) {
		*s = repeated(m, *s, what);
		*p += 2;
	}
	return *s != NULL;
}

/* ---- matching ------------------------------------------------------------------------------ */

static const char *match_rest(struct match *m, const char *s, const char *p)
{
	bool is_special = false;
	while (p < m->pattern_end) {
		step(m);
		if (*p == '(' && p + 1 < m->pattern_end && p[1] == ')')
			return open_capture(m, s, p + 2, CAPTURE_POSITION);
		if (*p == '(')
			return open_capture(m, s, p + 1, CAPTURE_OPEN);
		if (*p == ')')
			return close_capture(m, s, p + 1);
		if (*p == '$' && p + 1 == m->pattern_end)
			return s == m->text_end ? s : NULL;
		is_special = false;
		if (*p == ESCAPE && !match_special(m, &s, &p, &is_special))
			return NULL;
		if (!is_special && !match_item(m, &s, &p))
			return s;
	}
	return s;
}

const char *match_at(struct match *m, const char *s, const char *p)
{
	if (++m->depth > DEPTH_MAX)
		luaL_error(m->L, "pattern too complex");
	const char *r = match_rest(m, s, p);
	m->depth--;
	return r;
}

const char *match_from(struct match *m, const char *s, const char *p, bool is_anchored,
	const char **start)
{
	do {
		m->n_captures = 0;
		const char *e = match_at(m, s, p);
		if (e) {
			*start = s;
			return e;
		}
	} while (s++ < m->text_end && !is_anchored);
	return NULL;
}

/* ---- captures ------------------------------------------------------------------------------ */

void match_push_capture(struct match *m, int i, const char *s, const char *e)
{
	if (i >= m->n_captures) {
		if (i != 0)
			luaL_error(m->L, "invalid capture index %%%d", i + 1);
		lua_pushlstring(m->L, s, (size_t)(e - s));
		return;
	}
	ptrdiff_t len = m->captures[i].len;
	if (len == CAPTURE_OPEN)
		luaL_error(m->L, "unfinished capture");
	if (len == CAPTURE_POSITION)
		lua_pushinteger(m->L, m->captures[i].at - m->text + 1);
	else
		lua_pushlstring(m->L, m->captures[i].at, (size_t)len);
}

int match_push_captures(struct match *m, const char *s, const char *e)
{
	int n = m->n_captures == 0 && s ? 1 : m->n_captures;
	luaL_checkstack(m->L, n, "too many captures");
	for (int i = 0; i < n; i++)
		match_push_capture(m, i, s, e);
	return n;
}
