/* The plugin redirect in the kit: where it leads, and what it refuses. */
#include <string.h>

#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static int setup(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

static sluice_instance *start(sluice_instance *i)
{
	kit_start(i);
	return i;
}
#define STARTED(...) start(kit_instance(&sluice_plugin_record, __VA_ARGS__, NULL))

/* A request by a URL of http or https. host: as the Host field has it. */
static sluice_exchange *asked(sluice_instance *i, bool is_https, const char *host,
	const char *target)
{
	char name[256];
	sluice_exchange *x = kit_exchange(i, "GET", target);
	size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	memcpy(name, host, n);
	name[n] = 0;
	kit_set_info(x, SLUICE_I_SCHEME, is_https ? "https" : "http");
	kit_set_info(x, SLUICE_I_HOST, name);
	kit_add_header(x, SLUICE_REQUEST, "Host", host);
	(void)kit_run(x);
	return x;
}

static void assert_leads(sluice_instance *i, bool is_https, const char *host, const char *target,
	int status, const char *location)
{
	sluice_exchange *x = asked(i, is_https, host, target);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), status);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Location"), location);
	kit_end(x);
}

static void assert_passes(sluice_instance *i, bool is_https, const char *host, const char *target)
{
	sluice_exchange *x = asked(i, is_https, host, target);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_end(x);
}

static void assert_refused(sluice_instance *i, const char *host, const char *target, int status,
	const char *code)
{
	sluice_exchange *x = asked(i, false, host, target);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), status);
	assert_string_equal(kit_code(x), code);
	kit_end(x);
}

/* ---- where it leads ------------------------------------------------------------------------ */

TEST_WITH(to_https, setup, NULL)
{
	sluice_instance *i = STARTED("scheme", "https", "hosts",
		"[shop.example, '*.shop.example', '[::1]']", "except",
		"[/.well-known/acme-challenge/*, /health]");
	assert_leads(i, false, "shop.example", "/a%2Fb/?q=1&r", 308,
		"https://shop.example/a%2Fb/?q=1&r");
	assert_leads(i, false, "www.shop.example:8080", "/", 308, "https://www.shop.example/");
	assert_leads(i, false, "[::1]:80", "/x", 308, "https://[::1]/x");
	assert_passes(i, true, "shop.example", "/a");
	assert_passes(i, true, "shop.example:8443", "/a");
	assert_passes(i, false, "shop.example", "/.well-known/acme-challenge/token");
	assert_passes(i, false, "evil.example", "/health");
	assert_leads(i, false, "shop.example", "/health/", 308, "https://shop.example/health/");
	assert_leads(i, false, "shop.example", "/.well-known/acme-challenges", 308,
		"https://shop.example/.well-known/acme-challenges");
	assert_leads(i, false, "shop.example", "/a\"<b>|c?d\"<", 308,
		"https://shop.example/a%22%3Cb%3E%7Cc?d%22%3C");
	kit_stop(i);
}

TEST_WITH(only_to_hosts_that_are_named, setup, NULL)
{
	sluice_instance *i =
		STARTED("scheme", "https", "hosts", "[Shop.example, '*.shop.example']");
	assert_refused(i, "evil.example", "/", 421, "redirect-host");
	assert_refused(i, "shop.example.evil.example", "/", 421, "redirect-host");
	assert_refused(i, "evilshop.example", "/", 421, "redirect-host");
	assert_refused(i, "example", "/", 421, "redirect-host");
	assert_refused(i, "", "/", 400, "redirect-no-host");
	kit_stop(i);
	i = STARTED("scheme", "https", "hosts", "*");
	assert_refused(i, "", "/", 400, "redirect-no-host");
	assert_leads(i, false, "any.example", "/", 308, "https://any.example/");
	kit_stop(i);
	i = STARTED("host", "www.{host}", "hosts", "*");
	assert_refused(i, "", "/", 400, "redirect-no-host");
	kit_stop(i);
	i = STARTED("host", "www.shop.example", "hosts", "shop.example");
	assert_refused(i, "evil.example", "/", 421, "redirect-host");
	assert_passes(i, false, "www.shop.example", "/");
	kit_stop(i);
}

