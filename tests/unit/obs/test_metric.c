/* obs/metric: the page is what Prometheus expects, and says what was counted. */
#include "obs/metric.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/series.h"

#include "unit.h"

/* The page as text. */
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

static void assert_line(const char *text, const char *want)
{
	size_t n = strlen(want);
	for (const char *p = strstr(text, want); p; p = strstr(p + 1, want)) {
		if ((p == text || p[-1] == '\n') && p[n] == '\n')
			return;
	}
	fail_msg("no line %s", want);
}

TEST(numbers)
{
	stat_add(STAT_CONNECTIONS_ACCEPTED, 3);
	stat_inc(STAT_REQUESTS_2XX);
	stat_inc(STAT_REQUESTS_ACTIVE);
	char *text = page();
	assert_line(text, "# TYPE sluice_connections_accepted_total counter");
	assert_line(text, "# HELP sluice_connections_accepted_total Client connections accepted.");
	assert_line(text, "sluice_connections_accepted_total 3");
	assert_line(text, "sluice_requests_total{status=\"2xx\"} 1");
	assert_line(text, "sluice_requests_total{status=\"none\"} 0");
	assert_line(text, "# TYPE sluice_requests_active gauge");
	assert_line(text, "sluice_requests_active 1");
	assert_line(text, "sluice_build_info{version=\"" SLUICE_VERSION "\"} 1");
	const char *rss = strstr(text, "\nprocess_resident_memory_bytes "),
		   *fds = strstr(text, "\nprocess_open_fds ");
	assert_true(rss && strtoull(rss + 31, NULL, 10) > 1 << 20);
	assert_true(
		fds && strtoull(fds + 18, NULL, 10) >= 3 && strtoull(fds + 18, NULL, 10) < 1000);
	free(text);
}

TEST(series)
{
	char *text = page();
	assert_null(strstr(text, "sluice_route_requests")); /* nothing of it yet: nothing said */
	free(text);
	series_id r = series_find(FAMILY_ROUTE_REQUESTS, STR("orders"), STR_NONE);
	series_id t = series_find(FAMILY_ROUTE_TIME, STR("orders"), STR_NONE);
	series_count_status(r, 200);
	series_count_status(r, 404);
	series_count_status(r, 404);
	series_observe(t, 700000);       /* in 1 ms */
	series_observe(t, 1500000000);   /* in 2 s */
	series_observe(t, 100000000000); /* above all */
	series_add(series_find(FAMILY_REFUSALS, STR("orders"), STR("no-route")), 7);
	series_add(series_find(FAMILY_PLUGIN_TIME, STR("login"), STR_NONE), 1234567890);
	text = page();
	assert_line(text, "# TYPE sluice_route_requests_total counter");
	assert_line(text, "sluice_route_requests_total{route=\"orders\",status=\"2xx\"} 1");
	assert_line(text, "sluice_route_requests_total{route=\"orders\",status=\"4xx\"} 2");
	assert_line(text, "# TYPE sluice_route_duration_seconds histogram");
	assert_line(text, "sluice_route_duration_seconds_bucket{route=\"orders\",le=\"0.0005\"} 0");
	assert_line(text, "sluice_route_duration_seconds_bucket{route=\"orders\",le=\"0.001\"} 1");
	assert_line(text, "sluice_route_duration_seconds_bucket{route=\"orders\",le=\"1\"} 1");
	assert_line(text, "sluice_route_duration_seconds_bucket{route=\"orders\",le=\"2\"} 2");
	assert_line(text, "sluice_route_duration_seconds_bucket{route=\"orders\",le=\"60\"} 2");
	assert_line(text, "sluice_route_duration_seconds_bucket{route=\"orders\",le=\"+Inf\"} 3");
	assert_line(text, "sluice_route_duration_seconds_sum{route=\"orders\"} 101.500700000");
	assert_line(text, "sluice_route_duration_seconds_count{route=\"orders\"} 3");
	assert_line(text, "sluice_refusals_total{route=\"orders\",reason=\"no-route\"} 7");
	assert_line(text, "sluice_plugin_busy_seconds_total{plugin=\"login\"} 1.234567890");
	free(text);
}

TEST(escapes)
{
	series_add(series_find(FAMILY_PLUGIN_CALLS, STR("a\\b\"c\nd\te\xff\xc3\xa9\x7f"), STR_NONE),
		1);
	char *text = page();
	assert_line(text, "sluice_plugin_calls_total{plugin=\"a\\\\b\\\"c\\nd?e?\xc3\xa9?\"} 1");
	free(text);
}

TEST(own)
{
	struct buf b;
	sluice_pair labels[] = { { STR("upstream"), STR("o") }, { STR("state"), STR("up") } };
	char text[512];
	buf_init(&b);
	metric_family(&b, "servers", METRIC_GAUGE, "Servers.");
	metric_sample(&b, "servers", METRIC_GAUGE, labels, 2, UINT64_MAX);
	metric_family(&b, "x", METRIC_COUNTER, "X.");
	metric_sample(&b, "x", METRIC_COUNTER, NULL, 0, 0);
	size_t n = b.len;
	buf_copy(&b, text, n);
	text[n] = 0;
	buf_fini(&b);
	assert_string_equal(text,
		"# HELP sluice_servers Servers.\n# TYPE sluice_servers gauge\n"
		"sluice_servers{upstream=\"o\",state=\"up\"} 18446744073709551615\n"
		"# HELP sluice_x_total X.\n# TYPE sluice_x_total counter\nsluice_x_total 0\n");
}

/* Every line of the page by the grammar: a family is said once, before its samples, and no sample
 * comes twice. */
TEST(grammar)
{
	char *text = page(), *save = text, *seen[4096];
	size_t n_seen = 0;
	char family[128] = "";
	for (char *line; *text && (line = text);) {
		text = strchr(line, '\n');
		assert_non_null(text);
		*text++ = 0;
		if (*line == '#') {
			bool is_help = strncmp(line, "# HELP ", 7) == 0;
			assert_true(is_help || strncmp(line, "# TYPE ", 7) == 0);
			size_t n = strcspn(line + 7, " ");
			assert_true(n < sizeof(family) && line[7 + n] == ' ' && line[8 + n]);
			if (!is_help) {
				assert_true(strncmp(family, line + 7, n) == 0 && family[n] == 0);
				continue;
			}
			memcpy(family, line + 7, n);
			family[n] = 0;
			for (size_t i = 0; i < n_seen; i++) /* no family comes back */
				assert_false(strncmp(seen[i], family, n) == 0 &&
					strchr("{ ", seen[i][n]));
			continue;
		}
		if (strncmp(line, family, strlen(family)) != 0)
			fail_msg("%s belongs to no family", line);
		char *value = strrchr(line, ' ');
		assert_non_null(value);
		*value++ = 0;
		assert_true(isdigit((unsigned char)*value) &&
			strspn(value, "0123456789.") == strlen(value));
		for (size_t i = 0; i < n_seen; i++)
			assert_string_not_equal(seen[i], line);
		assert_true(n_seen < sizeof(seen) / sizeof(seen[0]));
		seen[n_seen++] = line;
	}
	assert_true(n_seen > STAT_COUNT);
	free(save);
	buf_thread_fini();
}
