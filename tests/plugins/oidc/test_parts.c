/* The parts of oidc that need no gateway: texts, sealed texts, answers of token endpoints, ID
 * tokens, sessions, logins, targets, discovery documents. */
#include <sluice/str.h>

#include <stdlib.h>

#include "id_token.h"
#include "login.h"
#include "provider.h"
#include "seal.h"
#include "session.h"
#include "target.h"
#include "test.h"
#include "text.h"
#include "../oauth/token_answer.h"

static sluice_str z(const char *text)
{
	return sluice_str_of(text);
}

static void assert_str(sluice_str s, const char *text)
{
	if (!sluice_str_is(s, text))
		fail_msg("\"%.*s\" is not \"%s\"", (int)s.len, s.data ? s.data : "", text);
}

/* ---- texts --------------------------------------------------------------------------------- */

TEST(escapes)
{
	char out[64];
	sluice_str in = z("aZ0-._~ /?&=+%\xc3\xa4");
	char *end = text_escape(out, in);
	assert_str(sluice_str_n(out, (size_t)(end - out)), "aZ0-._~%20%2F%3F%26%3D%2B%25%C3%A4");
	assert_int_equal(text_escaped(in), (size_t)(end - out));
}

TEST(parameters)
{
	static const struct {
		const char *query;
		enum text_found found;
		const char *value;
	} rows[] = { { "a=1&b=2", TEXT_ONE, "1" }, { "b=2&a=x%2Fy+z", TEXT_ONE, "x/y z" },
		{ "a=", TEXT_ONE, "" }, { "a", TEXT_ONE, "" }, { "", TEXT_NONE, NULL },
		{ "ab=1&A=2&%61=3", TEXT_NONE, NULL }, { "a=1&a=1", TEXT_WRONG, NULL },
		{ "a=%2", TEXT_WRONG, NULL }, { "a=%", TEXT_WRONG, NULL },
		{ "a=%zz", TEXT_WRONG, NULL }, { "a=%41", TEXT_ONE, "A" },
		{ "a=x%0d", TEXT_WRONG, NULL }, { "a=%00", TEXT_WRONG, NULL },
		{ "a=b=c", TEXT_ONE, "b=c" } };
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char out[32];
		sluice_str value;
		if (text_parameter(z(rows[i].query), z("a"), out, &value) != rows[i].found)
			fail_msg("%s", rows[i].query);
		if (rows[i].value)
			assert_str(value, rows[i].value);
	}
}

TEST(random_words_differ)
{
	char a[43], b[43];
	assert_ptr_equal(text_random(a, 32), a + 43);
	assert_ptr_equal(text_random(b, 32), b + 43);
	assert_memory_not_equal(a, b, 43);
	assert_null(text_random(a, 65));
}

/* ---- sealed texts -------------------------------------------------------------------------- */

#define OLD "an old secret of 32 bytes at least"
#define NEW "a new secret of 32 bytes at least.."

static struct seal seal_with(const char *first, const char *second)
{
	struct seal s;
	const sluice_str secrets[] = { z(first), z(second ? second : "") };
	assert_int_equal(seal_init(&s, secrets, second ? 2 : 1), 0);
	return s;
}

static bool opens(const struct seal *s, const char *purpose, sluice_str text, const char *expected)
{
	uint8_t out[512];
	sluice_str plain;
	bool ok = seal_open(s, z(purpose), text, out, &plain);
	if (ok && expected)
		assert_str(plain, expected);
	return ok;
}

TEST(what_is_sealed_is_opened_by_its_key_for_its_purpose)
{
	struct seal old = seal_with(OLD, NULL), both = seal_with(NEW, OLD),
		    new = seal_with(NEW, NULL);
	char out[SEAL_ROOM(5)], other[SEAL_ROOM(5)];
	sluice_str text = sluice_str_n(out, seal_close(&old, z("a"), z("hello"), out));
	assert_true(text.len > 0 && text.len <= sizeof out);
	assert_true(opens(&old, "a", text, "hello"));
	assert_false(opens(&old, "b", text, NULL));
	assert_true(opens(&both, "a", text, "hello"));
	assert_false(opens(&new, "a", text, NULL));
	assert_int_equal(seal_close(&both, z("a"), z("hello"), other), text.len);
	assert_true(opens(&new, "a", sluice_str_n(other, text.len), "hello"));
	assert_memory_not_equal(out, other, text.len);
	seal_fini(&old);
	seal_fini(&both);
	seal_fini(&new);
}

