/* The parameters of a query. Any thread. */
#include "http/query.h"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next byte of what stands encoded in s, from *at, which moves on. s is not at its end. */
static char query_byte(sluice_str s, enum query_plus plus, size_t *at)
{
	char c = s.data[(*at)++];
	if (c == '+' && plus == QUERY_PLUS_IS_SPACE)
		return ' ';
	if (c == '%' && s.len - *at >= 2) {
		int high = hex_digit(s.data[*at]), low = hex_digit(s.data[*at + 1]);
		if (high >= 0 && low >= 0) {
			*at += 2;
			return (char)(high << 4 | low);
		}
	}
	return c;
}

bool query_take(sluice_str encoded, sluice_str *plain)
{
	size_t at = 0, i = 0;
	while (at < encoded.len) {
		if (i == plain->len ||
			query_byte(encoded, QUERY_PLUS_IS_SPACE, &at) != plain->data[i++])
			return false;
	}
	*plain = str_n(plain->data + i, plain->len - i);
	return true;
}

bool query_equals(sluice_str encoded, sluice_str plain)
{
	return query_take(encoded, &plain) && plain.len == 0;
}

bool query_find(sluice_str *rest, sluice_str name, sluice_str *encoded)
{
	while (rest->len) {
		sluice_str value = str_cut(rest, '&');
		sluice_str key = str_cut(&value, '=');
		if (!query_equals(key, name))
			continue;
		*encoded = value.data ? value : STR("");
		return true;
	}
	return false;
}

bool query_is_encoded(sluice_str s, enum query_plus plus)
{
	return s.len &&
		(memchr(s.data, '%', s.len) ||
			(plus == QUERY_PLUS_IS_SPACE && memchr(s.data, '+', s.len)));
}

size_t query_decode(sluice_str s, enum query_plus plus, char *out)
{
	size_t n = 0;
	for (size_t at = 0; at < s.len;)
		out[n++] = query_byte(s, plus, &at);
	return n;
}
