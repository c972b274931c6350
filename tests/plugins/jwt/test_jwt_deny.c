/* The deny list of jwt, with a Redis of the test and a clock that it moves: pages, messages,
 * losses, bounds, and what requests get meanwhile. */
#include <sluice/str.h>

#include <stdio.h>
#include <stdlib.h>

#include "issuers.h"
#include "kit.h"
#include "mint.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

#define IDP "https://idp.example/"
#define KEY "sluice:deny"
#define LATER "1700009000"
enum { PAGE = 2, MEMBERS = 8 };

/* ---- the set -------------------------------------------------------------------------------- */

static struct {
	const char *members[MEMBERS]; /* with their scores: "sub:alice 1700009000" */
	size_t n;
	unsigned scans, pages, trims;
	sluice_status status;
	bool endless;          /* the cursor never ends */
	void (*between)(void); /* called once, after the first page */
} set;

static sluice_store *store;

static sluice_value text_of(const char *s, size_t n)
{
	return (sluice_value){ .type = SLUICE_V_STR, .s = sluice_str_n(s, n) };
}

static sluice_status scan(const kit_call *call, sluice_value *reply)
{
	static sluice_value parts[2], list[2 * MEMBERS];
	static char cursor[16];
	size_t at = strtoul(call->args[2].data, NULL, 10), n = 0;
	set.pages++;
	set.scans += at == 0;
	for (; at < set.n && n < PAGE; at++, n++) {
		const char *m = set.members[at], *score = strrchr(m, ' ');
		list[2 * n] = text_of(m, (size_t)(score - m));
		list[2 * n + 1] = text_of(score + 1, strlen(score + 1));
	}
	(void)snprintf(cursor, sizeof cursor, "%zu", at < set.n || set.endless ? at : 0);
	parts[0] = text_of(cursor, strlen(cursor));
	parts[1] = (sluice_value){ .type = SLUICE_V_LIST, .v = list, .n = 2 * n };
	*reply = (sluice_value){ .type = SLUICE_V_LIST, .v = parts, .n = 2 };
	void (*between)(void) = set.between;
	set.between = NULL;
	if (between)
		between();
	return SLUICE_OK;
}

static sluice_status redis(void *ctx, const kit_call *call, sluice_value *reply)
{
	(void)ctx;
	if (set.status != SLUICE_OK) {
		*reply = text_of("NOPERM", 6);
		return set.status;
	}
	if (sluice_str_is(call->args[0], "ZSCAN"))
		return scan(call, reply);
	set.trims += sluice_str_is(call->args[0], "ZREMRANGEBYSCORE");
	return SLUICE_OK;
}

static void begin(void)
{
	kit_reset();
	memset(&set, 0, sizeof set);
	kit_file("keys.json", mint_jwks(mint_jwk(MINT_RSA, "a", NULL), NULL));
	store = kit_store("revoked", SLUICE_STORE_REDIS);
	kit_store_handle(store, redis, NULL);
}

static void put(const char *member)
{
	set.members[set.n++] = member;
}

static sluice_instance *make(const char *option, const char *value)
{
	return kit_instance(&sluice_plugin_record, "issuer", IDP, "jwks", "file:keys.json",
		"deny.store", "revoked", "deny.refresh", "60s", option ? option : "leeway",
		option ? value : "5s", NULL);
}

static sluice_instance *started(const char *option, const char *value)
{
	sluice_instance *i = make(option, value);
	kit_start(i);
	kit_advance(20);
	return i;
}

/* ---- requests ------------------------------------------------------------------------------- */

static sluice_exchange *request(sluice_instance *i, const char *claims)
{
	const char *token = mint(MINT_RSA, "RS256", "a",
		mint_text("{\"iss\":\"" IDP "\",\"exp\":1700090000,\"iat\":1700000000,%s}",
			claims));
	return kit_request(i, "GET", "/", "Authorization", mint_text("Bearer %s", token), NULL);
}

static const char *ask(sluice_instance *i, const char *claims)
{
	static char code[64];
	sluice_exchange *x = request(i, claims);
	const char *said = kit_verdict(x) == SLUICE_NEXT ? "in" : kit_code(x);
	(void)snprintf(code, sizeof code, "%s", said ? said : "waits");
	kit_end(x);
	return code;
}

#define ALICE "\"sub\":\"alice\",\"jti\":\"t1\""
#define BOB "\"sub\":\"bob\",\"sid\":\"s1\""
#define IS_IN(claims) assert_string_equal(ask(i, claims), "in")
#define IS_OUT(claims) assert_string_equal(ask(i, claims), "token-revoked")
#define IS_UNKNOWN(claims) assert_string_equal(ask(i, claims), "deny-list-unavailable")

