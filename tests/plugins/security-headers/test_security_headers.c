/* The plugin security-headers in the kit: what the profiles say, who wins, and what is refused as a
 * configuration. */
#include <string.h>

#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define HSTS "Strict-Transport-Security"
#define NOSNIFF "X-Content-Type-Options"
#define FRAME "X-Frame-Options"
#define CSP "Content-Security-Policy"
#define REPORT "Content-Security-Policy-Report-Only"
#define REFERRER "Referrer-Policy"
#define MAY "Permissions-Policy"
#define OPENER "Cross-Origin-Opener-Policy"
#define EMBEDDER "Cross-Origin-Embedder-Policy"
#define RESOURCE "Cross-Origin-Resource-Policy"

static sluice_instance *i;

/* An instance with up to three options. */
static void begin(const char *a, const char *a_value, const char *b, const char *b_value,
	const char *c, const char *c_value)
{
	kit_reset();
	i = kit_instance(&sluice_plugin_record, a, a_value, a ? b : NULL, b_value, b ? c : NULL,
		c_value, NULL);
	kit_start(i);
}

static void assert_field(sluice_exchange *x, const char *name, const char *value)
{
	const char *found = kit_header(x, SLUICE_RESPONSE, name);
	if (!value) {
		assert_null(found);
		return;
	}
	assert_non_null(found);
	assert_string_equal(found, value);
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, name), 1);
}

/* The response to a request that came by that scheme. */
static sluice_exchange *responded(const char *scheme, int status)
{
	sluice_exchange *x = kit_exchange(i, "GET", "/");
	kit_set_info(x, SLUICE_I_SCHEME, scheme);
	assert_int_equal(kit_run(x), SLUICE_NEXT);
	assert_int_equal(kit_response(x, status), SLUICE_NEXT);
	return x;
}

/* The value of one field with these options, in a response over TLS. */
static void assert_says(const char *option, const char *value, const char *field, const char *want)
{
	begin(option, value, NULL, NULL, NULL, NULL);
	sluice_exchange *x = responded("https", 200);
	assert_field(x, field, want);
	kit_end(x);
	kit_stop(i);
}

/* ---- profiles ------------------------------------------------------------------------------ */

TEST(pages)
{
	begin(NULL, NULL, NULL, NULL, NULL, NULL);
	sluice_exchange *x = responded("https", 200);
	assert_field(x, HSTS, "max-age=31536000");
	assert_field(x, NOSNIFF, "nosniff");
	assert_field(x, FRAME, "SAMEORIGIN");
	assert_field(x, CSP, "base-uri 'self'; object-src 'none'; frame-ancestors 'self'");
	assert_field(x, REPORT, NULL);
	assert_field(x, REFERRER, "strict-origin-when-cross-origin");
	assert_field(x, MAY,
		"browsing-topics=(), camera=(), geolocation=(), microphone=(), payment=(), usb=()");
	assert_field(x, OPENER, "same-origin-allow-popups");
	assert_field(x, EMBEDDER, NULL);
	assert_field(x, RESOURCE, "same-site");
	kit_end(x);
	kit_stop(i);
}

