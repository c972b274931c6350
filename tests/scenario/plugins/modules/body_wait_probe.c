/*
 * body-wait-probe: decides about a request with its whole body, by itself or by asking a service
 * that is sent the body.
 */
#include <sluice/plugin.h>

enum act { ACT_LOOK, ACT_UPPER, ACT_REFUSE, ACT_ASK };
static const char *const acts[] = { "look", "upper", "refuse", "ask", NULL };
static const char *const overs[] = { "refuse", "pass", NULL };

struct probe {
	int32_t act, over;
	uint64_t max;
	bool read_only, late;
	sluice_str url;
};

#define O(type, field, ...) SLUICE_OPTION(SLUICE_T_##type, struct probe, field, __VA_ARGS__)
static const sluice_option options[] = {
	O(ENUM, act, .def = "look", .choices = acts, .doc = "what to do with the body"),
	O(ENUM, over, .def = "refuse", .choices = overs, .doc = "what becomes of a longer one"),
	O(SIZE, max, .def = "1MiB", .doc = "how much to hold"),
	O(BOOL, read_only, .def = "false", .doc = "whether to promise not to change anything"),
	O(BOOL, late, .def = "false", .doc = "whether to sleep before waiting"),
	O(STR, url, .doc = "whom to ask"),
	SLUICE_OPTIONS_END,
};

static sluice_verdict answered(sluice_exchange *x, const void *conf, const sluice_fetch_response *r)
{
	(void)conf;
	if (r->status != SLUICE_OK || r->code != 200)
		return sluice_refuse(x, 403, "not-allowed", "The service has refused this.");
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("X-Allowed"), r->body);
	return SLUICE_NEXT;
}

static void upper(sluice_exchange *x, sluice_str data)
{
	for (size_t i = 0; i < data.len; i++) {
		char c = data.data[i];
		c = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
		sluice_body_drop(x, 1);
		(void)sluice_body_write(x, (sluice_str){ &c, 1 });
	}
}

static sluice_verdict came(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	const struct probe *p = conf;
	/* the plugins behind have not run: nobody else has set it */
	if (sluice_field(x, SLUICE_REQUEST, SLUICE_STR("X-Behind")).data)
		return SLUICE_FAIL;
	sluice_field_add(x, SLUICE_REQUEST, SLUICE_STR("X-Seen"),
		data.data ? data : SLUICE_STR("unseen"));
	if (end != (data.data != NULL))
		return SLUICE_FAIL;
	sluice_fetch_request r = { .size = sizeof(r),
		.method = SLUICE_STR("POST"),
		.url = p->url,
		.body = data };
	switch (p->act) {
	case ACT_UPPER:
		upper(x, data);
		return SLUICE_NEXT;
	case ACT_REFUSE:
		return sluice_refuse(x, 403, "not-allowed", "This is not allowed.");
	case ACT_ASK:
		return sluice_fetch(x, &r, answered);
	default:
		return SLUICE_NEXT;
	}
}

static sluice_verdict wait_for_it(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_BUFFER,
		.over = (sluice_body_over)p->over,
		.max = p->max,
		.read_only = p->read_only };
	return sluice_body_wait(x, &plan, came);
}

static sluice_verdict probe_on_request(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	return p->late ? sluice_sleep(x, 20, wait_for_it) : wait_for_it(x, conf);
}

SLUICE_PLUGIN("body-wait-probe", .summary = "decide with the body of a request", .options = options,
	.conf_size = sizeof(struct probe), .on_request = probe_on_request);
