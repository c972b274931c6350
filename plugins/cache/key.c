/* Keys and tags. See the header. */
#include "key.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "decimal.h"
#include "told.h"

/* ---- writing ------------------------------------------------------------------------------- */

enum { HASH = 32 };

/* The text, as long as it fits; then the hash of all of it. */
struct writer {
	struct key *key;
	EVP_MD_CTX *hash;
	bool failed;
};

/* The first byte tells a text from a hash. */
static void writer_init(struct writer *w, struct key *key)
{
	*w = (struct writer){ .key = key };
	key->text[0] = 'T';
	key->len = 1;
	key->has_user = false;
}

static void put(struct writer *w, sluice_str s)
{
	struct key *k = w->key;
	if (!w->hash && s.len <= sizeof(k->text) - k->len) {
		k->len = (size_t)(sluice_str_put(k->text + k->len, s) - k->text);
		return;
	}
	if (!w->hash) {
		w->hash = EVP_MD_CTX_new();
		w->failed = !w->hash || EVP_DigestInit_ex(w->hash, EVP_sha256(), NULL) != 1 ||
			EVP_DigestUpdate(w->hash, k->text, k->len) != 1;
	}
	w->failed = w->failed || (s.len && EVP_DigestUpdate(w->hash, s.data, s.len) != 1);
}

static void put_text(struct writer *w, const char *text)
{
	put(w, sluice_str_of(text));
}

/* A value of any bytes, behind its length, so that it cannot be taken for more than itself. */
static void put_value(struct writer *w, sluice_str s)
{
	char length[DECIMAL_MAX + 2], *at = length;
	*at++ = '\n';
	at = decimal_put(at, s.len);
	*at++ = ':';
	put(w, sluice_str_n(length, (size_t)(at - length)));
	put(w, s);
}

static bool writer_end(struct writer *w)
{
	struct key *k = w->key;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	if (w->hash && !w->failed && EVP_DigestFinal_ex(w->hash, digest, &n) == 1 && n == HASH) {
		char *at = k->text;
		*at++ = 'H';
		for (unsigned i = 0; i < n; i++)
			at = sluice_hex_put(at, digest[i]);
		k->len = (size_t)(at - k->text);
	} else if (w->hash) {
		k->len = 0;
	}
	EVP_MD_CTX_free(w->hash);
	if (w->failed)
		k->len = 0;
	return k->len > 0;
}

/* ---- the query ----------------------------------------------------------------------------- */

enum { PARAMETERS = 64 };

/* names that end in '*' stand for all that begin so */
static bool is_ignored(const struct cache *c, sluice_str parameter)
{
	sluice_str name = sluice_str_cut(&parameter, '=');
	for (size_t i = 0; i < c->ignore_query.n; i++) {
		sluice_str n = c->ignore_query.v[i];
		bool is_start = n.len && n.data[n.len - 1] == '*';
		if (is_start ? sluice_str_starts(name, sluice_str_n(n.data, n.len - 1))
			     : sluice_str_eq(name, n))
			return true;
	}
	return false;
}

