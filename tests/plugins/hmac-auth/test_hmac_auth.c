/* The plugin hmac-auth in the kit. The signatures are computed here, over bases that are written
 * out. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "kit.h"
#include "rfc9421.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define SECRET "an alphabet of 32 bytes or more!!"
#define KEYS                                                                                       \
	"[{keyid: acme-1, name: acme, secret: '" SECRET "', groups: [ops], facts: {plan: gold}}, " \
	"{keyid: old-1, name: old, secret: '" SECRET "', expires: '2023-11-14T22:14:20Z'}]"
#define NOW "1700000000"
#define TARGET "\"@target-uri\": https://api.example.com/a?b=1\n"

static int setup(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

#define started(...) start_it(kit_instance(&sluice_plugin_record, __VA_ARGS__, NULL))

static sluice_instance *start_it(sluice_instance *i)
{
	if (kit_check(i) < 0)
		fail_msg("%s", kit_errors(i));
	kit_start(i);
	return i;
}

/* The kit borrows values of fields: a copy that lives as long as some requests. */
static const char *kept(const char *text)
{
	static char room[8][2048];
	static unsigned n;
	char *to = room[n++ % 8];
	(void)snprintf(to, sizeof(room[0]), "%s", text);
	return to;
}

static const char *mac_of(const char *base)
{
	static char out[64];
	unsigned char mac[32];
	unsigned n = sizeof(mac);
	HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1, (const unsigned char *)base, strlen(base),
		mac, &n);
	EVP_EncodeBlock((unsigned char *)out, mac, (int)n);
	return out;
}

#define COVERS "(\"@method\" \"@authority\" \"@target-uri\")"
#define PARAMS ";created=" NOW ";keyid=\"acme-1\""
#define LINES "\"@method\": GET\n\"@authority\": api.example.com\n" TARGET

/* A GET of /a?b=1, signed with that list over those lines. */
static sluice_exchange *signed_get(sluice_instance *i, const char *lines, const char *list)
{
	char base[2048], text[2048];
	sluice_exchange *x = kit_exchange(i, "GET", "/a?b=1");
	(void)snprintf(base, sizeof(base), "%s\"@signature-params\": %s", lines, list);
	(void)snprintf(text, sizeof(text), "sig1=:%s:", mac_of(base));
	kit_add_header(x, SLUICE_REQUEST, "Signature", kept(text));
	(void)snprintf(text, sizeof(text), "sig1=%s", list);
	kit_add_header(x, SLUICE_REQUEST, "Signature-Input", kept(text));
	return x;
}

/* The request comes, and has no body. */
static void ask(sluice_exchange *x)
{
	if (kit_run(x) == SLUICE_WAIT)
		(void)kit_body_in(x, SLUICE_REQUEST, "", 0, true);
}

static const char *end_of(sluice_exchange *x)
{
	static char code[64];
	kit_advance(1);
	sluice_verdict v = kit_verdict(x);
	assert_true(v == SLUICE_NEXT || v == SLUICE_REPLY);
	(void)snprintf(code, sizeof(code), "%s", v == SLUICE_NEXT ? "" : kit_code(x));
	kit_end(x);
	return code;
}

static const char *code_of(sluice_instance *i, const char *lines, const char *list)
{
	sluice_exchange *x = signed_get(i, lines, list);
	ask(x);
	return end_of(x);
}

