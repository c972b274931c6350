/* compress in the kit: which responses are compressed, how their heads change, that no byte waits
 * or gets lost, and what happens when memory runs out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf.h"
#include "kit.h"
#include "pool.h"
#include "test.h"
#include "unpack.h"

extern const sluice_plugin sluice_plugin_record;

static sluice_instance *i;

static int begin(void **state)
{
	(void)state;
	kit_reset();
	i = kit_instance(&sluice_plugin_record, "min_size", "100", NULL);
	kit_start(i);
	return 0;
}

static int end(void **state)
{
	(void)state;
	kit_stop(i);
	return 0;
}

static sluice_exchange *asked(const char *method, const char *accepts)
{
	return kit_request(i, method, "/", "Accept-Encoding", accepts, NULL);
}

static const char *header(sluice_exchange *x, const char *name)
{
	return kit_header(x, SLUICE_RESPONSE, name);
}

static sluice_exchange *answered(const char *accepts, int status, const char *field,
	const char *value)
{
	sluice_exchange *x = asked("GET", accepts);
	if (!field || strcmp(field, "Content-Type") != 0)
		kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/html; charset=utf-8");
	if (field)
		kit_add_header(x, SLUICE_RESPONSE, field, value);
	assert_int_equal(kit_response(x, status), SLUICE_NEXT);
	return x;
}

enum { PLAIN, VARIES, GZIP }; /* VARIES: plain, but another client would get it compressed */

static int outcome(const char *accepts, int status, const char *field, const char *value)
{
	sluice_exchange *x = answered(accepts, status, field, value);
	const char *coding = header(x, "Content-Encoding");
	bool is_mine = coding && strcmp(coding, "gzip") == 0;
	assert_int_equal(is_mine, kit_body_wanted(x, SLUICE_RESPONSE));
	const char *vary = header(x, "Vary");
	bool varies = vary && strstr(vary, "Accept-Encoding");
	assert_true(varies || !is_mine);
	kit_end(x);
	return is_mine ? GZIP : varies ? VARIES : PLAIN;
}

TEST_WITH(what_is_compressed, begin, end)
{
	assert_int_equal(outcome("gzip", 200, NULL, NULL), GZIP);
	assert_int_equal(outcome("gzip", 404, NULL, NULL), GZIP);
	assert_int_equal(outcome("deflate", 200, NULL, NULL), VARIES);
	assert_int_equal(outcome("gzip", 200, "Content-Type", "image/png"), PLAIN);
	assert_int_equal(outcome("gzip", 200, "Content-Type", "application/grpc"), PLAIN);
	assert_int_equal(outcome("gzip", 200, "Content-Type", "text/event-stream"), PLAIN);
	assert_int_equal(outcome("gzip", 200, "Content-Type", "application/ld+JSON"), GZIP);
	assert_int_equal(outcome("gzip", 200, "Content-Length", "99"), PLAIN);
	assert_int_equal(outcome("gzip", 200, "Content-Length", "100"), GZIP);
	assert_int_equal(outcome("gzip, identity;q=0", 200, "Content-Length", "99"), GZIP);
	assert_int_equal(outcome("br;q=0, identity;q=0", 200, "Content-Length", "99"), PLAIN);
	assert_int_equal(outcome("gzip, identity;q=0", 200, "Content-Length", "0"), PLAIN);
	assert_int_equal(outcome("gzip", 206, NULL, NULL), VARIES);
	assert_int_equal(outcome("gzip", 416, "Content-Range", "bytes */9"), VARIES);
	assert_int_equal(outcome("gzip", 204, NULL, NULL), PLAIN);
	assert_int_equal(outcome("gzip", 205, NULL, NULL), PLAIN);
	assert_int_equal(outcome("gzip", 304, NULL, NULL), VARIES);
	assert_int_equal(outcome("gzip", 304, "Content-Type", "image/png"), PLAIN);
	assert_int_equal(outcome("gzip", 200, "Content-Encoding", "br"), PLAIN);
	assert_int_equal(outcome("gzip", 200, "Cache-Control", "public, No-Transform"), PLAIN);
	assert_int_equal(outcome("gzip", 200, "Cache-Control", "x-no-transform"), GZIP);
	assert_int_equal(outcome("gzip", 200, "Repr-Digest", "sha-256=:AA==:"), PLAIN);
	assert_int_equal(outcome("gzip", 200, "Content-MD5", "AA=="), PLAIN);
}

