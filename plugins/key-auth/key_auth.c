/*
 * key-auth: admits requests with an API key. This file has the record and the options. judge.c
 * handles a request, source.c reads its key, keys.c and files.c know the keys of the configuration,
 * remote.c those of a store, entry.c has what is known of one key, and limit.c bounds how often a
 * client may be wrong.
 */
#include <sluice/plugin.h>

#include <openssl/evp.h>

#include "../oauth/challenge.h"
#include "../shared/metric.h"
#include "conf.h"
#include "files.h"
#include "judge.h"
#include "limit.h"
#include "remote.h"

#define K struct key_auth
#define O struct key_option

static const char *const failure_choices[] = { "deny", "stale", NULL };

static const sluice_option key_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, O, sha256, .flags = SLUICE_F_REQUIRED | SLUICE_F_SECRET,
		.doc = "SHA-256 of the key, in 64 hexadecimal digits"),
	SLUICE_OPTION(SLUICE_T_STR, O, name, .flags = SLUICE_F_REQUIRED,
		.doc = "whose key it is: the fact consumer; several keys may have one name"),
	SLUICE_OPTION(SLUICE_T_STR, O, expires,
		.doc = "when it ends to count, as in RFC 3339: 2026-12-31T23:59:59Z"),
	SLUICE_OPTION(SLUICE_T_STRS, O, groups, .max = "64", .doc = "groups that the key is in"),
	SLUICE_OPTION(SLUICE_T_PAIRS, O, facts, .max = "16",
		.doc = "further facts, `consumer:NAME`"),
	SLUICE_OPTIONS_END,
};

static const sluice_option key_auth_options[] = {
	SLUICE_OPTION(SLUICE_T_STRS, K, from, .def = "header:X-API-Key", .min = "1", .max = "8",
		.doc = "where a request has its key: header:NAME, query:NAME, cookie:NAME, or "
		       "scheme:NAME for Authorization; the first that the request has counts"),
	SLUICE_OPTION(SLUICE_T_LIST, K, keys, .sub = key_options, .sub_size = sizeof(O),
		.max = "1000", .doc = "keys, by their SHA-256"),
	SLUICE_OPTION(SLUICE_T_STR, K, file,
		.doc = "file with a line `SHA256 NAME [expires=TIME] [groups=a,b] [FACT=VALUE "
		       "...]` for each key; it is watched"),
	SLUICE_OPTION(SLUICE_T_STORE, K, store,
		.doc = "Redis store with a hash for each key; asked for keys that are in none of "
		       "the others"),
	SLUICE_OPTION(SLUICE_T_STR, K, prefix, .def = "sluice:key:", .max = "128",
		.doc = "what stands before the SHA-256 of a key in the names of these hashes"),
	SLUICE_OPTION(SLUICE_T_DURATION, K, timeout, .def = "100ms", .min = "1ms", .max = "10s",
		.doc = "how long a request waits for the store"),
	SLUICE_OPTION(SLUICE_T_UINT, K, cache, .def = "10000", .max = "10000000",
		.doc = "about how many keys of the store are remembered; 0: none"),
	SLUICE_OPTION(SLUICE_T_DURATION, K, cache_ttl, .def = "10s", .min = "100ms", .max = "1h",
		.doc = "how long a key of the store is remembered, and so counts after it was "
		       "revoked there"),
	SLUICE_OPTION(SLUICE_T_DURATION, K, wrong_ttl, .def = "10s", .min = "100ms", .max = "1h",
		.doc = "how long a wrong key is remembered: it is refused without being looked up "
		       "in the store, and not counted again"),
	SLUICE_OPTION(SLUICE_T_ENUM, K, on_store_failure, .def = "deny", .choices = failure_choices,
		.doc = "when the store does not answer: deny keys that it would have to be asked "
		       "for, or admit those that it admitted within stale_for"),
	SLUICE_OPTION(SLUICE_T_DURATION, K, stale_for, .def = "1h", .min = "1s", .max = "7d",
		.doc = "how long after cache_ttl a key is admitted while the store does not "
		       "answer"),
	SLUICE_OPTION(SLUICE_T_STRS, K, groups, .max = "64",
		.doc = "groups of which a key must be in one; else 403"),
	SLUICE_OPTION(SLUICE_T_STR, K, realm, .max = "128",
		.doc = "the realm in WWW-Authenticate; left out: the name of the instance"),
	SLUICE_OPTION(SLUICE_T_BOOL, K, forward_key, .def = "false",
		.doc = "whether the key is sent to the upstream"),
	SLUICE_OPTION(SLUICE_T_RATE, K, failures, .def = "30/min",
		.doc = "how many different wrong keys a client's address may send; further ones "
		       "get 429 and are not looked at"),
	SLUICE_OPTION(SLUICE_T_DURATION, K, refresh, .def = "5s", .min = "1s", .max = "1d",
		.doc = "how often the file is looked at"),
	SLUICE_OPTIONS_END,
};

/* ---- configuration ------------------------------------------------------------------------- */

static bool is_twice(const struct key_auth *k, size_t i)
{
	for (size_t j = 0; j < i; j++) {
		if (sluice_str_eq(k->from.v[i], k->from.v[j]))
			return true;
	}
	return false;
}

