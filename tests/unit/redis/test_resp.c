/* redis/resp, redis/script: commands as bytes, replies as values, and the bounds of replies. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "redis/script.h"
#include "with_reader.h"

/* ---- commands ------------------------------------------------------------------------------ */

TEST(command)
{
	struct buf b;
	sluice_str argv[] = { STR("SET"), STR("a b"), str_n("\r\n\0$", 4), STR_NONE };
	buf_init(&b);
	assert_int_equal(resp_command(&b, argv, 4), 0);
	sluice_str want = STR("*4\r\n$3\r\nSET\r\n$3\r\na b\r\n$4\r\n\r\n\0$\r\n$0\r\n\r\n");
	assert_int_equal(b.len, want.len);
	assert_memory_equal(buf_pullup(&b, b.len).data, want.data, want.len);
	buf_fini(&b);

	sluice_str many[RESP_ARGS_MAX + 1];
	for (size_t i = 0; i < RESP_ARGS_MAX + 1; i++)
		many[i] = STR("x");
	assert_int_equal(resp_command(&b, many, 0), -1);
	assert_int_equal(resp_command(&b, many, RESP_ARGS_MAX + 1), -1);
	assert_int_equal(resp_command(&b, many, RESP_ARGS_MAX), 0);
	buf_fini(&b);

	char *large = calloc(1, RESP_COMMAND_MAX);
	assert_non_null(large);
	sluice_str two[] = { STR("GET"), str_n(large, RESP_COMMAND_MAX - 2) };
	assert_int_equal(resp_command(&b, two, 2), -1);
	assert_int_equal(b.len, 0);
	two[1].len--;
	assert_int_equal(resp_command(&b, two, 2), 0);
	buf_fini(&b);
	free(large);
}

TEST(pieces)
{
	char room[64];
	char *end = resp_head(room, 1234567890);
	assert_str(str_n(room, (size_t)(end - room)), "*1234567890\r\n");
	end = resp_head(room, 0);
	assert_str(str_n(room, (size_t)(end - room)), "*0\r\n");
	end = resp_bulk(room, STR("0123456789"));
	assert_str(str_n(room, (size_t)(end - room)), "$10\r\n0123456789\r\n");
}

TEST(script)
{
	struct arena a;
	arena_init(&a, 0);
	struct sluice_script *s = script_new(&a, STR("return 1"));
	assert_non_null(s);
	assert_string_equal(s->sha1, "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
	assert_str(s->evalsha,
		"$7\r\nEVALSHA\r\n$40\r\ne0e1f9fabfc9d4800c877a703b823ac0578ff8db\r\n$1\r\n1\r\n");
	assert_str(s->eval, "$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n1\r\n");
	assert_null(script_new(&a, STR_NONE));
	arena_fini(&a);
}

/* ---- replies ------------------------------------------------------------------------------- */

/* A value as text, errors of the reader as !text. */
static void show(const sluice_value *v, FILE *to)
{
	switch (v->type) {
	case SLUICE_V_NIL:
		(void)fprintf(to, "nil");
		break;
	case SLUICE_V_INT:
		(void)fprintf(to, "%lld", (long long)v->i);
		break;
	case SLUICE_V_STR:
		(void)fprintf(to, "'%.*s'", STR_ARG(v->s));
		break;
	case SLUICE_V_LIST:
		(void)fputc('[', to);
		for (size_t i = 0; i < v->n; i++) {
			(void)fprintf(to, "%s", i ? " " : "");
			show(&v->v[i], to);
		}
		(void)fputc(']', to);
		break;
	}
}

/* All replies in bytes, fed in pieces of that size. */
static char *replies(sluice_str bytes, size_t piece)
{
	char *text = NULL;
	size_t len, at = 0;
	int n = 0;
	FILE *to = open_memstream(&text, &len);
	assert_non_null(to);
	resp_reset(&reader);
	while (at < bytes.len && n >= 0) {
		size_t take = bytes.len - at < piece ? bytes.len - at : piece;
		const sluice_value *v;
		bool is_error;
		n = resp_feed(&reader, str_n(bytes.data + at, take));
		at += take;
		while (n == 0 && (n = resp_next(&reader, &v, &is_error)) == 1) {
			(void)fprintf(to, "%s%s", ftell(to) ? "; " : "", is_error ? "error " : "");
			show(v, to);
			n = 0;
		}
	}
	if (n < 0)
		(void)fprintf(to, "%s!%s", ftell(to) ? "; " : "", reader.error);
	(void)fclose(to);
	return text;
}

static const struct row {
	sluice_str bytes;
	const char *want;
} rows[] = {
	{ STR("+OK\r\n"), "'OK'" },
	{ STR("+\r\n"), "''" },
	{ STR("-ERR no\r\n"), "error 'ERR no'" },
	{ STR(":-42\r\n"), "-42" },
	{ STR(":9223372036854775807\r\n"), "9223372036854775807" },
	{ STR("$-1\r\n"), "nil" },
	{ STR("*-1\r\n"), "nil" },
	{ STR("$0\r\n\r\n"), "''" },
	{ STR("$5\r\na\r\nb\r\r\n"), "'a\r\nb\r'" },
	{ STR("*0\r\n"), "[]" },
	{ STR("*4\r\n:1\r\n:0\r\n:250\r\n$2\r\nab\r\n"), "[1 0 250 'ab']" },
	{ STR("*2\r\n*1\r\n*1\r\n:1\r\n-ERR inner\r\n"), "[[[1]] 'ERR inner']" },
	{ STR("+A\r\n-B\r\n:1\r\n"), "'A'; error 'B'; 1" },
	{ STR("*6\r\n*5\r\n*4\r\n*3\r\n*2\r\n*1\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n"), NULL },
};

TEST(replies)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *whole = replies(rows[i].bytes, 1 << 20);
		char *bytewise = replies(rows[i].bytes, 1);
		assert_string_equal(bytewise, whole);
		if (rows[i].want)
			assert_string_equal(whole, rows[i].want);
		free(whole);
		free(bytewise);
	}
}

