/*
 * hmac-auth: admits requests that are signed (RFC 9421), by shared secrets or private keys. This
 * file has the record and the options. judge.c handles a request, check.c finds and verifies its
 * signature, terms.c has what a signature must cover, signers.c and files.c know the keys, and
 * answer.c refuses and admits.
 */
#include <sluice/plugin.h>

#include "../httpsig/sig_key.h"
#include "../shared/metric.h"
#include "../shared/origin.h"
#include "answer.h"
#include "conf.h"
#include "files.h"
#include "judge.h"

#define H struct hmac_auth
#define O struct signer_option

static const char *const algorithm_choices[] = { "of-key", "hmac-sha256", "rsa-pss-sha512",
	"rsa-v1_5-sha256", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "ed25519", NULL };
static const char *const digest_choices[] = { "required", "off", NULL };
static const char *const replay_choices[] = { "nonce", "signature", "off", NULL };
static const char *const failure_choices[] = { "deny", "allow", NULL };

static const sluice_option signer_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, O, keyid, .flags = SLUICE_F_REQUIRED, .max = "255",
		.doc = "the parameter keyid of signatures by this key"),
	SLUICE_OPTION(SLUICE_T_STR, O, name, .flags = SLUICE_F_REQUIRED,
		.doc = "whose key it is: the fact consumer; several keys may have one name"),
	SLUICE_OPTION(SLUICE_T_ENUM, O, algorithm, .def = "of-key", .choices = algorithm_choices,
		.doc = "the one algorithm that the key goes with; of-key: hmac-sha256 of a secret, "
		       "rsa-pss-sha512 of an RSA key, and that of its curve of another"),
	SLUICE_OPTION(SLUICE_T_STR, O, secret, .flags = SLUICE_F_SECRET,
		.doc = "a shared secret: 32 bytes at least, or base64: and the Base64 of them"),
	SLUICE_OPTION(SLUICE_T_STR, O, public_key,
		.doc = "a public key, in PEM or as a JWK: file:PATH, or the text itself"),
	SLUICE_OPTION(SLUICE_T_STR, O, expires,
		.doc = "when it ends to count, as in RFC 3339: 2026-12-31T23:59:59Z"),
	SLUICE_OPTION(SLUICE_T_STRS, O, groups, .max = "64", .doc = "groups that the key is in"),
	SLUICE_OPTION(SLUICE_T_PAIRS, O, facts, .max = "16",
		.doc = "further facts, `consumer:NAME`"),
	SLUICE_OPTIONS_END,
};

