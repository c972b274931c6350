/* error-pages in the kit: which page a client gets, what stands in it, and maintenance. */
#include <string.h>

#include "kit.h"
#include "media.h"
#include "pages.h"
#include "test.h"
#include "text.h"

extern const sluice_plugin sluice_plugin_record;

#define BROWSER "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
#define PAGES                                                                          \
	"[{status: 404, file: missing.html}, {status: [4xx, 5xx], file: error.html}, " \
	"{status: [404, 502-504], text: \"{{status}} {{title}}\\n\"}]"
#define PROBLEM "application/problem+json"

static sluice_instance *i;

static void start(const char *option, const char *value)
{
	kit_reset();
	kit_file("missing.html", "<p>{{path}} is not here: {{ title }} { color: red } {{{code}}}");
	kit_file("error.html", "<p>{{status}} {{request_id}}");
	i = kit_instance(&sluice_plugin_record, "pages", PAGES, option, value, NULL);
	kit_start(i);
}

static int begin(void **state)
{
	(void)state;
	start(NULL, NULL);
	return 0;
}

static int end(void **state)
{
	(void)state;
	kit_stop(i);
	return 0;
}

static const char *header(sluice_exchange *x, const char *name)
{
	return kit_header(x, SLUICE_RESPONSE, name);
}

enum whose { GATEWAYS, UPSTREAMS, ROUTES };

/* The response to a client that says accept; type may be NULL: there is no body. */
static sluice_exchange *answered(enum whose whose, int status, const char *accept, const char *type)
{
	sluice_exchange *x = kit_exchange(i, "GET", "/a&b?c=<d>");
	if (accept)
		kit_add_header(x, SLUICE_REQUEST, "Accept", accept);
	assert_int_equal(kit_run(x), SLUICE_NEXT);
	if (whose == GATEWAYS)
		kit_set_info(x, SLUICE_I_REASON, "no-route");
	else if (whose == UPSTREAMS)
		kit_set_number(x, SLUICE_N_UPSTREAM_STATUS, status);
	if (type)
		kit_add_header(x, SLUICE_RESPONSE, "Content-Type", type);
	kit_add_header(x, SLUICE_RESPONSE, "Content-Encoding", "gzip");
	kit_add_header(x, SLUICE_RESPONSE, "ETag", "\"a\"");
	kit_add_header(x, SLUICE_RESPONSE, "Retry-After", "7");
	assert_int_equal(kit_response(x, status), SLUICE_NEXT);
	if (kit_body_wanted(x, SLUICE_RESPONSE)) {
		assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "what was ", 9, false),
			SLUICE_NEXT);
		assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "there", 5, true), SLUICE_NEXT);
	}
	return x;
}

/* What the client gets: the body, or "stays". */
static void gets(enum whose whose, int status, const char *accept, const char *type,
	const char *expected)
{
	sluice_exchange *x = answered(whose, status, accept, type);
	bool is_page = kit_body_wanted(x, SLUICE_RESPONSE);
	const char *body = is_page ? kit_body_out(x, SLUICE_RESPONSE, NULL) : "stays";
	if (strcmp(body, expected) != 0)
		fail_msg("%d, Accept: %s: \"%s\", not \"%s\"", status, accept, body, expected);
	assert_int_equal(header(x, "ETag") == NULL, is_page);
	assert_int_equal(header(x, "Content-Encoding") == NULL, is_page);
	assert_string_equal(header(x, "Retry-After"), "7");
	kit_end(x);
}

