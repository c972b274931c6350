/* Whether a rule applies to a request. See the header. */
#include "rule.h"

#include <sluice/str.h>

#include <stdio.h>

enum { PATH_BYTES = 320, CODE_MAX = 64 };

/* ---- configuration ------------------------------------------------------------------------- */

/* The pairs of one fact become one list of words. */
static int words_check(sluice_instance *inst, const char *path, const sluice_pairs *pairs,
	struct words **out, size_t *n_out)
{
	struct words *v = sluice_conf_alloc(inst, pairs->n * sizeof(*v) + 1);
	sluice_str *texts = sluice_conf_alloc(inst, pairs->n * sizeof(*texts) + 1);
	size_t n = 0;
	for (size_t i = 0; i < pairs->n; i++) {
		const char *why = NULL;
		texts[i] = pairs->v[i].value;
		if (n && sluice_str_eq(pairs->v[i].name, pairs->v[i - 1].name)) {
			v[n - 1].n++;
			continue;
		}
		v[n] = (struct words){ sluice_expr_compile(inst, pairs->v[i].name, &why), &texts[i],
			1 };
		if (!v[n].fact) {
			sluice_conf_error(inst, path, "%s", why);
			return -1;
		}
		n++;
	}
	*out = v;
	*n_out = n;
	return 0;
}

static int hours_check(sluice_instance *inst, const char *path, struct rule *r)
{
	r->has_time = r->hours.n > 0 || r->days != DAYS_ALL;
	r->spans = sluice_conf_alloc(inst, (r->hours.n + 1) * sizeof(*r->spans));
	for (size_t i = 0; i < r->hours.n; i++) {
		if (hours_parse(r->hours.v[i], &r->spans[i]))
			continue;
		sluice_conf_error(inst, path,
			"\"%.*s\" is no span of a day: write it as 08:00-18:00",
			(int)r->hours.v[i].len, r->hours.v[i].data);
		return -1;
	}
	return 0;
}

static bool code_is_valid(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		if (!(c >= 'a' && c <= 'z') && !sluice_is_digit(c) && c != '-')
			return false;
	}
	return s.len >= 1 && s.len <= CODE_MAX;
}

int rule_check(sluice_instance *inst, struct rule *r, size_t i)
{
	char path[PATH_BYTES];
	int rc = 0;
	if (!code_is_valid(r->code)) {
		(void)snprintf(path, sizeof(path), "rules[%zu].code", i);
		sluice_conf_error(inst, path,
			"a reason code has 1 to %d characters of a-z, 0-9 and -", CODE_MAX);
		rc = -1;
	}
	(void)snprintf(path, sizeof(path), "rules[%zu].has_all", i);
	if (words_check(inst, path, &r->has_all, &r->all, &r->n_all) < 0)
		rc = -1;
	(void)snprintf(path, sizeof(path), "rules[%zu].has_any", i);
	if (words_check(inst, path, &r->has_any, &r->any, &r->n_any) < 0)
		rc = -1;
	(void)snprintf(path, sizeof(path), "rules[%zu].from", i);
	if (network_list_check(inst, path, &r->from, &r->networks) < 0)
		rc = -1;
	(void)snprintf(path, sizeof(path), "rules[%zu].hours", i);
	if (hours_check(inst, path, r) < 0)
		rc = -1;
	return rc;
}

/* ---- requests ------------------------------------------------------------------------------ */

static bool is_between(char c)
{
	return c == ' ' || c == ',' || c == '\t';
}

static bool list_has(sluice_str list, sluice_str word)
{
	size_t at = 0;
	while (at < list.len) {
		size_t end = at;
		while (end < list.len && !is_between(list.data[end]))
			end++;
		if (sluice_str_eq(sluice_str_n(list.data + at, end - at), word))
			return true;
		at = end + 1;
	}
	return false;
}

/* How many of the words the fact has. */
static size_t words_found(sluice_exchange *x, const struct words *w)
{
	sluice_str list = sluice_expr_value(x, w->fact);
	size_t found = 0;
	for (size_t i = 0; list.data && i < w->n; i++)
		found += list_has(list, w->v[i]);
	return found;
}

static bool words_hold(sluice_exchange *x, const struct rule *r)
{
	for (size_t i = 0; i < r->n_all; i++) {
		if (words_found(x, &r->all[i]) < r->all[i].n)
			return false;
	}
	for (size_t i = 0; i < r->n_any; i++) {
		if (words_found(x, &r->any[i]) == 0)
			return false;
	}
	return true;
}

static bool time_holds(const struct rule *r, struct moment now)
{
	static const struct hours all_day = { 0, MINUTES_OF_DAY };
	if (r->hours.n == 0)
		return hours_contain(&all_day, r->days, now);
	for (size_t i = 0; i < r->hours.n; i++) {
		if (hours_contain(&r->spans[i], r->days, now))
			return true;
	}
	return false;
}

sluice_truth rule_holds(sluice_exchange *x, const struct rule *r, struct moment now)
{
	if (r->has_time && !time_holds(r, now))
		return SLUICE_NO;
	if (r->networks.n && !network_list_has(&r->networks, sluice_get(x, SLUICE_I_CLIENT_IP)))
		return SLUICE_NO;
	sluice_truth met = sluice_holds(x, r->when);
	if (met != SLUICE_YES)
		return met;
	return words_hold(x, r) ? SLUICE_YES : SLUICE_NO;
}
