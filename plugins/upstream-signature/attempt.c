/*
 * Signing a request that is about to be sent to a server. Each try has its own signature, with the
 * time at which it is made; what the client signed itself is remembered at the first one.
 */
#include "attempt.h"

#include <openssl/rand.h>
#include <stdio.h>

#include "../shared/origin.h"

enum { MS = 1000, NONCE_BYTES = 16, NONCE_TEXT = 24, LABEL_MAX = 80 };

/* What the client's request had, before it was signed. */
struct signed_before {
	bool is_taken;
	sluice_str input, signature; /* in the exchange's memory; data NULL: nothing */
};

/* ---- what the client signed ---------------------------------------------------------------- */

static bool is_dictionary(sluice_str value)
{
	struct sf_dictionary d;
	struct sf_member m;
	for (sf_dictionary_init(&d, value); sf_dictionary_next(&d, &m);)
		continue;
	return !d.is_malformed && d.n > 0;
}

/* The value of a field, in the exchange's memory. Nobody can use one that is no dictionary, and
 * ours would be lost with it: it is left out. False: there is no memory. */
static bool take_field(sluice_exchange *x, struct signature_worker *w, const struct sig_message *m,
	sluice_str name, sluice_str *out)
{
	struct text t = { .data = w->value, .room = sizeof(w->value) };
	size_t n;
	sluice_str value = message_field(&t, m, name, &n);
	*out = SLUICE_STR_NONE;
	if (!n || t.is_full || !is_dictionary(value))
		return true;
	char *copy = sluice_alloc(x, value.len);
	if (!copy)
		return false;
	(void)sluice_str_put(copy, value);
	*out = sluice_str_n(copy, value.len);
	return true;
}

static bool take_before(sluice_exchange *x, const struct upstream_signature *c,
	struct signature_worker *w, const struct sig_message *m, struct signed_before *b)
{
	if (b->is_taken)
		return true;
	b->is_taken = true;
	if (c->client_signatures == CLIENT_REMOVE)
		return true;
	if (!take_field(x, w, m, SLUICE_STR("signature-input"), &b->input) ||
		!take_field(x, w, m, SLUICE_STR("signature"), &b->signature))
		return false;
	if (!b->input.data || !b->signature.data)
		b->input = b->signature = SLUICE_STR_NONE;
	return true;
}

static bool has_label(sluice_str value, sluice_str label)
{
	struct sf_dictionary d;
	struct sf_member m;
	if (!value.data)
		return false;
	for (sf_dictionary_init(&d, value); sf_dictionary_next(&d, &m);) {
		if (sluice_str_eq(m.key, label))
			return true;
	}
	return false;
}

/* Our label, with a number behind it where the client has the same. A dictionary has fewer members
 * than there are numbers. */
static sluice_str choose_label(const struct upstream_signature *c, const struct signed_before *b,
	char out[LABEL_MAX])
{
	sluice_str label = c->label;
	for (unsigned i = 2; has_label(b->input, label) || has_label(b->signature, label); i++) {
		int n = snprintf(out, LABEL_MAX, "%.*s-%u", (int)c->label.len, c->label.data, i);
		label = sluice_str_n(out, (size_t)n);
	}
	return label;
}

/* ---- what is signed ------------------------------------------------------------------------ */

/* What the request does not have is left out, and so is what the client has malformed: components
 * themselves were judged with the options. */
static enum base_result choose_components(const struct upstream_signature *c,
	struct signature_worker *w, const struct sig_message *m)
{
	w->list.n = 0;
	for (size_t i = 0; i < c->covers.n; i++) {
		struct text value = { .data = w->base, .room = sizeof(w->base) };
		struct text scratch = { .data = w->scratch, .room = sizeof(w->scratch) };
		const struct sf_item *item = &c->covers.v[i];
		enum base_result r = base_component(&value, &scratch, m, item);
		if (r == BASE_OK)
			w->list.v[w->list.n++] = *item;
		else if (r != BASE_ABSENT && r != BASE_MALFORMED)
			return r;
	}
	return BASE_OK;
}

static void add_number(struct sf_params *p, sluice_str key, uint64_t n)
{
	p->v[p->n++] = (struct sf_param){ key, { .type = SF_INTEGER, .number = (int64_t)n } };
}

