/* Digests of bodies. */
#include "digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base64.h"
#include "sf.h"

const char *const content_alg_names[] = { "sha-256", "sha-512", NULL };

static const size_t sizes[CONTENT_ALGS] = { SHA256_DIGEST_LENGTH, SHA512_DIGEST_LENGTH };

static void compute(enum content_alg alg, sluice_str body, uint8_t out[CONTENT_DIGEST_MAX])
{
	const unsigned char *bytes = (const unsigned char *)(body.len ? body.data : "");
	if (alg == CONTENT_SHA256)
		(void)SHA256(bytes, body.len, out);
	else
		(void)SHA512(bytes, body.len, out);
}

static bool take_member(struct content_digest *d, const struct sf_member *m)
{
	uint8_t bytes[BASE64_BYTES(CONTENT_FIELD_MAX)];
	for (unsigned i = 0; i < CONTENT_ALGS; i++) {
		if (!sluice_str_is(m->key, content_alg_names[i]))
			continue;
		const struct sf_bare *v = &m->item.value;
		if (m->is_list || v->type != SF_BYTES || v->text.len > CONTENT_FIELD_MAX ||
			base64_decode(v->text, bytes) != sizes[i])
			return false;
		memcpy(d->v[i], bytes, sizes[i]);
		d->has[i] = true;
	}
	return true;
}

bool content_digest_read(sluice_str value, struct content_digest *out)
{
	struct sf_dictionary d;
	struct sf_member m;
	*out = (struct content_digest){ .has = { false } };
	for (sf_dictionary_init(&d, value); sf_dictionary_next(&d, &m);) {
		if (!take_member(out, &m))
			return false;
	}
	return !d.is_malformed && (out->has[CONTENT_SHA256] || out->has[CONTENT_SHA512]);
}

bool content_digest_is_of(const struct content_digest *d, sluice_str body)
{
	uint8_t own[CONTENT_DIGEST_MAX];
	for (unsigned i = 0; i < CONTENT_ALGS; i++) {
		if (!d->has[i])
			continue;
		compute((enum content_alg)i, body, own);
		if (CRYPTO_memcmp(own, d->v[i], sizes[i]) != 0)
			return false;
	}
	return d->has[CONTENT_SHA256] || d->has[CONTENT_SHA512];
}

void content_digest_put(struct text *t, enum content_alg alg, sluice_str body)
{
	uint8_t own[CONTENT_DIGEST_MAX];
	compute(alg, body, own);
	text_put(t, sluice_str_of(content_alg_names[alg]));
	text_put(t, SLUICE_STR("=:"));
	text_put_base64(t, own, sizes[alg]);
	text_put_char(t, ':');
}