TEST_WITH(who_gets_a_page, begin, end)
{
	const char *missing = "<p>/a&amp;b is not here: Not Found { color: red } {no-route}";
	gets(GATEWAYS, 404, BROWSER, PROBLEM, missing);
	gets(GATEWAYS, 410, BROWSER, PROBLEM, "<p>410 request-id");
	gets(GATEWAYS, 502, BROWSER, PROBLEM, "<p>502 request-id");
	/* programs */
	gets(GATEWAYS, 404, NULL, PROBLEM, "stays");
	gets(GATEWAYS, 404, "*/*", PROBLEM, "stays");
	gets(GATEWAYS, 404, "application/json", PROBLEM, "stays");
	gets(GATEWAYS, 404, "application/json, text/plain, */*", PROBLEM, "stays");
	gets(GATEWAYS, 404, "text/html;q=0.9, application/json", PROBLEM, "stays");
	gets(GATEWAYS, 404, "text/html;q=0", PROBLEM, "stays");
	gets(GATEWAYS, 404, "image/png", PROBLEM, "stays");
	/* weights */
	gets(GATEWAYS, 404, "text/html, text/plain;q=0.9", PROBLEM, missing);
	gets(GATEWAYS, 404, "text/html;q=0.5, text/plain;q=0.9", PROBLEM, "404 Not Found\n");
	gets(GATEWAYS, 404, "text/*, text/html;q=0.1", PROBLEM, "404 Not Found\n");
	gets(GATEWAYS, 503, "text/plain", PROBLEM, "503 Service Unavailable\n");
	gets(GATEWAYS, 500, "text/plain", PROBLEM, "stays");
	/* others' answers */
	gets(UPSTREAMS, 404, BROWSER, "text/html", "stays");
	gets(ROUTES, 404, BROWSER, "text/html", "stays");
	gets(ROUTES, 404, BROWSER, NULL, "<p>/a&amp;b is not here: Not Found { color: red } {}");
	gets(GATEWAYS, 200, BROWSER, PROBLEM, "stays");
}

TEST_WITH(heads, begin, end)
{
	sluice_exchange *x = answered(GATEWAYS, 404, BROWSER, PROBLEM);
	assert_string_equal(header(x, "Content-Type"), "text/html; charset=utf-8");
	assert_string_equal(header(x, "Vary"), "Accept");
	kit_end(x);
	x = answered(GATEWAYS, 404, "text/plain", PROBLEM);
	assert_string_equal(header(x, "Content-Type"), "text/plain; charset=utf-8");
	kit_end(x);
	x = answered(GATEWAYS, 404, "*/*", PROBLEM);
	assert_string_equal(header(x, "Content-Type"), PROBLEM);
	assert_string_equal(header(x, "Vary"), "Accept");
	kit_end(x);
	assert_string_equal(kit_log(), "");
}

TEST(answers_of_upstreams)
{
	start("upstream", "pages");
	gets(UPSTREAMS, 502, BROWSER, "text/html", "<p>502 request-id");
	gets(UPSTREAMS, 502, BROWSER, "TEXT/plain; charset=x", "<p>502 request-id");
	gets(UPSTREAMS, 502, BROWSER, NULL, "<p>502 request-id");
	gets(UPSTREAMS, 502, BROWSER, "application/json", "stays");
	gets(UPSTREAMS, 502, BROWSER, PROBLEM, "stays");
	gets(UPSTREAMS, 502, "application/json", "text/html", "stays");
	kit_stop(i);
	start("upstream", "all");
	gets(UPSTREAMS, 502, BROWSER, "application/json", "<p>502 request-id");
	gets(UPSTREAMS, 502, "*/*", "application/json", "<p>502 request-id");
	gets(UPSTREAMS, 502, "application/json", "application/json", "stays");
	gets(UPSTREAMS, 502, "application/json, text/html;q=0.5", "application/json", "stays");
	kit_stop(i);
}

TEST(pages_for_all)
{
	kit_reset();
	i = kit_instance(&sluice_plugin_record, "pages",
		"[{status: 5xx, text: '{\"error\": \"{{title}}\", \"at\": \"{{path}}\"}', type: "
		"application/json, always: true}]",
		NULL);
	kit_start(i);
	const char *text = "{\"error\": \"Bad Gateway\", \"at\": \"/a\\u0026b\"}";
	gets(GATEWAYS, 502, NULL, PROBLEM, text);
	gets(GATEWAYS, 502, "image/png", PROBLEM, text);
	gets(GATEWAYS, 502, BROWSER, PROBLEM, text);
	gets(GATEWAYS, 404, NULL, PROBLEM, "stays");
	gets(UPSTREAMS, 502, NULL, PROBLEM, "stays");
	kit_stop(i);
}

