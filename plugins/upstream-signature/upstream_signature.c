/*
 * upstream-signature: signs the requests that go to upstreams (RFC 9421). This file has the record,
 * the options, and the digest of the body; attempt.c signs.
 */
#include <sluice/plugin.h>

#include <stdio.h>

#include "../httpsig/digest.h"
#include "../shared/metric.h"
#include "attempt.h"

#define C struct upstream_signature

static const char *const algorithm_choices[] = { "of-key", "hmac-sha256", "rsa-pss-sha512",
	"rsa-v1_5-sha256", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "ed25519", NULL };
static const char *const digest_choices[] = { "off", "sha-256", "sha-512", NULL };
static const char *const client_choices[] = { "keep", "remove", NULL };
static const char *const scheme_choices[] = { "https", "http", NULL };

static const sluice_option upstream_signature_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, C, secret, .flags = SLUICE_F_SECRET,
		.doc = "a shared secret: 32 bytes at least, or base64: and the Base64 of them"),
	SLUICE_OPTION(SLUICE_T_STR, C, private_key, .flags = SLUICE_F_SECRET,
		.doc = "a private key in PEM, without a passphrase"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, algorithm, .def = "of-key", .choices = algorithm_choices,
		.doc = "how it is signed; of-key: hmac-sha256 by a secret, rsa-pss-sha512 by an "
		       "RSA "
		       "key, and as its curve demands by another"),
	SLUICE_OPTION(SLUICE_T_STR, C, keyid, .flags = SLUICE_F_REQUIRED, .min = "1", .max = "255",
		.doc = "the parameter keyid, by which the server finds the key"),
	SLUICE_OPTION(SLUICE_T_STRS, C, components,
		.def = "[@method, @authority, @path, @query, content-type, "
		       "content-digest]",
		.max = "32",
		.doc = "what is signed: components of RFC 9421 2, and fields; what a request does "
		       "not have is left out"),
	SLUICE_OPTION(SLUICE_T_STR, C, label, .def = "sluice", .min = "1", .max = "64",
		.doc = "the label of the signature; a number is put behind it where the client's "
		       "request has the same"),
	SLUICE_OPTION(SLUICE_T_STR, C, tag, .max = "255", .doc = "the parameter tag"),
	SLUICE_OPTION(SLUICE_T_DURATION, C, expires, .max = "1d",
		.doc = "the parameter expires, so long after created; left out: none"),
	SLUICE_OPTION(SLUICE_T_BOOL, C, nonce, .def = "true",
		.doc = "whether each signature has a random parameter nonce"),
	SLUICE_OPTION(SLUICE_T_BOOL, C, send_alg, .def = "false",
		.doc = "whether the parameter alg names the algorithm"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, content_digest, .def = "off", .choices = digest_choices,
		.doc = "the algorithm by which Content-Digest (RFC 9530) is made of the body, "
		       "which "
		       "is held until it is there"),
	SLUICE_OPTION(SLUICE_T_SIZE, C, max_body, .def = "1MiB", .min = "1", .max = "1GiB",
		.doc = "greatest body that is held for content_digest; a greater one gets 413"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, client_signatures, .def = "keep", .choices = client_choices,
		.doc = "whether signatures of the client's own stay beside this one"),
	SLUICE_OPTION(SLUICE_T_ENUM, C, scheme, .def = "https", .choices = scheme_choices,
		.doc = "the scheme in @scheme and @target-uri, as the server knows it"),
	SLUICE_OPTIONS_END,
};

/* ---- the digest of the body ---------------------------------------------------------------- */

static sluice_verdict signature_on_request(sluice_exchange *x, const void *conf)
{
	const struct upstream_signature *c = conf;
	const sluice_body_plan plan = { .size = sizeof(plan),
		.mode = SLUICE_BODY_BUFFER,
		.over = SLUICE_BODY_REFUSE,
		.max = c->max_body,
		.read_only = true };
	if (c->content_digest == BODY_DIGEST_OFF || message_body(x) == MESSAGE_NO_BODY)
		return SLUICE_NEXT;
	return sluice_body_want(x, SLUICE_REQUEST, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
}

static sluice_verdict signature_on_request_body(sluice_exchange *x, const void *conf,
	sluice_str data, bool end)
{
	const struct upstream_signature *c = conf;
	char field[CONTENT_FIELD_MAX];
	struct text t = { .data = field, .room = sizeof(field) };
	if (!end || !data.len)
		return SLUICE_NEXT; /* an empty body has nothing that could be changed */
	content_digest_put(&t,
		c->content_digest == BODY_DIGEST_SHA512 ? CONTENT_SHA512 : CONTENT_SHA256, data);
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("Content-Digest"), text_from(&t, 0));
	return SLUICE_NEXT;
}

/* ---- configuration ------------------------------------------------------------------------- */

static bool no_field(void *ctx, size_t *at, sluice_pair *out)
{
	(void)ctx, (void)at, (void)out;
	return false;
}

/* Why a component cannot be signed; NULL: it can. */
static const char *refuse_component(const struct sf_item *item)
{
	char room[256];
	struct text out = { .data = room, .room = sizeof(room) };
	struct text scratch = out;
	const struct sig_message m = { .method = SLUICE_STR("GET"),
		.scheme = SLUICE_STR("https"),
		.authority = SLUICE_STR("a"),
		.path = SLUICE_STR("/"),
		.query = SLUICE_STR_NONE,
		.next = no_field };
	sluice_str name = item->value.text;
	switch (base_component(&out, &scratch, &m, item)) {
	case BASE_OK:
		return NULL;
	case BASE_ABSENT:
		if (name.data[0] != '@' &&
			sluice_field_refused(SLUICE_REQUEST, SLUICE_FIELD_SET, name,
				SLUICE_STR("a")))
			return "is a field that the gateway writes or takes away itself";
		return NULL;
	case BASE_UNSUPPORTED:
		return "is a component that is not supported";
	case BASE_MALFORMED:
	case BASE_TOO_LONG:
	default:
		return "is no component: a name in lower case, and parameters such as "
		       ";key=\"a\"";
	}
}