TEST_WITH(a_right_signature, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS);
	sluice_exchange *x = signed_get(i, LINES, COVERS PARAMS);
	ask(x);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "consumer"), "acme");
	assert_string_equal(kit_attr(x, "groups"), "ops");
	assert_string_equal(kit_attr(x, "consumer:plan"), "gold");
	assert_non_null(kit_header(x, SLUICE_REQUEST, "Signature"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(what_asks_for_a_signature, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "label", "req", "tag", "app");
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_status(x), 401);
	assert_string_equal(kit_code(x), "signature-missing");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"),
		"Signature realm=\"instance\"");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Accept-Signature"),
		"req=(\"@method\" \"@authority\" \"@target-uri\" "
		"\"content-digest\");created;tag=\"app\"");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(refusals, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "failures", "1000/min");
	static const struct {
		const char *lines, *list, *code;
	} rows[] = {
		{ LINES, COVERS PARAMS ";alg=\"hmac-sha256\"", "" },
		{ LINES, COVERS PARAMS ";alg=\"ed25519\"", "signature-algorithm" },
		{ LINES, COVERS PARAMS ";alg=\"none\"", "signature-algorithm" },
		{ LINES "x", COVERS PARAMS, "signature-wrong" },
		{ LINES, COVERS ";created=" NOW ";keyid=\"nobody\"", "signature-key" },
		{ LINES, COVERS ";created=" NOW, "signature-key" },
		{ LINES, COVERS ";created=" NOW ";keyid=\"old-1\"", "" },
		{ LINES, COVERS ";keyid=\"acme-1\"", "signature-covers" },
		{ "\"@method\": GET\n" TARGET, "(\"@method\" \"@target-uri\")" PARAMS, "" },
		{ "\"@method\": GET\n\"@authority\": api.example.com\n\"@path\": /a\n\"@query\": "
		  "?b=1\n",
			"(\"@method\" \"@authority\" \"@path\" \"@query\")" PARAMS, "" },
		{ "\"@method\": GET\n\"@authority\": api.example.com\n\"@path\": /a\n",
			"(\"@method\" \"@authority\" \"@path\")" PARAMS, "signature-covers" },
		{ "", "()" PARAMS, "signature-covers" },
		{ LINES, COVERS ";created=1699999694;keyid=\"acme-1\"", "signature-expired" },
		{ LINES, COVERS ";created=1699999696;keyid=\"acme-1\"", "" },
		{ LINES, COVERS ";created=1700000006;keyid=\"acme-1\"", "signature-expired" },
		{ LINES, COVERS ";created=1700000005;keyid=\"acme-1\"", "" },
		{ LINES, COVERS PARAMS ";expires=1699999995", "signature-expired" },
		{ LINES, COVERS PARAMS ";expires=1700000010", "" },
		{ LINES, COVERS ";created=\"" NOW "\";keyid=\"acme-1\"", "signature-malformed" },
		{ LINES, COVERS ";created=-5;keyid=\"acme-1\"", "signature-malformed" },
		{ LINES "\"x\": 1\n", "(\"@method\" \"@authority\" \"@target-uri\" \"x\")" PARAMS,
			"signature-wrong" },
		{ LINES "\"@status\": 1\n",
			"(\"@method\" \"@authority\" \"@target-uri\" \"@status\")" PARAMS,
			"signature-unsupported" },
		{ LINES "\"@method\": GET\n",
			"(\"@method\" \"@authority\" \"@target-uri\" \"@method\")" PARAMS,
			"signature-malformed" },
	};
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		const char *code = code_of(i, rows[n].lines, rows[n].list);
		if (strcmp(code, rows[n].code) != 0)
			fail_msg("%zu: %s, not %s", n, code, rows[n].code);
	}
	kit_advance(60000);
	assert_string_equal(code_of(i, LINES, COVERS ";created=" NOW ";keyid=\"old-1\""),
		"signature-key-expired");
	kit_stop(i);
}

TEST_WITH(fields_that_do_not_go_together, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS);
	static const char *const rows[][2] = {
		{ NULL, "sig1=:AAAA:" },
		{ "sig1=()", NULL },
		{ "sig1=()", "sig2=:AAAA:" },
		{ "sig1=(), sig2=()", "sig1=:AAAA:" },
		{ "sig1=()", "sig1=AAAA" },
		{ "sig1=1", "sig1=:AAAA:" },
		{ "sig1=(1)", "sig1=:AAAA:" },
		{ "sig1=(", "sig1=:AAAA:" },
		{ "", "" },
	};
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		sluice_exchange *x = kit_exchange(i, "GET", "/");
		if (rows[n][0])
			kit_add_header(x, SLUICE_REQUEST, "Signature-Input", rows[n][0]);
		if (rows[n][1])
			kit_add_header(x, SLUICE_REQUEST, "Signature", rows[n][1]);
		(void)kit_run(x);
		assert_string_equal(end_of(x), "signature-malformed");
	}
	kit_stop(i);
}

