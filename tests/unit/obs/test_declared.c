/* obs/declared: what may be declared, what is counted, and how the page shows it. */
#include "obs/declared.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "obs/metric.h"

#include "unit.h"

static const uint64_t bounds[] = { 1000, 5000, 1000000 };

static char *page(void)
{
	struct buf b;
	buf_init(&b);
	metric_write(&b);
	char *text = malloc(b.len + 1);
	buf_copy(&b, text, b.len);
	text[b.len] = 0;
	buf_fini(&b);
	return text;
}

static void assert_page(const char *want, bool there)
{
	char *text = page();
	bool found = false;
	size_t n = strlen(want);
	for (const char *p = strstr(text, want); p && !found; p = strstr(p + 1, want))
		found = (p == text || p[-1] == '\n') && p[n] == '\n';
	if (found != there)
		fail_msg("%s: %s\n%s", there ? "no line" : "a line", want, text);
	free(text);
}

static struct sluice_metric_desc desc(sluice_metric_kind kind, const char *name, const char *label)
{
	return (struct sluice_metric_desc){ .size = sizeof(struct sluice_metric_desc),
		.kind = kind,
		.name = name,
		.help = "A sentence.",
		.label = label };
}

static const struct sluice_metric *declared(const char *plugin, const char *instance,
	struct sluice_metric_desc d)
{
	const char *why = NULL;
	const struct sluice_metric *m = declared_get(plugin, str_of(instance), &d, &why);
	if (!m)
		fail_msg("%s", why);
	return m;
}

static void assert_refused(const char *plugin, struct sluice_metric_desc d, const char *want)
{
	const char *why = NULL;
	assert_null(declared_get(plugin, STR("i"), &d, &why));
	if (!strstr(why, want))
		fail_msg("%s: not \"%s\"", why, want);
}

TEST(counters_and_gauges)
{
	const struct sluice_metric *hits = declared("a-b", "one",
					   desc(SLUICE_METRIC_COUNTER, "hits", NULL)),
				   *size = declared("a-b", "one",
					   desc(SLUICE_METRIC_GAUGE, "size", "of"));
	assert_page("sluice_plugin_a_b_hits_total{instance=\"one\"} 0", true);
	declared_add(hits, STR("ignored"), 3);
	declared_add(size, STR("x"), 5);
	declared_add(size, STR("x"), (uint64_t)-7);
	declared_set(size, STR("y\"\n\\"), 9);
	declared_set(size, STR("y\"\n\\"), 4);
	assert_page("# TYPE sluice_plugin_a_b_hits_total counter", true);
	assert_page("# HELP sluice_plugin_a_b_hits_total A sentence.", true);
	assert_page("sluice_plugin_a_b_hits_total{instance=\"one\"} 3", true);
	assert_page("sluice_plugin_a_b_size{instance=\"one\",of=\"x\"} -2", true);
	assert_page("sluice_plugin_a_b_size{instance=\"one\",of=\"y\\\"\\n\\\\\"} 4", true);
	/* declared anew, as after a reload, it goes on */
	assert_ptr_equal(declared("a-b", "one", desc(SLUICE_METRIC_COUNTER, "hits", NULL)), hits);
	declared_add(hits, STR_NONE, 1);
	assert_page("sluice_plugin_a_b_hits_total{instance=\"one\"} 4", true);
}

TEST(instances_share_a_family)
{
	const struct sluice_metric *m[2] = { declared("shared", "one",
						     desc(SLUICE_METRIC_COUNTER, "n", NULL)),
		declared("shared", "two", desc(SLUICE_METRIC_COUNTER, "n", NULL)) };
	declared_add(m[0], STR_NONE, 1);
	declared_add(m[1], STR_NONE, 2);
	assert_page("sluice_plugin_shared_n_total{instance=\"one\"} 1", true);
	assert_page("sluice_plugin_shared_n_total{instance=\"two\"} 2", true);
	char *text = page();
	const char *head = strstr(text, "# TYPE sluice_plugin_shared_n_total");
	assert_non_null(head);
	assert_null(strstr(head + 1, "# TYPE sluice_plugin_shared_n_total"));
	free(text);
}

TEST(histograms)
{
	struct sluice_metric_desc d = desc(SLUICE_METRIC_HISTOGRAM, "seconds", "to");
	d.bounds = bounds;
	d.n_bounds = 3;
	d.divisor = 1000000;
	const struct sluice_metric *m = declared("h", "i", d);
	assert_page("# TYPE sluice_plugin_h_seconds histogram", false); /* nothing of it yet */
	declared_observe(m, STR("x"), 1000);
	declared_observe(m, STR("x"), 1001);
	declared_observe(m, STR("x"), 2000000);
	assert_page("# TYPE sluice_plugin_h_seconds histogram", true);
	assert_page("sluice_plugin_h_seconds_bucket{instance=\"i\",to=\"x\",le=\"0.001\"} 1", true);
	assert_page("sluice_plugin_h_seconds_bucket{instance=\"i\",to=\"x\",le=\"0.005\"} 2", true);
	assert_page("sluice_plugin_h_seconds_bucket{instance=\"i\",to=\"x\",le=\"1\"} 2", true);
	assert_page("sluice_plugin_h_seconds_bucket{instance=\"i\",to=\"x\",le=\"+Inf\"} 3", true);
	assert_page("sluice_plugin_h_seconds_sum{instance=\"i\",to=\"x\"} 2.002001", true);
	assert_page("sluice_plugin_h_seconds_count{instance=\"i\",to=\"x\"} 3", true);
}

