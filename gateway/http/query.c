/* The parameters of a query. Any thread. */
#include "http/query.h"

#include "http/scan.h"

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

/* ---- writing ------------------------------------------------------------------------------- */

/* Escapes stand for all but unreserved characters (RFC 3986 2.3): a space is %20, which every
 * reader takes for one. */
static char *query_encode(char *at, sluice_str plain)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < plain.len; i++) {
		unsigned char c = (unsigned char)plain.data[i];
		if (scan_is((char)c, SCAN_UNRESERVED)) {
			*at++ = (char)c;
			continue;
		}
		*at++ = '%';
		*at++ = digits[c >> 4];
		*at++ = digits[c & 15];
	}
	return at;
}

static char *query_put(char *at, sluice_str name, const sluice_str *value)
{
	at = query_encode(at, name);
	*at++ = '=';
	at = query_encode(at, *value);
	*at++ = '&';
	return at;
}

size_t query_replace(sluice_str query, sluice_str name, const sluice_str *value, char *out)
{
	char *at = out;
	for (bool more = query.len > 0; more; more = query.data) {
		sluice_str part = str_cut(&query, '&'), rest = part;
		if (!query_equals(str_cut(&rest, '='), name)) {
			if (part.len)
				at = mempcpy(at, part.data, part.len);
			*at++ = '&';
		} else if (value) {
			at = query_put(at, name, value);
			value = NULL;
		}
	}
	if (value)
		at = query_put(at, name, value);
	return at == out ? 0 : (size_t)(at - out) - 1; /* what ends each ends not the last */
}
