/*
 * probe: does on each side what its options say, well or badly, so that a test can see what the
 * gateway makes of it.
 */
#include <sluice/plugin.h>

#include <stdio.h>
#include <stdlib.h>

enum act {
	ACT_NOTHING,
	ACT_SLEEP,
	ACT_SLEEP_TWICE,
	ACT_FETCH,
	ACT_COMMAND,
	ACT_AWAIT,
	ACT_REPLY,
	ACT_REFUSE,
	ACT_FAIL,
	ACT_WAIT_FOR_NOTHING,
	ACT_REPLY_WITHOUT,
	ACT_ODD_VERDICT,
	ACT_WAIT_TWICE,
	ACT_ALL_MEMORY,
	ACT_BAD_FIELDS,
	ACT_BAD_REPLY,
	ACT_SLEEP_THEN_REFUSE,
};
static const char *const acts[] = {
	"nothing",
	"sleep",
	"sleep-twice",
	"fetch",
	"command",
	"await",
	"reply",
	"refuse",
	"fail",
	"wait-for-nothing",
	"reply-without",
	"odd-verdict",
	"wait-twice",
	"all-memory",
	"bad-fields",
	"bad-reply",
	"sleep-then-refuse",
	NULL,
};

struct probe {
	int32_t request, response;
	uint64_t ms;
	sluice_str url;
	const sluice_store *store;
	bool check_fails, check_says_nothing, start_fails, worker_fails;
	sluice_instance *inst;
};

#define O(type, field, ...) SLUICE_OPTION(SLUICE_T_##type, struct probe, field, __VA_ARGS__)
static const sluice_option options[] = {
	O(ENUM, request, .def = "nothing", .choices = acts, .doc = "what to do with a request"),
	O(ENUM, response, .def = "nothing", .choices = acts, .doc = "what to do with a response"),
	O(DURATION, ms, .def = "20ms", .doc = "how long to sleep"),
	O(STR, url, .doc = "what to fetch"),
	O(STORE, store, .doc = "where to send a command"),
	O(BOOL, check_fails, .def = "false", .doc = "whether check complains"),
	O(BOOL, check_says_nothing, .def = "false",
		.doc = "whether check fails without a complaint"),
	O(BOOL, start_fails, .def = "false", .doc = "whether start fails"),
	O(BOOL, worker_fails, .def = "false", .doc = "whether worker_start fails"),
	SLUICE_OPTIONS_END,
};

struct worker {
	uint64_t requests, completions;
};

static int probe_check(sluice_instance *inst, void *conf)
{
	struct probe *p = conf;
	p->inst = inst;
	if (p->check_fails)
		sluice_conf_error(inst, "check_fails", "so it was told");
	return p->check_fails || p->check_says_nothing ? -1 : 0;
}

static void probe_published(sluice_instance *inst, void *conf)
{
	(void)conf;
	sluice_publish(inst, strdup("published"), free);
}

static int probe_start(sluice_instance *inst, void *conf)
{
	struct probe *p = conf;
	sluice_timer(inst, p->ms, probe_published);
	return p->start_fails ? -1 : 0;
}

static void probe_stop(sluice_instance *inst, void *conf)
{
	(void)conf;
	sluice_log(inst, SLUICE_LOG_INFO, "stopped");
}

static int probe_worker_start(sluice_instance *inst, const void *conf, void *state)
{
	const struct probe *p = conf;
	(void)inst, (void)state;
	return p->worker_fails ? -1 : 0;
}

static void probe_worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	struct worker *w = state;
	(void)conf;
	sluice_log(inst, SLUICE_LOG_INFO, "worker stopped: %llu requests, %llu completions",
		(unsigned long long)w->requests, (unsigned long long)w->completions);
}

/* ---- what came of a wait ------------------------------------------------------------------- */

static void tell(sluice_exchange *x, const char *text)
{
	sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("x-probe"),
		(sluice_str){ text, strlen(text) });
}

static sluice_verdict slept(sluice_exchange *x, const void *conf)
{
	(void)conf;
	tell(x, "slept");
	return SLUICE_NEXT;
}

static sluice_verdict slept_once(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	tell(x, "once");
	return sluice_sleep(x, p->ms, slept);
}

static sluice_verdict slept_then_refuse(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_refuse(x, 418, "probe-refused", "It was told to.");
}

static sluice_verdict fetched(sluice_exchange *x, const void *conf, const sluice_fetch_response *r)
{
	char text[128];
	(void)conf;
	(void)snprintf(text, sizeof(text), "fetched %d %d %.*s", (int)r->status, r->code,
		(int)(r->body.len < 32 ? r->body.len : 32), r->body.data ? r->body.data : "");
	tell(x, text);
	return SLUICE_NEXT;
}

