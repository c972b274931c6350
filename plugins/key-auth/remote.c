/* Keys in a Redis store: see remote.h. */
#include "remote.h"

#include <stdio.h>

enum {
	OBJECT_BYTES = 512,
	OBJECT_MAX = 16 * 1024,
	CACHE_MIN = 64 * 1024,
	SHOWN_DIGITS = 12,
	SHOWN_BYTES = 6
};

/* Everything that makes up an entry: name, expires, groups and facts. */
enum { FIELDS_MAX = ENTRY_FACTS_MAX + 3 };

/* ---- configuration ------------------------------------------------------------------------- */

static int check_options(sluice_instance *inst, const struct key_auth *k)
{
	static const char *const of_store[] = { "prefix", "timeout", "cache", "cache_ttl",
		"on_store_failure", "stale_for" };
	int rc = 0;
	for (size_t i = 0; !k->store && i < sizeof(of_store) / sizeof(*of_store); i++) {
		if (!sluice_conf_given(inst, of_store[i]))
			continue;
		sluice_conf_error(inst, of_store[i],
			"is about keys in a store, and there is no "
			"option store");
		rc = -1;
	}
	if (k->store && sluice_store_kind_of(k->store) != SLUICE_STORE_REDIS) {
		sluice_conf_error(inst, "store",
			"must be a Redis store: a memory store has no "
			"keys of clients in it");
		rc = -1;
	}
	if (sluice_conf_given(inst, "stale_for") && k->on_store_failure != ON_FAILURE_STALE) {
		sluice_conf_error(inst, "stale_for", "needs on_store_failure: stale");
		rc = -1;
	}
	if (k->store && k->on_store_failure == ON_FAILURE_STALE && k->cache == 0) {
		sluice_conf_error(inst, "on_store_failure",
			"stale needs a cache, from which keys could be taken");
		rc = -1;
	}
	return rc;
}

int remote_check(sluice_instance *inst, struct key_auth *k)
{
	static uint64_t generations;
	if (check_options(inst, k) < 0)
		return -1;
	k->generation = ++generations;
	if (!k->store || k->cache == 0)
		return 0;
	uint64_t bytes = k->cache * OBJECT_BYTES;
	k->remembered = sluice_cache_open(inst,
		&(sluice_cache_desc){ .size = sizeof(sluice_cache_desc),
			.max_bytes = bytes > CACHE_MIN ? bytes : CACHE_MIN,
			.max_object = OBJECT_MAX });
	return k->remembered ? 0 : -1;
}

/* ---- remembering --------------------------------------------------------------------------- */

enum { CACHE_KEY = sizeof(uint64_t) + KEY_DIGEST };

static sluice_str cache_key(const struct key_auth *k, const unsigned char digest[KEY_DIGEST],
	char text[CACHE_KEY])
{
	memcpy(text, &k->generation, sizeof(k->generation));
	memcpy(text + sizeof(k->generation), digest, KEY_DIGEST);
	return sluice_str_n(text, CACHE_KEY);
}

enum remote_age remote_recall(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST], struct entry *out)
{
	char key[CACHE_KEY];
	sluice_object *o =
		k->remembered ? sluice_object_get(k->remembered, cache_key(k, digest, key)) : NULL;
	if (!o)
		return REMOTE_NONE;
	sluice_str packed = sluice_object_data(o);
	char *copy = sluice_alloc(x, packed.len + 1);
	enum remote_age age = sluice_object_fresh_for(o) ? REMOTE_FRESH : REMOTE_STALE;
	if (copy)
		(void)sluice_str_put(copy, packed);
	sluice_object_release(o);
	/* without memory it is as if nothing were known: the store is asked */
	return copy && entry_unpack(sluice_str_n(copy, packed.len), out) ? age : REMOTE_NONE;
}

