/*
 * body-probe: works on bodies as its options say, well or badly.
 */
#include <sluice/plugin.h>

#include <stdio.h>
#include <stdlib.h>

enum act {
	ACT_NONE,     /* does not ask for the body */
	ACT_PASS,     /* all of it goes on */
	ACT_LEAVE,    /* all of it is left, to the end */
	ACT_UPPER,    /* replaced by capitals */
	ACT_LINES,    /* whole lines go on, each behind a mark; the rest is held */
	ACT_GROW,     /* 64 bytes for each */
	ACT_SWALLOW,  /* dropped */
	ACT_REPLACE,  /* dropped, and one sentence in its place */
	ACT_TRAILERS, /* trailers become lines of the body, and one of ours is set */
	ACT_REFUSE,   /* once "secret" was seen */
	ACT_FAIL,     /* once "secret" was seen */
	ACT_SLEEP,    /* and then pass */
	ACT_SLEEP_REFUSE,
	ACT_HEAD,      /* tells the head how long the body is */
	ACT_SPILL,     /* writes without end */
	ACT_FAIL_LAST, /* pass, and fail at the end */
};
static const char *const acts[] = { "none", "pass", "leave", "upper", "lines", "grow", "swallow",
	"replace", "trailers", "refuse", "fail", "sleep", "sleep-refuse", "head", "spill",
	"fail-last", NULL };
static const char *const modes[] = { "stream", "buffer", NULL };
static const char *const overs[] = { "refuse", "pass", NULL };

struct probe {
	int32_t request, response, take, over;
	uint64_t max, ms, reply;
	bool early, read_only;
	sluice_str mark;
};

#define O(type, field, ...) SLUICE_OPTION(SLUICE_T_##type, struct probe, field, __VA_ARGS__)
static const sluice_option options[] = {
	O(ENUM, request, .def = "none", .choices = acts,
		.doc = "what to do with the body of a request"),
	O(ENUM, response, .def = "none", .choices = acts,
		.doc = "what to do with the body of a response"),
	O(ENUM, take, .def = "stream", .choices = modes, .doc = "how to take it"),
	O(ENUM, over, .def = "refuse", .choices = overs, .doc = "what becomes of a longer one"),
	O(SIZE, max, .def = "64KiB", .doc = "how much to hold"),
	O(SIZE, reply, .def = "0", .doc = "how long an answer to put in the place of a response"),
	O(DURATION, ms, .def = "20ms", .doc = "how long to sleep"),
	O(BOOL, early, .def = "false", .doc = "whether to ask for responses before there is one"),
	O(BOOL, read_only, .def = "false", .doc = "whether to promise not to change anything"),
	O(STR, mark, .def = "> ", .doc = "what to put before lines"),
	SLUICE_OPTIONS_END,
};

static bool want(sluice_exchange *x, const struct probe *p, sluice_side side)
{
	sluice_body_plan plan = { .size = sizeof(plan),
		.mode = (sluice_body_mode)p->take,
		.over = (sluice_body_over)p->over,
		.max = p->max,
		.read_only = p->read_only };
	return sluice_body_want(x, side, &plan);
}

static sluice_verdict probe_on_request(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	if (p->request != ACT_NONE && !want(x, p, SLUICE_REQUEST))
		return SLUICE_FAIL;
	if (p->response != ACT_NONE && p->early && !want(x, p, SLUICE_RESPONSE))
		return SLUICE_FAIL;
	return SLUICE_NEXT;
}

static sluice_verdict probe_on_response(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	if (p->response != ACT_NONE && !p->early && !want(x, p, SLUICE_RESPONSE))
		return SLUICE_FAIL;
	if (!p->reply)
		return SLUICE_NEXT;
	char *text = sluice_alloc(x, p->reply);
	if (!text)
		return SLUICE_FAIL;
	memset(text, 'a', p->reply);
	return sluice_reply(x, 200, SLUICE_STR("text/plain"), (sluice_str){ text, p->reply });
}

static void upper(sluice_exchange *x, sluice_str data)
{
	char text[256];
	while (data.len) {
		size_t n = data.len < sizeof(text) ? data.len : sizeof(text);
		for (size_t i = 0; i < n; i++)
			text[i] = (char)(data.data[i] >= 'a' && data.data[i] <= 'z'
					? data.data[i] - 32
					: data.data[i]);
		sluice_body_drop(x, n);
		data.data += n;
		data.len -= n;
		if (!sluice_body_write(x, (sluice_str){ text, n }))
			return;
	}
}

static void grow(sluice_exchange *x, sluice_str data)
{
	char text[64];
	for (size_t i = 0; i < data.len; i++) {
		memset(text, data.data[i], sizeof(text));
		sluice_body_drop(x, 1);
		if (!sluice_body_write(x, (sluice_str){ text, sizeof(text) }))
			return;
	}
}