TEST(api)
{
	begin("profile", "api", NULL, NULL, NULL, NULL);
	sluice_exchange *x = responded("https", 401);
	assert_field(x, HSTS, "max-age=31536000");
	assert_field(x, NOSNIFF, "nosniff");
	assert_field(x, FRAME, "DENY");
	assert_field(x, CSP,
		"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	assert_field(x, REFERRER, "no-referrer");
	assert_field(x, MAY, NULL);
	assert_field(x, OPENER, NULL);
	assert_field(x, RESOURCE, "same-origin");
	kit_end(x);
	kit_stop(i);
}

TEST(no_profile)
{
	static const char *const none[] = { HSTS, NOSNIFF, FRAME, CSP, MAY, OPENER, RESOURCE };
	begin("profile", "none", "referrer_policy", "origin", NULL, NULL);
	sluice_exchange *x = responded("https", 200);
	assert_field(x, REFERRER, "origin");
	for (size_t n = 0; n < sizeof(none) / sizeof(none[0]); n++)
		assert_field(x, none[n], NULL);
	kit_end(x);
	kit_stop(i);
	begin("profile", "none", "strict_transport_security", "true", NULL, NULL);
	x = responded("https", 200);
	assert_field(x, HSTS, "max-age=31536000");
	kit_end(x);
	kit_stop(i);
}

/* ---- single fields ------------------------------------------------------------------------- */

TEST(hsts_over_tls_alone)
{
	begin(NULL, NULL, NULL, NULL, NULL, NULL);
	sluice_exchange *x = responded("http", 200);
	assert_field(x, HSTS, NULL);
	assert_field(x, NOSNIFF, "nosniff");
	kit_end(x);
	kit_stop(i);
}

TEST(hsts_options)
{
	assert_says("strict_transport_security", "false", HSTS, NULL);
	assert_says("strict_transport_security", "{max_age: 1h}", HSTS, "max-age=3600");
	assert_says("strict_transport_security", "{max_age: 0s}", HSTS, "max-age=0");
	assert_says("strict_transport_security", "{include_subdomains: true}", HSTS,
		"max-age=31536000; includeSubDomains");
	assert_says("strict_transport_security",
		"{max_age: 730d, include_subdomains: true, preload: true}", HSTS,
		"max-age=63072000; includeSubDomains; preload");
	assert_says("strict_transport_security", "{enabled: false, max_age: 1h}", HSTS, NULL);
}

TEST(fields_taken_out)
{
	static const char *const rows[][2] = { { "x_content_type_options", NOSNIFF },
		{ "x_frame_options", FRAME }, { "content_security_policy", CSP },
		{ "referrer_policy", REFERRER }, { "permissions_policy", MAY },
		{ "cross_origin_opener_policy", OPENER },
		{ "cross_origin_resource_policy", RESOURCE } };
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		assert_says(rows[n][0], "false", rows[n][1], NULL);
		assert_says(rows[n][0], "", rows[n][1], NULL);
	}
}

TEST(fields_set)
{
	assert_says("x_frame_options", "deny", FRAME, "deny");
	assert_says("referrer_policy", "[no-referrer, strict-origin]", REFERRER,
		"no-referrer, strict-origin");
	assert_says("permissions_policy", "['camera=(self)', 'usb=*', 'fullscreen=self']", MAY,
		"camera=(self), usb=*, fullscreen=self");
	assert_says("permissions_policy", "['geolocation=(self \"https://maps.example\")']", MAY,
		"geolocation=(self \"https://maps.example\")");
	assert_says("cross_origin_embedder_policy", "credentialless", EMBEDDER, "credentialless");
	assert_says("cross_origin_opener_policy", "same-origin", OPENER, "same-origin");
	assert_says("content_security_policy_report_only", "default-src 'self'", REPORT,
		"default-src 'self'");
}

TEST(policies_become_one_line)
{
	assert_says("content_security_policy",
		"[\"default-src  'self';\", \"img-src\\n  *\", '', \"script-src 'sha256-x' \"]",
		CSP,
		"default-src 'self'; img-src *; script-src 'sha256-x'; frame-ancestors 'self'");
}

TEST(frames)
{
	static const struct {
		const char *ancestors, *csp, *option, *field;
	} rows[] = {
		{ "none", NULL, "frame-ancestors 'none'", "DENY" },
		{ "[\"'self'\"]", NULL, "frame-ancestors 'self'", "SAMEORIGIN" },
		{ "[self, 'https://a.example', 'https://*.b.example']", NULL,
			"frame-ancestors 'self' https://a.example https://*.b.example", NULL },
		{ "false", NULL, "", NULL },
		{ NULL, "default-src 'self'; Frame-Ancestors 'none'", "", "DENY" },
		{ NULL, "false", NULL, "SAMEORIGIN" },
		{ "none", "false", "frame-ancestors 'none'", "DENY" },
		{ NULL, "frame-ancestors https://a.example", "", NULL },
	};
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		const char *first = rows[n].ancestors ? "frame_ancestors" : NULL;
		if (first)
			begin(first, rows[n].ancestors,
				rows[n].csp ? "content_security_policy" : NULL, rows[n].csp, NULL,
				NULL);
		else
			begin("content_security_policy", rows[n].csp, NULL, NULL, NULL, NULL);
		sluice_exchange *x = responded("https", 200);
		const char *csp = kit_header(x, SLUICE_RESPONSE, CSP);
		if (rows[n].option)
			assert_true(csp && strstr(csp, rows[n].option));
		else
			assert_null(csp);
		if (rows[n].option && !*rows[n].option && first)
			assert_null(strstr(csp, "frame-ancestors"));
		assert_field(x, FRAME, rows[n].field);
		kit_end(x);
		kit_stop(i);
	}
}

