/* Finding and verifying a signature. */
#include "check.h"

#include <openssl/sha.h>

#include "../httpsig/base64.h"
#include "../httpsig/sig_key.h"
#include "../shared/origin.h"
#include "terms.h"

/* The signatures of a request, by their labels. */
struct signatures {
	struct {
		sluice_str label, list, base64;
	} v[SF_MEMBERS_MAX];
	size_t n;
};

/* What is looked at, and with what. */
struct looking {
	const struct hmac_auth *h;
	struct hmac_worker *w;
	const struct signers *signers;
	struct sig_message message;
	uint64_t now_ms;
};

/* ---- the fields ---------------------------------------------------------------------------- */

static bool read_inputs(sluice_str value, struct signatures *out)
{
	struct sf_dictionary d;
	struct sf_member m;
	out->n = 0;
	for (sf_dictionary_init(&d, value); sf_dictionary_next(&d, &m);) {
		if (!m.is_list)
			return false;
		out->v[out->n].label = m.key;
		out->v[out->n].list = m.list;
		out->v[out->n++].base64 = SLUICE_STR_NONE;
	}
	return !d.is_malformed && out->n > 0;
}

/* RFC 9421 4.3: each label is in both fields, or its signature is none. */
static bool read_values(sluice_str value, struct signatures *s)
{
	struct sf_dictionary d;
	struct sf_member m;
	size_t n = 0;
	for (sf_dictionary_init(&d, value); sf_dictionary_next(&d, &m);) {
		size_t i = 0;
		while (i < s->n && !sluice_str_eq(s->v[i].label, m.key))
			i++;
		if (m.is_list || m.item.value.type != SF_BYTES || i == s->n)
			return false;
		s->v[i].base64 = m.item.value.text;
		n++;
	}
	return !d.is_malformed && n == s->n;
}

static enum reason read_fields(struct looking *l, struct signatures *out)
{
	struct text t = { .data = l->w->fields, .room = sizeof(l->w->fields) };
	size_t n_inputs, n_values;
	sluice_str inputs =
		message_field(&t, &l->message, SLUICE_STR("signature-input"), &n_inputs);
	sluice_str values = message_field(&t, &l->message, SLUICE_STR("signature"), &n_values);
	if (!n_inputs && !n_values)
		return REASON_MISSING;
	return n_inputs && n_values && !t.is_full && read_inputs(inputs, out) &&
			read_values(values, out)
		? REASON_NONE
		: REASON_MALFORMED;
}

/* ---- one signature ------------------------------------------------------------------------- */

static enum reason reason_of(enum base_result r)
{
	switch (r) {
	case BASE_OK:
		return REASON_NONE;
	case BASE_UNSUPPORTED:
		return REASON_UNSUPPORTED;
	case BASE_ABSENT:
		return REASON_WRONG; /* what was signed is not there any more */
	case BASE_MALFORMED:
	case BASE_TOO_LONG:
	default:
		return REASON_MALFORMED;
	}
}

/* Whether the parameter alg, where there is one, names the algorithm of the key (RFC 9421 3.2). */
static bool alg_agrees(const struct key *key, const struct sig_input *in)
{
	if (!(in->given & INPUT_ALG))
		return true;
	enum sig_alg alg = sig_alg_find(in->alg);
	return alg != SIG_ALGS && key->algs == ALG_BIT(sig_alg_jose(alg));
}

/* A nonce is good once among those of its key. Without one a signature is known again by what was
 * signed: of one text ECDSA and RSA-PSS have many signatures. */
static void make_id(struct checked *out, sluice_str what)
{
	uint8_t parts[2 * SHA256_DIGEST_LENGTH];
	(void)SHA256((const uint8_t *)out->keyid.data, out->keyid.len, parts);
	(void)SHA256((const uint8_t *)what.data, what.len, parts + SHA256_DIGEST_LENGTH);
	(void)SHA256(parts, sizeof(parts), out->id);
}

static void note_use(const struct looking *l, struct checked *out, sluice_str base)
{
	const struct sig_input *in = &l->w->input;
	bool has_nonce = in->given & INPUT_NONCE;
	out->covers_digest = input_covers(in, SLUICE_STR("content-digest"));
	out->is_good_once = l->h->replay == REPLAY_SIGNATURE ||
		(l->h->replay == REPLAY_NONCE && has_nonce);
	if (!out->is_good_once)
		return;
	out->ttl_ms = terms_last(l->h, in, l->now_ms);
	make_id(out, has_nonce ? in->nonce : base);
}