static sluice_verdict commanded(sluice_exchange *x, const void *conf, sluice_status st,
	const sluice_value *v)
{
	char text[128];
	(void)conf;
	(void)snprintf(text, sizeof(text), "answered %d %d %.*s", (int)st, (int)v->type,
		(int)(v->s.len < 32 ? v->s.len : 32), v->s.data ? v->s.data : "");
	tell(x, text);
	return SLUICE_NEXT;
}

static sluice_verdict awaited(sluice_exchange *x, const void *conf)
{
	const char *value = sluice_published(x);
	(void)conf;
	tell(x, value ? value : "nothing published");
	return SLUICE_NEXT;
}

/* ---- deeds --------------------------------------------------------------------------------- */

static sluice_verdict take_all_memory(sluice_exchange *x)
{
	for (size_t n = 1024; sluice_alloc(x, n);)
		;
	return SLUICE_FAIL;
}

static sluice_verdict bad_fields(sluice_exchange *x)
{
	static const sluice_side sides[] = { SLUICE_REQUEST, SLUICE_RESPONSE };
	for (int i = 0; i < 2; i++) {
		sluice_field_set(x, sides[i], SLUICE_STR("content-length"), SLUICE_STR("0"));
		sluice_field_add(x, sides[i], SLUICE_STR("Transfer-Encoding"),
			SLUICE_STR("chunked"));
		sluice_field_add(x, sides[i], SLUICE_STR("bad name"), SLUICE_STR("x"));
		sluice_field_add(x, sides[i], SLUICE_STR(""), SLUICE_STR("x"));
		sluice_field_add(x, sides[i], SLUICE_STR("x-bad"), SLUICE_STR("a\r\nx-evil: 1"));
		sluice_field_remove(x, sides[i], SLUICE_STR("connection"));
		sluice_field_remove(x, sides[i], SLUICE_STR("host"));
	}
	return SLUICE_NEXT;
}

static sluice_verdict act(sluice_exchange *x, const struct probe *p, int32_t what)
{
	const sluice_str ping[] = { SLUICE_STR("ECHO"), SLUICE_STR("hello") };
	const sluice_fetch_request get = { .size = sizeof(get), .url = p->url, .timeout_ms = 500 };
	switch ((enum act)what) {
	case ACT_NOTHING:
		return SLUICE_NEXT;
	case ACT_SLEEP:
		return sluice_sleep(x, p->ms, slept);
	case ACT_SLEEP_TWICE:
		return sluice_sleep(x, p->ms, slept_once);
	case ACT_FETCH:
		return sluice_fetch(x, &get, fetched);
	case ACT_COMMAND:
		return sluice_store_command(x, p->store, ping, 2, 500, commanded);
	case ACT_AWAIT:
		return sluice_published(x) ? awaited(x, p) : sluice_await_publish(x, 1000, awaited);
	case ACT_REPLY:
		return sluice_reply(x, 203, SLUICE_STR("text/plain"),
			SLUICE_STR("from the probe\n"));
	case ACT_REFUSE:
		return slept_then_refuse(x, p);
	case ACT_FAIL:
		return SLUICE_FAIL;
	case ACT_WAIT_FOR_NOTHING:
		return SLUICE_WAIT;
	case ACT_REPLY_WITHOUT:
		return SLUICE_REPLY;
	case ACT_ODD_VERDICT:
		return (sluice_verdict)99;
	case ACT_WAIT_TWICE:
		(void)sluice_sleep(x, p->ms, slept);
		return sluice_sleep(x, p->ms, slept);
	case ACT_ALL_MEMORY:
		return take_all_memory(x);
	case ACT_BAD_FIELDS:
		return bad_fields(x);
	case ACT_BAD_REPLY:
		return sluice_reply(x, 200, SLUICE_STR("text/plain\r\nx-evil: 1"), SLUICE_STR(""));
	case ACT_SLEEP_THEN_REFUSE:
		return sluice_sleep(x, p->ms, slept_then_refuse);
	}
	return SLUICE_FAIL;
}

static sluice_verdict probe_on_request(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	((struct worker *)sluice_worker_state(x))->requests++;
	return act(x, p, p->request);
}

static sluice_verdict probe_on_response(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	return act(x, p, p->response);
}

/* Nothing may be parked any more. */
static sluice_verdict probe_on_complete(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	((struct worker *)sluice_worker_state(x))->completions++;
	return sluice_sleep(x, p->ms, slept);
}

SLUICE_PLUGIN("probe", .version = "1", .summary = "does as it is told", .options = options,
	.conf_size = sizeof(struct probe), .check = probe_check, .start = probe_start,
	.stop = probe_stop, .worker_size = sizeof(struct worker),
	.worker_start = probe_worker_start, .worker_stop = probe_worker_stop,
	.on_request = probe_on_request, .on_response = probe_on_response,
	.on_complete = probe_on_complete);
