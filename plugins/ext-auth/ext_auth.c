/*
 * ext-auth: asks another service for each request whether it may pass, before it goes on
 * (forward authentication). This file has the record, the options, and the course of a request.
 * question.c writes what the service is asked, key.c under which key its verdict is remembered,
 * flight.c lets equal questions wait for each other, verdict.c reads the answer, and apply.c
 * carries it out.
 */
#include <sluice/plugin.h>

#include <stdlib.h>
#include <sys/random.h>

#include "apply.h"
#include "check.h"
#include "flight.h"
#include "key.h"

static const char *const method_choices[] = { "GET", "HEAD", "POST", "request", NULL };
static const char *const failure_choices[] = { "deny", "allow", NULL };
static const char *const refusal_choices[] = { "relay", "problem", NULL };

static const sluice_option cache_options[] = {
	SLUICE_OPTION(SLUICE_T_EXPRS, struct memory, key, .max = "16",
		.doc = "facts on which the verdict depends: header:authorization, path ...; left "
		       "out: all that the service is sent"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct memory, ttl, .def = "10s", .max = "1d",
		.doc = "how long a permission is remembered at most; 0s: not at all"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct memory, negative_ttl, .def = "0s", .max = "1d",
		.doc = "how long a refusal is remembered at most; 0s: not at all"),
	SLUICE_OPTION(SLUICE_T_SIZE, struct memory, size, .def = "4MiB", .min = "64KiB",
		.max = "1GiB", .doc = "memory for verdicts"),
	SLUICE_OPTIONS_END,
};

#define C struct ext_auth
static const sluice_option ext_auth_options[] = {
	SLUICE_OPTION(SLUICE_T_UPSTREAM, C, upstream,
		.doc = "upstream of the service, over whose kept connections it is asked"),
	SLUICE_OPTION(SLUICE_T_STR, C, path, .max = "2048",
		.doc = "path that is asked for at the upstream; facts in braces are put in: "
		       "/verify, /verify{path}"),
	SLUICE_OPTION(SLUICE_T_STR, C, url, .max = "2048",
		.doc = "URL that is asked for, in the place of path; with upstream, its host is "
		       "only what Host says"),
	SLUICE_OPTION(SLUICE_T_STR, C, ca_file,
		.doc = "authorities for a url with https; left out: the system's"),
	SLUICE_OPTION(SLUICE_T_PAIRS, C, query, .max = "16",
		.doc = "parameters behind path or url; facts in their values are put in, escaped; "
		       "one without a value is left out"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, method, .def = "GET", .choices = method_choices,
		.doc = "method of the question; request: that of the client's request; with "
		       "send_body the default is POST"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, timeout, .def = "2s", .min = "10ms", .max = "1m",
		.doc = "how long the answer may take, tries at other servers included"),
	SLUICE_OPTION(SLUICE_T_STRS, C, send_headers,
		.def = "[Authorization, Cookie, Accept, Accept-Language, User-Agent, "
		       "X-Requested-With]",
		.max = "32", .doc = "fields of the request that the service is sent; \"*\": all"),
	SLUICE_OPTION(SLUICE_T_PAIRS, C, set_headers, .flags = SLUICE_F_SECRET, .max = "16",
		.doc = "further fields that the service is sent; facts in braces are put in"),
	SLUICE_OPTION(SLUICE_T_SIZE, C, send_body, .def = "0", .max = "16MiB",
		.doc = "longest body of a request; the service is sent it, and longer ones get "
		       "413; 0: it is sent none"),
	SLUICE_OPTION(SLUICE_T_STRS, C, request_headers, .max = "32",
		.doc = "fields of a 2xx that go on to the upstream; those that the client sent "
		       "under these names never do"),
	SLUICE_OPTION(SLUICE_T_STRS, C, response_headers, .def = "[Set-Cookie]", .max = "32",
		.doc = "fields of a 2xx that go to the client, with the upstream's response"),
	SLUICE_OPTION(SLUICE_T_STR, C, consumer, .max = "128",
		.doc = "field of a 2xx that says who the client is: the fact consumer"),
	SLUICE_OPTION(SLUICE_T_STR, C, groups, .max = "128",
		.doc = "field of a 2xx that says in which groups the client is: the fact groups"),
	SLUICE_OPTION(SLUICE_T_STRS, C, facts, .max = "32",
		.doc = "fields of a 2xx that become facts: auth:NAME, in lower case"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, refusal, .def = "relay", .choices = refusal_choices,
		.doc = "what the client gets of a 4xx: the service's body, or a problem document "
		       "of the gateway; redirects are always relayed"),
	SLUICE_OPTION(SLUICE_T_STRS, C, refusal_headers,
		.def = "[WWW-Authenticate, Location, Set-Cookie, Cache-Control, Retry-After]",
		.max = "32",
		.doc = "fields of a refusal that go to the client, beside those that describe its "
		       "body; \"*\": all"),
	SLUICE_OPTION(SLUICE_T_SIZE, C, max_response, .def = "64KiB", .min = "1KiB", .max = "1MiB",
		.doc = "longest body of an answer of the service; a longer one is a failure"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, on_failure, .def = "deny", .choices = failure_choices,
		.doc = "when the service gives no verdict: refuse the request with 503, or let it "
		       "pass"),
	SLUICE_OPTION(SLUICE_T_BLOCK, C, cache, .sub = cache_options,
		.doc = "remember verdicts; left out: the service is asked for each request"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

/* The key of all hashes of this process: what is remembered tells nobody else anything. */
static uint64_t secret_key[2];
static bool has_secret_key;

static int take_key(sluice_instance *inst, struct ext_auth *c)
{
	if (!has_secret_key)
		has_secret_key = getrandom(secret_key, sizeof(secret_key), 0) == sizeof(secret_key);
	c->key = secret_key;
	if (!has_secret_key)
		sluice_conf_error(inst, NULL, "there are no random numbers");
	return has_secret_key ? 0 : -1;
}

static int declare_metrics(sluice_instance *inst, struct ext_auth *c)
{
	static const uint64_t bounds[] = { 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
		500000, 1000000, 2500000, 5000000, 10000000 };
	c->verdicts = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.name = "verdicts",
			.help = "Requests, by what the service decided about them.",
			.label = "result" });
	c->recalled = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.name = "remembered",
			.help = "Requests whose verdict was remembered, so that nobody asked." });
	c->seconds = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.kind = SLUICE_METRIC_HISTOGRAM,
			.name = "question_seconds",
			.help = "How long the service took to answer, or not to.",
			.bounds = bounds,
			.n_bounds = sizeof(bounds) / sizeof(bounds[0]),
			.divisor = 1000000 });
	return c->verdicts && c->recalled && c->seconds ? 0 : -1;
}

