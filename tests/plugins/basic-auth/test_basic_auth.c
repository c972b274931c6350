/* The plugin basic-auth in the kit. Its threads are real ones, by pthread_create(), so that
 * `make check-threads` runs this file as well; the kit's clock moves by a millisecond for each look
 * at what they have done. */
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

#include "conf.h"
#include "hashes.h"
#include "kit.h"
#include "test.h"

#include <sluice/str.h>

extern const sluice_plugin sluice_plugin_record;

#define USERS "{alice: '" BCRYPT "', bob: '" SHA256 "'}"
/* It takes some 200 ms: the kit's time passes first. */
#define COSTLY "{alice: '$2y$12$abcdefghijklmnopqrstuuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'}"
#define CHALLENGE "Basic realm=\"instance\", charset=\"UTF-8\""

static int setup(void **state)
{
	(void)state;
	kit_reset();
	return 0;
}

#define started(...) start_it(kit_instance(&sluice_plugin_record, __VA_ARGS__, NULL))

static sluice_instance *start_it(sluice_instance *i)
{
	kit_start(i);
	return i;
}

static void authorize(sluice_exchange *x, const char *user, const char *password)
{
	static char values[32][256]; /* the kit borrows them */
	static unsigned turn;
	char plain[128], *value = values[turn++ % 32];
	(void)sluice_str_put(value, SLUICE_STR("Basic "));
	int n = snprintf(plain, sizeof(plain), "%s:%s", user, password);
	EVP_EncodeBlock((unsigned char *)value + 6, (unsigned char *)plain, n);
	kit_add_header(x, SLUICE_REQUEST, "Authorization", value);
}

/* A request with these credentials, as far as its hook gets at once. */
static sluice_exchange *ask_from(sluice_instance *i, const char *client, const char *user,
	const char *password)
{
	sluice_exchange *x = kit_exchange(i, "GET", "/");
	kit_set_info(x, SLUICE_I_CLIENT_IP, client);
	authorize(x, user, password);
	(void)kit_run(x);
	return x;
}

static sluice_exchange *ask(sluice_instance *i, const char *user, const char *password)
{
	return ask_from(i, "203.0.113.7", user, password);
}

static sluice_verdict wait_for(sluice_exchange *x)
{
	for (unsigned n = 0; kit_verdict(x) == SLUICE_WAIT && n < 4000; n++) {
		(void)usleep(1000);
		kit_advance(1);
	}
	return kit_verdict(x);
}

static uint64_t hashes(sluice_instance *i)
{
	return pool_begun(((struct basic_auth *)kit_conf(i))->pool);
}

/* The code of the refusal, or "" for a request that passes. now: no hash was computed for it. */
static const char *login(sluice_instance *i, const char *user, const char *password, bool *now)
{
	static char code[64];
	uint64_t before = hashes(i);
	sluice_exchange *x = ask(i, user, password);
	sluice_verdict v = wait_for(x);
	if (now)
		*now = hashes(i) == before;
	assert_true(v == SLUICE_NEXT || v == SLUICE_REPLY);
	(void)snprintf(code, sizeof(code), "%s", v == SLUICE_NEXT ? "" : kit_code(x));
	kit_end(x);
	return code;
}

/* ---- who is admitted ----------------------------------------------------------------------- */