static sluice_dependency told(sluice_instance *i)
{
	sluice_dependency d;
	assert_true(kit_dependency(i, "deny:" KEY, &d));
	return d;
}

/* ---- reading -------------------------------------------------------------------------------- */

TEST(a_list_of_several_pages)
{
	begin();
	put("sub:carol " LATER), put("sid:s1 " LATER), put("sub:old 1699900000"), put("x 5"),
		put(IDP "|jti:t1 inf");
	sluice_instance *i = started(NULL, NULL);
	assert_int_equal(set.pages, 3);
	IS_OUT(ALICE);
	IS_OUT(BOB);
	IS_IN("\"sub\":\"old\"");
	assert_int_equal(set.trims, 1);
	assert_int_equal(told(i).entries, 3);
	assert_int_equal(told(i).state, SLUICE_DEPENDENCY_FAILING);
	assert_non_null(strstr(kit_log(), "warn: 1 members of the deny list " KEY));
	set.n = 0;
	kit_advance(60000);
	assert_int_equal(set.scans, 2);
	IS_IN(ALICE);
	assert_int_equal(told(i).state, SLUICE_DEPENDENCY_OK);
	kit_stop(i);
}

TEST(a_request_waits_for_the_first_reading)
{
	begin();
	put("sub:alice " LATER);
	sluice_instance *i = make(NULL, NULL);
	kit_start(i);
	sluice_exchange *alice = request(i, ALICE), *bob = request(i, BOB);
	assert_int_equal(kit_verdict(alice), SLUICE_WAIT);
	assert_int_equal(kit_verdict(bob), SLUICE_WAIT);
	kit_advance(20);
	assert_string_equal(kit_code(alice), "token-revoked");
	assert_int_equal(kit_verdict(bob), SLUICE_NEXT);
	assert_string_equal(kit_attr(bob, "claim:sub"), "bob");
	kit_end(alice);
	kit_end(bob);
	kit_stop(i);
}

TEST(a_first_reading_that_fails)
{
	begin();
	set.status = SLUICE_ERROR;
	sluice_instance *i = make(NULL, NULL);
	kit_start(i);
	sluice_exchange *x = request(i, ALICE);
	kit_advance(20);
	assert_string_equal(kit_code(x), "deny-list-unavailable");
	assert_int_equal(kit_status(x), 503);
	kit_end(x);
	IS_UNKNOWN(ALICE);
	assert_int_equal(told(i).state, SLUICE_DEPENDENCY_AWAITED);
	assert_non_null(strstr(kit_log(), "Redis answers: NOPERM"));
	set.status = SLUICE_OK;
	kit_advance(1000);
	IS_IN(ALICE);
	assert_non_null(strstr(kit_log(), "is read again"));
	kit_stop(i);
	i = started("deny.on_failure", "allow");
	IS_IN(ALICE);
	kit_stop(i);
}

TEST(a_reading_without_an_end)
{
	begin();
	put("sub:alice " LATER);
	set.endless = true;
	sluice_instance *i = started(NULL, NULL);
	kit_advance(61000);
	assert_non_null(strstr(told(i).text.data, "longer than a minute"));
	set.endless = false;
	kit_advance(61000);
	IS_OUT(ALICE);
	kit_stop(i);
}

/* ---- messages ------------------------------------------------------------------------------- */

static void say(const char *message)
{
	assert_int_equal(kit_store_publish(store, KEY, message), 1);
}

TEST(messages_are_in_force_at_once)
{
	begin();
	sluice_instance *i = started(NULL, NULL);
	IS_IN(ALICE);
	kit_advance(50);
	say("sub:alice " LATER);
	kit_advance(0);
	IS_OUT(ALICE);
	say("sub:alice 0");
	say("sid:s1 1700000002");
	kit_advance(1);
	IS_OUT(ALICE); /* one table in 50 ms */
	kit_advance(49);
	IS_IN(ALICE);
	IS_OUT(BOB);
	kit_advance(8000); /* and the leeway */
	IS_IN(BOB);
	say("rubbish"), say("sub: 5"), say("");
	const char *log = kit_log();
	assert_non_null(strstr(log, "denies nothing"));
	assert_null(strstr(strstr(log, "denies nothing") + 1, "denies nothing"));
	kit_stop(i);
}

static void take_back(void)
{
	say("sub:alice 0");
	say("sub:dan " LATER);
}