static int open_cache(sluice_instance *inst, struct ext_auth *c)
{
	if (!c->cache.ttl && !c->cache.negative_ttl)
		return 0;
	c->remembered = sluice_cache_open(inst,
		&(sluice_cache_desc){ .size = sizeof(sluice_cache_desc),
			.max_bytes = c->cache.size });
	return c->remembered ? 0 : -1;
}

static int ext_auth_check(sluice_instance *inst, void *conf)
{
	struct ext_auth *c = conf;
	int rc = check_options(inst, c);
	if (declare_metrics(inst, c) < 0 || open_cache(inst, c) < 0 || take_key(inst, c) < 0)
		return -1;
	key_options(c);
	return rc;
}

/* ---- a request ----------------------------------------------------------------------------- */

struct asking {
	struct flight flight;
	sluice_str body; /* of the request; as long as the exchange does not go on */
	struct siphash id;
	uint64_t began_ns;
	bool has_id;     /* the verdict may be remembered, under id */
	bool has_waited; /* for another request's answer: not a second time */
	bool will_leave; /* the clean-up is registered */
};

static sluice_verdict consider(sluice_exchange *x, const struct ext_auth *c, struct asking *a);

static void count(const struct ext_auth *c, const char *result)
{
	sluice_metric_add(c->verdicts, sluice_str_of(result), 1);
}

static sluice_verdict unavailable(sluice_exchange *x, const struct ext_auth *c)
{
	count(c, "unavailable");
	if (c->on_failure == FAILURE_DENY)
		return sluice_refuse(x, 503, "auth-unavailable",
			"Whether this is allowed cannot be found out at present.");
	sluice_note(x, "auth-unavailable");
	return apply_pass(x, c, NULL);
}

static sluice_verdict carry_out(sluice_exchange *x, const struct ext_auth *c,
	const struct verdict *v)
{
	bool is_allowed = verdict_kind_of(v->status) == VERDICT_ALLOWED;
	count(c, is_allowed ? "allowed" : "refused");
	return is_allowed ? apply_pass(x, c, v) : apply_refuse(x, c, v);
}

