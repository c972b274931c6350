/* The answer of a token endpoint (RFC 6749 5.1 and 5.2, RFC 8693 2.2, OpenID Connect Core 3.1.3.3).
 * Any thread. */
#ifndef OAUTH_TOKEN_ANSWER_H
#define OAUTH_TOKEN_ANSWER_H

#include <jansson.h>
#include <sluice/str.h>

enum { TOKEN_ANSWER_MAX = 128 * 1024, TOKEN_ANSWER_WORD = 64 };

enum token_answer_kind {
	TOKEN_ANSWER_GOOD,
	TOKEN_ANSWER_REFUSED, /* the provider says no: error has the word of RFC 6749 5.2 */
	TOKEN_ANSWER_BAD,     /* it is no such answer */
};

struct token_answer {
	json_t *root; /* owned; NULL unless GOOD */
	/* borrowed from root; data NULL: it has none */
	sluice_str access_token, refresh_token, id_token;
	sluice_str issued_token_type;      /* RFC 8693 */
	uint64_t expires_in_ms;            /* 0: it does not say */
	char error[TOKEN_ANSWER_WORD + 1]; /* REFUSED: letters, digits and _ alone */
	const char *wrong; /* BAD: what is wrong, as the rest of a sentence ("has no token_type") */
};

/* code: the status. Reads the body and fills *out. */
enum token_answer_kind token_answer_read(int code, sluice_str body, struct token_answer *out);
/* The same, of an exchange that asked for another kind of token than an access token: its
 * token_type may be N_A (RFC 8693 2.2.1). */
enum token_answer_kind token_answer_read_any(int code, sluice_str body, struct token_answer *out);
void token_answer_fini(struct token_answer *a);

/* Copy the characters of a word of RFC 6749 (letters, digits, '_') to out; "?" where it has none.
 */
void token_answer_word(sluice_str s, char out[static TOKEN_ANSWER_WORD + 1]);

#endif