static int by_bytes(const void *a, const void *b)
{
	const sluice_str *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int order = n ? memcmp(x->data, y->data, n) : 0;
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* A query with more parameters than there is room for stays as it was sent. */
static void put_target(struct writer *w, const struct cache *c, sluice_str target)
{
	sluice_str v[PARAMETERS], rest = target, path = sluice_str_cut(&rest, '?');
	size_t n = 0;
	if (!rest.data || (!c->ignore_query.n && !c->sort_query)) {
		put(w, target);
		return;
	}
	while (rest.data) {
		sluice_str one = sluice_str_cut(&rest, '&');
		if (is_ignored(c, one))
			continue;
		if (n == PARAMETERS) {
			put(w, target);
			return;
		}
		v[n++] = one;
	}
	if (c->sort_query && n)
		qsort(v, n, sizeof(v[0]), by_bytes);
	put(w, path);
	for (size_t i = 0; i < n; i++) {
		put_text(w, i ? "&" : "?");
		put(w, v[i]);
	}
}

/* ---- keys ---------------------------------------------------------------------------------- */

static void put_lower(struct writer *w, sluice_str s)
{
	char part[64];
	while (s.len) {
		size_t n = s.len < sizeof(part) ? s.len : sizeof(part);
		for (size_t i = 0; i < n; i++)
			part[i] = sluice_lower(s.data[i]);
		put(w, sluice_str_n(part, n));
		s = sluice_str_skip(s, n);
	}
}

static void put_uri(struct writer *w, const struct cache *c, sluice_str scheme,
	sluice_str authority, sluice_str target)
{
	put(w, scheme);
	put_text(w, "://");
	put_lower(w, authority);
	put_target(w, c, target);
}

/* Facts that are somebody's credentials, or come of them. */
static bool is_user(const sluice_expr *e)
{
	static const char *const facts[] = { "consumer", "claim:sub", "header:authorization",
		"client_cert_subject", "client_cert_sha256" };
	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
		if (sluice_str_ieq(sluice_expr_text(e), sluice_str_of(facts[i])))
			return true;
	}
	return false;
}

bool key_names_user(const struct cache *c)
{
	for (size_t i = 0; i < c->key.n; i++) {
		if (is_user(c->key.v[i]))
			return true;
	}
	return false;
}

static void put_forwarded(struct writer *w, sluice_str value)
{
	sluice_str part;
	while (told_next(&value, &part))
		put_value(w, part);
}

/* What proxies tell of the address, each field with its name. */
static void put_told(sluice_exchange *x, struct writer *w)
{
	sluice_pair f;
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);) {
		enum told told = told_by(f.name);
		if (told == TOLD_NOTHING)
			continue;
		put_text(w, "\n+");
		put_lower(w, f.name);
		if (told == TOLD_FORWARDED)
			put_forwarded(w, f.value);
		else
			put_value(w, f.value);
	}
}

bool key_make(sluice_exchange *x, const struct cache *c, bool is_told, struct key *out)
{
	struct writer w;
	/* where they differ, two requests that the upstream tells apart have one target */
	bool single = sluice_get(x, SLUICE_I_SENT_PATH).len == sluice_get(x, SLUICE_I_PATH).len;
	sluice_str authority = sluice_get(x, SLUICE_I_AUTHORITY),
		   asked = sluice_get(x, SLUICE_I_ASKED_AUTHORITY);
	writer_init(&w, out);
	put_uri(&w, c, sluice_get(x, SLUICE_I_SCHEME), authority, sluice_get(x, SLUICE_I_TARGET));
	/* X-Forwarded-Host tells it to the upstream, which may make links of it */
	if (!sluice_str_eq(asked, authority))
		put_value(&w, asked);
	else
		put_text(&w, "\n-");
	if (is_told)
		put_told(x, &w);
	/* routes may differ by what is not in the target, and lead to different services */
	put_value(&w, sluice_get(x, SLUICE_I_ROUTE));
	put_value(&w, sluice_get(x, SLUICE_I_UPSTREAM));
	for (size_t i = 0; single && i < c->key.n; i++) {
		sluice_str value = SLUICE_STR_NONE;
		sluice_reading r = sluice_expr_read(x, c->key.v[i], &value);
		single = r == SLUICE_READ_NONE || r == SLUICE_READ_ONE;
		out->has_user |= r == SLUICE_READ_ONE && c->credentials && is_user(c->key.v[i]);
		if (r == SLUICE_READ_ONE)
			put_value(&w, value);
		else
			put_text(&w, "\n-");
	}
	return writer_end(&w) && single;
}