TEST(bodies_of_any_size)
{
	kit_reset();
	i = kit_instance(&sluice_plugin_record, "min_size", "0", NULL);
	kit_start(i);
	assert_int_equal(outcome("gzip", 200, "Content-Length", "0"), PLAIN);
	assert_int_equal(outcome("gzip", 200, "Content-Length", "1"), GZIP);
	kit_stop(i);
}

TEST_WITH(a_client_that_wants_no_transform, begin, end)
{
	sluice_exchange *x = kit_request(i, "GET", "/", "Accept-Encoding", "gzip", "Cache-Control",
		"no-transform", NULL);
	kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/html");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_null(header(x, "Content-Encoding"));
	kit_end(x);
}

TEST_WITH(a_client_that_says_nothing, begin, end)
{
	sluice_exchange *x = kit_request(i, "GET", "/", NULL);
	kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/html");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_null(header(x, "Content-Encoding"));
	assert_string_equal(header(x, "Vary"), "Accept-Encoding");
	kit_end(x);
}

TEST_WITH(several_lines_are_one_list, begin, end)
{
	static const char *const second[] = { "gzip;q=0.5, identity;q=0.4",
		"gzip;q=0.5, identity;q=0.7" };
	for (size_t k = 0; k < 2; k++) {
		sluice_exchange *x = kit_request(i, "GET", "/", "Accept-Encoding", "deflate",
			"Accept-Encoding", second[k], NULL);
		kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/html");
		assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
		assert_int_equal(header(x, "Content-Encoding") != NULL, k == 0);
		kit_end(x);
	}
}

TEST_WITH(heads, begin, end)
{
	sluice_exchange *x = asked("GET", "gzip");
	kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/html");
	kit_add_header(x, SLUICE_RESPONSE, "ETag", "\"a\"");
	kit_add_header(x, SLUICE_RESPONSE, "Accept-Ranges", "bytes");
	kit_add_header(x, SLUICE_RESPONSE, "Vary", "Origin, accept-encoding");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_string_equal(header(x, "ETag"), "W/\"a\"");
	assert_null(header(x, "Accept-Ranges"));
	assert_int_equal(kit_header_count(x, SLUICE_RESPONSE, "Vary"), 1);
	kit_end(x);

	/* plain: all of it holds */
	x = asked("GET", "br;q=0");
	kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/html");
	kit_add_header(x, SLUICE_RESPONSE, "ETag", "\"a\"");
	kit_add_header(x, SLUICE_RESPONSE, "Accept-Ranges", "bytes");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_string_equal(header(x, "ETag"), "\"a\"");
	assert_string_equal(header(x, "Accept-Ranges"), "bytes");
	kit_end(x);

	/* HEAD: the head that GET would get */
	x = asked("HEAD", "gzip");
	kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/html");
	kit_add_header(x, SLUICE_RESPONSE, "ETag", "\"a\"");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_string_equal(header(x, "Content-Encoding"), "gzip");
	assert_string_equal(header(x, "ETag"), "W/\"a\"");
	kit_end(x);

	/* PUT: the tag is that of what was stored */
	x = asked("PUT", "gzip");
	kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/html");
	kit_add_header(x, SLUICE_RESPONSE, "ETag", "\"a\"");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_string_equal(header(x, "ETag"), "\"a\"");
	kit_end(x);
}

/* The ETag of a 304 to a client that asked so. */
static void not_modified(const char *asks, const char *etag, const char *expected)
{
	sluice_exchange *x =
		kit_request(i, "GET", "/", "Accept-Encoding", "gzip", "If-None-Match", asks, NULL);
	kit_add_header(x, SLUICE_RESPONSE, "ETag", etag);
	assert_int_equal(kit_response(x, 304), SLUICE_NEXT);
	assert_string_equal(header(x, "ETag"), expected);
	assert_string_equal(header(x, "Vary"), "Accept-Encoding");
	assert_null(header(x, "Content-Encoding"));
	kit_end(x);
}

