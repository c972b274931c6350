/*
 * PROXY headers: whatever the bytes, a header is found once all of it is there, not before, and
 * wherever more bytes follow; and what was named is read again from what is written, in either
 * version.
 */
#include "net/proxy_header.h"

static void written_again(const struct proxy_header *h, int version)
{
	struct proxy_header again;
	const char *why = "";
	char buf[PROXY_HEADER_WRITTEN];
	size_t n = proxy_header_write(version, &h->source, &h->target, buf);
	int len = proxy_header_parse(buf, n, &again, &why);
	check(n <= sizeof(buf) && len == (int)n, "%zu bytes were written and %d read: %s", n, len,
		why);
	check(again.version == version && again.is_named, "version %d became %d", version,
		again.version);
	check(addr_port(&again.source) == addr_port(&h->source) &&
			addr_port(&again.target) == addr_port(&h->target),
		"ports %u and %u changed", (unsigned)addr_port(&h->source),
		(unsigned)addr_port(&h->target));
	char a[ADDR_TEXT], b[ADDR_TEXT];
	(void)addr_text(&h->source, a);
	(void)addr_text(&again.source, b);
	check(strcmp(a, b) == 0, "%s became %s", a, b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *why = NULL;
	struct proxy_header h, part;
	int len = proxy_header_parse(p, size, &h, &why);

	check(len <= (int)size && len <= PROXY_HEADER_MAX, "a header of %d bytes in %zu", len,
		size);
	if (len < 0) {
		check(why && *why, "a header is refused without a word: %d", len);
		return 0;
	}
	check(len > 0 || size < PROXY_HEADER_MAX, "%zu bytes are the beginning of a header", size);
	size_t whole = len ? (size_t)len : size, step = whole > 256 ? whole / 64 : 1;
	for (size_t n = 0; n < whole; n += step)
		check(proxy_header_parse(p, n, &part, &why) == 0,
			"%zu bytes of %zu say another thing", n, whole);
	if (len == 0)
		return 0;
	check(proxy_header_parse(p, whole, &part, &why) == len && part.is_named == h.is_named,
		"what follows matters at %d", len);
	if (h.is_named) {
		check(h.source.len && h.source.sa.sa_family == h.target.sa.sa_family,
			"families %d and %d", (int)h.source.sa.sa_family,
			(int)h.target.sa.sa_family);
		written_again(&h, 1);
		written_again(&h, 2);
	}
	return 0;
}
