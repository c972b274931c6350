/*
 * Where the plugin jwt finds keys: an issuer whose discovery document and key set are whatever an
 * input says, answered late or not at all, while time passes and configurations are loaded anew.
 * Through the plugin's record, on the kit of its tests.
 *
 * What must hold: keys come into force only by a document that names the issuer it was asked of and
 * an https URL, and nothing is ever asked for in clear; a set has keys of use, and not too many;
 * and nothing is left behind.
 */
#include <jansson.h>
#include <stdlib.h>

#include "kit.h"
#include "heap.h"
#include "input.h"
#include "issuers.h"
#include "reach.h"

extern const sluice_plugin sluice_plugin_record;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define IDP "https://idp.example/"
#define DISCOVERY "https://idp.example/.well-known/openid-configuration"
#define KEYS_URL "https://idp.example/keys"
#define OTHER_URL "https://keys.example/"
#define PLAIN_URL "http://idp.example/keys"

enum { STEPS = 60, DOCUMENT = 8192 };

/* A document under construction; no byte of it is 0. */
struct document {
	char text[DOCUMENT];
	size_t n;
};

static sluice_instance *instance;
static bool trusted; /* a discovery document that may be believed was there */

static void add(struct document *d, const char *text)
{
	size_t n = strlen(text);
	if (d->n + n >= sizeof(d->text))
		return;
	memcpy(d->text + d->n, text, n + 1);
	d->n += n;
}

/* Bytes of any kind, but for 0, which no answer of the kit can hold. */
static void add_bytes(struct document *d, struct input *in)
{
	sluice_str s = input_bytes(in);
	if (d->n + s.len >= sizeof(d->text))
		return;
	for (size_t i = 0; i < s.len; i++)
		d->text[d->n++] = s.data[i] ? s.data[i] : ' ';
	d->text[d->n] = 0;
}

/* ---- what the issuer says ------------------------------------------------------------------ */

static void make_discovery(struct document *d, struct input *in)
{
	static const char *const members[] = { "\"issuer\":\"" IDP "\"",
		"\"jwks_uri\":\"" KEYS_URL "\"", "\"jwks_uri\":\"" OTHER_URL "\"",
		"\"jwks_uri\":\"" PLAIN_URL "\"", "\"jwks_uri\":\"file:///etc/passwd\"",
		"\"issuer\":\"https://idp.example\"", "\"issuer\":null",
		"\"jwks_uri\":[\"" KEYS_URL "\"]", "\"x\":{\"issuer\":\"y\"}",
		"\"jwks_uri\":\"" KEYS_URL "\\u0000\"", "\"issuer\":\"\\ud800\"" };
	unsigned n = input_below(in, 6);
	add(d, "{");
	for (unsigned i = 0; i < n; i++) {
		unsigned which = input_byte(in);
		if (i)
			add(d, ",");
		if (which >= 240)
			add_bytes(d, in);
		else
			add(d, members[which % (sizeof(members) / sizeof(members[0]))]);
	}
	add(d, "}");
}

static void make_keys(struct document *d, struct input *in)
{
	static const char *const parts[] = {
		"{\"kid\":\"a\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
		"\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\"y\":"
		"\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
		"7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
		"7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"alg\":\"RS256\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
		"{\"kty\":\"oct\",\"k\":\"AAAA\"}",
		"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
		"{\"kty\":1}",
		"null",
		"[]",
		"{\"kty\":\"RSA\",\"n\":\"",
		"\",\"e\":\"AQAB\"}",
		"{\"use\":\"enc\",\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_"
		"7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
	};
	unsigned n = input_below(in, 8), times = input_byte(in);
	add(d, "{\"keys\":[");
	for (unsigned i = 0; i < n; i++) {
		unsigned which = input_byte(in);
		if (i)
			add(d, ",");
		if (which >= 240)
			add_bytes(d, in);
		else
			add(d, parts[which % (sizeof(parts) / sizeof(parts[0]))]);
	}
	for (unsigned i = 200; i < times; i++) /* more than a set may have */
		add(d, ",{},{},{}");
	add(d, "]}");
}

/* Read by the simplest means: whether it names the issuer, and a URL that may be used. */
static bool may_be_believed(const char *text)
{
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	const char *issuer = json_string_value(json_object_get(root, "issuer"));
	const char *url = json_string_value(json_object_get(root, "jwks_uri"));
	bool good = issuer && url && strcmp(issuer, IDP) == 0 && strncmp(url, "https://", 8) == 0;
	json_decref(root);
	return good;
}

static void answer(struct input *in)
{
	static const char *const urls[] = { DISCOVERY, KEYS_URL, OTHER_URL, PLAIN_URL };
	static const int codes[] = { 200, 200, 200, 404, 500, 302, 204 };
	struct document d = { .n = 0 };
	unsigned how = input_byte(in), where = how % 4, code = (how >> 2) % 7;
	if (how >= 224) {
		kit_fetch_fail(urls[where], how & 4 ? SLUICE_TIMEOUT : SLUICE_UNREACHABLE);
		return;
	}
	if (how & 128)
		add_bytes(&d, in);
	else if (where == 0)
		make_discovery(&d, in);
	else
		make_keys(&d, in);
	d.text[d.n] = 0;
	if (where == 0 && codes[code] == 200 && may_be_believed(d.text))
		trusted = true;
	REACH_IF(where == 0 && codes[code] == 200 && !trusted,
		"a document that is not to be believed");
	kit_fetch_answer(urls[where], codes[code], d.text);
}

/* ---- the plugin ---------------------------------------------------------------------------- */

static const struct keyset *keys(void)
{
	const struct issuer_keys *k = instance ? issuers_keys(kit_published(instance)) : NULL;
	return k ? k[0].keys : NULL;
}

static void check_keys(void)
{
	const struct keyset *set = keys();
	check(!set || trusted, "keys by a document that names %s", "somebody else");
	check(!set || set->n <= KEYS_MAX, "%zu keys", set->n);
	REACH_IF(set && set->n == 0, "an issuer that has no keys");
	check(kit_fetches(PLAIN_URL) == 0, "keys were asked for in %s", "clear");
	REACH_IF(set != NULL, "keys in force");
	REACH_IF(set && set->n > 1, "several keys");
	REACH_IF(kit_fetches(DISCOVERY) > 1, "a second discovery");
}

/* A configuration that says the same: the new instance is there before the old one goes. */
static void reload(void)
{
	sluice_instance *old = instance;
	instance = kit_instance(&sluice_plugin_record, "issuer", IDP, NULL);
	kit_start(instance);
	REACH_IF(keys() != NULL, "keys taken over by a reload");
	kit_stop(old);
}

static void step(struct input *in)
{
	static const uint64_t times[] = { 5, 300, 12000, 600000 };
	switch (input_below(in, 6)) {
	case 0:
	case 1:
		answer(in);
		break;
	case 2:
	case 3:
		kit_advance(times[input_below(in, 4)]);
		break;
	case 4:
		kit_fetch_delay(input_byte(in) & 1 ? 6000 : 5);
		break;
	default:
		reload();
		break;
	}
	check_keys();
	(void)kit_log();
}

static void run(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	kit_reset();
	trusted = false;
	instance = kit_instance(&sluice_plugin_record, "issuer", IDP, NULL);
	kit_start(instance);
	for (unsigned i = 0; i < STEPS && input_has_more(&in); i++)
		step(&in);
	kit_stop(instance);
	instance = NULL;
	kit_reset();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	heap_watch(run, data, size);
	return 0;
}
