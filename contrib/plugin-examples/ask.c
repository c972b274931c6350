/*
 * ask: let another service decide. It is sent the request's Authorization, method and target, and
 * its body where that is wanted; 2xx lets the request through, 401 and 403 are passed on, and
 * everything else is a failure of the service. Shows a wait (an HTTP fetch), state of a worker,
 * attributes, and what a plugin does when what it depends on fails.
 */
#include <sluice/plugin.h>
#include <sluice/str.h>

struct ask {
	sluice_str url;
	const sluice_upstream *upstream; /* NULL: the server that the URL names */
	uint64_t timeout;                /* milliseconds */
	bool fail_open;
	uint64_t max_body;     /* 0: the service is not sent the body */
	sluice_instance *inst; /* to log with; made by check() */
};

#define A struct ask
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, A, url, .flags = SLUICE_F_REQUIRED,
		.doc = "http(s) URL of the service that decides; with upstream, a path"),
	SLUICE_OPTION(SLUICE_T_UPSTREAM, A, upstream,
		.doc = "upstream whose servers are asked, over connections that are kept"),
	SLUICE_OPTION(SLUICE_T_DURATION, A, timeout, .def = "500ms", .min = "10ms", .max = "10s",
		.doc = "how long it may take"),
	SLUICE_OPTION(SLUICE_T_BOOL, A, fail_open, .def = "false",
		.doc = "whether requests pass when it does not answer"),
	SLUICE_OPTION(SLUICE_T_SIZE, A, max_body, .def = "0", .max = "1MiB",
		.doc = "longest body that the service is sent as well; longer ones are refused; "
		       "0: it is sent none"),
	SLUICE_OPTIONS_END,
};

/* of each worker: no other thread sees it */
struct ask_worker {
	bool is_down;
};

static int ask_check(sluice_instance *inst, void *conf)
{
	struct ask *a = conf;
	a->inst = inst;
	return 0;
}

/* ---- the answer ---------------------------------------------------------------------------- */

static sluice_str header_of(const sluice_fetch_response *r, sluice_str name)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (sluice_str_ieq(r->headers[i].name, name))
			return r->headers[i].value;
	}
	return SLUICE_STR_NONE;
}

static sluice_verdict ask_failed(sluice_exchange *x, const struct ask *a, const char *why)
{
	struct ask_worker *w = sluice_worker_state(x);
	if (!w->is_down)
		sluice_log(a->inst, SLUICE_LOG_WARN, "%s: requests %s", why,
			a->fail_open ? "pass unasked" : "are refused");
	w->is_down = true;
	if (!a->fail_open)
		return sluice_refuse(x, 503, "ask-down",
			"Whether this is allowed cannot be found out at present.");
	sluice_note(x, "ask-down"); /* for the access log and the metrics */
	return SLUICE_NEXT;
}

/* Has the shape of a hook: it may go on, answer, or wait again. */
static sluice_verdict ask_answered(sluice_exchange *x, const void *conf,
	const sluice_fetch_response *r)
{
	const struct ask *a = conf;
	struct ask_worker *w = sluice_worker_state(x);
	if (r->status != SLUICE_OK)
		return ask_failed(x, a, r->error);
	if (r->code == 401 || r->code == 403)
		return sluice_refuse(x, r->code, "ask-refused",
			"The service that decides has refused this.");
	if (r->code < 200 || r->code > 299)
		return ask_failed(x, a, "it answers with another status than 2xx, 401 and 403");
	w->is_down = false;
	/* `by: consumer` in a rate limit behind this one */
	const sluice_identity who = { .size = sizeof(who),
		.name = header_of(r, SLUICE_STR("x-user")) };
	if (who.name.len && !sluice_identify(x, &who))
		return SLUICE_FAIL;
	return SLUICE_NEXT;
}

/* ---- the question -------------------------------------------------------------------------- */

static sluice_verdict ask_with(sluice_exchange *x, const struct ask *a, sluice_str body)
{
	sluice_pair headers[3] = { { SLUICE_STR("x-original-method"),
					   sluice_get(x, SLUICE_I_METHOD) },
		{ SLUICE_STR("x-original-target"), sluice_get(x, SLUICE_I_TARGET) } };
	sluice_str credentials = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("authorization"));
	size_t n = 2;
	if (credentials.data)
		headers[n++] = (sluice_pair){ SLUICE_STR("authorization"), credentials };
	sluice_fetch_request r = { .size = sizeof(r),
		.method = body.data ? SLUICE_STR("POST") : SLUICE_STR("GET"),
		.url = a->url,
		.headers = { headers, n },
		.body = body,
		.timeout_ms = a->timeout,
		.upstream = a->upstream };
	/* copies what it is given, and parks the exchange */
	return sluice_fetch(x, &r, ask_answered);
}

static sluice_verdict ask_with_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)end;
	return ask_with(x, conf, data);
}

static sluice_verdict ask_on_request(sluice_exchange *x, const void *conf)
{
	const struct ask *a = conf;
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_BUFFER,
		.max = a->max_body,
		.read_only = true };
	if (a->max_body)
		return sluice_body_wait(x, &plan, ask_with_body);
	return ask_with(x, a, SLUICE_STR_NONE);
}

static const char *const provides[] = { "consumer", "groups", "consumer:", NULL };

SLUICE_PLUGIN("ask", .version = "1.0", .summary = "let another service decide", .options = options,
	.conf_size = sizeof(struct ask), .check = ask_check,
	.worker_size = sizeof(struct ask_worker), .on_request = ask_on_request,
	.provides = provides);
