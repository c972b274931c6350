/*
 * basic-auth: admits requests with the name and password of a user (RFC 7617). This file has the
 * record, the options, and the handling of a request. credentials.c reads the field, accounts.c and
 * files.c know the users, pool.c computes hashes on threads of its own, hash.c knows their kinds,
 * and shared/guess.c bounds how often a client may be wrong.
 */
#include <sluice/plugin.h>

#include <openssl/rand.h>
#include <stdio.h>

#include "../oauth/challenge.h"
#include "../shared/metric.h"
#include "accounts.h"
#include "conf.h"
#include "credentials.h"
#include "files.h"
#include "hash.h"

#define B struct basic_auth

static const sluice_option basic_auth_options[] = {
	SLUICE_OPTION(SLUICE_T_STR, B, file,
		.doc = "htpasswd file of users and hashes of their passwords; it is watched"),
	SLUICE_OPTION(SLUICE_T_PAIRS, B, users, .flags = SLUICE_F_SECRET, .max = "1000",
		.doc = "users and hashes of their passwords, beside those of file"),
	SLUICE_OPTION(SLUICE_T_STR, B, groups_file,
		.doc = "file with lines `group: user user`; it is watched"),
	SLUICE_OPTION(SLUICE_T_STRS, B, groups, .max = "64",
		.doc = "groups of which a user must be in one; else 403"),
	SLUICE_OPTION(SLUICE_T_STR, B, realm, .max = "128",
		.doc = "what browsers show beside the question for a password; left out: the name "
		       "of the instance"),
	SLUICE_OPTION(SLUICE_T_BOOL, B, forward_credentials, .def = "false",
		.doc = "whether the field Authorization is sent to the upstream"),
	SLUICE_OPTION(SLUICE_T_RATE, B, failures, .def = "30/min",
		.doc = "how many wrong passwords a client's address may send; further ones get "
		       "429 and are not looked at"),
	SLUICE_OPTION(SLUICE_T_UINT, B, cache, .def = "4096", .max = "1048576",
		.doc = "how many verified logins are remembered; 0: none"),
	SLUICE_OPTION(SLUICE_T_DURATION, B, cache_ttl, .def = "5m", .min = "1s", .max = "1d",
		.doc = "how long a verified login is remembered"),
	SLUICE_OPTION(SLUICE_T_UINT, B, threads, .def = "2", .min = "1", .max = "64",
		.doc = "threads that verify passwords"),
	SLUICE_OPTION(SLUICE_T_UINT, B, queue, .def = "64", .min = "1", .max = "1024",
		.doc = "how many passwords may wait for a thread; further ones get 503"),
	SLUICE_OPTION(SLUICE_T_DURATION, B, timeout, .def = "5s", .min = "100ms", .max = "1m",
		.doc = "how long a request waits until its password is verified; then it gets 503"),
	SLUICE_OPTION(SLUICE_T_DURATION, B, refresh, .def = "5s", .min = "1s", .max = "1d",
		.doc = "how often files are looked at"),
	SLUICE_OPTIONS_END,
};

/* The key of all hashes of this process: what is remembered is of no use to anybody else. */
static uint64_t secret_key[2];
static bool has_secret_key;

/* ---- configuration ------------------------------------------------------------------------- */

/* `Basic realm="...", charset="UTF-8"` (RFC 7617 2, 2.1). */
static int make_challenge(sluice_instance *inst, struct basic_auth *b)
{
	static const struct challenge_param charset = { "charset", SLUICE_STR("UTF-8") };
	if (!challenge_printable(inst, "realm", b->realm))
		return -1;
	b->challenge = challenge_make(inst, SLUICE_STR("Basic"), b->realm, &charset, 1);
	return 0;
}

static int declare_metrics(sluice_instance *inst, struct basic_auth *b)
{
	b->logins = metric_declare(inst, SLUICE_METRIC_COUNTER, "logins",
		"Requests with or without credentials, by what came of it.", "result");
	b->users_known = metric_declare(inst, SLUICE_METRIC_GAUGE, "users",
		"Users that can log in, of the options and of the file.", NULL);
	b->refused_files = metric_declare(inst, SLUICE_METRIC_GAUGE, "refused_files",
		"Files whose present content has a mistake and is not used.", NULL);
	return b->logins && b->users_known && b->refused_files ? 0 : -1;
}

