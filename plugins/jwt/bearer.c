/*
 * Finding the bearer token. A value that is not a token by RFC 6750 may still be one for the
 * service behind: some servers cut off the first seven bytes, split at any blank, search a list, or
 * accept a value without a scheme. So whatever resembles a token and does not follow RFC 6750 is
 * refused, not ignored.
 */
#include "bearer.h"

#include "../jose/strict.h"

enum { SCHEME_LEN = sizeof "bearer" - 1 };

static bool is_bearer(const char *p, size_t len)
{
	return len >= SCHEME_LEN &&
		sluice_str_ieq((sluice_str){ p, SCHEME_LEN }, SLUICE_STR("bearer"));
}

/* Whether some reader may take the character for the end of a word or of a list's item. */
static bool is_separator(char c)
{
	unsigned char u = (unsigned char)c;
	return u <= ' ' || u >= 0x7f || u == ',' || u == ';' || u == '"' || u == '\'';
}

/* Whether a word of the value begins with the name of our scheme. */
static bool mentions_bearer(sluice_str value)
{
	for (size_t i = 0; i + SCHEME_LEN <= value.len; i++) {
		if ((i == 0 || is_separator(value.data[i - 1])) &&
			is_bearer(value.data + i, value.len - i))
			return true;
	}
	return false;
}

/* The compact form of a JWS or JWE (RFC 7515 3.1, RFC 7516 3.1): three or five parts of
 * base64url. */
static bool looks_like_token(sluice_str s)
{
	size_t dots = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];
		if (c == '.')
			dots++;
		else if (!sluice_is_alnum(c) && c != '-' && c != '_' && c != '=')
			return false;
	}
	return dots == 2 || dots == 4;
}

/* Whether a word of the value is a token by its looks and begins as a JOSE header does, with `{`
 * and a quote or a blank. */
static bool mentions_token(sluice_str value)
{
	for (size_t i = 0, end; i < value.len; i = end + 1) {
		for (end = i; end < value.len && !is_separator(value.data[end]);)
			end++;
		sluice_str word = { value.data + i, end - i };
		if (word.len > 2 && word.data[0] == 'e' &&
			(word.data[1] == 'y' || word.data[1] == 'w') && looks_like_token(word))
			return true;
	}
	return false;
}

static sluice_str skip_blanks(sluice_str s)
{
	while (s.len && s.data[0] == ' ')
		s = sluice_str_skip(s, 1);
	return s;
}

/* RFC 9110 11.4: a scheme, and behind it nothing, or blanks and credentials. */
static enum reason read_other(sluice_str value, size_t scheme_len)
{
	sluice_str rest = { value.data + scheme_len, value.len - scheme_len };
	if (scheme_len == 0 || (rest.len > 0 && rest.data[0] != ' '))
		return REASON_TOKEN_MALFORMED;
	if (mentions_bearer(value))
		return REASON_TOKEN_AMBIGUOUS;
	rest = skip_blanks(rest);
	if (looks_like_token(rest.len ? rest : value) || mentions_token(value))
		return REASON_TOKEN_SCHEME;
	return REASON_NONE;
}

enum reason bearer_read(sluice_str value, sluice_str *token)
{
	size_t scheme_len = 0;
	*token = (sluice_str){ NULL, 0 };
	if (value.len == 0)
		return REASON_NONE;
	if (!is_bearer(value.data, value.len)) {
		while (scheme_len < value.len && sluice_is_token_char(value.data[scheme_len]))
			scheme_len++;
		return read_other(value, scheme_len);
	}
	sluice_str rest = { value.data + SCHEME_LEN, value.len - SCHEME_LEN };
	if (rest.len == 0 || rest.data[0] != ' ')
		return REASON_TOKEN_MALFORMED;
	rest = skip_blanks(rest);
	if (rest.len == 0)
		return REASON_TOKEN_MALFORMED;
	if (memchr(rest.data, ' ', rest.len) || memchr(rest.data, ',', rest.len))
		return REASON_TOKEN_AMBIGUOUS;
	*token = rest;
	return REASON_NONE;
}

enum reason bearer_find(sluice_exchange *x, sluice_str *token)
{
	sluice_pair f;
	sluice_str value = { NULL, 0 };
	bool found = false;
	*token = value;
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);) {
		if (!sluice_str_ieq(f.name, SLUICE_STR("authorization")))
			continue;
		if (found)
			return REASON_TOKEN_AMBIGUOUS; /* the service might read the other one */
		found = true;
		value = f.value;
	}
	return found ? bearer_read(value, token) : REASON_NONE;
}

enum token_scheme bearer_scheme(sluice_exchange *x)
{
	sluice_str value = sluice_field(x, SLUICE_REQUEST, SLUICE_STR("authorization"));
	return sluice_str_ieq(sluice_str_cut(&value, ' '), SLUICE_STR("dpop")) ? SCHEME_DPOP
									       : SCHEME_BEARER;
}
