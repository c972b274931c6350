/* policy/stage: rows of body hooks, without a gateway around them. */
#include "policy/stage.h"
#include "walk_kit.h"

static sluice_body_plan plan[PLUGINS];
static sluice_side side;

static sluice_verdict ask(sluice_exchange *x, const void *conf)
{
	const struct part *p = conf;
	return sluice_body_want(x, side, &plan[p->n]) ? SLUICE_NEXT : SLUICE_FAIL;
}

/* n plugins that ask for the request's or the response's body, each by its plan. */
static void begin(unsigned n, sluice_side of)
{
	side = of;
	walk_begin(n, "", 0);
	for (unsigned i = 0; i < n; i++) {
		plan[i] = (sluice_body_plan){ .size = sizeof(plan[i]), .max = 16 };
		parts[i].on_request = ask;
	}
}

static void feed(const char *text)
{
	struct buf data;
	buf_init(&data);
	buf_append(&data, text, strlen(text));
	stages_feed(walk->stages[side], &data);
	assert_int_equal(data.len, 0);
}

static enum run_result run(void)
{
	return stages_run(walk, walk->stages[side]);
}

/* What left the row since the last call. */
static const char *out(void)
{
	static char text[1024];
	struct buf *b = &walk->stages[side]->out;
	size_t n = b->len < sizeof(text) - 1 ? b->len : sizeof(text) - 1;
	buf_copy(b, text, n);
	text[n] = 0;
	buf_drain(b, b->len);
	return text;
}

/* Words, each behind the plugin's number; what has no blank behind it yet is held. */
static sluice_verdict words(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	const struct part *p = conf;
	const char number[] = { (char)('0' + p->n), 0 };
	while (data.len) {
		const char *blank = memchr(data.data, ' ', data.len);
		if (!blank && !end)
			break;
		size_t n = blank ? (size_t)(blank - data.data) + 1 : data.len;
		(void)sluice_body_write(x, (sluice_str){ number, 1 });
		sluice_body_pass(x, n);
		data.data += n;
		data.len -= n;
	}
	return SLUICE_NEXT;
}

TEST(rows)
{
	for (int of = SLUICE_REQUEST; of <= SLUICE_RESPONSE; of++) {
		begin(2, (sluice_side)of);
		parts[0].on_body = parts[1].on_body = words;
		assert_int_equal(walk_request(), RUN_NEXT);
		assert_true(stages_change(walk->stages[of]));
		assert_false(stages_hold(walk->stages[of]));
		feed("a bc");
		assert_int_equal(run(), RUN_NEXT);
		assert_string_equal(out(), of == SLUICE_REQUEST ? "10a " : "01a ");
		feed("d ");
		assert_int_equal(run(), RUN_NEXT);
		assert_string_equal(out(), of == SLUICE_REQUEST ? "10bcd " : "01bcd ");
		feed("e");
		stages_end(walk->stages[of], NULL);
		assert_int_equal(run(), RUN_NEXT);
		assert_string_equal(out(), of == SLUICE_REQUEST ? "10e" : "01e");
		assert_true(walk->stages[of]->done);
		walk_end();
	}
}

static char seen[64];
static sluice_verdict look(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)x, (void)conf;
	size_t n = strlen(seen);
	(void)snprintf(seen + n, sizeof(seen) - n, "[%.*s%s]", (int)data.len, data.data,
		end ? "|" : "");
	return SLUICE_NEXT;
}

TEST(what_is_left_is_shown_again)
{
	seen[0] = 0;
	begin(1, SLUICE_REQUEST);
	parts[0].on_body = look;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(run(), RUN_NEXT);
	feed("ab");
	assert_int_equal(run(), RUN_NEXT);
	assert_int_equal(run(), RUN_NEXT);
	feed("c");
	assert_int_equal(run(), RUN_NEXT);
	assert_string_equal(out(), "");
	stages_end(walk->stages[side], NULL);
	assert_int_equal(run(), RUN_NEXT);
	assert_string_equal(seen, "[ab][abc][abc|]");
	assert_string_equal(out(), "abc");
	walk_end();
}

TEST(more_than_it_may_hold)
{
	begin(1, SLUICE_REQUEST);
	assert_int_equal(walk_request(), RUN_NEXT);
	feed("0123456789abcdef");
	assert_int_equal(run(), RUN_NEXT);
	feed("g");
	assert_int_equal(run(), RUN_FAIL);
	walk_end();
}