TEST(a_sealed_text_cannot_be_changed)
{
	struct seal s = seal_with(OLD, NULL);
	char out[SEAL_ROOM(9)];
	size_t n = seal_close(&s, z("a"), z("important"), out);
	for (size_t i = 0; i < n; i++) {
		char was = out[i];
		out[i] = was == 'A' ? 'B' : 'A';
		assert_false(opens(&s, "a", sluice_str_n(out, n), NULL));
		out[i] = was;
		assert_false(opens(&s, "a", sluice_str_n(out, i), NULL));
	}
	assert_true(opens(&s, "a", sluice_str_n(out, n), "important"));
	seal_fini(&s);
}

/* ---- answers of a token endpoint ----------------------------------------------------------- */

TEST(token_answers)
{
	static const struct {
		int code;
		const char *body;
		enum token_answer_kind kind;
	} rows[] = {
		{ 200, "{\"access_token\":\"a\",\"token_type\":\"bearer\",\"id_token\":\"i\"}",
			TOKEN_ANSWER_GOOD },
		{ 200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":60}",
			TOKEN_ANSWER_GOOD },
		{ 200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":\"60\"}",
			TOKEN_ANSWER_GOOD },
		{ 201, "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}", TOKEN_ANSWER_BAD },
		{ 200, "{\"access_token\":\"a\",\"token_type\":\"DPoP\"}", TOKEN_ANSWER_BAD },
		{ 200, "{\"access_token\":\"a\"}", TOKEN_ANSWER_BAD },
		{ 200, "{\"access_token\":\"\",\"token_type\":\"Bearer\"}", TOKEN_ANSWER_BAD },
		{ 200, "{\"access_token\":\"a\\nX: y\",\"token_type\":\"Bearer\"}",
			TOKEN_ANSWER_BAD },
		{ 200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":-1}",
			TOKEN_ANSWER_BAD },
		{ 200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"id_token\":7}",
			TOKEN_ANSWER_BAD },
		{ 200, "{\"access_token\":\"a\",\"access_token\":\"b\",\"token_type\":\"Bearer\"}",
			TOKEN_ANSWER_BAD },
		{ 400, "{\"error\":\"invalid_grant\"}", TOKEN_ANSWER_REFUSED },
		{ 500, "{\"error\":\"server_error\"}", TOKEN_ANSWER_BAD },
		{ 400, "nothing", TOKEN_ANSWER_BAD },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct token_answer a;
		if (token_answer_read(rows[i].code, z(rows[i].body), &a) != rows[i].kind)
			fail_msg("%d %s", rows[i].code, rows[i].body);
		token_answer_fini(&a);
	}
}

TEST(what_a_token_answer_has)
{
	struct token_answer a;
	assert_int_equal(
		token_answer_read(200,
			z("{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"expires_in\":"
			  "99999999999999,\"refresh_token\":\"r\",\"id_token\":\"i\"}"),
			&a),
		TOKEN_ANSWER_GOOD);
	assert_str(a.access_token, "a");
	assert_str(a.refresh_token, "r");
	assert_str(a.id_token, "i");
	assert_int_equal(a.expires_in_ms, UINT64_C(315360000000));
	token_answer_fini(&a);
	(void)token_answer_read(400, z("{\"error\":\"in\\nvalid \\u0000<b>\"}"), &a);
	(void)token_answer_read(400, z("{\"error\":\"in\\nvalid<b>\"}"), &a);
	assert_string_equal(a.error, "invalidb");
}

/* ---- ID tokens ----------------------------------------------------------------------------- */

#define NOW UINT64_C(1700000000000)
#define BASE                 \
	"\"iss\":\"https://" \
	"idp\",\"aud\":\"me\",\"sub\":\"alice\",\"nonce\":\"n\",\"iat\":1699999990"
#define GOOD BASE ",\"exp\":1700000100"

static const char *judge(const char *claims, const char *nonce)
{
	struct token t = { .header = { .alg = ALG_RS256 } };
	const struct id_expected e = { .issuer = z("https://idp"),
		.client_id = z("me"),
		.nonce = z(nonce),
		.access_token = z("token"),
		.now_ms = NOW,
		.leeway_ms = 5000 };
	json_t *read = json_loads(claims, 0, NULL);
	assert_non_null(read);
	const char *wrong = id_token_check(&t, read, &e);
	json_decref(read);
	return wrong;
}

