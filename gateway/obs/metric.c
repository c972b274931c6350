/* The metrics page. Main thread. */
#include "obs/metric.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/series.h"
#include "base/utf8.h"
#include "obs/declared.h"

enum { LINE_BYTES = 2048, LABELS_MAX = 4 };

__attribute__((format(printf, 2, 3))) static void metric_printf(struct buf *out, const char *fmt,
	...)
{
	char line[LINE_BYTES];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	check(n >= 0 && (size_t)n < sizeof(line), "a line of %d bytes", n);
	buf_append(out, line, (size_t)n);
}

/* Write a label's value: backslash, quote and newline are escaped; other control bytes and bytes
 * that are not UTF-8 become "?". */
static void metric_label_value(struct buf *out, sluice_str s)
{
	while (s.len) {
		size_t n = utf8_len(s.data, s.len);
		unsigned char c = (unsigned char)s.data[0];
		if (c == '\\' || c == '"')
			metric_printf(out, "\\%c", c);
		else if (c == '\n')
			buf_append(out, "\\n", 2);
		else if (n == 0 || c < 0x20 || c == 0x7f)
			buf_append(out, "?", 1);
		else
			buf_append(out, s.data, n);
		n = n ? n : 1;
		s = str_n(s.data + n, s.len - n);
	}
}

/* Write the start of a sample: its name, its labels and a blank. */
static void metric_start(struct buf *out, const char *name, const char *suffix,
	const sluice_pair *labels, size_t n)
{
	metric_printf(out, "sluice_%s%s", name, suffix);
	for (size_t i = 0; i < n; i++) {
		metric_printf(out, "%c%.*s=\"", i ? ',' : '{', STR_ARG(labels[i].name));
		metric_label_value(out, labels[i].value);
		buf_append(out, "\"", 1);
	}
	buf_append(out, n ? "} " : " ", n ? 2 : 1);
}

static const char *metric_suffix(enum metric_type type)
{
	return type == METRIC_COUNTER ? "_total" : "";
}

static void metric_head(struct buf *out, const char *name, const char *suffix, const char *type,
	const char *help)
{
	metric_printf(out, "# HELP sluice_%s%s %s\n# TYPE sluice_%s%s %s\n", name, suffix, help,
		name, suffix, type);
}

void metric_family(struct buf *out, const char *name, enum metric_type type, const char *help)
{
	metric_head(out, name, metric_suffix(type), type == METRIC_COUNTER ? "counter" : "gauge",
		help);
}

void metric_sample(struct buf *out, const char *name, enum metric_type type,
	const sluice_pair *labels, size_t n, uint64_t v)
{
	metric_start(out, name, metric_suffix(type), labels, n);
	metric_printf(out, "%llu\n", (unsigned long long)v);
}

void metric_sample_us(struct buf *out, const char *name, const sluice_pair *labels, size_t n,
	uint64_t us)
{
	metric_start(out, name, metric_suffix(METRIC_GAUGE), labels, n);
	metric_printf(out, "%llu.%06llu\n", (unsigned long long)(us / 1000000),
		(unsigned long long)(us % 1000000));
}

/* ---- numbers of the process ---------------------------------------------------------------- */

static void metric_stats(struct buf *out)
{
	const char *last = "";
	for (unsigned i = 0; i < STAT_COUNT; i++) {
		const struct stat_info *s = stat_info((enum stat_id)i);
		enum metric_type type = s->kind == STAT_COUNTER ? METRIC_COUNTER : METRIC_GAUGE;
		sluice_pair label = { str_of(s->label), str_of(s->value) };
		if (strcmp(last, s->name) != 0)
			metric_family(out, s->name, type, s->help);
		last = s->name;
		metric_sample(out, s->name, type, &label, label.name.len != 0,
			stat_read((enum stat_id)i));
	}
}

/* Write what the system counts for the process, with the names that Prometheus client libraries
 * use. */