/* What was said while the pages came counts, whichever page had the member. */
TEST(messages_while_it_is_read)
{
	begin();
	put("sub:alice " LATER), put("sub:x " LATER), put("sub:y " LATER);
	sluice_instance *i = started(NULL, NULL);
	IS_OUT(ALICE);
	set.between = take_back;
	kit_advance(60100);
	assert_int_equal(set.scans, 2);
	IS_IN(ALICE);
	IS_OUT("\"sub\":\"dan\"");
	kit_stop(i);
}

static void deny_dan(void)
{
	say("sub:dan " LATER);
}

/* Tables have pauses between them, but the list is current only with that of the reading. */
TEST(a_message_right_before_the_last_page)
{
	begin();
	sluice_instance *i = started(NULL, NULL);
	put("sub:x " LATER), put("sub:y " LATER), put("sub:alice " LATER);
	set.between = deny_dan;
	kit_store_channels(store, false);
	kit_store_channels(store, true);
	kit_advance(10);
	assert_int_equal(set.pages, 3);
	assert_int_equal(told(i).state, SLUICE_DEPENDENCY_OK);
	IS_OUT(ALICE);
	IS_OUT("\"sub\":\"dan\"");
	kit_stop(i);
}

/* A score that is the `exp` of the token suffices. */
TEST(members_matter_for_the_leeway_too)
{
	begin();
	put("sub:alice 1699999990"), put("sub:bob 1700000010");
	sluice_instance *strict = started("leeway", "0");
	assert_int_equal(told(strict).entries, 1);
	sluice_instance *i = started("leeway", "30s");
	IS_OUT(ALICE);
	kit_advance(18000);
	IS_OUT(ALICE);
	assert_string_equal(ask(strict, BOB), "in");
	kit_advance(4000);
	IS_IN(ALICE);
	IS_OUT(BOB);
	assert_int_equal(set.trims, 0); /* the clock may be ahead of others */
	kit_stop(i);
	kit_stop(strict);
}

/* ---- losses --------------------------------------------------------------------------------- */

TEST(a_connection_that_comes_back_has_it_read_anew)
{
	begin();
	sluice_instance *i = started(NULL, NULL);
	kit_store_channels(store, false);
	assert_int_equal(told(i).state, SLUICE_DEPENDENCY_FAILING);
	put("sub:alice " LATER);
	IS_IN(ALICE);
	kit_store_channels(store, true);
	kit_advance(100);
	IS_OUT(ALICE);
	assert_int_equal(set.scans, 2);
	assert_int_equal(told(i).state, SLUICE_DEPENDENCY_OK);
	kit_stop(i);
}

static sluice_instance *looked_at;

static void look(void)
{
	assert_int_equal(told(looked_at).state, SLUICE_DEPENDENCY_FAILING);
}

static void reconnect(void)
{
	set.between = look;
	kit_store_channels(store, false);
	kit_store_channels(store, true);
}

/* What was said in between may stand on a page that was read before. */
TEST(a_reading_from_before_the_connection_does_not_make_it_current)
{
	begin();
	looked_at = started(NULL, NULL);
	set.between = reconnect;
	kit_advance(60100);
	assert_null(set.between);
	assert_int_equal(set.scans, 3);
	assert_int_equal(told(looked_at).state, SLUICE_DEPENDENCY_OK);
	kit_stop(looked_at);
}

static void lose_for_long(sluice_instance *i)
{
	kit_store_channels(store, false);
	set.status = SLUICE_UNREACHABLE;
	kit_advance(299000);
	IS_IN(BOB);
	IS_OUT(ALICE);
	kit_advance(1001);
	assert_int_equal(told(i).state, SLUICE_DEPENDENCY_LOST);
	assert_non_null(strstr(kit_log(), "Redis is away for longer than max_stale"));
	IS_OUT(ALICE);
}

TEST(redis_is_away_for_longer_than_max_stale)
{
	begin();
	put("sub:alice " LATER);
	sluice_instance *i = started(NULL, NULL);
	lose_for_long(i);
	IS_UNKNOWN(BOB);
	set.status = SLUICE_OK;
	kit_store_channels(store, true);
	kit_advance(100);
	IS_IN(BOB);
	kit_stop(i);
	i = started("deny.on_failure", "allow");
	lose_for_long(i);
	IS_IN(BOB);
	kit_stop(i);
}

