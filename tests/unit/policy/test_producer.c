/* policy/producer: streamed answers, with a receiver that takes as much as the test lets it. */
#include "policy/producer.h"

#include "policy/answer.h"
#include "policy/wait.h"
#include "walk_kit.h"

enum { PIECE = 1000 };

static char piece[PRODUCER_HIGH + PRODUCER_MORE + 1];

static sluice_answer_stream stream;

/* ---- the receiver -------------------------------------------------------------------------- */

static struct buf got;
static uint64_t room; /* bytes that the receiver may still take; then the lane stands still */
static unsigned calls, ends, failures, cleaned;
static struct fields last_trailers;

static void on_bytes(sluice_exchange *x, struct buf *data)
{
	assert_ptr_equal(x, walk);
	room -= data->len < room ? data->len : room;
	buf_move_all(&got, data);
	if (!room)
		producer_hold(x->producer);
}

static void on_end(sluice_exchange *x, const struct fields *trailers)
{
	assert_ptr_equal(x, walk);
	ends++;
	if (trailers)
		last_trailers = *trailers;
}

static void on_failed(sluice_exchange *x)
{
	failures++;
	assert_int_equal(x->decided_by, 0);
	run_cancel(x);
	assert_null(x->producer);
}

static const struct producer_events events = { on_bytes, on_end, on_failed };

static void take(uint64_t n)
{
	room = n;
	producer_resume(walk->producer);
	fakewire_settle();
}

/* ---- the plugin ---------------------------------------------------------------------------- */

static void clean(void *arg)
{
	(void)arg;
	cleaned++;
}

static sluice_verdict answer(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_cleanup(x, clean, NULL);
	return sluice_answer_begin(x, &stream);
}

static bool write_bytes(sluice_exchange *x, size_t n)
{
	return sluice_answer_write(x, (sluice_str){ piece, n });
}

/* The answer, which `write` writes, is to be sent. */
static void begin(sluice_hook write)
{
	stream = (sluice_answer_stream){ .size = sizeof(stream), .status = 200, .write = write };
	buf_init(&got);
	calls = ends = failures = cleaned = 0;
	last_trailers = (struct fields){ 0 };
	walk_begin(1, "", 0);
	parts[0].on_request = answer;
}

static void start(void)
{
	assert_int_equal(walk_request(), RUN_REPLY);
	producer_take(walk);
	producer_start(walk->producer, &events);
	fakewire_settle();
	assert_int_equal(calls, 0);
}

static void end(void)
{
	walk_end();
	assert_int_equal(cleaned, 1);
	assert_true(fakewire_has_no_timer());
	buf_fini(&got);
}

/* ---- room ---------------------------------------------------------------------------------- */

static sluice_verdict three_pieces(sluice_exchange *x, const void *conf)
{
	static const sluice_pair fields[] = { { SLUICE_STR("X-Sum"), SLUICE_STR(" 42 ") },
		{ SLUICE_STR("Content-Length"), SLUICE_STR("1") } };
	assert_ptr_equal(conf, &parts[0]);
	if (++calls < 4)
		assert_true(write_bytes(x, PIECE));
	else
		assert_true(sluice_answer_end(x, &(sluice_pairs){ fields, 2 }));
	return SLUICE_NEXT;
}

/* A trailer that cannot stand behind a body is left out. */
TEST(pieces_and_an_end)
{
	begin(three_pieces);
	start();
	take(UINT64_MAX);
	assert_int_equal(calls, 4);
	assert_int_equal(got.len, 3 * PIECE);
	assert_int_equal(ends, 1);
	assert_string_equal(fields_text(&last_trailers), "X-Sum=42,");
	assert_int_equal(failures, 0);
	end();
}

static sluice_verdict as_much_as_there_is_room(sluice_exchange *x, const void *conf)
{
	(void)conf;
	calls++;
	while (write_bytes(x, PIECE))
		;
	return SLUICE_NEXT;
}

TEST(a_receiver_that_is_full_holds_the_plugin)
{
	begin(as_much_as_there_is_room);
	start();
	take(1);
	assert_int_equal(calls, 1);
	assert_in_range(got.len, PRODUCER_HIGH, PRODUCER_HIGH + PIECE);
	fakewire_pass(3600 * NS_PER_S); /* that is no fault of the plugin */
	assert_int_equal(calls, 1);
	assert_int_equal(failures, 0);
	take(PRODUCER_HIGH + PIECE);
	assert_int_equal(calls, 3); /* after the second there was still a little room */
	assert_true(walk->producer != NULL);
	end();
}

static sluice_verdict one_byte(sluice_exchange *x, const void *conf)
{
	(void)conf;
	calls++;
	(void)write_bytes(x, 1);
	return SLUICE_NEXT;
}