/* Remembered logins are kept over reloads: the hash of the password is a part of their key, so that
 * a login is forgotten with the hash that verified it. */
static int open_cache(sluice_instance *inst, struct basic_auth *b)
{
	enum { BYTES_EACH = 320, BYTES_MIN = 64 * 1024 };
	uint64_t bytes = b->cache * BYTES_EACH;
	if (b->cache == 0)
		return 0;
	b->remembered = sluice_cache_open(inst,
		&(sluice_cache_desc){ .size = sizeof(sluice_cache_desc),
			.max_bytes = bytes > BYTES_MIN ? bytes : BYTES_MIN });
	return b->remembered ? 0 : -1;
}

static int check_options(sluice_instance *inst, struct basic_auth *b)
{
	int rc = 0;
	if (!b->file.len && !b->users.n) {
		sluice_conf_error(inst, NULL, "neither file nor users is given");
		sluice_conf_hint(inst,
			"file: /etc/sluice/users.htpasswd; `htpasswd -cB FILE NAME` "
			"makes one");
		rc = -1;
	}
	if (b->groups.n && !b->groups_file.len) {
		sluice_conf_error(inst, "groups", "needs groups_file, which says who is in them");
		rc = -1;
	}
	if (b->failures.count == 0 || b->failures.period_ms == 0) {
		sluice_conf_error(inst, "failures", "must allow something");
		rc = -1;
	}
	return rc;
}

static int basic_auth_check(sluice_instance *inst, void *conf)
{
	struct basic_auth *b = conf;
	b->inst = inst;
	sluice_own(inst, SLUICE_OWN_CREDENTIAL_FIELD, SLUICE_STR("authorization"));
	int rc = check_options(inst, b);
	if (make_challenge(inst, b) < 0 || declare_metrics(inst, b) < 0 ||
		open_cache(inst, b) < 0 || rc < 0)
		return -1;
	guess_init(&b->guess, inst, "basic-auth", b->failures);
	if (!has_secret_key)
		has_secret_key = RAND_bytes((unsigned char *)secret_key, sizeof(secret_key)) == 1;
	if (!has_secret_key) {
		sluice_conf_error(inst, NULL, "there are no random numbers");
		return -1;
	}
	b->key = secret_key;
	return files_check(inst, b);
}

static int basic_auth_start(sluice_instance *inst, void *conf)
{
	struct basic_auth *b = conf;
	b->pool = pool_start(
		&(struct pool_conf){ inst, b->threads, b->queue, b->remembered, b->cache_ttl });
	if (!b->pool) {
		sluice_log(inst, SLUICE_LOG_ERROR,
			"the threads that verify passwords cannot start");
		return -1;
	}
	files_start(inst, b);
	return 0;
}

static void basic_auth_stop(sluice_instance *inst, void *conf)
{
	struct basic_auth *b = conf;
	(void)inst;
	pool_stop(b->pool);
	b->pool = NULL;
	files_fini(b);
}

/* ---- answers ------------------------------------------------------------------------------- */

/* What is kept of a request while its password is verified. */
struct login {
	struct waiter waiter;
	sluice_str user;       /* in the memory of the exchange */
	struct siphash stored; /* of the hash that is verified */
	struct siphash id;     /* of the login */
	bool is_charged;       /* a wrong password has been taken from the client's budget */
	bool has_left;
};

static void count(const struct basic_auth *b, const char *result)
{
	sluice_metric_add(b->logins, sluice_str_of(result), 1);
}

static void challenge(sluice_exchange *x, const struct basic_auth *b)
{
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("WWW-Authenticate"), b->challenge);
}

static void retry_after(sluice_exchange *x, uint64_t seconds)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)seconds);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Retry-After"),
		sluice_str_n(text, (size_t)n));
}

static sluice_verdict wrong(sluice_exchange *x, const struct basic_auth *b)
{
	count(b, "wrong");
	challenge(x, b);
	return sluice_refuse(x, 401, "login-wrong", "The name or the password is wrong.");
}

static sluice_verdict busy(sluice_exchange *x, const struct basic_auth *b)
{
	count(b, "busy");
	retry_after(x, 1);
	return sluice_refuse(x, 503, "login-busy",
		"Too many passwords are being verified. Try again.");
}

