/* The signature base and the algorithms, by the vectors of RFC 9421, appendix B. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "../httpsig/base.h"
#include "../httpsig/base64.h"
#include "../httpsig/digest.h"
#include "../httpsig/pen.h"
#include "../jose/kids.h"

#include "rfc9421.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static const sluice_pair fields[] = {
	{ SLUICE_STR("Host"), SLUICE_STR("example.com") },
	{ SLUICE_STR("Date"), SLUICE_STR("Tue, 20 Apr 2021 02:07:55 GMT") },
	{ SLUICE_STR("Content-Type"), SLUICE_STR("application/json") },
	{ SLUICE_STR("Content-Digest"), SLUICE_STR(RFC_DIGEST) },
	{ SLUICE_STR("Content-Length"), SLUICE_STR("18") },
	{ SLUICE_STR("X-Two"), SLUICE_STR("  one ") },
	{ SLUICE_STR("x-two"), SLUICE_STR("two, three\t") },
	{ SLUICE_STR("X-Empty"), SLUICE_STR("") },
	{ SLUICE_STR("Cookie"), SLUICE_STR("a=1") },
	{ SLUICE_STR("Cookie"), SLUICE_STR("b=2") },
	{ SLUICE_STR("X-Dict"), SLUICE_STR(" a=1, b=2;x=1;y=2, c=(a b c), d") },
};

static bool next_field(void *ctx, size_t *at, sluice_pair *out)
{
	(void)ctx;
	if (*at == sizeof(fields) / sizeof(*fields))
		return false;
	*out = fields[(*at)++];
	return true;
}

static const struct sig_message message = { .method = SLUICE_STR("POST"),
	.scheme = SLUICE_STR("HTTPS"),
	.authority = SLUICE_STR("EXAMPLE.com"),
	.path = SLUICE_STR("/foo"),
	.query = SLUICE_STR("param=Value&Pet=dog"),
	.next = next_field };

static char base_text[4096];

static enum base_result base_of(const char *list)
{
	static char scratch[4096];
	static struct sf_list covers;
	struct text out = { .data = base_text, .room = sizeof(base_text) - 1 };
	struct text spare = { .data = scratch, .room = sizeof(scratch) };
	assert_true(sf_list_read(sluice_str_of(list), &covers));
	enum base_result r = base_write(&out, &spare, &message, &covers);
	base_text[out.len] = '\0';
	return r;
}

/* A set with that one key. */
static struct keyset *set_of(struct key *key)
{
	struct keyset *set = keys_new(SLUICE_STR(""), 1);
	assert_non_null(set);
	assert_true(key_set_kid(key, SLUICE_STR("kid")));
	set->v[set->n++] = *key;
	assert_true(kids_index(set));
	return set;
}

static enum jose_result verify(struct keyset *set, const char *base, sluice_str signature)
{
	struct verifier v = { .n = 0 };
	assert_int_equal(verifier_init(&v), 0);
	enum jose_result r = sig_verify(&v, set, &set->v[0], sluice_str_of(base), signature);
	verifier_fini(&v);
	return r;
}

static void check_vector(struct key *key, const char *base, const char *base64)
{
	uint8_t bytes[512];
	char changed[4096];
	size_t n = base64_decode(sluice_str_of(base64), bytes);
	struct keyset *set = set_of(key);
	assert_int_equal(verify(set, base, sluice_str_n((char *)bytes, n)), JOSE_OK);
	assert_int_equal(verify(set, base, sluice_str_n((char *)bytes, n - 1)), JOSE_SIGNATURE);
	(void)snprintf(changed, sizeof(changed), "%s ", base);
	assert_int_equal(verify(set, changed, sluice_str_n((char *)bytes, n)), JOSE_SIGNATURE);
	bytes[n / 2] ^= 1;
	assert_int_equal(verify(set, base, sluice_str_n((char *)bytes, n)), JOSE_SIGNATURE);
	keys_unref(set);
}

static struct key public_key(const char *text, enum sig_alg expected)
{
	struct key key;
	enum sig_alg alg = SIG_ALGS;
	const char *why = sig_key_public(&key, sluice_str_of(text), &alg);
	if (why)
		fail_msg("the key %s", why);
	assert_int_equal(alg, expected);
	return key;
}

