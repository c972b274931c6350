/* Parameters of a query. */
#include "query.h"

/* What stands as it is; all else is escaped (the URL standard, 1.3). */
static bool is_plain(char c)
{
	return sluice_is_alnum(c) || c == '*' || c == '-' || c == '.' || c == '_';
}

/* Take one byte off a piece of the query, decoded. */
static unsigned char take_byte(sluice_str *s)
{
	char c = s->data[0];
	int high = s->len > 2 ? sluice_hex_value(s->data[1]) : -1;
	int low = s->len > 2 ? sluice_hex_value(s->data[2]) : -1;
	if (c == '%' && high >= 0 && low >= 0) {
		*s = sluice_str_skip(*s, 3);
		return (unsigned char)(high * 16 + low);
	}
	*s = sluice_str_skip(*s, 1);
	return (unsigned char)(c == '+' ? ' ' : c);
}

/* The byte as it is written. Returns how many characters. */
static size_t escape(unsigned char byte, char out[3])
{
	static const char digits[] = "0123456789ABCDEF";
	out[0] = (char)byte;
	if (is_plain((char)byte))
		return 1;
	out[0] = '%';
	out[1] = digits[byte >> 4];
	out[2] = digits[byte & 15];
	return 3;
}

static bool is_name(sluice_str piece, sluice_str name)
{
	char c[3];
	while (piece.len) {
		size_t n = escape(take_byte(&piece), c);
		if (!sluice_str_starts(name, sluice_str_n(c, n)))
			return false;
		name = sluice_str_skip(name, n);
	}
	return name.len == 0;
}

bool query_put_param(struct text *t, sluice_str query, sluice_str name)
{
	char c[3];
	size_t n = 0;
	while (query.len) {
		sluice_str value = sluice_str_cut(&query, '&');
		sluice_str piece = sluice_str_cut(&value, '=');
		/* the form has no parameter in an empty piece */
		if ((!piece.len && !value.data) || !is_name(piece, name))
			continue;
		if (n++)
			return false;
		while (value.len)
			text_put(t, sluice_str_n(c, escape(take_byte(&value), c)));
	}
	return n == 1;
}