TEST_WITH(tags_of_304, begin, end)
{
	not_modified("W/\"a\"", "\"a\"", "W/\"a\"");
	not_modified("\"b\", W/\"a\"", "\"a\"", "W/\"a\"");
	not_modified("\"a\"", "\"a\"", "\"a\"");
	not_modified("W/\"ab\", \"a\"", "\"a\"", "\"a\"");
	not_modified("W/\"a\"", "W/\"a\"", "W/\"a\"");
	not_modified("W/", "\"a\"", "\"a\"");
	not_modified("*", "\"a\"", "\"a\"");
}

/* A body of n bytes in the given pieces; what a client reads is that body. */
static void passes(const char *coding, size_t n, size_t piece, bool says_length)
{
	char *text = text_of(n), length[32];
	bool is_whole;
	sluice_exchange *x = asked("GET", coding);
	kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/plain");
	(void)snprintf(length, sizeof(length), "%zu", n);
	if (says_length)
		kit_add_header(x, SLUICE_RESPONSE, "Content-Length", length);
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_string_equal(header(x, "Content-Encoding"), coding);
	size_t got, at = 0;
	char *plain;
	while (at < n) {
		size_t now = n - at < piece ? n - at : piece;
		assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, text + at, now, false),
			SLUICE_NEXT);
		at += now;
		if (says_length && piece > 8192)
			continue;
		/* no byte waits for the next piece */
		const char *out = kit_body_out(x, SLUICE_RESPONSE, &got);
		plain = unpack(coding, out, got, n + 1, &is_whole);
		assert_int_equal(strlen(plain), at);
		free(plain);
	}
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "", 0, true), SLUICE_NEXT);
	const char *out = kit_body_out(x, SLUICE_RESPONSE, &got);
	plain = unpack(coding, out, got, n + 1, &is_whole);
	assert_true(is_whole);
	assert_string_equal(plain, text);
	free(plain);
	free(text);
	kit_end(x);
}

TEST_WITH(bodies, begin, end)
{
	const struct compress *c = kit_conf(i);
	for (size_t k = 0; k < c->n_order; k++) {
		const char *coding = c->order[k]->name.data;
		passes(coding, 9, 9, false);
		passes(coding, 9000, 400, false);
		passes(coding, 9000, 400, true);
		passes(coding, 400000, 16384, false);
		passes(coding, 400000, 16384, true);
		passes(coding, 400000, 400000, true);
	}
}

TEST_WITH(an_empty_body, begin, end)
{
	bool is_whole;
	size_t n;
	sluice_exchange *x = answered("gzip", 200, NULL, NULL);
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "", 0, true), SLUICE_NEXT);
	const char *out = kit_body_out(x, SLUICE_RESPONSE, &n);
	char *plain = unpack("gzip", out, n, 10, &is_whole);
	assert_true(is_whole);
	assert_string_equal(plain, "");
	free(plain);
	kit_end(x);
}

/* ---- memory -------------------------------------------------------------------------------- */

TEST(coders_beyond_the_memory)
{
	enum { MANY = 40 };
	sluice_exchange *x[MANY];
	size_t gzips = 0, others = 0, plain = 0;
	kit_reset();
	i = kit_instance(&sluice_plugin_record, "memory", "5MiB", NULL);
	kit_start(i);
	const struct pool *p = kit_state(i);
	for (size_t k = 0; k < MANY; k++) {
		x[k] = answered("gzip, br", 200, NULL, NULL);
		const char *coding = header(x[k], "Content-Encoding");
		if (!coding)
			assert_true(kit_noted(x[k], "compress-memory-full"));
		plain += !coding;
		gzips += coding && strcmp(coding, "gzip") == 0;
		others += coding && strcmp(coding, "br") == 0;
		assert_true(p->held <= 5 << 20);
		/* whoever gets no brotli gets gzip, as long as there is room for it */
		assert_true(!coding || strcmp(coding, "br") != 0 || gzips == 0);
	}
	assert_true(plain > 0 && gzips > 0);
#ifdef HAVE_BROTLI
	assert_int_equal(others, 2);
#endif
	for (size_t k = 0; k < MANY; k++)
		kit_end(x[k]);
	assert_true(p->held > 0);
	/* those that rest make room for another coding, and serve again */
	for (unsigned k = 0; k < MANY; k++) {
		sluice_exchange *one = answered(k % 2 ? "gzip" : "br, gzip;q=0.5", 200, NULL, NULL);
		assert_non_null(header(one, "Content-Encoding"));
		kit_end(one);
		assert_true(p->held <= 5 << 20);
	}
	kit_stop(i);
}