/* Other connections of the worker have a turn. */
TEST(calls_in_one_turn_are_bounded)
{
	begin(one_byte);
	start();
	room = UINT64_MAX;
	producer_resume(walk->producer);
	fakewire_turn();
	assert_in_range(calls, 2, 64);
	unsigned before = calls;
	fakewire_pass(100 * NS_PER_MS);
	assert_true(calls > before);
	assert_int_equal(got.len, calls);
	assert_int_equal(failures, 0);
	end();
}

/* ---- waits --------------------------------------------------------------------------------- */

static sluice_verdict write_and_sleep(sluice_exchange *x, const void *conf)
{
	(void)conf;
	if (++calls == 4)
		return sluice_answer_end(x, NULL) ? SLUICE_NEXT : SLUICE_FAIL;
	(void)write_bytes(x, PIECE);
	return sluice_sleep(x, 100, write_and_sleep);
}

TEST(what_was_written_leaves_while_the_plugin_waits)
{
	begin(write_and_sleep);
	start();
	take(UINT64_MAX);
	assert_int_equal(got.len, PIECE);
	fakewire_pass(150 * NS_PER_MS);
	assert_int_equal(got.len, 2 * PIECE);
	producer_hold(walk->producer);
	fakewire_pass(500 * NS_PER_MS);
	assert_int_equal(calls, 4);
	assert_int_equal(got.len, 2 * PIECE); /* it may write what it waited for, and no more */
	assert_int_equal(ends, 0);
	take(UINT64_MAX);
	assert_int_equal(got.len, 3 * PIECE);
	assert_int_equal(ends, 1);
	end();
}

/* Its wait is dropped, as is what it wrote. */
TEST(nobody_wants_the_rest)
{
	begin(write_and_sleep);
	start();
	room = UINT64_MAX;
	take(UINT64_MAX);
	producer_hold(walk->producer);
	fakewire_pass(150 * NS_PER_MS);
	assert_int_equal(calls, 2);
	run_cancel(walk);
	assert_null(walk->producer);
	fakewire_pass(1000 * NS_PER_MS);
	assert_int_equal(calls, 2);
	assert_int_equal(failures + ends, 0);
	end();
}

/* ---- deadlines ----------------------------------------------------------------------------- */

static sluice_verdict write_one(sluice_exchange *x, const void *conf)
{
	(void)conf;
	(void)write_bytes(x, 1);
	return SLUICE_NEXT;
}

static sluice_verdict now_and_then(sluice_exchange *x, const void *conf)
{
	(void)conf;
	return sluice_sleep(x, 700, write_one);
}

static sluice_verdict only_wait(sluice_exchange *x, const void *conf)
{
	(void)conf;
	calls++;
	return sluice_sleep(x, 300, only_wait);
}

TEST(who_writes_nothing_meets_a_deadline)
{
	begin(only_wait);
	stream.idle_ms = 1000;
	start();
	take(UINT64_MAX);
	fakewire_pass(900 * NS_PER_MS);
	producer_hold(walk->producer); /* while the client has no room, no time passes */
	fakewire_pass(5 * NS_PER_S);
	assert_int_equal(failures, 0);
	take(UINT64_MAX);
	fakewire_pass(900 * NS_PER_MS);
	assert_int_equal(failures, 0);
	fakewire_pass(200 * NS_PER_MS);
	assert_int_equal(failures, 1);
	assert_null(walk->producer);
	end();

	begin(only_wait); /* the usual one */
	start();
	take(UINT64_MAX);
	fakewire_pass(59 * NS_PER_S);
	assert_int_equal(failures, 0);
	fakewire_pass(2 * NS_PER_S);
	assert_int_equal(failures, 1);
	end();
}

TEST(each_piece_begins_the_time_anew)
{
	begin(now_and_then);
	stream.idle_ms = 1000;
	start();
	take(UINT64_MAX);
	fakewire_pass(7 * NS_PER_S);
	assert_int_equal(failures, 0);
	assert_in_range(got.len, 8, 10);
	end();
}

/* ---- what is a failure --------------------------------------------------------------------- */

static sluice_verdict nothing(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	calls++;
	return SLUICE_NEXT;
}

static sluice_verdict write_and_fail(sluice_exchange *x, const void *conf)
{
	(void)conf;
	calls++;
	(void)write_bytes(x, PIECE);
	return SLUICE_FAIL;
}

static sluice_verdict answer_again(sluice_exchange *x, const void *conf)
{
	(void)conf;
	calls++;
	return sluice_refuse(x, 403, "too-late", NULL);
}

static sluice_verdict no_verdict(sluice_exchange *x, const void *conf)
{
	(void)x, (void)conf;
	calls++;
	return SLUICE_REPLY;
}

static sluice_verdict too_much(sluice_exchange *x, const void *conf)
{
	(void)conf;
	calls++;
	assert_false(write_bytes(x, PRODUCER_HIGH + PRODUCER_MORE));
	assert_false(write_bytes(x, 1));
	return SLUICE_NEXT;
}

