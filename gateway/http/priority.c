/* Priority fields. As much of structured fields (RFC 8941) as is needed to skip what is not ours.
 * Any thread. */
#include "http/priority.h"

struct cursor {
	const char *at, *end;
};

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char peek(const struct cursor *c)
{
	return c->at < c->end ? *c->at : 0;
}

static bool take(struct cursor *c, char want)
{
	if (peek(c) != want)
		return false;
	c->at++;
	return true;
}

static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static void skip_blanks(struct cursor *c, bool tabs)
{
	while (peek(c) == ' ' || (tabs && peek(c) == '\t'))
		c->at++;
}

/* RFC 8941 4.2.3.3 */
static bool take_key(struct cursor *c, sluice_str *key)
{
	const char *from = c->at;
	if (!is_lower(peek(c)) && peek(c) != '*')
		return false;
	while (is_lower(peek(c)) || is_digit(peek(c)) || is_one_of(peek(c), "_-.*"))
		c->at++;
	*key = str_n(from, (size_t)(c->at - from));
	return true;
}

static bool skip_string(struct cursor *c)
{
	while (c->at < c->end) {
		unsigned char b = (unsigned char)*c->at++;
		if (b == '"')
			return true;
		if (b == '\\' && !take(c, '"') && !take(c, '\\'))
			return false;
		if (b < ' ' || b >= 0x7f)
			return false;
	}
	return false;
}

/* Numbers, tokens, byte sequences and booleans, as one run of the bytes that such have; their
 * grammar is nobody's business here. */
static bool skip_word(struct cursor *c)
{
	const char *from = c->at;
	while (is_lower(ascii_lower(peek(c))) || is_digit(peek(c)) ||
		is_one_of(peek(c), "!#$%&'*+-.^_`|~:/=?"))
		c->at++;
	return c->at > from;
}

static bool skip_item(struct cursor *c)
{
	return take(c, '"') ? skip_string(c) : skip_word(c);
}

static bool skip_parameters(struct cursor *c)
{
	sluice_str key;
	while (take(c, ';')) {
		skip_blanks(c, false);
		if (!take_key(c, &key) || (take(c, '=') && !skip_item(c)))
			return false;
	}
	return true;
}

static bool skip_inner_list(struct cursor *c)
{
	for (;;) {
		skip_blanks(c, false);
		if (take(c, ')'))
			return true;
		if (!skip_item(c) || !skip_parameters(c) || (peek(c) != ' ' && peek(c) != ')'))
			return false;
	}
}

/* What stands behind a key: `=` and a value, or nothing, which is true. */
static bool take_member(struct cursor *c, sluice_str *value)
{
	*value = STR("?1");
	if (take(c, '=')) {
		const char *from = c->at;
		bool ok = take(c, '(') ? skip_inner_list(c) : skip_item(c);
		*value = str_n(from, (size_t)(c->at - from));
		if (!ok)
			return false;
	}
	return skip_parameters(c);
}

/* Values of another type, or out of range, are as if they were not there (RFC 9218 4). */
static void priority_set(struct priority *p, sluice_str key, sluice_str value)
{
	if (str_eq(key, STR("u"))) {
		if (value.len == 1 && value.data[0] >= '0' && value.data[0] <= '7')
			p->urgency = (uint8_t)(value.data[0] - '0');
	} else if (str_eq(key, STR("i"))) {
		if (value.len == 2 && value.data[0] == '?' &&
			(value.data[1] == '0' || value.data[1] == '1'))
			p->incremental = value.data[1] == '1';
	}
}

bool priority_parse(sluice_str value, struct priority *out)
{
	struct cursor c = { value.data, value.data + value.len };
	struct priority p = PRIORITY_DEFAULT;
	*out = p;
	skip_blanks(&c, false);
	while (c.at < c.end) {
		sluice_str key, member;
		if (!take_key(&c, &key) || !take_member(&c, &member))
			return false;
		priority_set(&p, key, member);
		skip_blanks(&c, true);
		if (c.at == c.end)
			break;
		if (!take(&c, ','))
			return false;
		skip_blanks(&c, true);
		if (c.at == c.end) /* a comma that separates nothing */
			return false;
	}
	*out = p;
	return true;
}