TEST(id_tokens)
{
	static const struct {
		const char *claims, *wrong;
	} rows[] = {
		{ "{" GOOD "}", NULL },
		{ "{" GOOD ",\"iss\":\"https://idp/\"}", "another issuer" },
		{ "{" GOOD ",\"iss\":null}", "another issuer" },
		{ "{" GOOD ",\"sub\":\"\"}", "no subject" },
		{ "{" GOOD ",\"sub\":7}", "no subject" },
		{ "{" GOOD ",\"nonce\":\"m\"}", "another nonce" },
		{ "{" GOOD ",\"nonce\":null}", "another nonce" },
		{ "{" GOOD ",\"nonce\":{}}", "nonce" },
		{ "{" GOOD ",\"aud\":\"you\"}", "another client" },
		{ "{" GOOD ",\"aud\":[\"me\"]}", NULL },
		{ "{" GOOD ",\"aud\":[\"me\",\"you\"]}", "another client" },
		{ "{" GOOD ",\"aud\":[\"me\",\"you\"],\"azp\":\"me\"}", NULL },
		{ "{" GOOD ",\"aud\":{\"me\":1}}", "another client" },
		{ "{" GOOD ",\"azp\":\"you\"}", "another client" },
		{ "{" GOOD ",\"azp\":7}", "azp" },
		{ "{" BASE "}", "exp" },
		{ "{" GOOD ",\"exp\":\"1700000100\"}", "exp" },
		{ "{" GOOD ",\"exp\":1699999995}", "expired" },
		{ "{" GOOD ",\"exp\":1699999996}", NULL },
		{ "{" GOOD ",\"iat\":null}", "iat" },
		{ "{" GOOD ",\"iat\":1700000006}", "not valid yet" },
		{ "{" GOOD ",\"nbf\":1700000006}", "not valid yet" },
		{ "{" GOOD ",\"nbf\":1e300}", "no date" },
		/* the left half of SHA-256 of "token" */
		{ "{" GOOD ",\"at_hash\":\"PEaenWx\"}", "access token" },
		{ "{" GOOD ",\"at_hash\":\"PEaenWxYddN6Q_NT1PiOYQ\"}", NULL },
		{ "{" GOOD ",\"at_hash\":5}", "at_hash" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *wrong = judge(rows[i].claims, "n");
		if (!wrong != !rows[i].wrong || (wrong && !strstr(wrong, rows[i].wrong)))
			fail_msg("%s: %s", rows[i].claims, wrong ? wrong : "accepted");
	}
	assert_null(judge("{" GOOD "}", NULL));
}

/* ---- sessions ------------------------------------------------------------------------------ */

TEST(sessions_are_written_and_read)
{
	struct session s, again;
	const struct session_parts parts = { .claims = json_pack("{s:s,s:s,s:i}", "sub", "alice",
						     "nonce", "n", "exp", 5),
		.access_token = z("a"),
		.id_token = z("i"),
		.begun_ms = 1000,
		.used_ms = 2000,
		.access_for_ms = 1000,
		.ahead_ms = 5000 };
	session_trim_claims(parts.claims);
	assert_true(session_make(&parts, &s));
	assert_true(session_touch(&s, 2500));
	assert_true(session_forget_id_token(&s));
	char *text = session_text(&s);
	assert_true(session_read(z(text), &again));
	assert_str(again.access_token, "a");
	assert_null(again.id_token.data);
	assert_null(again.refresh_token.data);
	assert_int_equal(again.begun_ms, 1000);
	assert_int_equal(again.used_ms, 2500);
	assert_int_equal(again.access_until_ms, 3000);
	assert_int_equal(again.renew_ms, 2750);
	assert_int_equal(json_object_size(again.claims), 1);
	session_free_text(text);
	session_fini(&s);
	session_fini(&again);
}

TEST(what_is_no_session)
{
	static const char *const texts[] = { "", "{}", "[]", "{\"c\":{}}",
		"{\"c\":[],\"b\":1,\"u\":1,\"e\":0,\"n\":0}",
		"{\"c\":{},\"b\":-1.5,\"u\":1,\"e\":0,\"n\":0}",
		"{\"c\":{},\"b\":1,\"u\":1,\"e\":0,\"n\":0,\"a\":1}" };
	struct session s;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		assert_false(session_read(z(texts[i]), &s));
	assert_true(session_read(z("{\"c\":{},\"b\":1,\"u\":1,\"e\":0,\"n\":0}"), &s));
	session_fini(&s);
}

TEST(how_long_a_session_lasts)
{
	const struct session s = { .begun_ms = 1000, .used_ms = 5000 };
	assert_int_equal(session_until(&s, 10000, 0), 11000);
	assert_int_equal(session_until(&s, 10000, 3000), 8000);
	assert_int_equal(session_until(&s, 10000, 9000), 11000);
}

/* ---- logins and targets -------------------------------------------------------------------- */

#define SECRET43 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq"

TEST(logins_are_written_and_read)
{
	const struct login l = { z(SECRET43), z(SECRET43), z(SECRET43), z("https://me/cb"),
		z("/page?a=1"), 1700000000000 };
	char *out = malloc(login_room(&l));
	sluice_str text = login_text(&l, out);
	struct login again;
	assert_true(text.len <= login_room(&l));
	assert_true(login_read(text, &again));
	assert_str(again.return_to, "/page?a=1");
	assert_str(again.redirect_uri, "https://me/cb");
	assert_int_equal(again.begun_ms, l.begun_ms);
	for (size_t n = 0; n < text.len; n++)
		assert_false(login_read(sluice_str_n(out, n), &again));
	free(out);
	assert_false(
		login_read(z(SECRET43 "\n" SECRET43 "\n" SECRET43 "\n1\nu\n//evil\n"), &again));
	assert_false(login_read(z(SECRET43 "\n" SECRET43 "\n" SECRET43 "\nx\nu\n/a\n"), &again));
	assert_false(login_read(z("a\n" SECRET43 "\n" SECRET43 "\n1\nu\n/a\n"), &again));
}

TEST(targets)
{
	static const char *const local[] = { "/", "/a", "/a?b=//c", "/a/b:c@d", "/%2F%2Fevil" };
	static const char *const foreign[] = { "", "a", "//a", "/\\a", "\\\\a", "https://a/",
		"/a\\b", "/a b", "/\t/a", "/\n", "/a#b", "/\xc3\xa4", "javascript:x" };
	char longest[TARGET_MAX + 2];
	memset(longest, 'a', sizeof longest);
	longest[0] = '/';
	for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
		assert_true(target_is_local(z(local[i])));
	for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
		assert_false(target_is_local(z(foreign[i])));
	assert_true(target_is_local(sluice_str_n(longest, TARGET_MAX)));
	assert_false(target_is_local(sluice_str_n(longest, TARGET_MAX + 1)));
}

/* ---- discovery ----------------------------------------------------------------------------- */

TEST(discovery_documents)
{
#define TWO "\"authorization_endpoint\":\"https://idp/a\",\"token_endpoint\":\"https://idp/t\""
	static const struct {
		const char *document, *wrong;
	} rows[] = {
		{ "{\"issuer\":\"https://idp\"," TWO "}", NULL },
		{ "{\"issuer\":\"https://idp/\"," TWO "}", "another issuer" },
		{ "{" TWO "}", "another issuer" },
		{ "{\"issuer\":\"https://idp\"}", "no authorization_endpoint" },
		{ "{\"issuer\":\"https://idp\"," TWO ",\"userinfo_endpoint\":7}", "no URL" },
		{ "{\"issuer\":\"https://idp\"," TWO ",\"userinfo_endpoint\":\"http://idp/u\"}",
			"no https" },
		{ "{\"issuer\":\"https://idp\"," TWO ",\"end_session_endpoint\":\"javascript:x\"}",
			"no URL" },
		{ "{\"issuer\":\"https://idp\"," TWO ",\"userinfo_endpoint\":\"https://idp/#\"}",
			"fragment" },
		{ "[]", "not a discovery document" },
		{ "<html>", "not a discovery document" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct known k = { .has_document = false };
		const char *wrong = provider_read(z("https://idp"), z(rows[i].document), &k);
		if (!wrong != !rows[i].wrong || (wrong && !strstr(wrong, rows[i].wrong)))
			fail_msg("%s: %s", rows[i].document, wrong ? wrong : "accepted");
		if (!wrong)
			assert_str(k.endpoints[ENDPOINT_TOKEN], "https://idp/t");
		known_fini(&k);
	}
}
