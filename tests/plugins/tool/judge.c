/* Judging outcomes. See judge.h. */
#include "judge.h"

#include <stdio.h>

struct judge {
	const struct outcome *o;
	judge_fn tell;
	void *ctx;
	size_t n; /* differences so far */
};

static const sluice_str none = { "(none)", 6 };

static sluice_str shown(sluice_str s)
{
	return s.data ? s : none;
}

static void differs(struct judge *j, const char *what, sluice_str expected, sluice_str got)
{
	j->n++;
	j->tell(j->ctx, what, shown(expected), shown(got));
}

/* ---- what the script says ------------------------------------------------------------------ */

static void text(struct judge *j, const char *name, const char *what, sluice_str want)
{
	sluice_str got = outcome_find(j->o, str_of(name));
	if (want.data && !(got.data ? str_eq(want, got) : want.len == 0))
		differs(j, what, want, got);
}

static void status(struct judge *j, uint64_t want)
{
	char buf[24];
	if (!want)
		return;
	(void)snprintf(buf, sizeof(buf), "%llu", (unsigned long long)want);
	text(j, "status", "status", str_of(buf));
}

enum { WHAT = 300 };

static void lower(char *at)
{
	for (; *at; at++)
		*at = ascii_lower(*at);
}

/* The name of a field in an outcome, and in messages. */
static void field_names(const char *prefix, sluice_str name, char key[WHAT], char what[WHAT])
{
	sluice_str rest = str_of(prefix), side = str_cut(&rest, ':');
	(void)snprintf(key, WHAT, "%s%.*s", prefix, STR_ARG(name));
	lower(key + strlen(prefix));
	if (rest.len) /* forwarded:field: */
		(void)snprintf(what, WHAT, "%.*s: %.*s %.*s", STR_ARG(side), (int)rest.len - 1,
			rest.data, STR_ARG(name));
	else
		(void)snprintf(what, WHAT, "%.*s %.*s", STR_ARG(side), STR_ARG(name));
}

/* All values of the name, in one text. */
static sluice_str joined(struct arena *a, const struct outcome *o, const char *key)
{
	sluice_str value, all = STR_NONE;
	for (size_t at = 0; outcome_next(o, str_of(key), &at, &value);)
		all = all.data ? arena_printf(a, "%.*s | %.*s", STR_ARG(all), STR_ARG(value))
			       : arena_str(a, value);
	return all;
}

static sluice_str joined_pairs(struct arena *a, sluice_pairs v, sluice_str name)
{
	sluice_str all = STR_NONE;
	for (size_t i = 0; i < v.n; i++) {
		sluice_str value = v.v[i].value;
		if (!str_ieq(v.v[i].name, name))
			continue;
		all = all.data ? arena_printf(a, "%.*s | %.*s", STR_ARG(all), STR_ARG(value))
			       : arena_str(a, value);
	}
	return all;
}

/* Whether the pair is the first one of its name. */
static bool is_first(sluice_pairs v, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (str_ieq(v.v[k].name, v.v[i].name))
			return false;
	}
	return true;
}

static void fields(struct judge *j, const char *prefix, sluice_pairs want)
{
	char key[WHAT], what[WHAT];
	struct arena a;
	arena_init(&a, 0);
	for (size_t i = 0; i < want.n; i++) {
		if (!is_first(want, i))
			continue;
		field_names(prefix, want.v[i].name, key, what);
		sluice_str expected = joined_pairs(&a, want, want.v[i].name);
		sluice_str got = joined(&a, j->o, key);
		if (!got.data || !str_eq(expected, got))
			differs(j, what, expected, got);
	}
	arena_fini(&a);
}

static void present(struct judge *j, const char *prefix, sluice_strs names, bool want)
{
	char key[WHAT], what[WHAT];
	for (size_t i = 0; i < names.n; i++) {
		field_names(prefix, names.v[i], key, what);
		sluice_str got = outcome_find(j->o, str_of(key));
		if (!got.data == want)
			differs(j, what, want ? STR("(any value)") : STR_NONE, got);
	}
}

static void facts(struct judge *j, sluice_pairs want)
{
	char key[WHAT], what[WHAT];
	for (size_t i = 0; i < want.n; i++) {
		sluice_str expected = want.v[i].value;
		(void)snprintf(key, sizeof(key), "fact:%.*s", STR_ARG(want.v[i].name));
		(void)snprintf(what, sizeof(what), "fact %.*s", STR_ARG(want.v[i].name));
		sluice_str got = outcome_find(j->o, str_of(key));
		if (expected.len ? !str_eq(expected, got) : got.len > 0)
			differs(j, what, expected.len ? expected : STR_NONE, got);
	}
}

static void notes(struct judge *j, sluice_strs want)
{
	for (size_t i = 0; i < want.n; i++) {
		sluice_str value;
		size_t at = 0;
		bool found = false;
		while (!found && outcome_next(j->o, STR("note"), &at, &value))
			found = str_eq(value, want.v[i]);
		if (!found)
			differs(j, "note", want.v[i], outcome_find(j->o, STR("note")));
	}
}