static int check_sources(sluice_instance *inst, struct key_auth *k)
{
	int rc = 0;
	k->n_sources = k->from.n;
	for (size_t i = 0; i < k->from.n; i++) {
		sluice_str text = k->from.v[i];
		const char *why = is_twice(k, i) ? "is there twice"
						 : place_parse(inst, text, &k->sources[i]);
		if (!why)
			continue;
		sluice_conf_error(inst, "from", "\"%.*s\" %s", (int)text.len, text.data, why);
		rc = -1;
	}
	return rc;
}

/* "An API key is needed, in the header field X-API-Key or the parameter key." */
static void make_missing(sluice_instance *inst, struct key_auth *k)
{
	enum { WORDS = 64 };
	size_t room = WORDS;
	for (size_t i = 0; i < k->n_sources; i++)
		room += k->sources[i].name.len + WORDS;
	char *text = sluice_conf_alloc(inst, room),
	     *at = sluice_str_put(text, SLUICE_STR("An API key is needed, in "));
	for (size_t i = 0; i < k->n_sources; i++) {
		if (i)
			at = sluice_str_put(at, SLUICE_STR(" or "));
		at = place_describe(&k->sources[i], at);
	}
	*sluice_str_put(at, SLUICE_STR(".")) = '\0';
	k->missing = text;
}

/* No scheme is registered for API keys. Where Authorization is read, the scheme is that; else it is
 * called ApiKey. */
static sluice_str scheme_of(const struct key_auth *k)
{
	for (size_t i = 0; i < k->n_sources; i++) {
		if (k->sources[i].kind == PLACE_SCHEME)
			return k->sources[i].name;
	}
	return SLUICE_STR("ApiKey");
}

static int make_challenge(sluice_instance *inst, struct key_auth *k)
{
	if (!challenge_printable(inst, "realm", k->realm))
		return -1;
	k->challenge = challenge_make(inst, scheme_of(k), k->realm, NULL, 0);
	return 0;
}

static int declare_metrics(sluice_instance *inst, struct key_auth *k)
{
	k->checks = metric_declare(inst, SLUICE_METRIC_COUNTER, "checks",
		"Requests with or without a key, by what came of it.", "result");
	k->lookups = metric_declare(inst, SLUICE_METRIC_COUNTER, "lookups",
		"Keys that a store was asked for, by what it said.", "result");
	k->keys_known = metric_declare(inst, SLUICE_METRIC_GAUGE, "keys",
		"Keys of the options and of the file.", NULL);
	k->refused_files = metric_declare(inst, SLUICE_METRIC_GAUGE, "refused_files",
		"Files whose present content has a mistake and is not used.", NULL);
	return k->checks && k->lookups && k->keys_known && k->refused_files ? 0 : -1;
}

static int check_options(sluice_instance *inst, const struct key_auth *k)
{
	int rc = 0;
	if (!k->file.len && !k->keys.n && !k->store) {
		sluice_conf_error(inst, NULL, "none of keys, file and store is given");
		sluice_conf_hint(inst,
			"file: /etc/sluice/keys; `openssl rand -hex 32` makes a key, and `printf "
			"%%s \"$KEY\" | sha256sum` what stands for it in the file");
		rc = -1;
	}
	if (k->failures.count == 0 || k->failures.period_ms == 0) {
		sluice_conf_error(inst, "failures", "must allow something");
		rc = -1;
	}
	return rc;
}

static int key_auth_check(sluice_instance *inst, void *conf)
{
	struct key_auth *k = conf;
	k->inst = inst;
	int rc = check_options(inst, k);
	if (check_sources(inst, k) < 0 || rc < 0 || make_challenge(inst, k) < 0 ||
		declare_metrics(inst, k) < 0 || remote_check(inst, k) < 0)
		return -1;
	make_missing(inst, k);
	limit_init(inst, k);
	return files_check(inst, k);
}

static int key_auth_start(sluice_instance *inst, void *conf)
{
	files_start(inst, conf);
	return 0;
}

static int key_auth_worker_start(sluice_instance *inst, const void *conf, void *state)
{
	struct key_auth_worker *w = state;
	(void)inst, (void)conf;
	w->digest = EVP_MD_CTX_new();
	return w->digest && EVP_DigestInit_ex2(w->digest, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

static void key_auth_worker_stop(sluice_instance *inst, const void *conf, void *state)
{
	struct key_auth_worker *w = state;
	(void)inst, (void)conf;
	EVP_MD_CTX_free(w->digest);
}

static const char *const key_auth_provides[] = { "consumer", "groups", "consumer:", NULL };

SLUICE_PLUGIN("key-auth", .version = "1.0", .summary = "admits requests with an API key",
	.options = key_auth_options, .conf_size = sizeof(struct key_auth), .check = key_auth_check,
	.start = key_auth_start, .worker_size = sizeof(struct key_auth_worker),
	.worker_start = key_auth_worker_start, .worker_stop = key_auth_worker_stop,
	.on_request = judge_on_request, .provides = key_auth_provides);