TEST(without_pages_there_is_one)
{
	kit_reset();
	i = kit_instance(&sluice_plugin_record, NULL);
	kit_start(i);
	sluice_exchange *x = answered(GATEWAYS, 418, BROWSER, PROBLEM);
	assert_non_null(strstr(kit_body_out(x, SLUICE_RESPONSE, NULL), "<h1>Request Refused</h1>"));
	kit_end(x);
	gets(GATEWAYS, 404, "*/*", PROBLEM, "stays");
	kit_stop(i);
}

TEST_WITH(an_exchange_without_memory, begin, end)
{
	unsigned failed = 0, done = 0;
	for (size_t budget = 0; budget < 6000; budget += 16) {
		sluice_exchange *x = kit_exchange(i, "GET", "/");
		kit_add_header(x, SLUICE_REQUEST, "Accept", BROWSER);
		kit_set_info(x, SLUICE_I_REASON, "no-route");
		kit_add_header(x, SLUICE_RESPONSE, "Content-Type", PROBLEM);
		kit_set_budget(x, budget);
		sluice_verdict v = kit_run(x);
		if (v == SLUICE_NEXT)
			v = kit_response(x, 404);
		if (v == SLUICE_NEXT)
			v = kit_body_in(x, SLUICE_RESPONSE, "", 0, true);
		failed += v != SLUICE_NEXT;
		done += v == SLUICE_NEXT;
		kit_end(x);
	}
	assert_true(failed > 0 && done > 0);
}

/* ---- text ---------------------------------------------------------------------------------- */

static void escaped(const char *value, enum text_escape how, const char *expected)
{
	char out[100];
	sluice_str v = sluice_str_of(value);
	*text_put(out, v, how) = 0;
	assert_string_equal(out, expected);
	assert_int_equal(text_escaped(v, how), strlen(expected));
}

TEST(values_are_escaped)
{
	escaped("<script>'\"&", ESCAPE_MARKUP, "&lt;script&gt;&#39;&#34;&amp;");
	escaped("a\"\\</b>", ESCAPE_JSON, "a\\u0022\\u005c\\u003c/b\\u003e");
	escaped("a<b\n\xe9", ESCAPE_NONE, "a<b??");
	escaped("\x01\n", ESCAPE_MARKUP, "??");
}

TEST(statuses)
{
	static const char *const none[] = { "", "40", "4044", "399", "600", "6xx", "4XX", "404-",
		"-404", "404-403", "404-600", "40x", "404 " };
	bool at[STATUSES] = { false };
	for (size_t k = 0; k < sizeof(none) / sizeof(none[0]); k++)
		assert_false(status_read(sluice_str_of(none[k]), at));
	for (size_t k = 0; k < STATUSES; k++)
		assert_false(at[k]);
	assert_true(status_read(SLUICE_STR("404"), at) && status_read(SLUICE_STR("500-502"), at));
	for (size_t k = 0; k < STATUSES; k++)
		assert_int_equal(at[k], k == 4 || (k >= 100 && k <= 102));
	assert_true(status_read(SLUICE_STR("4xx"), at) && status_read(SLUICE_STR("599"), at));
	assert_true(at[0] && at[99] && at[199] && !at[103]);
}

/* ---- maintenance --------------------------------------------------------------------------- */

static bool is_refused(const char *path, const char *address)
{
	sluice_exchange *x = kit_exchange(i, "GET", path);
	kit_set_info(x, SLUICE_I_CLIENT_IP, address);
	bool is = kit_run(x) == SLUICE_REPLY;
	if (is) {
		assert_int_equal(kit_status(x), 503);
		assert_string_equal(kit_code(x), "maintenance");
		assert_string_equal(header(x, "Retry-After"), "90");
		assert_string_equal(header(x, "Cache-Control"), "no-store");
	}
	kit_end(x);
	return is;
}

