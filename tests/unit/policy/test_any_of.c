/* policy/any_of: who is asked, who is skipped, and which refusal is the answer. */
#include "policy/any_of.h"
#include "policy/attr.h"
#include "walk_kit.h"

/* The plugins 1 and 2 are alternatives between 0 and 3. */
static const uint32_t two[] = { 1, 2 };
static const struct any_of middle[] = {
	{ .first = 1, .end = 3, .branches = two, .n_branches = 2 }
};

static sluice_verdict challenge(sluice_exchange *x, const void *conf)
{
	const struct part *p = conf;
	char text[32];
	int n = snprintf(text, sizeof(text), "Scheme%u realm=\"r\"", p->n);
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("WWW-Authenticate"),
		str_n(text, (size_t)n));
	return sluice_refuse(x, 401, "wrong", "Not these.");
}

static sluice_verdict challenge_absent(sluice_exchange *x, const void *conf)
{
	(void)challenge(x, conf);
	sluice_credentials_absent(x);
	return sluice_refuse(x, 401, "missing", "There are none.");
}

/* Two challenges in one field of the answer itself, as an authorization server sends them; beside
 * another field. */
static sluice_verdict challenge_list(sluice_exchange *x, const void *conf)
{
	(void)conf;
	static const sluice_pair v[] = { { SLUICE_STR("WWW-Authenticate"),
						 SLUICE_STR("scheme1 realm=\"a, b\", x=1, Other") },
		{ SLUICE_STR("X-Why"), SLUICE_STR("asked") } };
	const sluice_answer a = { .size = sizeof(a), .status = 401, .headers = { v, 2 } };
	return sluice_answer_with(x, &a);
}

static sluice_verdict forbid(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("X-Why"), SLUICE_STR("forbidden"));
	return sluice_refuse(x, 403, "forbidden", "Not you.");
}

/* An address that may not come in: no credentials would change that. */
static sluice_verdict bar(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_credentials_absent(x);
	return sluice_refuse(x, 403, "barred", "Not from there.");
}

static sluice_verdict to_login(sluice_exchange *x, const void *conf)
{
	(void)conf;
	static const sluice_pair v = { SLUICE_STR("Location"), SLUICE_STR("/login") };
	const sluice_answer a = { .size = sizeof(a), .status = 302, .headers = { &v, 1 } };
	sluice_credentials_absent(x);
	return sluice_answer_with(x, &a);
}

static sluice_verdict give_up(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	return SLUICE_FAIL;
}

static sluice_verdict nap_and_challenge(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_sleep(x, 100, challenge);
}

static void released(void *arg)
{
	(*(unsigned *)arg)++;
}

static unsigned given_back;

/* 8 KiB that are lent */
static sluice_verdict lend(sluice_exchange *x, const void *conf)
{
	(void)conf;
	static char body[8192];
	const sluice_answer a = { .size = sizeof(a),
		.status = 403,
		.body = { body, sizeof(body) },
		.release = released,
		.arg = &given_back };
	return sluice_answer_with(x, &a);
}

static enum run_result ask(sluice_hook first, sluice_hook second)
{
	walk_begin(4, "", 0);
	walk_groups(middle, 1);
	parts[1].on_request = first;
	parts[2].on_request = second;
	return walk_request();
}

static const char *told(int status)
{
	assert_int_equal(walk_response(status), RUN_NEXT);
	return fields_text(&walk->response->fields);
}

/* ---- who is asked -------------------------------------------------------------------------- */

TEST(the_first_that_admits_is_the_last_that_runs)
{
	assert_int_equal(ask(NULL, challenge), RUN_NEXT);
	assert_string_equal(trace, "q0 q1 q3 ");
	assert_string_equal(told(200), "");
	walk_complete();
	assert_string_equal(trace, "q0 q1 q3 s3 s1 s0 c0 c1 c3 ");
	walk_end();
}

TEST(what_a_refusal_left_is_not_on_the_response)
{
	assert_int_equal(ask(challenge, NULL), RUN_NEXT);
	assert_string_equal(trace, "q0 q1 q2 q3 ");
	assert_int_equal(walk->answer.status, 0);
	assert_string_equal(told(200), "");
	walk_end();
}

