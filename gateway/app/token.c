/*
 * sluice token: makes tokens for demos and tests (libjwt signs), and the key set that verifies
 * them. What looks at tokens is in token_inspect.c and token_verify.c. Nothing here runs in a
 * gateway.
 */
#include "app/token.h"

#include <getopt.h>
#include <jansson.h>
#include <jwt.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/command.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/load.h"
#include "base/mem.h"

enum { TOKEN_KEY_MAX = 65536, TOKEN_CLAIMS = 32 };

struct token_options {
	const char *key, *kid, *iss, *aud, *sub, *scope, *alg;
	uint64_t expires_s;
	const char *claims[TOKEN_CLAIMS];
	size_t n_claims;
};

static int token_usage(void)
{
	(void)fprintf(stderr,
		"usage: sluice token mint --key FILE [--sub S] [--iss I] [--aud A] [--scope 'S "
		"...'] [--expires SECONDS]\n"
		"                         [--claim NAME=VALUE]... [--kid K]\n"
		"       sluice token inspect [--json] [TOKEN|-]   what it says; nothing is "
		"verified\n"
		"       sluice token verify -c FILE [--jwks FILE] [--json] [--proof PROOF --url "
		"URL "
		"[--method METHOD]]\n"
		"                           ROUTE [TOKEN|-]   how a route judges it, and why\n"
		"       sluice token jwks --key FILE [--kid K]   the key set that verifies what "
		"FILE signs\n");
	return 2;
}

static bool token_options_read(int argc, char **argv, struct token_options *o)
{
	static const struct option longs[] = { { "key", 1, NULL, 'k' }, { "kid", 1, NULL, 'i' },
		{ "iss", 1, NULL, 'I' }, { "aud", 1, NULL, 'a' }, { "sub", 1, NULL, 's' },
		{ "scope", 1, NULL, 'S' }, { "expires", 1, NULL, 'e' }, { "claim", 1, NULL, 'c' },
		{ NULL, 0, NULL, 0 } };
	int opt;
	*o = (struct token_options){ .iss = "https://issuer.example/",
		.aud = "demo",
		.expires_s = 3600 };
	optind = 1;
	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (opt) {
		case 'k':
			o->key = optarg;
			break;
		case 'i':
			o->kid = optarg;
			break;
		case 'I':
			o->iss = optarg;
			break;
		case 'a':
			o->aud = optarg;
			break;
		case 's':
			o->sub = optarg;
			break;
		case 'S':
			o->scope = optarg;
			break;
		case 'e':
			if (!str_u64(str_of(optarg), &o->expires_s) || o->expires_s > 1u << 30)
				return false;
			break;
		case 'c':
			if (o->n_claims == TOKEN_CLAIMS || !strchr(optarg, '='))
				return false;
			o->claims[o->n_claims++] = optarg;
			break;
		default:
			return false;
		}
	}
	return o->key && optind == argc;
}

/* ---- keys ---------------------------------------------------------------------------------- */

static char *token_read_key(const char *path, size_t *len)
{
	struct loaded l;
	int err = load_file(&l, path, LOAD_OR_PIPE, TOKEN_KEY_MAX);
	if (err) {
		(void)fprintf(stderr, "sluice token: %s cannot be read: %s\n", path,
			load_error(err));
		return NULL;
	}
	char *text = mem_text(l.data, l.len);
	*len = strlen(text);
	load_free(&l);
	return text;
}

/* base64url without padding, RFC 7515 */
static void token_b64(const unsigned char *p, size_t n, char *out)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned bits = 0, v = 0;
	for (size_t i = 0; i < n; i++) {
		v = v << 8 | p[i];
		for (bits += 8; bits >= 6; bits -= 6)
			*out++ = set[v >> (bits - 6) & 63];
	}
	if (bits)
		*out++ = set[v << (6 - bits) & 63];
	*out = 0;
}

static bool token_add_number(json_t *jwk, const char *name, const EVP_PKEY *key, const char *param,
	int size)
{
	BIGNUM *bn = NULL;
	unsigned char bytes[1024];
	char text[1400];
	if (!EVP_PKEY_get_bn_param(key, param, &bn))
		return false;
	int n = size ? size : BN_num_bytes(bn);
	bool ok = n <= (int)sizeof(bytes) && BN_bn2binpad(bn, bytes, n) == n;
	BN_free(bn);
	if (ok) {
		token_b64(bytes, (size_t)n, text);
		(void)json_object_set_new(jwk, name, json_string(text));
	}
	return ok;
}

/* The public key as a JWK with its required members, in the order of RFC 7638, and the algorithm
 * for it. */
static json_t *token_jwk(const EVP_PKEY *key, const char **alg)
{
	static const struct {
		const char *group, *crv, *alg;
		int size;
	} curves[] = {
		{ "prime256v1", "P-256", "ES256", 32 },
		{ "secp384r1", "P-384", "ES384", 48 },
		{ "secp521r1", "P-521", "ES512", 66 },
	};
	json_t *jwk = json_object();
	char group[64];
	size_t n;
	if (EVP_PKEY_is_a(key, "RSA")) {
		*alg = "RS256";
		bool ok = token_add_number(jwk, "e", key, OSSL_PKEY_PARAM_RSA_E, 0);
		(void)json_object_set_new(jwk, "kty", json_string("RSA"));
		if (ok && token_add_number(jwk, "n", key, OSSL_PKEY_PARAM_RSA_N, 0))
			return jwk;
	} else if (EVP_PKEY_is_a(key, "EC") &&
		EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group,
			sizeof(group), &n)) {
		for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
			if (strcmp(group, curves[i].group) != 0)
				continue;
			*alg = curves[i].alg;
			(void)json_object_set_new(jwk, "crv", json_string(curves[i].crv));
			(void)json_object_set_new(jwk, "kty", json_string("EC"));
			if (token_add_number(jwk, "x", key, OSSL_PKEY_PARAM_EC_PUB_X,
				    curves[i].size) &&
				token_add_number(jwk, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y,
					curves[i].size))
				return jwk;
		}
	}
	json_decref(jwk);
	return NULL;
}