TEST(broken)
{
	static const char *const texts[] = { "HTTP/1.1 200 OK\r\n", "+OK\r\nx",
		"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "*16385\r\n", "*2147483647\r\n",
		"*4294967297\r\n", "*2\r\n*16383\r\n" };
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *text = replies(str_of(texts[i]), 3);
		if (!strchr(text, '!'))
			fail_msg("%s: taken as %s", texts[i], text);
		free(text);
		const sluice_value *v;
		bool is_error;
		assert_int_equal(resp_feed(&reader, STR("+OK\r\n")), -1);
		assert_int_equal(resp_next(&reader, &v, &is_error), -1);
	}
	resp_reset(&reader);
	assert_int_equal(resp_feed(&reader, STR("+OK\r\n")), 0);
}

/* Lists of lists whose elements add up to more than the bound, though none of them has. */
TEST(many_elements)
{
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);
	assert_non_null(to);
	(void)fprintf(to, "*100\r\n");
	for (int i = 0; i < 100; i++) {
		(void)fprintf(to, "*200\r\n");
		for (int j = 0; j < 200; j++)
			(void)fprintf(to, ":1\r\n");
	}
	(void)fclose(to);
	char *shown = replies(str_n(text, len), 4096);
	assert_string_equal(shown, "!a reply has too many elements");
	free(shown);
	free(text);
}

TEST(large)
{
	char head[32];
	const sluice_value *v;
	bool is_error;
	size_t n = RESP_REPLY_MAX - 16;
	char *text = malloc(n + 64);
	assert_non_null(text);
	resp_reset(&reader);
	size_t len = (size_t)snprintf(head, sizeof(head), "$%zu\r\n", n);
	memcpy(text, head, len);
	memset(text + len, 'x', n);
	memcpy(text + len + n, "\r\n", 2);
	assert_int_equal(resp_feed(&reader, str_n(text, len + n + 2)), 0);
	assert_int_equal(resp_next(&reader, &v, &is_error), 1);
	assert_int_equal(v->s.len, n);
	assert_int_equal(resp_next(&reader, &v, &is_error), 0);

	/* one that never ends */
	assert_int_equal(resp_feed(&reader, STR("$536870912\r\n")), 0);
	for (unsigned i = 0; i < RESP_REPLY_MAX / 65536; i++) {
		int r = resp_next(&reader, &v, &is_error);
		assert_int_equal(r, 0);
		assert_int_equal(resp_feed(&reader, str_n(text, 65536)), 0);
	}
	assert_int_equal(resp_next(&reader, &v, &is_error), -1);
	assert_string_equal(reader.error, "a reply is too large");
	free(text);
}

TEST_GROUP(reader_setup, reader_teardown);
