/* Keys of requests. Worker threads. */
#include "key.h"

#include <openssl/evp.h>
#include <sluice/str.h>

enum { DIGEST_BYTES = 32, ESCAPED = 3 };

/* ---- text ---------------------------------------------------------------------------------- */

static bool key_escapes(char c)
{
	return c == ':' || c == ',' || c == '%' || c == '{' || c == '}';
}

static char *key_put_escaped(char *at, sluice_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (key_escapes(s.data[i])) {
			*at++ = '%';
			at = sluice_hex_put(at, (unsigned char)s.data[i]);
		} else {
			*at++ = s.data[i];
		}
	}
	return at;
}

sluice_str key_start(sluice_instance *inst, sluice_str prefix, sluice_str name)
{
	char *start = sluice_conf_alloc(inst, prefix.len + ESCAPED * name.len + 2),
	     *at = sluice_str_put(start, prefix);
	if (prefix.len && at[-1] != ':') /* so that the name is separated from the prefix */
		*at++ = ':';
	at = key_put_escaped(at, name);
	*at++ = ':';
	return (sluice_str){ start, (size_t)(at - start) };
}

sluice_str key_plan(sluice_instance *inst, sluice_str plan)
{
	char *start = sluice_conf_alloc(inst, ESCAPED * plan.len + 3),
	     *at = key_put_escaped(sluice_str_put(start, SLUICE_STR("p:")), plan);
	*at++ = ':';
	return (sluice_str){ start, (size_t)(at - start) };
}

/* ---- joining ------------------------------------------------------------------------------- */

static bool key_digest(sluice_exchange *x, sluice_str text, unsigned char out[DIGEST_BYTES])
{
	struct rate_limit_worker *w = sluice_worker_state(x);
	unsigned n = DIGEST_BYTES;
	return EVP_DigestInit_ex2(w->digest, NULL, NULL) == 1 &&
		EVP_DigestUpdate(w->digest, text.data, text.len) == 1 &&
		EVP_DigestFinal_ex(w->digest, out, &n) == 1 && n == DIGEST_BYTES;
}

/* whose keys are made */
struct key_owner {
	const struct rate_limit *r;
	const struct limit *l;
};

/* Join start, plan, kind and values; long values are replaced by their digest. */
static enum key_result key_join(sluice_exchange *x, const struct key_owner *o, sluice_str kind,
	const sluice_str *values, size_t n, sluice_str *key)
{
	unsigned char digest[DIGEST_BYTES];
	size_t room = o->r->key_start.len + o->l->key_part.len + kind.len + n;
	for (size_t i = 0; i < n; i++)
		room += ESCAPED * values[i].len;
	char *start = sluice_alloc(x, room);
	if (!start)
		return KEY_FAIL;
	char *own = sluice_str_put(sluice_str_put(start, o->r->key_start), o->l->key_part),
	     *at = sluice_str_put(own, kind);
	for (size_t i = 0; i < n; i++) {
		if (i)
			*at++ = ',';
		at = key_put_escaped(at, values[i]);
	}
	if ((size_t)(at - own) > KEY_VALUE_MAX + kind.len) {
		if (!key_digest(x, (sluice_str){ own, (size_t)(at - own) }, digest))
			return KEY_FAIL;
		at = sluice_str_put(own, SLUICE_STR("h:"));
		for (size_t i = 0; i < DIGEST_BYTES; i++)
			at = sluice_hex_put(at, digest[i]);
	}
	*key = (sluice_str){ start, (size_t)(at - start) };
	return KEY_OK;
}

/* The network that counts as one client. */
static sluice_str key_network(const struct rate_limit *r, sluice_str ip,
	char buf[SLUICE_IP_NETWORK])
{
	if (r->ipv4_prefix == 32 && !(ip.len && memchr(ip.data, ':', ip.len)))
		return ip;
	return sluice_ip_network(ip, (unsigned)r->ipv4_prefix, (unsigned)r->ipv6_prefix, buf);
}

static enum key_result key_missing(sluice_exchange *x, const struct key_owner *o, sluice_str *key)
{
	char buf[SLUICE_IP_NETWORK];
	sluice_str ip;
	switch ((enum missing)o->r->missing) {
	case MISSING_SKIP:
		return KEY_SKIP;
	case MISSING_SHARE:
		return key_join(x, o, SLUICE_STR("all:"), NULL, 0, key);
	case MISSING_IP:
		break;
	}
	ip = key_network(o->r, sluice_get(x, SLUICE_I_CLIENT_IP), buf);
	return key_join(x, o, SLUICE_STR("ip:"), &ip, 1, key);
}

enum key_result key_make(sluice_exchange *x, const struct rate_limit *r, const struct limit *l,
	sluice_str *key)
{
	const struct key_owner o = { r, l };
	char buf[SLUICE_IP_NETWORK];
	sluice_str values[KEY_PARTS_MAX];
	bool missing = false;
	for (size_t i = 0; i < r->by.n; i++) {
		switch (sluice_expr_read(x, r->by.v[i], &values[i])) {
		case SLUICE_READ_NONE:
			missing = true;
			break;
		case SLUICE_READ_ONE:
			break;
		case SLUICE_READ_MANY:
			return KEY_MANY;
		case SLUICE_READ_FAIL:
			return KEY_FAIL;
		}
		if (i == r->by_ip)
			values[i] = key_network(r, values[i], buf);
	}
	if (missing)
		return key_missing(x, &o, key);
	return key_join(x, &o, r->by.n == 1 ? SLUICE_STR("v:") : SLUICE_STR("l:"), values, r->by.n,
		key);
}
