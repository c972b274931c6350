/* Thumbprints of keys. */
#include "thumbprint.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "strict.h"

/* The members that RFC 7638 3.2 and RFC 8037 2 demand, in their order. */
static const char *const members_rsa[] = { "e", "kty", "n", NULL };
static const char *const members_ec[] = { "crv", "kty", "x", "y", NULL };
static const char *const members_okp[] = { "crv", "kty", "x", NULL };

static const char *const *members_of(const json_t *jwk)
{
	sluice_str kty;
	if (!json_member_str(jwk, "kty", &kty) || !kty.data)
		return NULL;
	if (sluice_str_is(kty, "RSA"))
		return members_rsa;
	if (sluice_str_is(kty, "EC"))
		return members_ec;
	return sluice_str_is(kty, "OKP") ? members_okp : NULL;
}

/* Whether the text stands in JSON as it is. */
static bool is_plain(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!sluice_is_alnum(s.data[i]) && s.data[i] != '-' && s.data[i] != '_')
			return false;
	}
	return s.len > 0;
}

bool thumbprint_of(const json_t *jwk, uint8_t out[static THUMBPRINT_LEN])
{
	char text[3072], *at = text; /* RSA with 8192 bits has 1366 characters */
	const char *const *names = members_of(jwk);
	size_t room = sizeof text - 64;
	for (size_t i = 0; names && names[i]; i++) {
		sluice_str value;
		if (!json_member_str(jwk, names[i], &value) || !is_plain(value) || value.len > room)
			return false;
		room -= value.len;
		at = sluice_str_put(at, sluice_str_of(i ? ",\"" : "{\""));
		at = sluice_str_put(at, sluice_str_of(names[i]));
		at = sluice_str_put(at, SLUICE_STR("\":\""));
		at = sluice_str_put(at, value);
		at = sluice_str_put(at, SLUICE_STR("\""));
	}
	at = sluice_str_put(at, SLUICE_STR("}"));
	if (names)
		(void)SHA256((const uint8_t *)text, (size_t)(at - text), out);
	return names != NULL;
}

bool thumbprint_read(sluice_str text, uint8_t out[static THUMBPRINT_LEN])
{
	uint8_t bytes[B64URL_MAX(THUMBPRINT_TEXT)];
	size_t n;
	if (text.len != THUMBPRINT_TEXT || !b64url_decode(text, bytes, &n) || n != THUMBPRINT_LEN)
		return false;
	memcpy(out, bytes, THUMBPRINT_LEN);
	return true;
}