/* The signature was read into the worker's input, and its key is known. */
static enum reason verify(struct looking *l, const struct key *key, sluice_str base64,
	struct checked *out)
{
	uint8_t bytes[BASE64_BYTES(INPUT_SIGNATURE_MAX + INPUT_SIGNATURE_MAX / 2)];
	const struct sig_input *in = &l->w->input;
	struct text base = { .data = l->w->base, .room = sizeof(l->w->base) };
	struct text scratch = { .data = l->w->scratch, .room = sizeof(l->w->scratch) };
	enum reason why = terms_check(l->h, in, l->message.query.data != NULL, l->now_ms);
	if (!alg_agrees(key, in))
		why = REASON_ALGORITHM;
	else if (why == REASON_NONE && entry_is_expired(&out->who, l->now_ms))
		why = REASON_KEY_EXPIRED;
	if (why == REASON_NONE)
		why = reason_of(base_write(&base, &scratch, &l->message, &in->covers));
	if (why != REASON_NONE)
		return why;
	if (BASE64_BYTES(base64.len) > sizeof(bytes)) {
		out->has_guessed = true;
		return REASON_WRONG;
	}
	size_t n = base64_decode(base64, bytes);
	switch (sig_verify(&l->w->verifier, l->signers->set, key, text_from(&base, 0),
		sluice_str_n((const char *)bytes, n))) {
	case JOSE_OK:
		note_use(l, out, text_from(&base, 0));
		memcpy(out->print, signers_print(l->signers, key), sizeof(out->print));
		return REASON_NONE;
	case JOSE_NO_MEMORY:
		return REASON_FAIL;
	default:
		out->has_guessed = true;
		return REASON_WRONG;
	}
}

/* ---- all of them --------------------------------------------------------------------------- */

/* Whether a signature with that label may count. */
static bool is_ours(const struct looking *l, sluice_str label)
{
	return !l->h->label.len || sluice_str_eq(label, l->h->label);
}

/* Whether the signature may count, which was read into the worker's input. */
static bool has_tag(const struct looking *l)
{
	const struct sig_input *in = &l->w->input;
	return !l->h->tag.len || ((in->given & INPUT_TAG) && sluice_str_eq(in->tag, l->h->tag));
}

/* The signature's list was read. */
static enum reason look_at(struct looking *l, sluice_str base64, struct checked *out,
	unsigned *tries)
{
	const struct sig_input *in = &l->w->input;
	out->keyid = in->given & INPUT_KEYID ? in->keyid : SLUICE_STR("");
	const struct key *key = signers_find(l->signers, out->keyid, &out->who);
	if (key) {
		++*tries;
		return verify(l, key, base64, out);
	}
	out->has_guessed = true;
	return REASON_KEY;
}

/* The first that is right counts. If none is, the reason is that of the first whose key is known.
 * One that cannot be read, as others may have made it, is passed over. */
static enum reason look(struct looking *l, const struct signatures *s, struct checked *out)
{
	enum reason first = REASON_MISSING;
	struct sig_input *in = &l->w->input;
	unsigned tries = 0;
	for (size_t i = 0; i < s->n && tries < CHECK_TRIES; i++) {
		unsigned before = tries;
		enum reason why = REASON_MALFORMED;
		if (!is_ours(l, s->v[i].label))
			continue;
		if (input_read(s->v[i].list, in)) {
			if (!has_tag(l))
				continue;
			why = look_at(l, s->v[i].base64, out, &tries);
		}
		if (why == REASON_NONE || why == REASON_FAIL)
			return why;
		if (first == REASON_MISSING || (tries == 1 && before == 0))
			first = why;
	}
	return first;
}

enum reason check_request(sluice_exchange *x, const struct hmac_auth *h, struct checked *out)
{
	struct signatures all;
	struct looking l = { .h = h,
		.w = sluice_worker_state(x),
		.signers = sluice_published(x),
		.now_ms = sluice_unix_ms() };
	bool is_told = h->origin_scheme.len > 0;
	sluice_str scheme = is_told ? h->origin_scheme : sluice_get(x, SLUICE_I_SCHEME);
	sluice_str authority = is_told ? h->origin_authority
				       : sluice_get(x, SLUICE_I_ASKED_AUTHORITY);
	if (!l.signers)
		return REASON_FAIL;
	message_of(&l.message, x, scheme, origin_without_default_port(scheme, authority));
	enum reason why = read_fields(&l, &all);
	return why == REASON_NONE ? look(&l, &all, out) : why;
}