TEST_WITH(a_coder_is_used_again, begin, end)
{
	const struct pool *p = kit_state(i);
	size_t held = 0;
	for (unsigned k = 0; k < 20; k++) {
		sluice_exchange *x = answered("gzip", 200, NULL, NULL);
		assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "text", 4, k % 2), SLUICE_NEXT);
		assert_true(held == 0 || held == p->held);
		held = p->held;
		if (k % 2) /* it is free as soon as the body has ended */
			assert_int_equal(p->n_idle[CODING_GZIP], 1);
		kit_end(x);
	}
}

TEST_WITH(an_exchange_without_memory, begin, end)
{
	unsigned failed = 0, done = 0;
	for (size_t budget = 0; budget < 6000; budget += 16) {
		sluice_exchange *x = kit_exchange(i, "GET", "/");
		kit_add_header(x, SLUICE_REQUEST, "Accept-Encoding", "gzip");
		kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/html");
		kit_add_header(x, SLUICE_RESPONSE, "ETag", "\"a\"");
		kit_set_budget(x, budget);
		sluice_verdict v = kit_run(x);
		if (v == SLUICE_NEXT)
			v = kit_response(x, 200);
		failed += v != SLUICE_NEXT;
		done += v == SLUICE_NEXT && header(x, "Content-Encoding");
		kit_end(x);
	}
	assert_true(failed > 0 && done > 0);
	assert_true(((const struct pool *)kit_state(i))->n_idle[CODING_GZIP] >= 1);
}

/* ---- configuration ------------------------------------------------------------------------- */

static void refused(const char *option, const char *value, const char *says)
{
	kit_reset();
	i = kit_instance(&sluice_plugin_record, option, value, NULL);
	assert_int_equal(kit_check(i), -1);
	if (!strstr(kit_errors(i), says))
		fail_msg("%s: %s: %s", option, value, kit_errors(i));
	kit_stop(i);
}

TEST(mistakes)
{
	refused("encodings", "[gzip, deflate]",
		"encodings[1]: \"deflate\" is no coding that this plugin has");
	refused("encodings", "[gzip, gzip]", "encodings[1]: gzip is in the list already");
	refused("types", "[text/html, text]", "types[1]: \"text\" is no media type");
	refused("types", "[\"text/html; charset=utf-8\"]", "is no media type");
	refused("types", "[\"*/json\"]", "has a * for the type");
	refused("types", "[\"text/x*\"]", "has a * that is not the whole subtype");
	refused("types", "[\"text/*x\"]", "has a * that is not the whole subtype");
	refused("types", "[]", "types");
	refused("level.br", "11", "level.br");
	refused("memory", "1MiB", "memory");
#ifndef HAVE_BROTLI
	refused("encodings", "[br]", "Sluice was built without br");
#endif
}

TEST(what_the_file_says_counts)
{
	kit_reset();
	i = kit_instance(&sluice_plugin_record, "encodings", "[gzip]", "types", "[image/*]",
		"strip_accept_encoding", "true", NULL);
	kit_start(i);
	sluice_exchange *x = asked("GET", "br, gzip");
	assert_null(kit_header(x, SLUICE_REQUEST, "Accept-Encoding"));
	kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "image/bmp");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_string_equal(header(x, "Content-Encoding"), "gzip");
	kit_end(x);
	kit_stop(i);
}
