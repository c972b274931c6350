/* Cookies. See the header. */
#include "cookies.h"

#include <stdio.h>

static const sluice_str cookie_field = { "cookie", 6 };

/* A browser that is sent back to an https URL speaks TLS, to whoever stands before the gateway. */
static bool is_secure(sluice_exchange *x, const struct oidc_conf *conf)
{
	return sluice_str_starts(conf->redirect_uri, SLUICE_STR("https://")) ||
		sluice_str_is(sluice_get(x, SLUICE_I_SCHEME), "https");
}

static struct cookie_name make(sluice_exchange *x, const struct oidc_conf *conf, const char *ending,
	sluice_str word)
{
	struct cookie_name n = { .is_secure = is_secure(x, conf) };
	int len = snprintf(n.text, sizeof n.text, "%s%.*s%s%.*s", n.is_secure ? "__Host-" : "",
		(int)conf->cookie.len, conf->cookie.data, ending, (int)word.len, word.data);
	n.len = (size_t)len < sizeof n.text ? (size_t)len : sizeof n.text - 1;
	return n;
}

struct cookie_name cookies_session(sluice_exchange *x, const struct oidc_conf *conf)
{
	return make(x, conf, "", SLUICE_STR(""));
}

struct cookie_name cookies_login(sluice_exchange *x, const struct oidc_conf *conf, sluice_str word)
{
	return make(x, conf, "-login-", word);
}

/* ---- reading ------------------------------------------------------------------------------- */

/* The next cookie as it stands in its field. */
static bool next_raw(sluice_exchange *x, size_t *iter, sluice_str *rest, sluice_str *out)
{
	sluice_pair f;
	while (!rest->len) {
		if (!sluice_field_next(x, SLUICE_REQUEST, iter, &f))
			return false;
		if (sluice_str_ieq(f.name, cookie_field))
			*rest = f.value;
	}
	*out = sluice_str_trim(sluice_str_cut(rest, ';'));
	return true;
}

bool cookies_next(sluice_exchange *x, size_t *iter, sluice_str *rest, sluice_pair *out)
{
	sluice_str pair;
	if (!next_raw(x, iter, rest, &pair))
		return false;
	out->name = sluice_str_trim(sluice_str_cut(&pair, '='));
	out->value = pair.data ? sluice_str_trim(pair) : SLUICE_STR("");
	return true;
}

/* Which piece of that name a cookie is: 0 the first; COOKIE_PIECES: none. */
static size_t piece_of(sluice_str cookie, const struct cookie_name *name)
{
	if (!sluice_str_starts(cookie, sluice_str_n(name->text, name->len)))
		return COOKIE_PIECES;
	sluice_str rest = sluice_str_skip(cookie, name->len);
	if (rest.len == 0)
		return 0;
	bool is_one = rest.len == 2 && rest.data[0] == '.' && rest.data[1] > '0' &&
		rest.data[1] < '0' + COOKIE_PIECES;
	return is_one ? (size_t)(rest.data[1] - '0') : COOKIE_PIECES;
}

size_t cookies_pieces(sluice_str first)
{
	bool is_ours = first.len > 2 && first.data[1] == '.' && first.data[0] > '0' &&
		first.data[0] <= '0' + COOKIE_PIECES;
	return is_ours ? (size_t)(first.data[0] - '0') : 0;
}

/* Of two cookies of one name the first counts: it has the longer path, or is older, and ours is
 * sealed in any case. */
static void collect(sluice_exchange *x, const struct cookie_name *name,
	sluice_str pieces[static COOKIE_PIECES])
{
	size_t iter = 0;
	sluice_str rest = SLUICE_STR_NONE;
	sluice_pair c;
	while (cookies_next(x, &iter, &rest, &c)) {
		size_t i = piece_of(c.name, name);
		if (i < COOKIE_PIECES && !pieces[i].data && c.value.len <= COOKIE_PIECE)
			pieces[i] = c.value;
	}
}

sluice_str cookies_value(sluice_exchange *x, const struct cookie_name *name)
{
	sluice_str pieces[COOKIE_PIECES] = { { NULL, 0 } };
	collect(x, name, pieces);
	size_t n = cookies_pieces(pieces[0]), room = 0;
	if (n == 0)
		return SLUICE_STR_NONE;
	pieces[0] = sluice_str_skip(pieces[0], 2);
	for (size_t i = 0; i < n; i++) {
		if (!pieces[i].data)
			return SLUICE_STR_NONE;
		room += pieces[i].len;
	}
	if (n == 1)
		return pieces[0];
	char *text = sluice_alloc(x, room + 1), *at = text;
	for (size_t i = 0; text && i < n; i++)
		at = sluice_str_put(at, pieces[i]);
	return text ? sluice_str_n(text, room) : SLUICE_STR_NONE;
}