TEST_WITH(a_nonce_is_good_once, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS), *each;
	assert_string_equal(code_of(i, LINES, COVERS PARAMS ";nonce=\"a\""), "");
	assert_string_equal(code_of(i, LINES, COVERS PARAMS ";nonce=\"a\""), "signature-replayed");
	assert_string_equal(code_of(i, LINES, COVERS PARAMS ";nonce=\"b\""), "");
	assert_string_equal(code_of(i, LINES, COVERS PARAMS), "");
	assert_string_equal(code_of(i, LINES, COVERS PARAMS), "");
	kit_stop(i);
	each = started("keys", KEYS, "replay", "signature");
	assert_string_equal(code_of(each, LINES, COVERS PARAMS), "");
	assert_string_equal(code_of(each, LINES, COVERS PARAMS), "signature-replayed");
	kit_stop(each);
}

struct redis {
	sluice_status status;
	sluice_value reply;
	char key[128];
};

static sluice_status on_redis(void *ctx, const kit_call *call, sluice_value *reply)
{
	struct redis *r = ctx;
	(void)snprintf(r->key, sizeof(r->key), "%.*s", (int)call->args[1].len, call->args[1].data);
	*reply = r->reply;
	return r->status;
}

TEST_WITH(several_gateways_remember_in_redis, setup, NULL)
{
	struct redis r = { .reply = { .type = SLUICE_V_STR, .s = SLUICE_STR("OK") } };
	kit_store_handle(kit_store("shared", SLUICE_STORE_REDIS), on_redis, &r);
	sluice_instance *i = started("keys", KEYS, "replay_store", "shared"), *lax;
	static const char list[] = COVERS PARAMS ";nonce=\"a\"";
	assert_string_equal(code_of(i, LINES, list), "");
	assert_memory_equal(r.key, "sluice:signature:instance:", 26);
	assert_int_equal(strlen(r.key), 26 + 64);
	r.reply = (sluice_value){ .type = SLUICE_V_NIL };
	assert_string_equal(code_of(i, LINES, list), "signature-replayed");
	r.status = SLUICE_UNREACHABLE;
	assert_string_equal(code_of(i, LINES, list), "signature-store-down");
	kit_stop(i);
	lax = started("keys", KEYS, "replay_store", "shared", "on_store_failure", "allow");
	assert_string_equal(code_of(lax, LINES, list), "");
	kit_stop(lax);
}

TEST_WITH(one_of_several_signatures_counts, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "tag", "app");
	sluice_exchange *x = signed_get(i, LINES, COVERS PARAMS ";tag=\"app\"");
	kit_add_header(x, SLUICE_REQUEST, "Signature-Input", "other=();keyid=\"proxy\"");
	kit_add_header(x, SLUICE_REQUEST, "Signature", "other=:AAAA:");
	ask(x);
	assert_string_equal(end_of(x), "");
	assert_string_equal(code_of(i, LINES, COVERS PARAMS), "signature-missing");
	assert_string_equal(code_of(i, LINES, COVERS PARAMS ";tag=\"other\""), "signature-missing");
	kit_stop(i);
}

TEST_WITH(groups_and_what_goes_on, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "groups", "[ops]", "forward_signature", "false");
	sluice_exchange *x = signed_get(i, LINES, COVERS PARAMS);
	ask(x);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_null(kit_header(x, SLUICE_REQUEST, "Signature"));
	assert_null(kit_header(x, SLUICE_REQUEST, "Signature-Input"));
	kit_end(x);
	assert_string_equal(code_of(i, LINES, COVERS ";created=" NOW ";keyid=\"old-1\""),
		"signature-group");
	kit_stop(i);
}

TEST_WITH(guesses_behind_an_old_signature_are_counted, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "failures", "1/min");
	for (int n = 0; n < 2; n++) {
		sluice_exchange *x = kit_exchange(i, "GET", "/a?b=1");
		kit_add_header(x, SLUICE_REQUEST, "Signature-Input",
			"a=" COVERS ";created=1;keyid=\"acme-1\", b=" COVERS PARAMS);
		kit_add_header(x, SLUICE_REQUEST, "Signature", "a=:AAAA:, b=:AAAA:");
		ask(x);
		assert_string_equal(end_of(x), n ? "signature-limited" : "signature-expired");
	}
	kit_stop(i);
}

