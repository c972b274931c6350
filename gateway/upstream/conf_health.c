/* The options of an upstream's health. Main thread, but for the questions at the end. */
#include "upstream/conf_health.h"

#include "base/err.h"
#include "route/regex.h"

const uint16_t health_statuses[HEALTH_STATUSES] = { 429, 500, 501, 502, 503, 504 };

static const char *const count_choices[] = { "connect", "timeout", "reset", "protocol", "429",
	"500", "501", "502", "503", "504", NULL };
static const char *const kind_choices[] = { "http", "tcp", "tls", "grpc", NULL };

static const sluice_option outlier_options[] = {
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_outliers, requests, .def = "100", .min = "1",
		.max = "1000000000",
		.doc = "fewest requests of a server in one interval, on one worker, for it to be "
		       "judged; at least three servers must have them"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_outliers, interval, .def = "10s",
		.min = "10ms", .max = "1h", .doc = "how often each worker judges"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_outliers, deviation, .def = "1.9",
		.doc = "a server is taken out when its rate of success is so many standard "
		       "deviations below the average of all"),
	SLUICE_OPTIONS_END,
};

static const sluice_option check_options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, struct upstream_check, kind, .def = "http",
		.choices = kind_choices,
		.doc = "http: a request and its response; tcp: a connection; tls: a connection "
		       "with its TLS handshake; grpc: a call of grpc.health.v1.Health/Check"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_check, path, .def = "/", .min = "1",
		.max = "2000", .doc = "path of the request, with a query if need be"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_check, host, .max = "253",
		.doc = "Host of the request; left out: the server's name, or its address"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_check, method, .def = "GET", .min = "1",
		.max = "32", .doc = "method of the request, such as GET, HEAD or OPTIONS"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_check, service, .max = "200",
		.doc = "with grpc: the service that is asked for; left out: the server as a whole"),
	SLUICE_OPTION(SLUICE_T_PAIRS, struct upstream_check, headers,
		.doc = "further header fields of the request"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_check, port, .def = "0", .max = "65535",
		.doc = "port that is checked; 0: that of the server"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_check, every, .def = "2s", .min = "50ms",
		.max = "1h", .doc = "time from the end of one check to the next"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_check, timeout, .def = "1s", .min = "10ms",
		.max = "5m", .doc = "longest time of one check, connection and TLS included"),
	SLUICE_OPTION(SLUICE_T_STRS, struct upstream_check, expect, .def = "200-299",
		.doc = "statuses of a server that is well: 200, or a range such as 200-299"),
	SLUICE_OPTION(SLUICE_T_STR, struct upstream_check, body, .max = "1000",
		.doc = "a text that the response's first 64 KiB must have, or `regex:` and an "
		       "expression; left out: any body"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_check, rise, .def = "2", .min = "1",
		.max = "100", .doc = "checks in a row that pass until a server that is down is up"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_check, fall, .def = "2", .min = "1",
		.max = "100", .doc = "checks in a row that fail until a server that is up is down"),
	SLUICE_OPTION(SLUICE_T_PERCENT, struct upstream_check, jitter, .def = "10%", .max = "100%",
		.doc = "share of `every` by which the time to the next check varies at random"),
	SLUICE_OPTIONS_END,
};