TEST(one_that_waits)
{
	assert_int_equal(ask(nap_and_challenge, NULL), RUN_WAIT);
	fakewire_pass(200 * NS_PER_MS);
	assert_int_equal(resumed, 1);
	assert_int_equal(result, RUN_NEXT);
	assert_string_equal(trace, "q0 q1 q2 q3 ");
	walk_end();
}

TEST(one_that_fails)
{
	assert_int_equal(ask(give_up, NULL), RUN_NEXT);
	assert_string_equal(trace, "q0 q1 q2 q3 ");
	walk_end();
}

TEST(all_of_a_branch)
{
	static const uint32_t ends[] = { 2, 3 };
	static const struct any_of g[] = { { .end = 3, .branches = ends, .n_branches = 2 } };
	walk_begin(4, "", 0);
	walk_groups(g, 1);
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(trace, "q0 q1 q3 ");
	walk_end();

	walk_begin(4, "", 0);
	walk_groups(g, 1);
	parts[0].on_request = challenge;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(trace, "q0 q2 q3 ");
	walk_end();

	walk_begin(4, "", 0);
	walk_groups(g, 1);
	parts[1].on_request = challenge;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(trace, "q0 q1 q2 q3 ");
	walk_end();
}

TEST(two_groups)
{
	static const uint32_t ends[] = { 1, 2 };
	static const struct any_of g[] = { { .end = 2, .branches = ends, .n_branches = 2 },
		{ .first = 2, .end = 4, .branches = ends, .n_branches = 2 } };
	walk_begin(4, "", 0);
	walk_groups(g, 2);
	parts[0].on_request = challenge;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(trace, "q0 q1 q2 ");
	walk_end();
}

/* ---- which refusal ------------------------------------------------------------------------- */

static void assert_refused(sluice_hook first, sluice_hook second, int status, unsigned by,
	const char *fields)
{
	assert_int_equal(ask(first, second), RUN_REPLY);
	assert_int_equal(walk->answer.status, status);
	assert_int_equal(walk->decided_by, by);
	assert_string_equal(told(status), fields);
	assert_string_equal(trace, "q0 q1 q2 s0 "); /* who was passed over sees no response */
	walk_complete();
	assert_string_equal(trace, "q0 q1 q2 s0 c0 c1 c2 ");
	walk_end();
}

TEST(challenges_of_all)
{
	assert_refused(challenge_absent, challenge_absent, 401, 1,
		"WWW-Authenticate=Scheme1 realm=\"r\",WWW-Authenticate=Scheme2 realm=\"r\",");
}

TEST(who_judged_credentials_says_more)
{
	assert_refused(challenge_absent, challenge, 401, 2,
		"WWW-Authenticate=Scheme1 realm=\"r\",WWW-Authenticate=Scheme2 realm=\"r\",");
	assert_refused(challenge, challenge_absent, 401, 1,
		"WWW-Authenticate=Scheme1 realm=\"r\",WWW-Authenticate=Scheme2 realm=\"r\",");
}

/* What a plugin does to its challenge, one letter each: S sets one, A adds one, R removes all. Its
 * answer has one of its own. */
static sluice_verdict edit_challenges(sluice_exchange *x, const char *edits)
{
	static const sluice_pair own = { SLUICE_STR("www-authenticate"), SLUICE_STR("Own") };
	const sluice_answer a = { .size = sizeof(a), .status = 401, .headers = { &own, 1 } };
	const sluice_str name = SLUICE_STR("WWW-Authenticate");
	char text[] = "X0";
	for (; *edits; edits++) {
		text[0] = *edits;
		text[1]++;
		if (*edits == 'S')
			sluice_field_set(x, SLUICE_RESPONSE, name, str_of(text));
		else if (*edits == 'A')
			sluice_field_add(x, SLUICE_RESPONSE, name, str_of(text));
		else
			sluice_field_remove(x, SLUICE_RESPONSE, SLUICE_STR("www-authenticatE"));
	}
	return sluice_answer_with(x, &a);
}