static sluice_verdict cannot_ask(sluice_exchange *x, const struct ext_auth *c,
	enum question_fault fault)
{
	if (fault == QUESTION_NO_MEMORY)
		return SLUICE_FAIL;
	count(c, "unasked");
	if (fault == QUESTION_NO_PATH)
		return sluice_refuse(x, 400, "auth-path",
			"The service that decides cannot be asked about this path.");
	return sluice_refuse(x, 431, "auth-too-large",
		"The request has too many or too large header fields for the service that "
		"decides.");
}

/* ---- what is remembered -------------------------------------------------------------------- */

static sluice_str id_text(const struct siphash *id)
{
	return sluice_str_n((const char *)id, sizeof(*id));
}

/* True: *verdict is what came of a remembered verdict. */
static bool recall(sluice_exchange *x, const struct ext_auth *c, const struct asking *a,
	sluice_verdict *verdict)
{
	sluice_object *o = sluice_object_get(c->remembered, id_text(&a->id));
	struct verdict v;
	bool is = o && sluice_object_fresh_for(o);
	if (is) {
		sluice_str bytes = sluice_object_data(o);
		sluice_pair *room = sluice_alloc(x, (verdict_count(bytes) + 1) * sizeof(*room));
		*verdict = SLUICE_FAIL;
		if (room && verdict_read(bytes, room, &v)) {
			sluice_metric_add(c->recalled, SLUICE_STR(""), 1);
			*verdict = carry_out(x, c, &v);
		}
	}
	sluice_object_release(o);
	return is;
}

/* Whether the verdict is in the cache now. */
static bool keep(const struct ext_auth *c, const struct asking *a, const struct verdict *v,
	uint64_t ttl_ms)
{
	size_t size = verdict_size(v);
	char *bytes = ttl_ms ? malloc(size) : NULL;
	if (!bytes)
		return false;
	verdict_write(v, bytes);
	bool is_kept = sluice_object_put(c->remembered, id_text(&a->id),
		&(sluice_object_new){ .size = sizeof(sluice_object_new),
			.data = sluice_str_n(bytes, size),
			.ttl_ms = ttl_ms });
	free(bytes);
	return is_kept;
}

/* ---- the answer ---------------------------------------------------------------------------- */

/* NULL: *v is what the service decided. Else why it is none, behind "the service answered N".
 * has_memory: of the exchange. */
static const char *judge(sluice_exchange *x, const struct ext_auth *c,
	const sluice_fetch_response *r, struct verdict *v, bool *has_memory)
{
	const char *why = "";
	*has_memory = true;
	if (verdict_kind_of(r->code) == VERDICT_NONE)
		return "";
	*has_memory = verdict_take(x, c, r, v);
	return *has_memory && apply_is_clear(c, v, &why) ? NULL : why;
}

static sluice_verdict failed(sluice_exchange *x, const struct ext_auth *c, struct asking *a)
{
	flight_land(&a->flight, OUTCOME_FAILED);
	return unavailable(x, c);
}

static sluice_verdict answered(sluice_exchange *x, const void *conf, const sluice_fetch_response *r)
{
	const struct ext_auth *c = conf;
	struct asking *a = sluice_state(x, sizeof(*a));
	struct verdict v;
	bool has_memory;
	if (!a)
		return SLUICE_FAIL;
	sluice_metric_observe(c->seconds, SLUICE_STR(""), (sluice_now_ns() - a->began_ns) / 1000);
	if (r->status != SLUICE_OK) {
		sluice_log_for(x, SLUICE_LOG_WARN, "no verdict: %s", r->error);
		return failed(x, c, a);
	}
	const char *why = judge(x, c, r, &v, &has_memory);
	if (!has_memory) {
		flight_land(&a->flight, OUTCOME_ALONE);
		return SLUICE_FAIL;
	}
	if (why) {
		sluice_log_for(x, SLUICE_LOG_WARN, "no verdict: the service answered %d%s", r->code,
			why);
		return failed(x, c, a);
	}
	bool is_kept = a->has_id && keep(c, a, &v, verdict_lifetime(c, r));
	flight_land(&a->flight, is_kept ? OUTCOME_REMEMBERED : OUTCOME_ALONE);
	return carry_out(x, c, &v);
}

static sluice_verdict ask(sluice_exchange *x, const struct ext_auth *c, struct asking *a,
	struct question *q)
{
	enum question_fault fault = q->has_fields ? QUESTION_GOOD : question_fields(x, c, q);
	if (fault) {
		flight_land(&a->flight, OUTCOME_ALONE);
		return cannot_ask(x, c, fault);
	}
	sluice_fetch_request r = { .size = sizeof(r),
		.method = q->method,
		.url = q->url,
		.headers = { q->fields, q->n_fields },
		.body = q->body,
		.timeout_ms = c->timeout,
		.max_body = c->max_response,
		.ca_file = c->ca_file,
		.upstream = c->upstream };
	a->began_ns = sluice_now_ns();
	sluice_verdict verdict = sluice_fetch(x, &r, answered);
	if (verdict != SLUICE_WAIT) /* it could not begin, or is over */
		flight_land(&a->flight, OUTCOME_ALONE);
	return verdict;
}