/* The key's thumbprint (RFC 7638), the default `kid` of both commands. */
static void token_thumbprint(const json_t *jwk, char out[64])
{
	char *text = json_dumps(jwk, JSON_COMPACT | JSON_SORT_KEYS);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	(void)EVP_Digest(text, strlen(text), digest, &n, EVP_sha256(), NULL);
	token_b64(digest, n, out);
	free(text);
}

static json_t *token_load(const struct token_options *o, char **pem, size_t *len, const char **alg,
	char kid[64])
{
	*pem = token_read_key(o->key, len);
	if (!*pem)
		return NULL;
	BIO *bio = BIO_new_mem_buf(*pem, (int)*len);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	json_t *jwk = key ? token_jwk(key, alg) : NULL;
	EVP_PKEY_free(key);
	BIO_free(bio);
	if (!jwk) {
		(void)fprintf(stderr, "sluice token: %s holds no private RSA or EC key in PEM\n",
			o->key);
		free(*pem);
		return NULL;
	}
	token_thumbprint(jwk, kid);
	return jwk;
}

/* ---- commands ------------------------------------------------------------------------------ */

static int token_jwks(int argc, char **argv)
{
	struct token_options o;
	char *pem, kid[64];
	const char *alg = "";
	size_t len;
	if (!token_options_read(argc, argv, &o))
		return token_usage();
	json_t *jwk = token_load(&o, &pem, &len, &alg, kid);
	if (!jwk)
		return 1;
	(void)json_object_set_new(jwk, "kid", json_string(o.kid ? o.kid : kid));
	(void)json_object_set_new(jwk, "alg", json_string(alg));
	(void)json_object_set_new(jwk, "use", json_string("sig"));
	json_t *set = json_pack("{s:[o]}", "keys", jwk);
	char *text = json_dumps(set, JSON_INDENT(2) | JSON_SORT_KEYS);
	(void)printf("%s\n", text);
	free(text);
	json_decref(set);
	free(pem);
	return 0;
}

static json_t *token_claims(const struct token_options *o)
{
	json_int_t now = (json_int_t)(clock_unix_ms() / 1000);
	json_t *claims = json_object();
	const struct {
		const char *name, *value;
	} texts[] = { { "iss", o->iss }, { "aud", o->aud }, { "sub", o->sub },
		{ "scope", o->scope } };
	(void)json_object_set_new(claims, "iat", json_integer(now));
	(void)json_object_set_new(claims, "exp", json_integer(now + (json_int_t)o->expires_s));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].value && texts[i].value[0])
			(void)json_object_set_new(claims, texts[i].name,
				json_string(texts[i].value));
	}
	for (size_t i = 0; i < o->n_claims; i++) {
		sluice_str rest = str_of(o->claims[i]), name = str_cut(&rest, '=');
		/* as JSON if it is valid JSON, else as a text */
		json_t *v = json_loads(rest.data, JSON_DECODE_ANY, NULL);
		(void)json_object_setn_new(claims, name.data, name.len,
			v ? v : json_string(rest.data));
	}
	return claims;
}

static int token_mint(int argc, char **argv)
{
	struct token_options o;
	char *pem, kid[64], *token = NULL;
	const char *alg = "";
	size_t len;
	if (!token_options_read(argc, argv, &o))
		return token_usage();
	json_t *jwk = token_load(&o, &pem, &len, &alg, kid);
	if (!jwk)
		return 1;
	json_t *claims = token_claims(&o);
	char *text = json_dumps(claims, JSON_COMPACT);
	jwt_t *jwt = NULL;
	if (jwt_new(&jwt) == 0 &&
		jwt_set_alg(jwt, jwt_str_alg(alg), (unsigned char *)pem, (int)len) == 0 &&
		jwt_add_header(jwt, "kid", o.kid ? o.kid : kid) == 0 &&
		jwt_add_grants_json(jwt, text) == 0)
		token = jwt_encode_str(jwt);
	if (token)
		(void)printf("%s\n", token);
	else
		(void)fprintf(stderr, "sluice token: signing failed\n");
	int code = token ? 0 : 1;
	if (token)
		free(token);
	if (jwt)
		jwt_free(jwt);
	free(text);
	json_decref(claims);
	json_decref(jwk);
	OPENSSL_cleanse(pem, len);
	free(pem);
	return code;
}

int command_token(struct command *c)
{
	const char *what = c->argc > 1 ? c->argv[1] : "";
	if (strcmp(what, "mint") == 0)
		return token_mint(c->argc - 1, c->argv + 1);
	if (strcmp(what, "jwks") == 0)
		return token_jwks(c->argc - 1, c->argv + 1);
	if (strcmp(what, "inspect") == 0)
		return token_inspect(c->argc - 1, c->argv + 1);
	if (strcmp(what, "verify") == 0)
		return token_verify(c, c->argc - 1, c->argv + 1);
	return token_usage();
}
