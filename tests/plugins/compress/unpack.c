/* See unpack.h. */
#include "unpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#ifdef HAVE_BROTLI
#include <brotli/decode.h>
#endif
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "test.h"

static void unpack_gzip(const char *bytes, size_t n, char *text, size_t room, bool *is_whole)
{
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)bytes,
		.avail_in = (unsigned)n,
		.next_out = (unsigned char *)text,
		.avail_out = (unsigned)room };
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	int r = inflate(&z, Z_SYNC_FLUSH);
	assert_true(r == Z_OK || r == Z_STREAM_END);
	*is_whole = r == Z_STREAM_END && z.avail_in == 0;
	assert_int_equal(inflateEnd(&z), Z_OK);
}

#ifdef HAVE_BROTLI
static void unpack_br(const char *bytes, size_t n, char *text, size_t room, bool *is_whole)
{
	BrotliDecoderState *d = BrotliDecoderCreateInstance(NULL, NULL, NULL);
	const uint8_t *in = (const uint8_t *)bytes;
	uint8_t *out = (uint8_t *)text;
	BrotliDecoderResult r = BrotliDecoderDecompressStream(d, &n, &in, &room, &out, NULL);
	assert_int_not_equal(r, BROTLI_DECODER_RESULT_ERROR);
	*is_whole = r == BROTLI_DECODER_RESULT_SUCCESS && n == 0;
	BrotliDecoderDestroyInstance(d);
}
#endif

#ifdef HAVE_ZSTD
static void unpack_zstd(const char *bytes, size_t n, char *text, size_t room, bool *is_whole)
{
	ZSTD_DStream *d = ZSTD_createDStream();
	ZSTD_inBuffer in = { bytes, n, 0 };
	ZSTD_outBuffer out = { text, room, 0 };
	size_t r = 1;
	while (in.pos < in.size && r != 0) {
		r = ZSTD_decompressStream(d, &out, &in);
		assert_false(ZSTD_isError(r));
	}
	*is_whole = r == 0 && in.pos == in.size;
	ZSTD_freeDStream(d);
}
#endif

char *unpack(const char *coding, const char *bytes, size_t n, size_t room, bool *is_whole)
{
	char *text = calloc(1, room + 1);
	assert_non_null(text);
	if (strcmp(coding, "gzip") == 0)
		unpack_gzip(bytes, n, text, room, is_whole);
#ifdef HAVE_BROTLI
	else if (strcmp(coding, "br") == 0)
		unpack_br(bytes, n, text, room, is_whole);
#endif
#ifdef HAVE_ZSTD
	else if (strcmp(coding, "zstd") == 0)
		unpack_zstd(bytes, n, text, room, is_whole);
#endif
	else
		fail_msg("no decoder for %s", coding);
	return text;
}

char *text_of(size_t n)
{
	char *text = malloc(n + 200);
	unsigned long state = 7;
	assert_non_null(text);
	for (size_t at = 0; at < n;) {
		state = state * 6364136223846793005UL + 1442695040888963407UL;
		at += (size_t)sprintf(text + at,
			"{\"id\":%lu,\"name\":\"user %lu\",\"active\":%s,\"balance\":%lu.%02lu},\n",
			state >> 50, state >> 40 & 1023, state >> 33 & 1 ? "true" : "false",
			state >> 44, state >> 35 & 63);
	}
	text[n] = 0;
	return text;
}
