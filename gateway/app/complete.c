/* Counts and the access log's line of an exchange that ended. Worker's thread. */
#include "app/complete.h"

#include <stdio.h>

#include "base/series.h"
#include "http/version.h"
#include "obs/access_log.h"
#include "policy/fact.h"
#include "proxy/about.h"
#include "proxy/grpc.h"

enum {
	COMPLETE_FAILURES = UPSTREAM_TRIES_MAX + UPSTREAM_FREE_TRIES, /* tries in a line */
	COMPLETE_FAILURE = 256,                                       /* bytes of one */
};

/* Texts of a record. */
struct complete_lists {
	sluice_str notes[RUN_NOTES];
	sluice_str failures[COMPLETE_FAILURES];
};

/* Whether the upstream caused the failure. True also when it broke off a response; false when the
 * client disconnected before the response began. */
static bool complete_is_upstream_failure(const struct exchange *x)
{
	switch (x->err) {
	case 0:
		return false;
	case ERR_NO_SERVER:
	case ERR_NOT_RESOLVED:
	case ERR_UPSTREAM_HEAD_TOO_LARGE:
	case ERR_UPSTREAM_NO_TUNNEL:
		return true;
	/* the time of the request was over: the server did not answer before that */
	case ERR_DEADLINE_EXCEEDED:
	case ERR_ROUTE_TIMEOUT:
		return x->upstream_status == 0 && x->call.tries;
	default:
		return upstream_is_at_fault(x->err);
	}
}

static void complete_count_upstream(const struct exchange *x, const struct snapshot_upstream *u)
{
	if (x->call.tries) {
		series_count_status(u->requests, x->upstream_status);
		if (x->upstream_status)
			series_observe(u->time, x->head_ns - x->sent_ns);
	}
	if (unlikely(complete_is_upstream_failure(x)))
		series_add(series_find(FAMILY_UPSTREAM_FAILURES, u->conf->name,
				   str_of(err_code(x->err))),
			1);
}

static void complete_count(const struct exchange *x, uint64_t duration_ns)
{
	static const enum stat_id by_class[] = { STAT_REQUESTS_NONE, STAT_REQUESTS_1XX,
		STAT_REQUESTS_2XX, STAT_REQUESTS_3XX, STAT_REQUESTS_4XX, STAT_REQUESTS_5XX };
	const struct client *c = x->px.client;
	const struct route *r = x->route;
	stat_inc(by_class[x->status / 100 <= 5 ? x->status / 100 : 5]);
	stat_inc(http_version_of(x->px.request->version)->requests);
	stat_dec(STAT_REQUESTS_ACTIVE);
	stat_add(STAT_CLIENT_BYTES_IN, c->bytes_in);
	stat_add(STAT_CLIENT_BYTES_OUT, c->bytes_out);
	if (r) {
		series_count_status(r->requests, x->status);
		series_observe(r->time, duration_ns);
	}
	if (r && x->px.upstream >= 0)
		complete_count_upstream(x, &x->view->snap->upstreams[x->px.upstream]);
	if (x->code)
		series_add(series_find(FAMILY_REFUSALS, r ? r->name : STR(""), str_of(x->code)), 1);
	for (unsigned i = 0; i < x->px.n_notes; i++) {
		const struct run_note *note = &x->px.notes[i];
		series_add(series_find(FAMILY_NOTES, note->inst ? note->inst->name : STR(""),
				   str_of(note->code)),
			1);
	}
}

static void complete_count_call(const struct exchange *x)
{
	int status = grpc_status(x);
	const char *code = status < 0 ? "none" : grpc_code_name((unsigned)status);
	series_add(series_find(FAMILY_GRPC_CALLS, x->route ? x->route->name : STR(""),
			   str_of(code)),
		1);
}

/* 00-TRACEID-SPANID-FLAGS (W3C Trace Context 2.2) */
static sluice_str complete_trace_id(const struct fields *f)
{
	const struct field *parent = fields_find(f, TOKEN_TRACEPARENT);
	if (!parent || parent->value_len < 55 || parent->value[2] != '-' ||
		parent->value[35] != '-')
		return STR_NONE;
	return str_n(parent->value + 3, 32);
}

static sluice_str complete_field(const struct fields *f, enum token t)
{
	/* look at all fields, since plugins may have removed some */
	for (uint32_t i = 0; i < f->n; i++) {
		if (f->v[i].token == t)
			return field_value(&f->v[i]);
	}
	return STR_NONE;
}

