/* Borrowed strings. Any thread. */
#include "base/str.h"

bool str_ieq(sluice_str a, sluice_str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
			return false;
	}
	return true;
}

bool str_starts(sluice_str s, sluice_str prefix)
{
	return s.len >= prefix.len &&
		(prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

bool str_ends(sluice_str s, sluice_str suffix)
{
	return s.len >= suffix.len &&
		(suffix.len == 0 ||
			memcmp(s.data + s.len - suffix.len, suffix.data, suffix.len) == 0);
}

sluice_str str_trim(sluice_str s)
{
	while (s.len && (s.data[0] == ' ' || s.data[0] == '\t')) {
		s.data++;
		s.len--;
	}
	while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

sluice_str str_cut(sluice_str *rest, char sep)
{
	sluice_str s = *rest;
	const char *p = s.len ? memchr(s.data, sep, s.len) : NULL;
	if (!p) {
		*rest = STR_NONE;
		return s;
	}
	size_t n = (size_t)(p - s.data);
	*rest = str_n(p + 1, s.len - n - 1);
	return str_n(s.data, n);
}

bool str_u64(sluice_str s, uint64_t *out)
{
	uint64_t v = 0;
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned d = (unsigned)(unsigned char)s.data[i] - '0';
		if (d > 9 || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
			__builtin_add_overflow(v, (uint64_t)d, &v))
			return false;
	}
	*out = v;
	return true;
}

bool str_list_next(sluice_str *rest, sluice_str *item)
{
	while (rest->len) {
		size_t i = 0;
		bool quoted = false;
		for (; i < rest->len; i++) {
			char c = rest->data[i];
			if (quoted && c == '\\' && i + 1 < rest->len)
				i++;
			else if (c == '"')
				quoted = !quoted;
			else if (c == ',' && !quoted)
				break;
		}
		*item = str_trim(str_n(rest->data, i));
		if (i < rest->len)
			i++;
		*rest = str_n(rest->data + i, rest->len - i);
		if (item->len)
			return true;
	}
	return false;
}

bool str_list_has(sluice_str list, sluice_str token)
{
	sluice_str item;
	while (str_list_next(&list, &item)) {
		if (str_ieq(item, token))
			return true;
	}
	return false;
}

unsigned str_distance(sluice_str a, sluice_str b, unsigned limit)
{
	enum { MAX = 64 };
	unsigned row[MAX + 1];
	size_t diff = a.len > b.len ? a.len - b.len : b.len - a.len;
	if (a.len > MAX || b.len > MAX || diff > limit)
		return limit + 1;
	for (unsigned j = 0; j <= b.len; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned diag = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			unsigned best = diag + (a.data[i - 1] != b.data[j - 1]);
			diag = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b.len] > limit ? limit + 1 : row[b.len];
}

/* RFC 9110 5.6.2: letters, digits and !#$%&'*+-.^_`|~ ; a bit for each. */
static const uint64_t token_chars[4] = { UINT64_C(0x03ff6cfa00000000), UINT64_C(0x57ffffffc7fffffe),
	0, 0 };

bool str_is_token(sluice_str s)
{
	if (s.len == 0)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];
		if (!(token_chars[c / 64] >> c % 64 & 1))
			return false;
	}
	return true;
}

static bool is_control(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* Whether one of eight bytes may be a control: false is certain. */
static bool may_have_control(const char *at)
{
	const uint64_t each = UINT64_C(0x0101010101010101), high = each << 7;
	uint64_t w;
	memcpy(&w, at, sizeof(w));
	uint64_t del = w ^ (each * 0x7f);
	return (((w - each * 0x20) & ~w) | ((del - each) & ~del)) & high;
}

bool str_is_field_value(sluice_str s)
{
	size_t i = 0;
	while (i < s.len) {
		if (s.len - i >= sizeof(uint64_t) && !may_have_control(s.data + i))
			i += sizeof(uint64_t);
		else if (is_control((unsigned char)s.data[i]))
			return false;
		else
			i++;
	}
	return true;
}