static void metric_process(struct buf *out)
{
	struct rusage u;
	unsigned long long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (f) {
		char text[128] = "";
		sluice_str rest = str_n(text, fread(text, 1, sizeof(text) - 1, f));
		uint64_t v = 0;
		(void)str_cut(&rest, ' ');
		pages = str_u64(str_cut(&rest, ' '), &v) ? v : 0;
		(void)fclose(f);
	}
	unsigned n_fds = 0;
	DIR *d = opendir("/proc/self/fd");
	if (d) {
		while (readdir(d))
			n_fds++;
		(void)closedir(d);
		n_fds = n_fds > 3 ? n_fds - 3 : 0; /* ".", ".." and the descriptor of this folder */
	}
	(void)getrusage(RUSAGE_SELF, &u);
	long us = u.ru_utime.tv_usec + u.ru_stime.tv_usec;
	metric_printf(out,
		"# HELP process_cpu_seconds_total User and system CPU time.\n"
		"# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %ld.%06ld\n",
		u.ru_utime.tv_sec + u.ru_stime.tv_sec + us / 1000000, us % 1000000);
	metric_printf(out,
		"# HELP process_resident_memory_bytes Memory in use.\n"
		"# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %llu\n",
		pages * (unsigned long long)sysconf(_SC_PAGESIZE));
	metric_printf(out,
		"# HELP process_open_fds Open descriptors.\n"
		"# TYPE process_open_fds gauge\nprocess_open_fds %u\n",
		n_fds);
	metric_printf(out,
		"# HELP sluice_build_info The version of the gateway.\n"
		"# TYPE sluice_build_info gauge\nsluice_build_info{version=\"%s\"} 1\n",
		SLUICE_VERSION);
}

/* ---- series -------------------------------------------------------------------------------- */

struct metric_series {
	struct buf *out;
	const struct family_info *family;
	bool begun; /* HELP and TYPE are out; not written for a family without series */
};

static const char *const classes[SERIES_CLASS_COUNT] = { "none", "1xx", "2xx", "3xx", "4xx",
	"5xx" };

static void metric_histogram(struct buf *out, const char *name, const struct series_view *v,
	sluice_pair *labels, size_t n)
{
	char bound[32];
	uint64_t count = 0;
	labels[n].name = STR("le");
	for (unsigned i = 0; i <= SERIES_BUCKETS; i++) {
		count += v->cells[i];
		if (i < SERIES_BUCKETS)
			(void)snprintf(bound, sizeof(bound), "%.10g",
				(double)series_bounds_ns[i] / 1e9);
		labels[n].value = i < SERIES_BUCKETS ? str_of(bound) : STR("+Inf");
		metric_start(out, name, "_bucket", labels, n + 1);
		metric_printf(out, "%llu\n", (unsigned long long)count);
	}
	uint64_t ns = v->cells[SERIES_BUCKETS + 1];
	metric_start(out, name, "_sum", labels, n);
	metric_printf(out, "%llu.%09llu\n", (unsigned long long)(ns / 1000000000),
		(unsigned long long)(ns % 1000000000));
	metric_start(out, name, "_count", labels, n);
	metric_printf(out, "%llu\n", (unsigned long long)count);
}

static void metric_one_series(void *ctx, const struct series_view *v)
{
	static const char *const types[] = { [SERIES_COUNTER] = "counter",
		[SERIES_TIME] = "counter",
		[SERIES_GAUGE] = "gauge",
		[SERIES_CLASSES] = "counter",
		[SERIES_HISTOGRAM] = "histogram" };
	struct metric_series *m = ctx;
	const struct family_info *f = m->family;
	const char *suffix = strcmp(types[f->kind], "counter") == 0 ? "_total" : "";
	sluice_pair labels[LABELS_MAX];
	size_t n = 0;

	if (!m->begun)
		metric_head(m->out, f->name, suffix, types[f->kind], f->help);
	m->begun = true;
	for (unsigned i = 0; i < 2 && f->labels[i][0]; i++)
		labels[n++] = (sluice_pair){ str_of(f->labels[i]), v->values[i] };
	switch (f->kind) {
	case SERIES_COUNTER:
	case SERIES_GAUGE:
		metric_start(m->out, f->name, suffix, labels, n);
		metric_printf(m->out, "%llu\n", (unsigned long long)v->cells[0]);
		break;
	case SERIES_TIME:
		metric_start(m->out, f->name, suffix, labels, n);
		metric_printf(m->out, "%llu.%09llu\n",
			(unsigned long long)(v->cells[0] / 1000000000),
			(unsigned long long)(v->cells[0] % 1000000000));
		break;
	case SERIES_CLASSES:
		labels[n].name = STR("status");
		for (unsigned i = 0; i < SERIES_CLASS_COUNT; i++) {
			labels[n].value = str_of(classes[i]);
			metric_start(m->out, f->name, suffix, labels, n + 1);
			metric_printf(m->out, "%llu\n", (unsigned long long)v->cells[i]);
		}
		break;
	case SERIES_HISTOGRAM:
		metric_histogram(m->out, f->name, v, labels, n);
		break;
	}
}

