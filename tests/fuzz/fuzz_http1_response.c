/*
 * Response heads. The first byte chooses the request's method and the client's version. What is
 * accepted is written for that client, and reads there as a response with the same meaning.
 */
#include <stdlib.h>

#include "http1/parse.h"
#include "http1/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http1_limits limits = { .max_fields = 60, .max_target = 500 };

static sluice_str rewrite(const struct response_head *h, enum method m, unsigned version,
	bool keep_alive, struct arena *a)
{
	size_t bound = http1_response_head_size(h);
	char *buf = malloc(bound); /* of the exact size, for sanitizers */
	check(buf, "no memory");
	size_t n = (size_t)(http1_write_response_head(buf, h, m, version, keep_alive) - buf);
	check(n <= bound, "%zu bytes written, bound %zu", n, bound);
	sluice_str s = arena_str(a, str_n(buf, n));
	free(buf);
	return s;
}

static void check_round_trip(struct response_head *h, enum method m, unsigned version,
	bool keep_alive, struct arena *a)
{
	struct response_head again;
	enum body_kind framing = http1_response_framing(h, m, version);
	size_t len;

	fields_drop_hop_by_hop(&h->fields);
	sluice_str first = rewrite(h, m, version, keep_alive, a);
	check(http1_find_head_end(first.data, first.len, 0, &len) && len == first.len,
		"not one head: %.*s", STR_ARG(first));
	int rc = http1_parse_response(&again, first.data, first.len, a, m,
		&(struct http1_limits){ .max_fields = 99 });
	check(rc == 0, "%d for what was written: %.*s", rc, STR_ARG(first));
	check(again.status == h->status, "status %d became %d", h->status, again.status);
	check(again.body == framing, "framed as %d, read as %d: %.*s", framing, again.body,
		STR_ARG(first));
	check(framing != BODY_LENGTH || again.body_length == h->body_length, "another length");
	bool lives = keep_alive && framing != BODY_CLOSE;
	check(h->status < 200 || again.keep_alive == lives, "keep_alive %d: %.*s", again.keep_alive,
		STR_ARG(first));
	fields_drop_hop_by_hop(&again.fields);
	sluice_str second = rewrite(&again, m, version, keep_alive, a);
	check(str_eq(first, second), "written twice, differently: %.*s", STR_ARG(second));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct response_head h;
	size_t len;

	if (size < 1)
		return 0;
	const char *p = (const char *)data + 1;
	enum method m = (enum method)(data[0] % METHOD_COUNT);
	unsigned version = data[0] & 0x40 ? 10 : 11;
	size--;
	arena_init(&a, 1 << 20);
	(void)!http1_parse_response(&h, p, size, &a, m, &limits); /* any bytes at all */
	if (http1_find_head_end(p, size, 0, &len)) {
		sluice_str head = arena_str(&a, str_n(p, len));
		if (http1_parse_response(&h, head.data, head.len, &a, m, &limits) == 0) {
			check(h.status >= 100 && h.status <= 599, "status %d", h.status);
			check(h.body != BODY_CLOSE || !h.keep_alive, "kept alive without an end");
			check_round_trip(&h, m, version, (data[0] & 0x80) != 0, &a);
		}
	}
	arena_fini(&a);
	return 0;
}
