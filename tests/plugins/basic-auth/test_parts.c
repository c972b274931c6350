/* The parts of basic-auth that need no gateway: the field, hashes, accounts, the keyed hash. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "accounts.h"
#include "credentials.h"
#include "hash.h"
#include "hashes.h"
#include "../shared/siphash.h"
#include "test.h"

/* ---- the keyed hash ------------------------------------------------------------------------ */

TEST(siphash_is_that_of_openssl)
{
	uint64_t key[2] = { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	char text[64];
	for (size_t n = 0; n < sizeof(text); n++) {
		unsigned char expected[16];
		size_t size = 16, len = 0;
		OSSL_PARAM p[] = { OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
			OSSL_PARAM_construct_end() };
		EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
		assert_true(EVP_MAC_init(ctx, (unsigned char *)key, sizeof(key), p) == 1 &&
			EVP_MAC_update(ctx, (unsigned char *)text, n) == 1 &&
			EVP_MAC_final(ctx, expected, &len, sizeof(expected)) == 1);
		EVP_MAC_CTX_free(ctx);
		struct siphash got = siphash(key, sluice_str_n(text, n));
		assert_int_equal(len, sizeof(got));
		assert_memory_equal(&got, expected, sizeof(got));
		text[n] = (char)(n * 37);
	}
	EVP_MAC_free(mac);
}

/* ---- the field ----------------------------------------------------------------------------- */

static const struct {
	const char *value, *user, *password; /* user NULL: malformed; "": no credentials at all */
} fields[] = {
	{ "Basic YWxpY2U6c2VjcmV0", "alice", "secret" },
	{ "basic   YWxpY2U6c2VjcmV0", "alice", "secret" }, { "BASIC YTpiOmM=", "a", "b:c" },
	{ "Basic YTo=", "a", "" }, { "Basic OmE=", "-", "a" }, { "Basic Og==", "-", "" },
	{ "Basic w6TDtjrDvA==", "\xc3\xa4\xc3\xb6", "\xc3\xbc" },
	{ "Bearer YWxpY2U6c2VjcmV0", "", NULL }, { "Basically YWxpY2U6c2VjcmV0", "", NULL },
	{ "", "", NULL }, { "Basic", NULL, NULL }, { "Basic ", NULL, NULL },
	{ "Basic YWxpY2U=", NULL, NULL }, /* no colon */
	{ "Basic YWxpY2U6c2VjcmV0 x", NULL, NULL }, { "Basic YWxpY2U6c2VjcmV0,", NULL, NULL },
	{ "Basic YTpiOmM", NULL, NULL },  /* no padding */
	{ "Basic YTpiOmN=", NULL, NULL }, /* bits behind the end */
	{ "Basic YTo=YTo=", NULL, NULL }, { "Basic Y===", NULL, NULL },
	{ "Basic ====", NULL, NULL },
	{ "Basic YTpi_-A=", NULL, NULL }, /* the digits of base64url */
	{ "Basic YQA6Yg==", NULL, NULL }, /* a NUL in the name */
	{ "Basic YTpiCg==", NULL, NULL }, /* a line feed in the password */
};

TEST(credentials)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct credentials c;
		enum credentials_found found = credentials_read(sluice_str_of(fields[i].value), &c);
		if (!fields[i].user || !*fields[i].user) {
			assert_int_equal(found,
				fields[i].user ? CREDENTIALS_NONE : CREDENTIALS_MALFORMED);
			continue;
		}
		assert_int_equal(found, CREDENTIALS_GOOD);
		const char *user = *fields[i].user == '-' ? "" : fields[i].user;
		assert_true(sluice_str_is(c.user, user));
		assert_string_equal(c.password.data, fields[i].password);
	}
}

TEST(digits_of_base64)
{
	for (unsigned c = 0; c < 256; c++) {
		char value[] = "Basic YTo?YTph";
		unsigned char plain[16];
		struct credentials got;
		value[9] = (char)c;
		bool is_digit = c && c != '=' &&
			EVP_DecodeBlock(plain, (unsigned char *)value + 6, 8) == 6 &&
			!strchr(" \t\r\n-", (int)c);
		bool has_control = is_digit && (plain[2] < 0x20 || plain[2] == 0x7f);
		assert_int_equal(credentials_read(sluice_str_n(value, 14), &got),
			is_digit && !has_control ? CREDENTIALS_GOOD : CREDENTIALS_MALFORMED);
	}
}