TEST(without_the_right_to_subscribe_it_is_read_by_refresh)
{
	begin();
	kit_store_channels(store, false);
	put("sub:alice " LATER);
	sluice_instance *i = make(NULL, NULL);
	kit_start(i);
	kit_advance(1020);
	IS_OUT(ALICE);
	assert_non_null(strstr(told(i).text.data, "its channel is not connected"));
	put("sub:bob " LATER);
	kit_advance(600000);
	IS_OUT(BOB);
	kit_stop(i);
}

TEST(more_members_than_it_may_have)
{
	begin();
	put("sub:alice " LATER), put("sub:a " LATER);
	sluice_instance *i = started("deny.max_entries", "2");
	IS_IN(BOB);
	assert_non_null(strstr(told(i).text.data, "it has 2 of max_entries (2) members"));
	kit_advance(50);
	say("sub:c 1700000100");
	kit_advance(50);
	IS_OUT(ALICE);
	IS_UNKNOWN(BOB);
	assert_int_equal(told(i).state, SLUICE_DEPENDENCY_LOST);
	put("sub:c 1700000100");
	kit_advance(60000);
	IS_UNKNOWN(BOB);
	assert_non_null(strstr(kit_log(), "more than max_entries"));
	kit_advance(51000); /* its time is over, and the leeway */
	IS_IN(BOB);
	kit_stop(i);
}

/* ---- instances ------------------------------------------------------------------------------ */

TEST(the_next_instance_has_the_list_at_once)
{
	begin();
	put("sub:alice " LATER);
	sluice_instance *old = started(NULL, NULL), *i = make("deny.refresh", "30s");
	assert_int_equal(kit_check(i), 0); /* it only looks */
	unsigned scans = set.scans;
	kit_start(i);
	IS_OUT(ALICE);
	kit_stop(old);
	IS_OUT(ALICE);
	kit_advance(100);
	assert_int_equal(set.scans, scans);
	say("sub:bob " LATER);
	kit_advance(50);
	IS_OUT(BOB);
	set.n = 0;
	kit_advance(60000);
	IS_IN(ALICE);
	kit_stop(i);
}

TEST(a_while_in_which_nobody_follows)
{
	begin();
	sluice_instance *old = started(NULL, NULL), *i = make(NULL, NULL);
	assert_int_equal(kit_check(i), 0);
	kit_stop(old);
	assert_int_equal(told(i).state, SLUICE_DEPENDENCY_FAILING);
	put("sub:alice " LATER);
	kit_advance(1000);
	kit_start(i);
	kit_advance(20);
	assert_int_equal(set.scans, 2);
	IS_OUT(ALICE);
	assert_int_equal(told(i).state, SLUICE_DEPENDENCY_OK);
	kit_stop(i);
}

TEST(the_reader_leaves_while_nobody_else_is_in_force)
{
	begin();
	sluice_instance *old = started(NULL, NULL), *i = make(NULL, NULL);
	put("sub:alice " LATER);
	assert_int_equal(kit_check(i), 0);
	kit_store_channels(store, false);
	kit_store_channels(store, true); /* a reading begins */
	kit_stop(old);
	kit_advance(1000);
	kit_start(i);
	kit_advance(1100);
	IS_OUT(ALICE);
	assert_int_equal(told(i).state, SLUICE_DEPENDENCY_OK);
	kit_stop(i);
}

TEST(a_longer_list_and_a_shorter_refresh_have_effect_at_once)
{
	begin();
	put("sub:alice " LATER), put("sub:a " LATER);
	sluice_instance *i = started("deny.max_entries", "1");
	IS_UNKNOWN(BOB);
	sluice_instance *longer = started("deny.max_entries", "10");
	kit_advance(20);
	IS_IN(BOB);
	IS_OUT(ALICE);
	unsigned scans = set.scans;
	sluice_instance *sooner = started("deny.refresh", "2s");
	kit_advance(2000);
	assert_int_equal(set.scans, scans + 1);
	kit_stop(i);
	kit_stop(longer);
	kit_stop(sooner);
}

TEST(nothing_is_published)
{
	const struct deny_view *v = issuers_deny(NULL);
	assert_int_equal(v->state, DENY_AWAITED);
	assert_false(v->is_coming);
	assert_null(v->table);
}

TEST(options_that_are_wrong)
{
	begin();
	(void)kit_store("memory", SLUICE_STORE_MEMORY);
	sluice_instance *i = make("deny.store", "memory");
	assert_int_equal(kit_check(i), -1);
	assert_non_null(strstr(kit_errors(i), "deny.store"));
	kit_stop(i);
	i = make("deny.max_stale", "10s");
	assert_int_equal(kit_check(i), -1);
	assert_non_null(strstr(kit_errors(i), "is shorter than deny.refresh"));
	kit_stop(i);
}
