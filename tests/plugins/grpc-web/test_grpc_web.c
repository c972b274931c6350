/* The plugin grpc-web in the kit: bytes, calls, errors, and what browsers ask. */
#include <stdio.h>
#include <stdlib.h>

#include "kit.h"
#include "test.h"
#include "wire.h"

extern const sluice_plugin sluice_plugin_record;

/* ---- bytes --------------------------------------------------------------------------------- */

static void assert_decodes(const char *text, ptrdiff_t used, const char *want, size_t n)
{
	char out[64];
	size_t got = sizeof(out);
	assert_int_equal(wire_decode((sluice_str){ text, strlen(text) }, out, &got), used);
	if (used < 0)
		return;
	assert_int_equal(got, n);
	assert_memory_equal(out, want, n);
}

TEST(decode)
{
	assert_decodes("", 0, "", 0);
	assert_decodes("AAA", 0, "", 0);
	assert_decodes("YWJj", 4, "abc", 3);
	assert_decodes("YWJjZA", 4, "abc", 3);
	assert_decodes("YQ==YWI=YWJj", 12, "aababc", 6); /* segments */
	assert_decodes("+/+/", 4, "\xfb\xff\xbf", 3);
	static const char *const bad[] = { "YR==", "YWJ=", "Y===", "====", "YQ=a", "=QAA",
		"Y Q=", "YWJ\n", "-_-_", "YW\x80j" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_decodes(bad[i], -1, "", 0);
}

TEST(encode)
{
	char data[64], text[96], back[64];
	for (size_t n = 0; n < sizeof(data); n++) {
		data[n] = (char)(n * 37 + 200);
		size_t len = wire_encoded(n), got = sizeof(back);
		wire_encode((sluice_str){ data, n }, text);
		assert_int_equal(wire_decode((sluice_str){ text, len }, back, &got),
			n <= 61 ? len : len);
		assert_int_equal(got, n);
		assert_memory_equal(back, data, n);
	}
}

TEST(types)
{
	static const struct {
		const char *type;
		bool web, text, grpc;
		const char *suffix;
	} rows[] = {
		{ "application/grpc-web", true, false, false, "" },
		{ "application/grpc-web+proto", true, false, false, "+proto" },
		{ "Application/gRPC-Web-Text; charset=utf-8", true, true, false, "" },
		{ "application/grpc-web-text+proto", true, true, false, "+proto" },
		{ "application/grpc-webby", false, false, false, "" },
		{ "application/grpc-web+", false, false, false, "" },
		{ "application/grpc", false, false, true, "" },
		{ "application/grpc+json;x=1", false, false, true, "+json" },
		{ "application/grpcx", false, false, false, "" },
		{ "text/html", false, false, false, "" },
		{ "", false, false, false, "" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sluice_str s = { rows[i].type, strlen(rows[i].type) }, suffix = { "", 0 };
		bool text = false;
		assert_int_equal(wire_is_web(s, &text, &suffix), rows[i].web);
		if (rows[i].web)
			assert_int_equal(text, rows[i].text);
		assert_int_equal(wire_is_grpc(s, &suffix), rows[i].grpc);
		if (rows[i].grpc) {
			assert_int_equal(suffix.len, strlen(rows[i].suffix));
			assert_memory_equal(suffix.data, rows[i].suffix, suffix.len);
		}
	}
}

/* ---- calls --------------------------------------------------------------------------------- */

static sluice_instance *instance;

static int setup(void **state)
{
	(void)state;
	kit_reset();
	instance = kit_instance(&sluice_plugin_record, "origins", "[\"https://app.example\"]",
		"expose", "[x-trace]", NULL);
	kit_start(instance);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kit_stop(instance);
	return 0;
}

static sluice_exchange *call(const char *type, const char *accept)
{
	sluice_exchange *x = kit_request(instance, "POST", "/svc/Method", "Content-Type", type,
		accept ? "Accept" : NULL, accept, NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	return x;
}

TEST(binary)
{
	static const char body[] = "\0\0\0\0\3abc",
			  trailers[] = "\x80\0\0\0\36grpc-status: 0\r\nx-extra: yes\r\n";
	size_t n;
	sluice_exchange *x = call("application/grpc-web+proto", NULL);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "content-type"),
		"application/grpc+proto");
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "te"), "trailers");
	assert_false(kit_body_wanted(x, SLUICE_REQUEST));
	kit_add_header(x, SLUICE_RESPONSE, "content-type", "application/grpc+proto");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "content-type"),
		"application/grpc-web+proto");
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, body, sizeof(body) - 1, false),
		SLUICE_NEXT);
	kit_add_header(x, SLUICE_RESPONSE_TRAILERS, "Grpc-Status", "0");
	kit_add_header(x, SLUICE_RESPONSE_TRAILERS, "X-Extra", "yes");
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "", 0, true), SLUICE_NEXT);
	const char *out = kit_body_out(x, SLUICE_RESPONSE, &n);
	assert_int_equal(n, sizeof(body) - 1 + sizeof(trailers) - 1);
	assert_memory_equal(out, body, sizeof(body) - 1);
	assert_memory_equal(out + sizeof(body) - 1, trailers, sizeof(trailers) - 1);
	assert_null(kit_header(x, SLUICE_RESPONSE_TRAILERS, "grpc-status"));
	assert_null(kit_header(x, SLUICE_RESPONSE_TRAILERS, "x-extra"));
	kit_end(x);
}

