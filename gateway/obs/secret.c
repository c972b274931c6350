/*
 * Secrets in URLs. A text is scanned once, from separator to separator. When the bytes before an
 * '=' are a secret name, the value behind it is masked up to the next '&'. Separators also count
 * when they are escaped, even several times, so that secrets are found in a URL within a URL
 * (`next=%2Fcb%3Fcode%3D...`). A value ends at an '&' that is escaped no more often than its '='.
 */
#include "obs/secret.h"

#define N(text)                        \
	{                              \
		text, sizeof(text) - 1 \
	}
/* Names that are secret, and endings that make a name secret, in the plain form of secret.h. */
static const sluice_str secret_words[] = {
	N("assertion"),
	N("auth"),
	N("authorization"),
	N("awsaccesskeyid"),
	N("bearer"),
	N("clientassertion"),
	N("code"),
	N("codeverifier"),
	N("hmac"),
	N("idtokenhint"),
	N("jsessionid"),
	N("jwt"),
	N("key"),
	N("ossaccesskeyid"),
	N("otp"),
	N("pass"),
	N("passphrase"),
	N("phpsessid"),
	N("pin"),
	N("pwd"),
	N("samlart"),
	N("samlrequest"),
	N("samlresponse"),
	N("session"),
	N("sid"),
	N("sig"),
	N("ticket"),
	N("totp"),
};
static const sluice_str secret_ends[] = {
	N("token"),
	N("secret"),
	N("password"),
	N("passwd"),
	N("signature"),
	N("credential"),
	N("credentials"),
	N("apikey"),
	N("accesskey"),
	N("privatekey"),
	N("subscriptionkey"),
	N("sessionid"),
};
#undef N

/* ---- names --------------------------------------------------------------------------------- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A character of a URL, escaped `depth` times: "%2526" is '&' escaped twice. */
struct unit {
	char c;
	uint8_t len;
	uint8_t depth;
};

enum { UNIT_DEPTH = 8 };

static struct unit unit_at(const char *p, const char *end)
{
	struct unit u = { .c = *p, .len = 1 };
	const char *at = p + 1;
	if (*p != '%')
		return u;
	while (end - at >= 4 && at[0] == '2' && at[1] == '5' && (at - p) / 2 < UNIT_DEPTH &&
		hex_value(at[2]) >= 0 && hex_value(at[3]) >= 0)
		at += 2;
	int high = end - at >= 2 ? hex_value(at[0]) : -1, low = high >= 0 ? hex_value(at[1]) : -1;
	if (low < 0)
		return u;
	u.c = (char)(high << 4 | low);
	u.len = (uint8_t)(at + 2 - p);
	u.depth = (uint8_t)((at - p + 1) / 2);
	return u;
}

/* Write the plain form of a name and return its length. Of a long name only the last
 * SECRET_NAME_BYTES count. */
static size_t name_plain(sluice_str name, char out[SECRET_NAME_BYTES])
{
	size_t n = 0;
	if (name.len > SECRET_NAME_BYTES)
		name = str_n(name.data + name.len - SECRET_NAME_BYTES, SECRET_NAME_BYTES);
	for (const char *p = name.data, *end = p + name.len; p < end;) {
		struct unit u = unit_at(p, end);
		char c = ascii_lower(u.c);
		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[n++] = c;
		p += u.len;
	}
	return n;
}

static bool list_has(const sluice_str *v, unsigned n, sluice_str name)
{
	for (unsigned i = 0; i < n; i++) {
		if (str_eq(v[i], name))
			return true;
	}
	return false;
}

static bool list_add(sluice_str *v, unsigned *n, struct arena *a, sluice_str name)
{
	char buf[SECRET_NAME_BYTES];
	sluice_str plain = str_n(buf, name.len <= SECRET_NAME_BYTES ? name_plain(name, buf) : 0);
	if (plain.len == 0)
		return false;
	if (list_has(v, *n, plain))
		return true;
	if (*n == SECRET_NAMES_MAX)
		return false;
	v[*n] = arena_str(a, plain);
	return v[(*n)++].data != NULL;
}

bool secrets_add_query(struct secrets *s, struct arena *a, sluice_str name)
{
	return list_add(s->query, &s->n_query, a, name);
}

bool secrets_add_field(struct secrets *s, struct arena *a, sluice_str name)
{
	return list_add(s->field, &s->n_field, a, name);
}

static bool plain_is_secret(const struct secrets *s, sluice_str plain)
{
	for (size_t i = 0; i < sizeof(secret_words) / sizeof(secret_words[0]); i++) {
		if (secret_words[i].data[0] == plain.data[0] && str_eq(secret_words[i], plain))
			return true;
	}
	for (size_t i = 0; i < sizeof(secret_ends) / sizeof(secret_ends[0]); i++) {
		if (str_ends(plain, secret_ends[i]))
			return true;
	}
	return s && list_has(s->query, s->n_query, plain);
}

/* The name as a whole, or one of its parts as in `user[password]`. */
bool secret_is_parameter(const struct secrets *s, sluice_str name)
{
	char buf[SECRET_NAME_BYTES];
	size_t n = name_plain(name, buf);
	if (n == 0 || plain_is_secret(s, str_n(buf, n)))
		return n != 0;
	if (name.len == 0 ||
		(!memchr(name.data, '[', name.len) && !memchr(name.data, '%', name.len)))
		return false;
	for (const char *p = name.data, *end = p + name.len, *part = p; p < end;) {
		struct unit u = unit_at(p, end);
		p += u.len;
		if (u.c != '[' && u.c != ']' && p != end)
			continue;
		n = name_plain(str_n(part, (size_t)(p - part)), buf);
		if (n && plain_is_secret(s, str_n(buf, n)))
			return true;
		part = p;
	}
	return false;
}

