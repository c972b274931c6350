/* contrib/plugin-examples/cors: who may call, and what a browser is told. */
#include <stdio.h>

#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static sluice_instance *i;

static void begin(const char *origins, const char *credentials)
{
	kit_reset();
	i = kit_instance(&sluice_plugin_record, "origins", origins, "credentials", credentials,
		"headers", "[X-Token, X-Trace]", "expose", "X-Total", NULL);
	kit_start(i);
}

/* The Access-Control-Allow-Origin of the answer to a GET from there; NULL: it has none. */
static const char *told(const char *origin)
{
	static char value[128];
	sluice_exchange *x = kit_request(i, "GET", "/a", origin ? "Origin" : NULL, origin, NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	const char *found = kit_header(x, SLUICE_RESPONSE, "Access-Control-Allow-Origin");
	(void)snprintf(value, sizeof(value), "%s", found ? found : "");
	assert_null(kit_header(x, SLUICE_RESPONSE, "Access-Control-Allow-Methods"));
	kit_end(x);
	return found ? value : NULL;
}

TEST(origins_by_name_and_by_domain)
{
	begin("[https://app.example, \"https://*.shop.example\"]", "true");
	assert_string_equal(told("https://app.example"), "https://app.example");
	assert_string_equal(told("https://a.b.shop.example"), "https://a.b.shop.example");
	assert_null(told("https://shop.example"));
	assert_null(told("https://.shop.example.evil"));
	assert_null(told("http://a.shop.example"));
	assert_null(told("https://app.example.evil"));
	assert_null(told("https://APP.example")); /* a browser writes it in lower case */
	assert_null(told("null"));
	assert_null(told(NULL));
	kit_stop(i);
}

TEST(a_cache_is_told_that_the_origin_matters)
{
	begin("https://app.example", "true");
	sluice_exchange *x = kit_request(i, "GET", "/a", NULL);
	assert_int_equal(kit_response(x, 404), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Vary"), "Origin");
	kit_end(x);
	x = kit_request(i, "GET", "/a", "Origin", "https://app.example", NULL);
	assert_int_equal(kit_response(x, 502), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Access-Control-Allow-Credentials"),
		"true");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Access-Control-Expose-Headers"),
		"X-Total");
	kit_end(x);
	kit_stop(i);
}

TEST(preflights_are_answered)
{
	begin("*", "false");
	sluice_exchange *x = kit_request(i, "OPTIONS", "/a", "Origin", "https://x.example",
		"Access-Control-Request-Method", "PUT", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 204);
	kit_end(x);
	x = kit_request(i, "OPTIONS", "/a", "Origin", "https://x.example", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT); /* an OPTIONS of another kind */
	kit_end(x);
	assert_string_equal(told("https://x.example"), "*");
	kit_stop(i);
}

TEST(any_origin_and_cookies_do_not_go_together)
{
	kit_reset();
	i = kit_instance(&sluice_plugin_record, "origins", "*", "credentials", "true", NULL);
	assert_int_equal(kit_check(i), -1);
	assert_non_null(strstr(kit_errors(i), "credentials: any site could act for the user"));
	kit_stop(i);
}