TEST(b_2_1_and_2_by_rsa_pss)
{
	struct key key = public_key(RFC_RSA_PSS, SIG_RSA_PSS_SHA512);
	assert_int_equal(base_of(RFC_B21_LIST), BASE_OK);
	assert_string_equal(base_text, "\"@signature-params\": " RFC_B21_LIST);
	check_vector(&key, base_text, RFC_B21);
	key = public_key(RFC_RSA_PSS, SIG_RSA_PSS_SHA512);
	assert_int_equal(base_of(RFC_B22_LIST), BASE_OK);
	assert_string_equal(base_text,
		"\"@authority\": example.com\n\"content-digest\": " RFC_DIGEST
		"\n\"@query-param\";name=\"Pet\": dog\n\"@signature-params\": " RFC_B22_LIST);
	check_vector(&key, base_text, RFC_B22);
}

TEST(b_2_4_by_p256)
{
	struct key key = public_key(RFC_P256, SIG_ECDSA_P256_SHA256);
	check_vector(&key, RFC_B24_BASE, RFC_B24);
}

TEST(b_2_5_by_hmac)
{
	struct key key;
	enum sig_alg alg = SIG_ALGS;
	assert_null(sig_key_secret(&key, SLUICE_STR(RFC_SECRET), &alg));
	assert_int_equal(alg, SIG_HMAC_SHA256);
	assert_int_equal(base_of(RFC_B25_LIST), BASE_OK);
	check_vector(&key, base_text, RFC_B25);
}

TEST(b_2_6_by_ed25519)
{
	struct key key = public_key(RFC_ED25519, SIG_ED25519);
	assert_int_equal(base_of(RFC_B26_LIST), BASE_OK);
	check_vector(&key, base_text, RFC_B26);
}

/* ---- components ---------------------------------------------------------------------------- */

TEST(components)
{
	static const char *const rows[][2] = {
		{ "\"@method\"", "POST" },
		{ "\"@scheme\"", "https" },
		{ "\"@path\"", "/foo" },
		{ "\"@query\"", "?param=Value&Pet=dog" },
		{ "\"@request-target\"", "/foo?param=Value&Pet=dog" },
		{ "\"@target-uri\"", "https://example.com/foo?param=Value&Pet=dog" },
		{ "\"x-two\"", "one, two, three" },
		{ "\"x-two\";bs", ":b25l:, :dHdvLCB0aHJlZQ==:" },
		{ "\"x-empty\"", "" },
		{ "\"cookie\"", "a=1; b=2" },
		{ "\"x-dict\";key=\"a\"", "1" },
		{ "\"x-dict\";key=\"b\"", "2;x=1;y=2" },
		{ "\"x-dict\";key=\"c\"", "(a b c)" },
		{ "\"x-dict\";key=\"d\"", "?1" },
		{ "\"content-digest\";sf", RFC_DIGEST },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char list[256], expected[1024];
		(void)snprintf(list, sizeof(list), "(%s)", rows[i][0]);
		assert_int_equal(base_of(list), BASE_OK);
		(void)snprintf(expected, sizeof(expected), "%s: %s\n\"@signature-params\": (%s)",
			rows[i][0], rows[i][1], rows[i][0]);
		assert_string_equal(base_text, expected);
	}
}

TEST(components_that_cannot_be)
{
	static const struct {
		const char *list;
		enum base_result expected;
	} rows[] = {
		{ "(\"absent\")", BASE_ABSENT },
		{ "(\"x-dict\";key=\"z\")", BASE_ABSENT },
		{ "(\"@query-param\";name=\"none\")", BASE_ABSENT },
		{ "(\"@query-param\")", BASE_MALFORMED },
		{ "(\"@method\" \"date\" \"@method\")", BASE_MALFORMED },
		{ "(\"x-two\";bs \"x-two\";bs)", BASE_MALFORMED },
		{ "(\"Date\")", BASE_MALFORMED },
		{ "(\"date\";name=\"a\")", BASE_MALFORMED },
		{ "(\"@method\";sf)", BASE_MALFORMED },
		{ "(\"x-dict\";bs;key=\"a\")", BASE_MALFORMED },
		{ "(\"date\";key=\"a\")", BASE_MALFORMED },
		{ "(\"date\";sf)", BASE_UNSUPPORTED },
		{ "(\"date\";tr)", BASE_UNSUPPORTED },
		{ "(\"date\";req)", BASE_UNSUPPORTED },
		{ "(\"@method\";req)", BASE_UNSUPPORTED },
		{ "(\"@status\")", BASE_UNSUPPORTED },
		{ "(\"@unknown\")", BASE_UNSUPPORTED },
		{ "(\"date\";key=1)", BASE_UNSUPPORTED },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (base_of(rows[i].list) != rows[i].expected)
			fail_msg("%s", rows[i].list);
	}
}

/* ---- signing ------------------------------------------------------------------------------- */

