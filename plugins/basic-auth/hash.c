/*
 * Hashes of passwords. libxcrypt computes them, except Apache's own apr1, which it does not know.
 * The cost of a hash stands in it, and is bounded here: one that takes minutes would hold a thread
 * for as long, and a gateway that wants to end.
 */
#include "hash.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define APR1 "$apr1$"

enum {
	BCRYPT_LENGTH = 60,
	BCRYPT_COST_MIN = 4,
	BCRYPT_COST_MAX = 15, /* some two seconds */
	ROUNDS_MIN = 1000,    /* of SHA-crypt */
	ROUNDS_MAX = 5000000, /* some two seconds */
	SALT_MAX = 16,        /* of SHA-crypt */
	MD5_SIZE = 16,
	MD5_ROUNDS = 1000,
	MD5_DIGITS = 22,
	MD5_SALT_MAX = 8,
	DIGEST_256 = 43, /* digits of a result of so many bits */
	DIGEST_512 = 86
};

static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

struct hasher {
	struct crypt_data crypt;
	EVP_MD_CTX *md5; /* owned */
};

struct hasher *hasher_new(void)
{
	struct hasher *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->md5 = EVP_MD_CTX_new();
	if (h->md5)
		return h;
	hasher_free(h);
	return NULL;
}

void hasher_free(struct hasher *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->md5);
	OPENSSL_cleanse(&h->crypt, sizeof(h->crypt));
	free(h);
}

/* ---- what a hash looks like ---------------------------------------------------------------- */

static bool is_digest(sluice_str s, size_t len)
{
	size_t i = 0;
	while (i < s.len && s.data[i] != '\0' && strchr(digits, s.data[i]))
		i++;
	return s.len == len && i == len;
}

static const char *bcrypt_refused(sluice_str s)
{
	uint64_t cost;
	if (s.len != BCRYPT_LENGTH || s.data[6] != '$' ||
		!sluice_str_u64(sluice_str_n(s.data + 4, 2), &cost) || cost < BCRYPT_COST_MIN ||
		!is_digest(sluice_str_skip(s, 7), BCRYPT_LENGTH - 7))
		return "is no whole bcrypt hash";
	return cost > BCRYPT_COST_MAX ? "is a bcrypt hash of a cost above 15, which would take "
					"seconds for each login"
				      : NULL;
}

/* s: behind "$5$" or "$6$" */
static const char *sha_refused(sluice_str s, size_t len)
{
	uint64_t rounds;
	if (sluice_str_starts(s, SLUICE_STR("rounds="))) {
		sluice_str n = sluice_str_cut(&s, '$');
		if (!sluice_str_u64(sluice_str_skip(n, 7), &rounds) || rounds < ROUNDS_MIN)
			return "is no SHA-crypt hash: its rounds are no number from 1000 on";
		if (rounds > ROUNDS_MAX)
			return "is a SHA-crypt hash of more than 5000000 rounds, which would take "
			       "seconds for each login";
	}
	sluice_str salt = sluice_str_cut(&s, '$');
	return salt.len <= SALT_MAX && is_digest(s, len) ? NULL : "is no whole SHA-crypt hash";
}

/* s: behind "$1$" or "$apr1$" */
static const char *md5_refused(sluice_str s)
{
	sluice_str salt = sluice_str_cut(&s, '$');
	return salt.len <= MD5_SALT_MAX && is_digest(s, MD5_DIGITS) ? NULL : "is no whole MD5 hash";
}

/* s: behind "$y$" or "$gy$". The parameters that crypt_gensalt() writes, "j9T" as a rule: flavour,
 * logarithm of N, and r = 32. */
static const char *yescrypt_refused(sluice_str s)
{
	sluice_str parameters = sluice_str_cut(&s, '$');
	(void)sluice_str_cut(&s, '$');
	if (!is_digest(s, DIGEST_256))
		return "is no whole yescrypt hash";
	if (parameters.len != 3 || parameters.data[0] != 'j' ||
		(parameters.data[2] != 'T' && parameters.data[2] != '5'))
		return "is a yescrypt hash of unusual parameters";
	return strchr("/0123456789AB", parameters.data[1])
		? NULL
		: "is a yescrypt hash of a cost above 7, which would take more than 64 MiB for "
		  "each "
		  "login";
}

/* What is not supported, and what it is called. */
static const struct {
	const char *prefix, *why;
} refused[] = {
	{ "{SHA}", "is SHA-1 without a salt, which is no protection" },
	{ "{SSHA}", "is a salted SHA-1 of one round, which is no protection" },
	{ "$argon2", "is Argon2, which this system's libcrypt does not have" },
	{ "$7$", "is scrypt, whose cost cannot be bounded" },
	{ "", "is no hash, or one of an unknown kind" },
};

static bool take_prefix(sluice_str *s, const char *prefix)
{
	sluice_str p = sluice_str_of(prefix);
	if (!sluice_str_starts(*s, p))
		return false;
	*s = sluice_str_skip(*s, p.len);
	return true;
}

static const char *looks_wrong(sluice_str hash)
{
	sluice_str s = hash;
	if (take_prefix(&s, "$2y$") || take_prefix(&s, "$2b$") || take_prefix(&s, "$2a$"))
		return bcrypt_refused(hash);
	if (take_prefix(&s, "$5$"))
		return sha_refused(s, DIGEST_256);
	if (take_prefix(&s, "$6$"))
		return sha_refused(s, DIGEST_512);
	if (take_prefix(&s, "$y$") || take_prefix(&s, "$gy$"))
		return yescrypt_refused(s);
	if (take_prefix(&s, APR1) || take_prefix(&s, "$1$"))
		return md5_refused(s);
	size_t i = 0;
	while (!take_prefix(&s, refused[i].prefix))
		i++;
	return refused[i].why;
}

