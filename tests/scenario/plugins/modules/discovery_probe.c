/* discovery-probe: find servers, or do what the options say. */
#include <sluice/plugin.h>
#include <sluice/str.h>

struct probe {
	int32_t does;
	sluice_str url;
	uint64_t after;
	char upstream[64];
	size_t len;
};

enum { NEVER, NONE, FAIL, BAD, FETCH, MANY };
static const char *const does[] = { "never", "none", "fail", "bad", "fetch", "many", NULL };

#define P struct probe
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_ENUM, P, does, .choices = does, .def = "never", .doc = "deed"),
	SLUICE_OPTION(SLUICE_T_STR, P, url, .doc = "whose body has an address in each line"),
	SLUICE_OPTION(SLUICE_T_DURATION, P, after, .def = "100ms", .doc = "time between sets"),
	SLUICE_OPTIONS_END,
};

static sluice_str name_of(const struct probe *p)
{
	return (sluice_str){ p->upstream, p->len };
}

static void on_timer(sluice_instance *inst, void *conf);

static void on_fetched(sluice_instance *inst, void *conf, const sluice_fetch_response *r)
{
	sluice_server_entry v[16];
	sluice_str rest = r->body;
	size_t n = 0;
	while (rest.len && n < sizeof(v) / sizeof(v[0]))
		v[n++] = (sluice_server_entry){ sluice_str_cut(&rest, '\n'), 1 };
	if (r->status == SLUICE_OK && r->code == 200)
		(void)sluice_servers_set(inst, name_of(conf), v, n);
	sluice_timer(inst, ((struct probe *)conf)->after, on_timer);
}

static void on_timer(sluice_instance *inst, void *conf)
{
	struct probe *p = conf;
	static sluice_server_entry v[10001];
	const sluice_fetch_request r = { .size = sizeof(r), .url = p->url };
	v[0] = (sluice_server_entry){ SLUICE_STR("nowhere"), 1 };
	if (p->does == FETCH) {
		(void)sluice_main_fetch(inst, &r, on_fetched);
		return;
	}
	if (p->does != NEVER)
		(void)sluice_servers_set(inst, name_of(p), v,
			p->does == NONE          ? 0
				: p->does == BAD ? 1
						 : sizeof(v) / sizeof(v[0]));
	sluice_timer(inst, p->after, on_timer);
}

static int discover(sluice_instance *inst, void *conf, sluice_str upstream)
{
	struct probe *p = conf;
	if (upstream.len > sizeof(p->upstream) || p->does == FAIL)
		return -1;
	memcpy(p->upstream, upstream.data, upstream.len);
	p->len = upstream.len;
	sluice_log(inst, SLUICE_LOG_INFO, "finds servers of %.*s", (int)upstream.len,
		upstream.data);
	on_timer(inst, conf);
	return 0;
}

SLUICE_PLUGIN("discovery-probe", .summary = "finds servers", .options = options,
	.conf_size = sizeof(struct probe), .discover = discover);