const sluice_option health_options[] = {
	SLUICE_OPTION(SLUICE_T_FLAGS, struct upstream_health, count,
		.def = "connect,timeout,reset,protocol", .choices = count_choices,
		.doc = "what counts as a failure: no connection, no answer in time, a connection "
		       "that is lost, a malformed answer, and these statuses"),
	SLUICE_OPTION(SLUICE_T_UINT, struct upstream_health, failures, .def = "3", .max = "1000",
		.doc = "number of consecutive failures after which a server gets no requests for a "
		       "while; 0: never"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_health, retry_after, .def = "2s",
		.min = "10ms", .max = "1h",
		.doc = "how long it gets no requests; then one request is sent to try it, and the "
		       "time doubles if that fails"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_health, retry_after_max, .def = "30s",
		.min = "10ms", .max = "1h",
		.doc = "upper limit for this time as it doubles, if longer than retry_after"),
	SLUICE_OPTION(SLUICE_T_PERCENT, struct upstream_health, panic, .def = "0%", .max = "100%",
		.doc = "when fewer than this part of the servers are up, such as 50%, requests go "
		       "to all of them, whatever their health; 0%: only when none is up"),
	SLUICE_OPTION(SLUICE_T_PERCENT, struct upstream_health, max_ejected, .def = "100%",
		.min = "1%", .max = "100%",
		.doc = "largest share of the servers that may be without requests for their "
		       "failures at a time; below 100%, at least one server always stays"),
	SLUICE_OPTION(SLUICE_T_DURATION, struct upstream_health, stall, .def = "250ms", .max = "1h",
		.doc = "a server that lets a request wait so long, and eight times as long as "
		       "usual, while nothing at all comes from it, gets no new requests while "
		       "others are ready; 0s: never"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_health, outliers, .sub = outlier_options,
		.doc = "take out a server that succeeds far less often than the others; left out: "
		       "do not"),
	SLUICE_OPTION(SLUICE_T_BLOCK, struct upstream_health, check, .sub = check_options,
		.doc = "ask each server at intervals whether it is well; left out: do not"),
	SLUICE_OPTIONS_END,
};

/* ---- rules --------------------------------------------------------------------------------- */

/* "1.9" in thousandths, at most 10. */
static bool deviation_parse(sluice_str text, uint64_t *out)
{
	uint64_t n = 0, digits = 0;
	bool point = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c == '.' && !point && i) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9' || n > 100000 || (point && digits == 3))
			return false;
		n = 10 * n + (uint64_t)(c - '0');
		digits += point;
	}
	for (; digits < 3; digits++)
		n *= 10;
	*out = n;
	return text.len && text.data[text.len - 1] != '.' && n >= 100 && n <= 10000;
}

static int check_outliers(struct bind *b, struct upstream_outliers *o)
{
	if (deviation_parse(o->deviation, &o->deviation_1000))
		return 0;
	(void)bind_error(b, o, "deviation", "\"%.*s\" is not a number of 0.1 to 10",
		STR_ARG(o->deviation));
	diag_hint(b->diag, "write 1.9, or another number with at most three decimals");
	return -1;
}

bool status_set_add(struct status_set *s, sluice_str text)
{
	sluice_str rest = text, first = str_cut(&rest, '-');
	unsigned v[2] = { 0, 0 };
	sluice_str parts[2] = { first, first.len == text.len ? first : rest };
	for (int i = 0; i < 2; i++) {
		if (parts[i].len != 3)
			return false;
		for (size_t k = 0; k < 3; k++) {
			char c = parts[i].data[k];
			if (c < '0' || c > '9')
				return false;
			v[i] = 10 * v[i] + (unsigned)(c - '0');
		}
	}
	if (v[0] < 100 || v[1] > 599 || v[0] > v[1])
		return false;
	for (unsigned n = v[0]; n <= v[1]; n++)
		s->bits[(n - 100) / 64] |= 1ull << ((n - 100) % 64);
	return true;
}

static int check_expect(struct bind *b, const struct upstream_check *c)
{
	struct status_set set = { 0 };
	int result = 0;
	for (size_t i = 0; i < c->expect.n; i++) {
		if (status_set_add(&set, c->expect.v[i]))
			continue;
		result = bind_error(b, c, "expect", "\"%.*s\" is not a status",
			STR_ARG(c->expect.v[i]));
		diag_hint(b->diag, "write a status such as 204, or a range such as 200-299");
	}
	return result;
}

static int check_body(struct bind *b, const struct upstream_check *c)
{
	struct regex_error e;
	if (!str_starts(c->body, STR("regex:")))
		return 0;
	struct regex *r = regex_new(str_n(c->body.data + 6, c->body.len - 6), &e);
	if (!r)
		return bind_error(b, c, "body", "the expression is malformed: %s", e.text);
	regex_free(&r);
	return 0;
}