bool hash_is_weak(sluice_str hash)
{
	return take_prefix(&hash, APR1) || take_prefix(&hash, "$1$");
}

const char *hash_refused(sluice_str hash)
{
	char z[HASH_MAX + 1];
	if (hash.len > HASH_MAX || (hash.len && memchr(hash.data, '\0', hash.len)))
		return "is no hash";
	const char *wrong = looks_wrong(hash);
	*sluice_str_put(z, hash) = '\0';
	if (wrong || sluice_str_starts(hash, SLUICE_STR(APR1)))
		return wrong;
	int salt = crypt_checksalt(z);
	return salt == CRYPT_SALT_INVALID || salt == CRYPT_SALT_METHOD_DISABLED
		? "is of a kind that this system's libcrypt does not have"
		: NULL;
}

/* ---- apr1 ---------------------------------------------------------------------------------- */

/* one input of a digest after another; a failure sticks */
struct md5 {
	EVP_MD_CTX *ctx;
	bool ok;
};

static struct md5 md5_begin(struct hasher *h)
{
	return (struct md5){ h->md5, EVP_DigestInit_ex(h->md5, EVP_md5(), NULL) == 1 };
}

static void md5_add(struct md5 *m, const void *bytes, size_t n)
{
	m->ok = m->ok && EVP_DigestUpdate(m->ctx, bytes, n) == 1;
}

static bool md5_end(struct md5 *m, unsigned char out[MD5_SIZE])
{
	return m->ok && EVP_DigestFinal_ex(m->ctx, out, NULL) == 1;
}

/* The first digest: of password, magic, salt, and a mixture that depends on the length. */
static bool apr1_first(struct hasher *h, sluice_str password, sluice_str salt,
	unsigned char out[MD5_SIZE])
{
	struct md5 m = md5_begin(h);
	md5_add(&m, password.data, password.len);
	md5_add(&m, salt.data, salt.len);
	md5_add(&m, password.data, password.len);
	if (!md5_end(&m, out))
		return false;
	m = md5_begin(h);
	md5_add(&m, password.data, password.len);
	md5_add(&m, APR1, sizeof(APR1) - 1);
	md5_add(&m, salt.data, salt.len);
	for (size_t left = password.len; left > 0; left -= left < MD5_SIZE ? left : MD5_SIZE)
		md5_add(&m, out, left < MD5_SIZE ? left : MD5_SIZE);
	for (size_t bits = password.len; bits; bits >>= 1)
		md5_add(&m, bits & 1 ? "" : password.data, 1);
	return md5_end(&m, out);
}

static bool apr1_round(struct hasher *h, unsigned i, sluice_str password, sluice_str salt,
	unsigned char digest[MD5_SIZE])
{
	struct md5 m = md5_begin(h);
	if (i & 1)
		md5_add(&m, password.data, password.len);
	else
		md5_add(&m, digest, MD5_SIZE);
	if (i % 3)
		md5_add(&m, salt.data, salt.len);
	if (i % 7)
		md5_add(&m, password.data, password.len);
	if (i & 1)
		md5_add(&m, digest, MD5_SIZE);
	else
		md5_add(&m, password.data, password.len);
	return md5_end(&m, digest);
}

static void put_digits(char *at, uint32_t bits, unsigned n)
{
	for (; n; n--, bits >>= 6)
		*at++ = digits[bits & 63];
}

/* The digest as text: its bytes in an order of their own, three at a time. */
static void apr1_write(const unsigned char d[MD5_SIZE], char out[MD5_DIGITS])
{
	for (unsigned i = 0; i < 5; i++) {
		unsigned last = i == 4 ? 5 : i + 12;
		put_digits(out + (size_t)4 * i,
			(uint32_t)d[i] << 16 | (uint32_t)d[i + 6] << 8 | d[last], 4);
	}
	put_digits(out + 20, d[11], 2);
}

static bool apr1_verify(struct hasher *h, sluice_str password, sluice_str hash)
{
	unsigned char digest[MD5_SIZE];
	char text[MD5_DIGITS];
	sluice_str s = sluice_str_skip(hash, sizeof(APR1) - 1), salt = sluice_str_cut(&s, '$');
	bool ok = apr1_first(h, password, salt, digest);
	for (unsigned i = 0; ok && i < MD5_ROUNDS; i++)
		ok = apr1_round(h, i, password, salt, digest);
	if (!ok)
		return false;
	apr1_write(digest, text);
	return s.len == sizeof(text) && CRYPTO_memcmp(text, s.data, sizeof(text)) == 0;
}

/* ---- verifying ----------------------------------------------------------------------------- */

bool hash_verify(struct hasher *h, const char *password, const char *hash)
{
	sluice_str expected = sluice_str_of(hash);
	if (sluice_str_starts(expected, SLUICE_STR(APR1)))
		return apr1_verify(h, sluice_str_of(password), expected);
	const char *got = crypt_rn(password, hash, &h->crypt, sizeof(h->crypt));
	bool same = got && strlen(got) == expected.len &&
		CRYPTO_memcmp(got, expected.data, expected.len) == 0;
	OPENSSL_cleanse(&h->crypt, sizeof(h->crypt));
	return same;
}
