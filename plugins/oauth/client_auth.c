/* The client's authentication. */
#include "client_auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "../jose/sign.h"

enum { OPTION_PATH = 96, ASSERTION_S = 60, JTI_BYTES = 16, CLAIMS_MAX = 4096 };

#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

const char *const client_auth_methods[] = { "basic", "post", "private_key_jwt", NULL };
const char *const client_auth_algorithms[] = { "auto", "RS256", "RS384", "RS512", "PS256", "PS384",
	"PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448", NULL };

/* ---- configuration ------------------------------------------------------------------------- */

__attribute__((format(printf, 4, 5))) static void refuse(sluice_instance *inst, const char *where,
	const char *option, const char *fmt, ...)
{
	char path[OPTION_PATH], text[256];
	va_list ap;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)snprintf(path, sizeof(path), "%s%s", where, option);
	sluice_conf_error(inst, path, "%s", text);
}

static int read_key(sluice_instance *inst, struct client_auth *c, const char *where)
{
	char why[256];
	enum alg alg = (enum alg)(c->client_algorithm - 1);
	c->signer = signer_new(c->client_key, c->client_algorithm ? &alg : NULL, c->client_key_id,
		why, sizeof(why));
	if (c->signer)
		return 0;
	refuse(inst, where, "client_key", "%s", why);
	return -1;
}

/* Parts of the assertion are written into JSON as they are. */
static bool is_json_plain(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			return false;
	}
	return true;
}

int client_auth_check(sluice_instance *inst, struct client_auth *c, const char *where)
{
	bool signs = c->client_auth == CLIENT_AUTH_PRIVATE_KEY_JWT;
	if (c->client_id.len == 0 || !is_json_plain(c->client_id)) {
		refuse(inst, where, "client_id",
			c->client_id.len ? "may have printable ASCII characters only, and no "
					   "quotes or backslashes"
					 : "client_id is required");
		return -1;
	}
	if (!is_json_plain(c->client_audience))
		refuse(inst, where, "client_audience",
			"may have printable ASCII characters only, and no quotes or backslashes");
	else if (signs && !c->client_key.len)
		refuse(inst, where, "client_key", "client_key is required for private_key_jwt");
	else if (signs && c->client_secret.len)
		refuse(inst, where, "client_secret", "has no use with private_key_jwt");
	else if (!signs && !c->client_secret.len)
		refuse(inst, where, "client_secret", "client_secret is required");
	else if (!signs && c->client_key.len)
		refuse(inst, where, "client_key", "is for client_auth: private_key_jwt");
	else
		return signs ? read_key(inst, c, where) : 0;
	return -1;
}

void client_auth_free(struct client_auth *c)
{
	signer_free(c->signer);
	c->signer = NULL;
}

/* ---- a request ----------------------------------------------------------------------------- */

/* RFC 6749 2.3.1: both are encoded as in a form before they are joined. */
static char *basic_value(const struct client_auth *c)
{
	static const char scheme[] = "Basic ";
	size_t n = form_encoded(c->client_id) + 1 + form_encoded(c->client_secret);
	char *plain = malloc(n), *value = malloc(sizeof(scheme) + (n + 2) / 3 * 4 + 1);
	if (plain && value) {
		char *at = form_encode(plain, c->client_id);
		*at++ = ':';
		(void)form_encode(at, c->client_secret);
		memcpy(value, scheme, sizeof(scheme) - 1);
		EVP_EncodeBlock((unsigned char *)value + sizeof(scheme) - 1,
			(const unsigned char *)plain, (int)n);
	} else {
		free(value);
		value = NULL;
	}
	if (plain)
		OPENSSL_cleanse(plain, n);
	free(plain);
	return value;
}

/* RFC 7523 3. The jti is new for each assertion, since servers may take one only once. */
static bool add_assertion(const struct client_auth *c, sluice_str audience, struct form *form)
{
	uint8_t random[JTI_BYTES];
	char jti[2 * JTI_BYTES + 1], claims[CLAIMS_MAX], *at = jti;
	long long now = (long long)(sluice_unix_ms() / 1000);
	size_t len = 0;
	if (!is_json_plain(audience) ||
		getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return false;
	for (size_t i = 0; i < sizeof(random); i++)
		at = sluice_hex_put(at, random[i]);
	*at = '\0';
	int n = snprintf(claims, sizeof(claims),
		"{\"iss\":\"%.*s\",\"sub\":\"%.*s\",\"aud\":\"%.*s\",\"jti\":\"%s\",\"iat\":%lld,"
		"\"exp\":%lld}",
		(int)c->client_id.len, c->client_id.data, (int)c->client_id.len, c->client_id.data,
		(int)audience.len, audience.data, jti, now, now + ASSERTION_S);
	if (n < 0 || (size_t)n >= sizeof(claims))
		return false;
	char *assertion = signer_sign(c->signer, sluice_str_n(claims, (size_t)n), &len);
	if (!assertion)
		return false;
	form_add(form, SLUICE_STR("client_assertion_type"), SLUICE_STR(ASSERTION_TYPE));
	form_add(form, SLUICE_STR("client_assertion"), sluice_str_n(assertion, len));
	OPENSSL_cleanse(assertion, len);
	free(assertion);
	return !form->has_failed;
}

bool client_auth_apply(const struct client_auth *c, sluice_str endpoint, struct form *form,
	char **authorization)
{
	*authorization = NULL;
	switch ((enum client_auth_method)c->client_auth) {
	case CLIENT_AUTH_BASIC:
		*authorization = basic_value(c);
		return *authorization != NULL;
	case CLIENT_AUTH_POST:
		form_add(form, SLUICE_STR("client_id"), c->client_id);
		form_add(form, SLUICE_STR("client_secret"), c->client_secret);
		return !form->has_failed;
	case CLIENT_AUTH_PRIVATE_KEY_JWT:
		form_add(form, SLUICE_STR("client_id"), c->client_id);
		return add_assertion(c, c->client_audience.len ? c->client_audience : endpoint,
			form);
	}
	return false;
}