TEST(long_credentials)
{
	static const struct {
		int user, password;
		enum credentials_found found;
	} sizes[] = { { USER_MAX, PASSWORD_MAX, CREDENTIALS_GOOD },
		{ USER_MAX + 1, 1, CREDENTIALS_MALFORMED },
		{ 1, PASSWORD_MAX + 1, CREDENTIALS_MALFORMED },
		{ 3000, 3000, CREDENTIALS_MALFORMED } };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char plain[8000], value[12000] = "Basic ";
		int n = snprintf(plain, sizeof(plain), "%0*d:%0*d", sizes[i].user, 1,
			sizes[i].password, 2);
		EVP_EncodeBlock((unsigned char *)value + 6, (unsigned char *)plain, n);
		struct credentials c;
		assert_int_equal(credentials_read(sluice_str_of(value), &c), sizes[i].found);
	}
}

/* ---- hashes -------------------------------------------------------------------------------- */

TEST(hashes_are_verified)
{
	static const char *const hashes[] = { BCRYPT, SHA512, SHA256, YESCRYPT, GOST_YESCRYPT,
		MD5CRYPT, APR1 };
	struct hasher *h = hasher_new();
	for (size_t i = 0; i < sizeof(hashes) / sizeof(*hashes); i++) {
		assert_null(hash_refused(sluice_str_of(hashes[i])));
		assert_true(hash_verify(h, "secret", hashes[i]));
		assert_false(hash_verify(h, "Secret", hashes[i]));
		assert_false(hash_verify(h, "", hashes[i]));
		assert_int_equal(hash_is_weak(sluice_str_of(hashes[i])), i >= 5);
	}
	assert_true(hash_verify(h, "", "$apr1$x$tMwYqBfQwi3FYAr0aJc8M/"));
	assert_true(hash_verify(h, "a long password of more than sixteen bytes",
		"$apr1$abcd$.5gwj35o3krgOCpP4Oz/P."));
	hasher_free(h);
}

TEST(hashes_are_refused)
{
	static const struct {
		const char *hash, *why;
	} hashes[] = {
		{ "", "is no hash, or one of an unknown kind" },
		{ "secret", "is no hash, or one of an unknown kind" },
		{ "rqXexS6ZhobKA", "is no hash, or one of an unknown kind" },
		{ "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
			"is SHA-1 without a salt, which is no protection" },
		{ "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
			"is Argon2, which this system's libcrypt does not have" },
		{ "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIr",
			"is no whole bcrypt hash" },
		{ "$2y$xx$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
			"is no whole bcrypt hash" },
		{ "$2y$16$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
			"is a bcrypt hash of a cost above 15, which would take seconds for each "
			"login" },
		{ "$2y$02$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
			"is no whole bcrypt hash" },
		{ "$6$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2So", "is no whole SHA-crypt hash" },
		{ "$6$rounds=9999999$saltsalt$x",
			"is a SHA-crypt hash of more than 5000000 rounds, which would take seconds "
			"for each login" },
		{ "$5$rounds=many$saltsalt$x",
			"is no SHA-crypt hash: its rounds are no number from 1000 on" },
		{ "$y$jFT$F5Jx5fExrKuPp53xLKQ..1$l5YiXCKNY/N9ezall4xjJAFS/wg.kWVcFXfOzyxVn1.",
			"is a yescrypt hash of a cost above 7, which would take more than 64 MiB "
			"for each login" },
		{ "$y$j75$F5Jx5fExrKuPp53xLKQ..1$", "is no whole yescrypt hash" },
		{ "$apr1$saltsalt$LrttParrLPdxvgutaSXWJ", "is no whole MD5 hash" },
		{ "$apr1$saltsaltsalt$LrttParrLPdxvgutaSXWJ0", "is no whole MD5 hash" },
	};
	for (size_t i = 0; i < sizeof(hashes) / sizeof(*hashes); i++) {
		const char *why = hash_refused(sluice_str_of(hashes[i].hash));
		assert_non_null(why);
		assert_string_equal(why, hashes[i].why);
	}
}

