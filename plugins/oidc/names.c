/* Names of sessions in a store. See the header. */
#include "names.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "../jose/sign.h"
#include "../jose/strict.h"
#include "text.h"

enum { DIGEST = 32, ID_BYTES = 32 };

bool names_make_id(char out[static ID_TEXT])
{
	return text_random(out, ID_BYTES) != NULL;
}

bool names_is_id(sluice_str text)
{
	uint8_t bytes[B64URL_MAX(ID_TEXT)];
	size_t n = 0;
	return text.len == ID_TEXT && b64url_decode(text, bytes, &n) && n == ID_BYTES;
}

static struct store_key make(const char *kind, const uint8_t digest[static DIGEST])
{
	struct store_key k;
	int n = snprintf(k.text, sizeof k.text, "sluice:oidc:%s:", kind);
	k.len = (size_t)n + DIGEST_TEXT;
	(void)b64url_encode(k.text + n, digest, DIGEST);
	return k;
}

/* Of the texts, each with a NUL behind it, which none of them has: no two lists are alike. */
static struct store_key make_of(const char *kind, const sluice_str *texts, size_t n)
{
	uint8_t digest[EVP_MAX_MD_SIZE] = { 0 };
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1;
	for (size_t i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(c, texts[i].data, texts[i].len) == 1 &&
			EVP_DigestUpdate(c, "", 1) == 1;
	ok = ok && EVP_DigestFinal_ex(c, digest, NULL) == 1;
	EVP_MD_CTX_free(c);
	struct store_key k = make(kind, digest);
	if (!ok)
		k.len = 0; /* names nothing: nobody may use it (names_is_key()) */
	return k;
}

struct store_key names_session(const struct oidc_conf *conf, sluice_str id)
{
	const sluice_str texts[] = { conf->for_session, id };
	return make_of("s", texts, 2);
}

struct store_key names_session_of(sluice_str digest)
{
	struct store_key k;
	int n = snprintf(k.text, sizeof k.text, "sluice:oidc:s:%.*s", (int)DIGEST_TEXT,
		digest.data);
	k.len = (size_t)n;
	return k;
}

sluice_str names_digest(const struct store_key *session)
{
	return names_is_key(session)
		? sluice_str_n(session->text + session->len - DIGEST_TEXT, DIGEST_TEXT)
		: SLUICE_STR_NONE;
}

struct store_key names_index(const struct oidc_conf *conf, const char *kind, sluice_str value)
{
	const sluice_str texts[] = { conf->issuer, conf->client.client_id, value };
	return make_of(kind, texts, 3);
}

struct store_key names_claim(const uint8_t digest[static DIGEST])
{
	return make("r", digest);
}
