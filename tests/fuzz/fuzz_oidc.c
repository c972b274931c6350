/*
 * What a stranger or a provider can have oidc read. The first line says what: `cookie` (a sealed
 * text; and, behind a line `plain`, what it holds, as a fuzzer cannot seal), `tokens` (an answer of
 * a token endpoint), `claims` (of an ID token), `query` (of the redirect URI), `document` (of
 * discovery), `logout` (the claims of a logout token), `id` (of a session in a store).
 */
#include <stdlib.h>

#include "id_token.h"
#include "login.h"
#include "logout_token.h"
#include "names.h"
#include "provider.h"
#include "reach.h"
#include "seal.h"
#include "session.h"
#include "target.h"
#include "text.h"
#include "../oauth/token_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct seal *seal(void)
{
	static struct seal s;
	const sluice_str secret = SLUICE_STR("a secret for cookies of 32 bytes..");
	if (s.n == 0 && seal_init(&s, &secret, 1) < 0)
		abort();
	return &s;
}

/* What was opened is opened again after it was sealed. */
static void read_plain(sluice_str plain)
{
	struct session s;
	struct login l;
	if (session_read(plain, &s)) {
		REACH("a session");
		char *text = session_text(&s);
		struct session again;
		if (text && !session_read(sluice_str_of(text), &again))
			abort();
		if (text)
			session_fini(&again);
		session_free_text(text);
		(void)session_until(&s, 1000, 1000);
		session_fini(&s);
	}
	if (login_read(plain, &l)) {
		REACH("a login");
		if (!target_is_local(l.return_to))
			abort();
	}
}

static void read_cookie(sluice_str text)
{
	uint8_t *out = malloc(SEAL_OPEN_ROOM(text.len));
	sluice_str plain;
	if (out && seal_open(seal(), SLUICE_STR("p"), text, out, &plain))
		abort(); /* nobody but us can seal */
	free(out);
	char *sealed = malloc(SEAL_ROOM(text.len));
	size_t n = sealed ? seal_close(seal(), SLUICE_STR("p"), text, sealed) : 0;
	out = malloc(SEAL_OPEN_ROOM(n));
	if (n > 0 && n <= SEAL_ROOM(text.len) && out) {
		if (!seal_open(seal(), SLUICE_STR("p"), sluice_str_n(sealed, n), out, &plain) ||
			!sluice_str_eq(plain, text))
			abort();
	}
	free(out);
	free(sealed);
}

static void read_tokens(sluice_str body)
{
	struct token_answer a;
	for (int code = 200; code <= 400; code += 200) {
		if (token_answer_read(code, body, &a) == TOKEN_ANSWER_GOOD)
			REACH("tokens");
		token_answer_fini(&a);
		if (token_answer_read_any(code, body, &a) == TOKEN_ANSWER_GOOD &&
			!a.access_token.len)
			abort();
		token_answer_fini(&a);
	}
}

static void read_claims(sluice_str text)
{
	const struct token t = { .header = { .alg = ALG_RS256 } };
	const struct id_expected e = { .issuer = SLUICE_STR("i"),
		.client_id = SLUICE_STR("c"),
		.nonce = SLUICE_STR("n"),
		.access_token = SLUICE_STR("a"),
		.now_ms = UINT64_C(1700000000000),
		.leeway_ms = 5000 };
	json_t *claims = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(claims) && !id_token_check(&t, claims, &e))
		REACH("an ID token");
	if (json_is_object(claims))
		session_trim_claims(claims);
	json_decref(claims);
}

static void read_logout(sluice_str text)
{
	const struct token t = { .header = { .alg = ALG_RS256 } };
	const struct id_expected e = { .issuer = SLUICE_STR("i"),
		.client_id = SLUICE_STR("c"),
		.now_ms = UINT64_C(1700000000000),
		.leeway_ms = 5000 };
	struct logout_said said;
	json_t *claims = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(claims) && !logout_token_check(&t, claims, &e, &said)) {
		REACH("a logout token");
		if (!said.jti.len || (!said.sid.len && !said.sub.len) || said.until_ms <= e.now_ms)
			abort();
		if (!id_token_check(&t, claims, &e))
			abort(); /* no token is both */
	}
	json_decref(claims);
}

/* What a browser brings as the id of a session in a store. */
static void read_id(sluice_str text)
{
	if (!names_is_id(text))
		return;
	REACH("an id");
	const struct store_key key = names_session_of(text);
	if (!sluice_str_eq(names_digest(&key), text))
		abort();
}

static void read_query(sluice_str query)
{
	char *out = malloc(query.len + 1);
	sluice_str value;
	if (out && text_parameter(query, SLUICE_STR("state"), out, &value) == TEXT_ONE) {
		REACH("a parameter");
		(void)target_is_local(value);
	}
	free(out);
}

static void read_document(sluice_str text)
{
	struct known k;
	if (provider_read(SLUICE_STR("https://idp"), text, &k))
		return;
	REACH("a document");
	known_fini(&k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		sluice_str word;
		void (*read)(sluice_str);
	} kinds[] = { { { "cookie", 6 }, read_cookie }, { { "plain", 5 }, read_plain },
		{ { "tokens", 6 }, read_tokens }, { { "claims", 6 }, read_claims },
		{ { "query", 5 }, read_query }, { { "document", 8 }, read_document },
		{ { "logout", 6 }, read_logout }, { { "id", 2 }, read_id } };
	sluice_str rest = sluice_str_n((const char *)data, size),
		   word = sluice_str_cut(&rest, '\n');
	for (size_t i = 0; rest.data && i < sizeof kinds / sizeof kinds[0]; i++) {
		if (sluice_str_eq(word, kinds[i].word))
			kinds[i].read(rest);
	}
	return 0;
}
