/* Members of deny lists. See the header. */
#include "deny_member.h"

const char *const deny_kind_names[DENY_KINDS + 1] = { "jti", "sub", "sid", NULL };

/* ---- numbers ------------------------------------------------------------------------------- */

static size_t digits_in(sluice_str s)
{
	size_t n = 0;
	while (n < s.len && s.data[n] >= '0' && s.data[n] <= '9')
		n++;
	return n;
}

/* Later than 2106 is UINT32_MAX. */
static uint32_t seconds_of(const char *digits, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n && v < UINT32_MAX; i++)
		v = v * 10 + (uint64_t)(digits[i] - '0');
	return v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
}

bool deny_until_read(sluice_str text, uint32_t *until)
{
	if (sluice_str_is(text, "inf") || sluice_str_is(text, "+inf")) {
		*until = DENY_FOREVER;
		return true;
	}
	bool is_negative = text.len && text.data[0] == '-';
	if (is_negative)
		text = sluice_str_skip(text, 1);
	size_t n = digits_in(text);
	if (is_negative && sluice_str_is(text, "inf"))
		n = text.len;
	if (!n)
		return false;
	sluice_str rest = sluice_str_skip(text, n);
	if (rest.len && rest.data[0] == '.')
		rest = sluice_str_skip(rest, 1 + digits_in(sluice_str_skip(rest, 1)));
	bool is_huge = rest.len > 2 && rest.data[0] == 'e' && rest.data[1] == '+';
	bool is_tiny = rest.len > 2 && rest.data[0] == 'e' && rest.data[1] == '-';
	if (is_huge || is_tiny)
		rest = sluice_str_skip(rest, 2 + digits_in(sluice_str_skip(rest, 2)));
	if (rest.len)
		return false;
	if (is_negative || is_tiny)
		*until = 0;
	else
		*until = is_huge ? DENY_FOREVER : seconds_of(text.data, n);
	return true;
}

/* ---- members ------------------------------------------------------------------------------- */

/* KIND[@TIME]:VALUE */
static bool read_kind(sluice_str text, struct deny_entry *out)
{
	for (int kind = 0; kind < DENY_KINDS; kind++) {
		sluice_str name = sluice_str_of(deny_kind_names[kind]);
		if (text.len <= name.len || memcmp(text.data, name.data, name.len) != 0)
			continue;
		sluice_str rest = sluice_str_skip(text, name.len);
		uint32_t before = DENY_ALL_TIMES;
		if (rest.data[0] == '@') {
			rest = sluice_str_skip(rest, 1);
			size_t n = digits_in(rest);
			if (!n)
				return false;
			before = seconds_of(rest.data, n);
			rest = sluice_str_skip(rest, n);
		}
		if (rest.len < 2 || rest.data[0] != ':')
			return false;
		out->kind = (enum deny_kind)kind;
		out->value = sluice_str_skip(rest, 1);
		out->before = before;
		return true;
	}
	return false;
}

bool deny_member_read(sluice_str text, struct deny_entry *out)
{
	struct deny_entry e = { .issuer = SLUICE_STR_NONE };
	bool found = read_kind(text, &e);
	for (size_t i = 1; !found && i < text.len; i++) {
		if (text.data[i] != '|' || !read_kind(sluice_str_skip(text, i + 1), &e))
			continue;
		e.issuer = sluice_str_n(text.data, i);
		found = true;
	}
	if (!found || e.issuer.len + e.value.len > DENY_TEXTS_MAX)
		return false;
	*out = e;
	return true;
}

bool deny_message_read(sluice_str text, struct deny_entry *out)
{
	size_t at = text.len;
	struct deny_entry e;
	while (at > 0 && text.data[at - 1] != ' ')
		at--;
	if (at < 2 || !deny_member_read(sluice_str_n(text.data, at - 1), &e) ||
		!deny_until_read(sluice_str_skip(text, at), &e.until))
		return false;
	*out = e;
	return true;
}

bool deny_fingerprint(const uint64_t key[2], enum deny_kind kind, sluice_str issuer,
	sluice_str value, struct siphash *out)
{
	char text[4 + DENY_TEXTS_MAX];
	if (!value.len || issuer.len + value.len > DENY_TEXTS_MAX)
		return false;
	/* the length keeps issuer and value apart */
	text[0] = (char)kind;
	text[1] = (char)(issuer.len & 0xff);
	text[2] = (char)(issuer.len >> 8);
	char *end = sluice_str_put(sluice_str_put(text + 3, issuer), value);
	*out = siphash(key, sluice_str_n(text, (size_t)(end - text)));
	out->hi |= 1; /* 0 and 0 is a free place */
	return true;
}