static void lines(sluice_exchange *x, const struct probe *p, sluice_str data, bool end)
{
	while (data.len) {
		const char *nl = memchr(data.data, '\n', data.len);
		if (!nl && !end)
			return;
		size_t n = nl ? (size_t)(nl - data.data) + 1 : data.len;
		bool room = sluice_body_write(x, p->mark);
		sluice_body_pass(x, n);
		data.data += n;
		data.len -= n;
		if (!room)
			return;
	}
}

static void trailers(sluice_exchange *x, sluice_side side)
{
	sluice_pair f;
	size_t i = 0;
	while (sluice_field_next(x, side, &i, &f)) {
		(void)sluice_body_write(x, f.name);
		(void)sluice_body_write(x, SLUICE_STR("="));
		(void)sluice_body_write(x, f.value);
		(void)sluice_body_write(x, SLUICE_STR(";"));
	}
	sluice_field_remove(x, side, SLUICE_STR("x-gone"));
	sluice_field_set(x, side, SLUICE_STR("x-probe"), SLUICE_STR("seen"));
	sluice_field_set(x, side, SLUICE_STR("content-type"), SLUICE_STR("not/allowed"));
}

static bool has_secret(sluice_str data)
{
	return data.len >= 6 && memmem(data.data, data.len, "secret", 6);
}

static sluice_verdict awake(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_body_pass(x, SIZE_MAX);
	return SLUICE_NEXT;
}

static sluice_verdict awake_refuse(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_refuse(x, 403, "probe-body", "Such bodies are not welcome.");
}

static void tell_length(sluice_exchange *x, sluice_side side, size_t n)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%zu", n);
	sluice_field_set(x, side, SLUICE_STR("x-length"), (sluice_str){ text, (size_t)len });
}

static sluice_verdict probe_body(sluice_exchange *x, const struct probe *p, enum act act,
	sluice_side side, sluice_str data, bool end)
{
	switch (act) {
	case ACT_PASS:
		sluice_body_pass(x, data.len);
		break;
	case ACT_UPPER:
		upper(x, data);
		break;
	case ACT_GROW:
		grow(x, data);
		break;
	case ACT_LINES:
		lines(x, p, data, end);
		break;
	case ACT_SWALLOW:
		sluice_body_drop(x, data.len);
		break;
	case ACT_REPLACE:
		sluice_body_drop(x, data.len);
		if (end)
			(void)sluice_body_write(x, SLUICE_STR("something else"));
		break;
	case ACT_TRAILERS:
		sluice_body_pass(x, data.len);
		if (end)
			trailers(x,
				side == SLUICE_REQUEST ? SLUICE_REQUEST_TRAILERS
						       : SLUICE_RESPONSE_TRAILERS);
		break;
	case ACT_REFUSE:
	case ACT_FAIL:
		if (has_secret(data))
			return act == ACT_REFUSE ? awake_refuse(x, p) : SLUICE_FAIL;
		if (!p->read_only)
			sluice_body_pass(x, data.len);
		break;
	case ACT_SLEEP:
		return sluice_sleep(x, p->ms, awake);
	case ACT_SLEEP_REFUSE:
		return sluice_sleep(x, p->ms, awake_refuse);
	case ACT_HEAD:
		tell_length(x, side, data.len);
		break;
	case ACT_SPILL:
		for (int i = 0; i < 4096; i++)
			(void)sluice_body_write(x,
				(sluice_str){ "0123456789abcdef"
					      "0123456789abcdef"
					      "0123456789abcdef",
					48 }),
				(void)sluice_body_write(x,
					(sluice_str){ (const char *)options, sizeof(options) });
		break;
	case ACT_FAIL_LAST:
		sluice_body_pass(x, data.len);
		return end ? SLUICE_FAIL : SLUICE_NEXT;
	case ACT_LEAVE:
	case ACT_NONE:
		break;
	}
	return SLUICE_NEXT;
}

static sluice_verdict probe_on_request_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	const struct probe *p = conf;
	return probe_body(x, p, (enum act)p->request, SLUICE_REQUEST, data, end);
}

static sluice_verdict probe_on_response_body(sluice_exchange *x, const void *conf, sluice_str data,
	bool end)
{
	const struct probe *p = conf;
	return probe_body(x, p, (enum act)p->response, SLUICE_RESPONSE, data, end);
}

SLUICE_PLUGIN("body-probe", .summary = "works on bodies", .options = options,
	.conf_size = sizeof(struct probe), .on_request = probe_on_request,
	.on_response = probe_on_response, .on_request_body = probe_on_request_body,
	.on_response_body = probe_on_response_body);
