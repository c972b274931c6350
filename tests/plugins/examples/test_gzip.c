/* contrib/plugin-examples/gzip: which responses are compressed, and that nothing gets lost. */
#include <stdlib.h>
#include <zlib.h>

#include "kit.h"
#include "test.h"

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

/* A response to a client that says this, with one more field; whether it is compressed. */
static bool compresses(const char *accepts, const char *field, const char *value)
{
	sluice_exchange *x = kit_request(i, "GET", "/", "Accept-Encoding", accepts, NULL);
	bool is_typed = strcmp(field, "Content-Type") == 0;
	if (!is_typed)
		kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/html; charset=utf-8");
	kit_add_header(x, SLUICE_RESPONSE, field, value);
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	const char *coding = kit_header(x, SLUICE_RESPONSE, "Content-Encoding");
	bool is = coding && strcmp(coding, "gzip") == 0;
	assert_int_equal(is, kit_body_wanted(x, SLUICE_RESPONSE));
	if (is)
		assert_string_equal(kit_header(x, SLUICE_RESPONSE, "Vary"), "Accept-Encoding");
	kit_end(x);
	return is;
}

TEST_WITH(what_is_compressed, begin, end)
{
	assert_true(compresses("gzip", "X-A", "b"));
	assert_true(compresses("br;q=1, GZIP;q=0.5", "X-A", "b"));
	assert_false(compresses("gzip;q=0", "X-A", "b"));
	assert_false(compresses("gzip; q=0.00", "X-A", "b"));
	assert_false(compresses("br", "X-A", "b"));
	assert_false(compresses("gzip", "Content-Type", "image/png"));
	assert_true(compresses("gzip", "Content-Type", "application/JSON"));
	assert_false(compresses("gzip", "Content-Encoding", "br"));
	assert_false(compresses("gzip", "Cache-Control", "public, no-transform"));
	assert_false(compresses("gzip", "Content-Length", "99"));
	assert_true(compresses("gzip", "Content-Length", "100"));
}

/* The text that the bytes stand for; to be freed. */
static char *unpacked(const char *bytes, size_t n, size_t room)
{
	char *text = calloc(1, room + 1);
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)bytes,
		.avail_in = (unsigned)n,
		.next_out = (unsigned char *)text,
		.avail_out = (unsigned)room };
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_true(inflate(&z, Z_SYNC_FLUSH) >= Z_OK);
	assert_int_equal(inflateEnd(&z), Z_OK);
	return text;
}

TEST_WITH(each_piece_goes_on_at_once, begin, end)
{
	enum { BIG = 300000 };
	char *big = malloc(BIG + 1);
	for (size_t k = 0; k < BIG; k++) /* little of it repeats */
		big[k] = (char)('a' + (k * k / 7 + k / 3) % 26);
	big[BIG] = 0;
	sluice_exchange *x = kit_request(i, "GET", "/", "Accept-Encoding", "gzip", NULL);
	kit_add_header(x, SLUICE_RESPONSE, "Content-Type", "text/plain");
	kit_add_header(x, SLUICE_RESPONSE, "ETag", "\"1\"");
	assert_int_equal(kit_response(x, 200), SLUICE_NEXT);
	assert_string_equal(kit_header(x, SLUICE_RESPONSE, "ETag"), "W/\"1\"");
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, "data: 1\n\n", 9, false), SLUICE_NEXT);
	size_t n;
	const char *out = kit_body_out(x, SLUICE_RESPONSE, &n);
	char *text = unpacked(out, n, 100);
	assert_string_equal(text, "data: 1\n\n");
	free(text);
	assert_int_equal(kit_body_in(x, SLUICE_RESPONSE, big, BIG, true), SLUICE_NEXT);
	out = kit_body_out(x, SLUICE_RESPONSE, &n);
	text = unpacked(out, n, BIG + 100);
	assert_int_equal(strlen(text), BIG + 9);
	assert_string_equal(text + 9, big);
	free(text);
	free(big);
	kit_end(x);
}
