/*
 * answer-probe: answers with fields and a body that it lends, at the time that its options say.
 * `count` answers with how often it lent a body, and how often one was given back.
 */
#include <sluice/plugin.h>

#include <stdatomic.h>
#include <stdio.h>

enum at {
	AT_REQUEST,
	AT_WAIT,
	AT_REQUEST_BODY,
	AT_RESPONSE,
	AT_RESPONSE_BODY,
	AT_STREAM,
	AT_NEVER
};
static const char *const ats[] = { "request", "wait", "request-body", "response", "response-body",
	"stream", "never", NULL };

enum { LARGEST = 64 << 20 };

struct probe {
	int32_t at;
	uint64_t size, status;
	bool count, fail, copied, late;
};

#define O(type, field, ...) SLUICE_OPTION(SLUICE_T_##type, struct probe, field, __VA_ARGS__)
static const sluice_option options[] = {
	O(ENUM, at, .def = "request", .choices = ats, .doc = "when to answer"),
	O(SIZE, size, .def = "3MiB", .max = "64MiB", .doc = "how much to lend"),
	O(UINT, status, .def = "200", .doc = "with which status"),
	O(BOOL, count, .def = "false", .doc = "whether to tell what was lent"),
	O(BOOL, fail, .def = "false", .doc = "whether to fail when the answer is given"),
	O(BOOL, copied, .def = "false", .doc = "whether the gateway copies it"),
	O(BOOL, late, .def = "false", .doc = "whether to answer once bytes have passed"),
	SLUICE_OPTIONS_END,
};

static char body[LARGEST];
static _Atomic unsigned lent, released;

static void release(void *arg)
{
	if (arg == body)
		released++;
}

static sluice_verdict count(sluice_exchange *x)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%u %u", (unsigned)lent, (unsigned)released);
	return sluice_reply(x, 200, SLUICE_STR("text/plain"), (sluice_str){ text, (size_t)n });
}

static sluice_verdict answer(sluice_exchange *x, const void *conf)
{
	static const sluice_pair fields[] = { { SLUICE_STR("Set-Cookie"), SLUICE_STR("a=1") },
		{ SLUICE_STR("Date"), SLUICE_STR("Sun, 06 Nov 1994 08:49:37 GMT") },
		{ SLUICE_STR("Set-Cookie"), SLUICE_STR("b=2") },
		{ SLUICE_STR("ETag"), SLUICE_STR("\"e\"") },
		{ SLUICE_STR("Content-Length"), SLUICE_STR("7") },
		{ SLUICE_STR("Connection"), SLUICE_STR("close") } };
	const struct probe *p = conf;
	if (p->fail)
		sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Failed"), SLUICE_STR("yes"));
	lent += !p->copied;
	sluice_verdict v = sluice_answer_with(x,
		&(sluice_answer){ .size = sizeof(sluice_answer),
			.status = (int)p->status,
			.headers = { fields, sizeof(fields) / sizeof(fields[0]) },
			.content_type = SLUICE_STR("application/x-lent"),
			.body = { body, p->size },
			.release = p->copied ? NULL : release,
			.arg = body });
	return p->fail ? SLUICE_FAIL : v;
}

static sluice_verdict probe_on_request(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	sluice_body_plan plan = { .size = sizeof(plan),
		.mode = p->at == AT_STREAM ? SLUICE_BODY_STREAM : SLUICE_BODY_BUFFER,
		.max = 65536 };
	if (p->count)
		return count(x);
	switch (p->at) {
	case AT_REQUEST:
		return answer(x, conf);
	case AT_WAIT:
		return sluice_sleep(x, 1, answer);
	case AT_REQUEST_BODY:
		return sluice_body_want(x, SLUICE_REQUEST, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
	case AT_RESPONSE_BODY:
	case AT_STREAM:
		return sluice_body_want(x, SLUICE_RESPONSE, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
	default:
		return SLUICE_NEXT;
	}
}

static sluice_verdict probe_on_response(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	return p->at == AT_RESPONSE ? answer(x, conf) : SLUICE_NEXT;
}

static sluice_verdict probe_on_body(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	const struct probe *p = conf;
	if (!p->late || end)
		return answer(x, conf);
	sluice_body_pass(x, data.len);
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("answer-probe", .summary = "answer with a body that is lent", .options = options,
	.conf_size = sizeof(struct probe), .on_request = probe_on_request,
	.on_response = probe_on_response, .on_request_body = probe_on_body,
	.on_response_body = probe_on_body);
