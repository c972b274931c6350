/*
 * sink-probe: writes the records that it is given into a file, a line each:
 *
 *      NAME=KIND:NUMBER:TEXT, separated by 0x1f | 0x1e | the line in JSON | 0x1e | as configured
 *
 * and lines that begin with '#' for what else happens to it.
 */
#include <sluice/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WRITE, CRASH, MISUSE };

struct probe {
	sluice_str file;
	sluice_str gate; /* on_records() waits until there is such a file */
	sluice_str says;
	int32_t how;
	uint64_t slow; /* ms for each batch */
	FILE *to;
	const sluice_metric *seen;
	sluice_cache *cache;
};

static const char *const ways[] = { "write", "crash", "misuse", NULL };

#define P struct probe
static const sluice_option options[] = {
	SLUICE_OPTION(SLUICE_T_STR, P, file, .flags = SLUICE_F_REQUIRED, .doc = "where to write"),
	SLUICE_OPTION(SLUICE_T_STR, P, gate, .doc = "a file to wait for"),
	SLUICE_OPTION(SLUICE_T_STR, P, says, .def = "hello", .doc = "what it publishes"),
	SLUICE_OPTION(SLUICE_T_ENUM, P, how, .def = "write", .choices = ways, .doc = "what to do"),
	SLUICE_OPTION(SLUICE_T_DURATION, P, slow, .def = "0s", .doc = "time for a batch"),
	SLUICE_OPTIONS_END,
};

static int probe_check(sluice_instance *inst, void *conf)
{
	struct probe *p = conf;
	p->seen = sluice_metric_declare(inst,
		&(sluice_metric_desc){ .size = sizeof(sluice_metric_desc),
			.kind = SLUICE_METRIC_COUNTER,
			.name = "seen",
			.help = "Records." });
	p->cache = sluice_cache_open(inst,
		&(sluice_cache_desc){ .size = sizeof(sluice_cache_desc), .max_bytes = 1 << 20 });
	sluice_publish(inst, (void *)(uintptr_t)p->says.data, NULL);
	return p->seen && p->cache ? 0 : -1;
}

static int probe_start(sluice_instance *inst, void *conf)
{
	struct probe *p = conf;
	(void)inst;
	p->to = fopen(p->file.data, "a");
	return p->to ? 0 : -1;
}

static void probe_stop(sluice_instance *inst, void *conf)
{
	struct probe *p = conf;
	(void)inst;
	if (!p->to)
		return;
	fprintf(p->to, "#stop %s\n", p->says.data);
	(void)fclose(p->to);
}

static void on_timer(sluice_instance *inst, void *conf)
{
	(void)inst, (void)conf;
	abort();
}

/* What may be called here works; what may not does nothing. */
static void probe_services(sluice_instance *inst, const struct probe *p, sluice_log_batch *batch)
{
	sluice_str key = SLUICE_STR("k"), out;
	bool kept = sluice_object_put(p->cache, key,
		&(sluice_object_new){ .size = sizeof(sluice_object_new),
			.data = key,
			.ttl_ms = 60000 });
	sluice_object *o = sluice_object_get(p->cache, key);
	fprintf(p->to, "#cache %d %d clock %d line %zu\n", kept, o != NULL,
		sluice_now_ns() > 0 && sluice_unix_ms() > 0,
		sluice_log_line(batch, SLUICE_LOG_AS_JSON).len);
	sluice_object_release(o);
	sluice_timer(inst, 1, on_timer);
	sluice_publish(inst, NULL, NULL);
	if (sluice_conf_alloc(inst, 1) || sluice_read_file(inst, key, 1, &out) == 0 ||
		sluice_get(NULL, SLUICE_I_PATH).data || sluice_log_next(NULL))
		abort();
	fprintf(p->to, "#published %s\n", (const char *)sluice_log_published(batch));
}

static void probe_record(const struct probe *p, sluice_log_batch *batch, const sluice_log_record *r)
{
	for (size_t i = 0; i < r->n; i++)
		fprintf(p->to, "%s%s=%d:%lld:%.*s", i ? "\x1f" : "", r->v[i].name,
			(int)r->v[i].kind, (long long)r->v[i].number, (int)r->v[i].text.len,
			r->v[i].text.data);
	sluice_str line = sluice_log_line(batch, SLUICE_LOG_AS_JSON);
	fprintf(p->to, "\x1e%.*s", (int)line.len, line.data);
	line = sluice_log_line(batch, SLUICE_LOG_AS_CONFIGURED);
	fprintf(p->to, "\x1e%.*s\n", (int)line.len, line.data);
}

static void probe_on_records(sluice_instance *inst, const void *conf, sluice_log_batch *batch)
{
	const struct probe *p = conf;
	const sluice_log_record *r;
	size_t n = 0;
	if (p->how == CRASH)
		*(volatile int *)(uintptr_t)(n * 8) = 1;
	if (p->how == MISUSE)
		probe_services(inst, p, batch);
	while (p->gate.len && access(p->gate.data, F_OK) != 0)
		(void)usleep(10000);
	for (; (r = sluice_log_next(batch)); n++)
		probe_record(p, batch, r);
	sluice_metric_add(p->seen, SLUICE_STR(""), (int64_t)n);
	fprintf(p->to, "#batch %zu dropped %llu\n", n,
		(unsigned long long)sluice_log_dropped(batch));
	(void)fflush(p->to);
	if (p->slow)
		(void)usleep((useconds_t)p->slow * 1000);
}

SLUICE_PLUGIN("sink-probe", .version = "1.0", .summary = "write records into a file",
	.options = options, .conf_size = sizeof(struct probe), .check = probe_check,
	.start = probe_start, .stop = probe_stop, .on_records = probe_on_records);