/* ---- what the upstream says ---------------------------------------------------------------- */

static sluice_exchange *with(const char *scheme, const char *const fields[][2], size_t n)
{
	sluice_exchange *x = kit_exchange(i, "GET", "/");
	kit_set_info(x, SLUICE_I_SCHEME, scheme);
	assert_int_equal(kit_run(x), SLUICE_NEXT);
	for (size_t k = 0; k < n; k++)
		kit_add_header(x, SLUICE_RESPONSE, fields[k][0], fields[k][1]);
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	return x;
}

static const char *const theirs[][2] = { { "content-security-policy", "script-src 'nonce-1'" },
	{ "REFERRER-POLICY", "origin" }, { HSTS, "max-age=1" }, { HSTS, "max-age=2" } };

TEST(the_upstream_wins)
{
	begin(NULL, NULL, NULL, NULL, NULL, NULL);
	sluice_exchange *x = with("https", theirs, 4);
	assert_field(x, CSP, "script-src 'nonce-1'");
	assert_field(x, REFERRER, "origin");
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, HSTS), 2);
	assert_field(x, FRAME, "SAMEORIGIN");
	kit_end(x);
	kit_stop(i);
}

TEST(the_upstream_loses)
{
	begin("upstream_fields", "replace", "referrer_policy", "false", NULL, NULL);
	sluice_exchange *x = with("https", theirs, 4);
	assert_field(x, CSP, "base-uri 'self'; object-src 'none'; frame-ancestors 'self'");
	assert_field(x, REFERRER, "origin"); /* left out here: none of our business */
	assert_field(x, HSTS, "max-age=31536000");
	kit_end(x);
	x = with("http", theirs, 4);
	assert_field(x, HSTS, NULL);
	kit_end(x);
	kit_stop(i);
}

/* Browsers ignore X-Frame-Options beside a frame-ancestors, so that ours would overrule theirs. */
TEST(an_upstream_that_permits_frames_is_not_overruled)
{
	static const char *const framed[][2] = { { "x-frame-options", "SAMEORIGIN" } };
	begin("profile", "api", NULL, NULL, NULL, NULL);
	sluice_exchange *x = with("https", framed, 1);
	assert_field(x, FRAME, "SAMEORIGIN");
	assert_field(x, CSP, "default-src 'none'; base-uri 'none'; form-action 'none'");
	kit_end(x);
	kit_stop(i);
	begin("profile", "api", "upstream_fields", "replace", NULL, NULL);
	x = with("https", framed, 1);
	assert_field(x, FRAME, "DENY");
	kit_end(x);
	kit_stop(i);
}

TEST(a_policy_of_the_upstream_needs_no_frame_options)
{
	static const char *const framed[][2] = {
		{ CSP, "img-src *; frame-ancestors https://a.example" }, { CSP, "font-src *" }
	};
	begin(NULL, NULL, NULL, NULL, NULL, NULL);
	sluice_exchange *x = with("https", framed, 2);
	assert_field(x, FRAME, NULL);
	kit_end(x);
	x = with("https", framed + 1, 1);
	assert_field(x, FRAME, "SAMEORIGIN");
	kit_end(x);
	kit_stop(i);
}

TEST(software_is_hidden)
{
	static const char *const told[][2] = { { "server", "Apache/2.2" },
		{ "X-Powered-By", "PHP" }, { "x-powered-by", "Express" },
		{ "X-AspNet-Version", "2" }, { "X-Other", "1" } };
	begin(NULL, NULL, NULL, NULL, NULL, NULL);
	sluice_exchange *x = with("https", told, 5);
	for (size_t n = 0; n < 4; n++)
		assert_field(x, told[n][0], NULL);
	assert_field(x, "X-Other", "1");
	kit_end(x);
	kit_stop(i);
	begin("remove", "[X-Other]", NULL, NULL, NULL, NULL);
	x = with("https", told, 5);
	assert_field(x, "X-Other", NULL);
	assert_field(x, "Server", "Apache/2.2");
	kit_end(x);
	kit_stop(i);
	begin("remove", "[]", NULL, NULL, NULL, NULL);
	x = with("https", told, 5);
	assert_field(x, "X-Other", "1");
	kit_end(x);
	kit_stop(i);
}