static const sluice_option hmac_auth_options[] = {
	SLUICE_OPTION(SLUICE_T_LIST, H, keys, .sub = signer_options, .sub_size = sizeof(O),
		.max = "1000", .doc = "keys, by their keyid"),
	SLUICE_OPTION(SLUICE_T_STR, H, file,
		.doc = "file with a line `KEYID NAME secret=base64:... [algorithm=NAME] "
		       "[expires=TIME] [groups=a,b] [FACT=VALUE ...]` for each key, or "
		       "public_key=BASE64 in the place of secret; it is watched"),
	SLUICE_OPTION(SLUICE_T_STRS, H, components, .def = "[@method, @authority, @target-uri]",
		.min = "1", .max = "16",
		.doc = "components that a signature has to cover; @path and @query together are "
		       "as good as @target-uri"),
	SLUICE_OPTION(SLUICE_T_FLAGS, H, parameters, .def = "[created]",
		.choices = input_param_names,
		.doc = "parameters that a signature has to have; keyid is needed in any case"),
	SLUICE_OPTION(SLUICE_T_DURATION, H, max_age, .def = "5m", .min = "1s", .max = "1d",
		.doc = "how long after its parameter created a signature counts"),
	SLUICE_OPTION(SLUICE_T_DURATION, H, leeway, .def = "5s", .max = "10m",
		.doc = "how far the clock of a client may be off"),
	SLUICE_OPTION(SLUICE_T_STR, H, label, .max = "64",
		.doc = "only the signature with this label counts; left out: any"),
	SLUICE_OPTION(SLUICE_T_STR, H, tag, .max = "255",
		.doc = "only signatures with this parameter tag count; left out: any"),
	SLUICE_OPTION(SLUICE_T_ENUM, H, content_digest, .def = "required",
		.choices = digest_choices,
		.doc = "whether the signature of a request with a body has to cover Content-Digest "
		       "(RFC 9530), which is then compared with the body"),
	SLUICE_OPTION(SLUICE_T_SIZE, H, max_body, .def = "1MiB", .min = "1", .max = "1GiB",
		.doc = "greatest body whose digest is compared: so much of it is held in memory; a "
		       "greater one gets 413"),
	SLUICE_OPTION(SLUICE_T_ENUM, H, replay, .def = "nonce", .choices = replay_choices,
		.doc = "what is good once: signatures that have a nonce, every signature, or none"),
	SLUICE_OPTION(SLUICE_T_STORE, H, replay_store,
		.doc = "where it is remembered what was used: a memory or Redis store; left out: "
		       "the memory of this process"),
	SLUICE_OPTION(SLUICE_T_ENUM, H, on_store_failure, .def = "deny", .choices = failure_choices,
		.doc = "when the store does not answer: refuse the request with 503, or admit it"),
	SLUICE_OPTION(SLUICE_T_DURATION, H, store_timeout, .def = "50ms", .min = "1ms",
		.max = "10s", .doc = "how long a request waits for the store"),
	SLUICE_OPTION(SLUICE_T_STR, H, origin, .max = "300",
		.doc = "scheme and host by which clients know the gateway, such as "
		       "https://api.example.com; left out: the host of the request, and the scheme "
		       "that it or a trusted proxy says"),
	SLUICE_OPTION(SLUICE_T_STRS, H, groups, .max = "64",
		.doc = "groups of which a key must be in one; else 403"),
	SLUICE_OPTION(SLUICE_T_STR, H, realm, .max = "128",
		.doc = "the realm in WWW-Authenticate; left out: the name of the instance"),
	SLUICE_OPTION(SLUICE_T_BOOL, H, forward_signature, .def = "true",
		.doc = "whether the fields Signature and Signature-Input go to the upstream"),
	SLUICE_OPTION(SLUICE_T_RATE, H, failures, .def = "30/min",
		.doc = "how many wrong signatures a client's address may send; further ones get "
		       "429"),
	SLUICE_OPTION(SLUICE_T_DURATION, H, refresh, .def = "5s", .min = "1s", .max = "1d",
		.doc = "how often the file is looked at"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

static bool is_lower_token(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!sluice_is_token_char(s.data[i]) || sluice_lower(s.data[i]) != s.data[i])
			return false;
	}
	return s.len > 0;
}

/* A name that base.c knows. */
static bool is_component(sluice_str s)
{
	static const char *const derived[] = { "@method", "@target-uri", "@authority", "@scheme",
		"@request-target", "@path", "@query" };
	for (size_t i = 0; i < sizeof(derived) / sizeof(*derived); i++) {
		if (sluice_str_is(s, derived[i]))
			return true;
	}
	return is_lower_token(s);
}

static int check_components(sluice_instance *inst, const struct hmac_auth *h)
{
	for (size_t i = 0; i < h->components.n; i++) {
		sluice_str c = h->components.v[i];
		if (is_component(c))
			continue;
		sluice_conf_error(inst, "components",
			"\"%.*s\" is neither the name of a field in lower case nor a component of "
			"a request",
			(int)c.len, c.data);
		sluice_conf_hint(inst,
			"@method, @authority, @target-uri, @scheme, @request-target, @path, "
			"@query, "
			"or a field such as content-type");
		return -1;
	}
	return 0;
}