bool secret_is_field(const struct secrets *s, sluice_str name)
{
	char buf[SECRET_NAME_BYTES];
	if (!s || s->n_field == 0)
		return false;
	return list_has(s->field, s->n_field, str_n(buf, name_plain(name, buf)));
}

/* ---- texts --------------------------------------------------------------------------------- */

struct mask {
	char *at, *end;     /* the room that is left; three bytes for "..." are set aside */
	const char *copied; /* the text up to here is in the buffer or masked */
	bool hidden, full;
};

static void mask_put(struct mask *m, const char *p, size_t n)
{
	if (n > (size_t)(m->end - m->at)) {
		n = (size_t)(m->end - m->at);
		m->full = true;
	}
	if (n)
		memcpy(m->at, p, n);
	m->at += n;
}

/* Copy the text up to p, then write "***" for the bytes from p to `to`. */
static void mask_hide(struct mask *m, const char *p, const char *to)
{
	mask_put(m, m->copied, (size_t)(p - m->copied));
	if (!m->full)
		mask_put(m, "***", 3);
	m->copied = to;
	m->hidden = true;
}

/* The end of the value at p, behind an '=' that is escaped depth times. */
static const char *value_end(const char *p, const char *end, unsigned depth, bool in_path)
{
	while (p < end) {
		struct unit u = unit_at(p, end);
		if (u.c == '&' && u.depth <= depth)
			return p;
		if (in_path && u.depth == 0 && (u.c == '/' || u.c == '?'))
			return p;
		p += u.len;
	}
	return end;
}

/* The end of the user information that begins at p: behind the last '@' before a '?', or NULL. */
static const char *userinfo_end(const char *p, const char *end)
{
	const char *found = NULL;
	for (const char *at = p; at < end;) {
		struct unit u = unit_at(at, end);
		if (u.depth == 0 && u.c == '?')
			break;
		at += u.len;
		if (u.c == '@')
			found = at;
	}
	return found;
}

/* The first byte of the authority, if there is one: behind "scheme:" and slashes. */
static const char *authority_begin(const char *p, const char *end)
{
	const char *colon = memchr(p, ':', (size_t)(end - p)),
		   *slash = memchr(p, '/', (size_t)(end - p));
	if (*p != '/' && colon && slash == colon + 1)
		p = slash;
	while (p < end && *p == '/')
		p++;
	return p;
}

/* Mask the user information. Behind the authority an '@' is part of the path, unless the URL is
 * malformed. */
static void mask_userinfo(struct mask *m, const char *p, const char *end)
{
	if (p == end || (*p == '/' && (end - p < 2 || p[1] != '/')))
		return;
	const char *from = authority_begin(p, end), *stop = from;
	while (stop < end && *stop != '/' && *stop != '?' && *stop != '#')
		stop++;
	const char *at = userinfo_end(from, stop);
	/* "user:pass/word@host": no port follows the colon, so this may be a password with a '/' */
	const char *colon = at ? NULL : memchr(from, ':', (size_t)(stop - from));
	bool port = true;
	for (const char *c = colon ? colon + 1 : stop; c < stop; c++)
		port &= *c >= '0' && *c <= '9';
	if (!at && colon && !port)
		at = userinfo_end(from, end);
	if (at)
		mask_hide(m, from, at[-1] == '@' ? at - 1 : at);
}

static bool separates(char c)
{
	return c == '&' || c == ';' || c == '?' || c == '#' || c == '/' || c == '=' || c == ',';
}

static void mask_values(const struct secrets *s, struct mask *m, const char *p, const char *end,
	bool in_path)
{
	const char *name = p;
	while (p < end && !m->full) {
		struct unit u = unit_at(p, end);
		if (!separates(u.c)) {
			p += u.len;
			continue;
		}
		const char *value = p + u.len;
		if (u.c == '=' && p > name && value < end &&
			secret_is_parameter(s, str_n(name, (size_t)(p - name)))) {
			p = value_end(value, end, u.depth, in_path);
			if (p > value)
				mask_hide(m, value, p);
			name = p;
			continue;
		}
		in_path &= u.depth != 0 || (u.c != '?' && u.c != '#');
		name = p = value;
	}
}

sluice_str secret_mask(const struct secrets *s, enum secret_url kind, sluice_str text, char *buf,
	size_t room)
{
	struct mask m = { .at = buf, .end = buf + room - 3, .copied = text.data };
	if (text.len == 0)
		return text;
	const char *end = text.data + text.len, *p = text.data;
	if (kind == SECRET_URL)
		mask_userinfo(&m, p, end);
	if (m.copied > p)
		p = m.copied;
	mask_values(s, &m, p, end, kind != SECRET_QUERY);
	if (!m.hidden && text.len <= room)
		return text;
	if (!m.full)
		mask_put(&m, m.copied, (size_t)(end - m.copied));
	if (m.full) {
		memcpy(m.at, "...", 3);
		m.at += 3;
	}
	return str_n(buf, (size_t)(m.at - buf));
}