TEST_WITH(no_credentials, setup, NULL)
{
	sluice_instance *i = started("users", USERS);
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 401);
	assert_string_equal(kit_code(x), "login-missing");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"), CHALLENGE);
	kit_end(x);
	x = kit_request(i, "GET", "/", "Authorization", "Bearer abc", NULL);
	assert_string_equal(kit_code(x), "login-missing");
	kit_end(x);
	x = kit_request(i, "GET", "/", "Authorization", "Basic abc", NULL);
	assert_int_equal(kit_status(x), 401);
	assert_string_equal(kit_code(x), "login-malformed");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"), CHALLENGE);
	kit_end(x);
	x = kit_request(i, "GET", "/", "Authorization", "Basic YTph", "authorization", "Basic YTph",
		NULL);
	assert_string_equal(kit_code(x), "login-malformed");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_right_password, setup, NULL)
{
	sluice_instance *i = started("users", USERS);
	sluice_exchange *x = ask(i, "alice", "secret");
	assert_int_equal(wait_for(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "consumer"), "alice");
	assert_null(kit_attr(x, "groups"));
	assert_null(kit_header(x, SLUICE_REQUEST, "Authorization"));
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(credentials_are_forwarded_where_it_is_said, setup, NULL)
{
	sluice_instance *i = started("users", USERS, "forward_credentials", "true", "realm",
		"the \"inner\" \\ ring");
	sluice_exchange *x = ask(i, "bob", "secret");
	assert_int_equal(wait_for(x), SLUICE_NEXT);
	assert_non_null(kit_header(x, SLUICE_REQUEST, "Authorization"));
	kit_end(x);
	x = kit_request(i, "GET", "/", NULL);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"),
		"Basic realm=\"the \\\"inner\\\" \\\\ ring\", charset=\"UTF-8\"");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_wrong_password_and_an_unknown_user_are_alike, setup, NULL)
{
	sluice_instance *i = started("users", USERS);
	static const char *const users[] = { "alice", "mallory", "" };
	for (size_t n = 0; n < 3; n++) {
		sluice_exchange *x = ask(i, users[n], "Secret");
		assert_int_equal(wait_for(x), SLUICE_REPLY);
		assert_int_equal(hashes(i), n + 1); /* one is computed in each case */
		assert_int_equal(kit_status(x), 401);
		assert_string_equal(kit_code(x), "login-wrong");
		assert_string_equal(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"), CHALLENGE);
		assert_null(kit_attr(x, "consumer"));
		kit_end(x);
	}
	/* the password of the user whose hash stands in */
	assert_string_equal(login(i, "mallory", "secret", NULL), "login-wrong");
	assert_string_equal(login(i, "mallory", "secret", NULL), "login-wrong");
	assert_null(strstr(kit_log(), "ecret"));
	kit_stop(i);
}

TEST_WITH(groups, setup, NULL)
{
	kit_file("groups", "admins: alice\nops: alice bob\nstaff: bob\n");
	sluice_instance *i =
		started("users", USERS, "groups_file", "groups", "groups", "[admins, root]");
	sluice_exchange *x = ask(i, "alice", "secret");
	assert_int_equal(wait_for(x), SLUICE_NEXT);
	assert_string_equal(kit_attr(x, "groups"), "admins,ops");
	kit_end(x);
	for (unsigned n = 0; n < 2; n++) { /* also when it is remembered */
		x = ask(i, "bob", "secret");
		assert_int_equal(wait_for(x), SLUICE_REPLY);
		assert_int_equal(kit_status(x), 403);
		assert_string_equal(kit_code(x), "login-group");
		assert_null(kit_header(x, SLUICE_RESPONSE, "WWW-Authenticate"));
		kit_end(x);
	}
	kit_stop(i);
}

/* ---- remembering --------------------------------------------------------------------------- */

TEST_WITH(a_login_is_remembered_for_a_while, setup, NULL)
{
	sluice_instance *i = started("users", USERS, "cache_ttl", "1m");
	bool now;
	assert_string_equal(login(i, "alice", "secret", &now), "");
	assert_false(now);
	assert_string_equal(login(i, "alice", "secret", &now), "");
	assert_true(now);
	assert_string_equal(login(i, "alice", "secre", &now), "login-wrong");
	assert_false(now);
	assert_string_equal(login(i, "bob", "secret", &now), "");
	assert_false(now);
	kit_advance(61000);
	assert_string_equal(login(i, "alice", "secret", &now), "");
	assert_false(now);
	kit_stop(i);
}

TEST_WITH(nothing_is_remembered_without_a_cache, setup, NULL)
{
	sluice_instance *i = started("users", USERS, "cache", "0");
	bool now;
	for (unsigned n = 0; n < 2; n++) {
		assert_string_equal(login(i, "alice", "secret", &now), "");
		assert_false(now);
	}
	kit_stop(i);
}

/* ---- many at once -------------------------------------------------------------------------- */

TEST_WITH(requests_that_ask_the_same_wait_for_one_hash, setup, NULL)
{
	sluice_instance *i = started("users", COSTLY, "failures", "2/h", "queue", "1", "threads",
		"1", "timeout", "1m");
	sluice_exchange *x[20];
	for (size_t n = 0; n < 20; n++) {
		x[n] = ask(i, "alice", "1");
		assert_int_equal(kit_verdict(x[n]), SLUICE_WAIT);
	}
	kit_end(x[0]); /* the one that began it leaves */
	assert_int_equal(hashes(i), 1);
	for (size_t n = 1; n < 20; n++) {
		assert_int_equal(wait_for(x[n]), SLUICE_REPLY);
		kit_end(x[n]);
	}
	kit_stop(i);
}

TEST_WITH(wrong_passwords_are_limited, setup, NULL)
{
	sluice_instance *i = started("users", USERS, "failures", "3/min");
	bool now;
	assert_string_equal(login(i, "bob", "secret", NULL), "");
	for (unsigned n = 0; n < 3; n++)
		assert_string_equal(login(i, "alice", "guess", NULL), "login-wrong");
	sluice_exchange *x = ask(i, "alice", "secret");
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 429);
	assert_string_equal(kit_code(x), "login-limited");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Retry-After"), "20");
	kit_end(x);
	/* who is remembered still passes, and so do others */
	assert_string_equal(login(i, "bob", "secret", &now), "");
	assert_true(now);
	x = ask_from(i, "2001:db8::1", "alice", "secret");
	assert_int_equal(wait_for(x), SLUICE_NEXT);
	kit_end(x);
	kit_advance(20000);
	assert_string_equal(login(i, "alice", "guess", NULL), "login-wrong");
	assert_string_equal(login(i, "alice", "guess", NULL), "login-limited");
	kit_stop(i);
}

