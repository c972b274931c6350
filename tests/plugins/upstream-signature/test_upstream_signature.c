/* The plugin upstream-signature in the kit: its options, and the digest of the body. */
#include "kit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define SECRET "an alphabet of 32 bytes or more!!"

static int setup(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

TEST_WITH(mistakes_of_options, setup, NULL)
{
	static const struct {
		const char *option, *value, *error;
	} rows[] = {
		{ "secret", "short", "the key has a secret that is not 32" },
		{ "private_key", SECRET, "exactly one of secret and private_key is needed" },
		{ "algorithm", "ed25519", "does not fit its algorithm" },
		{ "keyid", "'a\"b'", "without quotes" },
		{ "tag", "'a\\b'", "without quotes" },
		{ "label", "Upper", "is no label" },
		{ "label", "'a, b'", "is no label" },
		{ "components", "['@status']", "is a component that is not supported" },
		{ "components", "['@method;sf']", "is no component" },
		{ "components", "['Date']", "is no component" },
		{ "components", "['date;']", "is no component" },
		{ "components", "['date\" \"x']", "is no component" },
		{ "components", "[content-length]", "that the gateway writes or takes away" },
		{ "components", "['date', 'date']", "is there twice" },
		{ "max_body", "1KiB", "is not used without content_digest" },
	};
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		sluice_instance *i = kit_instance(&sluice_plugin_record, "keyid", "k", "secret",
			SECRET, rows[n].option, rows[n].value, NULL);
		assert_int_equal(kit_check(i), -1);
		if (!strstr(kit_errors(i), rows[n].error) || strstr(kit_errors(i), SECRET))
			fail_msg("%zu: %s", n, kit_errors(i));
		kit_stop(i);
	}
}

TEST_WITH(components_with_parameters, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "keyid", "k", "secret", SECRET,
		"components", "['@query-param;name=\"a\"', 'x-dict;key=\"b\"', 'date;bs']", NULL);
	if (kit_check(i) < 0)
		fail_msg("%s", kit_errors(i));
	kit_start(i);
	kit_stop(i);
}

TEST_WITH(the_digest_is_that_of_the_body, setup, NULL)
{
	sluice_instance *i = kit_instance(&sluice_plugin_record, "keyid", "k", "secret", SECRET,
		"content_digest", "sha-256", NULL);
	kit_start(i);
	sluice_exchange *x = kit_request(i, "POST", "/", "Content-Length", "18", "Content-Digest",
		"sha-256=:AAAA:", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_true(kit_body_wanted(x, SLUICE_REQUEST));
	(void)kit_body_in(x, SLUICE_REQUEST, "{\"hello\": ", 10, false);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Content-Digest"), "sha-256=:AAAA:");
	(void)kit_body_in(x, SLUICE_REQUEST, "\"world\"}", 8, true);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Content-Digest"),
		"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
	kit_end(x);
	x = kit_request(i, "POST", "/", "Content-Length", "0", NULL);
	assert_false(kit_body_wanted(x, SLUICE_REQUEST));
	kit_end(x);
	/* the head need not say that there is a body */
	x = kit_request(i, "POST", "/", NULL);
	(void)kit_body_in(x, SLUICE_REQUEST, "{\"hello\": \"world\"}", 18, true);
	assert_string_equal(kit_header(x, SLUICE_REQUEST, "Content-Digest"),
		"sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
	kit_end(x);
	x = kit_request(i, "GET", "/", NULL);
	(void)kit_body_in(x, SLUICE_REQUEST, "", 0, true);
	assert_null(kit_header(x, SLUICE_REQUEST, "Content-Digest"));
	kit_end(x);
	kit_stop(i);
}
