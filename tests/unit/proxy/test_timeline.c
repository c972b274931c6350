/* policy/timeline: an exchange tells its story where somebody wants to hear it. */
#include "base/log.h"
#include "proxy_kit.h"

static const char conf[] = KIT_GATEWAY
	"plugins: { a: { use: script, label: a } }\n"
	"upstreams:\n"
	"  up: { servers: ['127.0.0.1:@port@'] }\n"
	"  down: { servers: ['127.0.0.1:1'] }\n"
	"routes:\n"
	"  - { name: plain, match: { path: /plain }, plugins: [a], upstream: up }\n"
	"  - { name: down, match: { path: /down }, upstream: down }\n";

/* The parts come in this order. */
static void assert_story(const char *const parts[], size_t n)
{
	const char *at = done.story;
	for (size_t i = 0; i < n; i++) {
		const char *found = strstr(at, parts[i]);
		if (!found)
			fail_msg("no \"%s\" behind \"%s\" in \"%s\"", parts[i],
				i ? parts[i - 1] : "", done.story);
		at = found + strlen(parts[i]);
	}
}

/* A nap is of 20 ms; the clock of timers is coarse. */
static void assert_duration_of_nap(void)
{
	static const char waited[] = "waited for plugin a (";
	const char *at = strstr(done.story, waited);
	assert_non_null(at);
	double ms = strtod(at + strlen(waited), NULL);
	assert_true(ms > 10 && ms < 10000);
}

static sluice_verdict go_on(sluice_exchange *x, const void *c)
{
	(void)x, (void)c;
	return SLUICE_NEXT;
}

static sluice_verdict nap(sluice_exchange *x, const void *c)
{
	(void)c;
	return sluice_sleep(x, 20, go_on);
}

TEST(states_and_waits)
{
	static const char *const parts[] = { " ms request-hooks", " ms on_request a (",
		" ms waits for plugin a: a timer", " ms waited for plugin a (",
		" ms on_request a (", " ms connect", " ms asks 127.0.0.1:", " ms forward",
		" ms response-hooks", " ms stream", " ms response held: full", " ms response moves",
		" ms sent", " ms done" };
	kit_begin(conf);
	log_set_level(LOG_DEBUG);
	script->on_request = nap;
	visit("GET /plain\n", BODY_NONE, 0);
	guest->full = true;
	until(up.got_len);
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
	until(guest->body_len == 5);
	guest->full = false;
	guest->c.events->on_drained(&guest->c);
	up_say("world");
	until(guest->finished);
	log_set_level(LOG_ERROR);
	assert_story(parts, sizeof(parts) / sizeof(parts[0]));
	assert_duration_of_nap();
	kit_end();
}

static sluice_verdict ask_for_body(sluice_exchange *x, const void *c)
{
	sluice_body_plan plan = { .size = sizeof(plan), .mode = SLUICE_BODY_BUFFER, .max = 4096 };
	(void)c;
	return sluice_body_want(x, SLUICE_REQUEST, &plan) ? SLUICE_NEXT : SLUICE_FAIL;
}

static sluice_verdict nap_on_body(sluice_exchange *x, const void *c, sluice_str data, bool end)
{
	(void)end;
	sluice_body_pass(x, data.len);
	return nap(x, c);
}

TEST(body_hooks_have_names_and_durations)
{
	static const char *const parts[] = { " ms request-body", " ms on_request_body a (",
		" ms waits for plugin a: a timer", " ms waited for plugin a (", " ms connect" };
	kit_begin(conf);
	log_set_level(LOG_DEBUG);
	script->on_request = ask_for_body;
	script->on_request_body = nap_on_body;
	visit("POST /plain\n", BODY_LENGTH, 5);
	visitor_say("hello", true);
	until(up.got_len);
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	until(guest->finished);
	log_set_level(LOG_ERROR);
	assert_story(parts, sizeof(parts) / sizeof(parts[0]));
	assert_duration_of_nap();
	kit_end();
}

TEST(servers_and_why_they_failed)
{
	static const char *const nobody[] = { " ms connect", " ms no server", ": connect-failed",
		" ms response-hooks", " ms answer", " ms done" };
	static const char *const lost[] = { " ms asks again 127.0.0.1:", " ms forward",
		" ms server failed: upstream-closed", " ms connect",
		" ms asks 127.0.0.1:", " ms stream", " ms done" };
	kit_begin(conf);
	log_set_level(LOG_DEBUG);
	visit("GET /down\n", BODY_NONE, 0);
	until(guest->finished);
	assert_story(nobody, sizeof(nobody) / sizeof(nobody[0]));
	/* a connection that was kept is lost, and a new one serves */
	visit("GET /plain\n", BODY_NONE, 0);
	until(up.got_len);
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	until(guest->finished);
	visit("GET /plain\n", BODY_NONE, 0);
	up_close();
	until(up.accepted == 2 && up.got_len);
	up_say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	until(guest->finished);
	log_set_level(LOG_ERROR);
	assert_story(lost, sizeof(lost) / sizeof(lost[0]));
	kit_end();
}

TEST(nobody_asked)
{
	kit_begin(conf);
	visit("GET /down\n", BODY_NONE, 0);
	until(guest->finished);
	assert_string_equal(done.story, "");
	kit_end();
}

TEST(long_stories_are_bounded)
{
	char text[TIMELINE_TEXT];
	struct arena a;
	arena_init(&a, 64 * 1024);
	struct timeline *t = timeline_new(&a);
	assert_non_null(t);
	for (int i = 0; i < 1000; i++)
		timeline_add(t, "a rather long thing that happens over and over",
			STR("to somebody whose name is no shorter than that"), 0);
	size_t n = timeline_text(t, text);
	assert_true(n < sizeof(text) && n == strlen(text));
	assert_memory_equal(text, "(952 earlier), ", 15);
	assert_string_equal(text + n - 5, " that"); /* cut between two */
	arena_fini(&a);
}

TEST_GROUP(kit_setup, kit_teardown);