/* `NAME` or `NAME;PARAMETERS`, as an item of the list. */
static const char *add_component(struct upstream_signature *c, sluice_str text, char *room)
{
	struct sf_list one;
	sluice_str rest = text, name = sluice_str_cut(&rest, ';');
	struct text t = { .data = room, .room = text.len + 5 };
	text_put(&t, SLUICE_STR("(\""));
	text_put(&t, name);
	text_put_char(&t, '"');
	text_put(&t, sluice_str_skip(text, name.len));
	text_put_char(&t, ')');
	if (!name.len || t.is_full || !sf_list_read(text_from(&t, 0), &one) || one.n != 1 ||
		one.params.n)
		return "is no component";
	const char *why = refuse_component(&one.v[0]);
	if (!why)
		c->covers.v[c->covers.n++] = one.v[0];
	return why;
}

static int check_components(sluice_instance *inst, struct upstream_signature *c)
{
	for (size_t i = 0; i < c->components.n; i++) {
		sluice_str text = c->components.v[i];
		const char *why = add_component(c, text, sluice_conf_alloc(inst, text.len + 8));
		for (size_t k = 0; k < i && !why; k++) {
			if (sluice_str_eq(text, c->components.v[k]))
				why = "is there twice";
		}
		if (!why)
			continue;
		sluice_conf_error(inst, "components", "\"%.*s\" %s", (int)text.len, text.data, why);
		return -1;
	}
	return 0;
}

static bool is_label(sluice_str s)
{
	struct sf_dictionary d;
	struct sf_member m;
	sf_dictionary_init(&d, s);
	return sf_dictionary_next(&d, &m) && sluice_str_eq(m.key, s);
}

/* What can stand in a string without an escape. */
static bool is_plain(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			return false;
	}
	return true;
}

static int check_texts(sluice_instance *inst, const struct upstream_signature *c)
{
	const struct {
		const char *option;
		sluice_str text;
	} rows[] = { { "keyid", c->keyid }, { "tag", c->tag } };
	for (size_t i = 0; i < 2; i++) {
		if (is_plain(rows[i].text))
			continue;
		sluice_conf_error(inst, rows[i].option,
			"may have visible ASCII without quotes and backslashes only");
		return -1;
	}
	if (is_label(c->label))
		return 0;
	sluice_conf_error(inst, "label", "is no label: it has lower case, digits and -_.*");
	return -1;
}

static int check_key(sluice_instance *inst, struct upstream_signature *c)
{
	const char *option = c->secret.len ? "secret" : "private_key", *why;
	enum sig_alg alg = c->algorithm ? (enum sig_alg)(c->algorithm - 1) : SIG_ALGS;
	if ((c->secret.len > 0) == (c->private_key.len > 0)) {
		sluice_conf_error(inst, NULL, "exactly one of secret and private_key is needed");
		sluice_conf_hint(inst,
			"secret: file:/run/secrets/signing; `openssl rand -base64 32` makes one");
		return -1;
	}
	c->signer = c->secret.len ? signer_read_secret(c->secret, &alg, &why)
				  : signer_read_private(c->private_key, &alg, &why);
	c->alg = alg;
	if (c->signer)
		return 0;
	sluice_conf_error(inst, option, "the key %s", why);
	return -1;
}

static int signature_check(sluice_instance *inst, void *conf)
{
	struct upstream_signature *c = conf;
	if (c->content_digest == BODY_DIGEST_OFF && sluice_conf_given(inst, "max_body")) {
		sluice_conf_error(inst, "max_body", "is not used without content_digest");
		return -1;
	}
	c->requests = metric_declare(inst, SLUICE_METRIC_COUNTER, "requests",
		"Requests that were about to be sent, by whether they were signed.", "result");
	return c->requests && check_texts(inst, c) == 0 && check_components(inst, c) == 0
		? check_key(inst, c)
		: -1;
}

static void signature_stop(sluice_instance *inst, void *conf)
{
	struct upstream_signature *c = conf;
	(void)inst;
	signer_drop(c->signer);
	c->signer = NULL;
}

static int signature_worker_start(sluice_instance *inst, const void *conf, void *state)
{
	const struct upstream_signature *c = conf;
	struct signature_worker *w = state;
	(void)inst;
	w->pen = pen_new(c->signer);
	return w->pen ? 0 : -1;
}

static void signature_worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	struct signature_worker *w = state;
	(void)inst, (void)conf;
	pen_free(w->pen);
}

SLUICE_PLUGIN("upstream-signature", .version = "1.0",
	.summary = "signs requests to upstreams (RFC 9421)", .options = upstream_signature_options,
	.conf_size = sizeof(struct upstream_signature), .check = signature_check,
	.stop = signature_stop, .worker_size = sizeof(struct signature_worker),
	.worker_start = signature_worker_start, .worker_stop = signature_worker_stop,
	.on_request = signature_on_request, .on_request_body = signature_on_request_body,
	.on_attempt = attempt_sign);