/* ---- metrics of plugins -------------------------------------------------------------------- */

struct metric_declared {
	struct buf *out;
	const struct declared_family *family;
	bool begun; /* as of series */
};

/* A value or a bound as it is shown. */
static void declared_text(char out[64], const struct declared_family *f, int64_t v)
{
	if (f->divisor == 1)
		(void)snprintf(out, 64, "%lld", (long long)v);
	else
		(void)snprintf(out, 64, "%.15g", (double)v / (double)f->divisor);
}

static void declared_histogram(struct buf *out, const struct declared_family *f,
	const struct declared_view *v, sluice_pair *labels, size_t n)
{
	char text[64];
	uint64_t count = 0;
	labels[n].name = STR("le");
	for (unsigned i = 0; i <= f->n_bounds; i++) {
		count += v->cells[i];
		if (i < f->n_bounds)
			declared_text(text, f, (int64_t)f->bounds[i]);
		labels[n].value = i < f->n_bounds ? str_of(text) : STR("+Inf");
		metric_start(out, f->name, "_bucket", labels, n + 1);
		metric_printf(out, "%llu\n", (unsigned long long)count);
	}
	declared_text(text, f, (int64_t)v->cells[f->n_bounds + 1]);
	metric_start(out, f->name, "_sum", labels, n);
	metric_printf(out, "%s\n", text);
	metric_start(out, f->name, "_count", labels, n);
	metric_printf(out, "%llu\n", (unsigned long long)count);
}

static void metric_declared_sample(void *ctx, const struct declared_view *v)
{
	static const char *const types[] = { [SLUICE_METRIC_COUNTER] = "counter",
		[SLUICE_METRIC_GAUGE] = "gauge",
		[SLUICE_METRIC_HISTOGRAM] = "histogram" };
	struct metric_declared *m = ctx;
	const struct declared_family *f = m->family;
	const char *suffix = f->kind == SLUICE_METRIC_COUNTER ? "_total" : "";
	sluice_pair labels[LABELS_MAX] = { { STR("instance"), v->instance } };
	size_t n = 1;
	char text[64];

	if (!m->begun)
		metric_head(m->out, f->name, suffix, types[f->kind], f->help);
	m->begun = true;
	if (f->label[0])
		labels[n++] = (sluice_pair){ str_of(f->label), v->value };
	if (f->kind == SLUICE_METRIC_HISTOGRAM) {
		declared_histogram(m->out, f, v, labels, n);
		return;
	}
	declared_text(text, f, (int64_t)v->cells[0]);
	metric_start(m->out, f->name, suffix, labels, n);
	metric_printf(m->out, "%s\n", text);
}

static void metric_declared(void *ctx, const struct declared_family *f)
{
	struct metric_declared m = { .out = ctx, .family = f };
	declared_each_sample(f, metric_declared_sample, &m);
}

void metric_write(struct buf *out)
{
	metric_process(out);
	metric_stats(out);
	for (unsigned f = 0; f < FAMILY_COUNT; f++) {
		struct metric_series m = { .out = out, .family = family_info((enum family)f) };
		series_each((enum family)f, metric_one_series, &m);
	}
	declared_each(metric_declared, out);
}
