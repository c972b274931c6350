/* Keys of requests. Worker threads. */
#include "key.h"

#include <openssl/evp.h>
#include <stdio.h>

enum { LENGTH_TEXT = 24, DIGEST_BYTES = 32 };

static char *key_put(char *at, sluice_str s)
{
	if (s.len)
		memcpy(at, s.data, s.len);
	return at + s.len;
}

static bool key_digest(sluice_exchange *x, sluice_str value, unsigned char out[DIGEST_BYTES])
{
	struct rate_limit_worker *w = sluice_worker_state(x);
	unsigned n = DIGEST_BYTES;
	return EVP_DigestInit_ex2(w->digest, NULL, NULL) == 1 && EVP_DigestUpdate(w->digest, value.data, value.len) == 1 &&
	       EVP_DigestFinal_ex(w->digest, out, &n) == 1 && n == DIGEST_BYTES;
}

/* start, kind, value; a long value by its digest */
static enum key_result key_join(sluice_exchange *x, sluice_str start, sluice_str kind, sluice_str value, sluice_str *key)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[DIGEST_BYTES];
	bool is_long = value.len > KEY_VALUE_MAX;
	char *at = sluice_alloc(x, start.len + kind.len + (is_long ? 2 + 2 * DIGEST_BYTES : value.len));
	if (!at || (is_long && !key_digest(x, value, digest)))
		return KEY_FAIL;
	key->data = at;
	at = key_put(at, start);
	if (is_long) {
		at = key_put(at, SLUICE_STR("h:"));
		for (size_t i = 0; i < DIGEST_BYTES; i++) {
			*at++ = digits[digest[i] >> 4];
			*at++ = digits[digest[i] & 15];
		}
	} else {
		at = key_put(key_put(at, kind), value);
	}
	key->len = (size_t)(at - key->data);
	return KEY_OK;
}

static enum key_result key_missing(sluice_exchange *x, const struct rate_limit *r, sluice_str *key)
{
	switch ((enum missing)r->missing) {
	case MISSING_SKIP:
		return KEY_SKIP;
	case MISSING_SHARE:
		return key_join(x, r->key_start, SLUICE_STR("all"), (sluice_str){ NULL, 0 }, key);
	case MISSING_IP:
		break;
	}
	return key_join(x, r->key_start, SLUICE_STR("ip:"), sluice_get(x, SLUICE_I_CLIENT_IP), key);
}

/* Several values, each with its length before it. */
static enum key_result key_list(sluice_exchange *x, const struct rate_limit *r, const sluice_str *values, size_t n,
                                sluice_str *key)
{
	size_t room = 0;
	for (size_t i = 0; i < n; i++)
		room += LENGTH_TEXT + values[i].len;
	char *list = sluice_alloc(x, room), *at = list;
	if (!list)
		return KEY_FAIL;
	for (size_t i = 0; i < n; i++) {
		at += snprintf(at, LENGTH_TEXT, "%zu:", values[i].len);
		at = key_put(at, values[i]);
		*at++ = ',';
	}
	return key_join(x, r->key_start, SLUICE_STR("l:"), (sluice_str){ list, (size_t)(at - list) }, key);
}

enum key_result key_make(sluice_exchange *x, const struct rate_limit *r, sluice_str *key)
{
	sluice_str values[KEY_PARTS_MAX];
	for (size_t i = 0; i < r->by.n; i++) {
		values[i] = sluice_expr_value(x, r->by.v[i]);
		if (!values[i].data)
			return key_missing(x, r, key);
	}
	if (r->by.n == 1)
		return key_join(x, r->key_start, SLUICE_STR("v:"), values[0], key);
	return key_list(x, r, values, r->by.n, key);
}