/* A body of base64 is the same, however it is cut. */
TEST(text_cut_everywhere)
{
	static const char text[] = "AAAAAAM=YWJjAAAAAAFk", want[] = "\0\0\0\0\3abc\0\0\0\0\1d";
	for (size_t at = 0; at < sizeof(text); at++) {
		size_t n;
		sluice_exchange *x = call("application/grpc-web-text", NULL);
		assert_int_equal(kit_body_in(x, SLUICE_REQUEST, text, at, false), SLUICE_NEXT);
		assert_int_equal(kit_body_in(x, SLUICE_REQUEST, text + at, sizeof(text) - 1 - at,
					 true),
			SLUICE_NEXT);
		const char *out = kit_body_out(x, SLUICE_REQUEST, &n);
		assert_int_equal(n, sizeof(want) - 1);
		assert_memory_equal(out, want, n);
		kit_end(x);
	}
}

TEST(text_that_is_none)
{
	static const char *const bad[] = { "AAAA*", "AAA", "AA==A", "AB==", "AAAA AAAA" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sluice_exchange *x = call("application/grpc-web-text", NULL);
		sluice_verdict v = kit_body_in(x, SLUICE_REQUEST, bad[i], strlen(bad[i]), true);
		assert_int_equal(v, SLUICE_REPLY);
		assert_string_equal(kit_code(x), "grpc-web-text");
		kit_end(x);
	}
}

static void decode_all(const char *text, size_t len, char *out, size_t *n)
{
	assert_int_equal(wire_decode((sluice_str){ text, len }, out, n), len);
}

TEST(text_response)
{
	static const char *const accepts[] = { NULL, "application/grpc-web-text",
		"text/html, application/grpc-web-text+proto" };
	for (size_t i = 0; i < sizeof(accepts) / sizeof(accepts[0]); i++) {
		char back[256];
		size_t n, got = sizeof(back);
		sluice_exchange *x =
			call(accepts[i] ? "application/grpc-web" : "application/grpc-web-text",
				accepts[i]);
		assert_null(kit_header(x, SLUICE_REQUEST, "accept"));
		kit_add_header(x, SLUICE_RESPONSE, "content-type", "application/grpc");
		assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
		assert_string_equal(kit_header(x, SLUICE_RESPONSE, "content-type"),
			"application/grpc-web-text+proto");
		assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "abcd", 4, false), SLUICE_NEXT);
		(void)kit_body_out(x, SLUICE_RESPONSE, &n);
		assert_int_equal(n, 8); /* what has come is not held back */
		assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "e", 1, false), SLUICE_NEXT);
		kit_add_header(x, SLUICE_RESPONSE_TRAILERS, "grpc-status", "5");
		assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "", 0, true), SLUICE_NEXT);
		const char *out = kit_body_out(x, SLUICE_RESPONSE, &n);
		decode_all(out, n, back, &got);
		assert_int_equal(got, 5 + 5 + 16);
		assert_memory_equal(back, "abcde\x80\0\0\0\20grpc-status: 5\r\n", got);
		kit_end(x);
	}
	sluice_exchange *x = call("application/grpc-web-text", "application/grpc-web+proto");
	kit_add_header(x, SLUICE_RESPONSE, "content-type", "application/grpc");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "content-type"),
		"application/grpc-web+proto");
	kit_end(x);
}

TEST(trailers_only)
{
	size_t n;
	sluice_exchange *x = call("application/grpc-web", NULL);
	kit_add_header(x, SLUICE_RESPONSE, "content-type", "application/grpc");
	kit_add_header(x, SLUICE_RESPONSE, "grpc-status", "16");
	kit_add_header(x, SLUICE_RESPONSE, "grpc-message", "no");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_RESPONSE, "grpc-status"));
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "", 0, true), SLUICE_NEXT);
	const char *out = kit_body_out(x, SLUICE_RESPONSE, &n);
	assert_int_equal(n, 5 + 17 + 18);
	assert_memory_equal(out, "\x80\0\0\0\43grpc-status: 16\r\ngrpc-message: no\r\n", n);
	kit_end(x);
}