/* The tries that came to nothing, the first of them first; those that are too many are left out. */
static unsigned complete_failures(struct exchange *x, sluice_str *to)
{
	unsigned n = 0, i = 0;
	for (const struct upstream_failure *f = x->call.failures; f; f = f->next)
		n++;
	for (const struct upstream_failure *f = x->call.failures; f; f = f->next) {
		unsigned place = n - ++i;
		char text[COMPLETE_FAILURE];
		int len = snprintf(text, sizeof(text), "%.*s %s %llu.%llu ms", STR_ARG(f->server),
			f->reason, (unsigned long long)(f->us / 1000),
			(unsigned long long)(f->us / 100 % 10));
		if (place < COMPLETE_FAILURES)
			to[place] = arena_note(x->px.arena, str_n(text, (size_t)len));
	}
	return n < COMPLETE_FAILURES ? n : COMPLETE_FAILURES;
}

/* What the access log says of x, with room for its lists. */
static inline void complete_record(struct exchange *x, uint64_t duration_ns,
	struct complete_lists *lists, struct access_record *r)
{
	const struct client *c = x->px.client;
	const struct request_head *h = x->px.request;
	const struct run_asked *asked = x->px.asked;
	for (unsigned i = 0; i < x->px.n_notes; i++)
		lists->notes[i] = str_of(x->px.notes[i].code);
	*r = (struct access_record){
		.request_id = x->px.request_id,
		.client = x->px.client_ip,
		.peer = str_n(c->conn->peer_ip, c->conn->peer_ip_len),
		.listener = c->conn->listener->name,
		.route = x->px.route_name,
		.method = h->method_text,
		.host = h->host,
		.path = asked ? asked->path : h->path,
		.target = h->path.len ? STR_NONE : h->target,
		.secrets = x->view->snap->secrets,
		.query = asked ? asked->query : h->query,
		.rewritten_path = asked ? h->path : STR_NONE,
		.rewritten_query = asked ? h->query : STR_NONE,
		.user_agent = complete_field(&h->fields, TOKEN_USER_AGENT),
		.referer = complete_field(&h->fields, TOKEN_REFERER),
		.upstream = x->px.upstream_name,
		.server = about_server(x),
		.reason = about_reason(x),
		.detail = x->code || x->tells_detail ? x->detail : STR_NONE,
		.consumer = fact_value(&x->px, FACT_CONSUMER),
		.tls = c->conn->tls_version ? str_of(c->conn->tls_version) : STR_NONE,
		.trace_id = complete_trace_id(&h->fields),
		.notes = { lists->notes, x->px.n_notes },
		.unix_ms = about_start_ms(x),
		.duration_us = duration_ns / 1000,
		.bytes_in = c->bytes_in,
		.bytes_out = c->bytes_out,
		.status = about_status(x),
		.version = h->version,
		.tries = (uint8_t)x->call.tries,
	};
	if (x->call.tries) {
		r->connect_us = about_connect_us(x);
		r->response_us = about_response_us(x);
	}
	if (unlikely(x->call.failures))
		r->failures =
			(sluice_strs){ lists->failures, complete_failures(x, lists->failures) };
	int grpc = x->is_call ? grpc_status(x) : -1;
	if (grpc >= 0) {
		r->has_grpc_status = true;
		r->grpc_status = (uint16_t)grpc;
	}
}

static void complete_log(struct access_log *log, struct exchange *x, uint64_t duration_ns)
{
	struct complete_lists lists;
	struct access_record r;
	complete_record(x, duration_ns, &lists, &r);
	access_log_write(log, &x->view->snap->conf.log.access, &r);
}

/* The record for plugins too, or for them alone. */
static void complete_sinks(struct access_log *log, struct exchange *x, uint64_t duration_ns)
{
	const struct snapshot *s = x->view->snap;
	const struct access_conf *conf = &s->conf.log.access;
	struct complete_lists lists;
	struct access_record r, masked;
	struct access_room room;
	complete_record(x, duration_ns, &lists, &r);
	if (log && s->logs & LOGS_FILE)
		access_log_write(log, conf, &r);
	access_mask(conf, &r, &masked, &room);
	for (unsigned i = 0; i < s->n_sinks; i++)
		access_log_add(x->view->slots[s->sinks[i]]->records, conf, &masked);
}

void complete_exchange(struct proxy *p, const struct exchange *x)
{
	uint64_t duration_ns = about_duration_ns(x);
	struct exchange *own = (struct exchange *)(uintptr_t)x;
	complete_count(x, duration_ns);
	if (x->is_call)
		complete_count_call(x);
	if (likely(x->view->snap->logs == LOGS_FILE && p->data))
		complete_log(p->data, own, duration_ns);
	else if (x->view->snap->logs & LOGS_SINKS)
		complete_sinks(p->data, own, duration_ns);
}