static void add_string(struct sf_params *p, sluice_str key, sluice_str text)
{
	p->v[p->n++] = (struct sf_param){ key, { .type = SF_STRING, .text = text } };
}

static bool make_nonce(char out[NONCE_TEXT])
{
	unsigned char bytes[NONCE_BYTES];
	struct text t = { .data = out, .room = NONCE_TEXT };
	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	text_put_base64(&t, bytes, sizeof(bytes));
	return true;
}

static bool add_params(const struct upstream_signature *c, struct sf_params *p,
	char nonce[NONCE_TEXT])
{
	uint64_t now = sluice_unix_ms();
	p->n = 0;
	add_number(p, SLUICE_STR("created"), now / MS);
	if (c->expires)
		add_number(p, SLUICE_STR("expires"), (now + c->expires) / MS);
	if (c->nonce && !make_nonce(nonce))
		return false;
	if (c->nonce)
		add_string(p, SLUICE_STR("nonce"), sluice_str_n(nonce, NONCE_TEXT));
	if (c->send_alg)
		add_string(p, SLUICE_STR("alg"), sluice_str_of(sig_alg_names[c->alg]));
	add_string(p, SLUICE_STR("keyid"), c->keyid);
	if (c->tag.len)
		add_string(p, SLUICE_STR("tag"), c->tag);
	return true;
}

/* ---- the fields ---------------------------------------------------------------------------- */

static void begin_field(struct text *t, sluice_str before, sluice_str label)
{
	t->len = 0;
	if (before.data) {
		text_put(t, before);
		text_put(t, SLUICE_STR(", "));
	}
	text_put(t, label);
	text_put_char(t, '=');
}

/* Write both fields. False: they are too long. */
static bool put_fields(sluice_exchange *x, struct signature_worker *w,
	const struct signed_before *b, sluice_str label, sluice_str signature)
{
	struct text t = { .data = w->value, .room = sizeof(w->value) };
	begin_field(&t, b->input, label);
	sf_put_list(&t, &w->list);
	if (t.is_full)
		return false;
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("Signature-Input"), text_from(&t, 0));
	begin_field(&t, b->signature, label);
	text_put_char(&t, ':');
	text_put_base64(&t, signature.data, signature.len);
	text_put_char(&t, ':');
	if (t.is_full)
		return false;
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("Signature"), text_from(&t, 0));
	return true;
}

static const char *make(sluice_exchange *x, const struct upstream_signature *c,
	struct signed_before *b)
{
	struct signature_worker *w = sluice_worker_state(x);
	struct text base = { .data = w->base, .room = sizeof(w->base) };
	struct text scratch = { .data = w->scratch, .room = sizeof(w->scratch) };
	uint8_t bytes[INPUT_SIGNATURE_MAX];
	char label[LABEL_MAX], nonce[NONCE_TEXT];
	struct sig_message m;
	size_t n;
	message_of(&m, x, c->scheme == SCHEME_HTTP ? SLUICE_STR("http") : SLUICE_STR("https"),
		sluice_get(x, SLUICE_I_AUTHORITY));
	m.authority = origin_without_default_port(m.scheme, m.authority);
	if (!take_before(x, c, w, &m, b))
		return "there is no memory";
	if (choose_components(c, w, &m) != BASE_OK)
		return "a component cannot be written";
	if (!add_params(c, &w->list.params, nonce))
		return "there is no randomness";
	if (base_write(&base, &scratch, &m, &w->list) != BASE_OK)
		return "what is to be signed is too long";
	if (!pen_sign(w->pen, text_from(&base, 0), bytes, &n))
		return "OpenSSL refuses";
	sluice_str signature = sluice_str_n((const char *)bytes, n);
	return put_fields(x, w, b, choose_label(c, b, label), signature)
		? NULL
		: "the fields are too long";
}

sluice_verdict attempt_sign(sluice_exchange *x, const void *conf)
{
	const struct upstream_signature *c = conf;
	struct signed_before *b = sluice_state(x, sizeof(*b));
	const char *why = b ? make(x, c, b) : "there is no memory";
	sluice_metric_add(c->requests, why ? SLUICE_STR("failed") : SLUICE_STR("signed"), 1);
	if (!why)
		return SLUICE_NEXT;
	sluice_log_for(x, SLUICE_LOG_ERROR, "the request cannot be signed: %s", why);
	return SLUICE_FAIL;
}