TEST_WITH(to_another_host, setup, NULL)
{
	sluice_instance *i = STARTED("host", "www.shop.example");
	assert_leads(i, true, "shop.example", "/a?b", 307, "https://www.shop.example/a?b");
	assert_leads(i, false, "shop.example:8080", "/a", 307, "http://www.shop.example:8080/a");
	assert_leads(i, false, "", "/a", 307, "http://www.shop.example/a");
	assert_passes(i, false, "www.shop.example:8080", "/a");
	assert_passes(i, false, "WWW.shop.example", "/a");
	kit_stop(i);
	i = STARTED("host", "www.{host}", "hosts", "[shop.example, shop.test]", "scheme", "https");
	assert_leads(i, false, "shop.test:8080", "/a", 307, "https://www.shop.test/a");
	assert_refused(i, "www.shop.test", "/a", 421, "redirect-host");
	kit_stop(i);
	i = STARTED("host", "x{query:h}.shop.example");
	assert_leads(i, true, "shop.example", "/a?h=y", 307, "https://xy.shop.example/a?h=y");
	static const char *const bad[] = { "/a?h=evil.example%2F", "/a?h=a%40b", "/a?h=%3A80",
		"/a?h=%0d%0aX", "/a?h=%5C", "/a?h=.." };
	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
		assert_refused(i, "shop.example", bad[k], 400, "redirect-malformed");
	assert_refused(i, "shop.example", "/a", 400, "redirect-missing");
	kit_stop(i);
}

TEST_WITH(ports, setup, NULL)
{
	sluice_instance *i = STARTED("scheme", "https", "port", "8443", "hosts", "*");
	assert_leads(i, false, "a.test:8080", "/", 308, "https://a.test:8443/");
	assert_leads(i, true, "a.test", "/", 308, "https://a.test:8443/");
	assert_passes(i, true, "a.test:8443", "/");
	kit_stop(i);
	i = STARTED("scheme", "https", "port", "443", "hosts", "*");
	assert_leads(i, false, "a.test:8080", "/", 308, "https://a.test/");
	kit_stop(i);
	i = STARTED("scheme", "http", "port", "80", "hosts", "*");
	assert_leads(i, true, "a.test", "/", 308, "http://a.test/");
	kit_stop(i);
	i = STARTED("port", "8080", "hosts", "*");
	assert_leads(i, false, "a.test", "/", 307, "http://a.test:8080/");
	assert_passes(i, false, "a.test:8080", "/");
	/* without a Host field, as in HTTP/2, the port is not known: no circle */
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(to_another_path, setup, NULL)
{
	sluice_instance *i = STARTED("path", "/new/{header:X-Part}", "status", "301");
	sluice_exchange *x = kit_request(i, "GET", "/a?b=1", "X-Part", "p/q", NULL);
	assert_int_equal(kit_status(x), 301);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Location"), "/new/p/q?b=1");
	kit_end(x);
	static const char *const bad[] = { "/evil", "..", "a?b", "a#b", "" };
	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		x = kit_request(i, "GET", "/a", "X-Part", bad[k], NULL);
		if (bad[k][0])
			assert_string_equal(kit_code(x), "redirect-malformed");
		else
			assert_int_equal(kit_status(x), 301);
		kit_end(x);
	}
	kit_stop(i);
	i = STARTED("path", "/{header:X-Part}");
	static const char *const hosts[] = { "/evil.example", "/\\evil.example" };
	for (size_t k = 0; k < sizeof(hosts) / sizeof(hosts[0]); k++) {
		x = kit_request(i, "GET", "/a", "X-Part", hosts[k], NULL);
		assert_string_equal(kit_code(x), "redirect-malformed");
		kit_end(x);
	}
	x = kit_request(i, "GET", "/a", "X-Part", "\\evil.example", NULL);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Location"), "/%5Cevil.example");
	kit_end(x);
	kit_stop(i);
	i = STARTED("path", "/new", "query", "drop", "status", "303", "scheme", "https", "hosts",
		"a.test");
	assert_leads(i, false, "a.test", "/a?b", 303, "https://a.test/new");
	assert_leads(i, true, "a.test:99", "/a?b", 303, "https://a.test:99/new");
	assert_passes(i, true, "a.test", "/new?b");
	kit_stop(i);
}