TEST_WITH(wrong_signatures_use_up_a_budget, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS, "failures", "2/min");
	for (int n = 0; n < 2; n++)
		assert_string_equal(code_of(i, "x\n", COVERS PARAMS), "signature-wrong");
	assert_string_equal(code_of(i, "x\n", COVERS PARAMS), "signature-limited");
	assert_string_equal(code_of(i, LINES, COVERS PARAMS), "signature-limited");
	kit_advance(30001);
	assert_string_equal(code_of(i, LINES, COVERS PARAMS), "");
	kit_stop(i);
}

/* ---- bodies -------------------------------------------------------------------------------- */

static sluice_exchange *signed_post(sluice_instance *i)
{
	char base[1024], text[1024];
	static const char list[] = "(\"@method\" \"@target-uri\" \"content-digest\")" PARAMS;
	sluice_exchange *x = kit_exchange(i, "POST", "/a?b=1");
	(void)snprintf(base, sizeof(base),
		"\"@method\": POST\n" TARGET "\"content-digest\": " RFC_DIGEST
		"\n\"@signature-params\": %s",
		list);
	(void)snprintf(text, sizeof(text), "s=:%s:", mac_of(base));
	kit_add_header(x, SLUICE_REQUEST, "Content-Digest", RFC_DIGEST);
	kit_add_header(x, SLUICE_REQUEST, "Signature", kept(text));
	(void)snprintf(text, sizeof(text), "s=%s", list);
	kit_add_header(x, SLUICE_REQUEST, "Signature-Input", kept(text));
	return x;
}

TEST_WITH(the_body_is_the_one_that_was_signed, setup, NULL)
{
	sluice_instance *i = started("keys", KEYS);
	sluice_exchange *x = signed_post(i);
	assert_int_equal(kit_run(x), SLUICE_WAIT);
	(void)kit_body_in(x, SLUICE_REQUEST, RFC_BODY, 5, false);
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	(void)kit_body_in(x, SLUICE_REQUEST, RFC_BODY + 5, sizeof(RFC_BODY) - 6, true);
	assert_int_equal(kit_verdict(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "consumer"), "acme");
	kit_end(x);
	x = signed_post(i);
	(void)kit_run(x);
	(void)kit_body_in(x, SLUICE_REQUEST, "{\"hello\": \"World\"}", 18, true);
	assert_int_equal(kit_status(x), 401);
	assert_string_equal(kit_code(x), "signature-digest");
	assert_null(kit_attr(x, "consumer"));
	kit_end(x);
	x = signed_get(i, LINES, COVERS PARAMS);
	kit_add_header(x, SLUICE_REQUEST, "Content-Length", "5");
	(void)kit_run(x);
	assert_string_equal(kit_code(x), "signature-covers");
	kit_end(x);
	kit_stop(i);
	i = started("keys", KEYS, "content_digest", "off");
	x = signed_get(i, LINES, COVERS PARAMS);
	kit_add_header(x, SLUICE_REQUEST, "Content-Length", "5");
	assert_int_equal(kit_run(x), SLUICE_NEXT);
	kit_end(x);
	kit_stop(i);
}

/* ---- keys ---------------------------------------------------------------------------------- */

TEST_WITH(a_file_of_keys_is_watched, setup, NULL)
{
	kit_file("keys",
		"# keys\nacme-1 acme secret="
		"an-alphabet-of-32-bytes-or-more!!"
		"\n");
	sluice_instance *i = started("file", "keys", "refresh", "1s");
	assert_string_equal(code_of(i, LINES, COVERS PARAMS), "signature-wrong");
	kit_file("keys",
		"acme-1 acme secret=base64:"
		"YW4gYWxwaGFiZXQgb2YgMzIgYnl0ZXMgb3IgbW9yZSEh"
		" plan=free\n");
	kit_advance(2000);
	assert_string_equal(code_of(i, LINES, COVERS PARAMS), "");
	kit_file("keys", "acme-1 acme secret=short\n");
	kit_advance(2000);
	assert_string_equal(code_of(i, LINES, COVERS PARAMS), "");
	assert_non_null(
		strstr(kit_log(), "keys:1: the line has a secret that is not 32 to 4096 bytes"));
	kit_stop(i);
}