/* Each text stands in a line behind the line of the one before. */
static void log_lines(struct judge *j, sluice_strs want)
{
	size_t at = 0;
	for (size_t i = 0; i < want.n; i++) {
		sluice_str line = STR_NONE, last = STR_NONE;
		bool found = false;
		while (!found && outcome_next(j->o, STR("log"), &at, &line)) {
			found = memmem(line.data, line.len, want.v[i].data, want.v[i].len);
			last = line;
		}
		if (!found)
			differs(j, "log", want.v[i],
				last.data ? last : outcome_find(j->o, STR("log")));
	}
}

static void body_has(struct judge *j, sluice_str want)
{
	sluice_str got = outcome_find(j->o, STR("body"));
	if (want.data && !(got.data && memmem(got.data, got.len, want.data, want.len)))
		differs(j, "body, which has", want, got);
}

static void forwarded(struct judge *j, const struct script_expect *e)
{
	const struct script_forwarded *f = &e->forwarded;
	sluice_str method = outcome_find(j->o, STR("forwarded:method"));
	if (e->not_forwarded && method.data)
		differs(j, "forwarded", STR_NONE, outcome_find(j->o, STR("forwarded:target")));
	text(j, "forwarded:method", "forwarded: method", f->method);
	text(j, "forwarded:target", "forwarded: target", f->target);
	text(j, "forwarded:host", "forwarded: host", f->host);
	text(j, "forwarded:upstream", "forwarded: upstream", f->upstream);
	text(j, "forwarded:body", "forwarded: body", f->body);
	fields(j, "forwarded:field:", f->fields);
	fields(j, "forwarded:trailer:", f->trailers);
	present(j, "forwarded:field:", f->has, true);
	present(j, "forwarded:field:", f->without, false);
}

size_t judge_expected(const struct script_expect *e, const struct outcome *o, judge_fn tell,
	void *ctx)
{
	struct judge j = { o, tell, ctx, 0 };
	text(&j, "refused", "connection refused", e->refused);
	text(&j, "answered_by", "answered by", e->answered_by);
	status(&j, e->status);
	text(&j, "reason", "reason", e->reason);
	text(&j, "detail", "detail", e->detail);
	fields(&j, "field:", e->fields);
	present(&j, "field:", e->has, true);
	present(&j, "field:", e->without, false);
	text(&j, "body", "body", e->body);
	body_has(&j, e->body_has);
	if (e->broken_off)
		text(&j, "broken_off", "broken off", STR("yes"));
	fields(&j, "trailer:", e->trailers);
	forwarded(&j, e);
	facts(&j, e->facts);
	notes(&j, e->notes);
	log_lines(&j, e->log);
	return j.n;
}

/* ---- one run and another ------------------------------------------------------------------- */

/* What depends on how the run went, and not on what came of it. */
static bool may_differ(sluice_str name)
{
	return str_eq(name, STR("log")) || str_eq(name, STR("waits")) ||
		str_eq(name, STR("calls")) || str_eq(name, STR("memory"));
}

/* Whether another pair before i has its name. */
static bool is_repeated(const struct outcome *o, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (str_eq(o->v[k].name, o->v[i].name))
			return true;
	}
	return false;
}

/* Tell of the names of `of` whose values are others in `against`. missing: only of names that are
 * not there at all. */
static void compare(struct judge *j, struct arena *a, const struct outcome *of,
	const struct outcome *against, bool missing)
{
	for (size_t i = 0; i < of->n; i++) {
		const char *name = of->v[i].name.data;
		if (may_differ(of->v[i].name) || is_repeated(of, i))
			continue;
		sluice_str mine = joined(a, of, name), other = joined(a, against, name);
		if (missing && !other.data)
			differs(j, name, STR_NONE, mine);
		else if (!missing && !(other.data && str_eq(mine, other)))
			differs(j, name, mine, other);
	}
}

size_t judge_same(const struct outcome *first, const struct outcome *o, judge_fn tell, void *ctx)
{
	struct judge j = { o, tell, ctx, 0 };
	struct arena a;
	arena_init(&a, 0);
	compare(&j, &a, first, o, false);
	compare(&j, &a, o, first, true);
	arena_fini(&a);
	return j.n;
}

static bool is_same(const struct outcome *first, const struct outcome *o, sluice_str name)
{
	sluice_str value = outcome_find(first, name);
	return value.data && str_eq(value, outcome_find(o, name));
}

bool judge_failed_cleanly(const struct outcome *first, const struct outcome *o)
{
	uint64_t status = outcome_number(o, "status");
	if (outcome_find(o, STR("broken_off")).data)
		return true;
	if (str_eq(outcome_find(o, STR("answered_by")), STR("gateway")))
		return status == 500 || status == 503;
	return is_same(first, o, STR("status")) && is_same(first, o, STR("answered_by")) &&
		is_same(first, o, STR("reason"));
}