TEST(read_only)
{
	seen[0] = 0;
	begin(1, SLUICE_REQUEST);
	plan[0].read_only = true;
	parts[0].on_body = look;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_false(stages_change(walk->stages[side]));
	feed("abc");
	assert_int_equal(run(), RUN_NEXT);
	assert_string_equal(out(), "abc");
	feed("d");
	stages_end(walk->stages[side], NULL);
	assert_int_equal(run(), RUN_NEXT);
	assert_string_equal(out(), "d");
	assert_string_equal(seen, "[abc][d|]");
	walk_end();
}

static sluice_verdict swap(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)conf, (void)end;
	sluice_body_drop(x, 1);
	/* it is dropped, not gone */
	(void)sluice_body_write(x, (sluice_str){ data.data, data.len < 2 ? data.len : 2 });
	sluice_body_pass(x, 1);
	sluice_body_drop(x, SIZE_MAX);
	return SLUICE_NEXT;
}

TEST(order_of_what_leaves)
{
	begin(1, SLUICE_REQUEST);
	parts[0].on_body = swap;
	assert_int_equal(walk_request(), RUN_NEXT);
	feed("abcdef");
	stages_end(walk->stages[side], NULL);
	assert_int_equal(run(), RUN_NEXT);
	assert_string_equal(out(), "abb");
	walk_end();
}

static sluice_verdict later(sluice_exchange *x, const void *conf)
{
	(void)conf;
	sluice_body_pass(x, 2);
	sluice_body_drop(x, SIZE_MAX);
	return SLUICE_NEXT;
}

static sluice_verdict park(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)conf, (void)data;
	assert_true(end);
	return sluice_sleep(x, 100, later);
}

TEST(buffers_wait)
{
	begin(1, SLUICE_REQUEST);
	plan[0].mode = SLUICE_BODY_BUFFER;
	parts[0].on_body = park;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_true(stages_hold(walk->stages[side]));
	feed("abcd");
	assert_int_equal(run(), RUN_NEXT);
	stages_end(walk->stages[side], NULL);
	assert_int_equal(run(), RUN_WAIT);
	assert_int_equal(run(), RUN_NEXT);
	assert_true(stages_hold(walk->stages[side]));
	fakewire_pass(300 * NS_PER_MS);
	assert_int_equal(resumed, 1);
	assert_int_equal(result, RUN_NEXT);
	assert_false(stages_hold(walk->stages[side]));
	assert_string_equal(out(), "ab");
	walk_end();

	begin(1, SLUICE_REQUEST); /* a stream does not */
	parts[0].on_body = park;
	assert_int_equal(walk_request(), RUN_NEXT);
	stages_end(walk->stages[side], NULL);
	assert_int_equal(run(), RUN_FAIL);
	walk_end();
}

TEST(too_long)
{
	for (int known = 0; known < 2; known++) {
		begin(1, SLUICE_REQUEST);
		plan[0].mode = SLUICE_BODY_BUFFER;
		assert_int_equal(walk_request(), RUN_NEXT);
		if (known)
			assert_int_equal(stages_expect(walk, walk->stages[side], 17), RUN_OVER);
		feed("0123456789abcdefg");
		assert_int_equal(run(), RUN_OVER);
		walk_end();

		begin(1, SLUICE_REQUEST);
		plan[0].mode = SLUICE_BODY_BUFFER;
		plan[0].over = SLUICE_BODY_PASS;
		assert_int_equal(walk_request(), RUN_NEXT);
		if (known) {
			assert_int_equal(stages_expect(walk, walk->stages[side], 17), RUN_NEXT);
			assert_false(stages_change(walk->stages[side]));
		}
		feed("0123456789abcdefg");
		assert_int_equal(run(), RUN_NEXT);
		assert_string_equal(out(), "0123456789abcdefg");
		assert_string_equal(walk->notes[0].code, "body-unseen");
		walk_end();
	}
}

/* Sixteen KiB for each byte. */
static sluice_verdict flood(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	static char much[16384];
	(void)conf, (void)end;
	for (size_t i = 0; i < data.len; i++) {
		sluice_body_drop(x, 1);
		if (!sluice_body_write(x, (sluice_str){ much, sizeof(much) }))
			break;
	}
	return SLUICE_NEXT;
}

TEST(a_slow_receiver)
{
	begin(1, SLUICE_REQUEST);
	parts[0].on_body = flood;
	assert_int_equal(walk_request(), RUN_NEXT);
	feed("0123456789");
	stages_end(walk->stages[side], NULL);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run(), RUN_NEXT);
		assert_int_equal(walk->stages[side]->out.len, STAGE_HIGH);
		assert_false(walk->stages[side]->done);
		(void)out();
	}
	assert_int_equal(run(), RUN_NEXT);
	assert_int_equal(walk->stages[side]->out.len, 2 * 16384);
	assert_true(walk->stages[side]->done);
	walk_end();
}