static void remember(const struct key_auth *k, const unsigned char digest[KEY_DIGEST],
	sluice_str packed)
{
	char key[CACHE_KEY];
	if (k->remembered)
		(void)sluice_object_put(k->remembered, cache_key(k, digest, key),
			&(sluice_object_new){ .size = sizeof(sluice_object_new),
				.data = packed,
				.ttl_ms = k->cache_ttl,
				.keep_ms = k->on_store_failure == ON_FAILURE_STALE ? k->stale_for
										   : 0 });
}

static void forget(const struct key_auth *k, const unsigned char digest[KEY_DIGEST])
{
	char key[CACHE_KEY];
	if (k->remembered)
		(void)sluice_object_remove(k->remembered, cache_key(k, digest, key));
}

/* ---- asking -------------------------------------------------------------------------------- */

sluice_verdict remote_ask(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST], sluice_store_fn then)
{
	size_t n = k->prefix.len + KEY_HEX;
	char *key = sluice_alloc(x, n), *at = key;
	if (!key)
		return SLUICE_FAIL;
	at = sluice_str_put(at, k->prefix);
	for (size_t i = 0; i < KEY_DIGEST; i++)
		at = sluice_hex_put(at, digest[i]);
	const sluice_str command[] = { SLUICE_STR("HGETALL"), sluice_str_n(key, n) };
	return sluice_store_command(x, k->store, command, 2, k->timeout, then);
}

/* NULL, or why the fields are no entry. */
static const char *read_fields(const sluice_value *v, struct draft *d)
{
	const char *why = NULL;
	if (v->n % 2 != 0 || v->n > 2 * FIELDS_MAX)
		return "has more than 16 facts";
	for (size_t i = 0; i < v->n && !why; i += 2) {
		const sluice_value *name = &v->v[i], *value = &v->v[i + 1];
		bool is_text = name->type == SLUICE_V_STR && value->type == SLUICE_V_STR;
		why = is_text ? draft_add(d, name->s, value->s) : "has what is no text";
	}
	return why ? why : draft_refused(d);
}

/* The log names the key by the start of its digest, which says nothing of the key itself. */
static void log_broken(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST], const char *why)
{
	char shown[SHOWN_DIGITS + 1], *at = shown;
	for (size_t i = 0; i < SHOWN_BYTES; i++)
		at = sluice_hex_put(at, digest[i]);
	*at = '\0';
	sluice_log_for(x, SLUICE_LOG_ERROR,
		"the hash %.*s%s... in the store %s: it is not admitted", (int)k->prefix.len,
		k->prefix.data, shown, why);
}

static enum remote_result take(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST], const struct draft *d, struct entry *out)
{
	size_t size = draft_size(d);
	char *packed = sluice_alloc(x, size);
	if (!packed)
		return REMOTE_DOWN;
	draft_pack(d, packed);
	remember(k, digest, sluice_str_n(packed, size));
	return entry_unpack(sluice_str_n(packed, size), out) ? REMOTE_FOUND : REMOTE_DOWN;
}

static enum remote_result read_answer(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST], const sluice_value *v, struct entry *out)
{
	struct draft d = { 0 };
	if (v->n == 0) {
		forget(k, digest);
		return REMOTE_ABSENT;
	}
	const char *why = read_fields(v, &d);
	if (!why)
		return take(x, k, digest, &d, out);
	forget(k, digest);
	log_broken(x, k, digest, why);
	return REMOTE_BROKEN;
}

enum remote_result remote_answer(sluice_exchange *x, const struct key_auth *k,
	const unsigned char digest[KEY_DIGEST], sluice_status st, const sluice_value *v,
	struct entry *out)
{
	static const char *const names[] = { "found", "absent", "broken", "failed" };
	enum remote_result r = REMOTE_DOWN;
	if (st == SLUICE_OK && v && v->type == SLUICE_V_LIST)
		r = read_answer(x, k, digest, v, out);
	sluice_metric_add(k->lookups, sluice_str_of(names[r]), 1);
	return r;
}
