/*
 * rate-limit: limits requests to a rate. They are counted in the memory of this process, or in
 * Redis for several gateways together. Hooks run on worker threads; check() on the main thread.
 */
#include <sluice/str.h>

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "conf.h"
#include "fields.h"
#include "key.h"
#include "limits.h"
#include "script.h"

#define NS_PER_S UINT64_C(1000000000)
enum { SWAPS_MAX = 1000, NAME_MAX_LEN = 64 };

static const char *const failure_choices[] = { "allow", "deny", "local", NULL };
static const char *const missing_choices[] = { "ip", "share", "skip", NULL };

static const sluice_option plan_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, struct limit, plan, .flags = SLUICE_F_KEY,
		.doc = "a value of the fact plan"),
	SLUICE_OPTION(SLUICE_T_RATE, struct limit, rate,
		.flags = SLUICE_F_REQUIRED | SLUICE_F_SCALAR,
		.doc = "rate of callers with this plan"),
	SLUICE_OPTION(SLUICE_T_UINT, struct limit, burst, .min = "1", .max = "1000000000",
		.doc = "number of requests that may pass at once; left out: the count of rate"),
	SLUICE_OPTIONS_END,
};

static const sluice_option rate_limit_options[] = {
	SLUICE_OPTION(SLUICE_T_RATE, struct rate_limit, rate, .flags = SLUICE_F_REQUIRED,
		.doc = "rate of requests in the long run, such as 100/min"),
	SLUICE_OPTION(SLUICE_T_UINT, struct rate_limit, burst, .min = "1", .max = "1000000000",
		.doc = "number of requests that may pass at once after a pause; left out: the "
		       "count of rate"),
	SLUICE_OPTION(SLUICE_T_EXPR, struct rate_limit, plan,
		.doc = "the fact that names a caller's plan, such as consumer:plan or claim:plan; "
		       "rates has the rate of each"),
	SLUICE_OPTION(SLUICE_T_MAP, struct rate_limit, rates, .sub = plan_options,
		.sub_size = sizeof(struct limit), .max = "64",
		.doc = "rates by plan, as gold: 1000/min; rate and burst hold for all other "
		       "callers"),
	SLUICE_OPTION(SLUICE_T_EXPRS, struct rate_limit, by, .def = "ip", .min = "1", .max = "8",
		.doc = "what tells one caller from another: ip, claim:NAME, header:NAME, route, "
		       "consumer ...; a list is one "
		       "key of several parts"),
	SLUICE_OPTION(SLUICE_T_UINT, struct rate_limit, cost, .def = "1", .min = "1",
		.max = "1000000000", .doc = "number of permits that one request uses"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct rate_limit, missing, .def = "ip",
		.choices = missing_choices,
		.doc = "when a request has no value for the key: count it by the client's address, "
		       "let all such "
		       "requests share one limit, or do not count it"),
	SLUICE_OPTION(SLUICE_T_STORE, struct rate_limit, store,
		.doc = "where to count: a store of the stores block; left out: the memory of this "
		       "process"),
	SLUICE_OPTION(SLUICE_T_ENUM, struct rate_limit, on_store_failure, .def = "local",
		.choices = failure_choices,
		.doc = "when the store does not answer: allow the request, deny it with 503, or "
		       "count it in the "
		       "memory of this process"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct rate_limit, timeout, .def = "50ms", .min = "1ms",
		.max = "10s", .doc = "how long a request waits for the store"),
	SLUICE_OPTION(SLUICE_T_UINT, struct rate_limit, status, .def = "429", .min = "400",
		.max = "599", .doc = "status code of refused requests"),
	SLUICE_OPTION(SLUICE_T_BOOL, struct rate_limit, headers, .def = "true",
		.doc = "whether responses tell the remaining permits, in RateLimit and "
		       "RateLimit-Policy fields"),
	SLUICE_OPTION(SLUICE_T_STR, struct rate_limit, name, .max = "64",
		.doc = "name of the limit in these fields and in the store's keys; left out: the "
		       "instance's; limits with the same name and prefix count together"),
	SLUICE_OPTION(SLUICE_T_STR, struct rate_limit, prefix, .def = "sluice:rl:", .max = "64",
		.doc = "prefix of the keys in the store; a colon follows unless it ends in one"),
	SLUICE_OPTION(SLUICE_T_UINT, struct rate_limit, ipv4_prefix, .def = "32", .min = "1",
		.max = "32",
		.doc = "how many bits of an IPv4 address tell clients apart, where they are "
		       "counted by ip"),
	SLUICE_OPTION(SLUICE_T_UINT, struct rate_limit, ipv6_prefix, .def = "64", .min = "1",
		.max = "128",
		.doc = "the same for an IPv6 address; one client usually has all addresses of a "
		       "/64"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

static int rate_limit_check(sluice_instance *inst, void *conf)
{
	struct rate_limit *r = conf;
	r->inst = inst;
	if (r->by.n == 0 || r->by.n > KEY_PARTS_MAX) {
		sluice_conf_error(inst, "by", "must have 1 to %d members", KEY_PARTS_MAX);
		return -1;
	}
	if (r->name.len == 0)
		r->name = sluice_instance_name(inst);
	if (r->name.len > NAME_MAX_LEN || !fields_name(inst, r)) {
		sluice_conf_error(inst, "name", "must be at most %d printable ASCII characters",
			NAME_MAX_LEN);
		return -1;
	}
	if (limits_check(inst, r) < 0)
		return -1;
	for (r->by_ip = 0; r->by_ip < r->by.n; r->by_ip++) {
		if (sluice_str_is(sluice_expr_text(r->by.v[r->by_ip]), "ip"))
			break;
	}
	/* a table of its own, so that many keys of this limit take no memory from others */
	r->key_start = key_start(inst, r->prefix, r->name);
	r->local = sluice_store_table(inst, sluice_store_local(inst), r->key_start);
	r->store = r->store ? sluice_store_table(inst, r->store, r->key_start) : r->local;
	if (sluice_store_kind_of(r->store) == SLUICE_STORE_REDIS)
		r->script = sluice_script_register(inst, script_source);
	return 0;
}

static int rate_limit_worker_start(sluice_instance *inst, const void *conf, void *state)
{
	struct rate_limit_worker *w = state;
	(void)inst, (void)conf;
	w->digest = EVP_MD_CTX_new();
	return w->digest && EVP_DigestInit_ex2(w->digest, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

static void rate_limit_worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	struct rate_limit_worker *w = state;
	(void)inst, (void)conf;
	EVP_MD_CTX_free(w->digest);
}

/* ---- the outcome of one request ------------------------------------------------------------ */

static sluice_verdict answer(sluice_exchange *x, const struct rate_limit *r, const struct limit *l,
	const struct gcra_take *t)
{
	char detail[128];
	if (r->headers)
		fields_add(x, r, l, t);
	if (t->allowed)
		return SLUICE_NEXT;
	uint64_t seconds = fields_retry_after(t->retry_ns);
	fields_set_retry_after(x, seconds);
	(void)snprintf(detail, sizeof(detail),
		"Too many requests. Try again in %" PRIu64 " second%s.", seconds,
		seconds == 1 ? "" : "s");
	return sluice_refuse(x, (int)r->status, "rate-limited", detail);
}

/* Count in a memory store. false when that cannot be done. */
static bool take_in_memory(const struct limit *l, const sluice_store *s, sluice_str key,
	struct gcra_take *t)
{
	uint64_t now = sluice_now_ns();
	sluice_cell cell;
	if (!sluice_store_cell(s, key, now, &cell))
		return false;
	/* another worker may win the swap, but hardly that often */
	for (int i = 0; i < SWAPS_MAX; i++) {
		*t = gcra_take(&l->gcra, cell.value, now);
		if (!t->keep || sluice_store_cell_swap(&cell, t->tat))
			return true;
		if (!cell.slot)
			return false;
	}
	return false;
}

/* ---- a store that fails -------------------------------------------------------------------- */

static void store_is_up(sluice_exchange *x, const struct rate_limit *r)
{
	struct rate_limit_worker *w = sluice_worker_state(x);
	if (!w->is_down)
		return;
	w->is_down = false;
	sluice_log(r->inst, SLUICE_LOG_INFO,
		"the store answers again; %" PRIu64 " requests were decided without it",
		w->n_failed);
	w->n_failed = 0;
}

/* Note that the store failed. Logged when it begins and then at most once a second, so that an
 * unstable store does not fill the log. */
static void note_store_down(sluice_exchange *x, const struct rate_limit *r, const char *why)
{
	struct rate_limit_worker *w = sluice_worker_state(x);
	uint64_t now = sluice_now_ns();
	w->n_failed++;
	if (!w->is_down && (w->logged_ns == 0 || now - w->logged_ns >= NS_PER_S)) {
		sluice_log(r->inst, SLUICE_LOG_WARN, "%s: requests are %s", why,
			r->on_store_failure == ON_FAILURE_DENY ? "denied"
				: r->on_store_failure == ON_FAILURE_ALLOW
				? "not limited"
				: "counted by this gateway alone");
		w->logged_ns = now;
		w->is_down = true;
	}
}

static sluice_verdict without_store(sluice_exchange *x, const struct rate_limit *r,
	const struct limit *l, const char *why)
{
	struct gcra_take t;
	sluice_str key;
	note_store_down(x, r, why);
	sluice_note(x, "limit-store-down");
	switch ((enum on_store_failure)r->on_store_failure) {
	case ON_FAILURE_ALLOW:
		return SLUICE_NEXT;
	case ON_FAILURE_DENY:
		fields_set_retry_after(x, 1);
		return sluice_refuse(x, 503, "limit-store-down",
			"The request could not be checked against its limit.");
	case ON_FAILURE_LOCAL:
		break;
	}
	/* when the local store itself failed, requests cannot be counted */
	if (r->store == r->local || key_make(x, r, l, &key) != KEY_OK ||
		!take_in_memory(l, r->local, key, &t))
		return SLUICE_NEXT;
	return answer(x, r, l, &t);
}

static const char *status_text(sluice_status st)
{
	switch (st) {
	case SLUICE_OK:
		return "the store gave an answer that is not of the script";
	case SLUICE_TIMEOUT:
		return "the store does not answer in time";
	case SLUICE_UNREACHABLE:
		return "the store cannot be reached";
	case SLUICE_ERROR:
		break;
	}
	return "the store answers with an error";
}

/* ---- hooks --------------------------------------------------------------------------------- */

static sluice_verdict on_reply(sluice_exchange *x, const void *conf, sluice_status st,
	const sluice_value *v)
{
	const struct rate_limit *r = conf;
	const struct limit *l;
	struct gcra_take t;
	if (limits_choose(x, r, &l) != LIMIT_CHOSEN)
		return SLUICE_FAIL;
	if (st != SLUICE_OK || !script_reply(l, v, &t))
		return without_store(x, r, l, status_text(st));
	store_is_up(x, r);
	return answer(x, r, l, &t);
}

static sluice_verdict repeated(sluice_exchange *x)
{
	return sluice_refuse(x, 400, "repeated-key",
		"The request has several values for the key of a limit.");
}

static sluice_verdict rate_limit_on_request(sluice_exchange *x, const void *conf)
{
	const struct rate_limit *r = conf;
	const struct limit *l;
	struct gcra_take t;
	sluice_str key;
	enum limit_choice chosen = limits_choose(x, r, &l);
	if (chosen != LIMIT_CHOSEN)
		return chosen == LIMIT_MANY ? repeated(x) : SLUICE_FAIL;
	switch (key_make(x, r, l, &key)) {
	case KEY_SKIP:
		return SLUICE_NEXT;
	case KEY_MANY:
		return repeated(x);
	case KEY_FAIL:
		return SLUICE_FAIL;
	case KEY_OK:
		break;
	}
	if (r->script)
		return sluice_store_eval(x, r->store, r->script, key, l->args, 3, r->timeout,
			on_reply);
	if (!take_in_memory(l, r->store, key, &t))
		return without_store(x, r, l, "the store has no memory");
	store_is_up(x, r);
	return answer(x, r, l, &t);
}

SLUICE_PLUGIN("rate-limit", .version = "1.0",
	.summary = "limits how many requests a caller may make", .options = rate_limit_options,
	.conf_size = sizeof(struct rate_limit), .check = rate_limit_check,
	.worker_size = sizeof(struct rate_limit_worker), .worker_start = rate_limit_worker_start,
	.worker_stop = rate_limit_worker_stop, .on_request = rate_limit_on_request);