static int check_choice(sluice_instance *inst, const struct hmac_auth *h)
{
	if (h->label.len && (!is_lower_token(h->label) || !sluice_str_is_token(h->label))) {
		sluice_conf_error(inst, "label", "is no label: it has lower case, digits and -_.*");
		return -1;
	}
	if (h->tag.len && signers_text_refused(h->tag)) {
		sluice_conf_error(inst, "tag", "%s", signers_text_refused(h->tag));
		return -1;
	}
	if (h->replay != REPLAY_OFF && !(h->parameters & INPUT_CREATED)) {
		sluice_conf_error(inst, "parameters",
			"lacks created, so that signatures would have to be remembered for ever");
		sluice_conf_hint(inst, "add created, or write replay: off");
		return -1;
	}
	if (h->replay_store && h->replay == REPLAY_OFF) {
		sluice_conf_error(inst, "replay_store", "is not used with replay: off");
		return -1;
	}
	return 0;
}

static int check_origin(sluice_instance *inst, struct hmac_auth *h)
{
	sluice_str rest;
	if (!h->origin.len)
		return 0;
	if (origin_split(h->origin, &h->origin_scheme, &h->origin_authority, &rest) && !rest.len)
		return 0;
	sluice_conf_error(inst, "origin", "is no scheme and host");
	sluice_conf_hint(inst, "write it without a path: https://api.example.com");
	return -1;
}

static int check_options(sluice_instance *inst, const struct hmac_auth *h)
{
	if (!h->file.len && !h->keys.n) {
		sluice_conf_error(inst, NULL, "neither keys nor file is given");
		sluice_conf_hint(inst,
			"keys: [{ keyid: acme-1, name: acme, secret: file:/etc/sluice/acme }]; "
			"`openssl rand -base64 32` makes a secret");
		return -1;
	}
	if (h->failures.count == 0 || h->failures.period_ms == 0) {
		sluice_conf_error(inst, "failures", "must allow something");
		return -1;
	}
	return 0;
}

static int declare_metrics(sluice_instance *inst, struct hmac_auth *h)
{
	h->checks = metric_declare(inst, SLUICE_METRIC_COUNTER, "checks",
		"Requests with or without a signature, by what came of it.", "result");
	h->keys_known = metric_declare(inst, SLUICE_METRIC_GAUGE, "keys",
		"Keys of the options and of the file.", NULL);
	h->refused_files = metric_declare(inst, SLUICE_METRIC_GAUGE, "refused_files",
		"Files whose present content has a mistake and is not used.", NULL);
	return h->checks && h->keys_known && h->refused_files ? 0 : -1;
}

static int hmac_auth_check(sluice_instance *inst, void *conf)
{
	struct hmac_auth *h = conf;
	if (check_options(inst, h) < 0 || check_components(inst, h) < 0 ||
		check_choice(inst, h) < 0 || check_origin(inst, h) < 0 ||
		answer_check(inst, h) < 0 || declare_metrics(inst, h) < 0)
		return -1;
	h->parameters |= INPUT_KEYID;
	sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, SLUICE_STR("signature"));
	sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, SLUICE_STR("signature-input"));
	guess_init(&h->guess, inst, "hmac-auth", h->failures);
	seen_init(&h->seen, inst, h->replay_store, "signature");
	return files_check(inst, h);
}

static int hmac_auth_start(sluice_instance *inst, void *conf)
{
	files_start(inst, conf);
	return 0;
}

static int hmac_auth_worker_start(sluice_instance *inst, const void *conf, void *state)
{
	struct hmac_worker *w = state;
	(void)inst, (void)conf;
	if (verifier_init(&w->verifier) == 0)
		return 0;
	verifier_fini(&w->verifier);
	return -1;
}

static void hmac_auth_worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	struct hmac_worker *w = state;
	(void)inst, (void)conf;
	verifier_fini(&w->verifier);
}

static const char *const hmac_auth_provides[] = { "consumer", "groups", "consumer:", NULL };

SLUICE_PLUGIN("hmac-auth", .version = "1.0",
	.summary = "admits requests that are signed (RFC 9421)", .options = hmac_auth_options,
	.conf_size = sizeof(struct hmac_auth), .check = hmac_auth_check, .start = hmac_auth_start,
	.worker_size = sizeof(struct hmac_worker), .worker_start = hmac_auth_worker_start,
	.worker_stop = hmac_auth_worker_stop, .on_request = judge_on_request,
	.provides = hmac_auth_provides);