bool key_uri(const struct cache *c, sluice_str scheme, sluice_str authority, sluice_str target,
	char out[KEY_URI])
{
	struct key k;
	struct writer w;
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	writer_init(&w, &k);
	put_uri(&w, c, scheme, authority, target);
	if (!writer_end(&w) || EVP_Digest(k.text, k.len, digest, &n, EVP_sha256(), NULL) != 1 ||
		n != HASH)
		return false;
	char *at = sluice_str_put(out, SLUICE_STR("uri:"));
	for (unsigned i = 0; i < n; i++)
		at = sluice_hex_put(at, digest[i]);
	return true;
}

/* ---- Vary ---------------------------------------------------------------------------------- */

/* Fields that the gateway writes or extends when it forwards, so that values of the upstream's
 * request are not those that a look-up sees. */
static bool is_of_gateway(sluice_str name)
{
	static const char *const names[] = { "forwarded", "via", "x-forwarded-for",
		"x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-real-ip",
		"x-request-id" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (sluice_str_ieq(name, sluice_str_of(names[i])))
			return true;
	}
	return false;
}

static bool add_names(sluice_str list, sluice_str *names, size_t *n)
{
	while (list.len) {
		sluice_str name = sluice_str_trim(sluice_str_cut(&list, ','));
		if (!name.len)
			continue;
		if (*n == KEY_NAMES || !sluice_str_is_token(name) || sluice_str_is(name, "*") ||
			is_of_gateway(name))
			return false;
		names[(*n)++] = name;
	}
	return true;
}

static int by_name(const void *a, const void *b)
{
	const sluice_str *x = a, *y = b;
	for (size_t i = 0; i < x->len && i < y->len; i++) {
		int order = sluice_lower(x->data[i]) - sluice_lower(y->data[i]);
		if (order)
			return order;
	}
	return (x->len > y->len) - (x->len < y->len);
}

bool key_vary(const sluice_pair *v, size_t n, char out[KEY_NAMES_MAX], size_t *len)
{
	sluice_str names[KEY_NAMES];
	size_t count = 0, bytes = 0;
	*len = 0;
	for (size_t i = 0; i < n; i++) {
		if (sluice_str_ieq(v[i].name, SLUICE_STR("vary")) &&
			!add_names(v[i].value, names, &count))
			return false;
	}
	if (count)
		qsort(names, count, sizeof(names[0]), by_name);
	for (size_t i = 0; i < count; i++) {
		if (i && sluice_str_ieq(names[i], names[i - 1]))
			continue;
		if (bytes + names[i].len + 1 > KEY_NAMES_MAX)
			return false;
		if (bytes)
			out[bytes++] = ',';
		for (size_t k = 0; k < names[i].len; k++)
			out[bytes++] = sluice_lower(names[i].data[k]);
	}
	*len = bytes;
	return true;
}

/* RFC 9111 4.1: in fields of negotiation neither case nor blanks around commas mean anything. */
static void put_negotiated(struct writer *w, sluice_str list)
{
	for (bool first = true; list.len; first = false) {
		sluice_str member = sluice_str_trim(sluice_str_cut(&list, ','));
		put_text(w, first ? "" : ",");
		put_lower(w, member);
	}
}

static void put_field(struct writer *w, sluice_str name, const sluice_pair *v, size_t n)
{
	bool negotiates = sluice_str_starts(name, SLUICE_STR("accept"));
	size_t lines = 0;
	for (size_t i = 0; i < n; i++) {
		if (!sluice_str_ieq(v[i].name, name))
			continue;
		if (lines++)
			put_text(w, negotiates ? "," : ", ");
		else
			put_text(w, "\n+");
		if (negotiates)
			put_negotiated(w, v[i].value);
		else
			put(w, v[i].value);
	}
	if (!lines)
		put_text(w, "\n-");
}

bool key_variant(sluice_str key, sluice_str names, const sluice_pair *v, size_t n, struct key *out)
{
	struct writer w;
	writer_init(&w, out);
	put_text(&w, "V");
	put_value(&w, key);
	put_value(&w, names);
	while (names.len)
		put_field(&w, sluice_str_cut(&names, ','), v, n);
	return writer_end(&w);
}