TEST_WITH(a_path_that_is_the_request_s_own_passes, setup, NULL)
{
	sluice_instance *i = STARTED("path", "/here");
	assert_passes(i, true, "a.test", "/here?q");
	assert_leads(i, true, "a.test", "/there?q", 307, "/here?q");
	kit_stop(i);
}

TEST_WITH(options_asterisk_is_not_redirected, setup, NULL)
{
	sluice_instance *i = STARTED("scheme", "http", "hosts", "*");
	sluice_exchange *x = kit_request(i, "OPTIONS", "*", NULL);
	assert_string_equal(kit_code(x), "redirect-malformed");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(memory_runs_out, setup, NULL)
{
	sluice_instance *i = STARTED("host", "x.{query:h}.shop.example", "path", "/{query:h}");
	bool passed = false;
	for (size_t budget = 0; budget < 2048; budget += 16) {
		sluice_exchange *x = kit_exchange(i, "GET", "/a?h=x");
		kit_set_budget(x, budget);
		sluice_verdict v = kit_run(x);
		assert_true(v == SLUICE_FAIL || v == SLUICE_REPLY);
		passed = v == SLUICE_REPLY && kit_status(x) == 307;
		assert_true(budget > 0 || !passed);
		kit_end(x);
	}
	assert_true(passed);
	kit_stop(i);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

#define ASSERT_MISTAKE(complaint, ...)                                                           \
	do {                                                                                     \
		sluice_instance *wrong = kit_instance(&sluice_plugin_record, __VA_ARGS__, NULL); \
		assert_int_not_equal(kit_check(wrong), 0);                                       \
		if (!strstr(kit_errors(wrong), complaint))                                       \
			fail_msg("\"%s\" is not in: %s", complaint, kit_errors(wrong));          \
		kit_stop(wrong);                                                                 \
	} while (0)

TEST_WITH(mistakes, setup, NULL)
{
	ASSERT_MISTAKE("-: it leads nowhere", "status", "301");
	ASSERT_MISTAKE("-: hosts is missing", "scheme", "https");
	ASSERT_MISTAKE("-: hosts is missing", "port", "8080");
	ASSERT_MISTAKE("-: hosts is missing", "host", "www.{host}");
	ASSERT_MISTAKE("hosts[1]: \"https://a\" is no host", "scheme", "https", "hosts",
		"[a, 'https://a']");
	ASSERT_MISTAKE("hosts: \"a:80\" is no host", "scheme", "https", "hosts", "a:80");
	ASSERT_MISTAKE("hosts: \"a.*\" is no host", "scheme", "https", "hosts", "a.*");
	ASSERT_MISTAKE("host: \"a/b\" is no host", "host", "a/b");
	ASSERT_MISTAKE("host: \"a:80\" is no host", "host", "a:80");
	ASSERT_MISTAKE("host: a value of the request would choose where", "host", "x{query:h}");
	ASSERT_MISTAKE("host: a value of the request would choose where", "host", "x.{query:h}.");
	ASSERT_MISTAKE("host: a value of the request would choose where", "host",
		"x.{query:h}b.test");
	ASSERT_MISTAKE("host: a value of the request would choose where", "host", "w{host}",
		"hosts", "*");
	ASSERT_MISTAKE("host: a value of the request would choose where", "host",
		"x.{host}{query:h}", "hosts", "*");
	ASSERT_MISTAKE("path: \"//a\" is no path", "path", "//a");
	ASSERT_MISTAKE("path: a path has no query", "path", "/a?b");
	ASSERT_MISTAKE("except: \"/a*\" is no path and no prefix", "path", "/a", "except", "/a*");
	ASSERT_MISTAKE("except[1]: \"a\" is no path in", "path", "/a", "except", "[/a, a]");
	ASSERT_MISTAKE("status: ", "path", "/a", "status", "304");
	ASSERT_MISTAKE("port: ", "port", "65536", "hosts", "*");
}
