/* Answers of a token endpoint. See the header. */
#include "token_answer.h"

#include "../jose/strict.h"

enum { MAX_DEPTH = 8 };

#define LONGEST_S INT64_C(315360000) /* ten years: nothing is added up that is longer */

void token_answer_word(sluice_str s, char out[static TOKEN_ANSWER_WORD + 1])
{
	size_t n = 0;
	for (size_t i = 0; i < s.len && n < TOKEN_ANSWER_WORD; i++) {
		if (sluice_is_alnum(s.data[i]) || s.data[i] == '_')
			out[n++] = s.data[i];
	}
	if (n == 0)
		out[n++] = '?';
	out[n] = '\0';
}

/* RFC 6749 appendix A: visible ASCII, as it goes into header fields and forms. */
static bool is_visible(sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] <= ' ' || s.data[i] >= 0x7f)
			return false;
	}
	return true;
}

/* False: it is there and no such text. An empty one counts as none. */
static bool read_text(const json_t *root, const char *name, sluice_str *out)
{
	if (!json_member_str(root, name, out) || (out->data && !is_visible(*out)))
		return false;
	if (out->len == 0)
		*out = SLUICE_STR_NONE;
	return true;
}

/* Some providers write the number as a text. */
static bool read_expires_in(const json_t *root, uint64_t *ms)
{
	const json_t *v = json_member(root, "expires_in");
	uint64_t s = 0;
	*ms = 0;
	if (!v)
		return true;
	if (json_is_integer(v) && json_integer_value(v) >= 0)
		s = (uint64_t)json_integer_value(v);
	else if (json_is_real(v) && json_real_value(v) >= 0 &&
		json_real_value(v) < (double)LONGEST_S)
		s = (uint64_t)json_real_value(v);
	else if (!json_is_string(v) ||
		!sluice_str_u64(sluice_str_n(json_string_value(v), json_string_length(v)), &s))
		return false;
	s = s < (uint64_t)LONGEST_S ? s : (uint64_t)LONGEST_S;
	*ms = s > 0 ? s * 1000 : 1; /* 0 seconds: it has expired */
	return true;
}

/* RFC 6749 7.1: a token of a type that is not understood must not be used. */
static const char *check_type(const json_t *root, bool may_be_none)
{
	sluice_str type;
	if (!json_member_str(root, "token_type", &type) || !type.data)
		return "has no token_type";
	if (sluice_str_ieq(type, SLUICE_STR("bearer")) ||
		(may_be_none && sluice_str_ieq(type, SLUICE_STR("n_a"))))
		return NULL;
	if (sluice_str_ieq(type, SLUICE_STR("dpop")))
		return "has a token that is bound to a key (DPoP), which cannot be used as Bearer";
	return "has a token_type other than Bearer";
}

static const char *read_good(const json_t *root, bool may_be_none, struct token_answer *a)
{
	const char *wrong = check_type(root, may_be_none);
	if (!wrong && (!read_text(root, "access_token", &a->access_token) || !a->access_token.data))
		wrong = "has no access_token, or one that cannot be sent";
	else if (!wrong &&
		(!read_text(root, "refresh_token", &a->refresh_token) ||
			!read_text(root, "id_token", &a->id_token) ||
			!read_text(root, "issued_token_type", &a->issued_token_type)))
		wrong = "has a token, or a type of one, that is no text";
	else if (!wrong && !read_expires_in(root, &a->expires_in_ms))
		wrong = "has an expires_in that is no number of seconds";
	return wrong;
}

static enum token_answer_kind answer_read(int code, sluice_str body, bool may_be_none,
	struct token_answer *out)
{
	struct token_answer a = { .root = NULL };
	sluice_str error = SLUICE_STR_NONE;
	json_t *root = json_read_object(body.data, body.len, MAX_DEPTH);
	enum token_answer_kind kind = TOKEN_ANSWER_BAD;
	const char *wrong = root ? "has another status than 200" : "is no JSON object";
	if (root && code == 200)
		wrong = read_good(root, may_be_none, &a);
	if (!wrong) {
		a.root = root;
		*out = a;
		return TOKEN_ANSWER_GOOD;
	}
	if (root && code >= 400 && code < 500 && json_member_str(root, "error", &error) &&
		error.len)
		kind = TOKEN_ANSWER_REFUSED;
	*out = (struct token_answer){ .wrong = wrong };
	token_answer_word(error, out->error);
	json_decref(root);
	return kind;
}

enum token_answer_kind token_answer_read(int code, sluice_str body, struct token_answer *out)
{
	return answer_read(code, body, false, out);
}

enum token_answer_kind token_answer_read_any(int code, sluice_str body, struct token_answer *out)
{
	return answer_read(code, body, true, out);
}

void token_answer_fini(struct token_answer *a)
{
	json_decref(a->root);
	*a = (struct token_answer){ .root = NULL };
}