static int check_request(struct bind *b, const struct upstream_check *c)
{
	int result = 0;
	if (c->path.len == 0 || c->path.data[0] != '/' || memchr(c->path.data, ' ', c->path.len)) {
		result = bind_error(b, c, "path", "\"%.*s\" is not a path", STR_ARG(c->path));
		diag_hint(b->diag, "a path begins with / and has no blanks: /health");
	}
	if (!str_is_token(c->method) || str_eq(c->method, STR("CONNECT")))
		result = bind_error(b, c, "method", "\"%.*s\" is not a method that can be checked",
			STR_ARG(c->method));
	for (size_t i = 0; i < c->headers.n; i++) {
		const sluice_pair *p = &c->headers.v[i];
		if (!str_is_token(p->name) || !str_is_field_value(p->value))
			result = bind_error(b, c, "headers", "\"%.*s\" is malformed",
				STR_ARG(p->name));
	}
	return result;
}

/* What is said of the response or the request has no meaning with another kind. */
static int check_kind(struct bind *b, const struct upstream_check *c)
{
	static const char *const of_http[] = { "path", "method", "expect", "body", NULL };
	int result = 0;
	for (int i = 0; of_http[i] && c->kind != CHECK_HTTP; i++) {
		if (!bind_given(b, c, of_http[i]))
			continue;
		result = bind_error(b, c, of_http[i], "only a check of kind http has this");
		diag_hint(b->diag, "leave it out, or write kind: http");
	}
	if (bind_given(b, c, "service") && c->kind != CHECK_GRPC) {
		result = bind_error(b, c, "service", "only a check of kind grpc has this");
		diag_hint(b->diag, "leave it out, or write kind: grpc");
	}
	return result;
}

static int check_check(struct bind *b, struct upstream_check *c)
{
	int result = check_expect(b, c);
	result |= check_body(b, c);
	result |= check_request(b, c);
	return result | check_kind(b, c);
}

int upstream_health_check(struct bind *b, struct upstream_health *h)
{
	int result = 0;
	h->check.is_on = bind_given(b, h, "check");
	if (h->check.is_on)
		result |= check_check(b, &h->check);
	if (bind_given(b, h, "outliers"))
		result |= check_outliers(b, &h->outliers);
	else
		h->outliers.requests = 0;
	return result ? -1 : 0;
}

/* ---- questions ----------------------------------------------------------------------------- */

static enum health_count health_kind(int err)
{
	switch (err) {
	case ERR_CONNECT_FAILED:
	case ERR_CONNECT_TIMEOUT:
	case ERR_UPSTREAM_TLS:
	case ERR_UPSTREAM_REFUSED:
		return COUNT_CONNECT;
	case ERR_UPSTREAM_TIMEOUT:
	case ERR_UPSTREAM_STALLED:
		return COUNT_TIMEOUT;
	case ERR_UPSTREAM_CLOSED:
	case ERR_UPSTREAM_RESET:
	case ERR_UPSTREAM_ABORTED:
	case ERR_UPSTREAM_TRUNCATED:
		return COUNT_RESET;
	case ERR_UPSTREAM_STATUS:
		return COUNT_STATUS; /* the status was looked at before */
	default:
		return COUNT_PROTOCOL;
	}
}

bool health_counts(const struct upstream_health *h, int err)
{
	enum health_count kind = health_kind(err);
	uint64_t count = h->count ? h->count : HEALTH_COUNT_DEFAULT;
	return kind == COUNT_STATUS || (count >> kind & 1);
}

bool health_counts_status(const struct upstream_health *h, unsigned status)
{
	for (unsigned i = 0; i < HEALTH_STATUSES; i++) {
		if (health_statuses[i] == status)
			return h->count >> (COUNT_STATUS + i) & 1;
	}
	return false;
}
