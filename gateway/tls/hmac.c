/* HMAC-SHA-256. See hmac.h. */
#include "tls/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/check.h"

void hmac_sha256(sluice_str key, sluice_str text, unsigned char out[HMAC_BYTES])
{
	const void *made = HMAC(EVP_sha256(), key.data, (int)key.len,
		(const unsigned char *)text.data, text.len, out, NULL);
	check(made, "no digest of %zu bytes", text.len);
}