/* ---- configuration ------------------------------------------------------------------------- */

TEST(options)
{
	static const char *const rows[][4] = {
		{ "profile", "strict", "profile", "" },
		{ "strict_transport_security", "{preload: true}",
			"strict_transport_security.preload", "include_subdomains" },
		{ "strict_transport_security",
			"{max_age: 30d, include_subdomains: true, preload: true}",
			"strict_transport_security.preload", "365d" },
		{ "strict_transport_security", "{max_age: 4000d}", "max_age", "" },
		{ "x_content_type_options", "sniff", "x_content_type_options: \"sniff\"",
			"means nothing" },
		{ "x_frame_options", "ALLOW-FROM https://a", "x_frame_options", "means nothing" },
		{ "x_frame_options", "DENY, SAMEORIGIN", "x_frame_options", "one value" },
		{ "frame_ancestors", "[none, self]", "frame_ancestors: \"none\"", "alone" },
		{ "frame_ancestors", "['https://a;b']", "frame_ancestors", "cannot stand here" },
		{ "frame_ancestors", "[\"'unsafe-inline'\"]", "frame_ancestors", "cannot stand" },
		{ "content_security_policy", "default-src self", "content_security_policy",
			"without quotes" },
		{ "content_security_policy", "defaul-src 'self'", "\"defaul-src\" is no directive",
			"" },
		{ "content_security_policy", "img-src *; img-src a.example", "img-src stands there",
			"twice" },
		{ "content_security_policy", "img-src *, font-src *", "content_security_policy",
			"comma" },
		{ "content_security_policy", "script-src 'nonce-abc'", "content_security_policy",
			"nonce" },
		{ "content_security_policy_report_only", "script-src unsafe-inline",
			"content_security_policy_report_only", "quotes" },
		{ "referrer_policy", "never", "referrer_policy: \"never\"", "means nothing" },
		{ "permissions_policy", "camera 'none'", "permissions_policy",
			"is not a permission" },
		{ "permissions_policy", "camera=(https://a.example)", "permissions_policy",
			"is not a permission" },
		{ "permissions_policy", "Camera=()", "permissions_policy", "is not a permission" },
		{ "permissions_policy", "[camera=(), '']", "", NULL },
		{ "cross_origin_opener_policy", "same-site", "cross_origin_opener_policy", "" },
		{ "cross_origin_embedder_policy", "true", "cross_origin_embedder_policy", "" },
		{ "cross_origin_resource_policy", "none", "cross_origin_resource_policy",
			"means nothing" },
		{ "remove", "[Content-Length]", "remove[0]", "frames the message" },
		{ "remove", "[Server, X-Frame-Options]", "remove[1]", "an option of its own" },
		{ "remove", "['a b']", "remove[0]", "no name" },
	};
	for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
		kit_reset();
		sluice_instance *bad =
			kit_instance(&sluice_plugin_record, rows[n][0], rows[n][1], NULL);
		int rc = kit_check(bad);
		if (rows[n][3]) {
			assert_int_equal(rc, -1);
			if (!strstr(kit_errors(bad), rows[n][2]) ||
				!strstr(kit_errors(bad), rows[n][3]))
				fail_msg("row %zu: %s", n, kit_errors(bad));
		} else
			assert_int_equal(rc, 0);
		kit_stop(bad);
	}
}

TEST(two_frame_ancestors)
{
	kit_reset();
	sluice_instance *bad = kit_instance(&sluice_plugin_record, "content_security_policy",
		"frame-ancestors 'self'", "frame_ancestors", "none", NULL);
	assert_int_equal(kit_check(bad), -1);
	assert_non_null(strstr(kit_errors(bad), "of its own"));
	kit_stop(bad);
}

TEST(no_memory)
{
	unsigned whole = 0, failed = 0;
	begin(NULL, NULL, NULL, NULL, NULL, NULL);
	for (size_t budget = 0; budget < 6400; budget += 64) {
		sluice_exchange *x = kit_exchange(i, "GET", "/");
		kit_set_budget(x, budget);
		if (kit_run(x) == SLUICE_NEXT && kit_response(x, 200) == SLUICE_NEXT) {
			assert_field(x, RESOURCE, "same-site"); /* the last one */
			whole++;
		} else
			failed++;
		kit_end(x);
	}
	assert_true(whole && failed);
	kit_stop(i);
}