/* Each byte becomes 64, as long as there is room. What it holds is another matter: nothing. */
static size_t most_shown;
static sluice_verdict expand(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	static char much[64];
	(void)conf, (void)end;
	most_shown = data.len > most_shown ? data.len : most_shown;
	for (size_t i = 0; i < data.len; i++) {
		sluice_body_drop(x, 1);
		if (!sluice_body_write(x, (sluice_str){ much, sizeof(much) }))
			break;
	}
	return SLUICE_NEXT;
}

/* What is left only for want of room is no holding: it is no failure, and counts as what waits. */
TEST(what_a_slow_receiver_leaves)
{
	enum { BLOCKS = 64 };
	static char block[BUF_BLOCK];
	size_t in = 0, got = 0;
	struct buf data;
	begin(1, SLUICE_REQUEST);
	parts[0].on_body = expand;
	plan[0].max = 1;
	most_shown = 0;
	assert_int_equal(walk_request(), RUN_NEXT);
	struct stages *row = walk->stages[side];
	while (!row->done) {
		while (in < BLOCKS && !stages_are_full(row)) {
			buf_init(&data);
			buf_append(&data, block, sizeof(block));
			stages_feed(row, &data);
			if (++in == BLOCKS)
				stages_end(row, NULL);
		}
		assert_in_range(row->first->in.len, 0, STAGE_HIGH + sizeof(block));
		assert_int_equal(run(), RUN_NEXT);
		got += row->out.len;
		buf_fini(&row->out);
	}
	assert_int_equal(got, (size_t)BLOCKS * sizeof(block) * 64);
	assert_in_range(most_shown, 1, sizeof(block));
	walk_end();
}

static sluice_verdict trailers(sluice_exchange *x, const void *conf, sluice_str data, bool end)
{
	(void)conf;
	sluice_body_pass(x, data.len);
	sluice_field_set(x, SLUICE_RESPONSE_TRAILERS, SLUICE_STR("x-a"),
		end ? SLUICE_STR("2") : SLUICE_STR("early"));
	sluice_field_set(x, SLUICE_RESPONSE_TRAILERS, SLUICE_STR("content-length"),
		SLUICE_STR("2"));
	if (end)
		assert_str(sluice_field(x, SLUICE_RESPONSE_TRAILERS, SLUICE_STR("x-b")), "1");
	return SLUICE_NEXT;
}

TEST(trailers)
{
	struct fields f = { 0 };
	begin(1, SLUICE_RESPONSE);
	parts[0].on_body = trailers;
	assert_int_equal(walk_request(), RUN_NEXT);
	feed("a");
	assert_int_equal(run(), RUN_NEXT);
	assert_int_equal(fields_add(&f, walk->arena, STR("x-a"), STR("1")), 0);
	assert_int_equal(fields_add(&f, walk->arena, STR("x-b"), STR("1")), 0);
	stages_end(walk->stages[side], &f);
	assert_int_equal(run(), RUN_NEXT);
	assert_string_equal(fields_text(&walk->stages[side]->trailers), "x-b=1,x-a=2,");
	walk_end();
}

/* Another response takes the place of the first: whoever asked before it came is asked again. */
TEST(reset)
{
	begin(3, SLUICE_RESPONSE);
	parts[1].on_request = NULL;
	parts[1].on_response = ask;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(walk_response(200), RUN_NEXT);
	feed("abc");
	walk->response_start = 2;
	stages_reset(walk);
	assert_int_equal(walk->stages[side]->first->at, 0);
	assert_null(walk->stages[side]->first->next);
	assert_int_equal(walk->stages[side]->first->in.len, 0);
	walk->response_start = 0;
	stages_reset(walk);
	assert_null(walk->stages[side]);
	walk_end();
}

static sluice_verdict ask_late(sluice_exchange *x, const void *conf)
{
	const struct part *p = conf;
	assert_false(sluice_body_want(x, SLUICE_REQUEST, &plan[p->n]));
	return SLUICE_NEXT;
}

TEST(plans_that_cannot_be)
{
	begin(1, SLUICE_REQUEST);
	plan[0].max = 0;
	assert_int_equal(walk_request(), RUN_FAIL);
	walk_end();
	begin(1, SLUICE_REQUEST);
	plan[0].size = 8;
	assert_int_equal(walk_request(), RUN_FAIL);
	walk_end();
	begin(1, SLUICE_REQUEST_TRAILERS);
	assert_int_equal(walk_request(), RUN_FAIL);
	walk_end();
	begin(1, SLUICE_REQUEST);
	parts[0].on_response = ask_late;
	assert_int_equal(walk_request(), RUN_NEXT);
	assert_int_equal(walk_response(200), RUN_NEXT);
	walk_end();
}

TEST_GROUP(walk_setup, walk_teardown);