static const char *edits_of_first;

static sluice_verdict edit_some(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return edit_challenges(x, edits_of_first);
}

/* What the first plugin's response would have had is told beside the second one's challenge. */
static void assert_told(const char *edits, const char *want)
{
	char text[128];
	edits_of_first = edits;
	(void)snprintf(text, sizeof(text), "%sWWW-Authenticate=Scheme2 realm=\"r\",", want);
	assert_refused(edit_some, challenge_absent, 401, 1, text);
}

TEST(challenges_that_a_plugin_changed)
{
	static const struct {
		const char *edits, *want;
	} rows[] = {
		{ "", "Own" },
		{ "A", "Own A1" },
		{ "AA", "Own A1 A2" },
		{ "S", "S1" },
		{ "SA", "S1 A2" },
		{ "AS", "S2" },
		{ "SS", "S2" },
		{ "R", "" },
		{ "AR", "" },
		{ "SR", "" },
		{ "SARA", "A4" },
		{ "RS", "S2" },
		{ "RASA", "S3 A4" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char want[128] = "";
		sluice_str rest = str_of(rows[i].want);
		while (rest.len) {
			sluice_str one = str_cut(&rest, ' ');
			size_t n = strlen(want);
			(void)snprintf(want + n, sizeof(want) - n, "WWW-Authenticate=%.*s,",
				STR_ARG(one));
		}
		assert_told(rows[i].edits, want);
	}
}

/* The challenge of who speaks is told, else the first; in the order of the plugins. */
TEST(each_scheme_once)
{
	assert_refused(challenge, challenge_list, 401, 1,
		"WWW-Authenticate=Scheme1 realm=\"r\",WWW-Authenticate=Other,");
	assert_refused(challenge_absent, challenge_list, 401, 2,
		"WWW-Authenticate=scheme1 realm=\"a, b\", x=1,WWW-Authenticate=Other,");
	assert_refused(challenge_list, challenge_absent, 401, 1,
		"WWW-Authenticate=scheme1 realm=\"a, b\", x=1,WWW-Authenticate=Other,"
		"WWW-Authenticate=Scheme2 realm=\"r\",");
	assert_int_equal(ask(challenge_absent, challenge_list), RUN_REPLY);
	assert_int_equal(walk->answer.headers.n, 1); /* the others stay */
	assert_true(str_eq(walk->answer.headers.v[0].name, STR("X-Why")));
	walk_end();
}

TEST(who_knows_the_client_says_more)
{
	assert_refused(challenge, forbid, 403, 2, "X-Why=forbidden,");
	assert_refused(forbid, challenge_absent, 403, 1, "X-Why=forbidden,");
}

TEST(who_asks_for_credentials_says_more_than_who_bars)
{
	assert_refused(bar, challenge_absent, 401, 2, "WWW-Authenticate=Scheme2 realm=\"r\",");
	assert_refused(challenge, bar, 401, 1, "WWW-Authenticate=Scheme1 realm=\"r\",");
	assert_refused(bar, bar, 403, 1, "");
}

TEST(the_way_to_a_login)
{
	assert_int_equal(ask(challenge_absent, to_login), RUN_REPLY);
	assert_int_equal(walk->answer.status, 302);
	walk_end();
	assert_int_equal(ask(to_login, challenge), RUN_REPLY);
	assert_int_equal(walk->answer.status, 401);
	walk_end();
}

TEST(a_failure_when_nobody_admits)
{
	assert_int_equal(ask(give_up, challenge), RUN_FAIL);
	assert_int_equal(walk->decided_by, 1);
	walk_end();
}

TEST(a_body_that_was_lent_is_given_back)
{
	given_back = 0;
	assert_int_equal(ask(lend, NULL), RUN_NEXT);
	walk_end();
	assert_int_equal(given_back, 1);

	given_back = 0;
	assert_int_equal(ask(challenge, lend), RUN_REPLY);
	assert_int_equal(given_back, 0);
	walk_end();
	assert_int_equal(given_back, 1);

	given_back = 0;
	assert_int_equal(ask(lend, nap_and_challenge), RUN_WAIT);
	walk_end(); /* the client has left */
	assert_int_equal(given_back, 1);
}

TEST(report)
{
	static const struct any_of g[] = {
		{ .first = 1, .end = 3, .branches = two, .n_branches = 2, .reports = true }
	};
	walk_begin(4, "", 0);
	walk_groups(g, 1);
	parts[1].on_request = challenge_absent;
	parts[2].on_request = challenge;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(trace, "q0 q1 q2 q3 ");
	assert_int_equal(walk->n_notes, 1);
	assert_string_equal(walk->notes[0].code, "report:wrong");
	assert_string_equal(told(200), "");
	walk_end();
}

/* ---- what belongs to plugins --------------------------------------------------------------- */

TEST(words_and_credentials_of_others)
{
	struct instance_own key = { .name = STR("x-key"), .kind = SLUICE_OWN_CREDENTIAL_FIELD };
	struct instance_own word = { .name = STR("x-user"), .kind = SLUICE_OWN_WORD };
	struct instance_own parameter = { .name = STR("x"),
		.kind = SLUICE_OWN_CREDENTIAL_PARAMETER };
	struct instance_own auth = { .name = STR("authorization"),
		.kind = SLUICE_OWN_CREDENTIAL_FIELD };
	struct instance_own same = auth;
	key.next = &auth;
	same.next = &word;
	word.next = &parameter;
	walk_begin(4, "X-Key: k\nX_User: root\nAuthorization: Basic x\nHost: a\n", 0);
	walk_groups(middle, 1);
	((sluice_instance *)items[1].inst)->owns = &key;
	((sluice_instance *)items[2].inst)->owns = &same;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(fields_text(&walk->request->fields),
		"X-Key=k,Authorization=Basic x,Host=a,");
	assert_true(str_eq(walk->request->query, STR("y=&z")));
	walk_end();

	walk_begin(4, "X-Key: k\nX_User: root\nAuthorization: Basic x\nHost: a\n", 0);
	walk_groups(middle, 1);
	parts[1].on_request = challenge_absent;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(fields_text(&walk->request->fields), "Authorization=Basic x,Host=a,");
	assert_true(str_eq(walk->request->query, STR("x=1&y=&x=2&z")));
	walk_end();

	walk_begin(4, "Authorization: Bearer forged\nHost: a\n", 0);
	walk_groups(middle, 1);
	parts[1].on_request = challenge; /* it has judged what the other one reads as well */
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(fields_text(&walk->request->fields), "Host=a,");
	((sluice_instance *)items[1].inst)->owns = NULL;
	((sluice_instance *)items[2].inst)->owns = NULL;
	walk_end();
}

/* The first reads two places, and admits by one: what the second would read in the other one was
 * verified by nobody. */
static sluice_verdict admit_by_key(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_credentials_used(x, SLUICE_OWN_CREDENTIAL_FIELD, SLUICE_STR("X-Key"));
	return SLUICE_NEXT;
}

TEST(what_was_not_used_goes)
{
	struct instance_own key = { .name = STR("x-key"), .kind = SLUICE_OWN_CREDENTIAL_FIELD };
	struct instance_own auth = { .name = STR("authorization"),
		.kind = SLUICE_OWN_CREDENTIAL_FIELD };
	struct instance_own cookie = { .name = STR("sid"), .kind = SLUICE_OWN_CREDENTIAL_COOKIE };
	struct instance_own same = key, also = auth;
	key.next = &auth;
	same.next = &also;
	also.next = &cookie;
	walk_begin(4, "X-Key: k\nAuthorization: Bearer forged\nCookie: a=b; sid=1; c=d\nHost: a\n",
		0);
	walk_groups(middle, 1);
	parts[1].on_request = admit_by_key;
	((sluice_instance *)items[1].inst)->owns = &key;
	((sluice_instance *)items[2].inst)->owns = &same;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(fields_text(&walk->request->fields), "X-Key=k,Cookie=a=b; c=d,Host=a,");
	((sluice_instance *)items[1].inst)->owns = NULL;
	((sluice_instance *)items[2].inst)->owns = NULL;
	walk_end();
}

/* ---- what a branch did ---------------------------------------------------------------------- */

static sluice_verdict change_all(sluice_exchange *x, const void *conf)
{
	const sluice_identity who = { .size = sizeof(who),
		.name = STR("alice"),
		.groups = STR("admins") };
	(void)conf;
	assert_true(sluice_identify(x, &who));
	sluice_field_set(x, SLUICE_REQUEST, SLUICE_STR("X-User"), SLUICE_STR("alice"));
	sluice_field_remove(x, SLUICE_REQUEST, SLUICE_STR("Authorization"));
	sluice_field_set(x, SLUICE_RESPONSE, SLUICE_STR("Set-Cookie"), SLUICE_STR("a=1"));
	assert_true(sluice_target_set(x, SLUICE_STR("/other"), SLUICE_STR("q")));
	assert_true(sluice_host_set(x, SLUICE_STR("inner.test")));
	return SLUICE_NEXT;
}

/* The first plugin admits, and what it did is undone when the second one of its branch refuses. */
TEST(a_branch_that_refuses_leaves_nothing)
{
	static const uint32_t ends[] = { 2, 3 };
	static const struct any_of g[] = { { .end = 3, .branches = ends, .n_branches = 2 } };
	walk_begin(4, "Authorization: Bearer t\nHost: a\n", 0);
	walk_groups(g, 1);
	parts[0].on_request = change_all;
	parts[1].on_request = forbid;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(fields_text(&walk->request->fields), "Authorization=Bearer t,Host=a,");
	assert_true(str_eq(walk->request->path, STR("/a/b")));
	assert_true(str_eq(walk->request->query, STR("x=1&y=&x=2&z")));
	assert_true(str_eq(walk->request->authority, STR("Example.com:8080")));
	assert_null(walk->asked_authority.data);
	assert_null(attr_find(walk, STR("consumer")).data);
	assert_null(attr_find(walk, STR("groups")).data);
	assert_string_equal(told(200), "");
	assert_string_equal(trace, "q0 q1 q2 q3 s3 s2 ");
	walk_end();
}

/* And so the next branch can do the same. */
TEST(the_same_plugin_in_two_branches)
{
	static const uint32_t ends[] = { 2, 4 };
	static const struct any_of g[] = { { .end = 4, .branches = ends, .n_branches = 2 } };
	walk_begin(4, "Authorization: Bearer t\n", 0);
	walk_groups(g, 1);
	parts[0].on_request = change_all;
	parts[1].on_request = forbid;
	parts[2].on_request = change_all;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_string_equal(fields_text(&walk->request->fields), "X-User=alice,");
	assert_true(str_eq(attr_find(walk, STR("consumer")), STR("alice")));
	assert_string_equal(told(200), "Set-Cookie=a=1,");
	walk_end();
}

/* ---- a listener's plugins and a route's ---------------------------------------------------- */

TEST(groups_of_a_route_behind_a_listener)
{
	static const uint32_t ends[] = { 1, 2 };
	static const struct any_of g[] = { { .end = 2, .branches = ends, .n_branches = 2 } };
	walk_begin(2, "", 0);
	walk_groups(g, 1);
	parts[0].on_request = challenge;
	assert_int_equal(walk_request(), RUN_NEXT);
	struct chain_item v[2] = { items[2], items[3] };
	v[0].place = 0;
	v[1].place = 1;
	const struct chain route = { .v = v, .n = 2, .any = g, .n_any = 1, .has_response = true };
	assert_true(run_append(walk, &route));
	assert_int_equal(run_request_rest(walk), RUN_NEXT);
	assert_string_equal(trace, "q0 q1 q2 ");
	assert_string_equal(told(200), "");
	assert_string_equal(trace, "q0 q1 q2 s2 s1 ");
	walk_end();
}

TEST_GROUP(walk_setup, walk_teardown);