/* A login that needs no check would tell a guesser that he is right. */
TEST_WITH(a_spent_budget_shows_nothing_of_remembered_logins, setup, NULL)
{
	sluice_instance *i = started("users", USERS, "failures", "3/min");
	assert_string_equal(login(i, "alice", "secret", NULL), "");
	for (unsigned n = 0; n < 3; n++) {
		sluice_exchange *x = ask_from(i, "192.0.2.66", "alice", "guess");
		(void)wait_for(x);
		assert_string_equal(kit_code(x), "login-wrong");
		kit_end(x);
	}
	sluice_exchange *x = ask_from(i, "192.0.2.66", "alice", "secret");
	assert_int_equal(wait_for(x), SLUICE_REPLY);
	assert_string_equal(kit_code(x), "login-limited");
	kit_end(x);
	/* from where she has logged in she passes, remembered or not */
	assert_string_equal(login(i, "alice", "secret", NULL), "");
	kit_advance(20000);
	x = ask_from(i, "192.0.2.66", "alice", "secret");
	assert_int_equal(wait_for(x), SLUICE_NEXT);
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(a_known_login_is_verified_though_the_budget_is_spent, setup, NULL)
{
	sluice_instance *i = started("users", USERS, "failures", "2/min", "cache", "0");
	assert_string_equal(login(i, "alice", "secret", NULL), "");
	for (unsigned n = 0; n < 2; n++)
		assert_string_equal(login(i, "bob", "guess", NULL), "login-wrong");
	assert_string_equal(login(i, "bob", "secret", NULL), "login-limited");
	assert_string_equal(login(i, "alice", "secret", NULL), "");
	kit_stop(i);
}

TEST_WITH(right_passwords_cost_nothing, setup, NULL)
{
	sluice_instance *i = started("users", USERS, "failures", "1/h", "cache", "0");
	for (unsigned n = 0; n < 5; n++)
		assert_string_equal(login(i, "alice", "secret", NULL), "");
	kit_stop(i);
}

TEST_WITH(a_full_queue, setup, NULL)
{
	sluice_instance *i = started("users", COSTLY, "threads", "1", "queue", "1");
	sluice_exchange *x = ask(i, "alice", "1"), *y = ask(i, "alice", "2"),
			*z = ask(i, "alice", "3");
	assert_int_equal(kit_verdict(x), SLUICE_WAIT);
	assert_int_equal(kit_verdict(y), SLUICE_WAIT);
	assert_int_equal(kit_verdict(z), SLUICE_REPLY);
	assert_int_equal(kit_status(z), 503);
	assert_string_equal(kit_code(z), "login-busy");
	assert_string_equal(kit_header(z, SLUICE_RESPONSE, "Retry-After"), "1");
	kit_end(z);
	kit_end(y); /* it leaves, and makes room */
	z = ask(i, "alice", "4");
	assert_int_equal(kit_verdict(z), SLUICE_WAIT);
	kit_end(x);
	kit_end(z);
	kit_stop(i);
}

TEST_WITH(a_deadline, setup, NULL)
{
	sluice_instance *i = started("users", COSTLY, "timeout", "100ms");
	sluice_exchange *x = ask(i, "alice", "1");
	kit_advance(100);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 503);
	assert_string_equal(kit_code(x), "login-timeout");
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Retry-After"), "1");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(clients_that_leave, setup, NULL)
{
	sluice_instance *i = started("users", COSTLY);
	for (unsigned n = 0; n < 10; n++) {
		char password[8];
		(void)snprintf(password, sizeof(password), "%u", n);
		kit_end(ask(i, "alice", password));
	}
	kit_stop(i);
}

/* ---- files --------------------------------------------------------------------------------- */

TEST_WITH(a_file_is_exchanged, setup, NULL)
{
	kit_file("users", "alice:" BCRYPT "\nbob:" BCRYPT "\n");
	sluice_instance *i = started("file", "users");
	bool now;
	assert_string_equal(login(i, "alice", "secret", NULL), "");
	assert_string_equal(login(i, "bob", "secret", NULL), "");
	/* bob's hash is another one, and alice is gone */
	kit_file("users", "carol:" BCRYPT "\nbob:" SHA256 "\n");
	kit_advance(5250);
	assert_non_null(strstr(kit_log(), "users has changed: 2 users"));
	assert_string_equal(login(i, "alice", "secret", NULL), "login-wrong");
	assert_string_equal(login(i, "bob", "secret", &now), "");
	assert_false(now);
	assert_string_equal(login(i, "carol", "secret", NULL), "");
	kit_stop(i);
}

TEST_WITH(a_file_with_a_mistake_leaves_what_was, setup, NULL)
{
	kit_file("users", "alice:" BCRYPT "\n");
	kit_file("groups", "admins: alice\n");
	sluice_instance *i = started("file", "users", "groups_file", "groups", "groups", "admins");
	kit_file("users", "bob:" BCRYPT "\nalice:secret\n");
	kit_advance(6000);
	const char *log = kit_log();
	assert_non_null(strstr(log,
		"error: users:2: the entry of \"alice\" is no hash, or one of an "
		"unknown kind; users is not used"));
	assert_null(strstr(log, "secret"));
	assert_string_equal(login(i, "alice", "secret", NULL), "");
	assert_string_equal(login(i, "bob", "secret", NULL), "login-wrong");
	kit_file("groups", "admins: bob\n"); /* the other file is taken, with the old users */
	kit_advance(6000);
	assert_string_equal(login(i, "alice", "secret", NULL), "login-group");
	kit_file("users", "bob:" BCRYPT "\n");
	kit_advance(6000);
	assert_string_equal(login(i, "bob", "secret", NULL), "");
	kit_file("users", "");
	kit_advance(6000);
	assert_non_null(strstr(kit_log(), "there are no users: nobody can log in"));
	assert_string_equal(login(i, "bob", "secret", NULL), "login-wrong");
	kit_stop(i);
}

/* A login that is verified while the file changes counts by the new file. */
TEST_WITH(a_file_that_changes_meanwhile, setup, NULL)
{
	kit_file("users", "alice:$2y$10$abcdefghijklmnopqrstuuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
	sluice_instance *i = started("file", "users", "timeout", "1m");
	sluice_exchange *x = ask(i, "alice", "1");
	kit_file("users", "alice:" BCRYPT "\n");
	kit_advance(5250);
	assert_int_equal(wait_for(x), SLUICE_REPLY);
	assert_string_equal(kit_code(x), "login-wrong");
	kit_end(x);
	kit_stop(i);
}

TEST_WITH(weak_hashes_are_named, setup, NULL)
{
	sluice_instance *i =
		started("users", "{a: '" APR1 "', b: '" MD5CRYPT "', c: '" BCRYPT "'}");
	assert_non_null(strstr(kit_log(), "2 of 3 passwords have MD5 hashes"));
	assert_string_equal(login(i, "a", "secret", NULL), "");
	kit_stop(i);
}

/* ---- mistakes ------------------------------------------------------------------------------ */

#define refused(says, ...) refuse_it(kit_instance(&sluice_plugin_record, __VA_ARGS__, NULL), says)

static void refuse_it(sluice_instance *i, const char *says)
{
	assert_int_equal(kit_check(i), -1);
	if (!strstr(kit_errors(i), says))
		fail_msg("\"%s\" does not say \"%s\"", kit_errors(i), says);
	kit_stop(i);
}

TEST_WITH(mistakes, setup, NULL)
{
	kit_file("bad", "a:" BCRYPT "\nb:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
	kit_file("twice", "a:" BCRYPT "\nb:" BCRYPT "\na:" BCRYPT "\n");
	kit_file("groups", "admins alice\n");
	refused("neither file nor users is given", "realm", "x");
	refused("file: cannot read none: No such file", "file", "none");
	refused("file: bad:2: the entry of \"b\" is SHA-1 without a salt", "file", "bad");
	refused("file: twice:3: the entry of \"a\" is there twice", "file", "twice");
	refused("users.bob: the entry of \"bob\" is no hash", "users", "{bob: secret}");
	refused("groups_file: groups:1: the line has no colon", "users", USERS, "groups_file",
		"groups");
	refused("groups: needs groups_file", "users", USERS, "groups", "admins");
	refused("realm: may have printable ASCII", "users", USERS, "realm", "caf\xc3\xa9");
}

TEST_WITH(no_memory, setup, NULL)
{
	sluice_instance *i = started("users", USERS);
	for (size_t budget = 0; budget < 600; budget += 24) {
		sluice_exchange *x = kit_exchange(i, "GET", "/");
		authorize(x, "alice", "secret");
		kit_set_budget(x, budget);
		(void)kit_run(x);
		sluice_verdict v = wait_for(x);
		assert_true(v == SLUICE_FAIL || v == SLUICE_NEXT || v == SLUICE_REPLY);
		kit_end(x);
	}
	kit_stop(i);
}
