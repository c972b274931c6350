/* contrib/plugin-examples/events, and with it streamed answers in the kit. */
#include "kit.h"
#include "test.h"

#include <stdio.h>

extern const sluice_plugin sluice_plugin_record;

enum { ALL = 1 << 20 };

static sluice_instance *events;

static int begin(void **state)
{
	(void)state;
	kit_reset();
	events = kit_instance(&sluice_plugin_record, "lifetime", "1h", NULL);
	kit_start(events);
	return 0;
}

static int end(void **state)
{
	(void)state;
	kit_stop(events);
	return 0;
}

static void tell(const char *line)
{
	sluice_exchange *x = kit_request(events, "POST", "/", NULL);
	(void)kit_body_in(x, SLUICE_REQUEST, line, strlen(line), true);
	assert_int_equal(kit_status(x), 202);
	kit_end(x);
}

static sluice_exchange *listen_from(const char *last)
{
	sluice_exchange *x = kit_request(events, "GET", "/", last ? "Last-Event-ID" : "X-Nothing",
		last ? last : "", NULL);
	assert_int_equal(kit_verdict(x), SLUICE_REPLY);
	assert_int_equal(kit_status(x), 200);
	return x;
}

static const char *heard(sluice_exchange *x)
{
	return kit_body_out(x, SLUICE_RESPONSE, NULL);
}

TEST_WITH(who_listens_is_told, begin, end)
{
	sluice_exchange *a = listen_from(NULL), *b = listen_from(NULL);
	assert_string_equal(kit_header(a, SLUICE_RESPONSE, "Content-Type"), "text/event-stream");
	assert_int_equal(kit_stream(a, ALL), SLUICE_WAIT);
	assert_int_equal(kit_stream(b, ALL), SLUICE_WAIT);
	assert_string_equal(heard(a), "");
	tell("one");
	tell("two");
	kit_advance(1);
	assert_string_equal(heard(a), "id: 1\ndata: one\n\nid: 2\ndata: two\n\n");
	assert_string_equal(heard(b), heard(a));
	kit_end(a); /* it leaves, and the other does not notice */
	tell("three");
	kit_advance(1);
	assert_non_null(strstr(heard(b), "data: three\n"));
	kit_end(b);
}

TEST_WITH(who_comes_again_is_told_the_rest, begin, end)
{
	tell("one");
	tell("two");
	tell("three");
	sluice_exchange *x = listen_from("1");
	assert_int_equal(kit_stream(x, ALL), SLUICE_WAIT);
	assert_string_equal(heard(x), "id: 2\ndata: two\n\nid: 3\ndata: three\n\n");
	kit_end(x);
	x = listen_from("18446744073709551615"); /* an id of another instance */
	assert_int_equal(kit_stream(x, ALL), SLUICE_WAIT);
	assert_string_equal(heard(x),
		"id: 1\ndata: one\n\nid: 2\ndata: two\n\nid: 3\ndata: three\n\n");
	kit_end(x);
}

/* One that takes nothing holds the plugin; it misses what is no longer kept, and goes on. */
TEST_WITH(a_slow_reader_misses_some, begin, end)
{
	char line[16];
	sluice_exchange *x = listen_from(NULL);
	assert_int_equal(kit_stream(x, 0), SLUICE_WAIT);
	for (unsigned i = 1; i <= 100; i++) {
		(void)snprintf(line, sizeof(line), "%u", i);
		tell(line);
	}
	kit_advance(61 * 60 * 1000); /* nor is that a failure of the plugin */
	assert_string_equal(heard(x), "");
	assert_int_equal(kit_stream(x, 1), SLUICE_NEXT); /* its lifetime is over */
	kit_end(x);

	x = listen_from("3");
	assert_int_equal(kit_stream(x, 1), SLUICE_WAIT);
	assert_int_equal(strncmp(heard(x), "id: 37\ndata: 37\n\nid: 38\n", 24), 0);
	assert_non_null(strstr(heard(x), "data: 100\n"));
	kit_end(x);
}

TEST_WITH(nothing_new_is_told_now_and_then, begin, end)
{
	sluice_exchange *x = listen_from(NULL);
	assert_int_equal(kit_stream(x, ALL), SLUICE_WAIT);
	kit_advance(31 * 1000);
	assert_string_equal(heard(x), ": nothing new\n\n: nothing new\n\n");
	kit_end(x);
}

/* Without memory it fails, and leaves nothing on the list of those that listen. */
TEST_WITH(no_memory, begin, end)
{
	for (size_t bytes = 0; bytes < 2000; bytes += 16) {
		sluice_exchange *x = kit_exchange(events, "GET", "/");
		kit_set_budget(x, bytes);
		(void)kit_run(x);
		kit_end(x);
		tell("still there");
	}
}
