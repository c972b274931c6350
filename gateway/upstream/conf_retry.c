/* The rules that are made from `retry`, `hedge` and `timeouts.try`. Main thread. */
#include "base/clock.h"
#include "config/value.h"
#include "net/timer.h"
#include "upstream/conf.h"

/* Without a block `retry`: 20 %, and the messages of gRPC calls, which could not be sent again. */
enum { HEDGE_BUDGET = 2000, HEDGE_MAX_BODY = 64 << 10 };

/* ---- `on` ---------------------------------------------------------------------------------- */

/* resource-exhausted and RESOURCE_EXHAUSTED are one. -1: no code. */
static int code_of(sluice_str word)
{
	for (unsigned i = 1; i < GRPC_CODES; i++) {
		if (field_names_alike(word, str_of(grpc_code_name(i))))
			return (int)i;
	}
	return -1;
}

static bool take_condition(struct retry_rules *r, sluice_str word)
{
	static const char *const words[] = { "connect", "reset", "timeout", NULL };
	int i = value_choice(words, word), code = code_of(word);
	uint64_t n;
	if (i >= 0) {
		r->on |= (uint8_t)(1u << i);
	} else if (code >= 0) {
		r->codes |= 1u << code;
	} else if (value_uint(word, &n) == VALUE_OK && n >= RETRY_STATUS_FIRST &&
		n <= RETRY_STATUS_LAST) {
		n -= RETRY_STATUS_FIRST;
		r->statuses[n / 64] |= UINT64_C(1) << n % 64;
	} else {
		return false;
	}
	return true;
}

static int take_conditions(struct bind *b, const struct retry_conf *c, struct retry_rules *r)
{
	if (!bind_given(b, c, "on"))
		return 0; /* those that hold without rules */
	r->on = 0;
	for (size_t i = 0; i < c->on.n; i++) {
		if (take_condition(r, c->on.v[i]))
			continue;
		(void)bind_error(b, c, "on", "no try can follow on \"%.*s\"", STR_ARG(c->on.v[i]));
		diag_hint(b->diag,
			"write connect, reset, timeout, a status from 400 to 599, or a "
			"code of gRPC such as unavailable");
		return -1;
	}
	return 0;
}

/* ---- `methods` ----------------------------------------------------------------------------- */

static uint16_t idempotent_methods(void)
{
	unsigned set = 0;
	for (unsigned m = 0; m < METHOD_COUNT; m++)
		set |= method_is_idempotent((enum method)m) ? 1u << m : 0;
	return (uint16_t)set;
}

static int take_methods(struct bind *b, struct arena *a, const struct retry_conf *c,
	struct retry_rules *r)
{
	sluice_str *others = arena_alloc(a, (c->methods.n + 1) * sizeof(*others));
	if (!bind_given(b, c, "methods"))
		return 0;
	r->methods = 0;
	r->others.v = others;
	for (size_t i = 0; i < c->methods.n; i++) {
		sluice_str name = c->methods.v[i];
		enum method m = method_find(name);
		if (!str_is_token(name) || m == METHOD_CONNECT || m == METHOD_TRACE) {
			(void)bind_error(b, c, "methods", "\"%.*s\" is no method that is forwarded",
				STR_ARG(name));
			return -1;
		}
		if (m == METHOD_OTHER)
			others[r->others.n++] = name;
		else
			r->methods |= (uint16_t)(1u << m);
	}
	return 0;
}

bool retry_takes_method(const struct retry_rules *r, const struct request_head *h)
{
	if (r->methods >> h->method & 1)
		return true;
	for (size_t i = 0; i < r->others.n; i++) {
		if (str_eq(r->others.v[i], h->method_text))
			return true;
	}
	return fields_find_name(&h->fields, STR("idempotency-key")) != NULL;
}

/* ---- the rest ------------------------------------------------------------------------------ */

static bool take_percentile(sluice_str text, uint8_t *out)
{
	uint64_t n;
	if (!str_ends(text, STR("%")) ||
		value_uint(str_n(text.data, text.len - 1), &n) != VALUE_OK || n < 1 || n > 99)
		return false;
	*out = (uint8_t)n;
	return true;
}