static sluice_verdict limited(sluice_exchange *x, const struct basic_auth *b, uint64_t retry_s)
{
	count(b, "limited");
	retry_after(x, retry_s);
	return sluice_refuse(x, 429, "login-limited", "Too many wrong passwords. Try again later.");
}

static sluice_verdict admit(sluice_exchange *x, const struct basic_auth *b, const struct account *u)
{
	if (!u->is_member) {
		count(b, "forbidden");
		return sluice_refuse(x, 403, "login-group",
			"This user is in none of the groups that are admitted.");
	}
	const sluice_identity who = { .size = sizeof(who), .name = u->user, .groups = u->groups };
	if (!sluice_identify(x, &who))
		return SLUICE_FAIL;
	if (!b->forward_credentials)
		sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("authorization"));
	return SLUICE_NEXT;
}

/* Of a right password, for guess_is_known(): the hash of the name and the password. */
static sluice_str text_of(const struct siphash *id)
{
	return sluice_str_n((const char *)id, sizeof(*id));
}

/* ---- verifying ----------------------------------------------------------------------------- */

static void give_back(sluice_exchange *x, const struct basic_auth *b, struct login *l)
{
	if (l->is_charged)
		guess_give(&b->guess, sluice_get(x, SLUICE_I_CLIENT_IP));
	l->is_charged = false;
}

/* The file may have changed meanwhile: the user must still be there, with the hash that was
 * verified. */
static sluice_verdict verified(sluice_exchange *x, const void *conf, sluice_status st)
{
	const struct basic_auth *b = conf;
	struct login *l = sluice_state(x, sizeof(*l));
	const struct accounts *a = sluice_published(x);
	(void)st; /* the answer may be there although the time is up */
	if (!l || !a)
		return SLUICE_FAIL;
	enum pool_answer answer = pool_take(&l->waiter);
	if (answer == POOL_PENDING) {
		give_back(x, b, l);
		count(b, "timeout");
		retry_after(x, 1);
		return sluice_refuse(x, 503, "login-timeout",
			"The password could not be verified in time. Try again.");
	}
	const struct account *u = answer == POOL_YES ? accounts_find(a, l->user) : NULL;
	if (!u || u->id.lo != l->stored.lo || u->id.hi != l->stored.hi)
		return wrong(x, b);
	give_back(x, b, l);
	guess_set_known(&b->guess, sluice_get(x, SLUICE_I_CLIENT_IP), text_of(&l->id));
	count(b, "verified");
	return admit(x, b, u);
}

static void leave(void *login)
{
	struct login *l = login;
	l->has_left = true;
	pool_leave(&l->waiter);
}

/* What has to be kept until the password is verified. */
static struct login *login_new(sluice_exchange *x, sluice_str user, struct siphash stored)
{
	struct login *l = sluice_state(x, sizeof(*l));
	char *copy = sluice_alloc(x, user.len + 1);
	if (!l || !copy)
		return NULL;
	l->user = sluice_str_n(copy, (size_t)(sluice_str_put(copy, user) - copy));
	l->stored = stored;
	sluice_cleanup(x, leave, l);
	return l->has_left ? NULL : l; /* called at once: there was no memory for it */
}