static sluice_verdict too_long(sluice_exchange *x, const void *conf)
{
	(void)conf;
	calls++;
	assert_true(write_bytes(x, PIECE));
	assert_false(write_bytes(x, 1));
	return SLUICE_NEXT;
}

static sluice_verdict too_short(sluice_exchange *x, const void *conf)
{
	(void)conf;
	calls++;
	assert_true(write_bytes(x, PIECE - 1));
	return sluice_answer_end(x, NULL) ? SLUICE_NEXT : SLUICE_FAIL;
}

static void assert_fails(sluice_hook write, bool says_length)
{
	begin(write);
	stream.has_length = says_length;
	stream.length = PIECE;
	start();
	take(UINT64_MAX);
	assert_int_equal(calls, 1);
	assert_int_equal(failures, 1);
	assert_int_equal(ends, 0);
	end();
}

TEST(failures_break_it_off)
{
	static const sluice_hook wrong[] = { nothing, write_and_fail, answer_again, no_verdict,
		too_much };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_fails(wrong[i], false);
	assert_fails(too_long, true);
	assert_fails(too_short, true);
}

/* An answer that is under way can be neither skipped nor taken back. */
TEST(on_error_skip_does_not_apply)
{
	slots[0].inst->on_error = INSTANCE_SKIP;
	assert_fails(write_and_fail, false);
	assert_fails(nothing, false);
	slots[0].inst->on_error = INSTANCE_DENY;
}

static sluice_verdict whole(sluice_exchange *x, const void *conf)
{
	(void)conf;
	calls++;
	assert_true(write_bytes(x, PIECE));
	assert_true(sluice_answer_end(x, NULL));
	assert_false(sluice_answer_end(x, NULL)); /* refused, and no failure */
	assert_false(write_bytes(x, 1));
	return SLUICE_NEXT;
}

TEST(after_the_end_nothing_is_taken)
{
	begin(whole);
	stream.has_length = true;
	stream.length = PIECE;
	start();
	take(UINT64_MAX);
	assert_int_equal(got.len, PIECE);
	assert_int_equal(ends, 1);
	assert_int_equal(failures, 0);
	end();
}

/* ---- beginning ----------------------------------------------------------------------------- */

TEST(what_it_is)
{
	static const sluice_pair fields[] = { { SLUICE_STR("X-A"), SLUICE_STR("1") },
		{ SLUICE_STR("Transfer-Encoding"), SLUICE_STR("chunked") } };
	struct fields f = { 0 };
	uint64_t length = 7;
	begin(nothing);
	stream.headers = (sluice_pairs){ fields, 2 };
	stream.content_type = SLUICE_STR("text/csv");
	assert_int_equal(walk_request(), RUN_REPLY);
	assert_int_equal(answer_fields(walk, walk->arena, &f), 0);
	assert_string_equal(fields_text(&f), "Content-Type=text/csv,X-A=1,");
	assert_false(producer_length(walk->answer.producer, &length));
	assert_int_equal(length, 7);
	end();

	begin(nothing);
	stream.has_length = true;
	assert_int_equal(walk_request(), RUN_REPLY);
	assert_true(producer_length(walk->answer.producer, &length));
	assert_int_equal(length, 0);
	end();
}

TEST(where_there_is_no_body_nobody_writes)
{
	static const int without[] = { 204, 205, 304 };
	for (size_t i = 0; i < 3; i++) {
		begin(nothing);
		stream.status = without[i];
		assert_int_equal(walk_request(), RUN_REPLY);
		assert_null(walk->answer.producer);
		end();
	}
}

TEST(wrong_streams_are_refused)
{
	begin(nothing);
	walk_enter(0);
	assert_int_equal(sluice_answer_begin(walk, NULL), SLUICE_FAIL);
	stream.size = sizeof(stream) - 1;
	assert_int_equal(sluice_answer_begin(walk, &stream), SLUICE_FAIL);
	stream.size = sizeof(stream);
	stream.write = NULL;
	assert_int_equal(sluice_answer_begin(walk, &stream), SLUICE_FAIL);
	stream.write = nothing;
	stream.status = 101;
	assert_int_equal(sluice_answer_begin(walk, &stream), SLUICE_FAIL);
	stream.status = 200;
	stream.content_type = SLUICE_STR("a\nb");
	assert_int_equal(sluice_answer_begin(walk, &stream), SLUICE_FAIL);
	assert_int_equal(walk->answer.status, 0);
	/* outside of the write hook */
	assert_false(write_bytes(walk, 1));
	assert_false(sluice_answer_end(walk, NULL));
	walk_leave();
	walk_end();
}

TEST_GROUP(walk_setup, walk_teardown);
