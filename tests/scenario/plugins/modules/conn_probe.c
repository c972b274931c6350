/*
 * conn-probe: hooks of connections that do what the options say, and write into the log what they
 * know. Each connection has a number in its state, which its requests show in the field X-Visit,
 * with the count of them: "7:2". Metrics count connections that began, ended, and were cleaned up.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sluice/plugin.h>
#include <time.h>

enum act { NEXT, REFUSE, FAIL, WAIT, REPLY, SLOW, CRASH, HANG };
static const char *const acts[] = { "next", "refuse", "fail", "wait", "reply", "slow", "crash",
	"hang", NULL };

struct probe {
	sluice_instance *inst;
	int32_t connect, secured, disconnect; /* enum act */
	bool logs, keeps;
	sluice_str tag;
	const sluice_metric *events;
};

struct visit {
	const struct probe *p;
	unsigned id, requests;
};

#define P struct probe
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, P, connect, .def = "next", .choices = acts,
		.doc = "what on_connect does"),
	SLUICE_OPTION(SLUICE_T_ENUM, P, secured, .def = "next", .choices = acts,
		.doc = "what on_secured does"),
	SLUICE_OPTION(SLUICE_T_ENUM, P, disconnect, .def = "next", .choices = acts,
		.doc = "what on_disconnect does"),
	SLUICE_OPTION(SLUICE_T_BOOL, P, logs, .def = "true", .doc = "whether to log"),
	SLUICE_OPTION(SLUICE_T_BOOL, P, keeps, .def = "true", .doc = "whether to keep a state"),
	SLUICE_OPTION(SLUICE_T_STR, P, tag, .doc = "makes an instance differ from another"),
	SLUICE_OPTIONS_END,
};

static int probe_check(sluice_instance *inst, void *conf)
{
	struct probe *p = conf;
	p->inst = inst;
	p->events = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.kind = SLUICE_METRIC_COUNTER,
			.name = "events",
			.help = "What happened to connections.",
			.label = "event" });
	return p->events ? 0 : -1;
}

static sluice_verdict do_act(sluice_conn *c, int32_t act)
{
	static const struct timespec slow = { .tv_nsec = 20000000 };
	switch (act) {
	case REFUSE:
		return sluice_conn_refuse(c, "probe-refused");
	case FAIL:
		return SLUICE_FAIL;
	case WAIT:
		return SLUICE_WAIT;
	case REPLY:
		return SLUICE_REPLY;
	case SLOW:
		(void)nanosleep(&slow, NULL);
		break;
	case CRASH:
		abort();
	case HANG:
		for (;;)
			(void)nanosleep(&slow, NULL);
	default:
		break;
	}
	return SLUICE_NEXT;
}

static void on_end(void *arg)
{
	const struct visit *v = arg;
	sluice_metric_add(v->p->events, SLUICE_STR("clean-up"), 1);
	if (v->p->logs)
		sluice_log(v->p->inst, SLUICE_LOG_INFO, "clean-up %u", v->id);
}

static struct visit *visit_of(sluice_conn *c, const struct probe *p)
{
	static _Atomic unsigned next;
	struct visit *v = p->keeps ? sluice_conn_state(c, sizeof(*v)) : NULL;
	if (v && !v->p) {
		v->p = p;
		v->id = ++next;
		if (!sluice_conn_cleanup(c, on_end, v))
			abort();
	}
	return v;
}

#define INFO(NAME)                     \
	{                              \
		SLUICE_I_##NAME, #NAME \
	}
static const struct {
	sluice_info info;
	const char *name;
} infos[] = { INFO(LISTENER), INFO(PEER), INFO(PEER_PORT), INFO(CLIENT_IP), INFO(TLS_VERSION),
	INFO(TLS_CIPHER), INFO(TLS_SNI), INFO(TLS_ALPN), INFO(CLIENT_CERT_SUBJECT),
	INFO(CLIENT_CERT_DNS), INFO(CLIENT_CERT_SHA256), INFO(METHOD) };

static void tell(sluice_conn *c, const struct probe *p, const char *phase)
{
	char text[2048];
	size_t n = 0;
	const struct visit *v = visit_of(c, p);
	sluice_metric_add(p->events, (sluice_str){ phase, strlen(phase) }, 1);
	if (!p->logs)
		return;
	for (size_t i = 0; i < sizeof(infos) / sizeof(infos[0]); i++) {
		sluice_str s = sluice_conn_get(c, infos[i].info);
		if (s.data)
			n += (size_t)snprintf(text + n, sizeof(text) - n, " %s=%.*s", infos[i].name,
				(int)s.len, s.data);
	}
	text[n] = 0;
	sluice_log(p->inst, SLUICE_LOG_INFO, "%s %u%s requests=%lld", phase, v ? v->id : 0, text,
		(long long)sluice_conn_number(c, SLUICE_N_CONNECTION_REQUESTS));
}

static sluice_verdict probe_on_connect(sluice_conn *c, const void *conf)
{
	const struct probe *p = conf;
	tell(c, p, "connect");
	return do_act(c, p->connect);
}

static sluice_verdict probe_on_secured(sluice_conn *c, const void *conf)
{
	const struct probe *p = conf;
	tell(c, p, "secured");
	return do_act(c, p->secured);
}

static sluice_verdict probe_on_disconnect(sluice_conn *c, const void *conf)
{
	const struct probe *p = conf;
	tell(c, p, "disconnect");
	return do_act(c, p->disconnect);
}

static sluice_verdict probe_on_request(sluice_exchange *x, const void *conf)
{
	char text[64];
	sluice_conn *c = sluice_conn_of(x);
	struct visit *v = c ? visit_of(c, conf) : NULL;
	size_t n = v ? (size_t)snprintf(text, sizeof(text), "%u:%u", v->id, ++v->requests)
		     : (size_t)snprintf(text, sizeof(text), "none");
	sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("X-Visit"), (sluice_str){ text, n });
	return SLUICE_NEXT;
}

static sluice_verdict probe_on_complete(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	sluice_conn *c = sluice_conn_of(x);
	if (c && p->logs && visit_of(c, p))
		sluice_log(p->inst, SLUICE_LOG_INFO, "complete %u", visit_of(c, p)->id);
	return SLUICE_NEXT;
}

SLUICE_PLUGIN("conn-probe", .summary = "tells of connections", .options = options,
	.conf_size = sizeof(struct probe), .check = probe_check, .on_request = probe_on_request,
	.on_complete = probe_on_complete, .on_connect = probe_on_connect,
	.on_secured = probe_on_secured, .on_disconnect = probe_on_disconnect);
