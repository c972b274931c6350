/* Base64 of the plugin grpc-web: what is decoded does not depend on how it was cut, and reads back;
 * media types; trailer frames. */
#include <stdlib.h>

#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Decode in pieces of at most n bytes of output. Returns the length, or -1. */
static ptrdiff_t decode(sluice_str text, char *out, size_t piece)
{
	size_t total = 0;
	while (text.len >= 4) {
		size_t n = piece;
		ptrdiff_t used = wire_decode(text, out + total, &n);
		if (used < 0)
			return -1;
		must(used > 0 && used % 4 == 0 && n > 0 && n <= piece);
		total += n;
		text.data += used;
		text.len -= (size_t)used;
	}
	return (ptrdiff_t)total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char nothing[] = "";
	sluice_str text = { size ? (const char *)data : nothing, size }, suffix;
	char *a = malloc(size + 3), *b = malloc(size + 3), *line = malloc(size + 8),
	     *again = malloc(wire_encoded(size) + 1);
	bool is_text;
	must(a && b && line && again);
	ptrdiff_t n = decode(text, a, size + 3), m = decode(text, b, 3);
	must(n == m && (n <= 0 || memcmp(a, b, (size_t)n) == 0));

	size_t room = size + 3;
	wire_encode(text, again);
	must(wire_decode((sluice_str){ again, wire_encoded(size) }, b, &room) ==
		(ptrdiff_t)wire_encoded(size));
	must(room == size && (size == 0 || memcmp(b, data, size) == 0));

	if (wire_is_web(text, &is_text, &suffix))
		must(suffix.data + suffix.len <= text.data + text.len &&
			!wire_is_grpc(text, &suffix));
	sluice_pair f = { { text.data, size / 2 }, { text.data + size / 2, size - size / 2 } };
	must((size_t)(wire_line(line, f) - line) == wire_line_size(f));
	free(a);
	free(b);
	free(line);
	free(again);
	return 0;
}