TEST(maintenance)
{
	kit_reset();
	i = kit_instance(&sluice_plugin_record, "maintenance.enabled", "true",
		"maintenance.retry_after", "90s", "maintenance.except",
		"{paths: [/health, /assets/*], addresses: [192.0.2.7, 10.0.0.0/8, "
		"\"2001:db8::/32\"]}",
		NULL);
	kit_start(i);
	assert_true(is_refused("/", "203.0.113.7"));
	assert_true(is_refused("/healthy", "203.0.113.7"));
	assert_true(is_refused("/assets", "203.0.113.7"));
	assert_false(is_refused("/health", "203.0.113.7"));
	assert_false(is_refused("/assets/a/b.css", "203.0.113.7"));
	assert_false(is_refused("/", "192.0.2.7"));
	assert_true(is_refused("/", "192.0.2.8"));
	assert_false(is_refused("/", "10.255.0.1"));
	assert_true(is_refused("/", "11.0.0.1"));
	assert_false(is_refused("/", "2001:db8:1::1"));
	assert_true(is_refused("/", "2001:db9::1"));
	assert_true(is_refused("/", "unix"));
	kit_stop(i);
}

TEST(maintenance_by_a_file)
{
	kit_reset();
	i = kit_instance(&sluice_plugin_record, "maintenance.file", "closed",
		"maintenance.retry_after", "90s", NULL);
	kit_start(i);
	assert_false(is_refused("/", "203.0.113.7"));
	kit_file("closed", "");
	kit_advance(1000);
	assert_true(is_refused("/", "203.0.113.7"));
	assert_non_null(strstr(kit_log(), "maintenance is on: closed is there"));
	kit_advance(5000);
	assert_string_equal(kit_log(), "");
	kit_file("closed", NULL);
	kit_advance(1000);
	assert_false(is_refused("/", "203.0.113.7"));
	kit_stop(i);
	/* there from the first request on */
	kit_reset();
	kit_file("closed", "x");
	i = kit_instance(&sluice_plugin_record, "maintenance.file", "closed",
		"maintenance.retry_after", "90s", NULL);
	kit_start(i);
	assert_true(is_refused("/", "203.0.113.7"));
	kit_stop(i);
}

/* ---- configuration ------------------------------------------------------------------------- */

static void refused(const char *option, const char *value, const char *says)
{
	kit_reset();
	kit_file("a.html", "{{stauts}}");
	kit_file("b", "text");
	i = kit_instance(&sluice_plugin_record, option, value, NULL);
	assert_int_equal(kit_check(i), -1);
	if (!strstr(kit_errors(i), says))
		fail_msg("%s: %s: %s", option, value, kit_errors(i));
	kit_stop(i);
}

TEST(mistakes)
{
	refused("pages", "[{status: 200, text: a}]",
		"pages[0].status: \"200\" is no status of an error");
	refused("pages", "[{status: 4xx, text: a}, {status: [404, 6xx], text: a}]",
		"pages[1].status[1]: \"6xx\" is no status of an error");
	refused("pages", "[{status: 404}]", "pages[0]: needs either file or text");
	refused("pages", "[{status: 404, file: b, text: b}]",
		"pages[0]: needs either file or text");
	refused("pages", "[{status: 404, file: none.html}]",
		"pages[0].file: cannot read none.html: No such file or directory");
	refused("pages", "[{status: 404, file: a.html}]",
		"pages[0].file: has no such placeholder: {{stauts}}");
	refused("pages", "[{status: 404, text: \"a {{status} b\"}]",
		"pages[0].text: has no such placeholder: {{status");
	refused("pages", "[{status: 404, file: b}]",
		"pages[0]: nothing says what type the file is of");
	refused("pages", "[{status: 404, file: b, type: html}]",
		"pages[0].type: the type is no media type");
	refused("maintenance.except", "{paths: [health]}",
		"maintenance.except.paths[0]: \"health\" is no path");
	refused("maintenance.except", "{paths: [/a, /b*]}", "maintenance.except.paths[1]");
	refused("maintenance.except", "{addresses: [10.0.0.0/33]}",
		"maintenance.except.addresses[0]");
}
