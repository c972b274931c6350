/*
 * The chunked coding. The first byte says in how large pieces the rest arrives: data, outcome and
 * trailers must be as when it comes at once, and what is decoded survives being encoded again.
 */
#include <stdlib.h>

#include "http1/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	struct chunk_decoder d;
	int rc;
	char *data;
	size_t n_data, used;
};

/* Decode [p, p + n) in pieces; data has room for n bytes. */
static void decode(struct outcome *o, const char *p, size_t n, size_t piece, struct arena *a)
{
	chunk_decoder_init(&o->d, a, ERR_BAD_CHUNK);
	o->rc = CHUNK_MORE;
	o->n_data = o->used = 0;
	while (o->rc == CHUNK_DATA || (o->rc == CHUNK_MORE && o->used < n)) {
		size_t skip, data, have = n - o->used < piece ? n - o->used : piece;
		o->rc = chunk_decode(&o->d, p + o->used, have, &skip, &data);
		check(skip <= have && data <= have - skip, "%zu and %zu of %zu bytes", skip, data,
			have);
		check((data > 0) == (o->rc == CHUNK_DATA), "%zu bytes of data with %d", data,
			o->rc);
		check(o->rc != CHUNK_MORE || skip == have, "wants more, and leaves some");
		if (data)
			memcpy(o->data + o->n_data, p + o->used + skip, data);
		o->n_data += data;
		o->used += skip + data;
	}
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
	check(a->rc == b->rc, "%d at once, %d in pieces", a->rc, b->rc);
	check(a->n_data == b->n_data && memcmp(a->data, b->data, a->n_data) == 0, "other data");
	if (a->rc != CHUNK_DONE)
		return;
	check(a->used == b->used, "another end");
	check(a->d.trailers.n == b->d.trailers.n, "other trailers");
	for (uint32_t i = 0; i < a->d.trailers.n; i++) {
		const struct field *x = &a->d.trailers.v[i], *y = &b->d.trailers.v[i];
		check(str_eq(field_name(x), field_name(y)) &&
				str_eq(field_value(x), field_value(y)) && x->flags == y->flags,
			"trailer %u differs", i);
	}
}

static uint32_t kept(const struct fields *f)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < f->n; i++)
		n += !(f->v[i].flags & FIELD_DROP);
	return n;
}

static void check_round_trip(const struct outcome *o, struct arena *a)
{
	struct outcome again = { .data = malloc(o->n_data + 1) };
	size_t bound = CHUNK_HEAD_MAX + o->n_data + 2 + chunk_tail_size(&o->d.trailers);
	char *buf = malloc(bound), *at = buf;
	check(buf && again.data, "no memory");
	if (o->n_data) {
		at += chunk_head(at, o->n_data);
		memcpy(at, o->data, o->n_data);
		memcpy(at + o->n_data, "\r\n", 2);
		at += o->n_data + 2;
	}
	at = chunk_write_tail(at, &o->d.trailers);
	check((size_t)(at - buf) <= bound, "longer than promised");
	decode(&again, buf, (size_t)(at - buf), SIZE_MAX, a);
	/* adding the blank behind a colon may take trailers over their limit */
	if (again.rc == CHUNK_DONE) {
		check(again.used == (size_t)(at - buf), "bytes left");
		check(again.n_data == o->n_data && memcmp(again.data, o->data, o->n_data) == 0,
			"other data");
		check(kept(&again.d.trailers) == kept(&o->d.trailers) &&
				kept(&again.d.trailers) == again.d.trailers.n,
			"other trailers");
	} else {
		check(again.rc == ERR_BAD_CHUNK &&
				chunk_tail_size(&o->d.trailers) > CHUNK_TRAILER_MAX,
			"it is refused");
	}
	free(buf);
	free(again.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct outcome whole, pieces;
	if (size < 1)
		return 0;
	const char *p = (const char *)data + 1;
	size--;
	arena_init(&a, 1 << 20);
	whole.data = malloc(size + 1);
	pieces.data = malloc(size + 1);
	check(whole.data && pieces.data, "no memory");
	decode(&whole, p, size, SIZE_MAX, &a);
	decode(&pieces, p, size, (size_t)data[0] % 64 + 1, &a);
	check_same(&whole, &pieces);
	if (whole.rc == CHUNK_DONE)
		check_round_trip(&whole, &a);
	free(whole.data);
	free(pieces.data);
	arena_fini(&a);
	return 0;
}