TEST(values_beyond_the_bound_are_other)
{
	const struct sluice_metric *m =
		declared("many", "i", desc(SLUICE_METRIC_COUNTER, "n", "who"));
	char value[300];
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < DECLARED_VALUES + 50; i++) {
			(void)snprintf(value, sizeof(value), "v%d", i);
			declared_add(m, str_of(value), 1);
		}
	}
	assert_page("sluice_plugin_many_n_total{instance=\"i\",who=\"v0\"} 2", true);
	assert_page("sluice_plugin_many_n_total{instance=\"i\",who=\"v99\"} 2", true);
	assert_page("sluice_plugin_many_n_total{instance=\"i\",who=\"v100\"} 2", false);
	assert_page("sluice_plugin_many_n_total{instance=\"i\",who=\"other\"} 100", true);
	/* another instance has values of its own, and long ones are cut */
	const struct sluice_metric *two =
		declared("many", "two", desc(SLUICE_METRIC_COUNTER, "n", "who"));
	memset(value, 'x', sizeof(value));
	declared_add(two, str_n(value, 200), 1);
	declared_add(two, str_n(value, 300), 1);
	char line[400];
	(void)snprintf(line, sizeof(line),
		"sluice_plugin_many_n_total{instance=\"two\",who=\"%.*s\"} 2", SERIES_LABEL_BYTES,
		value);
	assert_page(line, true);
}

TEST(instances_beyond_the_bound_are_other)
{
	char name[16];
	for (int i = 0; i < DECLARED_INSTANCES + 3; i++) {
		(void)snprintf(name, sizeof(name), "i%d", i);
		declared_add(declared("crowd", name, desc(SLUICE_METRIC_COUNTER, "n", NULL)),
			STR_NONE, 1);
	}
	assert_page("sluice_plugin_crowd_n_total{instance=\"i63\"} 1", true);
	assert_page("sluice_plugin_crowd_n_total{instance=\"i64\"} 1", false);
	assert_page("sluice_plugin_crowd_n_total{instance=\"other\"} 3", true);
}

TEST(what_cannot_be_declared)
{
	struct sluice_metric_desc d = desc(SLUICE_METRIC_COUNTER, "good", NULL);
	(void)declared("p", "i", d);
	static const char *const names[] = { NULL, "", "Upper", "a-b", "1a", "_a", "a_total",
		"a123456789b123456789c123456789d123456789e123456789f123456789g1234" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_refused("p", desc(SLUICE_METRIC_COUNTER, names[i], NULL), "a metric's name");
	static const char *const labels[] = { "", "Le", "le", "instance", "a b" };
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		assert_refused("p", desc(SLUICE_METRIC_COUNTER, "x", labels[i]), "a label's name");
	assert_refused("p", desc((sluice_metric_kind)3, "x", NULL), "no such kind");
	d.help = "two\nlines";
	assert_refused("p", d, "sentence of help");
	d.help = NULL;
	assert_refused("p", d, "sentence of help");
	assert_refused("p", desc(SLUICE_METRIC_GAUGE, "good", NULL), "declared otherwise");
	assert_refused("p", desc(SLUICE_METRIC_COUNTER, "good", "l"), "declared otherwise");
	(void)declared("p-q", "i", desc(SLUICE_METRIC_COUNTER, "good", NULL));
	assert_refused("p_q", desc(SLUICE_METRIC_COUNTER, "good", NULL),
		"by an instance of plugin");
	assert_refused("busy", desc(SLUICE_METRIC_COUNTER, "seconds", NULL), "the gateway has");
	d = desc(SLUICE_METRIC_HISTOGRAM, "h", NULL);
	assert_refused("p", d, "1 to 32 bounds");
	static const uint64_t wrong[] = { 1, 1 };
	d.bounds = wrong;
	d.n_bounds = 2;
	assert_refused("p", d, "bounds must grow");
	d.n_bounds = 33;
	assert_refused("p", d, "1 to 32 bounds");
	d.n_bounds = 1;
	d.kind = SLUICE_METRIC_GAUGE;
	assert_refused("p", d, "only a histogram");
}

/* ---- threads ------------------------------------------------------------------------------- */

enum { THREADS = 4, TIMES = 2000 };

static void *count(void *arg)
{
	const struct sluice_metric *const *m = arg;
	char value[8];
	stat_thread_init();
	for (int i = 0; i < TIMES; i++) {
		(void)snprintf(value, sizeof(value), "%d", i % 150);
		declared_add(m[0], str_of(value), 1);
		declared_set(m[1], STR_NONE, i);
	}
	stat_thread_fini();
	return NULL;
}

TEST(threads_count_together)
{
	const struct sluice_metric *m[2] = { declared("threads", "i",
						     desc(SLUICE_METRIC_COUNTER, "n", "v")),
		declared("threads", "i", desc(SLUICE_METRIC_GAUGE, "last", NULL)) };
	pthread_t t[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, count, (void *)m), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	char *text = page();
	uint64_t sum = 0;
	for (const char *p = text; (p = strstr(p, "sluice_plugin_threads_n_total{")); p++)
		sum += strtoull(strstr(p, "} ") + 2, NULL, 10);
	assert_int_equal(sum, THREADS * TIMES);
	free(text);
	assert_page("sluice_plugin_threads_last{instance=\"i\"} 7996", true);
}
