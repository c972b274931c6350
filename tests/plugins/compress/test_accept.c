/* compress, accept: what clients say about content codings. */
#include "accept.h"

#include <string.h>

#include <sluice/str.h>

#include "kit.h"
#include "suit.h"
#include "test.h"

extern const sluice_plugin sluice_plugin_record;

static const struct coder_ops zstd = { .coding = CODING_ZSTD, .name = { "zstd", 4 } };
static const struct coder_ops br = { .coding = CODING_BR, .name = { "br", 2 } };
static const struct coder_ops gzip = { .coding = CODING_GZIP, .name = { "gzip", 4 } };

/* The codings that are tried for a client that says this, joined by blanks. */
static const char *chosen(const char *said)
{
	static const struct coder_ops *const order[] = { &zstd, &br, &gzip };
	static char text[32];
	const struct coder_ops *out[CODINGS];
	struct accept a = accept_read(sluice_str_of(said));
	size_t n = accept_choose(&a, order, CODINGS, out);
	text[0] = 0;
	for (size_t i = 0; i < n; i++) {
		if (i)
			strcat(text, " ");
		strcat(text, out[i]->name.data);
	}
	return text;
}

TEST(codings_and_weights)
{
	static const char *const rows[][2] = {
		/* what browsers send */
		{ "gzip, deflate, br, zstd", "zstd br gzip" },
		{ "gzip, deflate, br", "br gzip" },
		{ "gzip", "gzip" },
		{ "GZip", "gzip" },
		{ "x-gzip", "gzip" },
		{ "deflate, compress", "" },
		{ "", "" },
		{ " , ,", "" },
		{ "identity", "" },
		/* the client's weights go first */
		{ "gzip;q=1.0, br;q=0.5, zstd;q=0.9", "gzip zstd br" },
		{ "gzip ; Q=0.8 , br;q=0.8", "br gzip" },
		{ "gzip;x=1;q=0.1", "gzip" },
		{ "br;q=0.001", "br" },
		{ "gzip;q=0", "" },
		{ "gzip;q=0.000, br", "br" },
		{ "gzip, gzip;q=0", "gzip" },
		/* identity */
		{ "gzip;q=0.5, identity", "" },
		{ "gzip;q=0.5, identity;q=0.5", "gzip" },
		{ "gzip;q=0.5, br, identity;q=0.7", "br" },
		{ "identity;q=0, gzip;q=0.001", "gzip" },
		{ "identity;q=0", "" },
		/* all that are not named */
		{ "*", "zstd br gzip" },
		{ "*;q=0", "" },
		{ "gzip, *;q=0", "gzip" },
		{ "br;q=0, *", "zstd gzip" },
		{ "*;q=0.5, gzip", "gzip zstd br" },
		{ "*;q=0.5, identity", "" },
		/* no weights */
		{ "gzip;q=2, br;q=1.1, zstd;q=-1", "" },
		{ "gzip;q=, br;q=0.1234, zstd;q=0,5", "" },
		{ "gzip;q", "" },
		{ "gzip;q=1.0001", "" },
		{ "gzip;q=1.000", "gzip" },
		{ "gzip;q=1.", "gzip" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(chosen(rows[i][0]), rows[i][1]) != 0)
			fail_msg("\"%s\": \"%s\", not \"%s\"", rows[i][0], chosen(rows[i][0]),
				rows[i][1]);
	}
}

TEST(media_types)
{
	static const sluice_str v[] = { { "text/html", 9 }, { "image/*", 7 },
		{ "application/*+json", 18 } };
	static const sluice_str any[] = { { "*/*", 3 } };
	const sluice_strs types = { v, 3 }, all = { any, 1 };
	static const char *const yes[] = { "text/html", "Text/HTML; charset=utf-8", "image/png",
		"application/problem+json", " text/html ;a=b" };
	static const char *const no[] = { "", "text", "text/htm", "text/html5", "imag/png",
		"application/json", "application/+jso", "application/grpc+json", "application/grpc",
		"a/b" };
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(suit_is_type(types, sluice_str_of(yes[i])));
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(suit_is_type(types, sluice_str_of(no[i])));
	assert_true(suit_is_type(all, SLUICE_STR("a/b")));
	assert_false(suit_is_type(all, SLUICE_STR("application/grpc-web+proto")));
}