/* ---- equal questions ----------------------------------------------------------------------- */

static void leave(void *asking)
{
	struct asking *a = asking;
	a->flight.has_left = true;
	flight_leave(&a->flight);
}

/* False: there is no memory for the clean-up. */
static bool will_leave(sluice_exchange *x, struct asking *a)
{
	if (!a->will_leave) {
		a->will_leave = true;
		sluice_cleanup(x, leave, a);
	}
	return !a->flight.has_left;
}

/* The leader has answered, or left, or the time is up. */
static sluice_verdict followed(sluice_exchange *x, const void *conf, sluice_status st)
{
	const struct ext_auth *c = conf;
	struct asking *a = sluice_state(x, sizeof(*a));
	if (!a)
		return SLUICE_FAIL;
	flight_leave(&a->flight);
	(void)st;
	if (a->flight.outcome == OUTCOME_FAILED)
		return unavailable(x, c);
	/* without an outcome the leader has gone another way: nothing is known of the service */
	return consider(x, c, a);
}

static sluice_verdict follow(sluice_exchange *x, const struct ext_auth *c, struct asking *a,
	struct flight *leader)
{
	a->has_waited = true;
	if (!will_leave(x, a))
		return SLUICE_FAIL;
	sluice_verdict v = sluice_park(x, c->timeout, &a->flight.ticket, followed);
	if (v == SLUICE_WAIT)
		flight_follow(leader, &a->flight);
	return v;
}

/* ---- the course ---------------------------------------------------------------------------- */

/* Find the verdict, or somebody who is about to: true, and *verdict is what to return. */
static bool is_found(sluice_exchange *x, const struct ext_auth *c, struct asking *a,
	const struct question *q, sluice_verdict *verdict)
{
	struct flights *all = sluice_worker_state(x);
	enum key_result key = key_make(x, c, q, &a->id);
	a->has_id = key == KEY_GOOD;
	*verdict = SLUICE_FAIL;
	if (key != KEY_GOOD)
		return key == KEY_FAIL;
	if (recall(x, c, a, verdict))
		return true;
	if (a->has_waited)
		return false;
	uint64_t now = sluice_now_ns();
	struct flight *leader = flight_find(all, &a->id, now);
	if (leader) {
		*verdict = follow(x, c, a, leader);
		return true;
	}
	if (!will_leave(x, a))
		return true;
	flight_lead(all, &a->flight, &a->id, now + c->timeout * 1000000);
	return false;
}

static sluice_verdict consider(sluice_exchange *x, const struct ext_auth *c, struct asking *a)
{
	struct question q;
	sluice_verdict verdict;
	enum question_fault fault = question_address(x, c, &q);
	q.body = a->body;
	if (!fault && c->remembered && !c->cache.key.n)
		fault = question_fields(x, c, &q);
	if (fault)
		return cannot_ask(x, c, fault);
	if (c->remembered && is_found(x, c, a, &q, &verdict))
		return verdict;
	return ask(x, c, a, &q);
}

static sluice_verdict ext_auth_on_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	struct asking *a = sluice_state(x, sizeof(*a));
	(void)end;
	if (!a)
		return SLUICE_FAIL;
	a->body = data;
	return consider(x, conf, a);
}

static sluice_verdict ext_auth_on_request(sluice_exchange *x, const void *conf)
{
	const struct ext_auth *c = conf;
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_BUFFER,
		.max = c->send_body,
		.read_only = true };
	if (c->send_body)
		return sluice_body_wait(x, &plan, ext_auth_on_body);
	struct asking *a = sluice_state(x, sizeof(*a));
	return a ? consider(x, c, a) : SLUICE_FAIL;
}

static const char *const ext_auth_provides[] = { "consumer", "groups", "consumer:", "auth:", NULL };

SLUICE_PLUGIN("ext-auth", .version = "1.0",
	.summary = "asks another service whether a request may pass", .options = ext_auth_options,
	.conf_size = sizeof(struct ext_auth), .check = ext_auth_check,
	.worker_size = sizeof(struct flights), .on_request = ext_auth_on_request,
	.provides = ext_auth_provides);