static int take_hedge(struct bind *b, const struct hedge_conf *c, struct retry_rules *r)
{
	uint64_t ms;
	r->hedges = c->max > 0;
	r->hedges_calls = r->hedges && c->grpc;
	if (r->hedges_calls && !r->is_given)
		r->max_body = HEDGE_MAX_BODY;
	if (c->after.len == 0)
		return -1; /* that is reported */
	if (take_percentile(c->after, &r->hedge_percent))
		return 0;
	if (value_duration(c->after, &ms) == VALUE_OK && ms > 0) {
		r->hedge_ns = ms * NS_PER_MS;
		return 0;
	}
	(void)bind_error(b, c, "after", "\"%.*s\" is neither a time nor a percentile",
		STR_ARG(c->after));
	diag_hint(b->diag, "write a time such as 200ms, or a percentile from 1%% to 99%%");
	return -1;
}

static int take_retry(struct bind *b, struct arena *a, const struct retry_conf *c,
	struct retry_rules *r)
{
	r->is_given = true;
	if (c->tries)
		r->tries = (uint8_t)c->tries;
	r->within_ns = c->within ? c->within * NS_PER_MS : TIMER_NEVER;
	r->backoff_ns = c->backoff * NS_PER_MS;
	r->max_body = c->max_body;
	r->budget = (uint16_t)c->budget;
	return take_conditions(b, c, r) | take_methods(b, a, c, r);
}

const struct retry_rules *retry_rules_make(struct bind *b, struct arena *a,
	const struct retry_source *from)
{
	if (!from->retry && !from->hedge && !from->try_ms)
		return NULL;
	struct retry_rules *r = arena_new(a, struct retry_rules);
	*r = (struct retry_rules){ .on = RETRY_ON_CONNECT | RETRY_ON_RESET,
		.tries = (uint8_t)from->default_tries,
		.budget = HEDGE_BUDGET,
		.methods = idempotent_methods(),
		.within_ns = TIMER_NEVER,
		.try_ns = from->try_ms * NS_PER_MS };
	int err = from->retry ? take_retry(b, a, from->retry, r) : 0;
	err |= from->hedge ? take_hedge(b, from->hedge, r) : 0;
	return err ? NULL : r;
}

/* ---- warnings ------------------------------------------------------------------------------ */

static void warn_methods(struct bind *b, const struct retry_conf *c)
{
	for (size_t i = 0; i < c->methods.n; i++) {
		if (method_is_idempotent(method_find(c->methods.v[i])))
			continue;
		bind_warn(b, c, "methods",
			"%.*s is repeated although a server may have done it already",
			STR_ARG(c->methods.v[i]));
		diag_hint(b->diag,
			"leave it out: a request with Idempotency-Key is repeated all the same");
	}
}

static void warn_times(struct bind *b, const struct retry_rules *r, const struct retry_source *from)
{
	const struct retry_conf *c = from->retry;
	if (r->tries > 2 && r->backoff_ns >= r->within_ns)
		bind_warn(b, c, "within",
			"no third try follows: `backoff` is not shorter than `within`");
	uint64_t try_ns = from->try_ms ? r->try_ns : from->response_ms * NS_PER_MS;
	if (r->tries > 1 && r->on & RETRY_ON_TIMEOUT && try_ns >= r->within_ns) {
		bind_warn(b, c, "within",
			"no try follows on a timeout: timeouts.%s is not shorter than `within`",
			from->try_ms ? "try" : "response");
		diag_hint(b->diag, "set timeouts: { try: 2s }, or a longer `within`");
	}
}

void retry_rules_warn(struct bind *b, const struct retry_rules *r, const struct retry_source *from)
{
	if (from->retry) {
		warn_methods(b, from->retry);
		warn_times(b, r, from);
	}
	if (from->retry && from->hedge && r->hedges_calls && r->max_body == 0) {
		bind_warn(b, from->hedge, "grpc",
			"no call is asked of a second server: `retry` keeps no message, its "
			"max_body "
			"is 0");
		diag_hint(b->diag, "set retry: { max_body: 64KiB }");
	}
	if (from->timeouts && from->try_ms && from->try_ms >= from->response_ms)
		bind_warn(b, from->timeouts, "try",
			"it never comes into force: the upstream's timeouts.response is not "
			"longer");
}