static sluice_verdict verify(sluice_exchange *x, const struct basic_auth *b, sluice_str user,
	const struct question *q, struct siphash stored)
{
	struct login *l = login_new(x, user, stored);
	sluice_str client = sluice_get(x, SLUICE_I_CLIENT_IP);
	sluice_verdict verdict = SLUICE_FAIL;
	uint64_t retry_s = 1;
	if (!l)
		return SLUICE_FAIL;
	if (!pool_has(b->pool, &q->id) && !guess_is_known(&b->guess, client, text_of(&q->id))) {
		if (!guess_take(&b->guess, client, &retry_s))
			return limited(x, b, retry_s);
		l->is_charged = true;
	}
	l->id = q->id;
	enum pool_place place = pool_ask(b->pool, x, &l->waiter, q, b->timeout, verified, &verdict);
	if (place != POOL_PARKED_FIRST)
		give_back(x, b, l);
	return place == POOL_FULL ? busy(x, b) : verdict;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* Two fields are malformed: another reader might choose the other one. */
static enum credentials_found find(sluice_exchange *x, struct credentials *out)
{
	sluice_pair f;
	sluice_str value = SLUICE_STR_NONE;
	for (size_t at = 0; sluice_field_next(x, SLUICE_REQUEST, &at, &f);) {
		if (!sluice_str_ieq(f.name, SLUICE_STR("authorization")))
			continue;
		if (value.data)
			return CREDENTIALS_MALFORMED;
		value = f.value;
	}
	return value.data ? credentials_read(value, out) : CREDENTIALS_NONE;
}

/* For a name that nobody has, the hash of another user is computed, always the same for the same
 * name: so the time tells nothing, whatever kinds of hashes the file has. */
static const struct account *stand_in(const struct accounts *a, sluice_str user)
{
	return &a->v[siphash(secret_key, user).lo % a->n];
}

/* What is known of the file's hash is part of what is hashed, so that a login counts no more when
 * that changes. Names and passwords have no NUL. */
static struct siphash id_of(const struct credentials *c, const struct siphash *stored)
{
	char text[sizeof(*stored) + CREDENTIALS_MAX], *at = text;
	memcpy(at, stored, sizeof(*stored));
	at = sluice_str_put(at + sizeof(*stored), c->user);
	*at++ = '\0';
	at = sluice_str_put(at, c->password);
	struct siphash id = siphash(secret_key, sluice_str_n(text, (size_t)(at - text)));
	explicit_bzero(text, (size_t)(at - text));
	return id;
}

static bool is_remembered(const struct basic_auth *b, const struct siphash *id)
{
	if (!b->remembered)
		return false;
	sluice_object *o =
		sluice_object_get(b->remembered, sluice_str_n((const char *)id, sizeof(*id)));
	sluice_object_release(o);
	return o != NULL;
}

/* A remembered login needs no check. It passes all the same only where a guess might: else one from
 * an address whose budget is spent would show that it is right. False: *retry_s as for
 * guess_may(). While nobody guesses, this costs nothing. */
static bool may_pass(sluice_exchange *x, const struct basic_auth *b, const struct siphash *id,
	uint64_t *retry_s)
{
	if (!guess_is_at_work(&b->guess))
		return true;
	sluice_str client = sluice_get(x, SLUICE_I_CLIENT_IP);
	if (!guess_may(&b->guess, client, retry_s))
		return guess_is_known(&b->guess, client, text_of(id));
	guess_set_known(&b->guess, client, text_of(id));
	return true;
}

static sluice_verdict judge(sluice_exchange *x, const struct basic_auth *b,
	const struct credentials *c)
{
	const struct accounts *a = sluice_published(x);
	if (!a || !b->pool)
		return SLUICE_FAIL;
	if (a->n == 0)
		return wrong(x, b);
	const struct account *user = accounts_find(a, c->user),
			     *u = user ? user : stand_in(a, c->user);
	struct question q = { id_of(c, &u->id), c->password, u->hash, user == NULL };
	if (!is_remembered(b, &q.id) || !user)
		return verify(x, b, c->user, &q, u->id);
	uint64_t retry_s = 1;
	if (!may_pass(x, b, &q.id, &retry_s))
		return limited(x, b, retry_s);
	count(b, "remembered");
	return admit(x, b, user);
}

static sluice_verdict basic_auth_on_request(sluice_exchange *x, const void *conf)
{
	const struct basic_auth *b = conf;
	struct credentials c;
	sluice_verdict v;
	switch (find(x, &c)) {
	case CREDENTIALS_GOOD:
		v = judge(x, b, &c);
		explicit_bzero(c.text, c.user.len + 1 + c.password.len);
		return v;
	case CREDENTIALS_NONE:
		count(b, "missing");
		challenge(x, b);
		sluice_credentials_absent(x);
		return sluice_refuse(x, 401, "login-missing", "A name and a password are needed.");
	case CREDENTIALS_MALFORMED:
	default:
		explicit_bzero(c.text, sizeof(c.text));
		count(b, "malformed");
		challenge(x, b);
		return sluice_refuse(x, 401, "login-malformed",
			"The field Authorization is malformed.");
	}
}

static const char *const basic_auth_provides[] = { "consumer", "groups", "consumer:", NULL };

SLUICE_PLUGIN("basic-auth", .version = "1.0",
	.summary = "admits requests with the name and password of a user",
	.options = basic_auth_options, .conf_size = sizeof(struct basic_auth),
	.check = basic_auth_check, .start = basic_auth_start, .stop = basic_auth_stop,
	.on_request = basic_auth_on_request, .provides = basic_auth_provides);