/* ---- setting ------------------------------------------------------------------------------- */

/* max_age: seconds; -1: none. 0 takes the cookie away. */
static bool set_one(sluice_exchange *x, const struct cookie_name *name, size_t piece,
	sluice_str value, int64_t max_age)
{
	char ending[3] = "", age[40] = "";
	if (piece > 0) {
		ending[0] = '.';
		ending[1] = (char)('0' + piece);
	}
	if (max_age >= 0)
		(void)snprintf(age, sizeof age, "; Max-Age=%lld", (long long)max_age);
	size_t room = name->len + value.len + 128;
	char *text = sluice_alloc(x, room);
	if (!text)
		return false;
	int n = snprintf(text, room, "%.*s%s=%.*s; Path=/; HttpOnly; SameSite=Lax%s%s",
		(int)name->len, name->text, ending, (int)value.len, value.len ? value.data : "",
		age, name->is_secure ? "; Secure" : "");
	sluice_field_add(x, SLUICE_RESPONSE, SLUICE_STR("Set-Cookie"),
		sluice_str_n(text, (size_t)n));
	return true;
}

/* Whether the request has that piece. */
static void remove_from(sluice_exchange *x, const struct cookie_name *name, size_t first)
{
	sluice_str pieces[COOKIE_PIECES] = { { NULL, 0 } };
	collect(x, name, pieces);
	for (size_t i = first; i < COOKIE_PIECES; i++) {
		if (pieces[i].data)
			(void)set_one(x, name, i, SLUICE_STR(""), 0);
	}
}

bool cookies_set(sluice_exchange *x, const struct cookie_name *name, sluice_str value,
	uint64_t max_age)
{
	if (value.len > COOKIE_MAX)
		return false;
	size_t n = (value.len + 2 + COOKIE_PIECE - 1) / COOKIE_PIECE, room = value.len + 2;
	char *text = sluice_alloc(x, room);
	if (!text)
		return false;
	text[0] = (char)('0' + n);
	text[1] = '.';
	(void)sluice_str_put(text + 2, value);
	for (size_t i = 0; i < n; i++) {
		size_t from = i * COOKIE_PIECE,
		       len = room - from < COOKIE_PIECE ? room - from : COOKIE_PIECE;
		if (!set_one(x, name, i, sluice_str_n(text + from, len),
			    max_age ? (int64_t)max_age : -1))
			return false;
	}
	remove_from(x, name, n);
	return true;
}

void cookies_remove(sluice_exchange *x, const struct cookie_name *name)
{
	remove_from(x, name, 0);
}

/* ---- what the upstream gets ---------------------------------------------------------------- */

static bool is_ours(sluice_str cookie, const struct cookie_name *session,
	const struct cookie_name *login)
{
	sluice_str name = sluice_str_trim(sluice_str_cut(&cookie, '='));
	return piece_of(name, session) < COOKIE_PIECES ||
		sluice_str_starts(name, sluice_str_n(login->text, login->len));
}

bool cookies_strip(sluice_exchange *x, const struct oidc_conf *conf)
{
	struct cookie_name session = cookies_session(x, conf),
			   login = cookies_login(x, conf, SLUICE_STR(""));
	size_t iter = 0, room = 0, found = 0;
	sluice_str rest = SLUICE_STR_NONE, c;
	while (next_raw(x, &iter, &rest, &c)) {
		found += is_ours(c, &session, &login);
		room += c.len + 2;
	}
	if (found == 0)
		return true;
	char *text = sluice_alloc(x, room + 1), *at = text;
	if (!text)
		return false;
	iter = 0;
	rest = SLUICE_STR_NONE;
	while (next_raw(x, &iter, &rest, &c)) {
		if (is_ours(c, &session, &login))
			continue;
		if (at != text)
			at = sluice_str_put(at, SLUICE_STR("; "));
		at = sluice_str_put(at, c);
	}
	if (at == text)
		sluice_field_remove(x, SLUICE_REQUEST, cookie_field);
	else
		sluice_field_set(x, SLUICE_REQUEST, cookie_field,
			sluice_str_n(text, (size_t)(at - text)));
	return true;
}
