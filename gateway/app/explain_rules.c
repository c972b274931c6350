/* See explain_rules.h. */
#include "app/explain_rules.h"

#include <stdio.h>

#include "base/clock.h"
#include "net/timer.h"

enum { CODE_TEXT = 16 };

/* Where rules come from: "route" stands for the defaults of its listener, too. */
struct found_rules {
	const struct retry_rules *r; /* NULL: none are configured */
	bool of_route;
};

static struct found_rules rules_find(const struct explained *e, const struct snapshot_upstream *u)
{
	const struct route *r = e->route;
	size_t i = r->rules_differ ? (size_t)(e->listener - e->snap->listeners) : 0;
	struct found_rules f = { r->rules ? r->rules[i] : NULL, true };
	if (!f.r)
		f = (struct found_rules){ u->rules, false };
	return f;
}

static unsigned long long ms_of(uint64_t ns)
{
	return (unsigned long long)(ns / NS_PER_MS);
}

/* ---- what another try follows -------------------------------------------------------------- */

typedef void (*word_fn)(void *ctx, sluice_str word);

/* Each member of `on`, as it can be written. */
static void each_on(const struct retry_rules *r, word_fn fn, void *ctx)
{
	static const char *const words[] = { "connect", "reset", "timeout" };
	char text[CODE_TEXT];
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (r->on >> i & 1)
			fn(ctx, str_of(words[i]));
	}
	for (unsigned s = RETRY_STATUS_FIRST; s <= RETRY_STATUS_LAST; s++) {
		int n = snprintf(text, sizeof(text), "%u", s);
		if (retry_wants_status(r, s))
			fn(ctx, str_n(text, (size_t)n));
	}
	for (unsigned c = 0; c < GRPC_CODES; c++) {
		if (r->codes >> c & 1)
			fn(ctx, str_of(grpc_code_name(c)));
	}
}

static void each_method(const struct retry_rules *r, word_fn fn, void *ctx)
{
	for (unsigned m = 0; m < METHOD_COUNT; m++) {
		if (r->methods >> m & 1 && m != METHOD_OTHER)
			fn(ctx, method_name((enum method)m));
	}
	for (size_t i = 0; i < r->others.n; i++)
		fn(ctx, r->others.v[i]);
}

/* ---- text ---------------------------------------------------------------------------------- */

static void print_word(void *ctx, sluice_str word)
{
	bool *any = ctx;
	(void)printf("%s%.*s", *any ? ", " : "", STR_ARG(word));
	*any = true;
}

static void print_retry(const struct retry_rules *r)
{
	bool any = false;
	(void)printf("           up to %u servers, after ", (unsigned)r->tries);
	each_on(r, print_word, &any);
	any = false;
	(void)printf("; ");
	each_method(r, print_word, &any);
	if (r->budget < BUDGET_ALL)
		(void)printf("; %.2f %% of the requests", r->budget / 100.0);
	if (r->within_ns != TIMER_NEVER)
		(void)printf("; within %llu ms", ms_of(r->within_ns));
	if (r->backoff_ns)
		(void)printf("; pauses from %llu ms", ms_of(r->backoff_ns));
	(void)printf("; bodies up to %llu bytes\n", (unsigned long long)r->max_body);
}

void explain_print_rules(const struct explained *e, const struct snapshot_upstream *u)
{
	const struct found_rules f = rules_find(e, u);
	const struct retry_rules *r = f.r;
	if (!r)
		return;
	(void)printf("           tries as the %s\n",
		f.of_route ? "route or its listener says" : "upstream says");
	if (r->is_given)
		print_retry(r);
	if (r->try_ns)
		(void)printf("           each server has %llu ms\n", ms_of(r->try_ns));
	if (r->hedges && r->hedge_ns)
		(void)printf("           a second server after %llu ms", ms_of(r->hedge_ns));
	else if (r->hedges)
		(void)printf("           a second server when the first is slower than %u %% of "
			     "the latest responses",
			(unsigned)r->hedge_percent);
	if (r->hedges)
		(void)printf("%s\n", r->hedges_calls ? ", for gRPC calls too" : "");
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void put_word(void *ctx, sluice_str word)
{
	json_str(ctx, word);
}

static void put_retry(struct json_out *o, const struct retry_rules *r)
{
	json_open(o, '{');
	json_put_uint(o, "tries", r->tries);
	json_key(o, STR("on"));
	json_open(o, '[');
	each_on(r, put_word, o);
	json_close(o, ']');
	json_key(o, STR("methods"));
	json_open(o, '[');
	each_method(r, put_word, o);
	json_close(o, ']');
	json_key(o, STR("budget_percent"));
	json_strf(o, "%.2f", r->budget < BUDGET_ALL ? r->budget / 100.0 : 100.0);
	json_put_uint(o, "within_ms", r->within_ns == TIMER_NEVER ? 0 : r->within_ns / NS_PER_MS);
	json_put_uint(o, "backoff_ms", r->backoff_ns / NS_PER_MS);
	json_put_uint(o, "max_body", r->max_body);
	json_close(o, '}');
}

static void put_hedge(struct json_out *o, const struct retry_rules *r)
{
	json_open(o, '{');
	if (r->hedge_ns)
		json_put_uint(o, "after_ms", r->hedge_ns / NS_PER_MS);
	else
		json_put_uint(o, "after_percent", r->hedge_percent);
	json_key(o, STR("grpc"));
	json_bool(o, r->hedges_calls);
	json_close(o, '}');
}

void explain_put_rules(struct json_out *o, const struct explained *e,
	const struct snapshot_upstream *u)
{
	const struct found_rules f = rules_find(e, u);
	if (!f.r)
		return;
	json_key(o, STR("rules"));
	json_str(o, f.of_route ? STR("route") : STR("upstream"));
	if (f.r->try_ns)
		json_put_uint(o, "try_ms", f.r->try_ns / NS_PER_MS);
	if (f.r->is_given) {
		json_key(o, STR("retry"));
		put_retry(o, f.r);
	}
	if (f.r->hedges) {
		json_key(o, STR("hedge"));
		put_hedge(o, f.r);
	}
}
