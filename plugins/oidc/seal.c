/* Sealed texts: base64url of mark, salt, nonce, ciphertext and tag. See the header. */
#include "seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "../jose/sign.h"
#include "../jose/strict.h"
#include "text.h"

enum { HEAD = SEAL_MARK + SEAL_SALT + SEAL_NONCE };

static bool derive(const uint8_t *key, size_t key_len, const void *data, size_t n,
	uint8_t out[static SEAL_KEY])
{
	unsigned len = 0;
	return HMAC(EVP_sha256(), key, (int)key_len, data, n, out, &len) && len == SEAL_KEY;
}

int seal_init(struct seal *s, const sluice_str *secrets, size_t n)
{
	static const char label[] = "sluice oidc 1";
	*s = (struct seal){ .cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL) };
	for (; s->n < n && s->n < SEAL_KEYS; s->n++) {
		if (!derive((const uint8_t *)secrets[s->n].data, secrets[s->n].len, label,
			    sizeof label - 1, s->keys[s->n]))
			break;
	}
	if (s->cipher && s->n == n)
		return 0;
	seal_fini(s);
	return -1;
}

void seal_fini(struct seal *s)
{
	EVP_CIPHER_free(s->cipher);
	OPENSSL_cleanse(s, sizeof *s);
}

/* The first byte of a text tells by which secret it was sealed, so that one of many is tried. It is
 * derived, so it tells nothing of the secret. */
static uint8_t mark_of(const uint8_t key[static SEAL_KEY])
{
	uint8_t digest[SEAL_KEY];
	return derive(key, SEAL_KEY, "mark", 4, digest) ? digest[0] : 0;
}

/* seals: else opens. tag is written or checked. */
static bool run(const struct seal *s, const uint8_t *key, bool seals, const uint8_t *head,
	sluice_str purpose, sluice_str in, uint8_t *out, uint8_t *tag)
{
	uint8_t own[SEAL_KEY];
	int n = 0, end = 0;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	bool ok = c && in.len < INT32_MAX &&
		derive(key, SEAL_KEY, head, SEAL_MARK + SEAL_SALT, own);
	ok = ok &&
		EVP_CipherInit_ex2(c, s->cipher, own, head + SEAL_MARK + SEAL_SALT, seals, NULL) ==
			1;
	ok = ok &&
		EVP_CipherUpdate(c, NULL, &n, (const uint8_t *)purpose.data, (int)purpose.len) == 1;
	ok = ok && EVP_CipherUpdate(c, out, &n, (const uint8_t *)in.data, (int)in.len) == 1;
	if (ok && !seals)
		ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG, tag) == 1;
	ok = ok && EVP_CipherFinal_ex(c, out + n, &end) == 1;
	if (ok && seals)
		ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, tag) == 1;
	EVP_CIPHER_CTX_free(c);
	OPENSSL_cleanse(own, sizeof own);
	return ok;
}

size_t seal_close(const struct seal *s, sluice_str purpose, sluice_str plain, char *out)
{
	size_t n = HEAD + plain.len + SEAL_TAG;
	uint8_t *raw = malloc(n);
	if (!raw)
		return 0;
	raw[0] = mark_of(s->keys[0]);
	bool ok = RAND_bytes(raw + SEAL_MARK, SEAL_SALT + SEAL_NONCE) == 1 &&
		run(s, s->keys[0], true, raw, purpose, plain, raw + HEAD, raw + HEAD + plain.len);
	size_t len = ok ? (size_t)(b64url_encode(out, raw, n) - out) : 0;
	free(raw);
	return len;
}

bool seal_open(const struct seal *s, sluice_str purpose, sluice_str text, uint8_t *out,
	sluice_str *plain)
{
	uint8_t *raw = malloc(B64URL_MAX(text.len));
	size_t n = 0;
	bool ok = false;
	if (raw && b64url_decode(text, raw, &n) && n >= SEAL_EXTRA) {
		size_t len = n - SEAL_EXTRA;
		sluice_str in = sluice_str_n((const char *)raw + HEAD, len);
		for (size_t i = 0; !ok && i < s->n; i++)
			ok = raw[0] == mark_of(s->keys[i]) &&
				run(s, s->keys[i], false, raw, purpose, in, out,
					raw + n - SEAL_TAG);
		*plain = ok ? sluice_str_n((const char *)out, len) : SLUICE_STR_NONE;
	}
	free(raw);
	return ok;
}