static EVP_PKEY *new_key(enum sig_alg alg)
{
	switch (alg) {
	case SIG_RSA_PSS_SHA512:
	case SIG_RSA_V1_5_SHA256:
		return EVP_RSA_gen(2048);
	case SIG_ECDSA_P256_SHA256:
		return EVP_EC_gen("P-256");
	case SIG_ECDSA_P384_SHA384:
		return EVP_EC_gen("P-384");
	default:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	}
}

static const char *pem_of(EVP_PKEY *pkey, bool is_private, char *out, size_t room)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(is_private
			? PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
			: PEM_write_bio_PUBKEY(bio, pkey),
		1);
	int n = BIO_read(bio, out, (int)room - 1);
	assert_true(n > 0);
	out[n] = '\0';
	BIO_free(bio);
	return out;
}

TEST(what_is_signed_is_verified)
{
	char private_pem[4096], public_pem[4096];
	for (unsigned i = SIG_RSA_PSS_SHA512; i < SIG_ALGS; i++) {
		enum sig_alg alg = (enum sig_alg)i;
		uint8_t sig[INPUT_SIGNATURE_MAX];
		const char *why;
		size_t n;
		EVP_PKEY *pkey = new_key(alg);
		struct sig_signer *s =
			signer_read_private(sluice_str_of(pem_of(pkey, true, private_pem,
						    sizeof(private_pem))),
				&alg, &why);
		assert_non_null(s);
		struct sig_pen *pen = pen_new(s);
		assert_non_null(pen);
		struct key key;
		assert_null(sig_key_public(&key,
			sluice_str_of(pem_of(pkey, false, public_pem, sizeof(public_pem))), &alg));
		struct keyset *set = set_of(&key);
		for (int k = 0; k < 3; k++) {
			assert_true(pen_sign(pen, SLUICE_STR("a base"), sig, &n));
			assert_int_equal(verify(set, "a base", sluice_str_n((char *)sig, n)),
				JOSE_OK);
			assert_int_equal(verify(set, "b base", sluice_str_n((char *)sig, n)),
				JOSE_SIGNATURE);
		}
		keys_unref(set);
		pen_free(pen);
		signer_drop(s);
		EVP_PKEY_free(pkey);
	}
}

TEST(keys_that_cannot_be)
{
	struct key key;
	enum sig_alg alg = SIG_ALGS, rsa = SIG_RSA_V1_5_SHA256;
	const char *why;
	assert_non_null(sig_key_secret(&key, SLUICE_STR("short"), &alg));
	assert_non_null(sig_key_secret(&key, SLUICE_STR("base64:AAAA"), &alg));
	assert_non_null(sig_key_secret(&key, SLUICE_STR(RFC_P256), &alg));
	assert_non_null(sig_key_public(&key, SLUICE_STR("nothing"), &alg));
	assert_non_null(sig_key_public(&key, SLUICE_STR("{}"), &alg));
	assert_non_null(sig_key_public(&key, SLUICE_STR(RFC_P256), &rsa));
	assert_non_null(sig_key_der(&key, SLUICE_STR("AAAA"), &alg));
	assert_null(signer_read_private(SLUICE_STR(RFC_P256), &alg, &why));
	assert_non_null(why);
}

/* ---- digests ------------------------------------------------------------------------------- */

TEST(digests_of_bodies)
{
	struct content_digest d;
	char out[CONTENT_FIELD_MAX];
	struct text t = { .data = out, .room = sizeof(out) };
	assert_true(content_digest_read(SLUICE_STR(RFC_DIGEST), &d));
	assert_true(content_digest_is_of(&d, SLUICE_STR(RFC_BODY)));
	assert_false(content_digest_is_of(&d, SLUICE_STR(RFC_BODY "x")));
	content_digest_put(&t, CONTENT_SHA512, SLUICE_STR(RFC_BODY));
	assert_true(sluice_str_eq(text_from(&t, 0), SLUICE_STR(RFC_DIGEST)));
	/* all that are known have to be right */
	assert_true(content_digest_read(
		SLUICE_STR("md5=:AAAA:, "
			   "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:, " RFC_DIGEST),
		&d));
	assert_true(content_digest_is_of(&d, SLUICE_STR(RFC_BODY)));
	d.v[CONTENT_SHA256][0] ^= 1;
	assert_false(content_digest_is_of(&d, SLUICE_STR(RFC_BODY)));
	assert_false(content_digest_read(SLUICE_STR("md5=:AAAA:"), &d));
	assert_false(content_digest_read(SLUICE_STR("sha-256=:AAAA:"), &d));
	assert_false(content_digest_read(SLUICE_STR("sha-256=AAAA"), &d));
	assert_false(content_digest_read(SLUICE_STR(""), &d));
}