/* ---- accounts ------------------------------------------------------------------------------ */

static const uint64_t key[2] = { 1, 2 };

#define LIST(...)                                                                        \
	{                                                                                \
		(const sluice_str[]){ __VA_ARGS__ },                                     \
			sizeof((const sluice_str[]){ __VA_ARGS__ }) / sizeof(sluice_str) \
	}

TEST(accounts_of_files)
{
	static const sluice_pair users[] = { { SLUICE_STR("carol"), SLUICE_STR(SHA256) } };
	const struct accounts_from from = { .users = { users, 1 },
		.file = SLUICE_STR("# users\n\nbob:" BCRYPT "\r\n alice:" APR1 ":Alice A.\n"),
		.groups = SLUICE_STR("# groups\nadmins: alice nobody\nops: bob alice\n"
				     "admins:  carol\n"),
		.members = LIST(SLUICE_STR("none"), SLUICE_STR("admins")),
		.key = key };
	struct accounts_mistake m;
	struct accounts *a = accounts_new(&from, &m);
	assert_non_null(a);
	assert_int_equal(a->n, 3);
	assert_int_equal(a->weak, 1);
	const struct account *alice = accounts_find(a, SLUICE_STR("alice")),
			     *bob = accounts_find(a, SLUICE_STR("bob")),
			     *carol = accounts_find(a, SLUICE_STR("carol"));
	assert_true(sluice_str_is(alice->hash, APR1) && sluice_str_is(bob->hash, BCRYPT));
	assert_true(sluice_str_is(alice->groups, "admins,ops") && alice->is_member);
	assert_true(sluice_str_is(bob->groups, "ops") && !bob->is_member);
	assert_true(carol->line == 0 && carol->is_member);
	assert_null(accounts_find(a, SLUICE_STR("nobody")));
	assert_null(accounts_find(a, SLUICE_STR("")));
	assert_null(accounts_find(a, SLUICE_STR("alic")));
	accounts_free(a);
}

static void mistaken(const char *file, const char *groups, enum accounts_place where, size_t line,
	const char *user, const char *why)
{
	static const sluice_pair users[] = { { SLUICE_STR("carol"), SLUICE_STR(SHA256) } };
	const struct accounts_from from = { .users = { users, 1 },
		.file = sluice_str_of(file),
		.groups = sluice_str_of(groups),
		.key = key };
	struct accounts_mistake m;
	assert_null(accounts_new(&from, &m));
	assert_int_equal(m.where, where);
	assert_int_equal(m.line, line);
	assert_string_equal(m.why, why);
	assert_true(sluice_str_is(m.user, user));
}

TEST(mistakes_of_files)
{
	mistaken("a:" APR1 "\nbob\n", "", IN_FILE, 2, "",
		"has no colon; a line is `name:hash`, as htpasswd writes it");
	mistaken("a:" APR1 "\n\nbob:secret\n", "", IN_FILE, 3, "bob",
		"is no hash, or one of an unknown kind");
	mistaken("a:" APR1 "\nb:" APR1 "\na:" BCRYPT, "", IN_FILE, 3, "a", "is there twice");
	mistaken("carol:" APR1, "", IN_FILE, 1, "carol", "is there twice");
	mistaken(":" APR1, "", IN_FILE, 1, "", "has no name of 1 to 255 bytes");
	mistaken("a:" APR1, "admins a\n", IN_GROUPS, 1, "",
		"has no colon; a line is `group: name name`");
	mistaken("a:" APR1, "x: a\n: a\n", IN_GROUPS, 2, "",
		"has no group of 1 to 64 bytes before a colon");
	mistaken("a:" APR1, "x,y: a\n", IN_GROUPS, 1, "",
		"has a group whose name is not of letters, digits and -_.@");
}
