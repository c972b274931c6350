/* Bodies that are kept. See keep.h. */
#include "proxy/keep.h"

#include <stdlib.h>

#include "base/mem.h"

struct kept_body {
	struct loan loan; /* its owner, and each block that is lent, hold it */
	struct buf bytes;
	size_t most;
};

static void kept_over(struct loan *l)
{
	struct kept_body *k = container_of(l, struct kept_body, loan);
	buf_fini(&k->bytes);
	free(k);
}

struct kept_body *kept_new(size_t most)
{
	struct kept_body *k = mem_new(struct kept_body);
	k->loan = (struct loan){ .over = kept_over, .refs = 1 };
	k->most = most;
	return k;
}

static void kept_lend_from(struct kept_body *k, size_t from, struct buf *to)
{
	for (const struct block *b = k->bytes.first; b; b = b->next) {
		size_t n = b->end - b->off, skip = from < n ? from : n;
		from -= skip;
		if (n > skip)
			buf_lend(to, &k->loan, b->data + b->off + skip, n - skip);
	}
}

void kept_add(struct kept_body **at, struct buf *data)
{
	struct kept_body *k = *at;
	size_t had = k->bytes.len;
	if (had + data->len > k->most) {
		kept_drop(at);
		return;
	}
	buf_move_all(&k->bytes, data);
	kept_lend_from(k, had, data);
}

void kept_lend(struct kept_body *k, struct buf *to)
{
	kept_lend_from(k, 0, to);
}

void kept_drop(struct kept_body **at)
{
	struct kept_body *k = *at;
	*at = NULL;
	if (k)
		loan_unref(&k->loan);
}
