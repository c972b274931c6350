/* fetch-probe: answer with what a fetch over an upstream brought. */
#include <sluice/plugin.h>
#include <sluice/str.h>

struct probe {
	const sluice_upstream *to;
	sluice_str url;
	uint64_t timeout;
	bool background, own;
	sluice_instance *inst;
};

#define P struct probe
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_UPSTREAM, P, to, .doc = "upstream"),
	SLUICE_OPTION(SLUICE_T_STR, P, url, .def = "/fetched?x=1", .doc = "path or URL"),
	SLUICE_OPTION(SLUICE_T_DURATION, P, timeout, .def = "5s", .doc = "of the fetch"),
	SLUICE_OPTION(SLUICE_T_BOOL, P, background, .doc = "whether the request goes on"),
	SLUICE_OPTION(SLUICE_T_BOOL, P, own, .doc = "whether the request's own upstream is asked"),
	SLUICE_OPTIONS_END,
};

static int check(sluice_instance *inst, void *conf)
{
	struct probe *p = conf;
	p->inst = inst;
	return 0;
}

static sluice_verdict fetched(sluice_exchange *x, const void *conf, const sluice_fetch_response *r)
{
	(void)conf;
	if (r->status != SLUICE_OK)
		return sluice_refuse(x, r->status == SLUICE_TIMEOUT ? 504 : 503, "fetch-failed",
			r->error);
	for (size_t i = 0; i < r->n_headers; i++) {
		if (sluice_str_ieq(r->headers[i].name, SLUICE_STR("location")))
			sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Location"),
				r->headers[i].value);
	}
	return sluice_reply(x, r->code == 200 ? 200 : 299, SLUICE_STR("text/plain"), r->body);
}

static void worked(sluice_work *k, const void *conf, const sluice_fetch_response *r)
{
	(void)conf;
	sluice_log(sluice_work_instance(k), SLUICE_LOG_WARN, "fetched: %d %d", (int)r->status,
		r->code);
}

static sluice_verdict on_request(sluice_exchange *x, const void *conf)
{
	const struct probe *p = conf;
	const sluice_fetch_request r = { .size = sizeof(r),
		.url = p->url,
		.timeout_ms = p->timeout,
		.upstream = p->to,
		.of_exchange = p->own };
	if (!p->background)
		return sluice_fetch(x, &r, fetched);
	return sluice_background(x, &r, worked) == 0 ? SLUICE_NEXT : SLUICE_FAIL;
}

SLUICE_PLUGIN("fetch-probe", .summary = "fetch over an upstream", .options = options,
	.conf_size = sizeof(struct probe), .check = check, .on_request = on_request);