TEST(responses_of_others)
{
	static const struct {
		int status;
		const char *code;
	} rows[] = { { 200, "2" }, { 401, "16" }, { 404, "12" }, { 429, "14" }, { 502, "14" },
		{ 500, "2" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char want[128];
		sluice_exchange *x = call("application/grpc-web", NULL);
		kit_add_header(x, SLUICE_RESPONSE, "content-type", "text/html");
		assert_int_equal(kit_response(x, rows[i].status), SLUICE_REPLY);
		assert_int_equal(kit_status(x), 200);
		(void)snprintf(want, sizeof(want),
			"grpc-status: %s\r\ngrpc-message: HTTP status %d\r\n", rows[i].code,
			rows[i].status);
		assert_memory_equal(kit_body(x) + 5, want, strlen(want));
		kit_end(x);
	}
}

TEST(others_pass)
{
	sluice_exchange *x = call("application/json", NULL);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "content-type"), "application/json");
	kit_add_header(x, SLUICE_RESPONSE, "content-type", "application/json");
	assert_int_equal(kit_response(x, 500), SLUICE_NEXT);
	assert_false(kit_body_wanted(x, SLUICE_RESPONSE));
	kit_end(x);
}

/* ---- pages of other origins ---------------------------------------------------------------- */

static sluice_exchange *preflight(const char *origin)
{
	return kit_request(instance, "OPTIONS", "/svc/Method", "Origin", origin,
		"Access-Control-Request-Method", "POST", NULL);
}

TEST(preflight)
{
	sluice_exchange *x = preflight("https://app.example");
	assert_int_equal(kit_status(x), 204);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "access-control-allow-origin"),
		"https://app.example");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "access-control-allow-methods"), "POST");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "access-control-max-age"), "3600");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "vary"),
		"Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
	assert_non_null(strstr(kit_header(x, SLUICE_RESPONSE, "access-control-allow-headers"),
		"x-grpc-web"));
	kit_end(x);
	static const char *const others[] = { "https://app.example.evil", "http://app.example",
		"https://APP.example", "null" };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		x = preflight(others[i]);
		assert_string_equal(kit_code(x), "origin-refused");
		assert_null(kit_header(x, SLUICE_RESPONSE, "access-control-allow-origin"));
		kit_end(x);
	}
}

TEST(calls_of_pages)
{
	sluice_exchange *x = kit_request(instance, "POST", "/m", "Content-Type",
		"application/grpc-web", "Origin", "https://app.example", NULL);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "access-control-allow-origin"),
		"https://app.example");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "access-control-expose-headers"),
		"grpc-status, grpc-message, grpc-status-details-bin, x-trace");
	assert_null(kit_header(x, SLUICE_RESPONSE, "access-control-allow-credentials"));
	kit_end(x);
	x = kit_request(instance, "POST", "/m", "Content-Type", "application/grpc-web", "Origin",
		"https://other", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_RESPONSE, "access-control-allow-origin"));
	kit_end(x);
}

TEST(options)
{
	static const char *const rows[][5] = {
		{ "origins", "[app.example]", "credentials", "false", "is not an origin" },
		{ "origins", "[\"https://App.example\"]", "credentials", "false",
			"is not an origin" },
		{ "origins", "[\"https://app.example/\"]", "credentials", "false",
			"is not an origin" },
		{ "origins", "[\"https://*.example\"]", "credentials", "false",
			"is not an origin" },
		{ "origins", "[\"*\"]", "credentials", "true",
			"cannot be permitted for the origin" },
		{ "headers", "[\"a b\"]", "credentials", "false", "is not a field" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sluice_instance *bad = kit_instance(&sluice_plugin_record, rows[i][0], rows[i][1],
			rows[i][2], rows[i][3], NULL);
		assert_int_equal(kit_check(bad), -1);
		assert_non_null(strstr(kit_errors(bad), rows[i][4]));
		kit_stop(bad);
	}
}

/* A plugin that only reports removes no trailers, so it must not go on until they are gone. */
TEST(a_report_ends)
{
	sluice_instance *reports = kit_instance(&sluice_plugin_record, "mode", "report", NULL);
	kit_start(reports);
	sluice_exchange *x =
		kit_request(reports, "POST", "/m", "Content-Type", "application/grpc-web", NULL);
	kit_add_header(x, SLUICE_RESPONSE, "content-type", "application/grpc");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	kit_add_header(x, SLUICE_RESPONSE_TRAILERS, "grpc-status", "0");
	kit_add_header(x, SLUICE_RESPONSE_TRAILERS, "x-extra", "yes");
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "", 0, true), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE_TRAILERS, "grpc-status"), "0");
	kit_end(x);
	kit_stop(reports);
}

TEST(no_memory)
{
	for (size_t budget = 0; budget < 2400; budget += 32) {
		sluice_exchange *x = kit_exchange(instance, "POST", "/m");
		kit_set_budget(x, budget);
		kit_add_header(x, SLUICE_REQUEST, "content-type", "application/grpc-web-text");
		if (kit_run(x) == SLUICE_NEXT) {
			kit_add_header(x, SLUICE_RESPONSE, "content-type", "application/grpc");
			kit_add_header(x, SLUICE_RESPONSE_TRAILERS, "grpc-status", "0");
			if (kit_response(x, 200) == SLUICE_NEXT)
				(void)kit_body_in(x, SLUICE_RESPONSE, "abc", 3, true);
		}
		kit_end(x);
	}
}

TEST_GROUP(setup, teardown);
