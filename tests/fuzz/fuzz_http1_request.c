/*
 * Request heads: found in pieces as at once, and what is accepted is the same request after it was
 * written and read again.
 */
#include <stdlib.h>

#include "http/scan.h"
#include "http1/parse.h"
#include "http1/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http1_limits limits = { .max_fields = 60, .max_target = 500 };

static void check_twins(const char *p, const char *end)
{
#if SCAN_SIMD
	check(scan_value_simd(p, end) == scan_value_scalar(p, end), "scan_value differs");
	check(scan_name_simd(p, end) == scan_name_scalar(p, end), "scan_name differs");
	check(scan_visible_simd(p, end) == scan_visible_scalar(p, end), "scan_visible differs");
	check(scan_empty_line_simd(p, end) == scan_empty_line_scalar(p, end),
		"scan_empty_line differs");
#else
	(void)p;
	(void)end;
#endif
}

/* The search goes on where it stopped, in steps of any size. */
static bool find_head(const char *p, size_t len, size_t *head_len)
{
	size_t got = 0;
	bool at_once = http1_find_head_end(p, len, 0, head_len);
	for (size_t step = 1; step < 40; step += 3) {
		bool found = false;
		for (size_t from = 0; from < len && !found; from += step)
			found = http1_find_head_end(p, from + step < len ? from + step : len, from,
				&got);
		check(found == at_once && (!found || got == *head_len),
			"steps of %zu find another end", step);
	}
	return at_once;
}

static void check_head(const struct request_head *h)
{
	check(str_is_token(h->method_text), "method \"%.*s\"", STR_ARG(h->method_text));
	check(h->body != BODY_CLOSE && h->version <= 11, "body %d, version %d", h->body,
		h->version);
	check(h->version == 10 || h->host.len > 0, "no host");
	for (uint32_t i = 0; i < h->fields.n; i++) {
		const struct field *f = &h->fields.v[i];
		check(str_is_token(field_name(f)) && str_is_field_value(field_value(f)), "field %u",
			i);
		check(str_eq(str_trim(field_value(f)), field_value(f)),
			"blanks around the value of field %u", i);
		check(f->token == (uint16_t)token_find(f->name, f->name_len), "token of field %u",
			i);
		if (f->flags & FIELD_LINE)
			check(f->value == f->name + f->name_len + 2 &&
					memcmp(f->name + f->name_len, ": ", 2) == 0 &&
					memcmp(f->value + f->value_len, "\r\n", 2) == 0,
				"field %u is no line", i);
	}
}

/* As the gateway sends it on. */
static sluice_str rewrite(const struct request_head *h, struct arena *a)
{
	size_t bound = http1_request_head_size(h);
	char *buf = malloc(bound); /* of the exact size, for sanitizers */
	check(buf, "no memory");
	size_t n = (size_t)(http1_write_request_head(buf, h, h->keep_alive) - buf);
	check(n <= bound, "%zu bytes written, bound %zu", n, bound);
	sluice_str s = arena_str(a, str_n(buf, n));
	free(buf);
	return s;
}

static void check_same(const struct request_head *a, const struct request_head *b)
{
	check(str_eq(a->method_text, b->method_text) && a->method == b->method, "another method");
	check(str_eq(a->path, b->path), "path \"%.*s\" became \"%.*s\"", STR_ARG(a->path),
		STR_ARG(b->path));
	check(a->has_query == b->has_query && str_eq(a->query, b->query), "another query");
	check(str_eq(a->host, b->host) && str_eq(a->authority, b->authority), "another host");
	check(a->keep_alive == b->keep_alive && a->upgrade == b->upgrade &&
			a->te_trailers == b->te_trailers,
		"connection");
	check(a->body_length == b->body_length, "another length");
	check(a->body == b->body ||
			(a->body == BODY_NONE && b->body == BODY_LENGTH && b->body_length == 0),
		"another body");
}

static void check_round_trip(struct request_head *h, struct arena *a)
{
	struct request_head again;
	fields_drop_hop_by_hop(&h->fields);
	sluice_str first = rewrite(h, a);
	size_t len;
	check(http1_find_head_end(first.data, first.len, 0, &len) && len == first.len,
		"not one head: %.*s", STR_ARG(first));
	int rc = http1_parse_request(&again, first.data, first.len, a,
		&(struct http1_limits){ .max_fields = 99, .max_target = 999 });
	/* of HTTP/1.0: the exchange gives it a name before it goes on */
	if (h->authority.len == 0) {
		check(rc == ERR_BAD_HOST, "no host, and it gave %d", rc);
		return;
	}
	check(rc == 0, "%d for what was written: %.*s", rc, STR_ARG(first));
	check_same(h, &again);
	fields_drop_hop_by_hop(&again.fields);
	sluice_str second = rewrite(&again, a);
	check(str_eq(first, second), "written twice, differently: %.*s", STR_ARG(second));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct request_head h;
	const char *p = (const char *)data;
	size_t skip = 0, len;
	unsigned lines = 0;

	check_twins(p, p + size);
	arena_init(&a, 1 << 20);
	(void)!http1_parse_request(&h, p, size, &a, &limits); /* any bytes at all */
	if (http1_skip_empty_lines(p, size, &lines, &skip) == 0 &&
		find_head(p + skip, size - skip, &len)) {
		sluice_str head = arena_str(&a, str_n(p + skip, len));
		if (http1_parse_request(&h, head.data, head.len, &a, &limits) == 0) {
			check_head(&h);
			check_round_trip(&h, &a);
		}
	}
	arena_fini(&a);
	return 0;
}
