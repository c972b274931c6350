/*
 * redis/resp: what a server (or who poses as one) sends. The first byte says in pieces of what size
 * the rest arrives. Every value is walked to its end, and the same bytes must give the same replies
 * however they are cut.
 */
#include <stdint.h>
#include <stdlib.h>

#include "redis/resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t mix(uint64_t h, uint64_t v)
{
	return (h ^ v) * 0x100000001b3ull;
}

static uint64_t walk(const sluice_value *v, unsigned depth, uint64_t h)
{
	check(depth <= RESP_DEPTH_MAX, "a list %u deep", depth);
	h = mix(h, (uint64_t)v->type + 1);
	switch (v->type) {
	case SLUICE_V_NIL:
		break;
	case SLUICE_V_INT:
		h = mix(h, (uint64_t)v->i);
		break;
	case SLUICE_V_STR:
		check(v->s.data && v->s.data[v->s.len] == 0, "a string of %zu bytes without an end",
			v->s.len);
		for (size_t i = 0; i < v->s.len; i++)
			h = mix(h, (unsigned char)v->s.data[i]);
		break;
	case SLUICE_V_LIST:
		check(v->n <= RESP_ELEMENTS_MAX, "a list of %zu", v->n);
		for (size_t i = 0; i < v->n; i++)
			h = walk(&v->v[i], depth + 1, h);
		break;
	}
	return h;
}

static uint64_t read_all(const uint8_t *data, size_t size, size_t piece)
{
	struct resp_reader r;
	uint64_t h = 0xcbf29ce484222325ull;
	int n = 0;
	resp_init(&r);
	for (size_t at = 0; at < size && n >= 0; at += piece) {
		const sluice_value *v;
		bool is_error;
		n = resp_feed(&r,
			str_n((const char *)data + at, size - at < piece ? size - at : piece));
		while (n == 0 && (n = resp_next(&r, &v, &is_error)) == 1) {
			h = walk(v, 0, mix(h, is_error));
			n = 0;
		}
	}
	h = mix(h, n < 0);
	resp_fini(&r);
	return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	size_t piece = data[0] ? data[0] : 1;
	uint64_t cut = read_all(data + 1, size - 1, piece),
		 whole = read_all(data + 1, size - 1, size);
	check(cut == whole, "pieces of %zu bytes read differently", piece);
	arena_thread_fini();
	return 0;
}
