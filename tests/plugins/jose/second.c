/* libjwt beside our reader. */
#include "second.h"

#include <jansson.h>
#include <jwt.h>
#include <stdlib.h>
#include <string.h>

#include "mint.h"
#include "secret.h"
#include "strict.h"
#include "verify.h"

#define SECRET "a secret of sixty-four bytes, which is enough for all three algs"

static const struct {
	const char *alg;
	enum mint_kind kind; /* not of HS */
} algs[SECOND_ALGS] = {
	{ "HS256", MINT_RSA },
	{ "HS384", MINT_RSA },
	{ "HS512", MINT_RSA },
	{ "ES256", MINT_P256 },
	{ "ES384", MINT_P384 },
	{ "ES512", MINT_P521 },
	{ "RS256", MINT_RSA },
	{ "RS384", MINT_RSA },
	{ "RS512", MINT_RSA },
};

static struct verifier v;
static struct keyset *sets[SECOND_ALGS];
static const char *pems[SECOND_ALGS], *good[SECOND_ALGS];

static bool is_secret(size_t i)
{
	return algs[i].alg[0] == 'H';
}

static const char *sign(size_t i, const char *header, const char *claims)
{
	return is_secret(i) ? mint_secret_token(SECRET, strlen(SECRET), algs[i].alg, header, claims)
			    : mint_token(algs[i].kind, algs[i].alg, header, claims);
}

static void prepare(size_t i)
{
	char why[320];
	if (!v.digest_ctx && verifier_init(&v) < 0)
		abort();
	if (sets[i])
		return;
	sets[i] = is_secret(i)
		? secret_read(SECRET_PLAIN, sluice_str_of(SECRET), why, sizeof why)
		: keys_read(sluice_str_of(mint_jwks(mint_jwk(algs[i].kind, NULL, NULL), NULL)), why,
			  sizeof why);
	pems[i] = is_secret(i) ? SECRET : mint_pem(algs[i].kind);
	good[i] = sign(i, mint_text("{\"alg\":\"%s\",\"typ\":\"JWT\"}", algs[i].alg),
		"{\"iss\":\"https://idp.example/\",\"exp\":1700000100,\"sub\":\"alice\"}");
}

void second_fini(void)
{
	for (size_t i = 0; i < SECOND_ALGS; i++) {
		keys_unref(sets[i]);
		sets[i] = NULL;
	}
	verifier_fini(&v);
	mint_fini();
}

/* Changes of a good token: where, how, and with which byte. */
static const char *change(size_t i, const uint8_t *data, size_t size)
{
	char *text = mint_text("%s%64s", good[i], "");
	size_t n = strlen(good[i]);
	for (size_t at = 0; at + 3 <= size && at < 48; at += 3) {
		size_t where = n ? (size_t)data[at] * n / 256 + data[at + 1] / 8 % 4 : 0;
		where = where < n ? where : 0;
		char byte = (char)data[at + 2];
		byte = (char)(byte ? byte : '.');
		switch (data[at + 1] % 4) {
		case 0:
			text[where] = byte;
			break;
		case 1: /* one more */
			memmove(text + where + 1, text + where, n - where);
			text[where] = byte;
			n++;
			break;
		case 2: /* one fewer */
			if (n > 0) {
				memmove(text + where, text + where + 1, n - where - 1);
				n--;
			}
			break;
		default:
			text[where] ^= (char)(1 << (byte & 5));
			break;
		}
	}
	text[n] = '\0';
	return text;
}

static const char *token_of(size_t i, const uint8_t *data, size_t size)
{
	char *text = mint_text("%.*s", (int)(size - 2), (const char *)data + 2);
	switch (data[1] % 3) {
	case 0: {
		char *line = strchr(text, '\n');
		if (line)
			*line = '\0';
		return sign(i, text, line ? line + 1 : "{}");
	}
	case 1:
		return change(i, data + 2, size - 2);
	default:
		return text;
	}
}

static bool we_accept(size_t i, const char *text, struct token *t)
{
	json_t *claims = NULL;
	bool ok = token_open(t, sluice_str_of(text)) == JOSE_OK &&
		verifier_check(&v, sets[i], t, UINT64_MAX) == JOSE_OK &&
		token_read_claims(t, &claims) == JOSE_OK;
	json_decref(claims);
	return ok;
}

static bool they_accept(size_t i, const char *text)
{
	jwt_t *jwt = NULL;
	bool ok = jwt_decode(&jwt, text, (const unsigned char *)pems[i], (int)strlen(pems[i])) == 0;
	/* it reads `none` with a key as well */
	ok = ok && jwt_get_alg(jwt) != JWT_ALG_NONE;
	jwt_free(jwt);
	return ok;
}

/* Whether a part has a number that their reader of JSON cannot hold. */
static bool overflows(sluice_str part)
{
	uint8_t *buf = malloc(B64URL_MAX(part.len));
	size_t n = 0;
	json_error_t error = { .line = 0 };
	json_t *json = b64url_decode(part, buf, &n) ? json_loadb((const char *)buf, n, 0, &error)
						    : NULL;
	bool is_so = !json && json_error_code(&error) == json_error_numeric_overflow;
	json_decref(json);
	free(buf);
	return is_so;
}

static bool is_excused(const struct token *t)
{
	sluice_str header = { t->signed_text.data, t->signed_text.len - t->claims_text.len - 1 };
	bool other_type = t->header.has_typ &&
		!sluice_str_ieq((sluice_str){ t->header.typ, t->header.typ_len },
			SLUICE_STR("JWT"));
	return other_type || overflows(header) || overflows(t->claims_text);
}

struct second_result second_try(const uint8_t *data, size_t size)
{
	static unsigned n;
	struct second_result r = { .token = NULL };
	struct token t;
	if (size < 2)
		return r;
	if (++n % 16384 == 0)
		second_fini(); /* what mint keeps would pile up */
	size_t i = data[0] % SECOND_ALGS;
	prepare(i);
	r.token = token_of(i, data, size);
	r.ours = we_accept(i, r.token, &t);
	r.theirs = they_accept(i, r.token);
	r.differs = r.ours && !r.theirs && !is_excused(&t);
	return r;
}