TEST_WITH(mistakes_of_options, setup, NULL)
{
	static const struct {
		const char *option, *value, *error;
	} rows[] = {
		{ "keys", "[]", "neither keys nor file is given" },
		{ "keys", "[{keyid: a, name: a}]",
			"the key has not exactly one of secret and public_key" },
		{ "keys", "[{keyid: a, name: a, secret: short}]", "a secret that is not 32" },
		{ "keys", "[{keyid: a, name: a, algorithm: ed25519, secret: '" SECRET "'}]",
			"does not fit its algorithm" },
		{ "keys", "[{keyid: 'a b', name: a, secret: '" SECRET "'}]",
			"a keyid that is not" },
		{ "keys",
			"[{keyid: a, name: a, secret: '" SECRET
			"'}, {keyid: a, name: b, secret: '" SECRET "'}]",
			"keyid that is there twice" },
		{ "keys", "[{keyid: a, name: a, public_key: 'file:absent.pem'}]",
			"cannot read absent.pem" },
		{ "components", "[Date]", "neither the name of a field" },
		{ "components", "['@status']", "neither the name of a field" },
		{ "parameters", "[expires]", "lacks created" },
		{ "origin", "api.example.com", "is no scheme and host" },
		{ "failures", "0/s", "" },
		{ "tag", "'a\"b'", "quotes" },
		{ "label", "A", "is no label" },
		{ "file", "absent", "cannot read absent" },
	};
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		sluice_instance *i = kit_instance(&sluice_plugin_record, "keys", KEYS,
			rows[n].option, rows[n].value, NULL);
		assert_int_equal(kit_check(i), -1);
		if (!strstr(kit_errors(i), rows[n].error) || strstr(kit_errors(i), SECRET))
			fail_msg("%zu: %s", n, kit_errors(i));
		kit_stop(i);
	}
}

/* ---- RFC 9421, appendix B ------------------------------------------------------------------ */

TEST_WITH(vectors_of_the_rfc, setup, NULL)
{
	static const char *const rows[][2] = { { RFC_B21_LIST, RFC_B21 }, { RFC_B22_LIST, RFC_B22 },
		{ RFC_B25_LIST, RFC_B25 }, { RFC_B26_LIST, RFC_B26 } };
	kit_file("rsa.pem", RFC_RSA_PSS);
	kit_file("ed.json", RFC_ED25519);
	sluice_instance *i = started("keys",
		"[{keyid: test-key-rsa-pss, name: rsa, public_key: 'file:rsa.pem'}, "
		"{keyid: test-key-ed25519, name: ed, public_key: 'file:ed.json'}, "
		"{keyid: test-shared-secret, name: mac, secret: '" RFC_SECRET "'}]",
		"components", "['@authority']", "origin", "https://example.com");
	kit_set_unix_ms(RFC_CREATED * 1000);
	for (size_t n = 0; n < sizeof(rows) / sizeof(*rows); n++) {
		char text[1024];
		sluice_exchange *x = kit_exchange(i, "POST", "/foo?param=Value&Pet=dog");
		(void)snprintf(text, sizeof(text), "sig-b=:%s:", rows[n][1]);
		kit_add_header(x, SLUICE_REQUEST, "Signature", kept(text));
		(void)snprintf(text, sizeof(text), "sig-b=%s", rows[n][0]);
		kit_add_header(x, SLUICE_REQUEST, "Signature-Input", kept(text));
		kit_add_header(x, SLUICE_REQUEST, "Date", "Tue, 20 Apr 2021 02:07:55 GMT");
		kit_add_header(x, SLUICE_REQUEST, "Content-Type", "application/json");
		kit_add_header(x, SLUICE_REQUEST, "Content-Digest", RFC_DIGEST);
		kit_add_header(x, SLUICE_REQUEST, "Content-Length", "18");
		(void)kit_run(x);
		if (kit_verdict(x) == SLUICE_WAIT)
			(void)kit_body_in(x, SLUICE_REQUEST, RFC_BODY, sizeof(RFC_BODY) - 1, true);
		/* the first covers nothing, and two of them have a body that they do not cover */
		if (n == 1)
			assert_int_equal(kit_verdict(x), SLUICE_NEXT);
		else
			assert_string_equal(kit_code(x), "signature-covers");
		kit_end(x);
	}
	kit_stop(i);
}
